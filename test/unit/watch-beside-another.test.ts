import { beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { atVendor, FollowWorld, HOUR_MS, LATE_AFTER_MS, MINUTE_MS, STUCK_AFTER_MS } from '../support/follow-world.ts';
import { ROUTE, START } from '../support/world.ts';

let world: FollowWorld;
beforeEach(async () => {
  world = new FollowWorld();
  await world.given(atVendor());
  await world.ledger.noteWebhook(ROUTE.projectId, 'lastWebhookAt', START - HOUR_MS);
  world.tableCalls.length = 0;
});

describe('the watch over a build', () => {
  it('reads the build once while the build is not late, and nothing more', async () => {
    expect((await world.watch()).kind).toBe('hidden');
    expect(world.tableCalls).toEqual(['GetItem']);
  });

  it.each<[string, Partial<LedgerEntry>]>([
    ['is approved', { state: 'approved' }],
    ['has another upload', { uploadId: 'upload-2' }],
  ])('does not call the build late if it %s meanwhile', async (_, changes) => {
    world.now = START + LATE_AFTER_MS;
    let reads = 0;
    world.onTableCall = async (operation) => {
      // The second time it reads in order to record.
      if (operation !== 'GetItem' || ++reads !== 2) return;
      world.revive();
      await world.ledger.save({ ...world.entry(), ...changes });
    };
    await world.watch();
    expect(world.entry()).toMatchObject(changes);
    expect(world.entry()).not.toHaveProperty('lateAt');
  });

  it('leaves a stuck build in its state, in the history too: Streampixel may still finish it', async () => {
    world.now = START + STUCK_AFTER_MS;
    await world.watch();
    expect(world.entry().history.at(-1)).toEqual({ at: world.now, state: 'submitted', note: 'no news for too long' });
  });
});

describe('Streampixel’s list of builds', () => {
  beforeEach(() => {
    world.settings = { ...world.settings, reconcile: true };
    world.now = START + LATE_AFTER_MS;
  });

  it('may have other builds before the one that is watched', async () => {
    const files = ['upload-0', 'upload-1'].map((uploadId, n) => ({
      uploadId,
      status: n === 0 ? 'Reject' : 'Approved',
    }));
    world.files = { kind: 'read', files };
    await world.watch();
    expect(world.entry().state).toBe('approved');
  });

  it('brings a new stage of a build of which others are known', async () => {
    await world.receiveWebhook({ stage: 'saving' });
    world.projectHas({ status: 'Approved' });
    await world.watch();
    expect(world.entry().state).toBe('approved');
  });

  it('brings nothing if its stage is one of several that are known', async () => {
    for (const stage of ['downloading', 'saving'] as const) await world.receiveWebhook({ stage });
    const { lastNewsAt } = world.entry();
    world.now += MINUTE_MS;
    world.projectHas({ status: 'Downloading Files' });
    await world.watch();
    expect(world.entry().lastNewsAt).toBe(lastNewsAt);
  });

  it('is not asked without a key: no route has one of this user', async () => {
    world.settings = { ...world.settings, routes: [] };
    await world.watch();
    expect([world.keyReads, world.filesAsked]).toEqual([[], 0]);
  });
});
