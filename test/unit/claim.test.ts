import { beforeEach, describe, expect, it } from 'vitest';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { aBuild, ROUTE, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const inProgress = { kind: 'postponed', cause: 'InProgress', until: START + 61_000 };

describe('a claim', () => {
  it('ends where the build can’t be dead-lettered: the next worker must not take it for a lost answer', async () => {
    world.answers = [{ kind: 'refused', reason: 'ProjectNotFound', status: 404, detail: 'no project' }];
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

  it('is not made where the table fails to acquire the slot: nothing was sent, and nothing is in doubt', async () => {
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
    world.overtake('submitting', { state: 'waiting', reservation: { slot: START + SPACING_MS, pushed: 0 } });
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(world.calls).toHaveLength(1);
  });

  it('keeps what its own worker has found out: the content, and that a person releases the build', async () => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, autoRelease: true }] };
    await world.ledger.noteContent(aBuild({ versionId: 'v0', droppedAt: START - 2_000 }), 'one');
    const newer = aBuild({ key: 'newer.zip', droppedAt: START - 1_000 });
    await world.ledger.announce(`project/${ROUTE.projectId}`, newer);
    world.inspection = { kind: 'ready', content: 'one' };
    const reservation = { slot: START + SPACING_MS, pushed: 0 };
    world.overtake('submitting', { state: 'waiting', content: 'other', releaseMode: 'automatic', reservation });
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(world.calls[0]?.request.route.autoRelease).toBe(false);
    expect(await world.entry()).toMatchObject({ content: 'one', releaseMode: 'manual' });
  });

  it.each([
    ['has claimed it', { state: 'submitting' }],
    ['has failed to submit it', { state: 'waiting', attempts: 1 }],
    ['has lost the answer to it', { state: 'unknown', possiblyDoubled: true }],
  ] as const)('is not made where another worker %s meanwhile', async (_, change) => {
    world.overtake('submitting', change);
    expect(await world.submit()).toEqual(inProgress);
    expect(world.calls).toEqual([]);
  });

  it('is not made where the save conflicts with an entry that is deleted before it can be read', async () => {
    world.instead.save = async () => ({ kind: 'conflict' });
    expect(await world.submit()).toEqual(inProgress);
    expect(world.calls).toEqual([]);
  });
});
