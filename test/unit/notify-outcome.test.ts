import { beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { News } from '../../functions/domain/model/news.ts';
import { atVendor, FollowWorld, HOUR_MS } from '../support/follow-world.ts';
import { START } from '../support/world.ts';

let world: FollowWorld;
beforeEach(() => {
  world = new FollowWorld();
});

const approved: LedgerEntry = { ...atVendor(), state: 'approved', pendingNotification: 'approved' };

/** What another worker saves while this one notifies pipelines of the approval. */
function meanwhile(changes: Partial<LedgerEntry>): void {
  world.ports.events.emit = async () => {
    await world.ledger.save({ ...world.entry(), ...changes });
  };
}

describe('the notification of an outcome', () => {
  it.each<[string, readonly News[] | undefined, number]>([
    [
      'from the submission to the approval, whatever was reported before',
      [
        { stage: 'saving', at: START + 60_000 },
        { stage: 'approved', at: START + 90_000 },
      ],
      90,
    ],
    ['until now if the time of the approval is not known', [{ stage: 'saving', at: START + 60_000 }], 3_600],
    ['until now if nothing was reported', undefined, 3_600],
  ])('says how long the approval took: %s', async (_, news, tookSeconds) => {
    await world.given({ ...approved, ...(news && { news }) });
    world.now += HOUR_MS;
    await world.watch();
    expect(world.events).toMatchObject([{ name: 'Build Approved', tookSeconds }]);
  });

  it('does not send a person’s request again: it has a message of its own', async () => {
    const request = { requestId: 'release-1', uploadId: 'upload-1', by: 'person', requestedAt: START } as const;
    await world.given({ ...atVendor(), release: { ...request, state: 'requested', attempts: 0 } });
    await world.receiveWebhook({ stage: 'approved' });
    expect(world.eventNames()).toEqual(['Build Approved']);
    expect(world.queued).toEqual([]);
  });

  it.each<[string, Partial<LedgerEntry>]>([
    ['a rejection of the upload', { state: 'rejected', pendingNotification: 'rejected' }],
    ['an approval of the build’s next upload', { uploadId: 'upload-2' }],
  ])('leaves pending what another worker records meanwhile: %s', async (_, changes) => {
    await world.given(approved);
    world.now += HOUR_MS;
    meanwhile(changes);
    await world.watch();
    expect(world.entry()).toMatchObject({ pendingNotification: 'approved', ...changes });
  });

  it('puts no tag on the object unless the settings say so', async () => {
    await world.given(atVendor());
    await world.receiveWebhook({ stage: 'approved' });
    expect(world.tagged).toEqual([]);
  });
});
