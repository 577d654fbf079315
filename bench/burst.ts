import { STREAMPIXEL_WINDOW_MS } from '../functions/domain/pacing/pacer.ts';
import { OurDesign } from '../test/simulation/our-design.ts';
import { PlainDesign } from '../test/simulation/plain-design.ts';
import { seededRandom } from '../test/simulation/random.ts';
import type { SimulatedVendor } from '../test/simulation/simulated-vendor.ts';

export interface Scenario {
  readonly scenario: string;
  readonly builds: number;
  /** The builds are spread evenly over so many users. */
  readonly users: number;
}

export const SCENARIOS: readonly Scenario[] = [
  { scenario: '10 builds, one user', builds: 10, users: 1 },
  { scenario: '100 builds, one user', builds: 100, users: 1 },
  { scenario: '1,000 builds, one user', builds: 1_000, users: 1 },
  { scenario: '100 builds, 10 users', builds: 100, users: 10 },
];

export type BurstResult = ReturnType<typeof resultOf>;
export type BurstRun = Awaited<ReturnType<typeof runBurst>>;

/** When builds were accepted: s since the drop, in order. One number per build. */
export type Acceptances = readonly number[];

/** Drops all builds of a scenario at once, on both designs. */
export async function runBurst(scenario: Scenario, seed: number) {
  const ours = new OurDesign({ random: seededRandom(seed), routes: routesOf(scenario) });
  const plain = new PlainDesign(seededRandom(seed));
  for (let build = 0; build < scenario.builds; build++) {
    const user = userOf(build, scenario);
    ours.announce(ours.bucket.put(`${user}/build-${build}.zip`));
    plain.queue.send(JSON.stringify({ userId: user, buildId: `build-${build}` }));
  }
  const oursFrom = await finish(ours);
  const plainFrom = await finish(plain);
  const results = { ours: resultOf(ours, oursFrom, scenario), plain: resultOf(plain, plainFrom, scenario) };
  /** The shortest that Streampixel's limit allows: (builds per user - 1) windows. */
  const limitSeconds = ((scenario.builds / scenario.users - 1) * STREAMPIXEL_WINDOW_MS) / 1000;
  return {
    row: { ...scenario, limitSeconds, ...results },
    ours: acceptancesOf(ours.vendor, oursFrom),
    plain: acceptancesOf(plain.vendor, plainFrom),
  };
}

/** @returns when it began, in ms since the epoch */
async function finish({ time, queue }: Pick<OurDesign, 'time' | 'queue'>): Promise<number> {
  const from = time.now();
  await time.run();
  if (queue.size > 0) throw new Error(`${queue.size} messages are still in the queue`);
  return from;
}

function resultOf(
  { deadLetters, network, queue, vendor }: Pick<OurDesign, 'deadLetters' | 'network' | 'queue' | 'vendor'>,
  from: number,
  { builds }: Scenario,
) {
  const { vendor: _, ...awsCalls } = network.calls;
  const acceptances = acceptancesOf(vendor, from);
  return {
    /** Builds that Streampixel accepted, once or more often. */
    accepted: acceptances.length,
    /** Messages in the dead-letter queue at the end. */
    deadLettered: deadLetters.size,
    /** Calls that Streampixel answered with 429. */
    http429: vendor.arrivals.filter(({ reply }) => reply.status === 429).length,
    /** From the drop to the last build's first acceptance. */
    makespanSeconds: rounded(acceptances.at(-1) ?? 0),
    receivesPerBuild: rounded(queue.receives / builds),
    /** Calls of AWS that the worker makes; the poller's own receives and deletes are not among them. */
    awsCallsPerBuild: rounded(Object.values(awsCalls).reduce((sum, count) => sum + count, 0) / builds),
  };
}

function acceptancesOf({ arrivals }: SimulatedVendor, from: number): Acceptances {
  const first = new Map<string, number>();
  for (const { accepted, call, at } of arrivals) {
    if (accepted && !first.has(call.buildId)) first.set(call.buildId, (at - from) / 1000);
  }
  return [...first.values()];
}

function userOf(build: number, { users }: Scenario): string {
  return `user-${build % users}`;
}

function routesOf({ users }: Scenario) {
  return Array.from({ length: users }, (_, user) => ({
    prefix: `user-${user}/`,
    userId: `user-${user}`,
    projectId: `project-${user}`,
    autoRelease: false,
    apiKeyParameter: '/api-key',
  }));
}

function rounded(number: number): number {
  return Math.round(number * 100) / 100;
}
