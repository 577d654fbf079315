import { beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import {
  type GoLive,
  liveBefore,
  liveSpans,
  NOTHING_LIVE,
  withFormerUpload,
  withGoLives,
  withRejected,
} from '../../functions/domain/model/live.ts';
import type { Stage } from '../../functions/domain/model/news.ts';
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
