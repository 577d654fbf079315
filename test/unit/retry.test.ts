import { beforeEach, describe, expect, it } from 'vitest';
import type { UploadAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { accepted, INTERVAL_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const serverError: UploadAnswer = {
  kind: 'failed',
  cause: 'VendorError',
  status: 500,
  detail: 'Internal server error',
};
const lost: UploadAnswer = { kind: 'lost', detail: 'ECONNRESET' };

describe('a build that was certainly not accepted', () => {
  it.each([
    [{ cause: 'ApiKeyUnavailable', detail: 'throttled' }, { key: { kind: 'unavailable', detail: 'throttled' } }],
    [
      { cause: 'BuildStoreUnavailable', detail: 'Slow Down', status: 503 },
      { inspection: { kind: 'unavailable', detail: 'Slow Down', status: 503 } },
    ],
    [{ cause: 'VendorError', detail: 'Internal server error', status: 500 }, { answers: [serverError] }],
  ] as const)('is tried again, and the failure counted: $cause', async (why, changes) => {
    Object.assign(world, changes);
    expect(await world.submit()).toEqual({ kind: 'retried', ...why, attempt: 1, until: START + INTERVAL_MS });
    const { cause, ...failure } = why;
    expect(await world.entry()).toMatchObject({
      state: 'waiting',
      attempts: 1,
      lastFailure: { code: cause, ...failure },
    });
    expect(world.measured('AnswersLost')).toEqual([]);
  });

  it('waits longer each time and is dead-lettered as RetriesExhausted with the last cause', async () => {
    world.answers = [serverError];
    const waits: number[] = [];
    for (;;) {
      const outcome = await world.submit();
      if (outcome.kind === 'retried') waits.push(outcome.until - world.now);
      if (outcome.kind === 'dead-lettered') {
        expect(outcome).toMatchObject({ reason: 'RetriesExhausted', attempt: 3, status: 500 });
        expect(outcome.detail).toBe('VendorError: Internal server error');
        break;
      }
      if (outcome.kind !== 'retried' && outcome.kind !== 'postponed') throw new Error(outcome.kind);
      world.now = outcome.until;
    }
    expect(waits).toEqual([INTERVAL_MS, 2 * INTERVAL_MS]);
    expect(world.calls).toHaveLength(3);
  });
});

describe('a build whose answer was lost', () => {
  it('is unknown, sent again after an interval, and marked as possibly doubled', async () => {
    world.answers = [lost, accepted('upload-2')];
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'AnswerLost', attempt: 1 });
    expect(await world.entry()).toMatchObject({ state: 'unknown', possiblyDoubled: true });
    expect(world.measured('AnswersLost')).toEqual([{ value: 1 }]);

    world.now += INTERVAL_MS;
    expect(await world.submit()).toMatchObject({ kind: 'submitted', attempt: 2, possiblyDoubled: true });
    expect(await world.entry()).toMatchObject({ state: 'submitted', possiblyDoubled: true });
  });

  it('is left to a person where the settings say so', async () => {
    world.settings = { ...world.settings, onLostAnswer: 'dead-letter' };
    world.answers = [lost];
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'SubmissionUnknown' });
    expect(world.measured('AnswersLost')).toEqual([{ value: 1 }]);
  });

  it('is unknown as well when the worker ended between the call and the record', async () => {
    world.answers = [() => new Promise<UploadAnswer>(() => {})];
    void world.submit();
    await new Promise(setImmediate);
    expect(await world.entry()).toMatchObject({ state: 'submitting' });

    // A second worker leaves it alone for as long as the first may run.
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'InProgress', until: START + 61_000 });
    world.now = START + 61_000;
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'AnswerLost' });
    expect(await world.entry()).toMatchObject({ state: 'unknown', possiblyDoubled: true });
  });

  it('is one whose call throws against its contract: the request may have been sent', async () => {
    world.answers = [
      () => {
        throw new Error('a bug');
      },
    ];
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'AnswerLost', detail: 'Error: a bug' });
    expect(await world.entry()).toMatchObject({ state: 'unknown', possiblyDoubled: true, attempts: 1 });
  });
});
