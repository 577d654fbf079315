import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MARGIN_MS, VENDOR_WINDOW_MS } from '../../functions/domain/pacing/pacer.ts';
import { retryDelay } from '../../functions/domain/pacing/retry-delay.ts';
import { projectContext } from '../../infra/settings/project-context.ts';
import { readSettings } from '../../infra/settings/read.ts';
import { reasonsTable, withSection } from '../../scripts/readme.ts';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');
const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  scripts: Record<string, string>;
};

/** The cells of the table that follows a heading. */
function tableUnder(heading: string): string[][] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  return rows.slice(1).map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

describe('the README', () => {
  it('explains every reason as the code does (npm run docs writes the table)', () => {
    expect(readme).toBe(withSection(readme, 'reasons', reasonsTable()));
  });

  it('lists every setting there is, with its default', () => {
    const settings = readSettings(projectContext());
    const documented = Object.fromEntries(
      tableUnder('Settings').map(([, name = '', value = '']) => [name.slice(1, -1), value]),
    );
    // Optional ones are not in the defaults.
    expect(Object.keys(documented).sort()).toEqual(
      [...new Set([...Object.keys(settings), 'bucketName', 'bucketKmsKeyArn'])].sort(),
    );
    for (const name of [
      'streampixelBaseUrl',
      'intervalSeconds',
      'fileUrlLifetimeSeconds',
      'maxAttempts',
      'onLostAnswer',
      'maxConcurrency',
      'logRetentionDays',
      'waitingAlarmHours',
      'reminderHourUtc',
      'dashboard',
      'stackName',
      'webhookTokenParameter',
      'lateAfterMinutes',
      'stuckAfterMinutes',
      'reconcile',
      'tagObjects',
    ] as const) {
      expect([name, documented[name]]).toEqual([name, `\`${settings[name]}\``]);
    }
  });

  it('tells the interval and the retry delays that the code has', () => {
    expect((VENDOR_WINDOW_MS + MARGIN_MS) / 1000).toBe(121);
    const minutes = [1, 2, 3, 4, 5].map((n) => Math.round(retryDelay(n, 121_000, () => 0) / 60_000));
    expect(readme).toContain(`It comes back after ${minutes.slice(0, -1).join(', ')} and ${minutes.at(-1)} minutes`);
  });

  it('names only npm scripts, files and folders that exist', () => {
    const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    const linked = [...readme.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, path]) => path ?? '');
    expect(linked.length).toBeGreaterThan(2);
    const folders = tableUnder('How it is built').map(([, folder = '']) => folder.replaceAll('`', ''));
    for (const path of [...linked, ...folders]) expect([path, existsSync(new URL(path, root))]).toEqual([path, true]);
  });
});
