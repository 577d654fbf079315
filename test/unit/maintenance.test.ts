import { beforeEach, describe, expect, it } from 'vitest';
import type { UploadAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { aBuild, accepted, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const maintenance = (retryAfterMs: number): UploadAnswer => ({
  kind: 'failed',
  cause: 'VendorError',
  status: 503,
  retryAfterMs,
  detail: 'Service Unavailable',
});

describe('a Streampixel that says when to come back', () => {
  it('waits out a maintenance of hours, which costs no attempt, and moves those behind it', async () => {
    world.answers = [maintenance(7_200_000), maintenance(3_600_000), accepted('upload-1')];
    world.settings = { ...world.settings, maxAttempts: 1 };
    const behind = aBuild({ key: 'b.zip' });

    const first = START + 7_200_500;
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'VendorBusy', until: first, status: 503 });
    expect(await world.entry()).toMatchObject({ state: 'waiting', attempts: 0, possiblyDoubled: false });
    expect(await world.submit(behind)).toMatchObject({ kind: 'postponed', cause: 'Slot', until: first + SPACING_MS });

    world.now = first;
    const second = first + 3_600_500;
    expect(await world.submit()).toMatchObject({ kind: 'postponed', cause: 'VendorBusy', until: second });
    // Those behind know it without a call.
    world.now = first + SPACING_MS;
    expect(await world.submit(behind)).toMatchObject({ kind: 'postponed', cause: 'Slot', until: second + SPACING_MS });
    expect(world.calls).toHaveLength(2);

    world.now = second;
    expect(await world.submit()).toMatchObject({ kind: 'submitted', attempt: 1, possiblyDoubled: false });
  });

  it('is dead-lettered rather than lost when its message would expire before the time to come back', async () => {
    const expiresAt = START + 4 * 3_600_000;
    world.answers = [maintenance(2 * 3_600_000)];
    const outcome = await world.submit(aBuild(), { expiresAt });
    expect(outcome).toMatchObject({ kind: 'dead-lettered', reason: 'WaitTooLong', attempt: 0, status: 503 });
    expect(await world.entry()).toMatchObject({ state: 'dead-lettered' });
    // Those behind do not ask again.
    const behind = await world.submit(aBuild({ key: 'b.zip' }), { expiresAt: START + 7 * 86_400_000 });
    expect(behind).toMatchObject({ kind: 'postponed', until: START + 7_200_500 + SPACING_MS });
    expect(world.calls).toHaveLength(1);
  });

  it.each<UploadAnswer>([maintenance(30_000), { kind: 'rate-limited', status: 429, detail: '' }])(
    'has waited for as long as its message lives before its receives are used up: %o',
    async (answer) => {
      world.answers = [answer];
      const expiresAt = START + 7 * 86_400_000;
      for (let receiveCount = 1; receiveCount <= 100; receiveCount++) {
        const outcome = await world.submit(aBuild(), { receiveCount, expiresAt });
        if (outcome.kind === 'postponed') {
          // SQS hides a message for 12 h at most.
          world.now = Math.min(outcome.until, world.now + 12 * 3_600_000);
          continue;
        }
        expect(outcome).toMatchObject({ kind: 'dead-lettered', reason: 'WaitTooLong', attempt: 0 });
        expect(world.now).toBeGreaterThan(START + 5 * 86_400_000);
        return;
      }
      expect.fail('SQS has dead-lettered it without a reason.');
    },
  );

  it('at once is an error like any other', async () => {
    world.answers = [maintenance(0)];
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'VendorError', attempt: 1 });
  });
});
