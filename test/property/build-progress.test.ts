import fc from 'fast-check';
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
import { aNotice, atVendor, ON_APPROVAL } from '../support/follow-world.ts';
import { aBuild, START } from '../support/world.ts';

/** One delivery of the vendor. Its words depend on its stage and time alone: two that have both in common are one. */
interface Delivery {
  /** `undefined`: an event and a status that nobody here knows. */
  readonly stage: Stage | undefined;
  /** By the vendor's clock. */
  readonly at: number;
  /** By ours. */
  readonly receivedAt: number;
}

// Few times, so that many deliveries are of one time.
const at = fc.nat({ max: 6 }).map((n) => START + n * 1_000);
const delivery: fc.Arbitrary<Delivery> = fc.record({
  stage: fc.oneof({ weight: 9, arbitrary: fc.constantFrom<Stage>(...STAGES) }, fc.constant(undefined)),
  at,
  receivedAt: fc.nat({ max: 60 }).map((n) => START + n * 1_000),
});
const deliveries = fc.array(delivery, { maxLength: 14 });

/** The deliveries in an order, and in another one with some of them repeated. */
const twoOrders = deliveries.chain((some) =>
  fc.tuple(
    fc.constant(some),
    fc
      .subarray(some)
      .chain((repeated) => fc.shuffledSubarray([...some, ...repeated], { minLength: some.length + repeated.length })),
  ),
);

const objectionOf = (time: number) => `objection of ${time}`;

function noticeOf({ stage, at: time }: Delivery) {
  const objection = stage === 'rejected' ? { objection: objectionOf(time) } : {};
  const { stage: _, ...rest } = aNotice({ at: time, ...objection });
  return stage === undefined ? rest : { ...rest, stage };
}

function hear(entry: LedgerEntry, each: Delivery): LedgerEntry {
  return applyNotice(entry, noticeOf(each), each.receivedAt, each.receivedAt) ?? entry;
}

const FRESH = atVendor('upload-1', aBuild(), ON_APPROVAL);

/** What a set of deliveries says, put together without any order. */
function model(some: readonly Delivery[]): Pick<LedgerEntry, 'state' | 'news' | 'objection'> {
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

function seen({ state, news, objection }: LedgerEntry) {
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

describe('what the vendor says of a build', () => {
  it('comes to the same state, news and objection in whatever order it is delivered, and however often', () => {
    fc.assert(
      fc.property(twoOrders, ([some, others]) => {
        const [one, other] = [some, others].map((list) => list.reduce(hear, FRESH));
        expect(seen(one ?? FRESH)).toStrictEqual(model(some));
        expect(seen(other ?? FRESH)).toStrictEqual(model(some));
        // What is yet to be told is the same as well.
        expect(other?.pendingNotification).toBe(one?.pendingNotification);
      }),
      { numRuns: 2_000 },
    );
  });

  it('loses nothing by gaps: a subset says what it says', () => {
    fc.assert(
      fc.property(
        deliveries.chain((some) => fc.subarray(some)),
        (some) => {
          expect(seen(some.reduce(hear, FRESH))).toStrictEqual(model(some));
        },
      ),
    );
  });

  it('is nothing new a second time', () => {
    fc.assert(
      fc.property(deliveries, (some) => {
        const entry = some.reduce(hear, FRESH);
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
      { weight: 5, arbitrary: delivery },
      { weight: 1, arbitrary: fc.constantFrom('released', 'failed', 'requested', 'calling') },
      { weight: 1, arbitrary: fc.constant('requestId') },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        let entry = FRESH;
        for (const each of steps) {
          const before = entry;
          if (typeof each === 'object') entry = hear(entry, each);
          else if (each === 'requestId') {
            const requestId = { by: 'person', requestId: 'order-1', requestedAt: START, uploadId: 'upload-1' } as const;
            entry = requestRelease(entry, requestId, START)?.entry ?? entry;
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

  it('orders a release once where it approves, and not at all once it has rejected', () => {
    fc.assert(
      fc.property(deliveries, (some) => {
        const orders = new Set<string>();
        some.reduce((entry, each) => {
          const next = hear(entry, each);
          const isNew = next.release !== undefined && next.release !== entry.release;
          if (isNew) {
            expect(entry.release).toBeUndefined();
            expect(next.state).toBe('approved');
            orders.add(next.release?.requestId ?? '');
          }
          return next;
        }, FRESH);
        const [firstEnd] = some.filter(({ stage }) => stage === 'approved' || stage === 'rejected');
        expect([...orders]).toEqual(firstEnd?.stage === 'approved' ? [requestOfApproval('upload-1')] : []);
      }),
    );
  });
});
