import { expect, it } from 'vitest';
import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import { OurDesign } from '../simulation/our-design.ts';
import { seededRandom } from '../simulation/random.ts';

const HOUR_MS = 3_600_000;
const ROUTE = { prefix: '', userId: 'user', projectId: 'project', autoRelease: false, apiKeyParameter: '/api-key' };

it('dead-letters the builds whose turn would come after SQS has dropped their message, and loses none', async () => {
  // One build an hour, so that a week of waiting takes few builds.
  const design = new OurDesign({
    random: seededRandom(1),
    routes: [ROUTE],
    settings: { intervalMs: HOUR_MS },
  });
  const builds = Array.from({ length: 200 }, (_, number) => design.bucket.put(`${number}.zip`));
  for (const build of builds) design.announce(build);

  await design.time.run();

  const deadLetters = design.deadLetters.messages.map(({ attributes }) => attributes);
  const accepted = design.vendor.arrivals.filter((arrival) => arrival.accepted).length;
  expect(new Set(deadLetters.map((attributes) => attributes[DEAD_LETTER_ATTRIBUTES.reason]?.stringValue))).toEqual(
    new Set(['WaitTooLong']),
  );
  expect(accepted).toBeGreaterThan(160);
  expect(accepted + deadLetters.length).toBe(builds.length);
  expect([design.queue.size, design.queue.expired]).toEqual([0, []]);
});
