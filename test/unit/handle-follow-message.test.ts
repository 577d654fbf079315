import { describe, expect, it } from 'vitest';
import { FollowWorld } from '../support/follow-world.ts';
import { ROUTE, START } from '../support/world.ts';

describe('a message of the follow queue', () => {
  it('from the dashboard’s test shows that the webhook is set up', async () => {
    const world = new FollowWorld();
    const message = { kind: 'webhook-test', projectId: ROUTE.projectId, receivedAt: START } as const;
    expect(await world.handle(message)).toEqual({ kind: 'done' });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ testedAt: START });
  });

  it.each([
    '',
    'null',
    '[]',
    '{"kind":"other"}',
    '{"kind":"watch","build":7,"uploadId":"u"}',
    '{"kind":"webhook","notice":{"projectId":"p","at":-1},"receivedAt":1}',
    '{"kind":"webhook","notice":{"projectId":"p","at":1,"stage":"constructor"},"receivedAt":1}',
    '{"kind":"release","build":"b","uploadId":"u","requestId":"r","by":"robot","requestedAt":1}',
    '{"source":"streampixel-drop","detail-type":"Build Skipped","detail":{"uploadId":"u","build":{"id":"b"}}}',
    '{"source":"foreign","detail-type":"Build Submitted","detail":{"uploadId":"u","build":{"id":"b"}}}',
  ])('that is not one of these kinds stays for the dead-letter queue, and is not quoted: %s', async (body) => {
    await expect(new FollowWorld().handle(body)).rejects.toThrow(/^The message is not one of the follow queue\.$/);
  });
});
