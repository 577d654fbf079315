import { type BurstResult, type BurstRow, type BurstRun, runBurst, SCENARIOS } from './burst.ts';
import { drawAcceptances, titleOf } from './burst-picture.ts';
import { markdownTable } from './markdown-table.ts';
import type { Section } from './section.ts';

/** The scenario in the picture: long enough to show a line, short enough to show its steps. */
const PICTURED = '100 builds, one user';

/** Bursts of builds, with the worker as it is deployed and with the plain design, in virtual time. */
export const burstSection: Section = {
  name: 'burst',
  async measure(seed) {
    const runs: BurstRun[] = [];
    for (const scenario of SCENARIOS) runs.push(await runBurst(scenario, seed));
    return {
      json: runs.map(({ row }) => row),
      table: tableOf(runs.map(({ row }) => row)),
      pictures: runs
        .filter(({ row }) => row.scenario === PICTURED)
        .map((run) => ({ path: 'docs/bursts.svg', alt: titleOf(run), svg: drawAcceptances(run) })),
    };
  },
};

function tableOf(rows: readonly BurstRow[]): string {
  const header = [
    'Dropped at once',
    'Design',
    'Vendor allows all after',
    'Accepted',
    'Dead letters',
    'HTTP 429',
    'Last accepted after',
    'Receives per build',
    'AWS calls per build',
  ];
  return markdownTable(
    header,
    rows.flatMap(({ scenario, limitSeconds, ours, plain }) => [
      [scenario, 'ours', duration(limitSeconds), ...cellsOf(ours)],
      ['', 'plain', '', ...cellsOf(plain)],
    ]),
  );
}

function cellsOf(result: BurstResult): string[] {
  const { accepted, deadLettered, http429, makespanSeconds, receivesPerBuild, awsCallsPerBuild } = result;
  const counts = [accepted, deadLettered, http429].map((count) => count.toLocaleString('en-GB'));
  return [...counts, duration(makespanSeconds), receivesPerBuild.toFixed(2), awsCallsPerBuild.toFixed(1)];
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const rest = `${String(minutes).padStart(2, '0')} min ${String(whole % 60).padStart(2, '0')} s`;
  return hours > 0 ? `${hours} h ${rest}` : rest;
}
