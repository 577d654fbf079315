import { describe, expect, it } from 'vitest';
import { applyNotice } from '../../functions/domain/follow/apply-webhook.ts';
import {
  releaseChanged,
  requestOfApproval,
  requestRelease,
  withNews,
} from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { type News, STAGES, type Stage } from '../../functions/domain/model/news.ts';
import { fc } from '../support/fast-check.ts';
import { aNotice, atVendor, ON_APPROVAL } from '../support/follow-world.ts';
import { aBuild, START } from '../support/world.ts';

/** One webhook. Its content depends on its stage and timestamp alone: two with the same ones are duplicates. */
interface Webhook {
  /** `undefined`: an event and a status that are not known here. */
  readonly stage: Stage | undefined;
  /** By Streampixel's clock. */
  readonly at: number;
  /** By ours. */
  readonly receivedAt: number;
}

// Few times, so that many webhooks have the same one.
const at = fc.nat({ max: 6 }).map((n) => START + n * 1_000);
const webhook: fc.Arbitrary<Webhook> = fc.record({
  stage: fc.oneof({ weight: 9, arbitrary: fc.constantFrom<Stage>(...STAGES) }, fc.constant(undefined)),
  at,
  receivedAt: fc.nat({ max: 60 }).map((n) => START + n * 1_000),
});
const webhooks = fc.array(webhook, { maxLength: 14 });

/** The webhooks in one order, and in another one with some of them repeated. */
const twoOrders = webhooks.chain((some) =>
  fc.tuple(
    fc.constant(some),
    fc
      .subarray(some)
      .chain((repeated) => fc.shuffledSubarray([...some, ...repeated], { minLength: some.length + repeated.length })),
  ),
);

const objectionOf = (time: number) => `objection of ${time}`;

function noticeOf({ stage, at: time }: Webhook) {
  const objection = stage === 'rejected' ? { objection: objectionOf(time) } : {};
  const { stage: _, ...rest } = aNotice({ at: time, ...objection });
  return stage === undefined ? rest : { ...rest, stage };
}

function applied(entry: LedgerEntry, each: Webhook): LedgerEntry {
  return applyNotice(entry, noticeOf(each), each.receivedAt, each.receivedAt) ?? entry;
}

const FRESH = atVendor('upload-1', aBuild(), ON_APPROVAL);

/** What a set of webhooks results in, computed without any order. */
function model(some: readonly Webhook[]): Pick<LedgerEntry, 'state' | 'news' | 'objection'> {
  const news = STAGES.flatMap((stage): News[] => {
    const times = some.filter((each) => each.stage === stage).map((each) => each.at);
    if (times.length === 0) return [];
    const [first, last] = [Math.min(...times), Math.max(...times)];
    return [{ stage, at: first, ...(last > first ? { lastAt: last } : {}) }];
  });
  const rejected = news.find(({ stage }) => stage === 'rejected');
  const isApproved = news.some(({ stage }) => stage === 'approved');
  return {
    state: rejected ? 'rejected' : isApproved ? 'approved' : 'submitted',
    ...(news.length === 0 ? {} : { news }),
    ...(rejected === undefined ? {} : { objection: objectionOf(rejected.at) }),
  };
}

function reported({ state, news, objection }: LedgerEntry) {
  return {
    state,
    ...(news === undefined ? {} : { news }),
    ...(objection === undefined ? {} : { objection }),
  };
}

const RANK: Readonly<Partial<Record<LedgerEntry['state'], number>>> = {
  submitted: 0,
  approved: 1,
  released: 2,
  rejected: 3,
};
const rankOf = ({ state }: LedgerEntry) => RANK[state] ?? Number.NaN;

describe('what webhooks report of a build', () => {
  it('results in the same state, news and objection in whatever order it is delivered, and however often', () => {
    fc.assert(
      fc.property(twoOrders, ([some, others]) => {
        const [one, other] = [some, others].map((list) => list.reduce(applied, FRESH));
        expect(reported(one ?? FRESH)).toStrictEqual(model(some));
        expect(reported(other ?? FRESH)).toStrictEqual(model(some));
        // The pending notification is the same as well.
        expect(other?.pendingNotification).toBe(one?.pendingNotification);
      }),
      { numRuns: 2_000 },
    );
  });

  it('results in the same without the missing ones where there are gaps', () => {
    fc.assert(
      fc.property(
        webhooks.chain((some) => fc.subarray(some)),
        (some) => {
          expect(reported(some.reduce(applied, FRESH))).toStrictEqual(model(some));
        },
      ),
    );
  });

  it('is no news a second time', () => {
    fc.assert(
      fc.property(webhooks, (some) => {
        const entry = some.reduce(applied, FRESH);
        for (const each of some) {
          // Any of them may come again, later.
          const again = withNews(entry, noticeOf(each), START, START);
          expect(again).toBeUndefined();
        }
      }),
    );
  });

  it('never lowers a build’s rank, and nothing comes after a rejection', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: webhook },
      { weight: 1, arbitrary: fc.constantFrom('released', 'failed', 'requested', 'calling') },
      { weight: 1, arbitrary: fc.constant('request') },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        let entry = FRESH;
        for (const each of steps) {
          const before = entry;
          if (typeof each === 'object') entry = applied(entry, each);
          else if (each === 'request') {
            const request = { by: 'person', requestId: 'release-1', requestedAt: START, uploadId: 'upload-1' } as const;
            entry = requestRelease(entry, request, START)?.entry ?? entry;
          } else if (entry.release !== undefined) {
            entry = releaseChanged(
              entry,
              { ...entry.release, state: each as 'released' | 'failed' | 'requested' | 'calling' },
              START,
              'note',
            );
          }
          expect(rankOf(entry)).toBeGreaterThanOrEqual(rankOf(before));
          if (before.state === 'rejected') expect(entry.state).toBe('rejected');
          expect(entry.history.at(-1)?.state ?? entry.state).toBe(entry.state);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('requests a release once if it approves, and not at all after a rejection', () => {
    fc.assert(
      fc.property(webhooks, (some) => {
        const requests = new Set<string>();
        some.reduce((entry, each) => {
          const next = applied(entry, each);
          const isNew = next.release !== undefined && next.release !== entry.release;
          if (isNew) {
            expect(entry.release).toBeUndefined();
            expect(next.state).toBe('approved');
            requests.add(next.release?.requestId ?? '');
          }
          return next;
        }, FRESH);
        const [firstOutcome] = some.filter(({ stage }) => stage === 'approved' || stage === 'rejected');
        expect([...requests]).toEqual(firstOutcome?.stage === 'approved' ? [requestOfApproval('upload-1')] : []);
      }),
    );
  });
});
