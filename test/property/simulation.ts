import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { OurDesign } from '../simulation/our-design.ts';
import { seededRandom } from '../simulation/random.ts';
import type { Call, Fault } from '../simulation/sandbox.ts';
import type { Key, Plan } from './plan.ts';

/** A build that a plan has dropped, and what became of it. */
export interface Dropped {
  readonly build: Build;
  readonly id: string;
  readonly key: Key;
  readonly isZip: boolean;
  readonly content: string;
  readonly route: Route | undefined;
  /** When its first message reaches the queue, in ms since the epoch. */
  readonly firstAnnouncedAt: number;
}

export interface Simulation {
  readonly plan: Plan;
  readonly design: OurDesign;
  readonly dropped: readonly Dropped[];
  /** What has gone wrong, call by call. */
  readonly faults: readonly { readonly call: Call; readonly fault: Fault }[];
  entryOf(dropped: Dropped): Promise<LedgerEntry | undefined>;
  /** From now on nothing goes wrong any more. */
  endFaults(): void;
}

/** Ends all faults, sends every dead letter back twice (at least once, says SQS) and runs until nothing happens. */
export async function redrive(simulation: Simulation): Promise<void> {
  const { design, endFaults } = simulation;
  endFaults();
  for (const { body, attributes } of design.deadLetters.drain()) {
    design.queue.send(body, attributes);
    design.queue.send(body, attributes);
  }
  await design.time.run(design.time.now() + LONG_MS);
}

/** Long enough for every retry and for the queue to give up on its own; shorter than any retention. */
const LONG_MS = 5 * 24 * 3_600_000;

/** Runs a plan until nothing happens any more. */
export async function simulate(
  plan: Plan,
  beforeRun: (design: OurDesign, routes: readonly Route[]) => void = () => {},
): Promise<Simulation> {
  const dropped: Dropped[] = [];
  const faults: { call: Call; fault: Fault }[] = [];
  let areFaultsOver = false;
  const routes = routesOf(plan);
  const design = new OurDesign({
    random: seededRandom(plan.seed),
    routes,
    tables: plan.tables,
    settings: { onLostAnswer: plan.onLostAnswer },
    maximumConcurrency: plan.maximumConcurrency,
    refusedCallsCount: plan.refusedCallsCount,
    skewOf: (sandbox) => plan.skews[sandbox % plan.skews.length] ?? 0,
    fateOf: (_, number) => (areFaultsOver ? undefined : plan.fates[number]) ?? 'accepted',
    faultOf: (call) => {
      const fault = areFaultsOver ? undefined : faultOf(call, plan, start);
      if (fault !== undefined) faults.push({ call, fault });
      return fault;
    },
  });
  const { time } = design;
  const start = time.now();
  const note = (build: Build, key: Key, isZip: boolean, announcedLater: number) => {
    const route = routes.find(({ prefix }) => key.startsWith(prefix));
    const content = design.bucket.contentOf(build) ?? '';
    const firstAnnouncedAt = time.now() + announcedLater * 1000;
    dropped.push({ build, id: buildId(build), key, isZip, content, route, firstAnnouncedAt });
  };
  const after = (seconds: number, action: () => void) => time.after(seconds * 1000, action);

  for (const { key, isZip, at, announced } of plan.drops) {
    after(at, () => {
      const build = design.bucket.put(key, isZip);
      note(build, key, isZip, Math.min(...announced));
      const previous = plan.severalRecords ? dropped.slice(-2, -1).map((other) => other.build) : [];
      for (const later of announced) after(later, () => design.announce(...previous, build));
    });
  }
  for (const { key, at } of plan.rewrites) {
    after(at, () => {
      const again = design.bucket.rewrite(key);
      if (again === undefined) return;
      note(again.build, key, again.isZip, 0);
      design.announce(again.build);
    });
  }
  for (const at of plan.moves) {
    after(at, () => {
      const moved = design.deadLetters.drain();
      // Slower than clocks differ: their times distinguish a moved message from a late duplicate.
      after(1, () => {
        for (const { body } of moved) design.queue.send(body);
      });
    });
  }
  if (plan.routeChange !== undefined) {
    const { at, to } = plan.routeChange;
    after(at, () => {
      const changed = to === 'user' ? { userId: 'new-user', projectId: 'project-4' } : { projectId: 'project-4' };
      const [first, ...others] = design.settings.routes;
      if (first !== undefined) design.settings = { ...design.settings, routes: [{ ...first, ...changed }, ...others] };
    });
  }
  for (const { key, at } of plan.deletions) after(at, () => design.bucket.delete(key));
  for (const { message, at } of plan.redeliveries) after(at, () => design.queue.exposeAgain(`message-${message}`));
  for (const { user, at } of plan.foreignCalls) after(at, () => design.vendor.spendWindow(user));
  if (plan.keyChange !== undefined) {
    const { at, storedLater } = plan.keyChange;
    after(at, () => {
      design.validKey = 'key-2';
      after(storedLater, () => {
        design.parameter = { value: 'key-2', version: 2 };
      });
    });
  }
  beforeRun(design, routes);
  await time.run(start + LONG_MS);
  return {
    plan,
    design,
    dropped,
    faults,
    entryOf: ({ build }) => design.entryOf(build),
    endFaults: () => {
      areFaultsOver = true;
    },
  };
}

function faultOf({ number, service, at }: Call, plan: Plan, start: number): Fault | undefined {
  const planned = plan.faults.find(({ call }) => call === number);
  if (planned !== undefined) return planned.fault;
  const seconds = (at - start) / 1000;
  const out = plan.outages.some(
    ({ service: name, from, lasts }) => name === service && seconds >= from && seconds < from + lasts,
  );
  return out ? { kind: 'unavailable', when: 'before', ms: 0 } : undefined;
}

/** Two routes of one user, one of another, and a key without a route. */
function routesOf({ onlyLatest, everyVersion }: Plan): readonly Route[] {
  const common = { autoRelease: false, apiKeyParameter: '/api-key', onlyLatest, everyVersion };
  return [
    { ...common, autoRelease: true, prefix: 'plain/', userId: 'user', projectId: 'project-1' },
    { ...common, prefix: 'same-user/', userId: 'user', projectId: 'project-2' },
    { ...common, prefix: 'other-user/', userId: 'other-user', projectId: 'project-3' },
  ];
}
