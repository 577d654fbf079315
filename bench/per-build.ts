import type { Bench } from './artifacts.ts';
import { onlyTable, rounded } from './cold-start.ts';
import { AWS_SERVICES, type AwsService, type Calls, type Endpoints, startEndpoints } from './endpoints.ts';
import { type Sandbox, startSandbox } from './runtime-api.ts';
import { environmentFor, type QueuedBuild, sqsEvent } from './worker-events.ts';

/** Builds dropped at once for one user: the line that is measured along. */
export const LINE_LENGTH = 1_000;
/** Bytes. */
const SMALL_OBJECT = 1_024;
const LARGE_OBJECT = 30 * 1024 ** 3;

/** What one accepted build costs the worker, all its visits included. */
export interface BuildCost {
  readonly awsCalls: Readonly<Record<AwsService | 'total', number>>;
  readonly cpuMs: number;
}

export interface LineUsage extends BuildCost {
  /** Of `cpuMs`, what a function that does nothing takes for as many invocations: the runtime's part and the probe's. */
  readonly runtimeCpuMs: number;
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
  readonly tableUnits: { readonly read: number; readonly write: number };
  /** Bytes of log per build. */
  readonly logBytes: number;
  /** Distinct metrics (name and dimensions) that the log carried. */
  readonly metrics: number;
}

export interface PerBuildResult extends LineUsage {
  /** The n-th build of the line, or the mean of the hundred that end with it. */
  readonly byPosition: readonly ({ readonly position: string } & BuildCost)[];
  readonly byObjectSize: { readonly '1KB': LineUsage; readonly '30GB': LineUsage };
}

/**
 * Drops builds at once and lets them go one after the other, through the real bundle in its own process. Its clock is moved to
 * each message's time, so a line of 33 hours takes seconds.
 */
export async function measurePerBuild(bench: Bench, builds: number = LINE_LENGTH): Promise<PerBuildResult> {
  const runtimeCpuMs = await measureRuntime(bench);
  const line = await runLine(bench, builds, SMALL_OBJECT, runtimeCpuMs);
  const large = await runLine(bench, builds, LARGE_OBJECT, runtimeCpuMs);
  const hundreds = Array.from({ length: Math.floor(builds / 100) }, (_, index) => 100 * (index + 1));
  return {
    ...line.usage,
    byPosition: [
      { position: '1', ...roundedCost(line.costs[0] ?? NOTHING) },
      ...hundreds.map((last) => ({
        position: `${last - 99}-${last}`,
        ...roundedCost(mean(line.costs.slice(last - 100, last))),
      })),
    ],
    byObjectSize: { '1KB': line.usage, '30GB': large.usage },
  };
}

/** Invocations to take the mean of. */
const EMPTY_INVOCATIONS = 300;

/** @returns CPU time of one invocation of a function that does nothing, in ms */
async function measureRuntime(bench: Bench): Promise<number> {
  const sandbox = await startSandbox(bench.artifacts.empty, { ...bench, endpoint: '', environment: {} });
  try {
    const begin = await sandbox.probe({ offsetMs: 0 });
    let end = begin;
    for (let n = 0; n < EMPTY_INVOCATIONS; n++) {
      const now = Date.now();
      await sandbox.invoke(sqsEvent([{ id: `${n}`, key: 'a.zip', size: 1, droppedAt: now, receiveCount: 1 }]), now);
      end = await sandbox.probe({ offsetMs: 0 });
    }
    return (end.cpuMs - begin.cpuMs) / EMPTY_INVOCATIONS;
  } finally {
    await sandbox.stop();
  }
}

interface Waiting extends QueuedBuild {
  receiveCount: number;
  /** ms since the epoch. */
  visibleAt: number;
}

/** How late a message is handed over after it has become visible, in ms: pollers are not there to the millisecond. */
const POLL_LATENESS_MS = 1_000;
const BATCH_SIZE = 10;
/** A message that nothing was said about comes back after the queue's own time; here that is a failure of the benchmark. */
const MAX_VISITS = 20;

async function runLine(
  bench: Bench,
  length: number,
  objectSize: number,
  runtimeCpuMs: number,
): Promise<{ usage: LineUsage; costs: readonly BuildCost[] }> {
  const endpoints = await startEndpoints({
    table: onlyTable(bench),
    objectSize,
  });
  let logBytes = 0;
  const metrics = new Set<string>();
  const onLine = (text: string) => {
    // What a line takes beside its text, in CloudWatch's reckoning.
    logBytes += Buffer.byteLength(text) + 26;
    for (const metric of metricsOf(text)) metrics.add(metric);
  };
  const sandbox = await startSandbox(bench.artifacts.ours, {
    ...bench,
    endpoint: endpoints.url,
    environment: environmentFor(bench, endpoints, 'user'),
    onLine,
  });
  try {
    const { costs, visits, invocations, cpuMs, peakRss } = await drive(sandbox, endpoints, length, objectSize);
    const per = (total: number) => rounded(total / length, 2);
    const { read, write } = endpoints.tableUnits();
    return {
      costs,
      usage: {
        builds: length,
        objectBytes: objectSize,
        // Its start is left out: a line of any length has one.
        ...roundedCost({ awsCalls: callsPerBuild(endpoints.calls(), length), cpuMs: cpuMs / length }),
        runtimeCpuMs: rounded((runtimeCpuMs * invocations) / length, 2),
        peakRssMB: rounded(peakRss / 1e6, 1),
        objectBytesRead: per(endpoints.bytesRead()),
        visits: per(visits),
        invocations,
        tableUnits: { read: per(read), write: per(write) },
        logBytes: per(logBytes),
        metrics: metrics.size,
      },
    };
  } finally {
    await sandbox.stop();
    await endpoints.close();
  }
}

async function drive(sandbox: Sandbox, endpoints: Endpoints, length: number, objectSize: number) {
  let offsetMs = 0;
  const now = () => Date.now() + offsetMs;
  const droppedAt = now();
  const costs = Array.from({ length }, () => ({ ...NOTHING }) as BuildCost);
  const line = new Map<string, Waiting>();
  for (let n = 0; n < length; n++) {
    const id = `message-${n}`;
    line.set(id, {
      id,
      key: `builds/MyGame-${n}.zip`,
      size: objectSize,
      droppedAt,
      receiveCount: 0,
      visibleAt: droppedAt,
    });
  }
  let [visits, invocations] = [0, 0];
  const begin = await sandbox.probe({ offsetMs });
  let before = begin;
  while (line.size > 0) {
    const waiting = [...line.values()].sort((a, b) => a.visibleAt - b.visibleAt);
    const first = waiting[0]?.visibleAt ?? 0;
    if (first > now()) offsetMs += first + POLL_LATENESS_MS - now();
    const batch = waiting.filter(({ visibleAt }) => visibleAt <= now()).slice(0, BATCH_SIZE);
    for (const message of batch) {
      if (++message.receiveCount > MAX_VISITS) throw new Error(`${message.key} has been visited ${MAX_VISITS} times.`);
    }

    before = await sandbox.probe({ offsetMs });
    const callsBefore = endpoints.calls();
    const { answer } = await sandbox.invoke(sqsEvent(batch), now());
    const after = await sandbox.probe({ offsetMs });
    const share = mean([{ awsCalls: difference(endpoints.calls(), callsBefore), cpuMs: after.cpuMs - before.cpuMs }]);
    for (const { id } of batch) {
      const n = Number(id.split('-')[1]);
      costs[n] = sum(costs[n] ?? NOTHING, divided(share, batch.length));
    }
    visits += batch.length;
    invocations++;

    const failed = new Set(
      (answer as { batchItemFailures: { itemIdentifier: string }[] }).batchItemFailures.map(
        (item) => item.itemIdentifier,
      ),
    );
    for (const message of batch) {
      if (!failed.has(message.id)) line.delete(message.id);
      else message.visibleAt = now() + (endpoints.hiddenFor.get(`receipt-${message.id}`) ?? 360) * 1_000;
    }
    before = after;
  }
  if (endpoints.accepted() !== length) {
    throw new Error(`Of ${length} builds ${endpoints.accepted()} were accepted.`);
  }
  return {
    costs,
    visits,
    invocations,
    cpuMs: before.cpuMs - begin.cpuMs,
    peakRss: before.peakRss,
  };
}

/** The metrics in a line of CloudWatch's embedded metric format. */
export function metricsOf(line: string): string[] {
  if (!line.includes('"_aws"')) return [];
  const record = JSON.parse(line);
  return record._aws.CloudWatchMetrics.flatMap(
    ({ Namespace, Dimensions, Metrics }: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }) =>
      Dimensions.flatMap((names) =>
        Metrics.map(({ Name }) => JSON.stringify([Namespace, Name, ...names.map((name) => [name, record[name]])])),
      ),
  );
}

const NOTHING: BuildCost = {
  awsCalls: {
    ...(Object.fromEntries(AWS_SERVICES.map((service) => [service, 0])) as Record<AwsService, number>),
    total: 0,
  },
  cpuMs: 0,
};
const KEYS = [...AWS_SERVICES, 'total'] as const;

function mapped(of: (key: AwsService | 'total') => number): BuildCost['awsCalls'] {
  return Object.fromEntries(KEYS.map((key) => [key, of(key)])) as BuildCost['awsCalls'];
}

function withTotal(calls: Calls): BuildCost['awsCalls'] {
  return { ...calls, total: AWS_SERVICES.reduce((total, service) => total + calls[service], 0) };
}

function difference(after: Calls, before: Calls): BuildCost['awsCalls'] {
  return withTotal(mapped((key) => (key === 'total' ? 0 : after[key] - before[key])));
}

function callsPerBuild(calls: Calls, builds: number): BuildCost['awsCalls'] {
  const all = withTotal(calls);
  return mapped((key) => all[key] / builds);
}

function sum(a: BuildCost, b: BuildCost): BuildCost {
  return { awsCalls: mapped((key) => a.awsCalls[key] + b.awsCalls[key]), cpuMs: a.cpuMs + b.cpuMs };
}

function divided(cost: BuildCost, by: number): BuildCost {
  return { awsCalls: mapped((key) => cost.awsCalls[key] / by), cpuMs: cost.cpuMs / by };
}

function mean(costs: readonly BuildCost[]): BuildCost {
  return divided(costs.reduce(sum, NOTHING), costs.length);
}

function roundedCost({ awsCalls, cpuMs }: BuildCost): BuildCost {
  return { awsCalls: mapped((key) => rounded(awsCalls[key], 2)), cpuMs: rounded(cpuMs, 2) };
}
