import { describe, expect, it } from 'vitest';
import { compareDeliveries } from '../../bench/delivery.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { MARGIN_MS, STREAMPIXEL_WINDOW_MS } from '../../functions/domain/pacing/pacer.ts';
import { retryDelay } from '../../functions/domain/pacing/retry-delay.ts';
import { readSettings } from '../../infra/settings/read.ts';
import { SAMPLE_ROUTES } from '../../infra/settings/sample.ts';
import { read } from './markdown.ts';

const readme = read('README.md');

/** The cells of the table that follows a heading of the README. */
function tableUnder(heading: string): string[][] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  return rows.slice(1).map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

describe('the README', () => {
  it('can be read in one sitting', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(260);
  });

  it('lists every setting there is, with its default', () => {
    const settings = readSettings({ routes: SAMPLE_ROUTES });
    const documented = Object.fromEntries(
      tableUnder('Settings').map(([, name = '', value = '']) => [name.slice(1, -1), value]),
    );
    // Optional ones are not in the defaults.
    expect(Object.keys(documented).sort()).toEqual(
      [...new Set([...Object.keys(settings), 'bucketName', 'bucketKmsKeyArn', 'ledgerTableName'])].sort(),
    );
    for (const name of [
      'streampixelBaseUrl',
      'intervalSeconds',
      'delivery',
      'deliveryKeyParameter',
      'deliveryPriceClass',
      'fileUrlLifetimeSeconds',
      'maxAttempts',
      'onLostAnswer',
      'maxConcurrency',
      'logRetentionDays',
      'waitingAlarmHours',
      'reminderHourUtc',
      'dashboard',
      'bucketEvents',
      'stackName',
      'webhookTokenParameter',
      'lateAfterMinutes',
      'stuckAfterMinutes',
      'reconcile',
      'tagObjects',
      'alertFormat',
    ] as const) {
      expect([name, documented[name]]).toEqual([name, `\`${settings[name]}\``]);
    }
  });

  it('lists every field of a route', () => {
    // The type has a key for each: one forgotten doesn't compile.
    const fields: Record<keyof Route, true> = {
      prefix: true,
      userId: true,
      projectId: true,
      apiKeyParameter: true,
      autoRelease: true,
      release: true,
      onlyLatest: true,
      everyVersion: true,
    };
    const documented = tableUnder('Routes').flatMap(([, names = '']) => [...names.matchAll(/`(\w+)`/g)]);
    expect(documented.map(([, name]) => name).sort()).toEqual(Object.keys(fields).sort());
  });

  it('has an example of settings that can be deployed', () => {
    const example = JSON.parse(`{${/```json\n(.+?)```/s.exec(readme)?.[1] ?? ''}}`);
    const [route] = example.routes;
    const ids = { userId: '0'.repeat(24), projectId: '1'.repeat(24) };
    expect(() => readSettings({ ...example, routes: [{ ...route, ...ids }] })).not.toThrow();
  });

  it('has the cost that the benchmark found', () => {
    const dollars = (item: string) =>
      Number(new RegExp(`^\\| ${item}.*\\| *\\**([\\d.]+)\\** \\|$`, 'm').exec(read('docs/performance.md'))?.[1]);
    const builds = dollars('\\*\\*1,000 builds\\*\\*') + dollars('\\*\\*1,000 builds, followed');
    expect(readme).toContain(`About ${Math.round(dollars('\\*\\*A month without builds'))} dollars a month`);
    expect(readme).toContain(`about ${builds.toFixed(2)} dollars for 1,000 builds`);
    const costs = compareDeliveries();
    const [s3, cloudfront] = [costs[0]?.dollars, costs[1]?.dollars];
    expect(readme).toContain(
      `cost ${cloudfront} dollars instead of ${s3}, and ${costs[1]?.withFreeTier.toFixed(0)} within`,
    );
    expect(readme).toContain(`adds ${dollars("Streampixel's download")} dollars per\nGB`);
  });
});

describe('the interval and the retry delays', () => {
  it('are those of the code', () => {
    expect((STREAMPIXEL_WINDOW_MS + MARGIN_MS) / 1000).toBe(121);
    const minutes = [1, 2, 3, 4, 5].map((n) => Math.round(retryDelay(n, 121_000, () => 0) / 60_000));
    const delays = `${minutes.slice(0, -1).join(', ')} and ${minutes.at(-1)} minutes`;
    expect(read('docs/operations.md')).toContain(`It comes back after ${delays}`);
  });
});
