import { describe, expect, it } from 'vitest';
import type { Reason } from '../../functions/domain/model/reasons.ts';
import { OurDesign } from '../simulation/our-design.ts';
import { seededRandom } from '../simulation/random.ts';
import { fc, RUNS, SEARCH, SEARCH_TIMEOUT, SEED } from '../support/fast-check.ts';
import {
  deadLettersOf,
  expectAllRulesKept,
  expectIntervalKeptByAll,
  expectNothingLost,
  expectNoUnmarkedDouble,
} from './invariants.ts';
import { CHAOS, DISTURBED, KEYS, type Plan, type PlanArbitraries, QUIET, SENT_TWICE } from './plan.ts';
import { type Dropped, redrive, type Simulation, simulate } from './simulation.ts';

/** From something's happening to its being noticed by every worker: a cold start and pollers that are busy, in ms. */
const NOTICED_AFTER_MS = 30_000;

/** What a redrive can't fix. */
const PERMANENT: readonly Reason[] = ['BuildMissing', 'NotAZip', 'NoRoute'];

function check(plans: PlanArbitraries, property: (plan: Plan) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(fc.record(plans), property), SEARCH);
}

describe(`submitting builds in virtual time (seed ${SEED}, ${RUNS} runs)`, SEARCH_TIMEOUT, () => {
  it('keeps every rule, whatever crashes, fails or comes twice', () =>
    check(CHAOS, async (plan) => {
      const simulation = await simulate(plan);

      await expectAllRulesKept(simulation);
    }));

  it('tries a redriven dead letter again, and never sends what was accepted', () =>
    check(CHAOS, async (plan) => {
      const simulation = await simulate(plan);
      const before = await statesOf(simulation);
      const arrivalsBefore = simulation.design.vendor.arrivals.length;

      await redrive(simulation);

      expectNothingLost(simulation);
      expectIntervalKeptByAll(simulation);
      await expectNoUnmarkedDouble(simulation);
      const after = await statesOf(simulation);
      const sentAgain = simulation.design.vendor.arrivals.slice(arrivalsBefore).map(({ call }) => call.buildId);
      for (const dropped of simulation.dropped) {
        const entry = await simulation.entryOf(dropped);
        if (before.get(dropped) === 'submitted') expect(sentAgain).not.toContain(dropped.id);
        if (before.get(dropped) !== 'dead-lettered') continue;
        if (after.get(dropped) === 'dead-lettered') expect(PERMANENT).toContain(entry?.reason);
        else expect(after.get(dropped)).toMatch(/^(submitted|skipped)$/);
        if (after.get(dropped) === 'submitted') expect(entry?.attempts, 'attempts after the redrive').toBe(0);
      }
      for (const { reason } of deadLettersOf(simulation)) expect(PERMANENT).toContain(reason);
    }));

  it('accepts no build twice where a lost answer is left to a person', () =>
    // A message that comes after the dead-lettering is a request to try again: here there are none.
    check(
      {
        ...CHAOS,
        onLostAnswer: fc.constant('dead-letter'),
        drops: CHAOS.drops.map((drops) => drops.map((drop) => ({ ...drop, announced: drop.announced.map(() => 0) }))),
        severalRecords: fc.constant(false),
        moves: fc.constant([]),
      },
      async (plan) => {
        const simulation = await simulate(plan);

        for (const { id } of simulation.dropped) {
          expect(simulation.design.vendor.acceptancesOf(id).length, id).toBeLessThanOrEqual(1);
        }
      },
    ));

  it('dead-letters nothing and counts no attempt for waiting, 429s, duplicates, clocks and passing trouble of AWS', () =>
    check(DISTURBED, async (plan) => {
      const simulation = await simulate(plan);

      await expectAllRulesKept(simulation);
      expect(deadLettersOf(simulation)).toEqual([]);
      for (const dropped of simulation.dropped) {
        const entry = await simulation.entryOf(dropped);
        if (entry?.possiblyDoubled === false) expect(entry.attempts, dropped.id).toBe(0);
      }
    }));

  it('submits every build once and counts no attempt where the clients of AWS send requests twice', () =>
    check(SENT_TWICE, async (plan) => {
      const simulation = await simulate(plan);

      await expectAllRulesKept(simulation);
      for (const dropped of simulation.dropped) {
        expect(simulation.design.vendor.acceptancesOf(dropped.id)).toHaveLength(1);
        expect(await simulation.entryOf(dropped)).toMatchObject({ attempts: 0, possiblyDoubled: false });
      }
    }));

  it('submits no content of a key twice where nothing fails, however often its bytes are written again', () =>
    check(
      { ...DISTURBED, rewrites: fc.array(fc.record({ key: fc.constantFrom(...KEYS), at: fc.nat({ max: 4_000 }) })) },
      async (plan) => {
        const simulation = await simulate(plan);

        await expectAllRulesKept(simulation);
      },
    ));

  it('keeps the interval and submits each build once where two stacks share a ledger table', () =>
    check({ ...QUIET, tables: fc.constant('dynamodb'), skews: DISTURBED.skews }, async (plan) => {
      const { design } = await simulate(plan, (first, routes) => {
        const random = seededRandom(plan.seed + 1);
        const second = new OurDesign({ random, routes, sharedWith: first, bucket: 'second' });
        for (const { key, at } of plan.drops) {
          second.time.after(at * 1_000 + 500, () => second.announce(second.bucket.put(key)));
        }
      });

      const calls = design.vendor.arrivals.map(
        ({ accepted, call }) => `${call.buildId} ${accepted ? 'accepted' : 'refused'}`,
      );
      expect(calls.filter((call) => call.endsWith('refused'))).toEqual([]);
      expect(new Set(calls).size).toBe(calls.length);
      expect(calls).toHaveLength(2 * plan.drops.length);
    }));

  it('submits undisturbed builds in the order of their drop, without a 429, in two receives each', () =>
    check({ ...QUIET, drops: QUIET.drops.map(spacedOut) }, async (plan) => {
      const simulation = await simulate(plan);

      const { vendor, queue } = simulation.design;
      expectOrderOfDrop(simulation);
      expect(vendor.arrivals.every(({ accepted }) => accepted)).toBe(true);
      expect(queue.receives).toBeLessThanOrEqual(2 * simulation.dropped.length);
    }));

  it('keeps the order of the builds when another tool spends a slot', () =>
    check({ ...QUIET, drops: QUIET.drops.map(spacedOut), foreignCalls: DISTURBED.foreignCalls }, async (plan) => {
      const simulation = await simulate(plan);

      expectOrderOfDrop(simulation);
    }));

  it('submits the last version of each key, and no version that a newer one has replaced before its slot', () =>
    check({ ...DISTURBED, everyVersion: fc.constant(false), outages: fc.constant([]) }, async (plan) => {
      const simulation = await simulate(plan);

      await expectOnlyNewest(
        simulation,
        ({ key }) => key,
        ({ build }) => build.droppedAt,
      );
    }));

  it('submits every version where the route says so', () =>
    check({ ...DISTURBED, everyVersion: fc.constant(true) }, async (plan) => {
      const { design, dropped } = await simulate(plan);

      for (const { id } of dropped) expect(design.vendor.acceptancesOf(id), id).not.toEqual([]);
    }));

  it('submits the newest build of a route, and no older one that still waits, where only the latest is wanted', () =>
    check(
      { ...DISTURBED, everyVersion: fc.constant(true), onlyLatest: fc.constant(true), outages: fc.constant([]) },
      async (plan) => {
        const simulation = await simulate(plan);

        await expectOnlyNewest(
          simulation,
          ({ route }) => route,
          ({ firstAnnouncedAt }) => firstAnnouncedAt,
        );
      },
    ));
});

async function statesOf({ dropped, entryOf }: Simulation) {
  const states = await Promise.all(dropped.map(async (one) => [one, (await entryOf(one))?.state] as const));
  return new Map(states);
}

/** Drops far enough apart that each has its slot before the next one comes. */
function spacedOut(drops: Plan['drops']): Plan['drops'] {
  return drops.map((drop, index) => ({ ...drop, at: index * 10 + (drop.at % 10) / 10 }));
}

function expectOrderOfDrop({ design, dropped }: Simulation): void {
  const accepted = design.vendor.arrivals.filter((arrival) => arrival.accepted).map(({ call }) => call);
  for (const [user, builds] of Map.groupBy(dropped, ({ route }) => route?.userId)) {
    const requestId = accepted.filter(({ userId }) => userId === user).map(({ buildId }) => buildId);
    expect(requestId).toEqual(builds.map(({ id }) => id));
  }
}

/** Of builds of one kind the newest is submitted, and none is once workers can know that there is a newer one. */
async function expectOnlyNewest(
  { design, dropped, entryOf }: Simulation,
  kind: (dropped: Dropped) => unknown,
  tellableAt: (dropped: Dropped) => number,
): Promise<void> {
  for (const builds of Map.groupBy(dropped, kind).values()) {
    const newest = Math.max(...builds.map(({ build }) => build.droppedAt));
    const last = builds.filter(({ build }) => build.droppedAt === newest);
    const states = await Promise.all(last.map(async (one) => (await entryOf(one))?.state));
    expect(states, `states of ${last.map(({ id }) => id)}`).toContain('submitted');
    for (const older of builds) {
      for (const newer of builds) {
        if (newer.build.droppedAt <= older.build.droppedAt) continue;
        const late = design.submissions.filter(
          ({ buildId, acquiredAt }) => buildId === older.id && acquiredAt > tellableAt(newer) + NOTICED_AFTER_MS,
        );
        expect(late, `calls for ${older.id} after ${newer.id} was there to be noticed`).toEqual([]);
      }
    }
  }
}
