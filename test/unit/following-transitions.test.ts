import { describe, expect, it } from 'vitest';
import { createS3BuildStore } from '../../functions/adapters/s3-build-store.ts';
import {
  acceptedAfterAll,
  calledAt,
  furthestStage,
  isAnswerLost,
  isAtStreampixel,
  isUrlOf,
  releaseChanged,
  requestOfApproval,
  requestRelease,
  watchOf,
  withNews,
} from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import { STAGES, type Stage, type WebhookNotice } from '../../functions/domain/model/news.ts';
import {
  answerLost,
  deadLettered,
  submitted,
  submittedAgain,
} from '../../functions/domain/model/submission-transitions.ts';
import { fc } from '../support/fast-check.ts';
import { aNotice, atVendor, beingSubmitted, HOUR_MS, MINUTE_MS } from '../support/follow-world.ts';
import { aBuild, START } from '../support/world.ts';

/** The entry after these webhooks, one a second; one without news leaves it as it is. */
function withReports(entry: LedgerEntry, ...notices: Partial<WebhookNotice>[]): LedgerEntry {
  return notices.reduce((current, changes, n) => {
    const at = START + n * 1_000;
    return withNews(current, aNotice({ at, ...changes }), at, at) ?? current;
  }, entry);
}

const stages = (entry: LedgerEntry) => entry.news?.map(({ stage }) => stage);

describe('a build', () => {
  it('is at Streampixel once it has an upload id there, and while it is not dead-lettered', () => {
    const { uploadId: _, ...without } = atVendor();
    expect(isAtStreampixel(atVendor())).toBe(true);
    expect(isAtStreampixel(without)).toBe(false);
    expect(isAtStreampixel({ ...atVendor(), state: 'dead-lettered' })).toBe(false);
  });
});

describe('what webhooks report of a build', () => {
  it('is kept in the order of the stages, in whatever order it arrives', () => {
    const entry = withReports(atVendor(), { stage: 'saving' }, { stage: 'uploaded' }, { stage: 'extracting' });
    expect(stages(entry)).toEqual(['uploaded', 'extracting', 'saving']);
    expect(furthestStage(entry)).toBe('saving');
    expect(entry.state).toBe('submitted');
  });

  it('is no stage without a webhook', () => {
    expect(furthestStage(atVendor())).toBeUndefined();
    expect(furthestStage({ news: [] })).toBeUndefined();
  });

  it('approves it once, in its history too, and is still to be notified', () => {
    const entry = withReports(atVendor(), { stage: 'approved' });
    expect(entry).toMatchObject({
      state: 'approved',
      pendingNotification: 'approved',
      news: [{ stage: 'approved', at: START }],
    });
    expect(entry.history.at(-1)).toEqual({ at: START, state: 'approved' });
  });

  it.each(['submitted', 'approved', 'released'] as const)('rejects it from %s, with the objection', (state) => {
    const entry = withReports({ ...atVendor(), state }, { stage: 'rejected', objection: 'No executable.' });
    expect(entry).toMatchObject({ state: 'rejected', pendingNotification: 'rejected', objection: 'No executable.' });
    expect(entry.history.at(-1)).toMatchObject({ state: 'rejected', note: 'No executable.' });
  });

  it('never withdraws a rejection', () => {
    const entry = withReports(atVendor(), { stage: 'rejected', objection: 'No.' }, { stage: 'approved' });
    expect(entry).toMatchObject({ state: 'rejected', pendingNotification: 'rejected', objection: 'No.' });
    expect(stages(entry)).toEqual(['approved', 'rejected']);
  });

  it('does not turn a released build back into an approved one', () => {
    const entry = withReports({ ...atVendor(), state: 'released' }, { stage: 'approved' });
    expect(entry.state).toBe('released');
    expect(entry).not.toHaveProperty('pendingNotification');
  });

  it('is no news a second time, unless its timestamp differs', () => {
    const once = withReports(atVendor(), { stage: 'saving', at: START });
    expect(withNews(once, aNotice({ stage: 'saving', at: START }), START + 9_000, START + 9_000)).toBeUndefined();

    const twice = withReports(once, { stage: 'saving', at: START + 5_000 }, { stage: 'saving', at: START + 3_000 });
    expect(twice.news).toEqual([{ stage: 'saving', at: START, lastAt: START + 5_000 }]);
    expect(twice.history).toEqual(once.history);
  });

  it('keeps the objection of the first rejection, in whatever order they arrive', () => {
    const first = { stage: 'rejected', at: START, objection: 'first' } as const;
    const second = { stage: 'rejected', at: START + 1, objection: 'second' } as const;
    expect(withReports(atVendor(), first, second).objection).toBe('first');
    expect(withReports(atVendor(), second, first).objection).toBe('first');
  });

  it('only shows that the build is being processed if the event is not known', () => {
    const { stage: _, ...unknown } = aNotice();
    const entry = withNews(atVendor(), unknown, START + 7_000, START + 8_000);
    expect(entry).toStrictEqual({ ...atVendor(), lastNewsAt: START + 7_000 });
    expect(
      withNews({ ...atVendor(), lastNewsAt: START + 9_000 }, unknown, START + 7_000, START + 8_000),
    ).toBeUndefined();
  });

  it('counts from when it arrived by our clock, and never back', () => {
    const late = withNews(atVendor(), aNotice({ at: START - HOUR_MS }), START + 60, START + 100) ?? atVendor();
    expect(late.lastNewsAt).toBe(START + 60);
    expect(withNews(late, aNotice({ stage: 'saving' }), START + 10, START + 200)?.lastNewsAt).toBe(START + 60);
  });

  it('never changes the entry in place', () => {
    const entry = Object.freeze(withReports(atVendor(), { stage: 'saving' }));
    Object.freeze(entry.news);
    withReports(entry, { stage: 'uploaded' }, { stage: 'rejected' });
    expect(stages(entry)).toEqual(['saving']);
  });
});

describe('a lost answer', () => {
  const lost = { code: 'AnswerLost', detail: 'ECONNRESET', at: START + 5 } as const;
  const unknown = answerLost(beingSubmitted(), START + 5, lost);
  const deadLetter = { code: 'SubmissionUnknown', detail: 'ECONNRESET', at: START + 6 } as const;

  it.each<[boolean, string, LedgerEntry, number]>([
    [true, 'whose answer never came', unknown, START],
    [true, 'that is dead-lettered after one', deadLettered(unknown, START, deadLetter, 'dead-letter-1'), START],
    [true, 'whose worker crashed in the call', beingSubmitted(), START + MINUTE_MS],
    [false, 'whose worker may still record the answer', beingSubmitted(), START + MINUTE_MS - 1],
    [
      false,
      'that was lost once and is being submitted again',
      { ...beingSubmitted(), possiblyDoubled: true },
      START + MINUTE_MS - 1,
    ],
    [false, 'that was answered', atVendor(), START + HOUR_MS],
    [false, 'that was answered after a lost one', { ...atVendor(), possiblyDoubled: true }, START + HOUR_MS],
    [
      false,
      'that Streampixel refused',
      deadLettered(beingSubmitted(), START, { ...deadLetter, code: 'ProjectNotFound' }, 'l'),
      START,
    ],
  ])('is %s of a build %s', (isLost, _, entry, now) => {
    expect(isAnswerLost(entry, now)).toBe(isLost);
  });

  it('is of a call at the last change if no failure is recorded', () => {
    const { lastFailure: _, ...entry } = unknown;
    expect(calledAt(entry)).toBe(START + 5);
  });

  it('is settled by an upload id: nothing is doubled, and the time is that of the call', () => {
    const entry = acceptedAfterAll(
      deadLettered(unknown, START, deadLetter, 'dead-letter-1'),
      'upload-7',
      START + HOUR_MS,
    );
    expect(entry).toMatchObject({
      state: 'submitted',
      uploadId: 'upload-7',
      possiblyDoubled: false,
      submittedAt: START + 6,
      updatedAt: START + HOUR_MS,
    });
    for (const field of ['reservation', 'leaseUntil', 'reason']) expect(entry).not.toHaveProperty(field);
    expect(entry.history.at(-1)?.note).toBe('accepted after all: upload id upload-7');
  });
});

describe('the URL of a build', () => {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  const presign = async (bucket: string, key: string, endpoint?: string) => {
    const store = createS3BuildStore({ credentials, clock: { now: () => START }, lifetimeS: 60, endpoint });
    return (await store.presign(aBuild({ bucket, key }))).reveal();
  };
  // Dot segments are no names in any URL.
  const key = fc
    .string({ unit: 'grapheme', maxLength: 30 })
    .map((stem) => `${stem}.zip`)
    .filter((text) => text.split('/').every((part) => part !== '.' && part !== '..'));

  it.each([
    ['at the virtual host', 'drop', undefined],
    ['in the path, where the bucket has dots', 'my.drop', undefined],
    ['in the path, at an endpoint of its own', 'drop', 'http://127.0.0.1:4566'],
  ])('is known however its key is encoded, %s', async (_, bucket, endpoint) => {
    await fc.assert(
      fc.asyncProperty(key, key, async (mine, other) => {
        const url = await presign(bucket, mine, endpoint);
        const { origin, pathname } = new URL(url);
        expect(isUrlOf({ bucket, key: mine }, url)).toBe(true);
        expect(isUrlOf({ bucket, key: mine }, `${origin}${pathname}`)).toBe(true);
        expect(isUrlOf({ bucket, key: other }, url)).toBe(mine === other);
        expect(isUrlOf({ bucket: 'other-bucket', key: mine }, url)).toBe(false);
      }),
    );
  });

  it('is that of the distribution it was given, and of no other', () => {
    const [mine, url] = [{ bucket: 'drop', key: 'drop/a b.zip' }, 'https://d1.cloudfront.net/drop/a%20b.zip'];
    const given = (host: string, delivery: 's3' | 'cloudfront' = 'cloudfront') => ({ host, delivery });
    expect(isUrlOf(mine, url, given('d1.cloudfront.net'))).toBe(true);
    expect(isUrlOf({ ...mine, key: 'a b.zip' }, url, given('d1.cloudfront.net'))).toBe(false);
    expect(isUrlOf(mine, url, given('d2.cloudfront.net'))).toBe(false);
    expect(isUrlOf(mine, url, given('d1.cloudfront.net', 's3'))).toBe(false);
    // The answer that was lost may be that of an earlier call, with a URL of the bucket.
    expect(isUrlOf(mine, 'https://drop.s3.eu-central-1.amazonaws.com/drop/a%20b.zip', given('d1'))).toBe(true);
  });

  it.each([
    ['spaces and plus', 'a b+c.zip', 'a%20b%2Bc.zip'],
    ['percent signs', '100%25.zip', '100%2525.zip'],
    ['umlauts', 'ü.zip', '%C3%BC.zip'],
    ['a slash at the front', '/a.zip', '/a.zip'],
    ['an encoded slash', 'games/a.zip', 'games%2Fa.zip'],
    ['a question mark', 'what?.zip', 'what%3F.zip'],
  ])('is that of its key with %s', (_, name, path) => {
    expect(isUrlOf({ bucket: 'drop', key: name }, `https://drop.s3.eu-central-1.amazonaws.com/${path}`)).toBe(true);
  });

  it.each([
    ['no URL', 'drop/a.zip'],
    ['nothing', ''],
    ['a path that can’t be decoded', 'https://drop.s3.amazonaws.com/a.zip%E0%A4%A'],
    ['the key in the query', 'https://drop.s3.amazonaws.com/?/a.zip'],
    ['the key in the fragment', 'https://drop.s3.amazonaws.com/#/a.zip'],
    ['the bucket as a user', 'https://drop.s3@evil.example/a.zip'],
    ['the bucket at the end of a host', 'https://evil-drop.s3.amazonaws.com/a.zip'],
    ['the beginning of a bucket', 'https://dro.s3.amazonaws.com/a.zip'],
    ['a longer bucket', 'https://dropped.s3.amazonaws.com/a.zip'],
    ['a longer path', 'https://drop.s3.amazonaws.com/b/a.zip'],
    ['a key in another case', 'https://drop.s3.amazonaws.com/A.zip'],
    ['another scheme without a host', 'data:/a.zip'],
    ['a path that climbs', 'https://drop.s3.amazonaws.com/x/%2e%2e/drop/a.zip'],
  ])('is not %s', (_, url) => {
    expect(isUrlOf(aBuild(), url)).toBe(false);
  });

  it('is not that of a key which starts like the bucket', () => {
    const url = 'https://games.s3.eu-central-1.amazonaws.com/games/a.zip';
    expect(isUrlOf({ bucket: 'games', key: 'games/a.zip' }, url)).toBe(true);
    expect(isUrlOf({ bucket: 'games', key: 'a.zip' }, url)).toBe(false);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.webUrl()), (url) => isUrlOf(aBuild(), url) || true));
  });
});

describe('a release request', () => {
  const request: Pick<Release, 'by' | 'requestId' | 'requestedAt' | 'uploadId'> = {
    by: 'person',
    requestId: 'release-1',
    requestedAt: START,
    uploadId: 'upload-1',
  };
  const entry = { ...atVendor(), state: 'approved' as const };

  it('is taken once, however late its duplicate arrives', () => {
    const taken = requestRelease(entry, request, START);
    expect(taken?.release).toEqual({ ...request, state: 'requested', attempts: 0 });
    expect(taken?.entry).toMatchObject({ state: 'approved', release: taken?.release, releaseRequests: ['release-1'] });
    expect(taken?.entry.history.at(-1)?.note).toBe('release of upload-1 requested by person');

    const second = requestRelease(taken?.entry ?? entry, { ...request, requestId: 'release-2' }, START + 1);
    expect(second?.release).toMatchObject({ requestId: 'release-2', state: 'requested' });
    expect(requestRelease(second?.entry ?? entry, request, START + 2)).toBeUndefined();
  });

  it('is remembered for the last twenty', () => {
    let current: LedgerEntry = entry;
    for (let n = 1; n <= 25; n++) {
      current = requestRelease(current, { ...request, requestId: `release-${n}` }, START)?.entry ?? current;
    }
    expect(current.releaseRequests).toHaveLength(20);
    expect(current.releaseRequests?.at(-1)).toBe('release-25');
  });

  it('leaves the state of the build as it is, in the history too', () => {
    const request = { requestId: 'release-1', uploadId: 'upload-1', by: 'person', requestedAt: START } as const;
    const entry = requestRelease({ ...atVendor(), state: 'approved' }, request, START)?.entry;
    expect(entry?.state).toBe('approved');
    expect(entry?.history.at(-1)).toMatchObject({ at: START, state: 'approved' });
  });

  it('has one id for each upload that is approved', () => {
    expect(requestOfApproval('upload-1')).toBe(requestOfApproval('upload-1'));
    expect(requestOfApproval('upload-1')).not.toBe(requestOfApproval('upload-2'));
  });

  const reservation = { slot: START + 1_000, pushed: 0 };
  const calling: Release = { ...request, state: 'calling', attempts: 0, reservation, leaseUntil: START + MINUTE_MS };

  it('has its slot and its lease while it is in flight, and only its slot while it waits', () => {
    expect(releaseChanged(entry, calling, START, 'calls').release).toEqual(calling);
    const waiting = releaseChanged(entry, { ...calling, state: 'requested' }, START, 'waits').release;
    expect(waiting).toEqual({ ...request, state: 'requested', attempts: 0, reservation });
  });

  it.each(['released', 'failed'] as const)('has neither once it is %s', (state) => {
    const { release } = releaseChanged(entry, { ...calling, state }, START + 5, 'finished');
    expect(release).toEqual({ ...request, state, attempts: 0, endedAt: START + 5 });
  });

  it.each<[string, LedgerEntry, Partial<Release>, LedgerEntry['state']]>([
    ['an approved build', entry, {}, 'released'],
    ['a build that is not approved yet', atVendor(), {}, 'released'],
    ['a rejected build', { ...entry, state: 'rejected' }, {}, 'rejected'],
    ['a former upload', entry, { uploadId: 'upload-0' }, 'approved'],
    [
      'a former upload of a build that is being submitted again',
      { ...beingSubmitted(), formerUploadIds: ['upload-1'] },
      {},
      'submitting',
    ],
    ['a build, which failed', entry, { state: 'failed' }, 'approved'],
  ])('of %s sets the right state', (_, before, changes, state) => {
    const next = releaseChanged(before, { ...calling, state: 'released', ...changes }, START, 'note');
    expect(next.state).toBe(state);
    expect(next.history.at(-1)).toEqual({ at: START, state, note: 'note' });
  });
});

describe('a build that is submitted again', () => {
  it('has no news, and keeps its former upload ids and the release requests it has taken', () => {
    const request = { by: 'person', requestId: 'release-1', requestedAt: START, uploadId: 'upload-1' } as const;
    const before = {
      ...(requestRelease(withReports(atVendor(), { stage: 'rejected', objection: 'No.' }), request, START)?.entry ??
        atVendor()),
      lateAt: START,
      stuckAt: START,
      fileUrlEndedAt: START,
    };
    const again = submittedAgain(before, START + 9, 'request-1');

    expect(again).toMatchObject({ state: 'waiting', formerUploadIds: ['upload-1'], releaseRequests: ['release-1'] });
    for (const field of [
      'uploadId',
      'submittedAt',
      'news',
      'lastNewsAt',
      'objection',
      'lateAt',
      'stuckAt',
      'fileUrlEndedAt',
      'pendingNotification',
      'release',
    ]) {
      expect(again).not.toHaveProperty(field);
    }
    expect(submittedAgain(submitted(again, START + 10, 'upload-2'), START + 11, 'request-2').formerUploadIds).toEqual([
      'upload-1',
      'upload-2',
    ]);
  });

  it('keeps the last ten of its former upload ids', () => {
    let entry = atVendor('upload-0');
    for (let n = 1; n <= 12; n++) entry = submitted(submittedAgain(entry, START, `r${n}`), START, `upload-${n}`);
    expect(entry.formerUploadIds).toHaveLength(10);
    expect(entry.formerUploadIds?.at(-1)).toBe('upload-11');
  });
});

describe('the watch over a build', () => {
  const patience = { lateAfterMs: HOUR_MS, stuckAfterMs: 2 * HOUR_MS };
  const lateFrom = START + HOUR_MS;
  const stuckFrom = START + 2 * HOUR_MS;
  const withUrl = (until: number): LedgerEntry => ({
    ...atVendor(),
    fileUrl: { delivery: 'cloudfront', until, host: 'd1.cloudfront.net' },
  });

  it('notices the end of the URL, at once and once, also of a build that is stuck', () => {
    const entry = { ...withUrl(stuckFrom + 5), stuckAt: stuckFrom };
    expect(watchOf(entry, stuckFrom, patience)).toEqual({ kind: 'asleep', until: stuckFrom + 5 });
    expect(watchOf(entry, stuckFrom + 5, patience)).toEqual({ kind: 'url-ended' });
    expect(watchOf({ ...entry, fileUrlEndedAt: stuckFrom + 5 }, stuckFrom + 5, patience)).toEqual({ kind: 'over' });
    expect(watchOf({ ...entry, state: 'approved' }, stuckFrom + 5, patience)).toEqual({ kind: 'over' });
  });

  const watch = (changes: Partial<LedgerEntry>, now: number) => watchOf({ ...atVendor(), ...changes }, now, patience);

  it('sleeps until the build is late, then until it is stuck', () => {
    expect(watch({}, START)).toEqual({ kind: 'asleep', until: lateFrom });
    expect(watch({}, lateFrom - 1)).toEqual({ kind: 'asleep', until: lateFrom });
    expect(watch({}, lateFrom)).toEqual({ kind: 'late', next: stuckFrom });
    expect(watch({ lateAt: lateFrom }, lateFrom)).toEqual({ kind: 'asleep', until: stuckFrom });
    expect(watch({ lateAt: lateFrom }, stuckFrom - 1)).toEqual({ kind: 'asleep', until: stuckFrom });
    expect(watch({ lateAt: lateFrom }, stuckFrom)).toEqual({ kind: 'stuck' });
  });

  it('calls it stuck by the time since the last news, and late by the time since its submission', () => {
    const lastNewsAt = START + 90 * MINUTE_MS;
    expect(watch({ lastNewsAt }, lateFrom)).toEqual({ kind: 'late', next: lastNewsAt + 2 * HOUR_MS });
    expect(watch({ lastNewsAt, lateAt: lateFrom }, stuckFrom)).toEqual({
      kind: 'asleep',
      until: lastNewsAt + 2 * HOUR_MS,
    });
    expect(watch({ lastNewsAt }, lastNewsAt + 2 * HOUR_MS)).toEqual({ kind: 'stuck' });
  });

  it('calls it stuck at once after a long sleep, and never late if stuck is due first', () => {
    expect(watch({}, stuckFrom + HOUR_MS)).toEqual({ kind: 'stuck' });
    const hasty = { lateAfterMs: 3 * HOUR_MS, stuckAfterMs: HOUR_MS };
    expect(watchOf(atVendor(), START, hasty)).toEqual({ kind: 'asleep', until: START + HOUR_MS });
    expect(watchOf(atVendor(), START + HOUR_MS, hasty)).toEqual({ kind: 'stuck' });
  });

  it.each<[string, Partial<LedgerEntry>]>([
    ['approved', { state: 'approved' }],
    ['released', { state: 'released' }],
    ['rejected', { state: 'rejected' }],
    ['notified as stuck', { stuckAt: stuckFrom }],
    ['to be submitted again', { state: 'waiting' }],
    ['dead-lettered', { state: 'dead-lettered' }],
  ])('is over once it is %s', (_, changes) => {
    expect(watch(changes, stuckFrom)).toEqual({ kind: 'over' });
  });

  it('never sleeps into the past nor past the end of the URL, and always ends', () => {
    const ms = fc.integer({ min: 1, max: 6 * HOUR_MS });
    fc.assert(
      fc.property(ms, ms, ms, fc.array(ms, { maxLength: 5 }), (lateAfterMs, stuckAfterMs, lifetime, news) => {
        let now = START;
        let entry = withUrl(START + lifetime);
        for (let visit = 0; visit < 20; visit++) {
          const due = watchOf(entry, now, { lateAfterMs, stuckAfterMs });
          if (due.kind === 'over') {
            expect([entry.stuckAt, entry.fileUrlEndedAt]).toEqual([expect.any(Number), expect.any(Number)]);
            return;
          }
          if (due.kind === 'stuck') entry = { ...entry, stuckAt: now };
          if (due.kind === 'url-ended') entry = { ...entry, fileUrlEndedAt: now };
          if (due.kind === 'stuck' || due.kind === 'url-ended') continue;
          const until = due.kind === 'asleep' ? due.until : due.next;
          expect(until).toBeGreaterThan(due.kind === 'asleep' ? now : now - 1);
          if (entry.fileUrlEndedAt === undefined) expect(until).toBeLessThanOrEqual(START + lifetime);
          const isNews = news[visit] !== undefined;
          entry = {
            ...entry,
            ...(due.kind === 'late' ? { lateAt: now } : {}),
            ...(isNews ? { lastNewsAt: now } : {}),
          };
          now = until;
        }
        expect.fail('it never ends');
      }),
    );
  });

  it.each([...STAGES])('is over with news of %s only if that is an outcome', (stage: Stage) => {
    const entry = withReports(atVendor(), { stage });
    expect(watchOf(entry, START, patience).kind).toBe(stage === 'approved' || stage === 'rejected' ? 'over' : 'asleep');
  });

  it('counts from the last change if it is not recorded when the build was submitted', () => {
    const { submittedAt: _, ...rest } = atVendor();
    expect(watchOf({ ...rest, updatedAt: START + 7 }, START, patience)).toEqual({
      kind: 'asleep',
      until: lateFrom + 7,
    });
  });
});
