import { beforeEach, describe, expect, it } from 'vitest';
import { type Build, buildId } from '../../functions/domain/model/build.ts';
import { requestOfApproval } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import {
  answerLost,
  deadLettered,
  opened,
  routed,
  skipped,
  submittedAgain,
  waiting,
} from '../../functions/domain/model/submission-transitions.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import {
  atVendor,
  beingSubmitted,
  Crash,
  FollowWorld,
  HOUR_MS,
  MINUTE_MS,
  ON_APPROVAL,
} from '../support/follow-world.ts';
import { aBuild, INTERVAL_MS, ROUTE, START } from '../support/world.ts';

let world: FollowWorld;
beforeEach(() => {
  world = new FollowWorld();
});

const DONE = { kind: 'done' };
const urlOf = (build: Build) => `https://${build.bucket}.s3.eu-central-1.amazonaws.com/${build.key}`;
const FILE_URL = urlOf(aBuild());
const lostAt = START + 5_000;
const failure = { code: 'AnswerLost', detail: 'ECONNRESET', at: lostAt } as const;

/** A build whose submission was never answered. */
function lost(build: Build = aBuild(), route: Route = ROUTE): LedgerEntry {
  return answerLost(beingSubmitted(build, route), lostAt, failure);
}

function inDeadLetterQueue(entry: LedgerEntry): LedgerEntry {
  return deadLettered(entry, lostAt, { ...failure, code: 'SubmissionUnknown' }, 'dead-letter-1');
}

describe('a webhook about a build', () => {
  it('counts for the address that it came to, and a test from the dashboard too', async () => {
    await world.given(atVendor());
    const notice = { projectId: ROUTE.projectId, uploadId: 'upload-1', stage: 'saving', at: START } as const;
    await world.handle({ kind: 'webhook', notice, receivedAt: START, address: 'one' });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: START, 'usedAt#one': START });
    const receivedAt = START + 1;
    await world.handle({ kind: 'webhook-test', projectId: ROUTE.projectId, receivedAt, address: 'two' });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({
      lastWebhookAt: START,
      testedAt: receivedAt,
      'usedAt#one': START,
      'usedAt#two': receivedAt,
    });
  });

  it('is recorded by its upload id, and as the last webhook received', async () => {
    await world.given(atVendor());
    world.now += MINUTE_MS;
    expect(await world.receiveWebhook({ stage: 'downloading' })).toEqual(DONE);

    expect(world.entry()).toMatchObject({
      state: 'submitted',
      news: [{ stage: 'downloading', at: world.now }],
      lastNewsAt: world.now,
    });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: world.now });
    expect(world.loggedEvents()).toEqual(['webhook-received']);
    expect([world.alerts, world.events, world.queued]).toEqual([[], [], []]);
  });

  it('is matched by the upload id alone, whatever URL it names', async () => {
    await world.given(atVendor());
    await world.receiveWebhook({ fileUrl: 'https://elsewhere.example/other.zip' });
    expect(world.entry().news).toHaveLength(1);
  });

  it('is recorded once, however often it is delivered', async () => {
    await world.given(atVendor());
    const at = START + 7;
    await world.receiveWebhook({ at });
    const { revision } = world.entry();
    world.tableCalls.length = 0;
    world.now += 3_000;

    expect(await world.receiveWebhook({ at })).toEqual(DONE);
    expect(world.writes()).toEqual([]);
    expect(world.entry().revision).toBe(revision);
    expect(world.loggedEvents()).toEqual(['webhook-received']);
  });

  it('is recorded completely where several arrive at once', async () => {
    await world.given(atVendor());
    world.onTableCall = () => Promise.resolve();
    const stages = ['uploaded', 'downloading', 'extracting', 'saving', 'approved'] as const;
    expect(await Promise.all(stages.map((stage) => world.receiveWebhook({ stage })))).toEqual(stages.map(() => DONE));
    expect(world.entry().news?.map(({ stage }) => stage)).toEqual(stages);
    expect(world.eventNames()).toEqual(['Build Approved']);
  });

  it('counts from when it arrived, not from when its message was handled', async () => {
    await world.given(atVendor());
    const receivedAt = world.now;
    world.now += 10 * MINUTE_MS;
    const notice = { projectId: ROUTE.projectId, uploadId: 'upload-1', at: receivedAt };
    await world.handle({ kind: 'webhook', notice, receivedAt });
    expect(world.entry().lastNewsAt).toBe(receivedAt);
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: receivedAt });
  });

  it('leaves the message in the queue where the table does not answer', async () => {
    await world.given(atVendor());
    world.onTableCall = () => {
      throw new LedgerUnavailable('throttled');
    };
    await expect(world.receiveWebhook()).rejects.toThrow(LedgerUnavailable);
  });

  it('is noted as received by the next worker where the first crashed before it could', async () => {
    await world.given(atVendor());
    // Find, read, write, and then the note.
    world.crashAtTableCall(4);
    await expect(world.receiveWebhook({ at: START })).rejects.toThrow(Crash);
    expect(world.entry().news).toHaveLength(1);

    world.revive();
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({});
    world.now += 6 * MINUTE_MS;
    await world.receiveWebhook({ at: START }, 2);
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toHaveProperty('lastWebhookAt');
  });

  it('is noted as received even if the project list has reported on the build before', async () => {
    await world.given({ ...atVendor(), lastNewsAt: START });
    world.now += MINUTE_MS;
    await world.receiveWebhook({ stage: 'saving' });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: world.now });
  });
});

describe('a webhook about an unknown upload', () => {
  it('is looked up again after 5, 30 and 60 s, and then ignored', async () => {
    const untils = [];
    for (let receive = 1; receive <= 3; receive++) {
      const disposition = await world.receiveWebhook({ fileUrl: FILE_URL }, receive);
      untils.push(disposition.kind === 'hidden' ? disposition.until - world.now : disposition.kind);
    }
    expect(untils).toEqual([5_000, 30_000, 60_000]);
    expect(world.writes()).toEqual([]);

    expect(await world.receiveWebhook({ fileUrl: FILE_URL }, 4)).toEqual(DONE);
    expect(world.logged).toMatchObject([{ event: 'webhook-unmatched', uploadId: 'upload-1', fileUrl: FILE_URL }]);
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: START });
    expect(world.ledger.entries()).toEqual([]);
  });

  it('is applied once the answer with its upload id is recorded', async () => {
    const entry = await world.given(beingSubmitted());
    expect((await world.receiveWebhook({ fileUrl: FILE_URL }, 1)).kind).toBe('hidden');
    expect((await world.receiveWebhook({ fileUrl: FILE_URL }, 2)).kind).toBe('hidden');
    await world.given({ ...atVendor(), revision: entry.revision });
    expect(await world.receiveWebhook({ fileUrl: FILE_URL }, 3)).toEqual(DONE);
    expect(world.entry().news).toHaveLength(1);
  });

  it.each([
    ['by its upload id', { uploadId: 'upload-1' }],
    ['by its URL', { uploadId: 'upload-9', fileUrl: FILE_URL }],
  ])('does not change a build of another project, %s', async (_, notice) => {
    const entry = await world.given('fileUrl' in notice ? lost() : atVendor());
    for (let receive = 1; receive <= 4; receive++) {
      await world.receiveWebhook({ ...notice, projectId: 'ffffffffffffffffffffffff', stage: 'rejected' }, receive);
    }
    expect(world.entry()).toEqual(entry);
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({});
  });

  it('settles no lost answer if the upload id is that of another project’s build', async () => {
    const other = { ...ROUTE, projectId: 'ffffffffffffffffffffffff' };
    const entries = [
      await world.given(lost()),
      await world.given(atVendor('upload-1', aBuild({ key: 'b.zip' }), other)),
    ];
    for (let receive = 1; receive <= 4; receive++) await world.receiveWebhook({ fileUrl: FILE_URL }, receive);
    expect(world.ledger.entries()).toEqual(entries);
  });

  it('does not change a build that is submitted again if it is about the earlier upload', async () => {
    const again = submittedAgain(atVendor('upload-1'), START, 'request-1');
    const entry = await world.given({ ...lost(), formerUploadIds: again.formerUploadIds ?? [] });
    expect(await world.receiveWebhook({ fileUrl: FILE_URL, stage: 'approved' }, 4)).toEqual(DONE);
    expect(world.entry()).toEqual(entry);
  });
});

describe('a webhook about a build whose answer was lost', () => {
  const notice = { uploadId: 'upload-7', fileUrl: FILE_URL, stage: 'downloading' } as const;

  it.each<[string, () => LedgerEntry]>([
    ['that waits to be sent again', lost],
    ['that waits for a slot to be sent again', () => waiting(lost(), lostAt, 'slot', { slot: lostAt, pushed: 0 })],
    ['whose worker crashed in the call', () => beingSubmitted(aBuild(), ROUTE, START + 1)],
    ['that is dead-lettered', () => inDeadLetterQueue(lost())],
    ['whose retries are used up', () => ({ ...inDeadLetterQueue(lost()), reason: 'RetriesExhausted' })],
  ])('shows that it was accepted, and under which upload id: one %s', async (_, make) => {
    await world.given(make());
    world.now = lostAt;
    expect(await world.receiveWebhook(notice, 2)).toEqual(DONE);
    expect(world.entry()).toMatchObject({
      state: 'submitted',
      uploadId: 'upload-7',
      possiblyDoubled: false,
      news: [{ stage: 'downloading' }],
    });
    expect(world.entry().history.at(-1)?.note).toBe('accepted after all: upload id upload-7');
  });

  it('may report an outcome, with everything that follows from it', async () => {
    await world.given(lost(aBuild(), ON_APPROVAL));
    await world.receiveWebhook({ ...notice, stage: 'approved' }, 2);
    expect(world.entry()).toMatchObject({ state: 'approved', release: { uploadId: 'upload-7', state: 'requested' } });
    expect(world.eventNames()).toEqual(['Build Approved']);
    expect(world.queued).toMatchObject([{ kind: 'release', uploadId: 'upload-7' }]);
  });

  it('is matched at once within an interval of the call, because there is no other call for this user', async () => {
    await world.given(lost());
    world.now = lostAt + INTERVAL_MS - 1;
    expect(await world.receiveWebhook(notice, 1)).toEqual(DONE);
    expect(world.entry()).toMatchObject({ uploadId: 'upload-7' });
  });

  it('is looked up again after an interval, because it may be about a newer version that is not in the index yet', async () => {
    const entry = await world.given(inDeadLetterQueue(lost()));
    world.now = lostAt + INTERVAL_MS;
    expect(await world.receiveWebhook(notice, 1)).toEqual({ kind: 'hidden', until: world.now + 5_000 });
    expect(world.entry()).toEqual(entry);
    world.now += 5_000;
    expect(await world.receiveWebhook(notice, 2)).toEqual(DONE);
    expect(world.entry()).toMatchObject({ uploadId: 'upload-7' });
  });

  it('changes nothing without an upload id', async () => {
    const entry = await world.given(lost());
    const { uploadId: _, ...rest } = { ...notice, projectId: ROUTE.projectId, at: START };
    await world.handle({ kind: 'webhook', notice: rest, receivedAt: START }, { receiveCount: 2 });
    expect(world.entry()).toEqual(entry);
  });

  it('is not matched where two builds with this URL have a lost answer', async () => {
    const builds = ['v1', 'v2'].map((versionId) => aBuild({ versionId }));
    const entries = [];
    for (const build of builds) entries.push(await world.given(lost(build)));
    for (let receive = 2; receive <= 3; receive++)
      expect((await world.receiveWebhook(notice, receive)).kind).toBe('hidden');
    expect(await world.receiveWebhook(notice, 4)).toEqual(DONE);
    expect(builds.map((build) => world.entry(build))).toEqual(entries);
    expect(world.loggedEvents()).toEqual(['webhook-unmatched']);
  });

  it('waits while a newer version of its key is being submitted: it may be about that one', async () => {
    const [older, newer] = ['v1', 'v2'].map((versionId) => aBuild({ versionId }));
    const entry = await world.given(lost(older));
    const calling = await world.given(beingSubmitted(newer, ROUTE, lostAt + MINUTE_MS));
    world.now = lostAt;
    expect((await world.receiveWebhook(notice, 2)).kind).toBe('hidden');
    expect(world.entry(older)).toEqual(entry);

    await world.given({ ...atVendor('upload-8', newer), revision: calling.revision });
    expect(await world.receiveWebhook(notice, 3)).toEqual(DONE);
    expect(world.entry(older)).toMatchObject({ uploadId: 'upload-7' });
  });

  it('waits while the build is being sent again: the answer to that may still be recorded', async () => {
    const calling = { ...beingSubmitted(aBuild(), ROUTE, lostAt + MINUTE_MS), possiblyDoubled: true };
    const entry = await world.given(calling);
    world.now = lostAt;
    expect((await world.receiveWebhook(notice, 2)).kind).toBe('hidden');
    expect(world.entry()).toEqual(entry);
  });

  it.each<[string, LedgerEntry]>([
    ['refused by Streampixel', { ...deadLettered(beingSubmitted(), START, { ...failure, code: 'NotAZip' }, 'l') }],
    ['waiting for its first slot', waiting(routed(opened(aBuild(), START), ROUTE), START, 'slot')],
    ['skipped', skipped(beingSubmitted(), START, 'Superseded')],
    ['of another key', lost(aBuild({ key: 'b.zip' }))],
  ])('is not matched with a build that is %s', async (_, entry) => {
    const stored = await world.given(entry);
    await world.receiveWebhook(notice, 4);
    expect(world.ledger.entries()).toEqual([stored]);
  });

  it('finds the build among hundreds', async () => {
    for (let n = 0; n < 250; n++) await world.given(inDeadLetterQueue(lost(aBuild({ key: `${n}.zip` }))));
    await world.receiveWebhook({ ...notice, fileUrl: urlOf(aBuild({ key: '0.zip' })) }, 2);
    expect(world.entry(aBuild({ key: '0.zip' }))).toMatchObject({ state: 'submitted', uploadId: 'upload-7' });
  });

  it('starts the watch over a dead-lettered build, which has no message in the builds queue', async () => {
    await world.given(inDeadLetterQueue(lost()));
    await world.receiveWebhook(notice, 2);
    expect(world.queued).toEqual([{ kind: 'watch', build: buildId(aBuild()), uploadId: 'upload-7' }]);

    world = new FollowWorld();
    await world.given(lost());
    await world.receiveWebhook(notice, 2);
    expect(world.queued).toEqual([]);
  });
});

describe('an approval', () => {
  it.each([
    ['automatic', { ...ROUTE, autoRelease: true }],
    ['manual', ROUTE],
    ['on-approval', ON_APPROVAL],
  ] as const)('is sent to pipelines, with how the build goes live: %s', async (mode, route) => {
    await world.given(atVendor('upload-1', aBuild(), route));
    world.now += 12 * MINUTE_MS + 34_000;
    expect(await world.receiveWebhook({ stage: 'approved' })).toEqual(DONE);

    const facts = { name: 'Build Approved', uploadId: 'upload-1', releaseMode: mode, tookSeconds: 754 };
    expect(world.events).toMatchObject([{ ...facts, subject: { build: aBuild(), projectId: ROUTE.projectId } }]);
    expect(world.alerts).toEqual([]);
    expect(world.metrics).toEqual([
      { name: 'TimeToApproved', value: 754 },
      { name: 'BuildsFollowed', value: 1, Outcome: 'approved' },
    ]);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
    expect(world.queued).toHaveLength(mode === 'on-approval' ? 1 : 0);
  });

  it('took as long as Streampixel says, however late the webhook arrives', async () => {
    await world.given(atVendor());
    world.now += 5 * HOUR_MS;
    await world.receiveWebhook({ stage: 'approved', at: START + 90_000 });
    expect(world.metrics[0]).toEqual({ name: 'TimeToApproved', value: 90 });

    world = new FollowWorld();
    await world.given(atVendor());
    await world.receiveWebhook({ stage: 'approved', at: START - HOUR_MS });
    expect(world.metrics[0]).toEqual({ name: 'TimeToApproved', value: 0 });
  });

  it('requests the release of its upload exactly once, however often and in whatever order webhooks arrive', async () => {
    await world.given(atVendor('upload-1', aBuild(), ON_APPROVAL));
    for (const [stage, at] of [
      ['approved', 5],
      ['distributing', 3],
      ['approved', 5],
      ['approved', 9],
      ['uploaded', 1],
    ] as const) {
      await world.receiveWebhook({ stage, at: START + at });
    }
    expect(world.queued).toEqual([
      {
        kind: 'release',
        build: buildId(aBuild()),
        uploadId: 'upload-1',
        requestId: requestOfApproval('upload-1'),
        by: 'approval',
        requestedAt: START,
      },
    ]);
    expect(world.eventNames()).toEqual(['Build Approved']);
  });

  it('requests nothing for a build that is released or rejected already', async () => {
    await world.given({ ...atVendor('upload-1', aBuild(), ON_APPROVAL), state: 'released' });
    await world.receiveWebhook({ stage: 'approved' });
    await world.given({ ...atVendor('upload-2', aBuild({ key: 'b.zip' }), ON_APPROVAL), state: 'rejected' });
    await world.receiveWebhook({ stage: 'approved', uploadId: 'upload-2' });
    expect(world.queued).toEqual([]);
    expect(world.eventNames()).toEqual([]);
  });

  it('makes no request while one of a person is in flight', async () => {
    await world.given(atVendor('upload-1', aBuild(), ON_APPROVAL));
    world.answers = [
      async () => {
        await world.receiveWebhook({ stage: 'approved' });
        return { kind: 'released', status: 200 };
      },
    ];
    await world.release();
    expect(world.released).toHaveLength(1);
    expect(world.queued).toEqual([]);
    expect(world.entry()).toMatchObject({ state: 'released', release: { by: 'person', state: 'released' } });
  });

  it('makes no second request if its request was taken before', async () => {
    const entry = atVendor('upload-1', aBuild(), ON_APPROVAL);
    await world.given({ ...entry, releaseRequests: [requestOfApproval('upload-1')] });
    await world.receiveWebhook({ stage: 'approved' });
    expect(world.queued).toEqual([]);
    expect(world.entry()).toMatchObject({ state: 'approved' });
  });

  it('is tagged on the object where the settings say so, and is recorded without the tag too', async () => {
    world.settings = { ...world.settings, tagObjects: true };
    await world.given(atVendor());
    await world.receiveWebhook({ stage: 'approved' });
    expect(world.tagged).toEqual([
      ['a.zip', { 'streampixel-status': 'approved', 'streampixel-upload-id': 'upload-1' }],
    ]);

    world.tagsFail = true;
    await world.given(atVendor('upload-2', aBuild({ key: 'b.zip' })));
    expect(await world.receiveWebhook({ stage: 'approved', uploadId: 'upload-2' })).toEqual(DONE);
    expect(world.loggedEvents()).toContain('object-not-tagged');
    expect(world.entry(aBuild({ key: 'b.zip' }))).not.toHaveProperty('pendingNotification');
  });

  it('waits in the queue while its release request can’t be sent, and notifies afterwards', async () => {
    await world.given(atVendor('upload-1', aBuild(), ON_APPROVAL));
    world.queueIsDown = true;
    await expect(world.receiveWebhook({ stage: 'approved', at: START })).rejects.toThrow('the follow queue is down');
    expect(world.eventNames()).toEqual([]);

    world.queueIsDown = false;
    world.now += 6 * MINUTE_MS;
    expect(await world.receiveWebhook({ stage: 'approved', at: START }, 2)).toEqual(DONE);
    expect(world.queued).toHaveLength(1);
    expect(world.eventNames()).toEqual(['Build Approved']);
  });
});

describe('a rejection', () => {
  it('is sent to people and pipelines with the objection, once', async () => {
    await world.given(atVendor());
    const rejected = { stage: 'rejected', objection: 'No executable.', at: START } as const;
    expect(await world.receiveWebhook(rejected)).toEqual(DONE);
    await world.receiveWebhook(rejected);
    await world.receiveWebhook({ ...rejected, at: START + 5 });

    const { userId, projectId } = ROUTE;
    expect(world.alerts).toEqual([
      {
        kind: 'rejected',
        build: aBuild(),
        userId,
        projectId,
        uploadId: 'upload-1',
        at: START,
        objection: rejected.objection,
      },
    ]);
    expect(world.events).toMatchObject([
      { name: 'Build Rejected', objection: rejected.objection, uploadId: 'upload-1' },
    ]);
    expect(world.outcomes()).toEqual(['rejected']);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });

  it('is sent after an approval, too', async () => {
    await world.given(atVendor());
    await world.receiveWebhook({ stage: 'approved' });
    await world.receiveWebhook({ stage: 'rejected' });
    expect(world.eventNames()).toEqual(['Build Approved', 'Build Rejected']);
    expect(world.alerts).toMatchObject([{ kind: 'rejected', objection: '' }]);
  });

  it('comes back after a minute while people can’t be notified, and pipelines are notified after them', async () => {
    await world.given(atVendor());
    world.topicIsDown = true;
    for (let receive = 1; receive <= 3; receive++) {
      expect(await world.receiveWebhook({ stage: 'rejected', at: START }, receive)).toEqual({
        kind: 'hidden',
        until: world.now + MINUTE_MS,
      });
      world.now += MINUTE_MS;
    }
    expect(world.eventNames()).toEqual([]);
    expect(world.entry()).toMatchObject({ state: 'rejected', pendingNotification: 'rejected' });

    world.topicIsDown = false;
    expect(await world.receiveWebhook({ stage: 'rejected', at: START }, 4)).toEqual(DONE);
    expect(world.alerts).toHaveLength(1);
    expect(world.eventNames()).toEqual(['Build Rejected']);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });
});

describe('a worker that crashes between the record of an outcome and its notification', () => {
  it.each(['approved', 'rejected'] as const)('leaves the notification to the next: %s', async (stage) => {
    await world.given(atVendor('upload-1', aBuild(), ON_APPROVAL));
    // Find, read, write; then the note of the webhook.
    world.crashAtTableCall(4);
    await expect(world.receiveWebhook({ stage, at: START })).rejects.toThrow(Crash);
    expect(world.entry()).toMatchObject({ state: stage, pendingNotification: stage });
    expect([world.alerts, world.events, world.queued]).toEqual([[], [], []]);

    world.revive();
    world.now += 6 * MINUTE_MS;
    expect(await world.receiveWebhook({ stage, at: START }, 2)).toEqual(DONE);
    expect(world.eventNames()).toEqual([stage === 'approved' ? 'Build Approved' : 'Build Rejected']);
    expect(world.queued).toHaveLength(stage === 'approved' ? 1 : 0);
    expect(world.alerts).toHaveLength(stage === 'approved' ? 0 : 1);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });

  it('leaves it to the next, even if the message is delivered again right after the crash', async () => {
    await world.given(atVendor());
    world.crashAtTableCall(4);
    await expect(world.receiveWebhook({ stage: 'rejected', at: START })).rejects.toThrow(Crash);

    world.revive();
    world.now += 1_000;
    const disposition = await world.receiveWebhook({ stage: 'rejected', at: START }, 2);
    // Done would take the message out of the queue for good.
    expect(disposition.kind).toBe('hidden');
    expect(world.alerts).toEqual([]);

    world.now = disposition.kind === 'hidden' ? disposition.until : 0;
    expect(await world.receiveWebhook({ stage: 'rejected', at: START }, 3)).toEqual(DONE);
    expect(world.alerts).toHaveLength(1);
  });

  it('causes a second notification, not a missing one, if it could not record the first', async () => {
    await world.given(atVendor());
    world.onEvent = () => world.crashAtTableCall(1);
    await expect(world.receiveWebhook({ stage: 'rejected', at: START })).rejects.toThrow(Crash);
    expect(world.alerts).toHaveLength(1);

    world.revive();
    world.now += 6 * MINUTE_MS;
    await world.receiveWebhook({ stage: 'rejected', at: START }, 2);
    expect(world.alerts).toHaveLength(2);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });
});
