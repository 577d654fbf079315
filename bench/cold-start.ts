import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, DESIGNS, type Design } from './artifacts.ts';
import { type Endpoints, startEndpoints } from './endpoints.ts';
import { startSandbox } from './sandbox.ts';
import { buildsEvent, environmentFor } from './worker-events.ts';

/** Of all runs, in the unit of its field. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export type ColdStartResult = Awaited<ReturnType<typeof measureColdStart>>;

/** Fewer cold starts than this do not make a benchmark. */
export const COLD_STARTS = 25;

/**
 * Starts each design's artifact again and again, by turns, so that whatever else the machine does affects all of them alike. Each
 * run is a new process, a user whose lane is idle, and one build.
 */
export async function measureColdStart(bench: Bench, runs: number = COLD_STARTS) {
  const endpoints = await startEndpoints(bench.table, 1_024);
  const starts: Record<Design, { readyMs: number; firstBuildMs: number }[]> = { empty: [], ours: [], plain: [] };
  try {
    // The first round warms the disk's cache and is not counted.
    for (let round = -1; round < runs; round++) {
      for (const design of DESIGNS) {
        const started = await start(bench, design, endpoints, `${design}-${round}`);
        if (round >= 0) starts[design].push(started);
      }
    }
  } finally {
    await endpoints.close();
  }
  const result = async (design: Design) => {
    const readySpread = spread(starts[design].map(({ readyMs }) => readyMs));
    const firstBuildSpread = spread(starts[design].map(({ firstBuildMs }) => firstBuildMs));
    return {
      /** From the spawn of the process to its first request for work. Medians, in ms. */
      readyMs: readySpread.median,
      /** From the spawn to the end of the first invocation: one build, accepted. */
      firstBuildMs: firstBuildSpread.median,
      /** What is shipped, in units of 1,000 bytes. */
      bundleKB: await kilobytes(bench.functions[design].codeDirectory),
      readySpread,
      firstBuildSpread,
    };
  };
  const ratioTo = (other: Design) =>
    rounded(median(starts.ours.map(({ readyMs }, run) => readyMs / (starts[other][run]?.readyMs ?? Number.NaN))), 2);
  return {
    runs,
    empty: await result('empty'),
    ours: await result('ours'),
    plain: await result('plain'),
    /** Of `ours.readyMs`, as the median of the ratios of runs that were neighbours. */
    ratioToEmpty: ratioTo('empty'),
    ratioToPlain: ratioTo('plain'),
  };
}

async function start(bench: Bench, design: Design, endpoints: Endpoints, id: string) {
  const before = endpoints.accepted();
  const environment = await environmentFor(bench, endpoints, `user-${id}`);
  const sandbox = await startSandbox(bench, bench.functions[design], endpoints, environment);
  try {
    const build = { id: `message-${id}`, key: `${id}.zip`, size: 1024, droppedAt: Date.now(), receiveCount: 1 };
    const { answer, at } = await sandbox.invoke(buildsEvent([build]));
    const failed = (answer as { batchItemFailures: unknown[] }).batchItemFailures.length > 0;
    if (failed || endpoints.accepted() !== before + (design === 'empty' ? 0 : 1)) {
      throw new Error(`${design} did not submit its build:\n${sandbox.log().join('\n')}`);
    }
    return { readyMs: sandbox.readyMs, firstBuildMs: at };
  } finally {
    await sandbox.stop();
  }
}

async function kilobytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const file of await readdir(directory)) bytes += (await stat(join(directory, file))).size;
  return rounded(bytes / 1000, 1);
}

export function spread(values: readonly number[], digits = 0): Spread {
  const figure = (value: number) => rounded(value, digits);
  return { median: figure(median(values)), min: figure(Math.min(...values)), max: figure(Math.max(...values)) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
