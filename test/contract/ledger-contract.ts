import { beforeEach, describe, expect, it } from 'vitest';
import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { BuildState, LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { type GoLive, NOTHING_LIVE, withGoLives, withRejected } from '../../functions/domain/model/live.ts';
import { STAGES } from '../../functions/domain/model/news.ts';
import {
  opened,
  skipped,
  submitted,
  submittedAgain,
  waiting,
} from '../../functions/domain/model/submission-transitions.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { fc } from '../support/fast-check.ts';

const NOW = Date.UTC(2026, 10, 23, 12);

/** What every ledger must do. `makeLedger` answers an empty one. */
export function defineLedgerContract(
  name: string,
  makeLedger: () => Ledger | Promise<Ledger>,
  { runs }: { readonly runs: number },
): void {
  describe(`${name}: what every ledger does`, () => {
    let ledger: Ledger;
    beforeEach(async () => {
      ledger = await makeLedger();
    });

    async function save(entry: LedgerEntry): Promise<LedgerEntry> {
      const saved = await ledger.save(entry);
      if (saved.kind !== 'saved') throw new Error(`conflict on ${entry.id}`);
      return saved.entry;
    }

    it('knows no build at first', async () => {
      expect(await ledger.find('drop/a.zip@1')).toBeUndefined();
      expect(await ledger.findByUploadId('u1')).toBeUndefined();
      expect(await ledger.list('waiting')).toStrictEqual({ entries: [] });
    });

    it('knows which version of a key was refused, and when', async () => {
      expect(await ledger.refusedKeyOf('/key')).toBeUndefined();
      await ledger.refuseKey('/key', { version: 3, at: NOW });
      expect(await ledger.refusedKeyOf('/key')).toStrictEqual({ version: 3, at: NOW });
      expect(await ledger.refusedKeyOf('/other')).toBeUndefined();
    });

    it('lets only the first who refuses a version of a key know that it is the first', async () => {
      const words = await Promise.all([1, 2, 3, 4].map(() => ledger.refuseKey('/key', { version: 3, at: NOW })));
      expect(words.toSorted()).toEqual(['first', 'known', 'known', 'known']);
      expect(await ledger.refuseKey('/key', { version: 4, at: NOW })).toBe('first');
      // A parameter that was deleted and made again starts over.
      expect(await ledger.refuseKey('/key', { version: 1, at: NOW })).toBe('first');
    });

    it('forgets a refused version, but no other, and ignores an unknown one', async () => {
      await ledger.refuseKey('/key', { version: 3, at: NOW });
      await ledger.forgetRefusedKey('/key', 4);
      expect((await ledger.refusedKeyOf('/key'))?.version).toBe(3);
      await ledger.forgetRefusedKey('/key', 3);
      await ledger.forgetRefusedKey('/unknown', 1);
      expect(await ledger.refusedKeyOf('/key')).toBeUndefined();
      expect(await ledger.refuseKey('/key', { version: 3, at: NOW })).toBe('first');
    });

    it('keeps each moment of a project’s webhook, and its last write counts', async () => {
      expect(await ledger.webhookOf('p1')).toStrictEqual({});

      await ledger.noteWebhook('p1', 'testedAt', NOW);
      expect(await ledger.webhookOf('p1')).toStrictEqual({ testedAt: NOW });
      await ledger.noteWebhook('p1', 'lastWebhookAt', NOW + 1);
      await ledger.noteWebhook('p1', 'silenceNotifiedAt', NOW + 2);
      await ledger.noteWebhook('p1', 'lastWebhookAt', NOW + 3);

      const known = { testedAt: NOW, lastWebhookAt: NOW + 3, silenceNotifiedAt: NOW + 2 };
      expect(await ledger.webhookOf('p1')).toStrictEqual(known);
      expect(await ledger.webhookOf('p2')).toStrictEqual({});
      expect(await ledger.webhookOf('p')).toStrictEqual({});
    });

    it('keeps apart when each address of a webhook was used', async () => {
      await ledger.noteWebhook('p1', 'testedAt', NOW, 'one');
      await ledger.noteWebhook('p1', 'lastWebhookAt', NOW + 1, 'two');
      await ledger.noteWebhook('p1', 'lastWebhookAt', NOW + 2, 'one');

      const known = { testedAt: NOW, lastWebhookAt: NOW + 2, 'usedAt#one': NOW + 2, 'usedAt#two': NOW + 1 };
      expect(await ledger.webhookOf('p1')).toStrictEqual(known);
    });

    it('loses no moment of a webhook that many workers note at once', async () => {
      const moments = ['testedAt', 'lastWebhookAt', 'silenceNotifiedAt'] as const;
      await Promise.all(
        Array.from({ length: 30 }, (_, n) => ledger.noteWebhook('p1', moments[n % 3] ?? 'lastWebhookAt', n)),
      );

      const record = await ledger.webhookOf('p1');
      expect(Object.keys(record).sort()).toEqual([...moments].sort());
      for (const moment of moments) expect((record[moment] ?? -1) % 3).toBe(moments.indexOf(moment));
    });

    it('keeps webhooks apart from builds, keys and routes of the same name', async () => {
      const saved = await save(opened(aBuild(), NOW));
      await ledger.refuseKey('p1', { version: 3, at: NOW });
      await ledger.announce('p1', aBuild());
      await ledger.noteWebhook('p1', 'lastWebhookAt', NOW);

      expect(await ledger.webhookOf('p1')).toStrictEqual({ lastWebhookAt: NOW });
      expect(await ledger.find(saved.id)).toStrictEqual(saved);
      expect(await ledger.refusedKeyOf('p1')).toStrictEqual({ version: 3, at: NOW });
      expect(await ledger.announce('p1', aBuild({ key: 'older.zip', droppedAt: 0 }))).toStrictEqual(named(aBuild()));
      expect(await ledger.find('p1')).toBeUndefined();
    });

    it('knows what is live in each project, apart from everything else of its name', async () => {
      const goLive = (uploadId: string, at: number): GoLive => ({ uploadId, at, source: 'released', by: 'person' });
      const full: GoLive = { ...goLive('u2', NOW + 1), requestedBy: 'alice', stepsBack: true, build: 'b', key: 'k' };
      expect(await ledger.liveOf('p1')).toStrictEqual(NOTHING_LIVE);

      await ledger.noteWebhook('p1', 'testedAt', NOW);
      await ledger.updateLive('p1', (current) => withGoLives(current, [full, goLive('u1', NOW)]));
      await ledger.updateLive('p1', (current) => withRejected(current, 'u3'));
      await ledger.updateLive('p1', (current) => current);

      expect(await ledger.liveOf('p1')).toStrictEqual({
        ...NOTHING_LIVE,
        goLives: [goLive('u1', NOW), full],
        rejected: ['u3'],
      });
      expect(await ledger.liveOf('p2')).toStrictEqual(NOTHING_LIVE);
      expect(await ledger.webhookOf('p1')).toStrictEqual({ testedAt: NOW });
    });

    it('loses nothing of what workers note at once to be live', async () => {
      const goLives = [1, 2, 3, 4].map(
        (n): GoLive => ({ uploadId: `u${n}`, at: n, source: 'approved', by: 'approval' }),
      );

      await Promise.all(goLives.map((each) => ledger.updateLive('p1', (current) => withGoLives(current, [each]))));

      expect((await ledger.liveOf('p1')).goLives).toStrictEqual(goLives);
    });

    it('finds a build by the upload id it has, not by one it had', async () => {
      const entry = await save(submitted(opened(aBuild(), NOW), NOW, 'upload-1'));
      const again = await save(submittedAgain(entry, NOW + 1, 'request-1'));
      expect(await ledger.findByUploadId('upload-1')).toBeUndefined();

      const resubmitted = await save(submitted(again, NOW + 2, 'upload-2'));
      expect(await ledger.findByUploadId('upload-2')).toStrictEqual(resubmitted);
      expect(await ledger.findByUploadId('upload-1')).toBeUndefined();
    });

    it('counts the builds of a user that wait', async () => {
      const mine = { userId: 'me' };
      for (const n of [1, 2, 3]) {
        await save(waiting({ ...opened(aBuild({ key: `builds/${n}.zip` }), NOW), ...mine }, NOW, 'slot'));
      }
      await save(submitted({ ...opened(aBuild({ key: 'builds/4.zip' }), NOW), ...mine }, NOW, 'u4'));
      await save(waiting({ ...opened(aBuild({ key: 'builds/5.zip' }), NOW), userId: 'other' }, NOW, 'slot'));
      expect(await ledger.countWaiting('me')).toBe(3);
      expect(await ledger.countWaiting('no-such-user')).toBe(0);
    });

    it('gives back exactly what it was given, with the revision raised', async () => {
      let count = 0;
      await fc.assert(
        fc.asyncProperty(anyEntry, async (entry) => {
          const fresh = { ...entry, id: `${entry.id}-${count++}` };

          const saved = await ledger.save(fresh);

          expect(saved).toStrictEqual({ kind: 'saved', entry: { ...fresh, revision: 1 } });
          expect(await ledger.find(fresh.id)).toStrictEqual({ ...fresh, revision: 1 });
        }),
        { numRuns: runs, endOnFailure: true },
      );
    });

    it.each([
      ['spaces, plus and percent signs', 'builds/My Game + 100%20.zip'],
      ['umlauts, composed and not', 'builds/\u00fc-u\u0308.zip'],
      ['emoji', 'builds/\u{1f680}\u{1f469}\u200d\u{1f680}.zip'],
      ['the signs that keys are joined with', 'builds/lane#a@b/c#d.zip'],
      ['the longest key and version id that S3 has', `${'k'.repeat(1_020)}.zip`, 'v'.repeat(1_024)],
    ])('keeps builds apart whose key has %s', async (_, key, versionId = '1') => {
      // Prepare
      const entry = opened(aBuild({ bucket: 'b'.repeat(63), key, versionId }), NOW);
      const neighbour = opened(aBuild({ bucket: 'b'.repeat(63), key, versionId: `${versionId.slice(0, -1)}2` }), NOW);

      // Act
      const saved = await save(waiting(entry, NOW + 1, 'slot'));
      await save(neighbour);

      // Assess
      expect(await ledger.find(entry.id)).toStrictEqual(saved);
      expect((await ledger.list('waiting')).entries.map(({ id }) => id).sort()).toEqual(
        [entry.id, neighbour.id].sort(),
      );
    });

    it('refuses what was made from an older revision, and keeps what it has', async () => {
      // Prepare
      const first = await save(opened(aBuild(), NOW));
      const second = await save(waiting(first, NOW + 1, 'second'));

      // Act
      const stale = await ledger.save(waiting(first, NOW + 2, 'stale'));

      // Assess
      expect(stale).toEqual({ kind: 'conflict' });
      expect(await ledger.find(first.id)).toStrictEqual(second);
    });

    it('refuses a second first save, and a later save of a build it does not have', async () => {
      const entry = opened(aBuild(), NOW);
      const unknown = opened(aBuild({ key: 'never.zip' }), NOW);
      await save(entry);

      expect(await ledger.save(entry)).toEqual({ kind: 'conflict' });
      expect(await ledger.save({ ...unknown, revision: 3 })).toEqual({ kind: 'conflict' });
      expect(await ledger.find(unknown.id)).toBeUndefined();
    });

    it('lets exactly one of 50 workers change a build, whether it is new or known', async () => {
      let current = opened(aBuild(), NOW);
      for (const round of [1, 2, 3]) {
        const attempts = Array.from({ length: 50 }, (_, worker) => waiting(current, NOW + round, `worker ${worker}`));

        const results = await Promise.all(attempts.map((attempt) => ledger.save(attempt)));

        const winners = results.filter((result) => result.kind === 'saved');
        expect(winners).toHaveLength(1);
        expect(winners[0]?.entry.revision).toBe(round);
        expect(await ledger.find(current.id)).toStrictEqual(winners[0]?.entry);
        current = winners[0]?.entry ?? current;
      }
    });

    it('finds a build by its upload id from the moment it has one', async () => {
      const one = await save(opened(aBuild({ key: 'one.zip' }), NOW));
      const two = await save(opened(aBuild({ key: 'two.zip' }), NOW));
      const accepted = await save(submitted(one, NOW + 1, 'upload-1'));
      await save(submitted(two, NOW + 2, 'upload-2'));

      expect(await ledger.findByUploadId('upload-1')).toStrictEqual(accepted);
      expect(await ledger.findByUploadId('upload-3')).toBeUndefined();
    });

    it('lists the builds of one state, newest change first, page by page', async () => {
      // Prepare
      const requestId = [3, 0, 5, 1, 4, 2];
      for (const n of requestId) await save(opened(aBuild({ key: `${n}.zip` }), NOW + n));
      const other = await save(opened(aBuild({ key: 'other.zip' }), NOW));
      await save(skipped(other, NOW + 9, 'Superseded'));

      // Act
      const pages = await pagesOf('waiting', 4);

      // Assess
      expect(pages.map((page) => page.map(({ build }) => build.key))).toEqual([
        ['5.zip', '4.zip', '3.zip', '2.zip'],
        ['1.zip', '0.zip'],
      ]);
      expect((await pagesOf('skipped', 4)).flat().map(({ id }) => id)).toEqual([other.id]);
      expect(await ledger.list('dead-lettered')).toStrictEqual({ entries: [] });
    });

    it('ends on a full page without promising another', async () => {
      for (let n = 0; n < 6; n++) await save(opened(aBuild({ key: `${n}.zip` }), NOW + n));

      expect((await pagesOf('waiting', 3)).map((page) => page.length)).toEqual([3, 3]);
      expect((await ledger.list('waiting', { limit: 6 })).next).toBeUndefined();
      expect((await ledger.list('waiting')).next).toBeUndefined();
    });

    it('leaves no build out of its pages where many changed in the same millisecond', async () => {
      const ids = [];
      for (let n = 0; n < 7; n++) ids.push((await save(opened(aBuild({ key: `${n}.zip` }), NOW))).id);

      const listed = (await pagesOf('waiting', 2)).flat().map(({ id }) => id);

      expect(listed.sort()).toEqual(ids.sort());
    });

    it('moves a build between the lists as its state changes', async () => {
      const entry = await save(opened(aBuild(), NOW));
      await save(submitted(entry, NOW + 1, 'upload-1'));

      expect((await ledger.list('waiting')).entries).toEqual([]);
      expect((await ledger.list('submitted')).entries.map(({ id }) => id)).toEqual([entry.id]);
    });

    it('refuses a paging token it did not make', async () => {
      for (const from of ['', 'e30', 'not a token', Buffer.from('["x",1]').toString('base64url')]) {
        await expect(ledger.list('waiting', { from })).rejects.toThrow(/pass the `next` of the page before/);
      }
    });

    it('keeps the newest build of a route, in whatever order they are announced', async () => {
      const [oldest, middle, newest] = [1, 2, 3].map((n) => aBuild({ key: `${n}.zip`, droppedAt: NOW + n }));
      if (oldest === undefined || middle === undefined || newest === undefined) throw new Error('unreachable');

      expect(await ledger.announce('r', middle)).toStrictEqual(named(middle));
      expect(await ledger.announce('r', oldest)).toStrictEqual(named(middle));
      expect(await ledger.announce('r', newest)).toStrictEqual(named(newest));
      expect(await ledger.announce('r', newest)).toStrictEqual(named(newest));
      expect(await ledger.announce('another', oldest)).toStrictEqual(named(oldest));
    });

    it('takes the same one of two builds of a millisecond for the newer, whichever came first', async () => {
      const builds = [aBuild({ versionId: '1' }), aBuild({ versionId: '2' })];

      const lastOf = async (route: string, some: readonly Build[]) => {
        const answers = [];
        for (const build of some) answers.push(await ledger.announce(route, build));
        return answers.at(-1);
      };

      expect(await lastOf('up', builds)).toStrictEqual(await lastOf('down', builds.toReversed()));
    });

    it('agrees on the newest of many that are announced at once', async () => {
      const builds = Array.from({ length: 30 }, (_, n) => aBuild({ key: `${n}.zip`, droppedAt: NOW + ((n * 7) % 30) }));
      const newest = builds.find(({ droppedAt }) => droppedAt === NOW + 29);
      if (newest === undefined) throw new Error('unreachable');

      const answers = await Promise.all(builds.map((build) => ledger.announce('r', build)));

      expect(await ledger.announce('r', aBuild({ droppedAt: 0 }))).toStrictEqual(named(newest));
      answers.forEach((answer, n) => {
        expect(answer.droppedAt).toBeGreaterThanOrEqual(builds[n]?.droppedAt ?? Number.POSITIVE_INFINITY);
      });
    });

    it('notes the content of each build of a key once, in the order in which they come', async () => {
      const [one, two] = [aBuild({ versionId: '1' }), aBuild({ versionId: '2', droppedAt: NOW + 1 })];
      const both = [noted(one, 'content 1'), noted(two, 'content 2')];
      expect(await ledger.contentsOf(one)).toStrictEqual([]);

      expect(await ledger.noteContent(one, 'content 1')).toStrictEqual(both.slice(0, 1));
      expect(await ledger.noteContent(two, 'content 2')).toStrictEqual(both);
      expect(await ledger.noteContent(one, 'content 3')).toStrictEqual(both);

      expect(await ledger.contentsOf(one)).toStrictEqual(both);
      expect(await ledger.contentsOf(aBuild({ key: 'b.zip' }))).toStrictEqual([]);
      expect(await ledger.contentsOf(aBuild({ bucket: 'another' }))).toStrictEqual([]);
    });

    it('keeps the contents of the last 20 builds of a key', async () => {
      const builds = Array.from({ length: 22 }, (_, n) => aBuild({ versionId: `${n}` }));
      const answers = [];
      for (const build of builds) answers.push(await ledger.noteContent(build, 'content'));

      expect(answers.map(({ length }) => length)).toEqual([...Array.from({ length: 20 }, (_, n) => n + 1), 20, 20]);
      expect(answers.at(-1)).toStrictEqual(builds.slice(2).map((build) => noted(build, 'content')));
      expect(await ledger.contentsOf(aBuild())).toStrictEqual(answers.at(-1));
    });

    it.each(['new', 'known'])('loses no content that workers note at once of a key that is %s', async (before) => {
      const known = before === 'known' ? await ledger.noteContent(aBuild({ versionId: 'known' }), 'content') : [];
      const builds = [1, 2, 3, 4].map((n) => aBuild({ versionId: `${n}` }));

      const answers = await Promise.all(builds.map((build) => ledger.noteContent(build, 'content')));

      const all = await ledger.contentsOf(aBuild());
      expect(all.map(({ id }) => id).sort()).toEqual(
        [...known, ...builds.map((b) => named(b))].map(({ id }) => id).sort(),
      );
      // Each has what was there before, and itself.
      for (const answer of answers) expect(all.slice(0, answer.length)).toStrictEqual(answer);
      expect(answers.map((answer) => answer.at(-1)?.id)).toEqual(builds.map(buildId));
    });

    it('notes a build once where two workers note it at once', async () => {
      await Promise.all(['one', 'two'].map((content) => ledger.noteContent(aBuild(), content)));

      expect((await ledger.contentsOf(aBuild())).map(({ id }) => id)).toEqual([buildId(aBuild())]);
    });

    async function pagesOf(state: BuildState, limit: number): Promise<(readonly LedgerEntry[])[]> {
      const pages = [];
      let from: string | undefined;
      do {
        const page = await ledger.list(state, { limit, ...(from === undefined ? {} : { from }) });
        pages.push(page.entries);
        from = page.next;
      } while (from !== undefined);
      return pages;
    }
  });
}

function aBuild(change: Partial<Build> = {}): Build {
  return { bucket: 'drop', key: 'a.zip', versionId: '1', region: 'eu-central-1', droppedAt: NOW, ...change };
}

function named(build: Build) {
  return { id: buildId(build), droppedAt: build.droppedAt };
}

function noted(build: Build, content: string) {
  return { ...named(build), content };
}

const instant = fc.integer({ min: 0, max: 4_102_444_800_000 });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const state = fc.constantFrom<BuildState>(
  'waiting',
  'submitting',
  'unknown',
  'submitted',
  'approved',
  'released',
  'rejected',
  'skipped',
  'dead-lettered',
);
const stage = fc.constantFrom(...STAGES);
const reservation = fc.record({ slot: instant, pushed: instant }, { noNullPrototype: true });
const news = fc.record(
  { stage, at: instant, lastAt: instant },
  { requiredKeys: ['stage', 'at'], noNullPrototype: true },
);
const release = fc.record(
  {
    requestId: name,
    uploadId: name,
    by: fc.constantFrom('approval', 'person'),
    state: fc.constantFrom('requested', 'calling', 'released', 'failed'),
    requestedAt: instant,
    attempts: fc.nat(50),
    reservation,
    leaseUntil: instant,
    endedAt: instant,
    detail: text,
    pendingNotification: fc.constantFrom('refused', 'unknown'),
  },
  { requiredKeys: ['requestId', 'uploadId', 'by', 'state', 'requestedAt', 'attempts'], noNullPrototype: true },
);
const failure = fc.record(
  {
    code: fc.constantFrom('InvalidApiKey', 'VendorError', 'AnswerLost'),
    detail: text,
    status: fc.integer({ min: 100, max: 599 }),
    at: instant,
  },
  { requiredKeys: ['code', 'detail', 'at'], noNullPrototype: true },
);
const build = fc.record(
  {
    bucket: fc.constantFrom('drop', 'another-bucket'),
    key: name.map((stem) => `${stem}.zip`),
    versionId: name,
    sequencer: fc.constant('0055AED6DCD90281E5'),
    eTag: fc.constant('d41d8cd98f00b204e9800998ecf8427e-2'),
    size: fc.integer({ min: 0, max: 5 * 2 ** 40 }),
    region: fc.constant('eu-central-1'),
    droppedAt: instant,
  },
  { requiredKeys: ['bucket', 'key', 'region', 'droppedAt'], noNullPrototype: true },
);

/** Any shape an entry can have, each optional field there or not. */
const anyEntry: fc.Arbitrary<LedgerEntry> = build.chain((dropped) =>
  fc.record(
    {
      id: fc.constant(buildId(dropped)),
      build: fc.constant(dropped),
      state,
      userId: name,
      projectId: name,
      route: name,
      reservation,
      attempts: fc.nat(50),
      leaseUntil: instant,
      uploadId: name,
      possiblyDoubled: fc.boolean(),
      lastFailure: failure,
      skipCause: fc.constantFrom('Superseded', 'NewerBuild'),
      reason: fc.constantFrom('InvalidApiKey', 'RetriesExhausted'),
      deadLetterId: name,
      discardedAt: instant,
      submitAgainId: name,
      releaseMode: fc.constantFrom('automatic', 'manual', 'on-approval'),
      submittedAt: instant,
      news: fc.array(news, { maxLength: STAGES.length }),
      lastNewsAt: instant,
      objection: text,
      lateAt: instant,
      stuckAt: instant,
      pendingNotification: fc.constantFrom('approved', 'rejected'),
      release,
      releaseRequests: fc.array(name, { maxLength: 3 }),
      formerUploadIds: fc.array(name, { maxLength: 3 }),
      createdAt: instant,
      updatedAt: instant,
      history: fc.array(
        fc.record({ at: instant, state, note: text }, { requiredKeys: ['at', 'state'], noNullPrototype: true }),
        {
          maxLength: 5,
        },
      ),
      revision: fc.constant(0),
    },
    {
      requiredKeys: [
        'id',
        'build',
        'state',
        'attempts',
        'possiblyDoubled',
        'createdAt',
        'updatedAt',
        'history',
        'revision',
      ],
      noNullPrototype: true,
    },
  ),
) as fc.Arbitrary<LedgerEntry>;
