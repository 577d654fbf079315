import fc from 'fast-check';
import { MARGIN_MS, SENDING_ALLOWANCE_MS } from '../../functions/domain/pacing/pacer.ts';
import type { SubmitSettings } from '../../functions/domain/submit/visit.ts';
import { LATENCIES } from '../simulation/latencies.ts';
import { type Fault, SERVICES, type Service } from '../simulation/sandbox.ts';
import type { Fate } from '../simulation/simulated-vendor.ts';

/** Keys are few, so that builds overwrite each other; the first part of a key says which route it belongs to. */
export const KEYS = ['plain/a.zip', 'plain/b.zip', 'same-user/c.zip', 'other-user/d.zip', 'unrouted/e.zip'] as const;
export type Key = (typeof KEYS)[number];

export interface Drop {
  readonly key: Key;
  readonly isZip: boolean;
  /** s after the start, like every time of a plan. */
  readonly at: number;
  /** How late S3 sends the event, one message each: more than one means duplicates. In s. */
  readonly announced: readonly number[];
}

/** Everything that happens in one simulation. */
export interface Plan {
  /** Of the latencies and of the order in which the queue hands messages out. */
  readonly seed: number;
  readonly tables: 'dynamodb' | 'memory';
  readonly onLostAnswer: SubmitSettings['onLostAnswer'];
  readonly onlyLatest: boolean;
  readonly everyVersion: boolean;
  readonly maximumConcurrency: number;
  readonly refusedCallsCount: boolean;
  /** What the clocks of the sandboxes are ahead of the true one, in ms, in turn. */
  readonly skews: readonly number[];
  readonly drops: readonly Drop[];
  /** A message about a build is also about the one dropped before it. */
  readonly severalRecords: boolean;
  /** A tool writes the bytes that a key holds once more. */
  readonly rewrites: readonly { readonly key: Key; readonly at: number }[];
  /** A tool moves all dead letters to the builds queue by their bodies alone. */
  readonly moves: readonly number[];
  /** A deployment gives the first route another project, or another user. */
  readonly routeChange: { readonly at: number; readonly to: 'project' | 'user' } | undefined;
  readonly deletions: readonly { readonly key: Key; readonly at: number }[];
  /** Messages that the queue hands out once more while they are in flight. */
  readonly redeliveries: readonly { readonly message: number; readonly at: number }[];
  /** Another tool on the account submits something. */
  readonly foreignCalls: readonly { readonly user: string; readonly at: number }[];
  /** What becomes of the first calls that reach Streampixel in time; the others are accepted. */
  readonly fates: readonly Fate[];
  /** By the number of the call, counted over all workers. */
  readonly faults: readonly { readonly call: number; readonly fault: Fault }[];
  readonly outages: readonly { readonly service: Service; readonly from: number; readonly lasts: number }[];
  /** Streampixel takes a new key from then on, and SSM has it so much later. */
  readonly keyChange: { readonly at: number; readonly storedLater: number } | undefined;
}

/** One build, and nothing that disturbs it. */
export const ONE_BUILD: Plan = {
  seed: 0,
  tables: 'dynamodb',
  onLostAnswer: 'retry',
  onlyLatest: false,
  everyVersion: false,
  maximumConcurrency: 2,
  refusedCallsCount: false,
  skews: [0],
  drops: [{ key: 'plain/a.zip', isZip: true, at: 0, announced: [0] }],
  severalRecords: false,
  rewrites: [],
  moves: [],
  routeChange: undefined,
  deletions: [],
  redeliveries: [],
  foreignCalls: [],
  fates: [],
  faults: [],
  outages: [],
  keyChange: undefined,
};

/** How the plans of one property are made. */
export type PlanArbitraries = { readonly [Name in keyof Plan]: fc.Arbitrary<Plan[Name]> };

/** Half of the margin is for sending. The other half is what two clocks and two trips over the wire may differ, all together. */
const [leastTransitMs, mostTransitMs] = LATENCIES.vendorTransit;
const MAX_SKEW_MS = (MARGIN_MS - SENDING_ALLOWANCE_MS - (mostTransitMs - leastTransitMs)) / 2;

/** Seconds in which the drops and everything else happen. */
const SPAN_S = 900;
const when = fc.nat({ max: SPAN_S });
/** At any time, and often just when the first builds are under way. */
const begin = fc.oneof(fc.nat({ max: 5 }), when);
const few = <Value>(value: fc.Arbitrary<Value>, maxLength: number) => fc.array(value, { maxLength });

const drop: fc.Arbitrary<Drop> = fc.record({
  key: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...KEYS.slice(0, 4)) },
    { weight: 1, arbitrary: fc.constant(KEYS[4]) },
  ) as fc.Arbitrary<Key>,
  isZip: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  at: fc.oneof(fc.constant(0), when),
  announced: fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 300 })), { minLength: 1, maxLength: 3 }),
});

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>('accepted') },
  { weight: 6, arbitrary: fc.constantFrom<Fate>('failed', 'busy', 'lost', 'accepted-lost') },
  { weight: 1, arbitrary: fc.constantFrom<Fate>({ status: 400 }, { status: 401 }, { status: 403 }, { status: 404 }) },
);

const side = fc.constantFrom('before' as const, 'after' as const);
const crash: fc.Arbitrary<Fault> = fc.record({ kind: fc.constant('crash' as const), when: side });
/** What costs time or asks for a second try, and nothing else. */
const hitch: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('unavailable' as const), when: side, ms: fc.nat({ max: 10_000 }) }),
  fc.constant({ kind: 'sent-twice' as const }),
  fc.record({ kind: fc.constant('slow' as const), ms: fc.integer({ min: 100, max: 30_000 }) }),
);
/** A few anywhere, or many within the first visits. */
const at = (fault: fc.Arbitrary<Fault>) =>
  fc.oneof(
    few(fc.record({ call: fc.nat({ max: 250 }), fault }), 6),
    few(fc.record({ call: fc.nat({ max: 60 }), fault }), 12),
  );

const service = fc.constantFrom<Service>(...SERVICES);

/** Nothing goes wrong: builds are dropped, announced once, and wait. */
export const QUIET: PlanArbitraries = {
  seed: fc.integer(),
  tables: fc.constantFrom('dynamodb' as const, 'memory' as const),
  onLostAnswer: fc.constant('retry' as const),
  onlyLatest: fc.constant(false),
  everyVersion: fc.constant(true),
  maximumConcurrency: fc.integer({ min: 2, max: 4 }),
  refusedCallsCount: fc.boolean(),
  skews: fc.constant([0]),
  drops: fc.array(
    drop.map((made) => ({
      ...made,
      isZip: true,
      announced: [0],
      key: made.key === 'unrouted/e.zip' ? KEYS[0] : made.key,
    })),
    { minLength: 1, maxLength: 12 },
  ),
  severalRecords: fc.constant(false),
  rewrites: fc.constant([]),
  moves: fc.constant([]),
  routeChange: fc.constant(undefined),
  deletions: fc.constant([]),
  redeliveries: fc.constant([]),
  foreignCalls: fc.constant([]),
  fates: fc.constant([]),
  faults: fc.constant([]),
  outages: fc.constant([]),
  keyChange: fc.constant(undefined),
};

/** What waiting, clocks, duplicates, order and passing trouble of AWS can do: no worker has failed. */
export const DISTURBED: PlanArbitraries = {
  ...QUIET,
  everyVersion: fc.boolean(),
  skews: fc.array(fc.integer({ min: -MAX_SKEW_MS, max: MAX_SKEW_MS }), { minLength: 1, maxLength: 6 }),
  drops: fc.array(
    drop.map((made) => ({ ...made, isZip: true, key: made.key === 'unrouted/e.zip' ? KEYS[0] : made.key })),
    { minLength: 1, maxLength: 10 },
  ),
  severalRecords: fc.boolean(),
  redeliveries: few(fc.record({ message: fc.nat({ max: 15 }), at: when }), 4),
  foreignCalls: few(fc.record({ user: fc.constantFrom('user', 'other-user'), at: when }), 5),
  outages: few(
    fc.record({
      service: fc.constantFrom<Service>('dynamodb', 'sqs', 'sns', 'eventbridge'),
      from: begin,
      lasts: fc.integer({ min: 1, max: 600 }),
    }),
    2,
  ),
  keyChange: fc.option(fc.record({ at: when, storedLater: fc.constant(0) }), { nil: undefined }),
};

/** Answers of AWS get lost, and its clients send the same request once more by themselves. */
export const SENT_TWICE: PlanArbitraries = {
  ...QUIET,
  tables: fc.constant('dynamodb'),
  faults: at(fc.constant({ kind: 'sent-twice' })),
};

/** Everything at once. */
export const CHAOS: PlanArbitraries = {
  ...DISTURBED,
  onLostAnswer: fc.constantFrom('retry' as const, 'dead-letter' as const),
  onlyLatest: fc.boolean(),
  drops: fc.oneof(fc.array(drop, { minLength: 1, maxLength: 2 }), fc.array(drop, { minLength: 1, maxLength: 8 })),
  rewrites: few(fc.record({ key: fc.constantFrom(...KEYS), at: when }), 3),
  moves: few(fc.nat({ max: 4 * SPAN_S }), 2),
  routeChange: fc.option(fc.record({ at: when, to: fc.constantFrom('project' as const, 'user' as const) }), {
    nil: undefined,
  }),
  deletions: few(fc.record({ key: fc.constantFrom(...KEYS), at: when }), 2),
  fates: few(fate, 12),
  faults: at(fc.oneof(crash, hitch)),
  outages: few(fc.record({ service, from: begin, lasts: fc.integer({ min: 1, max: 900 }) }), 2),
  keyChange: fc.option(fc.record({ at: when, storedLater: fc.nat({ max: 900 }) }), { nil: undefined }),
};
