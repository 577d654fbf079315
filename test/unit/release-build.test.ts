import { beforeEach, describe, expect, it } from 'vitest';
import { requestOfApproval, requestRelease } from '../../functions/domain/model/following-transitions.ts';
import { releaseLane } from '../../functions/domain/model/lane.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { withGoLives } from '../../functions/domain/model/live.ts';
import type { ReleaseAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { atVendor, Crash, FollowWorld, HOUR_MS, MINUTE_MS, ON_APPROVAL } from '../support/follow-world.ts';
import { aBuild, found, INTERVAL_MS, ROUTE, SPACING_MS, START } from '../support/world.ts';

let world: FollowWorld;
beforeEach(async () => {
  world = new FollowWorld();
  await world.given(approved());
});

const DONE = { kind: 'done' };
const LANE = releaseLane(ROUTE.userId);
const releasedAnswer: ReleaseAnswer = { kind: 'released', status: 200 };
const tooEarly: ReleaseAnswer = { kind: 'too-early', status: 404, detail: 'File not found in project' };
const serverError: ReleaseAnswer = { kind: 'failed', cause: 'VendorError', status: 500, detail: 'Internal' };
const refused401: ReleaseAnswer = { kind: 'refused', reason: 'InvalidApiKey', status: 401, detail: 'Invalid API Key' };
const lost: ReleaseAnswer = { kind: 'lost', detail: 'ECONNRESET' };

function approved(uploadId = 'upload-1', build = aBuild()): LedgerEntry {
  return { ...atVendor(uploadId, build, ON_APPROVAL), state: 'approved' };
}

/** Another build of the project that has gone live. */
async function givenLive({ projectId = ROUTE.projectId, submittedAt }: { projectId?: string; submittedAt: number }) {
  const goLive = {
    uploadId: 'upload-2',
    build: 'drop/b.zip@v1',
    at: START,
    source: 'released',
    by: 'approval',
  } as const;
  await world.ledger.updateLive(projectId, (current) => withGoLives(current, [{ ...goLive, submittedAt }]));
}

/** Handles a release request whenever it is due, until it is done; returns the instants of its calls. */
async function releaseUntilDone(): Promise<number[]> {
  for (let receive = 1; receive <= 100; receive++) {
    const disposition = await world.release({}, receive);
    if (disposition.kind === 'done') return world.released.map(({ at }) => at - START);
    expect(disposition.until).toBeGreaterThan(world.now);
    world.now = disposition.until;
  }
  throw new Error('the request does not end');
}

const release = () => world.entry().release;

describe('a release request', () => {
  it('is sent with the upload id, the key and a deadline, recorded and notified', async () => {
    expect(await world.release()).toEqual(DONE);

    const [call] = world.released;
    expect(world.released).toHaveLength(1);
    expect(call?.request).toMatchObject({ userId: ROUTE.userId, projectId: ROUTE.projectId, uploadId: 'upload-1' });
    expect(call?.request.apiKey.reveal()).toBe('key-one');
    expect(call?.deadline).toBe(START + 20_000);
    expect(world.entry()).toMatchObject({
      state: 'released',
      release: { requestId: 'release-1', state: 'released', attempts: 1, endedAt: START },
    });
    expect(world.events).toMatchObject([
      { name: 'Build Released', uploadId: 'upload-1', by: 'person', subject: { build: aBuild() } },
    ]);
    expect(world.outcomes()).toEqual(['released']);
    expect(world.loggedEvents()).toEqual(['releasing', 'build-released']);
    expect(world.alerts).toEqual([]);
  });

  it('is recorded as in flight before the call', async () => {
    let during: LedgerEntry['release'];
    world.answers = [
      () => {
        during = release();
        return releasedAnswer;
      },
    ];
    await world.release();
    expect(during).toMatchObject({ state: 'calling', leaseUntil: START + 61_000 });
  });

  it('of an approval is superseded by a newer build that was released meanwhile, without an alert that would bring it back', async () => {
    await givenLive({ submittedAt: START + 1 });
    expect(await world.release({ by: 'approval' })).toEqual({ kind: 'done' });
    expect(world.released).toEqual([]);
    expect(release()).toMatchObject({
      state: 'failed',
      failure: 'superseded',
      detail: 'A newer build of the project has gone live: drop/b.zip@v1.',
    });
    expect(world.alerts).toEqual([]);
  });

  it.each([
    ['an older one', { submittedAt: START - 1 }],
    ['one of another project', { submittedAt: START + 1, projectId: 'f'.repeat(24) }],
  ])('of an approval is not superseded by %s', async (_, other) => {
    await givenLive(other);
    await world.release({ by: 'approval' });
    expect(world.released).toHaveLength(1);
  });

  it('of a person is sent nevertheless: it is the way back to an older build', async () => {
    await givenLive({ submittedAt: START + 1 });
    await world.release();
    expect(world.released).toHaveLength(1);
  });

  it('expires after a day', async () => {
    world.now = START + 24 * HOUR_MS + 1;
    expect(await world.release()).toEqual({ kind: 'done' });
    expect(world.released).toEqual([]);
    expect(world.alerts).toMatchObject([{ kind: 'release-failed', detail: 'The request is more than a day old.' }]);
  });

  it('continues as a new message if the rate limit has made it wait too often for SQS', async () => {
    world.answers = [{ kind: 'rate-limited', status: 429, detail: 'Rate limit exceeded.' }];
    expect(await world.release({}, 49)).toMatchObject({ kind: 'hidden' });
    world.now += HOUR_MS;
    expect(await world.release({}, 50)).toEqual({ kind: 'done' });
    expect(world.queued).toMatchObject([
      { kind: 'release', requestId: 'release-1', uploadId: 'upload-1', by: 'person' },
    ]);
    expect(release()).toMatchObject({ state: 'requested' });
  });

  it('never takes longer than its worker has, and is left to the next if that is too little', async () => {
    const about = { build: 'drop/a.zip@v1', uploadId: 'upload-1', requestId: 'release-1' } as const;
    const message = { kind: 'release', ...about, by: 'person', requestedAt: START } as const;
    expect(await world.handle(message, { deadline: START + 29_999 })).toEqual({ kind: 'hidden', until: START });
    expect(world.released).toEqual([]);
    // The table is slow to save the claim.
    world.onTableCall = (operation) => {
      if (operation === 'PutItem' && world.entry().release?.state === 'requested') world.now += 15_000;
    };
    await world.handle(message, { deadline: START + 30_000 });
    expect(world.released[0]?.deadline).toBe(START + 30_000);
  });

  it('waits for its slot in a lane of its own, apart from the uploads of the user', async () => {
    await world.pacer.acquire(
      `upload-file/${ROUTE.userId}`,
      await world.pacer.reserve(`upload-file/${ROUTE.userId}`, START),
      START,
    );
    await world.given(approved('upload-2', aBuild({ key: 'b.zip' })));
    expect(await world.release()).toEqual(DONE);

    const second = { build: 'drop/b.zip@v1', uploadId: 'upload-2', requestId: 'release-2' };
    expect(await world.release(second)).toEqual({ kind: 'hidden', until: START + SPACING_MS });
    expect(world.entry(aBuild({ key: 'b.zip' })).release).toMatchObject({
      state: 'requested',
      reservation: { slot: START + SPACING_MS },
    });
    world.now = START + 30_000;
    expect(await world.release(second, 2)).toEqual({ kind: 'hidden', until: START + SPACING_MS });

    world.now = START + SPACING_MS - 400;
    expect(await world.release(second, 3)).toEqual(DONE);
    expect(world.slept).toEqual([400]);
    expect(world.released.map(({ at }) => at - START)).toEqual([0, SPACING_MS]);
  });

  it('reserves a new slot if it missed its own', async () => {
    await world.release();
    await world.given(approved('upload-2', aBuild({ key: 'b.zip' })));
    const second = { build: 'drop/b.zip@v1', uploadId: 'upload-2', requestId: 'release-2' };
    await world.release(second);
    world.now = START + HOUR_MS;
    expect(await world.release(second, 2)).toEqual(DONE);
    expect(world.released.map(({ at }) => at - START)).toEqual([0, HOUR_MS]);
  });

  it('blocks the lane for longer if the request was sent late', async () => {
    world.answers = [{ ...releasedAnswer, sentAt: START + 3_000 }];
    await world.release();
    expect(world.pacer.lane(LANE).blockedUntil).toBe(START + 3_000 + INTERVAL_MS - 500);
  });

  it('blocks the lane before the call if the table was slow', async () => {
    let blockedUntil = 0;
    world.onTableCall = () => {
      world.now += 400;
    };
    world.answers = [
      () => {
        blockedUntil = world.pacer.lane(LANE).blockedUntil;
        return releasedAnswer;
      },
    ];
    await world.release();
    // Even if the worker crashes in the call, the next call is an interval later, less what a request may take to be sent.
    expect(blockedUntil).toBeGreaterThanOrEqual((world.released[0]?.at ?? 0) + INTERVAL_MS - 500 - 400);
  });

  it('is sent once if its message is delivered twice, one after the other or at once', async () => {
    world.onTableCall = () => Promise.resolve();
    const [first, second] = await Promise.all([world.release(), world.release({}, 2)]);
    expect([first.kind, second.kind].sort()).toEqual(['done', 'hidden']);
    world.now += INTERVAL_MS;
    expect(await world.release({}, 3)).toEqual(DONE);
    expect(await world.release()).toEqual(DONE);
    expect(world.released).toHaveLength(1);
  });

  it('is sent once even in a lane so fast that a copy waits for its slot in the function', async () => {
    world = new FollowWorld(400);
    const request = { by: 'person', requestId: 'release-1', requestedAt: START, uploadId: 'upload-1' } as const;
    await world.given(requestRelease(approved(), request, START)?.entry ?? approved());
    world.onTableCall = () => Promise.resolve();
    await Promise.all([world.release(), world.release()]);
    expect(world.slept).toEqual([900]);
    expect(world.released).toHaveLength(1);
  });

  it('is not set back to waiting by a worker that read it before another one sent it', async () => {
    const read = world.ports.apiKeys.read;
    let isCalled = false;
    world.ports.apiKeys.read = async (parameter) => {
      world.ports.apiKeys.read = read;
      // A copy of the message is handled completely meanwhile, and SSM is down for this one.
      expect(await world.release()).toEqual(DONE);
      isCalled = true;
      return { kind: 'unavailable', detail: `SSM did not give ${parameter}` };
    };
    expect((await world.release()).kind).toBe('hidden');
    expect(isCalled).toBe(true);
    expect(world.entry()).toMatchObject({ state: 'released', release: { state: 'released' } });

    world.now += SPACING_MS;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.released).toHaveLength(1);
  });

  it('is another one only with another id', async () => {
    await world.release();
    world.now += SPACING_MS;
    await world.release({ requestId: 'release-2' });
    await world.release({ requestId: 'release-1' }, 2);
    await world.release({ requestId: 'release-2' }, 1);
    expect(world.released).toHaveLength(2);
    expect(release()).toMatchObject({ requestId: 'release-2', state: 'released' });
  });

  it('waits while another is in flight', async () => {
    const leaseUntil = START + MINUTE_MS;
    const calling = {
      requestId: 'release-0',
      uploadId: 'upload-1',
      by: 'approval',
      requestedAt: START,
      attempts: 0,
    } as const;
    const { revision } = world.entry();
    await world.given({ ...approved(), revision, release: { ...calling, state: 'calling', leaseUntil } });
    expect(await world.release()).toEqual({ kind: 'hidden', until: leaseUntil });
    world.now = leaseUntil;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.released).toHaveLength(1);
  });

  it('replaces one that is still waiting', async () => {
    await world.release({ requestId: requestOfApproval('upload-1'), by: 'approval' });
    await world.given({ ...approved('upload-2', aBuild({ key: 'b.zip' })) });
    const waiting = {
      build: 'drop/b.zip@v1',
      uploadId: 'upload-2',
      by: 'approval',
      requestId: 'approval/upload-2',
    } as const;
    await world.release(waiting);
    const byHand = { build: 'drop/b.zip@v1', uploadId: 'upload-2', requestId: 'release-1' };
    const disposition = await world.release(byHand);
    world.now = disposition.kind === 'hidden' ? disposition.until : 0;
    expect(await world.release(byHand, 2)).toEqual(DONE);
    expect(await world.release(waiting, 2)).toEqual(DONE);
    expect(world.released.map(({ request }) => request.uploadId)).toEqual(['upload-1', 'upload-2']);
  });

  it('for a former upload is sent, and does not change the state and the tags of the build', async () => {
    world.settings = { ...world.settings, tagObjects: true };
    const { revision } = world.entry();
    const entry = { ...approved('upload-2'), formerUploadIds: ['upload-1'], state: 'rejected' as const };
    await world.given({ ...entry, revision });
    expect(await world.release({ uploadId: 'upload-1' })).toEqual(DONE);

    expect(world.released[0]?.request.uploadId).toBe('upload-1');
    expect(world.events).toMatchObject([{ name: 'Build Released', uploadId: 'upload-1' }]);
    expect(world.entry()).toMatchObject({
      state: 'rejected',
      uploadId: 'upload-2',
      release: { uploadId: 'upload-1', state: 'released' },
    });
    expect(world.tagged).toEqual([]);
  });

  it('tags the object if the settings say so', async () => {
    world.settings = { ...world.settings, tagObjects: true };
    await world.release();
    expect(world.tagged).toEqual([
      ['a.zip', { 'streampixel-status': 'released', 'streampixel-upload-id': 'upload-1' }],
    ]);
  });

  it('is dropped if the ledger does not know the build', async () => {
    expect(await world.release({ build: 'drop/none.zip@v1' })).toEqual(DONE);
    expect(world.loggedEvents()).toEqual(['release-of-unknown-build']);
  });

  it('stays in the queue where the table does not answer', async () => {
    world.onTableCall = () => {
      throw new LedgerUnavailable('throttled');
    };
    await expect(world.release()).rejects.toThrow(LedgerUnavailable);
    expect(world.released).toEqual([]);
  });
});

describe('a rejection', () => {
  const request = { requestId: requestOfApproval('upload-1'), by: 'approval' } as const;

  it('withdraws the request of the approval, without an alert of its own', async () => {
    await world.given({ ...world.entry(), state: 'rejected' });
    expect(await world.release(request)).toEqual(DONE);
    expect(world.released).toEqual([]);
    expect(world.alerts).toEqual([]);
    expect(release()).toMatchObject({ state: 'failed', detail: 'Rejected after all.' });
  });

  it('withdraws it even between the slot and the call', async () => {
    let calls = 0;
    world.onTableCall = async (operation) => {
      // Reading before the claim.
      if (operation !== 'GetItem' || ++calls !== 2) return;
      world.revive();
      await world.given({ ...world.entry(), state: 'rejected' });
    };
    expect((await world.release(request)).kind).toBe('hidden');
    world.now += INTERVAL_MS;
    expect(await world.release(request, 2)).toEqual(DONE);
    expect(world.released).toEqual([]);
  });

  it('does not withdraw the request of a person', async () => {
    await world.given({ ...world.entry(), state: 'rejected' });
    await world.release();
    expect(world.released).toHaveLength(1);
    expect(world.entry()).toMatchObject({ state: 'rejected', release: { state: 'released' } });
  });

  it('that arrived during the call stays', async () => {
    world.answers = [
      async () => {
        await world.receiveWebhook({ stage: 'rejected', objection: 'No.' });
        return releasedAnswer;
      },
    ];
    await world.release(request);
    expect(world.entry()).toMatchObject({ state: 'rejected', objection: 'No.', release: { state: 'released' } });
  });
});

describe('a release that Streampixel refuses', () => {
  it('for now is requested again, less and less often, and given up after two hours', async () => {
    world.answers = [tooEarly];
    const calls = await releaseUntilDone();

    const minutes = calls.map((ms) => Math.round(ms / MINUTE_MS));
    expect(minutes).toEqual([0, 2, 6, 14, 30, 60, 90, 120]);
    expect(world.alerts).toMatchObject([
      { kind: 'release-failed', isUnknown: false, detail: 'File not found in project', uploadId: 'upload-1' },
    ]);
    expect(world.entry()).toMatchObject({ state: 'approved', release: { state: 'failed', attempts: 8 } });
    expect(world.outcomes()).toEqual(['release-failed']);
  });

  it.each([
    ['as too early', tooEarly],
    ['with a 500', serverError],
    [
      'because it can’t be reached',
      { kind: 'failed', cause: 'VendorUnreachable', detail: 'ECONNREFUSED' } as ReleaseAnswer,
    ],
  ])('%s is requested again, and others use the lane meanwhile', async (_, answer) => {
    world.answers = [answer, releasedAnswer];
    const disposition = await world.release();
    expect(disposition).toEqual({ kind: 'hidden', until: START + INTERVAL_MS });
    expect(release()).toMatchObject({ state: 'requested', attempts: 1 });
    expect(release()).not.toHaveProperty('reservation');

    world.now = START + SPACING_MS;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.entry().state).toBe('released');
    expect(world.alerts).toEqual([]);
  });

  it('with a 429 pushes the lane back, costs no attempt and is never given up', async () => {
    const limited: ReleaseAnswer = { kind: 'rate-limited', status: 429, retryAfterMs: 300_000, detail: 'Rate limit' };
    world.answers = [limited, limited, releasedAnswer];
    const until = START + 300_500;
    expect(await world.release({ requestedAt: START - 3 * HOUR_MS })).toEqual({ kind: 'hidden', until });
    expect(release()).toMatchObject({ state: 'requested', attempts: 0 });

    await world.given(approved('upload-2', aBuild({ key: 'b.zip' })));
    const behind = await world.release({ build: 'drop/b.zip@v1', uploadId: 'upload-2', requestId: 'release-2' });
    expect(behind).toEqual({ kind: 'hidden', until: until + SPACING_MS });

    world.now = until;
    expect(await world.release({}, 2)).toEqual({ kind: 'hidden', until: until + 300_500 });
    world.now = until + 300_500;
    expect(await world.release({}, 3)).toEqual(DONE);
    expect(world.released).toHaveLength(3);
    expect(world.alerts).toEqual([]);
  });

  it('by a maintenance that says when it ends is a wait: it costs no attempt, and those behind move back', async () => {
    const busy: ReleaseAnswer = {
      kind: 'failed',
      cause: 'VendorError',
      status: 503,
      retryAfterMs: 7_200_000,
      detail: 'Maintenance',
    };
    world.answers = [busy, releasedAnswer];
    const until = START + 7_200_500;
    expect(await world.release({ requestedAt: START - 3 * HOUR_MS })).toEqual({ kind: 'hidden', until });
    expect(release()).toMatchObject({ state: 'requested', attempts: 0 });

    await world.given(approved('upload-2', aBuild({ key: 'b.zip' })));
    const behind = await world.release({ build: 'drop/b.zip@v1', uploadId: 'upload-2', requestId: 'order-2' });
    expect(behind).toEqual({ kind: 'hidden', until: until + SPACING_MS });

    world.now = until;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.alerts).toEqual([]);
  });

  it.each(['InvalidUser', 'ProjectForbidden', 'ProjectNotFound', 'RequestRejected'] as const)(
    'finally causes one alert, with its message: %s',
    async (reason) => {
      world.answers = [{ kind: 'refused', reason, status: 403, detail: 'Access denied' }];
      expect(await world.release()).toEqual(DONE);
      expect(world.alerts).toMatchObject([
        { kind: 'release-failed', isUnknown: false, detail: `${reason} (HTTP 403): Access denied` },
      ]);
      expect(world.entry()).toMatchObject({ state: 'approved', release: { state: 'failed' } });
      expect(await world.release({}, 2)).toEqual(DONE);
      expect(world.released).toHaveLength(1);
      expect(world.alerts).toHaveLength(1);
    },
  );

  it('because of a key that was replaced meanwhile is requested again with the new one', async () => {
    world.answers = [refused401, releasedAnswer];
    world.keyAgain = found('key-two', 2);
    expect((await world.release()).kind).toBe('hidden');
    world.key = world.keyAgain;
    world.now += SPACING_MS;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.released.map(({ request }) => request.apiKey.reveal())).toEqual(['key-one', 'key-two']);
    expect(world.keyReads).toEqual(['read', 'readAgain', 'read']);
  });

  it('because of the current key is not requested again', async () => {
    world.answers = [refused401];
    expect(await world.release()).toEqual(DONE);
    expect(world.keyReads).toEqual(['read', 'readAgain']);
    expect(world.alerts).toMatchObject([{ detail: 'InvalidApiKey (HTTP 401): Invalid API Key' }]);
  });

  it('with a message that contains the key shows no key', async () => {
    world.answers = [{ kind: 'refused', reason: 'RequestRejected', status: 400, detail: 'bad key key-one' }];
    await world.release();
    expect(JSON.stringify([world.alerts, world.logged, world.entry()])).not.toContain('key-one');
    expect(world.alerts).toMatchObject([{ detail: expect.stringContaining('[secret]') }]);
  });
});

describe('a release request whose answer is lost', () => {
  it('is never sent again: a person has to look', async () => {
    world.answers = [lost];
    expect(await world.release()).toEqual(DONE);
    world.now += HOUR_MS;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.released).toHaveLength(1);
    expect(world.alerts).toMatchObject([{ kind: 'release-failed', isUnknown: true, detail: 'ECONNRESET' }]);
    expect(world.entry()).toMatchObject({ state: 'approved', release: { state: 'failed' } });
  });

  it('because its worker crashed in the call is known once that worker has certainly ended', async () => {
    world.answers = [
      () => {
        throw new Crash('the worker has crashed');
      },
    ];
    await expect(world.release()).rejects.toThrow(Crash);
    world.now += 30_000;
    expect(await world.release({}, 2)).toEqual({ kind: 'hidden', until: START + 61_000 });
    expect(world.alerts).toEqual([]);

    world.now = START + 61_000;
    expect(await world.release({}, 3)).toEqual(DONE);
    expect(world.released).toHaveLength(1);
    expect(world.alerts).toMatchObject([{ kind: 'release-failed', isUnknown: true }]);
  });

  it('because it could not be recorded is not sent again', async () => {
    world.answers = [
      () => {
        world.onTableCall = () => {
          throw new LedgerUnavailable('throttled');
        };
        return releasedAnswer;
      },
    ];
    await expect(world.release()).rejects.toThrow(LedgerUnavailable);
    world.revive();
    world.now += 6 * MINUTE_MS;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.released).toHaveLength(1);
    expect(world.alerts).toMatchObject([{ isUnknown: true }]);
  });

  it('may be followed by another one of a person', async () => {
    world.answers = [lost, releasedAnswer];
    await world.release({ requestId: requestOfApproval('upload-1'), by: 'approval' });
    world.now += SPACING_MS;
    await world.release();
    expect(world.released).toHaveLength(2);
    expect(world.entry().state).toBe('released');
  });
});

describe('a release request that can’t be sent', () => {
  it.each([
    [
      'the project has no route any more',
      () => ({ settings: { ...world.settings, routes: [] } }),
      'No route has a key of',
    ],
    ['there is no key', () => ({ key: { kind: 'missing', detail: 'There is no SSM parameter.' } }), 'There is no SSM'],
  ])('because %s causes an alert, and uses no slot', async (_, changes, words) => {
    Object.assign(world, changes());
    expect(await world.release()).toEqual(DONE);
    expect(world.released).toEqual([]);
    expect(world.alerts).toMatchObject([
      { kind: 'release-failed', isUnknown: false, detail: expect.stringContaining(words) },
    ]);
    expect(world.pacer.lane(LANE).nextSlot).toBe(0);
  });

  it('is sent all the same where its project has left the settings: it ends as it was submitted', async () => {
    const projectId = 'f'.repeat(24);
    world.settings = { ...world.settings, routes: [{ ...ROUTE, projectId, apiKeyParameter: '/other' }] };
    expect(await world.release()).toEqual(DONE);
    expect(world.released[0]?.request).toMatchObject({ projectId: ROUTE.projectId, userId: ROUTE.userId });
    expect(world.entry().state).toBe('released');
  });

  it('because SSM is down waits', async () => {
    world.key = { kind: 'unavailable', detail: 'ThrottlingException' };
    expect(await world.release()).toEqual({ kind: 'hidden', until: START + INTERVAL_MS });
    expect(world.pacer.lane(LANE).nextSlot).toBe(0);
    world.key = found('key-one', 1);
    world.now += INTERVAL_MS;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.entry().state).toBe('released');
  });
});

describe('a failed release that people can’t be notified of', () => {
  it.each<[string, ReleaseAnswer]>([
    ['refused', { kind: 'refused', reason: 'ProjectForbidden', status: 403, detail: 'Access denied' }],
    ['lost', lost],
  ])('comes back until they can be, and is not sent again: %s', async (_, answer) => {
    world.answers = [answer];
    world.topicIsDown = true;
    for (let receive = 1; receive <= 3; receive++) {
      const disposition = await world.release({}, receive);
      expect(disposition.kind).toBe('hidden');
      world.now = disposition.kind === 'hidden' ? disposition.until : 0;
    }
    world.topicIsDown = false;
    for (let receive = 4; receive <= 6; receive++) {
      const disposition = await world.release({}, receive);
      if (disposition.kind === 'done') break;
      world.now = disposition.until;
    }
    expect(world.alerts).toMatchObject([{ kind: 'release-failed', isUnknown: answer.kind === 'lost' }]);
    expect(world.outcomes()).toEqual(['release-failed']);
    expect(world.released).toHaveLength(1);
    expect(release()).toMatchObject({ state: 'failed', attempts: 1 });
    expect(release()).not.toHaveProperty('pendingNotification');
  });
});

describe('a worker that crashes after the record of a release', () => {
  it('leaves the notification to the next', async () => {
    world.answers = [
      () => {
        // Reading and writing the record; then nothing more.
        let calls = 0;
        world.onTableCall = () => {
          if (++calls === 2) world.ports.events.emit = () => Promise.reject(new Crash('the worker has crashed'));
        };
        return releasedAnswer;
      },
    ];
    const { emit } = world.ports.events;
    await world.release();
    expect(world.events).toEqual([]);
    expect(world.entry().state).toBe('released');

    world.ports.events.emit = emit;
    world.revive();
    world.now += 6 * MINUTE_MS;
    expect(await world.release({}, 2)).toEqual(DONE);
    expect(world.eventNames()).toEqual(['Build Released']);
    expect(world.released).toHaveLength(1);
  });
});
