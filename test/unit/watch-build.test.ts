import { beforeEach, describe, expect, it } from 'vitest';
import { buildId } from '../../functions/domain/model/build.ts';
import { answerLost, opened, submittedAgain } from '../../functions/domain/model/submission-transitions.ts';
import { EVENT_SOURCE } from '../../functions/domain/model/telemetry.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import {
  atVendor,
  beingSubmitted,
  Crash,
  FollowWorld,
  HOUR_MS,
  LATE_AFTER_MS,
  MINUTE_MS,
  ON_APPROVAL,
  STUCK_AFTER_MS,
} from '../support/follow-world.ts';
import { aBuild, found, ROUTE, START } from '../support/world.ts';

let world: FollowWorld;
beforeEach(async () => {
  world = new FollowWorld();
});

const DONE = { kind: 'done' };
const LATE_FROM = START + LATE_AFTER_MS;
const STUCK_FROM = START + STUCK_AFTER_MS;
const asleepUntil = (until: number) => ({ kind: 'hidden', until });
const { projectId } = ROUTE;

/** Lets the watch sleep until it is done, and returns the instants at which it was awake. */
async function watchUntilDone(): Promise<number[]> {
  const awake = [];
  for (let receive = 1; receive <= 20; receive++) {
    awake.push(world.now);
    const disposition = await world.watch(undefined, undefined, receive);
    if (disposition.kind === 'done') return awake;
    expect(disposition.until).toBeGreaterThan(world.now);
    world.now = disposition.until;
  }
  throw new Error('the watch does not end');
}

describe.each(['s3', 'cloudfront'] as const)('the watch over a build with a URL of %s', (delivery) => {
  const ends = START + 24 * HOUR_MS;
  const fileUrl = { delivery, until: ends, host: 'd1.cloudfront.net' };
  const count = (name: string) => world.metrics.filter((metric) => metric.name === name).length;
  beforeEach(async () => {
    await world.given({ ...atVendor(), fileUrl });
    await world.ledger.noteWebhook(projectId, 'lastWebhookAt', START - HOUR_MS);
  });

  it('goes on in a new message once the build is stuck, which may be kept until the URL ends', async () => {
    expect(await watchUntilDone()).toEqual([START, LATE_FROM, STUCK_FROM]);
    expect(world.queued).toEqual([{ kind: 'watch', build: 'drop/a.zip@v1', uploadId: 'upload-1' }]);
    expect(await watchUntilDone()).toEqual([STUCK_FROM, ends]);
    expect(world.alerts).toMatchObject([
      { kind: 'stuck', fileUrl },
      { kind: 'url-ended', at: ends, submittedAt: START, uploadId: 'upload-1', fileUrl },
    ]);
    expect(count('FileUrlsEnded')).toBe(1);
    expect(world.loggedEvents()).toEqual(['build-late', 'build-stuck', 'file-url-ended']);
    expect(world.entry()).toMatchObject({ state: 'submitted', fileUrlEndedAt: ends });

    world.now += HOUR_MS;
    expect(await world.watch()).toEqual(DONE);
    expect(world.alerts).toHaveLength(2);
  });

  it('says so before it is stuck, too, and goes on', async () => {
    world.now = ends - MINUTE_MS;
    await world.receiveWebhook({ stage: 'downloading' });
    world.now = ends;
    expect(await world.watch()).toMatchObject({ kind: 'hidden' });
    expect(world.alerts).toMatchObject([{ kind: 'url-ended', stage: 'downloading' }]);
    world.now = ends - MINUTE_MS + STUCK_AFTER_MS;
    expect(await world.watch()).toEqual(DONE);
    expect(world.alerts.map(({ kind }) => kind)).toEqual(['url-ended', 'stuck']);
    expect(world.queued).toEqual([]);
  });

  it('is over once the build is finished, or submitted again with a new URL', async () => {
    await world.receiveWebhook({ stage: 'approved' });
    world.now = ends;
    expect(await world.watch()).toEqual(DONE);
    expect(count('FileUrlsEnded')).toBe(0);
  });

  it('tries again where people could not be notified', async () => {
    await world.given({ ...world.entry(), stuckAt: STUCK_FROM });
    world.now = ends;
    world.topicIsDown = true;
    expect(await world.watch()).toEqual(asleepUntil(ends + MINUTE_MS));
    expect([count('FileUrlsEnded'), world.entry().fileUrlEndedAt]).toEqual([0, undefined]);
    world.topicIsDown = false;
    expect(await world.watch()).toEqual(DONE);
    expect(world.alerts).toHaveLength(1);
  });
});

describe('the watch over a build', () => {
  beforeEach(async () => {
    await world.given(atVendor());
    await world.ledger.noteWebhook(projectId, 'lastWebhookAt', START - HOUR_MS);
  });

  it('is awake three times, calls the build late once and stuck once, and ends', async () => {
    expect(await watchUntilDone()).toEqual([START, LATE_FROM, STUCK_FROM]);
    expect(world.outcomes()).toEqual(['late', 'stuck']);
    expect(world.loggedEvents()).toEqual(['build-late', 'build-stuck']);
    expect(world.alerts).toEqual([
      {
        kind: 'stuck',
        build: aBuild(),
        userId: ROUTE.userId,
        projectId,
        uploadId: 'upload-1',
        at: STUCK_FROM,
        submittedAt: START,
      },
    ]);
    expect(world.events).toMatchObject([
      { name: 'Build Stuck', uploadId: 'upload-1', stage: null, lastNewsAt: new Date(START).toISOString() },
    ]);
    expect(world.entry()).toMatchObject({ state: 'submitted', lateAt: LATE_FROM, stuckAt: STUCK_FROM });
    expect(world.entry().history.at(-1)?.note).toBe('no news for too long');
  });

  it('sends no alert for a build that is only late', async () => {
    world.now = LATE_FROM;
    expect(await world.watch()).toEqual(asleepUntil(STUCK_FROM));
    expect([world.alerts, world.events]).toEqual([[], []]);
    expect(await world.watch()).toEqual(asleepUntil(STUCK_FROM));
    expect(world.outcomes()).toEqual(['late']);
  });

  it('sends one alert for a stuck build', async () => {
    await watchUntilDone();
    world.now += 10 * HOUR_MS;
    expect(await world.watch()).toEqual(DONE);
    expect(world.alerts).toHaveLength(1);
  });

  it('waits for the whole time again after each webhook, and names the last one', async () => {
    world.now = STUCK_FROM - MINUTE_MS;
    await world.receiveWebhook({ stage: 'extracting' });
    const lastWebhookAt = world.now;
    world.now = STUCK_FROM;
    expect(await world.watch()).toEqual(asleepUntil(lastWebhookAt + STUCK_AFTER_MS));
    expect(world.alerts).toEqual([]);

    world.now = lastWebhookAt + STUCK_AFTER_MS;
    expect(await world.watch()).toEqual(DONE);
    expect(world.alerts).toMatchObject([{ kind: 'stuck', stage: 'extracting', lastNewsAt: lastWebhookAt }]);
    expect(world.events).toMatchObject([{ stage: 'extracting', lastNewsAt: new Date(lastWebhookAt).toISOString() }]);
  });

  it('counts an unknown event as news', async () => {
    world.now = STUCK_FROM - MINUTE_MS;
    const notice = { projectId, uploadId: 'upload-1', at: world.now };
    await world.handle({ kind: 'webhook', notice, receivedAt: world.now });
    world.now = STUCK_FROM;
    expect(await world.watch()).toEqual(asleepUntil(STUCK_FROM - MINUTE_MS + STUCK_AFTER_MS));
  });

  it.each(['approved', 'rejected'] as const)('ends with the build: %s', async (stage) => {
    await world.receiveWebhook({ stage });
    const { revision } = world.entry();
    world.now = LATE_FROM;
    expect(await world.watch()).toEqual(DONE);
    expect(world.entry().revision).toBe(revision);
    expect(world.alerts).toHaveLength(stage === 'rejected' ? 1 : 0);
    expect(world.eventNames()).toHaveLength(1);
  });

  it('ends without an alert if the build was submitted again, because that submission has its own watch', async () => {
    const again = submittedAgain(world.entry(), START, 'request-1');
    await world.given(again);
    world.now = STUCK_FROM;
    expect(await world.watch()).toEqual(DONE);
    await world.given({ ...atVendor('upload-2'), revision: world.entry().revision });
    expect(await world.watch()).toEqual(DONE);
    expect(world.outcomes()).toEqual([]);
    expect(await world.watch(undefined, 'upload-2')).toEqual(DONE);
    expect(world.outcomes()).toEqual(['stuck']);
  });

  it('marks no other upload of the build as late or stuck', async () => {
    world.now = STUCK_FROM;
    const again = { ...submittedAgain(world.entry(), START, 'request-1'), revision: world.entry().revision };
    world.onEvent = () => void world.ledger.save(again);
    await world.watch();
    expect(world.entry()).toMatchObject({ state: 'waiting' });
    expect(world.entry()).not.toHaveProperty('stuckAt');
  });

  it('comes back after a minute if people can’t be notified of a stuck build', async () => {
    world.now = STUCK_FROM;
    world.topicIsDown = true;
    expect(await world.watch()).toEqual(asleepUntil(STUCK_FROM + MINUTE_MS));
    expect(world.events).toEqual([]);
    expect(world.entry()).not.toHaveProperty('stuckAt');

    world.now += MINUTE_MS;
    world.topicIsDown = false;
    expect(await world.watch()).toEqual(DONE);
    expect(world.alerts).toHaveLength(1);
    expect(world.outcomes()).toEqual(['stuck']);
  });

  it('causes a second alert, not a missing one, if the worker crashed before the record', async () => {
    world.now = STUCK_FROM;
    world.onEvent = () => world.crashAtTableCall(1);
    await expect(world.watch()).rejects.toThrow(Crash);
    world.revive();
    expect(await world.watch(undefined, undefined, 2)).toEqual(DONE);
    expect(world.alerts).toHaveLength(2);
    expect(world.entry()).toHaveProperty('stuckAt');
  });

  it('notifies of an outcome if the worker that recorded it crashed before it could', async () => {
    world.crashAtTableCall(4);
    await expect(world.receiveWebhook({ stage: 'rejected' })).rejects.toThrow(Crash);
    world.revive();
    const recordedAt = world.now;

    // Right after the record the other worker may still be notifying.
    const disposition = await world.watch();
    expect(disposition.kind).toBe('hidden');
    expect(world.alerts).toEqual([]);

    world.now = disposition.kind === 'hidden' ? disposition.until : 0;
    expect(world.now - recordedAt).toBeLessThanOrEqual(MINUTE_MS);
    expect(await world.watch()).toEqual(DONE);
    expect(world.alerts).toMatchObject([{ kind: 'rejected' }]);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });

  it('ends if the ledger does not know the build', async () => {
    expect(await world.watch('drop/none.zip@v1')).toEqual(DONE);
  });

  it('leaves the message in the queue where the table does not answer', async () => {
    world.onTableCall = () => {
      throw new LedgerUnavailable('throttled');
    };
    await expect(world.watch()).rejects.toThrow(LedgerUnavailable);
  });
});

describe('a webhook that has never sent anything', () => {
  const second = atVendor('upload-2', aBuild({ key: 'b.zip' }));
  const third = atVendor('upload-3', aBuild({ key: 'c.zip' }), { ...ROUTE, projectId: 'ffffffffffffffffffffffff' });

  beforeEach(async () => {
    for (const entry of [atVendor(), second, third]) await world.given(entry);
    world.now = STUCK_FROM;
  });

  it('causes one alert per project, and no alert on a stuck build', async () => {
    expect(await world.watch()).toEqual(DONE);
    world.now += MINUTE_MS;
    expect(await world.watch(second.id, 'upload-2')).toEqual(DONE);
    expect(await world.watch(third.id, 'upload-3')).toEqual(DONE);

    expect(world.alerts).toMatchObject([
      { kind: 'webhook-silent', projectId, uploadId: 'upload-1' },
      { kind: 'webhook-silent', projectId: 'ffffffffffffffffffffffff', uploadId: 'upload-3' },
    ]);
    // A pipeline that waits for a build's outcome gets an event for each build.
    expect(world.events.map((event) => [event.name, 'uploadId' in event && event.uploadId])).toEqual(
      ['upload-1', 'upload-2', 'upload-3'].map((uploadId) => ['Build Stuck', uploadId]),
    );
    expect(world.outcomes()).toEqual(['stuck', 'stuck', 'stuck']);
    expect(world.loggedEvents()).toEqual(['webhook-silent', 'webhook-silent', 'webhook-silent']);
    for (const { build } of [second, third]) expect(world.entry(build)).toHaveProperty('stuckAt');
  });

  it('causes the alert a minute later if people could not be notified', async () => {
    world.topicIsDown = true;
    expect(await world.watch()).toEqual(asleepUntil(STUCK_FROM + MINUTE_MS));
    world.topicIsDown = false;
    world.now += MINUTE_MS;
    expect(await world.watch()).toEqual(DONE);
    expect(world.alerts).toHaveLength(1);
  });

  it.each([
    ['a test', 'webhook-test'],
    ['an upload by hand', 'webhook'],
  ] as const)('has sent something after %s: the build is stuck', async (_, kind) => {
    const notice = { projectId, uploadId: 'by-hand', at: START };
    const message = kind === 'webhook' ? { kind, notice, receivedAt: START } : { kind, projectId, receivedAt: START };
    await world.handle(message, { receiveCount: 4 });
    await world.watch();
    expect(world.alerts).toMatchObject([{ kind: 'stuck' }]);
    expect(world.eventNames()).toEqual(['Build Stuck']);
  });

  it('counts for its own project only', async () => {
    await world.handle({ kind: 'webhook-test', projectId: 'ffffffffffffffffffffffff', receivedAt: START });
    await world.watch();
    expect(world.alerts).toMatchObject([{ kind: 'webhook-silent' }]);
  });

  it('works once it has sent something: the next build is called stuck', async () => {
    await world.watch();
    await world.handle({ kind: 'webhook-test', projectId, receivedAt: world.now });
    await world.watch(second.id, 'upload-2');
    expect(world.alerts.map(({ kind }) => kind)).toEqual(['webhook-silent', 'stuck']);
  });
});

describe('Streampixel’s list of builds', () => {
  beforeEach(async () => {
    await world.given(atVendor());
    await world.ledger.noteWebhook(projectId, 'lastWebhookAt', START - HOUR_MS);
    world.settings = { ...world.settings, reconcile: true };
    world.now = LATE_FROM;
  });

  it('is not asked if the settings don’t say so, nor before a build is late', async () => {
    world.now = START;
    await world.watch();
    expect(world.filesAsked).toBe(0);
    world.settings = { ...world.settings, reconcile: false };
    world.now = STUCK_FROM;
    await world.watch();
    expect(world.filesAsked).toBe(0);
    expect(world.alerts).toHaveLength(1);
  });

  it('brings an approval that no webhook reported', async () => {
    world.projectHas({ status: 'Approved', at: START + 20 * MINUTE_MS });
    expect(await world.watch()).toEqual(DONE);
    expect(world.entry()).toMatchObject({
      state: 'approved',
      news: [{ stage: 'approved', at: START + 20 * MINUTE_MS }],
    });
    expect(world.eventNames()).toEqual(['Build Approved']);
    expect(world.outcomes()).toEqual(['approved']);
  });

  it('causes a release request, as a webhook would', async () => {
    const build = aBuild({ key: 'b.zip' });
    world.settings = { ...world.settings, routes: [ON_APPROVAL] };
    await world.given(atVendor('upload-2', build, ON_APPROVAL));
    world.projectHas({ uploadId: 'upload-2', status: 'Approved' });
    expect(await world.watch(buildId(build), 'upload-2')).toEqual(DONE);
    expect(world.queued).toMatchObject([{ kind: 'release', uploadId: 'upload-2', by: 'approval' }]);
  });

  it('brings a rejection, its objection without a signature', async () => {
    world.projectHas({ status: 'Reject', objection: `403 for https://h/a.zip?X-Amz-Signature=${'ab'.repeat(32)}` });
    await world.watch();
    expect(world.alerts).toMatchObject([{ kind: 'rejected', objection: '403 for https://h/a.zip?[query]' }]);
  });

  it('brings a rejection to people even if they can’t be notified at first', async () => {
    world.projectHas({ status: 'Reject' });
    world.topicIsDown = true;
    for (let receive = 1; receive <= 3; receive++) {
      const disposition = await world.watch(undefined, undefined, receive);
      expect(disposition.kind).toBe('hidden');
      // SQS may deliver the message up to a second early.
      world.now = (disposition.kind === 'hidden' ? disposition.until : 0) - 999;
    }
    world.topicIsDown = false;
    for (let receive = 4; receive <= 6; receive++) {
      const disposition = await world.watch(undefined, undefined, receive);
      if (disposition.kind === 'done') break;
      world.now = disposition.until;
    }
    expect(world.alerts).toMatchObject([{ kind: 'rejected' }]);
    expect(world.entry()).not.toHaveProperty('pendingNotification');
  });

  it('postpones stuck by a new stage, and not by one that is known', async () => {
    world.projectHas({ status: 'Extracting & Scanning' });
    expect(await world.watch()).toEqual(asleepUntil(LATE_FROM + STUCK_AFTER_MS));
    world.now = LATE_FROM + STUCK_AFTER_MS;
    expect(await world.watch()).toEqual(DONE);
    expect(world.outcomes()).toEqual(['late', 'stuck']);
    expect(world.alerts).toMatchObject([{ kind: 'stuck', stage: 'extracting' }]);
  });

  it.each<[string, () => void]>([
    ['does not answer as it did', () => {}],
    ['does not have the build', () => world.projectHas({ uploadId: 'upload-9', status: 'Approved' })],
    ['has a status that is not known here', () => world.projectHas({ status: 'Polishing' })],
    ['can’t be asked without a key', () => Object.assign(world, { key: { kind: 'missing', detail: 'none' } })],
    ['can’t be asked while SSM is down', () => Object.assign(world, { key: { kind: 'unavailable', detail: 'no' } })],
    ['is that of a route that no longer exists', () => Object.assign(world.settings, { routes: [] })],
  ])('stops nothing where it %s', async (_, given) => {
    world.settings = { ...world.settings };
    given();
    expect(await world.watch()).toEqual(asleepUntil(STUCK_FROM));
    world.now = STUCK_FROM;
    expect(await world.watch()).toEqual(DONE);
    expect(world.outcomes()).toEqual(['late', 'stuck']);
  });

  it('is asked with the key of the route', async () => {
    world.key = found('key-two', 2);
    await world.watch();
    expect(world.keyReads).toEqual(['read']);
    expect(world.filesAsked).toBe(1);
  });
});

describe('a submission that is not in the ledger', () => {
  it('is not called stuck because of a failure long before its call', async () => {
    const lastFailure = { code: 'VendorError', detail: 'HTTP 500', at: START - 3 * HOUR_MS } as const;
    await world.given({ ...beingSubmitted(aBuild(), ROUTE, START + MINUTE_MS), lastFailure });
    world.now = START + MINUTE_MS;
    expect(await world.watch()).toEqual(asleepUntil(START + LATE_AFTER_MS));
    expect(world.alerts).toEqual([]);
  });

  it('is recorded from its event', async () => {
    await world.given(beingSubmitted(aBuild(), ROUTE, START + MINUTE_MS));
    expect(await world.watch()).toEqual(asleepUntil(START + MINUTE_MS));
    expect(world.entry().state).toBe('submitting');

    world.now = START + MINUTE_MS;
    // From the call, and not from the failed attempt before it.
    expect(await world.watch()).toEqual(asleepUntil(START + LATE_AFTER_MS));
    expect(world.entry()).toMatchObject({ state: 'submitted', uploadId: 'upload-1', possiblyDoubled: false });
  });

  it('is recorded from the event as EventBridge delivers it', async () => {
    const failure = { code: 'AnswerLost', detail: 'reset', at: START } as const;
    await world.given(answerLost(beingSubmitted(), START, failure));
    const body = JSON.stringify({
      version: '0',
      id: 'e1',
      source: EVENT_SOURCE,
      'detail-type': 'Build Submitted',
      account: '000000000000',
      detail: {
        schemaVersion: 1,
        uploadId: 'upload-1',
        build: { id: buildId(aBuild()), bucket: 'drop', key: 'a.zip' },
      },
    });
    expect(await world.handle(body)).toEqual(asleepUntil(START + LATE_AFTER_MS));
    expect(world.entry()).toMatchObject({ state: 'submitted', uploadId: 'upload-1' });
  });

  it('is ignored if it never began, or was an earlier attempt', async () => {
    const fresh = await world.given(opened(aBuild(), START));
    expect(await world.watch()).toEqual(DONE);
    expect(world.entry()).toEqual(fresh);

    const again = submittedAgain({ ...atVendor(), possiblyDoubled: true }, START, 'request-1');
    const stored = await world.given({ ...again, revision: fresh.revision });
    expect(await world.watch()).toEqual(DONE);
    expect(world.entry()).toEqual(stored);
  });
});
