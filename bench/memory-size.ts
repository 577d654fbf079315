/**
 * How fast the worker starts at each memory size: `node bench/memory-size.ts`, as root on Linux with cgroup v1. Lambda gives one
 * vCPU at 1,769 MB and less in proportion; here a quota of the machine's CPU stands for it. Only the proportions carry over:
 * another processor, no sandbox to be made, no code to be fetched, and Lambda is known to be generous while a function starts.
 */
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from './artifacts.ts';
import { measureColdStart } from './cold-start.ts';
import { cpuShare } from './cost.ts';
import { markdownTable } from './markdown-table.ts';
import { PRICES } from './prices.ts';

const SIZES_MB = [128, 256, 512, 1_024, 1_769];
const RUNS = 12;
/** Of the quota, in µs: Lambda's own is 20 ms. */
const PERIOD_US = 20_000;

const directory = mkdtempSync(join(tmpdir(), 'streampixel-drop-memory-'));
const group = `/sys/fs/cgroup/cpu/streampixel-drop-${process.pid}`;
mkdirSync(group);
try {
  const bench = await prepare(directory);
  writeFileSync(join(group, 'cpu.cfs_period_us'), String(PERIOD_US));
  const inGroup = ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh'];
  const rows: string[][] = [];
  for (const memoryMb of SIZES_MB) {
    writeFileSync(join(group, 'cpu.cfs_quota_us'), String(Math.round(cpuShare(memoryMb) * PERIOD_US)));
    const { ours } = await measureColdStart({ ...bench, memoryMb }, RUNS, ['ours'], inGroup);
    const dollars = 1_000 * (memoryMb / 1_024) * (ours.firstBuildMs / 1_000) * PRICES.lambdaGbSecond;
    const { readySpread: ready, firstBuildSpread: first } = ours;
    rows.push([
      `${memoryMb} MB`,
      cpuShare(memoryMb).toFixed(2),
      `${ready.median} (${ready.min}-${ready.max})`,
      `${first.median} (${first.min}-${first.max})`,
      dollars.toFixed(4),
    ]);
  }
  const header = ['Memory', 'vCPU', 'Ready, ms (range)', 'First build done, ms (range)', '1,000 cold builds, USD'];
  console.log(markdownTable(header, rows));
} finally {
  rmSync(directory, { recursive: true });
  rmdirSync(group);
}
