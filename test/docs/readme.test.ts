import { describe, expect, it } from 'vitest';
import { compareDeliveries } from '../../bench/delivery.ts';
import { MARGIN_MS, STREAMPIXEL_WINDOW_MS } from '../../functions/domain/pacing/pacer.ts';
import { retryDelay } from '../../functions/domain/pacing/retry-delay.ts';
import { readSettings } from '../../infra/settings/read.ts';
import { withSettings } from '../../scripts/write-settings.ts';
import { read } from './markdown.ts';

const readme = read('README.md');
const settings = read('docs/settings.md');

describe('the README', () => {
  it('can be read in one sitting', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(260);
  });

  it('has, by docs/settings.md, every setting and every field of a route as the code does (`npm run docs` writes the tables)', () => {
    expect(settings).toBe(withSettings(settings));
    expect(settings).toContain('| `maxAttempts` | `6` | Failed attempts before a build goes to the dead-letter queue.');
    expect(settings).toContain('| `onlyLatest` | `true`: a newer build');
  });

  it('has an example of settings that can be deployed', () => {
    const { $schema, ...example } = JSON.parse(/```json\n(.+?)```/s.exec(readme)?.[1] ?? '');
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
    expect(settings).toContain(
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
