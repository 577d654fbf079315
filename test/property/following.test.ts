import { describe, expect, it } from 'vitest';
import { STAGES } from '../../functions/domain/model/news.ts';
import { MARGIN_MS, SENDING_ALLOWANCE_MS } from '../../functions/domain/pacing/pacer.ts';
import { LATENCIES } from '../simulation/latencies.ts';
import { type Fault, SERVICES, type Service } from '../simulation/sandbox.ts';
import { fc, RUNS, SEARCH, SEARCH_TIMEOUT, SEED } from '../support/fast-check.ts';
import { STUCK_AFTER_MS } from '../support/follow-world.ts';
import { alertsOf, expectAllFollowed, hasReported, timesEmitted } from './following-invariants.ts';
import {
  type Followed,
  type FollowPlan,
  FollowSimulation,
  NO_TROUBLE,
  type PlannedBuild,
  type PlannedReport,
  type ReleaseFate,
} from './following-simulation.ts';

type Plans = { readonly [Name in keyof FollowPlan]: fc.Arbitrary<FollowPlan[Name]> };

/** Half of the margin is for sending. The other half is for the difference between two clocks and between two transits. */
const [leastTransitMs, mostTransitMs] = LATENCIES.vendorTransit;
const MAX_SKEW_MS = (MARGIN_MS - SENDING_ALLOWANCE_MS - (mostTransitMs - leastTransitMs)) / 2;
const HOUR_S = 3_600;

const few = <Value>(value: fc.Arbitrary<Value>, maxLength: number) => fc.array(value, { maxLength });
/** Often within the first seconds, when most things happen. */
const when = fc.oneof(fc.nat({ max: 10 }), fc.nat({ max: 600 }), fc.nat({ max: 5 * HOUR_S }));
const soon = fc.oneof(fc.constant(0), fc.nat({ max: 300 }));

const reportOf = (arrivals: fc.Arbitrary<readonly number[]>): fc.Arbitrary<PlannedReport> =>
  fc.record({
    stage: fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...STAGES, 'approved') }, fc.constant(undefined)),
    at: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 300 }), fc.nat({ max: 4 * HOUR_S })),
    arrivals,
  });
const buildOf = (changes: Partial<{ [Name in keyof PlannedBuild]: fc.Arbitrary<PlannedBuild[Name]> }> = {}) =>
  fc.record({
    mode: fc.constantFrom('automatic', 'manual', 'on-approval', 'on-approval'),
    user: fc.constantFrom('user', 'user', 'other-user'),
    at: soon,
    answer: fc.constant('recorded'),
    watched: fc.constant([0]),
    reports: few(reportOf(fc.constant([0])), 5),
    ...changes,
  } as { [Name in keyof PlannedBuild]: fc.Arbitrary<PlannedBuild[Name]> });

/** Nothing goes wrong: builds are submitted, each stage is reported once, and releases succeed. */
const QUIET: Plans = {
  seed: fc.integer(),
  maximumConcurrency: fc.integer({ min: 2, max: 4 }),
  skews: fc.constant([0]),
  builds: fc.array(buildOf(), { minLength: 1, maxLength: 5 }),
  requests: fc.constant([]),
  redeliveries: fc.constant([]),
  foreignCalls: fc.constant([]),
  fates: fc.constant([]),
  faults: fc.constant([]),
  outages: fc.constant([]),
};

const side = fc.constantFrom('before' as const, 'after' as const);
const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), when: side }) },
  fc.record({ kind: fc.constant('unavailable' as const), when: side, ms: fc.nat({ max: 10_000 }) }),
  fc.constant({ kind: 'sent-twice' as const }),
  fc.record({ kind: fc.constant('slow' as const), ms: fc.integer({ min: 100, max: 30_000 }) }),
);

/** Everything goes wrong at once. */
const CHAOS: Plans = {
  ...QUIET,
  skews: fc.array(fc.integer({ min: -MAX_SKEW_MS, max: MAX_SKEW_MS }), { minLength: 1, maxLength: 6 }),
  builds: fc.array(
    buildOf({
      answer: fc.oneof(
        { weight: 3, arbitrary: fc.constant('recorded' as const) },
        fc.constantFrom('lost' as const, 'lost-and-dead-lettered' as const, 'lost-with-its-worker' as const),
      ),
      watched: fc.array(soon, { minLength: 1, maxLength: 2 }),
      reports: few(reportOf(fc.array(soon, { minLength: 1, maxLength: 3 })), 6),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  requests: few(fc.record({ build: fc.nat({ max: 4 }), at: when, copies: fc.integer({ min: 1, max: 2 }) }), 3),
  redeliveries: few(fc.record({ message: fc.nat({ max: 30 }), at: when }), 6),
  foreignCalls: few(fc.record({ user: fc.constantFrom('user' as const, 'other-user' as const), at: when }), 3),
  fates: few(
    fc.oneof(
      fc.constant<ReleaseFate>('released'),
      fc.constantFrom<ReleaseFate>('too-early', 'failed', 'refused', 'released-lost', 'lost'),
    ),
    10,
  ),
  faults: fc.oneof(
    few(fc.record({ call: fc.nat({ max: 300 }), fault }), 6),
    few(fc.record({ call: fc.nat({ max: 60 }), fault }), 12),
  ),
  outages: few(
    fc.record({
      service: fc.constantFrom<Service>(...SERVICES.filter((name) => name !== 'vendor')),
      from: when,
      lasts: fc.integer({ min: 1, max: 900 }),
    }),
    2,
  ),
};

function check(plans: Plans, property: (plan: FollowPlan) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(fc.record(plans), property), SEARCH);
}

describe(`following builds in virtual time (seed ${SEED}, ${RUNS} runs)`, SEARCH_TIMEOUT, () => {
  it('keeps every rule, whatever crashes, fails, arrives late or twice', () =>
    check(CHAOS, async (plan) => {
      await expectAllFollowed(await new FollowSimulation(plan).run());
    }));

  it('notifies of each outcome once and releases each approved build once if nothing goes wrong', () =>
    check(QUIET, async (plan) => {
      const simulation = await new FollowSimulation(plan).run();

      await expectAllFollowed(simulation);
      for (const followed of simulation.followed) {
        const { planned, uploadId } = followed;
        const entry = await followed.entry();
        const isRejected = entry?.state === 'rejected';
        expect(alertsOf(simulation, 'rejected', uploadId)).toHaveLength(isRejected ? 1 : 0);
        expect(timesEmitted(simulation, 'Build Rejected', followed)).toBe(isRejected ? 1 : 0);
        expect(timesEmitted(simulation, 'Build Approved', followed)).toBeLessThanOrEqual(1);
        const isReleased = planned.mode === 'on-approval' && hasReported(followed, 'approved') && !isRejected;
        const isSuperseded = isReleased && (await hasNewerReleased(simulation, followed));
        if (isReleased && !isSuperseded) expect(entry?.state).toBe('released');
        const calls = simulation.calls.filter((call) => call.uploadId === uploadId);
        expect(calls.length).toBeLessThanOrEqual(1);
        const wasSuperseded = isReleased && entry?.release?.state === 'failed';
        if (isReleased) expect(timesEmitted(simulation, 'Build Released', followed)).toBe(wasSuperseded ? 0 : 1);
        if (wasSuperseded) expect(isSuperseded).toBe(true);
        expect(alertsOf(simulation, 'release-failed', uploadId)).toEqual([]);
        const { lastNewsAt = Number.POSITIVE_INFINITY, stuckAt } = entry ?? {};
        // News that arrives while the alert is on its way does not change what the alert is about.
        const hasNews = stuckAt !== undefined && lastNewsAt + STUCK_AFTER_MS <= stuckAt;
        expect(alertsOf(simulation, 'stuck', uploadId).length).toBeGreaterThanOrEqual(hasNews ? 1 : 0);
        expect(alertsOf(simulation, 'stuck', uploadId).length).toBeLessThanOrEqual(1);
      }
      expect(simulation.calls.filter(({ reply }) => reply === 'rate-limited')).toEqual([]);
    }));
});

/** Whether a build of the same project that was submitted later has been released. */
async function hasNewerReleased(simulation: FollowSimulation, followed: Followed): Promise<boolean> {
  const [entry, ...others] = await Promise.all(
    [followed, ...simulation.followed].map(async (each) => await each.entry()),
  );
  return others.some(
    (other) =>
      other?.release?.state === 'released' &&
      other.projectId === entry?.projectId &&
      (other.submittedAt ?? 0) > (entry?.submittedAt ?? 0),
  );
}

/** A build with each stage a minute after the one before. */
function aPlannedBuild(changes: Partial<PlannedBuild>, ...stages: PlannedReport['stage'][]): PlannedBuild {
  return {
    mode: 'on-approval',
    user: 'user',
    at: 0,
    answer: 'recorded',
    watched: [0],
    reports: stages.map((stage, index) => ({ stage, at: index * 60, arrivals: [0] })),
    ...changes,
  };
}

/** Courses of events, each with the log line that shows that it was taken. */
const COURSES: readonly { readonly course: string; readonly shows: string; readonly plan: Partial<FollowPlan> }[] = [
  {
    course: 'two builds are approved at once and released one after the other',
    shows: 'build-released',
    plan: { builds: [aPlannedBuild({}, 'uploaded', 'approved'), aPlannedBuild({}, 'uploaded', 'approved')] },
  },
  {
    course: 'a build is rejected after it was approved',
    shows: 'build-rejected',
    plan: { builds: [aPlannedBuild({}, 'approved', 'rejected')] },
  },
  {
    course: 'a build is rejected while its release waits',
    shows: 'build-rejected',
    plan: {
      builds: [aPlannedBuild({}, 'approved'), aPlannedBuild({}, 'approved', 'rejected')],
      foreignCalls: [{ user: 'user', at: 0 }],
    },
  },
  {
    course: 'another tool has used up the window',
    shows: 'build-released',
    plan: { builds: [aPlannedBuild({}, 'approved')], foreignCalls: [{ user: 'user', at: 0 }] },
  },
  {
    course: 'Streampixel answers that it is too early, then fails',
    shows: 'release-postponed',
    plan: { builds: [aPlannedBuild({}, 'approved')], fates: ['too-early', 'failed'] },
  },
  {
    course: 'Streampixel refuses to release',
    shows: 'release-failed',
    plan: { builds: [aPlannedBuild({}, 'approved')], fates: ['refused'] },
  },
  {
    course: 'the answer to the release is lost',
    shows: 'release-failed',
    plan: { builds: [aPlannedBuild({}, 'approved')], fates: ['released-lost'] },
  },
  {
    course: 'a person releases a build, twice',
    shows: 'build-released',
    plan: {
      builds: [aPlannedBuild({ mode: 'manual' }, 'approved')],
      requests: [
        { build: 0, at: 120, copies: 2 },
        { build: 0, at: 130, copies: 1 },
      ],
    },
  },
  {
    course: 'Streampixel distributes a build that a person has released, and another one by itself',
    shows: 'build-released',
    plan: {
      builds: [
        aPlannedBuild({ mode: 'manual' }, 'approved', undefined, undefined, 'distributing'),
        aPlannedBuild({ mode: 'automatic' }, 'distributing', 'approved'),
      ],
      requests: [{ build: 0, at: 120, copies: 1 }],
    },
  },
  {
    course: 'webhooks stop',
    shows: 'build-stuck',
    plan: { builds: [aPlannedBuild({}, 'uploaded', 'downloading')] },
  },
  {
    course: 'the webhook was never set up',
    shows: 'webhook-silent',
    plan: { builds: [aPlannedBuild({}), aPlannedBuild({})] },
  },
  {
    course: 'the answer to the submission was lost and the build dead-lettered',
    shows: 'build-stuck',
    plan: { builds: [aPlannedBuild({ answer: 'lost-and-dead-lettered' }, 'uploaded', 'downloading')] },
  },
  {
    course: 'the worker that submitted it has crashed',
    shows: 'build-approved',
    plan: { builds: [aPlannedBuild({ answer: 'lost-with-its-worker' }, 'uploaded', 'approved')] },
  },
];

/** Plans with which a property once failed, shrunk; each with the log line that shows that it still gets there. */
const COUNTEREXAMPLES: readonly {
  readonly rule: string;
  readonly shows: string;
  readonly plan: Partial<FollowPlan>;
}[] = [
  {
    rule: 'does not send a release request again because a worker that read it before recorded that it waits',
    shows: 'release-postponed',
    plan: {
      builds: [aPlannedBuild({ watched: [2] })],
      requests: [{ build: 0, at: 0, copies: 2 }],
      faults: [{ call: 2, fault: { kind: 'unavailable', when: 'before', ms: 1_655 } }],
    },
  },
];

describe('following builds, in cases that once failed', () => {
  it.each(COUNTEREXAMPLES)('$rule', async ({ shows, plan }) => {
    const simulation = await new FollowSimulation({ ...NO_TROUBLE, ...plan }).run();

    expect(simulation.log.map(({ event }) => event)).toContain(shows);
    await expectAllFollowed(simulation);
  });
});

const CRASHES: readonly Fault[] = [
  { kind: 'crash', when: 'before' },
  { kind: 'crash', when: 'after' },
];

describe('a worker that crashes', SEARCH_TIMEOUT, () => {
  it.each(COURSES)('at any await point loses and doubles nothing where $course', async ({ shows, plan: course }) => {
    const plan = { ...NO_TROUBLE, ...course };
    const undisturbed = await new FollowSimulation(plan).run();
    expect(undisturbed.log.map(({ event }) => event)).toContain(shows);
    await expectAllFollowed(undisturbed);
    const calls = Object.values(undisturbed.network.calls).reduce((sum, count) => sum + count, 0);

    for (let call = 0; call < calls; call++) {
      for (const crash of CRASHES) await expectRulesKeptWith(plan, [{ call, fault: crash }]);
    }
  });

  it('at any two await points loses and doubles nothing', async () => {
    const plan = { ...NO_TROUBLE, builds: [aPlannedBuild({ watched: [] }, 'approved')] };
    const { network } = await new FollowSimulation(plan).run();
    const calls = Object.values(network.calls).reduce((sum, count) => sum + count, 0);

    for (let first = 0; first < calls; first++) {
      for (let second = first + 1; second <= calls + 3; second++) {
        for (const crash of CRASHES) {
          await expectRulesKeptWith(plan, [
            { call: first, fault: crash },
            { call: second, fault: crash },
          ]);
        }
      }
    }
  });
});

async function expectRulesKeptWith(plan: FollowPlan, faults: FollowPlan['faults']): Promise<void> {
  try {
    await expectAllFollowed(await new FollowSimulation({ ...plan, faults }).run());
  } catch (error) {
    throw new Error(`with ${JSON.stringify(faults)}`, { cause: error });
  }
}
