import { beforeEach, describe, expect, it } from 'vitest';
import { recordRelease } from '../../functions/domain/follow/release-attempt.ts';
import { RELEASE_PATIENCE_MS } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import type { ReleaseAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { submittedAgain } from '../../functions/domain/model/submission-transitions.ts';
import { atVendor, FollowWorld, HOUR_MS, MINUTE_MS } from '../support/follow-world.ts';
import { aBuild, found, INTERVAL_MS, START } from '../support/world.ts';

let world: FollowWorld;
beforeEach(async () => {
  world = new FollowWorld();
  await world.given({ ...atVendor(), state: 'approved' });
});

const DONE = { kind: 'done' };
const calling: Release = {
  requestId: 'release-1',
  uploadId: 'upload-1',
  by: 'person',
  requestedAt: START,
  attempts: 0,
  state: 'calling',
  leaseUntil: START + MINUTE_MS,
};
const released: ReleaseAnswer = { kind: 'released', status: 200 };

/** Another worker saves this while the worker reads the API key, which is before it claims the request. */
function meanwhile(change: (entry: LedgerEntry) => LedgerEntry): void {
  const { read } = world.ports.apiKeys;
  world.ports.apiKeys.read = async (parameter) => {
    world.ports.apiKeys.read = read;
    await world.ledger.save(change(world.entry()));
    return read(parameter);
  };
}

describe('a release request that another worker changes meanwhile', () => {
  it.each<[string, (entry: LedgerEntry) => LedgerEntry]>([
    [
      'a newer request has taken its place',
      (entry) => ({ ...entry, release: { ...calling, requestId: 'release-2', state: 'requested' } }),
    ],
    ['the build is submitted again', (entry) => submittedAgain(entry, START, 'request-1')],
  ])('is not sent if %s', async (_, change) => {
    meanwhile(change);
    expect((await world.release()).kind).toBe('hidden');
    expect(world.released).toEqual([]);
    expect(world.entry().history.at(-1)?.note).not.toBe('calls distribute-file');
  });

  it('comes back at once, and has used no slot, if the build was saved before the request could be', async () => {
    const { save } = world.ledger;
    world.ledger.save = async (entry) => {
      world.ledger.save = save;
      await save.call(world.ledger, { ...world.entry(), updatedAt: START });
      return save.call(world.ledger, entry);
    };
    expect(await world.release()).toEqual({ kind: 'hidden', until: START });
    expect(await world.release()).toEqual(DONE);
    expect(world.released).toHaveLength(1);
  });

  it.each<[string, LedgerEntry['release']]>([
    ['is another request', { ...calling, requestId: 'release-2' }],
    ['is not in flight any more', { ...calling, state: 'failed' }],
    ['is in flight in another worker', { ...calling, leaseUntil: START + HOUR_MS }],
    ['is gone, because the build was submitted again', undefined],
  ])('stays as it is stored if that %s', async (_, stored) => {
    const { release: _release, ...entry } = world.entry();
    const before = await world.given({ ...entry, ...(stored && { release: stored }) });
    const delivery = { body: '', receiveCount: 1, deadline: START, leaseUntil: START };
    const attempt = { delivery, settings: world.settings, ports: world.ports, entry: before, release: calling };
    await recordRelease(attempt, { state: 'released' }, 'released');
    expect(world.entry()).toEqual(before);
  });
});

describe('a release request of an approval', () => {
  it('is not superseded by a build that was submitted in the same instant: none of the two is newer', async () => {
    await world.given({ ...atVendor('upload-2', aBuild({ key: 'b.zip' })), state: 'released' });
    await world.release({ by: 'approval' });
    expect(world.released).toHaveLength(1);
  });
});

describe('a copy of a release request’s message', () => {
  it('that is received for the first time does not notify again of the release', async () => {
    await world.release();
    expect(await world.release()).toEqual(DONE);
    expect(world.eventNames()).toEqual(['Build Released']);
  });
});

describe('a release request in its last moment', () => {
  it('is sent when it is one day old, and not afterwards', async () => {
    world.now = START + 24 * HOUR_MS;
    await world.release();
    expect(world.released).toHaveLength(1);
  });

  it('is tried again when it is two hours old, and given up afterwards', async () => {
    world.answers = [{ kind: 'too-early', status: 404, detail: 'File not found in project' }];
    world.now = START + RELEASE_PATIENCE_MS;
    expect((await world.release()).kind).toBe('hidden');
    expect(world.alerts).toEqual([]);
  });
});

describe('the tag of a release', () => {
  beforeEach(() => {
    world.settings = { ...world.settings, tagObjects: true };
  });

  it('is not put on the object if the build was rejected during the call', async () => {
    world.answers = [
      async () => {
        await world.ledger.save({ ...world.entry(), state: 'rejected' });
        return released;
      },
    ];
    expect(await world.release()).toEqual(DONE);
    expect(world.eventNames()).toEqual(['Build Released']);
    expect(world.tagged).toEqual([]);
  });

  it('is not put on the object of a released build for the release of an earlier upload', async () => {
    const { revision } = world.entry();
    await world.given({ ...atVendor('upload-2'), state: 'released', formerUploadIds: ['upload-1'], revision });
    expect(await world.release()).toEqual(DONE);
    expect(world.released).toHaveLength(1);
    expect(world.tagged).toEqual([]);
  });
});

describe('the API key of a refused release', () => {
  it('is read again only if the key was refused', async () => {
    world.answers = [{ kind: 'refused', reason: 'ProjectForbidden', status: 403, detail: 'Access denied' }];
    world.keyAgain = found('key-two', 2);
    expect(await world.release()).toEqual(DONE);
    expect(world.keyReads).toEqual(['read']);
  });

  it('counts as the current one while SSM is down: a person has to look', async () => {
    world.answers = [{ kind: 'refused', reason: 'InvalidApiKey', status: 401, detail: 'Invalid API Key' }, released];
    world.keyAgain = { kind: 'unavailable', detail: 'ThrottlingException' };
    expect(await world.release()).toEqual(DONE);
    world.now += INTERVAL_MS;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.released).toHaveLength(1);
    expect(world.alerts).toMatchObject([{ kind: 'release-failed' }]);
  });
});
