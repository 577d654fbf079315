import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, DESIGNS, type Design } from './artifacts.ts';
import { type Endpoints, startEndpoints } from './endpoints.ts';
import { startSandbox } from './runtime-api.ts';
import { environmentFor, sqsEvent } from './worker-events.ts';

/** Of all runs, in ms. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface ColdStart {
  /** From the spawn of the process to its first ask for work. Medians, in ms. */
  readonly readyMs: number;
  /** From the spawn to the end of the first invocation: one build, accepted. */
  readonly firstBuildMs: number;
  /** What is shipped, in units of 1,000 bytes. */
  readonly bundleKB: number;
  readonly readySpread: Spread;
  readonly firstBuildSpread: Spread;
}

export interface ColdStartResult extends Readonly<Record<Design, ColdStart>> {
  readonly runs: number;
  /** Of `ours.readyMs`, as the median of the ratios of runs that were neighbours. */
  readonly ratioToEmpty: number;
  readonly ratioToPlain: number;
}

/** Cold starts that a benchmark needs at least to be worth its name. */
export const COLD_STARTS = 25;

/**
 * Starts each design's artifact again and again, by turns, so that whatever else the machine does hits all of them alike. Each
 * run is a fresh process, a user whose line is idle, and one build.
 *
 * @param wrapper command in front of `node`
 */
export async function measureColdStart(
  bench: Bench,
  runs: number = COLD_STARTS,
  designs: readonly Design[] = DESIGNS,
  wrapper: readonly string[] = [],
): Promise<ColdStartResult> {
  const endpoints = await startEndpoints({
    table: onlyTable(bench),
    objectSize: 1024,
  });
  const times: Record<Design, { readyMs: number[]; firstBuildMs: number[] }> = {
    empty: { readyMs: [], firstBuildMs: [] },
    ours: { readyMs: [], firstBuildMs: [] },
    plain: { readyMs: [], firstBuildMs: [] },
  };
  try {
    // The first round warms the disk's cache and is not counted.
    for (let round = -1; round < runs; round++) {
      for (const design of designs) {
        const { readyMs, firstBuildMs } = await start(bench, design, endpoints, `${design}-${round}`, wrapper);
        if (round < 0) continue;
        times[design].readyMs.push(readyMs);
        times[design].firstBuildMs.push(firstBuildMs);
      }
    }
  } finally {
    await endpoints.close();
  }
  const result = async (design: Design): Promise<ColdStart> => {
    const [ready, firstBuild] = [spread(times[design].readyMs), spread(times[design].firstBuildMs)];
    return {
      readyMs: ready.median,
      firstBuildMs: firstBuild.median,
      bundleKB: await kilobytes(bench.artifacts[design].codeDirectory),
      readySpread: ready,
      firstBuildSpread: firstBuild,
    };
  };
  const ratioTo = (other: Design) =>
    rounded(median(times.ours.readyMs.map((ms, run) => ms / (times[other].readyMs[run] ?? Number.NaN))), 2);
  return {
    runs,
    empty: await result('empty'),
    ours: await result('ours'),
    plain: await result('plain'),
    ratioToEmpty: ratioTo('empty'),
    ratioToPlain: ratioTo('plain'),
  };
}

async function start(bench: Bench, design: Design, endpoints: Endpoints, id: string, wrapper: readonly string[]) {
  const before = endpoints.accepted();
  const lines: string[] = [];
  const sandbox = await startSandbox(bench.artifacts[design], {
    ...bench,
    wrapper,
    endpoint: endpoints.url,
    environment: design === 'empty' ? {} : environmentFor(bench, endpoints, `user-${id}`),
    onLine: (line) => void lines.push(line),
  });
  try {
    const now = Date.now();
    const build = { id: `message-${id}`, key: `${id}.zip`, size: 1024, droppedAt: now, receiveCount: 1 };
    const { answer, at } = await sandbox.invoke(sqsEvent([build]), now);
    const failed = (answer as { batchItemFailures: unknown[] }).batchItemFailures.length > 0;
    if (failed || endpoints.accepted() !== before + (design === 'empty' ? 0 : 1)) {
      throw new Error(`${design} did not submit its build:\n${lines.join('\n')}`);
    }
    return { readyMs: sandbox.readyMs, firstBuildMs: at };
  } finally {
    await sandbox.stop();
  }
}

export function onlyTable({ deployment: { tables } }: Bench) {
  const [table] = tables;
  if (table === undefined || tables.length > 1) throw new Error('The stack is expected to have one table.');
  return table;
}

async function kilobytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const file of await readdir(directory)) bytes += (await stat(join(directory, file))).size;
  return rounded(bytes / 1000, 1);
}

function spread(values: readonly number[]): Spread {
  const ms = (value: number) => rounded(value, 0);
  return { median: ms(median(values)), min: ms(Math.min(...values)), max: ms(Math.max(...values)) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
