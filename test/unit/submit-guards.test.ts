import { beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { UploadAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { type Ledger, LedgerUnavailable } from '../../functions/domain/ports.ts';
import { submitBuild } from '../../functions/domain/submit/submit-build.ts';
import { aBuild, accepted, found, INTERVAL_MS, ROUTE, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

/** Submits over a ledger of which some methods behave otherwise. */
function submitOver(changes: Partial<Ledger>) {
  const ledger = new Proxy<Ledger>(world.ledger, {
    get: (target, name) => Reflect.get(changes, name) ?? Reflect.get(target, name).bind(target),
  });
  return submitBuild(aBuild(), world.delivery(), world.settings, { ...world.ports, ledger });
}

const notFound: UploadAnswer = { kind: 'refused', reason: 'ProjectNotFound', status: 404, detail: 'no project' };

describe('a build that waited', () => {
  it('is looked at again at its slot, also where every version is wanted', async () => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, everyVersion: true }] };
    await world.submit(aBuild({ key: 'first.zip' }));
    expect(await world.submit()).toMatchObject({ kind: 'postponed', cause: 'Slot' });
    expect(world.inspected).toEqual(['readable', 'readable']);

    world.now = START + SPACING_MS;
    world.inspection = { kind: 'refused', reason: 'BuildMissing', detail: 'gone', status: 404 };
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'BuildMissing', status: 404 });
    expect(world.calls).toHaveLength(1);
    // At its slot, and once more before the object is blamed.
    expect(world.inspected.slice(2)).toEqual(['readable', 'current']);
  });

  it('is not looked at twice on its first visit where every version is wanted', async () => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, everyVersion: true }] };
    await world.submit();
    expect(world.inspected).toEqual(['readable']);
  });
});

describe('a claim', () => {
  it('ends where the build can’t be dead-lettered: the next worker must not take it for a lost answer', async () => {
    world.answers = [notFound];
    world.deadLetterQueueIsDown = true;
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'DeadLetterQueueUnavailable', attempt: 0 });
    const entry = await world.entry();
    expect(entry).toMatchObject({ state: 'waiting', attempts: 0, possiblyDoubled: false });
    expect(entry.leaseUntil).toBeUndefined();
  });

  it('stays where its answer is lost and the build can’t be dead-lettered', async () => {
    world.settings = { ...world.settings, onLostAnswer: 'dead-letter' };
    world.answers = [{ kind: 'lost', detail: 'ECONNRESET' }];
    world.deadLetterQueueIsDown = true;
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'DeadLetterQueueUnavailable' });
    expect((await world.entry()).state).toBe('submitting');
  });

  it('is not made where the table fails at the gate: nothing was sent, and nothing is in doubt', async () => {
    await world.submit(aBuild({ key: 'first.zip' }));
    await world.submit();
    world.now = START + SPACING_MS;
    world.onTableCall = (operation) => {
      if (operation === 'UpdateItem') throw new LedgerUnavailable('throttled');
    };
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'LedgerUnavailable', attempt: 0 });
    expect(await world.entry()).toMatchObject({ state: 'waiting', possiblyDoubled: false });

    world.onTableCall = () => undefined;
    expect(await world.submit()).toMatchObject({ kind: 'submitted', attempt: 1, possiblyDoubled: false });
  });

  it('goes on top of what a worker with the same message has written while it put the build to sleep', async () => {
    const save = async (entry: LedgerEntry) => {
      if (entry.state === 'submitting' && entry.revision === 0) {
        await world.ledger.save({ ...entry, state: 'waiting', reservation: { slot: START + SPACING_MS, pushed: 0 } });
      }
      return world.ledger.save(entry);
    };
    expect(await submitOver({ save })).toMatchObject({ kind: 'submitted' });
    expect(world.calls).toHaveLength(1);
  });

  it.each([
    ['has claimed it', { state: 'submitting' }],
    ['has failed to submit it', { state: 'waiting', attempts: 1 }],
    ['has lost the answer to it', { state: 'unknown', possiblyDoubled: true }],
  ] as const)('is not made where another worker %s meanwhile', async (_, change) => {
    const save = async (entry: LedgerEntry) => {
      if (entry.state === 'submitting' && entry.revision === 0) await world.ledger.save({ ...entry, ...change });
      return world.ledger.save(entry);
    };
    expect(await submitOver({ save })).toEqual({ kind: 'postponed', cause: 'InProgress', until: START + 61_000 });
    expect(world.calls).toEqual([]);
  });
});

describe('what has happened', () => {
  it('is recorded where the answer to its own write was lost', async () => {
    world.answers = [notFound];
    let writes = 0;
    const save = async (entry: LedgerEntry) => {
      const saved = await world.ledger.save(entry);
      if (entry.state === 'dead-lettered' && ++writes === 1) throw new LedgerUnavailable('no answer');
      return saved;
    };
    expect(await submitOver({ save })).toMatchObject({ kind: 'dead-lettered', reason: 'ProjectNotFound' });
    expect(world.letters).toHaveLength(1);
    expect(world.alerts).toHaveLength(1);
  });

  it.each([
    ['another state', { state: 'waiting' }],
    ['another time', { updatedAt: START - 1 }],
    ['another dead letter', { deadLetterId: 'id-9' }],
    ['another upload id', { uploadId: 'upload-9' }],
  ] as const)('is not taken for recorded by a write of %s', async (_, change) => {
    world.answers = [notFound];
    const save = async (entry: LedgerEntry) => {
      if (entry.state === 'dead-lettered') await world.ledger.save({ ...entry, ...change });
      return world.ledger.save(entry);
    };
    expect(await submitOver({ save })).toMatchObject({ kind: 'retried', cause: 'LedgerUnavailable' });
    expect(world.alerts).toEqual([]);
    expect(world.logged).toContainEqual(expect.objectContaining({ event: 'overtaken' }));
  });

  it('overrides what another worker wrote meanwhile where it is an acceptance', async () => {
    world.answers = [
      async () => {
        await world.ledger.save({ ...(await world.entry()), state: 'unknown', possiblyDoubled: true, attempts: 1 });
        return accepted('upload-1');
      },
    ];
    expect(await world.submit()).toMatchObject({ kind: 'submitted', uploadId: 'upload-1' });
    expect(await world.entry()).toMatchObject({ state: 'submitted', uploadId: 'upload-1' });
    expect(await world.submit()).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
  });

  it('does not override it where it is anything else', async () => {
    world.answers = [
      async () => {
        await world.ledger.save({ ...(await world.entry()), state: 'submitted', uploadId: 'upload-2' });
        return { kind: 'failed', cause: 'VendorError', status: 500, detail: 'no' };
      },
    ];
    await world.submit();
    expect(await world.entry()).toMatchObject({ state: 'submitted', uploadId: 'upload-2' });
  });

  it.each([
    ['an acceptance until the worker has no time left', accepted('upload-1'), 50_000],
    ['a failure for some seconds', { kind: 'failed', cause: 'VendorError', status: 500, detail: 'no' } as const, 3_000],
  ])('is tried to be recorded: %s', async (_, answer, atLeast) => {
    world.answers = [
      () => {
        world.onTableCall = () => {
          throw new LedgerUnavailable('throttled');
        };
        return answer;
      },
    ];
    await world.submit();
    const insisted = world.now - START;
    expect(insisted).toBeGreaterThan(atLeast / 2);
    expect(insisted).toBeLessThanOrEqual(atLeast === 3_000 ? 5_000 : 55_000);
  });
});

describe('an upload call that throws against its contract', () => {
  it('counts as a lost answer: the request may have been sent', async () => {
    world.answers = [
      () => {
        throw new Error('a bug');
      },
    ];
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'AnswerLost', attempt: 1 });
    expect(await world.entry()).toMatchObject({ state: 'unknown', possiblyDoubled: true });
  });
});

describe('an error nobody expected', () => {
  it('is counted as an attempt and does not show the key', async () => {
    world.key = found('sk-very-secret', 1);
    const presign = async () => {
      throw new TypeError('cannot sign with sk-very-secret');
    };
    const ports = { ...world.ports, builds: { ...world.ports.builds, presign } };
    const outcome = await submitBuild(aBuild(), world.delivery(), world.settings, ports);
    expect(outcome).toMatchObject({ kind: 'retried', cause: 'Unexpected', attempt: 1 });
    expect(JSON.stringify([outcome, world.logged, await world.entry()])).not.toContain('sk-very-secret');
    expect((await world.entry()).lastFailure?.at).toBe(START);
    expect(outcome).toMatchObject({ until: START + INTERVAL_MS });
  });

  it('sets the next try by the queue’s receive count where it can’t be written down', async () => {
    const find = async () => {
      throw new TypeError('a bug');
    };
    const save = find;
    const outcome = await submitOver({ find, save });
    expect(outcome).toMatchObject({ kind: 'retried', cause: 'Unexpected' });
  });
});
