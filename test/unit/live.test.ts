import { beforeEach, describe, expect, it } from 'vitest';
import { noteUnmatched } from '../../functions/domain/follow/note-live.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import {
  type GoLive,
  type LiveRecord,
  liveBefore,
  liveSpans,
  NOTHING_LIVE,
  releasedGoLive,
  reportedGoLives,
  withFormerUpload,
  withGoLives,
  withRejected,
  withUnmatched,
} from '../../functions/domain/model/live.ts';
import type { News, Stage } from '../../functions/domain/model/news.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { answerLost, submittedAgain } from '../../functions/domain/model/submission-transitions.ts';
import { atVendor, Crash, FollowWorld, MINUTE_MS } from '../support/follow-world.ts';
import { aBuild, ROUTE, START } from '../support/world.ts';

const at = (minutes: number) => START + minutes * MINUTE_MS;
const AUTOMATIC: Route = { ...ROUTE, autoRelease: true };
const PROJECT = ROUTE.projectId;

function goLive(uploadId: string, minutes: number, changes: Partial<GoLive> = {}): GoLive {
  return { uploadId, at: at(minutes), source: 'released', by: 'person', ...changes };
}

describe('what viewers get', () => {
  const names = (...some: GoLive[]) => liveSpans(withGoLives(NOTHING_LIVE, some)).map(({ uploadId }) => uploadId);
  const before = (...some: GoLive[]) => liveBefore(withGoLives(NOTHING_LIVE, some))?.uploadId;
  const back = { stepsBack: true } as const;

  it('is the upload that went live last, each until the next', () => {
    expect(liveSpans(withGoLives(NOTHING_LIVE, [goLive('b', 2), goLive('a', 1), goLive('a', 3)]))).toEqual([
      { ...goLive('a', 1), until: at(2) },
      { ...goLive('b', 2), until: at(3) },
      goLive('a', 3),
    ]);
  });

  it('is live since the first of several reports of one go-live', () => {
    const [release, webhook] = [goLive('a', 2), goLive('a', 3, { source: 'distributing' })];
    expect(liveSpans(withGoLives(NOTHING_LIVE, [goLive('b', 1), webhook, release])).at(-1)).toEqual(release);
  });

  it('is what was live before where the upload is rejected after all, and stays so', () => {
    const rejected = withRejected(withGoLives(NOTHING_LIVE, [goLive('a', 1), goLive('b', 2)]), 'b');
    expect(liveSpans(withGoLives(rejected, [goLive('b', 3)]))).toEqual([goLive('a', 1)]);
    expect(withRejected(rejected, 'b')).toBe(rejected);
  });

  it('is the same record where nothing is new', () => {
    const record = withGoLives(NOTHING_LIVE, [goLive('a', 1)]);
    expect(withGoLives(record, [goLive('a', 1)])).toBe(record);
  });

  it('is kept for ten builds and more, and not without end', () => {
    const many = Array.from({ length: 40 }, (_, n) => goLive(`u${n}`, n));
    const kept = names(...many);
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.length).toBeLessThan(40);
    expect(kept.at(-1)).toBe('u39');
  });

  it.each([
    ['nothing before the first', [goLive('a', 1)], undefined],
    ['the one before', [goLive('a', 1), goLive('b', 2)], 'a'],
    ['the newer one after an ordinary release of an older one', [goLive('a', 1), goLive('b', 2), goLive('a', 3)], 'b'],
    [
      'the one farther back after a step back',
      [goLive('a', 1), goLive('b', 2), goLive('c', 3), goLive('b', 4, back)],
      'a',
    ],
    [
      'nothing after all steps back',
      [goLive('a', 1), goLive('b', 2), goLive('c', 3), goLive('b', 4, back), goLive('a', 5, back)],
      undefined,
    ],
    [
      'what was stepped back to, once a newer build is live',
      [goLive('a', 1), goLive('b', 2), goLive('c', 3), goLive('b', 4, back), goLive('d', 5)],
      'b',
    ],
  ] as const)('steps back to %s', (_, some, expected) => {
    expect(before(...some)).toBe(expected);
  });

  it('is nothing to step back to where nothing was live before', () => {
    expect(liveBefore(NOTHING_LIVE)).toBeUndefined();
    expect(liveBefore(withGoLives(NOTHING_LIVE, [goLive('a', 1)]))).toBeUndefined();
  });

  it('is live since the earliest time at which its approval is reported, whatever else is live', () => {
    const approved = (uploadId: string, minutes: number) => goLive(uploadId, minutes, { source: 'approved' });
    const late = withGoLives(NOTHING_LIVE, [goLive('b', 2), approved('a', 3)]);
    expect(withGoLives(late, [approved('a', 4)])).toBe(late);
    expect(liveSpans(withGoLives(late, [approved('a', 1)]))).toEqual([
      { ...approved('a', 1), until: at(2) },
      goLive('b', 2),
    ]);
  });

  it('keeps a release and the distribution that is reported for the same moment', () => {
    const both = [goLive('a', 1), goLive('a', 1, { source: 'distributing' })];
    expect(withGoLives(NOTHING_LIVE, both).goLives).toEqual(both);
    expect(withGoLives(NOTHING_LIVE, both.toReversed()).goLives).toEqual(both);
  });

  it('is the same for all workers where two uploads go live at the same time', () => {
    const some = [goLive('a', 1), goLive('b', 1), goLive('c', 1)];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [1, 0, 2],
    ]) {
      const reported = order.flatMap((index) => some[index] ?? []);
      expect(names(...reported)).toEqual(['a', 'b', 'c']);
      expect(reported.reduce((record, each) => withGoLives(record, [each]), NOTHING_LIVE).goLives).toEqual(some);
    }
  });

  it('remembers the last rejected and former uploads, and not without end', () => {
    const ids = Array.from({ length: 40 }, (_, n) => `u${n}`);
    const rejected = ids.reduce(withRejected, NOTHING_LIVE).rejected;
    const former = ids.reduce((record, id) => withFormerUpload(record, atVendor(id)), NOTHING_LIVE).former;
    for (const kept of [rejected, former.map(({ uploadId }) => uploadId)]) {
      expect(kept.length).toBeGreaterThan(10);
      expect(kept).toEqual(ids.slice(-kept.length));
      expect(kept.length).toBeLessThan(40);
    }
  });
});

describe('what webhooks have reported of a build', () => {
  const reported = (entry: LedgerEntry) =>
    reportedGoLives(entry).map(({ at: ms, by, source }) => [source, by, (ms - START) / MINUTE_MS]);
  const approved: News = { stage: 'approved', at: at(10) };
  const distributing = (first: number, last?: number): News => ({
    stage: 'distributing',
    at: at(first),
    ...(last === undefined ? {} : { lastAt: at(last) }),
  });
  const entryOf = (news: readonly News[], route = ROUTE): LedgerEntry => ({
    ...atVendor('own', aBuild(), route),
    news,
  });
  const requested: Release = {
    requestId: 'r',
    uploadId: 'own',
    by: 'person',
    requestedBy: 'alice',
    state: 'released',
    requestedAt: at(100),
    attempts: 1,
  };

  it.each<[string, LedgerEntry]>([
    ['nothing is reported', atVendor()],
    ['Streampixel distributes it without an approval', entryOf([distributing(1)], AUTOMATIC)],
    ['it is to be submitted again', { ...entryOf([approved], AUTOMATIC), state: 'waiting' }],
    ['the distribution is as old as the approval', entryOf([distributing(10), approved])],
  ])('is no go-live where %s', (_, entry) => {
    expect(reported(entry)).toEqual([]);
  });

  it('is the first and the last distribution after its approval, not that it was approved twice', () => {
    expect(reported(entryOf([{ ...approved, lastAt: at(30) }, distributing(5, 20)]))).toEqual([
      ['distributing', 'streampixel', 20],
    ]);
    expect(reported(entryOf([approved, distributing(11, 20)]))).toEqual([
      ['distributing', 'streampixel', 11],
      ['distributing', 'streampixel', 20],
    ]);
  });

  it.each([
    [9, undefined],
    [10, undefined],
    [11, 'approval'],
    [25, 'approval'],
    [25.001, 'streampixel'],
  ])('is due to its approval at minute 10 where Streampixel distributes it at minute %d: %s', (minutes, by) => {
    expect(reported(entryOf([approved, distributing(minutes)], AUTOMATIC))).toEqual([
      ['approved', 'approval', 10],
      ...(by === undefined ? [] : [['distributing', by, minutes]]),
    ]);
  });

  it.each<[number, Partial<Release>, string]>([
    [98.9, {}, 'streampixel'],
    [99, {}, 'person'],
    [115, {}, 'person'],
    [134, { endedAt: at(120) }, 'person'],
    [135.1, { endedAt: at(120) }, 'streampixel'],
    [101, { state: 'requested' }, 'streampixel'],
    [101, { state: 'failed', failure: 'refused' }, 'streampixel'],
    [101, { state: 'failed', failure: 'unknown' }, 'person'],
    [101, { uploadId: 'former' }, 'streampixel'],
  ])('at minute %d is due to a request of minute 100 with %o: %s', (minutes, changes, by) => {
    const entry = { ...entryOf([approved, distributing(minutes)]), release: { ...requested, ...changes } };
    expect(reported(entry)).toEqual([['distributing', by, minutes]]);
  });

  it('names the build, and when its own upload was submitted, where a request is accepted', () => {
    const entry = atVendor('own');
    const about = { build: entry.id, key: entry.build.key, at: at(1), source: 'released', by: 'person' };
    expect(releasedGoLive(entry, requested, at(1))).toEqual({
      ...about,
      uploadId: 'own',
      requestedBy: 'alice',
      submittedAt: START,
    });
    const former = releasedGoLive(entry, { ...requested, uploadId: 'former', stepsBack: true }, at(1));
    expect(former).toEqual({ ...about, uploadId: 'former', requestedBy: 'alice', stepsBack: true });
  });
});

describe('a webhook about an upload that no build has any more', () => {
  const former = (uploadId: string, route: Route, news?: readonly News[]): LedgerEntry => ({
    ...atVendor(uploadId, aBuild({ key: `${uploadId}.zip` }), route),
    ...(news === undefined ? {} : { news }),
  });
  const known = [former('manual', ROUTE), former('automatic', AUTOMATIC)].reduce(withFormerUpload, NOTHING_LIVE);
  const goLives = ({ goLives: all }: LiveRecord) =>
    all.map(({ at: ms, by, source, uploadId }) => [uploadId, source, by, (ms - START) / MINUTE_MS]);
  const recordAfter = (record: LiveRecord, ...webhooks: [uploadId: string, stage: Stage, minutes: number][]) =>
    webhooks.reduce((current, [id, stage, minutes]) => withUnmatched(current, id, { stage, at: at(minutes) }), record);

  it.each<[string, [string, Stage, number][], unknown[]]>([
    [
      'an approval, of one that Streampixel distributes',
      [['automatic', 'approved', 5]],
      [['automatic', 'approved', 'approval', 5]],
    ],
    ['an approval, of one that a person releases', [['manual', 'approved', 5]], []],
    ['an approval, of one that was made by hand', [['by-hand', 'approved', 5]], []],
    [
      'the earliest of two approvals',
      [
        ['automatic', 'approved', 5],
        ['automatic', 'approved', 7],
        ['automatic', 'approved', 4],
      ],
      [['automatic', 'approved', 'approval', 4]],
    ],
    [
      'a distribution before its approval',
      [
        ['automatic', 'approved', 5],
        ['automatic', 'distributing', 5],
      ],
      [['automatic', 'approved', 'approval', 5]],
    ],
    ['a distribution without one', [['manual', 'distributing', 5]], []],
    [
      'a distribution long after its approval',
      [
        ['manual', 'approved', 5],
        ['automatic', 'approved', 5],
        ['manual', 'distributing', 6],
      ],
      [
        ['automatic', 'approved', 'approval', 5],
        ['manual', 'distributing', 'streampixel', 6],
      ],
    ],
    ['another stage', [['by-hand', 'saving', 5]], []],
    [
      'a rejection',
      [
        ['automatic', 'approved', 5],
        ['automatic', 'rejected', 6],
        ['automatic', 'approved', 5],
      ],
      [],
    ],
  ])('counts %s', (_, webhooks, expected) => {
    expect(goLives(recordAfter(known, ...webhooks))).toEqual(expected);
  });

  it.each<Stage>(['approved', 'saving'])(
    'changes nothing where it is %s, and nothing is known of the upload',
    (stage) => {
      expect(recordAfter(known, ['by-hand', stage, 5])).toBe(known);
    },
  );

  it('changes only the upload that it is about', () => {
    const { former: uploads } = recordAfter(known, ['automatic', 'approved', 5]);
    expect(uploads.map(({ approvedAt, uploadId }) => [uploadId, approvedAt])).toEqual([
      ['manual', undefined],
      ['automatic', at(5)],
    ]);
    const repeated = recordAfter(known, ['automatic', 'approved', 5]);
    expect(recordAfter(repeated, ['automatic', 'approved', 5])).toBe(repeated);
  });

  it.each<[number, Partial<GoLive>, string]>([
    [61, {}, 'person'],
    [80, {}, 'streampixel'],
    [61, { uploadId: 'automatic' }, 'streampixel'],
    [61, { source: 'distributing' }, 'streampixel'],
  ])('at minute %d is due to a release of minute 60 with %o: %s', (minutes, changes, by) => {
    const released = withGoLives(known, [goLive('manual', 60, { requestedBy: 'alice', ...changes })]);
    const record = recordAfter(released, ['manual', 'approved', 5], ['manual', 'distributing', minutes]);
    const last = record.goLives.find(({ at: ms, uploadId }) => uploadId === 'manual' && ms === at(minutes));
    expect(last).toMatchObject({ by, ...(by === 'person' ? { requestedBy: 'alice' } : {}) });
  });

  it('knows the upload from when its build is submitted again, with its approval', () => {
    const approved: News[] = [
      { stage: 'uploaded', at: at(1) },
      { stage: 'approved', at: at(2) },
    ];
    const record = withFormerUpload(NOTHING_LIVE, former('a', ROUTE, approved));
    expect(record.former).toMatchObject([{ uploadId: 'a', key: 'a.zip', approvedAt: at(2), isAutomatic: false }]);
    expect(withFormerUpload(record, former('a', ROUTE, approved))).toBe(record);
    const [uploaded] = [former('a', ROUTE, approved.slice(0, 1))];
    expect(withFormerUpload(NOTHING_LIVE, uploaded).former[0]).not.toHaveProperty('approvedAt');
  });

  it('knows the upload once, with the approval that was reported since', () => {
    const others = [former('b', ROUTE), former('a', ROUTE)].reduce(withFormerUpload, NOTHING_LIVE);
    const again = withFormerUpload(others, former('a', ROUTE, [{ stage: 'approved', at: at(2) }]));
    expect(again.former.map(({ approvedAt, uploadId }) => [uploadId, approvedAt])).toEqual([
      ['b', undefined],
      ['a', at(2)],
    ]);
  });

  it('has no upload to know where the build never had one', () => {
    const { uploadId: _, ...entry } = atVendor();
    expect(withFormerUpload(NOTHING_LIVE, entry)).toBe(NOTHING_LIVE);
  });
});

describe('the fact of what is live', () => {
  let world: FollowWorld;
  beforeEach(() => {
    world = new FollowWorld();
  });

  const built = (n: number) => aBuild({ key: `${n}.zip`, versionId: `v${n}` });
  const idOf = (n: number) => `drop/${n}.zip@v${n}`;

  /** The nth build at Streampixel, as `upload-n`. */
  function given(n: number, route: Route = ROUTE): Promise<LedgerEntry> {
    return world.given({ ...atVendor(`upload-${n}`, built(n), route), submittedAt: START + n });
  }

  async function webhook(n: number, stage: Stage, minutes: number, receiveCount = 1): Promise<void> {
    world.now = Math.max(world.now, at(minutes));
    await world.receiveWebhook({ uploadId: `upload-${n}`, stage, at: at(minutes) }, receiveCount);
  }

  async function release(n: number, minutes: number, changes: Parameters<FollowWorld['release']>[0] = {}) {
    world.now = at(minutes);
    const request = { build: idOf(n), uploadId: `upload-${n}`, requestId: `release-${n}-${minutes}`, ...changes };
    for (let receive = 1; ; receive++) {
      const disposition = await world.release({ ...request, requestedAt: at(minutes) }, receive);
      if (disposition.kind === 'done') return;
      world.now = Math.max(world.now, disposition.until);
    }
  }

  async function submitAgain({ build }: LedgerEntry): Promise<void> {
    const entry = world.entry(build);
    await world.ledger.updateLive(PROJECT, (current) => withFormerUpload(current, entry));
    await world.given(submittedAgain(entry, world.now, 'again-1'));
  }

  const spans = async () => liveSpans(await world.ledger.liveOf(PROJECT));
  const uploads = async () => (await spans()).map(({ uploadId }) => uploadId);

  it('names the build once Streampixel has approved it and distributes it by itself', async () => {
    await given(1, AUTOMATIC);
    await webhook(1, 'distributing', 1);
    expect(await uploads()).toEqual([]);
    await webhook(1, 'approved', 2);
    const about = { uploadId: 'upload-1', build: idOf(1), key: '1.zip', submittedAt: START + 1 };
    expect(await spans()).toEqual([{ ...about, at: at(2), source: 'approved', by: 'approval' }]);
  });

  it('does not name a build that waits for a person, and names the person who releases it', async () => {
    await given(1);
    await webhook(1, 'distributing', 1);
    await webhook(1, 'approved', 2);
    expect(await uploads()).toEqual([]);
    await release(1, 3, { requestedBy: ' al\u001bice\n' });
    expect(await spans()).toMatchObject([{ uploadId: 'upload-1', by: 'person', requestedBy: 'al ice', at: at(3) }]);
    expect(world.entry(built(1)).history.map(({ note }) => note)).toContain('release of upload-1 requested by al ice');
  });

  it('takes the distribution that follows a release for the same go-live, and a later one for Streampixel’s', async () => {
    await given(1);
    await webhook(1, 'approved', 1);
    await release(1, 2, { requestedBy: 'alice' });
    await webhook(1, 'distributing', 3);
    await given(2);
    await webhook(2, 'approved', 4);
    await release(2, 5);
    await webhook(1, 'distributing', 60);
    expect(await spans()).toMatchObject([
      { uploadId: 'upload-1', at: at(2), by: 'person', requestedBy: 'alice' },
      { uploadId: 'upload-2' },
      { uploadId: 'upload-1', at: at(60), by: 'streampixel' },
    ]);
  });

  it('counts the distribution of a release whose answer was lost as that of the person', async () => {
    await given(1);
    await webhook(1, 'approved', 1);
    world.answers = [{ kind: 'lost', detail: 'ECONNRESET' }];
    await release(1, 2, { requestedBy: 'alice' });
    expect(await uploads()).toEqual([]);
    await webhook(1, 'distributing', 3);
    expect(await spans()).toMatchObject([{ uploadId: 'upload-1', at: at(3), by: 'person', requestedBy: 'alice' }]);
  });

  it('counts a distribution while a request still waits as Streampixel’s', async () => {
    await given(1);
    await webhook(1, 'approved', 1);
    world.answers = [{ kind: 'rate-limited', status: 429, detail: 'Rate limit exceeded.' }];
    world.now = at(2);
    const request = { build: idOf(1), uploadId: 'upload-1', requestId: 'release-1', requestedAt: at(2) };
    expect(await world.release(request)).toMatchObject({ kind: 'hidden' });
    await webhook(1, 'distributing', 3);
    expect(await spans()).toMatchObject([{ uploadId: 'upload-1', by: 'streampixel' }]);
  });

  it('is found in Streampixel’s list of the project where the webhook is lost', async () => {
    const entry = await given(1, AUTOMATIC);
    world.settings = { ...world.settings, reconcile: true };
    world.projectHas({ uploadId: 'upload-1', status: 'Approved', at: at(5) });
    world.now = at(70);
    await world.watch(entry.id, 'upload-1');
    expect(await spans()).toMatchObject([{ uploadId: 'upload-1', at: at(5), by: 'approval' }]);
  });

  it('counts the distribution after a refused release as Streampixel’s: it was done on the dashboard', async () => {
    await given(1);
    await webhook(1, 'approved', 1);
    world.answers = [{ kind: 'refused', reason: 'ProjectForbidden', status: 403, detail: 'Access denied' }];
    await release(1, 2);
    await webhook(1, 'distributing', 3);
    expect(await spans()).toMatchObject([{ uploadId: 'upload-1', by: 'streampixel' }]);
  });

  it('is not taken back by a late or repeated webhook of an older build', async () => {
    await given(1, AUTOMATIC);
    await given(2, AUTOMATIC);
    await webhook(2, 'approved', 9);
    await webhook(1, 'approved', 3);
    await webhook(1, 'distributing', 2);
    await webhook(1, 'approved', 3, 2);
    expect(await uploads()).toEqual(['upload-1', 'upload-2']);
  });

  it('goes back where Streampixel rejects what was to go live', async () => {
    await given(1, AUTOMATIC);
    await webhook(1, 'approved', 1);
    await given(2);
    await webhook(2, 'approved', 2);
    await release(2, 3);
    expect(await uploads()).toEqual(['upload-1', 'upload-2']);
    await webhook(2, 'rejected', 4);
    expect(await uploads()).toEqual(['upload-1']);
  });

  it('names an upload that was made by hand, and ignores one of a project without a route', async () => {
    await given(1, AUTOMATIC);
    await webhook(1, 'approved', 1);
    world.now = at(5);
    const byHand = { uploadId: 'by-hand', stage: 'distributing', at: at(4) } as const;
    await world.receiveWebhook(byHand, 4);
    await world.receiveWebhook({ ...byHand, projectId: 'f'.repeat(24) }, 4);
    expect((await spans()).at(-1)).toEqual({
      uploadId: 'by-hand',
      at: at(4),
      source: 'distributing',
      by: 'streampixel',
    });
    expect((await world.ledger.liveOf('f'.repeat(24))).goLives).toEqual([]);
  });

  it('is not changed by a webhook that names no upload', async () => {
    await noteUnmatched({ projectId: PROJECT, stage: 'distributing', at: at(1) }, world);
    expect(await world.ledger.liveOf(PROJECT)).toEqual(NOTHING_LIVE);
  });

  it('stays with the earlier upload of a build that is submitted again, which its webhooks still move', async () => {
    const first = await given(1, AUTOMATIC);
    await webhook(1, 'approved', 1);
    await given(2, AUTOMATIC);
    await webhook(2, 'approved', 2);
    await submitAgain(first);
    expect(await uploads()).toEqual(['upload-1', 'upload-2']);
    await webhook(1, 'distributing', 40, 4);
    expect((await spans()).at(-1)).toMatchObject({ uploadId: 'upload-1', build: idOf(1), by: 'streampixel' });
    await webhook(1, 'rejected', 41, 4);
    expect(await uploads()).toEqual(['upload-2']);
  });

  it('receives webhooks about the earlier upload also while it is not known whether the new one was accepted', async () => {
    const first = await given(1, AUTOMATIC);
    await webhook(1, 'approved', 1);
    await given(2, AUTOMATIC);
    await webhook(2, 'approved', 2);
    await submitAgain(first);
    const failure = { code: 'AnswerLost', detail: 'ECONNRESET', at: at(3) } as const;
    await world.given(answerLost(world.entry(built(1)), at(3), failure));
    world.now = at(40);
    const fileUrl = 'https://drop.s3.eu-central-1.amazonaws.com/1.zip';
    await world.receiveWebhook({ uploadId: 'upload-1', stage: 'distributing', at: at(40), fileUrl }, 4);
    expect((await spans()).at(-1)).toMatchObject({ uploadId: 'upload-1', by: 'streampixel' });
    expect(world.entry(built(1)).state).toBe('unknown');
  });

  it('names the build of an upload that goes live after the build was submitted again', async () => {
    await submitAgain(await given(1, AUTOMATIC));
    await webhook(1, 'distributing', 4, 4);
    expect(await uploads()).toEqual([]);
    await webhook(1, 'approved', 5, 4);
    await webhook(1, 'distributing', 6, 4);
    expect(await spans()).toMatchObject([{ uploadId: 'upload-1', build: idOf(1), at: at(5), by: 'approval' }]);
    expect((await world.ledger.liveOf(PROJECT)).goLives.map(({ by }) => by)).toEqual(['approval', 'approval']);
  });

  it('does not name an earlier upload that a person has to release, until it is distributed', async () => {
    await submitAgain(await given(1));
    await webhook(1, 'approved', 5, 4);
    expect(await uploads()).toEqual([]);
    await webhook(1, 'distributing', 60, 4);
    expect(await spans()).toMatchObject([{ uploadId: 'upload-1', build: idOf(1), at: at(60), by: 'streampixel' }]);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'is right after a crash at call %i of the table, once the message comes again',
    async (nth) => {
      await given(1, AUTOMATIC);
      world.crashAtTableCall(nth);
      await webhook(1, 'approved', 1).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
      world.revive();
      world.now = at(5);
      await world.receiveWebhook({ stage: 'approved', at: at(1) }, 2);
      expect(await uploads()).toEqual(['upload-1']);
    },
  );
});
