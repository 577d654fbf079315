import type { Bench } from './artifacts.ts';
import { rounded } from './cold-start.ts';
import { type Calls, callsOf, type Endpoints, startEndpoints, type TableUnits } from './endpoints.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';
import { buildsEvent, environmentFor } from './worker-events.ts';

/** Builds that are dropped at once for one user. */
export const QUEUE_LENGTH = 1_000;
/** Bytes. */
const SMALL_OBJECT = 1_024;
const LARGE_OBJECT = 30 * 1024 ** 3;

/** What one accepted build costs the worker, all its visits included. */
export interface BuildCost {
  readonly awsCalls: Calls;
  readonly cpuMs: number;
}

export interface QueueUsage extends BuildCost {
  readonly builds: number;
  readonly objectBytes: number;
  /** Of the process, in units of 1,000,000 bytes. */
  readonly peakRssMB: number;
  /** Bytes of the object that were read, per build. */
  readonly objectBytesRead: number;
  /** Visits of the worker per build. */
  readonly visits: number;
  readonly invocations: number;
  /** DynamoDB request units per build. */
  readonly tableUnits: TableUnits;
  /** Bytes of log per build. */
  readonly logBytes: number;
  /** Distinct metrics (name and dimensions) that the log carried. */
  readonly metrics: number;
}

export type PerBuildResult = Awaited<ReturnType<typeof measurePerBuild>>;

/**
 * Drops builds at once and lets them go one after the other, through the real bundle in its own process. Its clock is moved to
 * each message's time, so a queue of 33 hours takes seconds.
 */
export async function measurePerBuild(bench: Bench, builds: number = QUEUE_LENGTH) {
  const small = await runQueue(bench, builds, SMALL_OBJECT);
  const large = await runQueue(bench, builds, LARGE_OBJECT);
  const hundreds = Array.from({ length: Math.floor(builds / 100) }, (_, index) => 100 * index);
  return {
    ...small.usage,
    /** The mean of each hundred builds, in the order in which they were dropped. */
    byPosition: hundreds.map((from) => ({
      position: `${from + 1}-${from + 100}`,
      ...perBuild(small.costs.slice(from, from + 100).reduce(sum, NOTHING), 100),
    })),
    byObjectSize: { '1KB': small.usage, '30GB': large.usage },
  };
}

async function runQueue(bench: Bench, builds: number, objectBytes: number) {
  const endpoints = await startEndpoints(bench.table, objectBytes);
  const sandbox = await startSandbox(
    bench,
    bench.functions.ours,
    endpoints,
    await environmentFor(bench, endpoints, 'user'),
  );
  try {
    const { costs, visits } = await drive(sandbox, endpoints, builds, objectBytes);
    if (endpoints.accepted() !== builds) throw new Error(`${endpoints.accepted()} of ${builds} builds were accepted.`);
    const { invocations, logBytes, metrics, ...total } = sandbox.usage();
    const per = (amount: number) => rounded(amount / builds, 2);
    const { read, write } = endpoints.tableUnits();
    const usage: QueueUsage = {
      builds,
      objectBytes,
      // Without the start of the process: a queue of any length has one.
      ...perBuild(total, builds),
      peakRssMB: rounded(sandbox.peakRss() / 1e6, 1),
      objectBytesRead: per(endpoints.bytesRead()),
      visits: per(visits),
      invocations,
      tableUnits: { read: per(read), write: per(write) },
      logBytes: per(logBytes),
      metrics,
    };
    return { costs, usage };
  } finally {
    await sandbox.stop();
    await endpoints.close();
  }
}

/** How late a message is handed over after it has become visible, in ms: pollers are not there to the millisecond. */
const POLL_LATENESS_MS = 1_000;
const BATCH_SIZE = 10;
/** Far more visits than a build needs: the benchmark has failed. */
const MAX_VISITS = 20;
/** The queue's own visibility timeout, in s. */
const VISIBILITY_TIMEOUT_S = 360;

async function drive(sandbox: Sandbox, endpoints: Endpoints, length: number, size: number) {
  let offsetMs = 0;
  const now = () => Date.now() + offsetMs;
  const droppedAt = now();
  const messages = Array.from({ length }, (_, index) => {
    const key = `builds/MyGame-${index}.zip`;
    return { id: `message-${index}`, index, key, size, droppedAt, receiveCount: 0, visibleAt: droppedAt };
  });
  const costs = messages.map(() => NOTHING);
  const queue = new Set(messages);
  let visits = 0;
  while (queue.size > 0) {
    const waiting = [...queue].sort((a, b) => a.visibleAt - b.visibleAt);
    const first = waiting[0]?.visibleAt ?? 0;
    if (first > now()) offsetMs += first + POLL_LATENESS_MS - now();
    const batch = waiting.filter(({ visibleAt }) => visibleAt <= now()).slice(0, BATCH_SIZE);
    for (const message of batch) {
      if (++message.receiveCount > MAX_VISITS) throw new Error(`${message.key} has been visited ${MAX_VISITS} times.`);
    }
    const { answer, ...taken } = await sandbox.invoke(buildsEvent(batch), offsetMs);
    const share = dividedBy(taken, batch.length);
    visits += batch.length;
    const { batchItemFailures } = answer as { batchItemFailures: { itemIdentifier: string }[] };
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const message of batch) {
      costs[message.index] = sum(costs[message.index] ?? NOTHING, share);
      if (!failed.has(message.id)) queue.delete(message);
      const hiddenS = endpoints.hiddenFor.get(`receipt-${message.id}`) ?? VISIBILITY_TIMEOUT_S;
      message.visibleAt = now() + hiddenS * 1_000;
    }
  }
  return { costs, visits };
}

const NOTHING: BuildCost = { awsCalls: callsOf(() => 0), cpuMs: 0 };

function sum(a: BuildCost, b: BuildCost): BuildCost {
  return { awsCalls: callsOf((service) => a.awsCalls[service] + b.awsCalls[service]), cpuMs: a.cpuMs + b.cpuMs };
}

function dividedBy({ awsCalls, cpuMs }: BuildCost, by: number): BuildCost {
  return { awsCalls: callsOf((service) => awsCalls[service] / by), cpuMs: cpuMs / by };
}

function perBuild(cost: BuildCost, builds: number): BuildCost {
  const { awsCalls, cpuMs } = dividedBy(cost, builds);
  return { awsCalls: callsOf((service) => rounded(awsCalls[service], 2)), cpuMs: rounded(cpuMs, 2) };
}
