import { describe, expect, it } from 'vitest';
import { readSettings } from '../../infra/settings/read.ts';
import { apiPage } from '../../scripts/write-api.ts';
import { ROUTE } from '../infra/synthesized.ts';
import { read } from './markdown.ts';

const page = read('API.md');

it('API.md says what the types say (`npm run docs` writes it)', () => {
  expect(page).toBe(apiPage());
});

describe('the defaults of the props', () => {
  const settings: Readonly<Record<string, unknown>> = { ...readSettings({ routes: [ROUTE], stackName: 'Studio' }) };
  const rows =
    (page.split('## StreampixelDropProps')[1] ?? '').split('## ')[0]?.matchAll(/^\| `(\w+)` .*\| (\S.*?) \|$/gm) ?? [];
  const ofSettings = [...rows].filter(([, prop = '']) => prop !== 'routes' && prop in settings);

  it('are those of the settings', () => {
    expect(ofSettings.length).toBeGreaterThan(20);
    for (const [, prop = '', text = ''] of ofSettings) {
      const value = settings[prop];
      const words = Array.isArray(value) && value.length === 0 ? 'none' : `${value}`;
      expect(text.replaceAll('<name>', 'Studio').replace(/^`?'?|'?`?$/g, '')).toMatch(new RegExp(`^${words}(\\W|$)`));
    }
  });
});
