import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BurstRun, SCENARIOS } from '../../bench/burst.ts';
import { DEPLOYED } from '../simulation/our-design.ts';

const RESULT_KEYS = ['accepted', 'awsCallsPerBuild', 'deadLettered', 'http429', 'makespanSeconds', 'receivesPerBuild'];

let rows: readonly BurstRun['row'][];
beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/main.ts', '--json', '--only', 'burst'], {
    cwd: new URL('../..', import.meta.url),
  });
  rows = (JSON.parse(stdout) as { burst: readonly BurstRun['row'][] }).burst;
});

describe('npm run bench -- --json', () => {
  it('prints one JSON document with a row for each burst, and nothing else', () => {
    expect(rows.map(({ scenario, builds, users }) => ({ scenario, builds, users }))).toEqual(SCENARIOS);
    for (const { ours, plain, ...row } of rows) {
      expect(Object.keys(row).sort()).toEqual(['builds', 'limitSeconds', 'scenario', 'users']);
      expect(Object.keys(ours).sort()).toEqual(RESULT_KEYS);
      expect(Object.keys(plain).sort()).toEqual(RESULT_KEYS);
      expect(row.limitSeconds).toBe((row.builds / row.users - 1) * 120);
    }
  });

  it.each(SCENARIOS)('submits $scenario at Streampixel’s pace, without a 429 or a dead letter', ({ scenario }) => {
    const row = rowOf(scenario);

    expect(row.ours).toMatchObject({ accepted: row.builds, deadLettered: 0, http429: 0 });
    expect(row.ours.makespanSeconds).toBeGreaterThanOrEqual(row.limitSeconds);
    expect(row.ours.makespanSeconds).toBeLessThanOrEqual(1.02 * row.limitSeconds);
  });

  it.each(SCENARIOS)(
    'needs two receives for each of $scenario, and one more for every 12 hours of waiting',
    ({ scenario }) => {
      const row = rowOf(scenario);

      expect(row.ours.receivesPerBuild).toBeLessThanOrEqual(2.2 + hopsPerBuild(row));
    },
  );

  it('shows that the plain design loses most of a burst to the dead-letter queue', () => {
    for (const { builds, plain } of rows) {
      expect(plain.accepted).toBeLessThan(builds);
      expect(plain.deadLettered).toBeGreaterThan(0);
      expect(plain.http429).toBeGreaterThan(0);
    }
  });
});

function rowOf(scenario: string): BurstRun['row'] {
  const row = rows.find((candidate) => candidate.scenario === scenario);
  if (row === undefined) throw new Error(`no row for ${scenario}`);
  return row;
}

/** SQS hides a message for 12 hours at most, so a build that waits longer has to be received in between. */
function hopsPerBuild({ builds, users }: BurstRun['row']): number {
  const queued = builds / users;
  const waits = Array.from({ length: queued }, (_, place) => (place * DEPLOYED.intervalMs) / 3_600_000);
  return waits.reduce((sum, hours) => sum + Math.floor(hours / 12), 0) / queued;
}
