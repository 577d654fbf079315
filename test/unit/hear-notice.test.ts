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

function letter(entry: LedgerEntry): LedgerEntry {
  return deadLettered(entry, lostAt, { ...failure, code: 'SubmissionUnknown' }, 'letter-1');
}

describe('the vendor’s word on a build', () => {
  it('at the former address is remembered as such, a test from the dashboard too', async () => {
    await world.given(atVendor());
    const notice = { projectId: ROUTE.projectId, uploadId: 'upload-1', stage: 'saving', at: START } as const;
    await world.handle({ kind: 'webhook', notice, receivedAt: START, isFormer: true });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: START, formerAt: START });
    const receivedAt = START + 1;
    await world.handle({ kind: 'webhook-test', projectId: ROUTE.projectId, receivedAt, isFormer: true });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({
      lastWebhookAt: START,
      testedAt: receivedAt,
      formerAt: receivedAt,
    });
  });

  it('is written down by its upload id, and the webhook was heard', async () => {
    await world.given(atVendor());
    world.now += MINUTE_MS;
    expect(await world.hear({ stage: 'downloading' })).toEqual(DONE);

    expect(world.entry()).toMatchObject({
      state: 'submitted',
      news: [{ stage: 'downloading', at: world.now }],
      lastNewsAt: world.now,
    });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: world.now });
    expect(world.loggedEvents()).toEqual(['webhook-received']);
    expect([world.alerts, world.events, world.queued]).toEqual([[], [], []]);
  });

  it('is known by the upload id alone, whatever URL it names', async () => {
    await world.given(atVendor());
    await world.hear({ fileUrl: 'https://elsewhere.example/other.zip' });
    expect(world.entry().news).toHaveLength(1);
  });

  it('is written down once, however often it is delivered', async () => {
    await world.given(atVendor());
    const at = START + 7;
    await world.hear({ at });
    const { revision } = world.entry();
    world.tableCalls.length = 0;
    world.now += 3_000;

    expect(await world.hear({ at })).toEqual(DONE);
    expect(world.writes()).toEqual([]);
    expect(world.entry().revision).toBe(revision);
    expect(world.loggedEvents()).toEqual(['webhook-received']);
  });

  it('is written down whole where many come at once', async () => {
    await world.given(atVendor());
    world.onTableCall = () => Promise.resolve();
    const said = ['uploaded', 'downloading', 'extracting', 'saving', 'approved'] as const;
    expect(await Promise.all(said.map((stage) => world.hear({ stage })))).toEqual(said.map(() => DONE));
    expect(world.entry().news?.map(({ stage }) => stage)).toEqual(said);
    expect(world.eventNames()).toEqual(['Build Approved']);
  });

  it('counts from when it came, not from when its turn was', async () => {
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
    await expect(world.hear()).rejects.toThrow(LedgerUnavailable);
  });

  it('is noted as heard by the next worker where the first ended before it could', async () => {
    await world.given(atVendor());
    // Find, read, write, and then the note.
    world.crashAtTableCall(4);
    await expect(world.hear({ at: START })).rejects.toThrow(Crash);
    expect(world.entry().news).toHaveLength(1);

    world.revive();
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({});
    world.now += 6 * MINUTE_MS;
    await world.hear({ at: START }, 2);
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toHaveProperty('lastWebhookAt');
  });

  it('is noted as heard although the vendor’s list has told of the build before', async () => {
    await world.given({ ...atVendor(), lastNewsAt: START });
    world.now += MINUTE_MS;
    await world.hear({ stage: 'saving' });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: world.now });
  });
});

describe('a notice of an unknown upload', () => {
  it('is looked up again after 5, 30 and 60 s, and then let go', async () => {
    const untils = [];
    for (let receive = 1; receive <= 3; receive++) {
      const disposition = await world.hear({ fileUrl: FILE_URL }, receive);
      untils.push(disposition.kind === 'hidden' ? disposition.until - world.now : disposition.kind);
    }
    expect(untils).toEqual([5_000, 30_000, 60_000]);
    expect(world.writes()).toEqual([]);

    expect(await world.hear({ fileUrl: FILE_URL }, 4)).toEqual(DONE);
    expect(world.logged).toMatchObject([{ event: 'webhook-unmatched', uploadId: 'upload-1', fileUrl: FILE_URL }]);
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: START });
    expect(world.ledger.entries()).toEqual([]);
  });

  it('is heard once the answer that named it is written down', async () => {
    const entry = await world.given(beingSubmitted());
    expect((await world.hear({ fileUrl: FILE_URL }, 1)).kind).toBe('hidden');
    expect((await world.hear({ fileUrl: FILE_URL }, 2)).kind).toBe('hidden');
    await world.given({ ...atVendor(), revision: entry.revision });
    expect(await world.hear({ fileUrl: FILE_URL }, 3)).toEqual(DONE);
    expect(world.entry().news).toHaveLength(1);
  });

  it.each([
    ['by its upload id', { uploadId: 'upload-1' }],
    ['by its URL', { uploadId: 'upload-9', fileUrl: FILE_URL }],
  ])('says nothing of a build of another project, %s', async (_, notice) => {
    const entry = await world.given('fileUrl' in notice ? lost() : atVendor());
    for (let receive = 1; receive <= 4; receive++) {
      await world.hear({ ...notice, projectId: 'ffffffffffffffffffffffff', stage: 'rejected' }, receive);
    }
    expect(world.entry()).toEqual(entry);
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({});
  });

  it('settles no lost answer by the upload id of another project’s build', async () => {
    const other = { ...ROUTE, projectId: 'ffffffffffffffffffffffff' };
    const entries = [
      await world.given(lost()),
      await world.given(atVendor('upload-1', aBuild({ key: 'b.zip' }), other)),
    ];
    for (let receive = 1; receive <= 4; receive++) await world.hear({ fileUrl: FILE_URL }, receive);
    expect(world.ledger.entries()).toEqual(entries);
  });

  it('says nothing of a build that is submitted again: it is that of the upload before', async () => {
    const again = submittedAgain(atVendor('upload-1'), START, 'request-1');
    const entry = await world.given({ ...lost(), formerUploadIds: again.formerUploadIds ?? [] });
    expect(await world.hear({ fileUrl: FILE_URL, stage: 'approved' }, 2)).toEqual(DONE);
    expect(world.entry()).toEqual(entry);
  });
});

describe('a notice of a build whose answer was lost', () => {
  const notice = { uploadId: 'upload-7', fileUrl: FILE_URL, stage: 'downloading' } as const;

  it.each<[string, () => LedgerEntry]>([
    ['that waits to be sent again', lost],
    ['that waits in line to be sent again', () => waiting(lost(), lostAt, 'slot', { slot: lostAt, pushed: 0 })],
    ['whose worker ended in the call', () => beingSubmitted(aBuild(), ROUTE, START + 1)],
    ['that is dead-lettered', () => letter(lost())],
    ['whose retries are used up', () => ({ ...letter(lost()), reason: 'RetriesExhausted' })],
  ])('says that it was taken, and under which id: one %s', async (_, make) => {
    await world.given(make());
    world.now = lostAt;
    expect(await world.hear(notice, 2)).toEqual(DONE);
    expect(world.entry()).toMatchObject({
      state: 'submitted',
      uploadId: 'upload-7',
      possiblyDoubled: false,
      news: [{ stage: 'downloading' }],
    });
    expect(world.entry().history.at(-1)?.note).toBe('accepted after all: upload id upload-7');
  });

  it('is an end where it says so, with everything that comes of it', async () => {
    await world.given(lost(aBuild(), ON_APPROVAL));
    await world.hear({ ...notice, stage: 'approved' }, 2);
    expect(world.entry()).toMatchObject({ state: 'approved', release: { uploadId: 'upload-7', state: 'requested' } });
    expect(world.eventNames()).toEqual(['Build Approved']);
    expect(world.queued).toMatchObject([{ kind: 'release', uploadId: 'upload-7' }]);
  });

  it('is known at once within an interval of the call: nobody has called for this user since', async () => {
    await world.given(lost());
    world.now = lostAt + INTERVAL_MS - 1;
    expect(await world.hear(notice, 1)).toEqual(DONE);
    expect(world.entry()).toMatchObject({ uploadId: 'upload-7' });
  });

  it('may be of a newer version whose upload id the index does not know yet: it is looked up again', async () => {
    const entry = await world.given(letter(lost()));
    world.now = lostAt + INTERVAL_MS;
    expect(await world.hear(notice, 1)).toEqual({ kind: 'hidden', until: world.now + 5_000 });
    expect(world.entry()).toEqual(entry);
    world.now += 5_000;
    expect(await world.hear(notice, 2)).toEqual(DONE);
    expect(world.entry()).toMatchObject({ uploadId: 'upload-7' });
  });

  it('says nothing without an upload id', async () => {
    const entry = await world.given(lost());
    const { uploadId: _, ...rest } = { ...notice, projectId: ROUTE.projectId, at: START };
    await world.handle({ kind: 'webhook', notice: rest, receivedAt: START }, { receiveCount: 2 });
    expect(world.entry()).toEqual(entry);
  });

  it('is nobody’s where two builds of one URL have lost theirs', async () => {
    const builds = ['v1', 'v2'].map((versionId) => aBuild({ versionId }));
    const entries = [];
    for (const build of builds) entries.push(await world.given(lost(build)));
    for (let receive = 2; receive <= 3; receive++) expect((await world.hear(notice, receive)).kind).toBe('hidden');
    expect(await world.hear(notice, 4)).toEqual(DONE);
    expect(builds.map((build) => world.entry(build))).toEqual(entries);
    expect(world.loggedEvents()).toEqual(['webhook-unmatched']);
  });

  it('waits where a newer version of its key is being submitted: the word may be on that one', async () => {
    const [older, newer] = ['v1', 'v2'].map((versionId) => aBuild({ versionId }));
    const entry = await world.given(lost(older));
    const calling = await world.given(beingSubmitted(newer, ROUTE, lostAt + MINUTE_MS));
    world.now = lostAt;
    expect((await world.hear(notice, 2)).kind).toBe('hidden');
    expect(world.entry(older)).toEqual(entry);

    await world.given({ ...atVendor('upload-8', newer), revision: calling.revision });
    expect(await world.hear(notice, 3)).toEqual(DONE);
    expect(world.entry(older)).toMatchObject({ uploadId: 'upload-7' });
  });

  it('waits while the build is being sent again: the answer to that may yet be written down', async () => {
    const calling = { ...beingSubmitted(aBuild(), ROUTE, lostAt + MINUTE_MS), possiblyDoubled: true };
    const entry = await world.given(calling);
    world.now = lostAt;
    expect((await world.hear(notice, 2)).kind).toBe('hidden');
    expect(world.entry()).toEqual(entry);
  });

  it.each<[string, LedgerEntry]>([
    ['refused by the vendor', { ...deadLettered(beingSubmitted(), START, { ...failure, code: 'NotAZip' }, 'l') }],
    ['waiting for its first slot', waiting(routed(opened(aBuild(), START), ROUTE), START, 'slot')],
    ['skipped', skipped(beingSubmitted(), START, 'Superseded')],
    ['of another key', lost(aBuild({ key: 'b.zip' }))],
  ])('is not that of a build that is %s', async (_, entry) => {
    const stored = await world.given(entry);
    await world.hear(notice, 4);
    expect(world.ledger.entries()).toEqual([stored]);
  });

  it('finds it among hundreds', async () => {
    for (let n = 0; n < 250; n++) await world.given(letter(lost(aBuild({ key: `${n}.zip` }))));
    await world.hear({ ...notice, fileUrl: urlOf(aBuild({ key: '0.zip' })) }, 2);
    expect(world.entry(aBuild({ key: '0.zip' }))).toMatchObject({ state: 'submitted', uploadId: 'upload-7' });
  });

  it('puts a dead-lettered one under watch, as no message of it is in a queue any more', async () => {
    await world.given(letter(lost()));
    await world.hear(notice, 2);
    expect(world.queued).toEqual([{ kind: 'watch', build: buildId(aBuild()), uploadId: 'upload-7' }]);

    world = new FollowWorld();
    await world.given(lost());
    await world.hear(notice, 2);
    expect(world.queued).toEqual([]);
  });
});

describe('an approval', () => {
  it.each([
    ['automatic', { ...ROUTE, autoRelease: true }],
    ['manual', ROUTE],
    ['on-approval', ON_APPROVAL],
  ] as const)('is told to pipelines, with how it goes live: %s', async (mode, route) => {
    await world.given(atVendor('upload-1', aBuild(), route));
    world.now += 12 * MINUTE_MS + 34_000;
    expect(await world.hear({ stage: 'approved' })).toEqual(DONE);

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

  it('took as long as the vendor says, however late it is heard', async () => {
    await world.given(atVendor());
    world.now += 5 * HOUR_MS;
    await world.hear({ stage: 'approved', at: START + 90_000 });
    expect(world.metrics[0]).toEqual({ name: 'TimeToApproved', value: 90 });

    world = new FollowWorld();
    await world.given(atVendor());
    await world.hear({ stage: 'approved', at: START - HOUR_MS });
    expect(world.metrics[0]).toEqual({ name: 'TimeToApproved', value: 0 });
  });

  it('orders the release of its upload exactly once, however often and in whatever order it is heard', async () => {
    await world.given(atVendor('upload-1', aBuild(), ON_APPROVAL));
    for (const [stage, at] of [
      ['approved', 5],
      ['distributing', 3],
      ['approved', 5],
      ['approved', 9],
      ['uploaded', 1],
    ] as const) {
      await world.hear({ stage, at: START + at });
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

  it('orders nothing for a build that is released or rejected already', async () => {
    await world.given({ ...atVendor('upload-1', aBuild(), ON_APPROVAL), state: 'released' });
    await world.hear({ stage: 'approved' });
    await world.given({ ...atVendor('upload-2', aBuild({ key: 'b.zip' }), ON_APPROVAL), state: 'rejected' });
    await world.hear({ stage: 'approved', uploadId: 'upload-2' });
    expect(world.queued).toEqual([]);
    expect(world.eventNames()).toEqual([]);
  });

  it('gives no order of its own while a person’s is being called out', async () => {
    await world.given(atVendor('upload-1', aBuild(), ON_APPROVAL));
    world.answers = [
      async () => {
        await world.hear({ stage: 'approved' });
        return { kind: 'released', status: 200 };
      },
    ];
    await world.release();
    expect(world.released).toHaveLength(1);
    expect(world.queued).toEqual([]);
    expect(world.entry()).toMatchObject({ state: 'released', release: { by: 'person', state: 'released' } });
  });

  it('is not ordered again by a second approval after its order was taken', async () => {
    const entry = atVendor('upload-1', aBuild(), ON_APPROVAL);
    await world.given({ ...entry, releaseRequests: [requestOfApproval('upload-1')] });
    await world.hear({ stage: 'approved' });
    expect(world.queued).toEqual([]);
    expect(world.entry()).toMatchObject({ state: 'approved' });
  });

  it('is tagged on the object where the settings say so, and stands without the tag', async () => {
    world.settings = { ...world.settings, tagObjects: true };
    await world.given(atVendor());
    await world.hear({ stage: 'approved' });
    expect(world.tagged).toEqual([
      ['a.zip', { 'streampixel-status': 'approved', 'streampixel-upload-id': 'upload-1' }],
    ]);

    world.tagsFail = true;
    await world.given(atVendor('upload-2', aBuild({ key: 'b.zip' })));
    expect(await world.hear({ stage: 'approved', uploadId: 'upload-2' })).toEqual(DONE);
    expect(world.loggedEvents()).toContain('object-not-tagged');
    expect(world.entry(aBuild({ key: 'b.zip' }))).not.toHaveProperty('pendingNotification');
  });

  it('waits in the queue where its order can’t be sent, and is told when it can', async () => {
    await world.given(atVendor('upload-1', aBuild(), ON_APPROVAL));
    world.queueIsDown = true;
    await expect(world.hear({ stage: 'approved', at: START })).rejects.toThrow('the follow queue is down');
    expect(world.eventNames()).toEqual([]);

    world.queueIsDown = false;
    world.now += 6 * MINUTE_MS;
    expect(await world.hear({ stage: 'approved', at: START }, 2)).toEqual(DONE);
    expect(world.queued).toHaveLength(1);
    expect(world.eventNames()).toEqual(['Build Approved']);
  });
});

describe('a rejection', () => {
  it('is told to people and pipelines with the objection, once', async () => {
    await world.given(atVendor());
    const said = { stage: 'rejected', objection: 'No executable.', at: START } as const;
    expect(await world.hear(said)).toEqual(DONE);
    await world.hear(said);
    await world.hear({ ...said, at: START + 5 });

    const { userId, projectId } = ROUTE;
    expect(world.alerts).toEqual([
      {
        kind: 'rejected',
        build: aBuild(),
        userId,
        projectId,
        uploadId: 'upload-1',
        at: START,
        objection: said.objection,
      },
    ]);
    expect(world.events).toMatchObject([{ name: 'Build Rejected', objection: said.objection, uploadId: 'upload-1' }]);
    expect(world.outcomes()).toEqual(['rejected']);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });

  it('is told after an approval, too', async () => {
    await world.given(atVendor());
    await world.hear({ stage: 'approved' });
    await world.hear({ stage: 'rejected' });
    expect(world.eventNames()).toEqual(['Build Approved', 'Build Rejected']);
    expect(world.alerts).toMatchObject([{ kind: 'rejected', objection: '' }]);
  });

  it('comes back after a minute, as often as people can’t be told, and nothing else is told before', async () => {
    await world.given(atVendor());
    world.topicIsDown = true;
    for (let receive = 1; receive <= 3; receive++) {
      expect(await world.hear({ stage: 'rejected', at: START }, receive)).toEqual({
        kind: 'hidden',
        until: world.now + MINUTE_MS,
      });
      world.now += MINUTE_MS;
    }
    expect(world.eventNames()).toEqual([]);
    expect(world.entry()).toMatchObject({ state: 'rejected', pendingNotification: 'rejected' });

    world.topicIsDown = false;
    expect(await world.hear({ stage: 'rejected', at: START }, 4)).toEqual(DONE);
    expect(world.alerts).toHaveLength(1);
    expect(world.eventNames()).toEqual(['Build Rejected']);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });
});

describe('a worker that ends between the record of an end and the telling', () => {
  it.each(['approved', 'rejected'] as const)('leaves it to the next: %s', async (stage) => {
    await world.given(atVendor('upload-1', aBuild(), ON_APPROVAL));
    // Find, read, write; then the note of the webhook.
    world.crashAtTableCall(4);
    await expect(world.hear({ stage, at: START })).rejects.toThrow(Crash);
    expect(world.entry()).toMatchObject({ state: stage, pendingNotification: stage });
    expect([world.alerts, world.events, world.queued]).toEqual([[], [], []]);

    world.revive();
    world.now += 6 * MINUTE_MS;
    expect(await world.hear({ stage, at: START }, 2)).toEqual(DONE);
    expect(world.eventNames()).toEqual([stage === 'approved' ? 'Build Approved' : 'Build Rejected']);
    expect(world.queued).toHaveLength(stage === 'approved' ? 1 : 0);
    expect(world.alerts).toHaveLength(stage === 'approved' ? 0 : 1);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });

  it('leaves it to the next, although the message came up twice while it was about to tell', async () => {
    await world.given(atVendor());
    world.crashAtTableCall(4);
    await expect(world.hear({ stage: 'rejected', at: START })).rejects.toThrow(Crash);

    world.revive();
    world.now += 1_000;
    const disposition = await world.hear({ stage: 'rejected', at: START }, 2);
    // Done would take the message out of the queue for good.
    expect(disposition.kind).toBe('hidden');
    expect(world.alerts).toEqual([]);

    world.now = disposition.kind === 'hidden' ? disposition.until : 0;
    expect(await world.hear({ stage: 'rejected', at: START }, 3)).toEqual(DONE);
    expect(world.alerts).toHaveLength(1);
  });

  it('tells twice rather than never where it ended before it could write that down', async () => {
    await world.given(atVendor());
    world.onEvent = () => world.crashAtTableCall(1);
    await expect(world.hear({ stage: 'rejected', at: START })).rejects.toThrow(Crash);
    expect(world.alerts).toHaveLength(1);

    world.revive();
    world.now += 6 * MINUTE_MS;
    await world.hear({ stage: 'rejected', at: START }, 2);
    expect(world.alerts).toHaveLength(2);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });
});

describe('other messages', () => {
  it('of the dashboard’s test say that the webhook is set up', async () => {
    const message = { kind: 'webhook-test', projectId: ROUTE.projectId, receivedAt: START } as const;
    expect(await world.handle(message)).toEqual(DONE);
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
    '{"kind":"release","build":"b","uploadId":"u","order":"o","by":"nobody","requestedAt":1}',
    '{"source":"streampixel-drop","detail-type":"Build Skipped","detail":{"uploadId":"u","build":{"id":"b"}}}',
    '{"source":"somebody","detail-type":"Build Submitted","detail":{"uploadId":"u","build":{"id":"b"}}}',
  ])('that are none of the queue stay for the dead-letter queue, and none of their words is told: %s', async (body) => {
    await expect(world.handle(body)).rejects.toThrow(/^The message is not one of the follow queue\.$/);
  });
});
