import { describe, expect, it } from 'vitest';
import { OUTPUT_VALUE_LIMIT_BYTES } from '../../infra/limits.ts';
import { readDeployedSettings, writeDeployedSettings } from '../../infra/outputs/deployed-settings.ts';
import type { DeployedSettings } from '../../infra/outputs/outputs.ts';
import { fc } from '../support/fast-check.ts';
import { ROUTE } from './synthesized.ts';

const SETTINGS: DeployedSettings = {
  routes: [ROUTE],
  prefix: 'builds/',
  streampixelBaseUrl: 'https://api.streampixel.io/pixelStripeApi',
  intervalSeconds: 121,
  webhookTokenParameter: '/studio/webhook-token',
};

const readFrom = (outputs: Readonly<Record<string, string>>) =>
  readDeployedSettings((id) => {
    const value = outputs[id];
    if (value === undefined) throw new Error(`no output ${id}`);
    return value;
  });

const id = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 24, maxLength: 24 });
const route = fc.record({
  // Any text that a key may start with.
  prefix: fc.string({ unit: 'grapheme', maxLength: 60 }),
  userId: id,
  projectId: id,
  autoRelease: fc.boolean(),
  apiKeyParameter: fc.constant('/studio/api-key'),
});

describe('the settings in the outputs', () => {
  it('are read as they were written, in outputs that are short enough, however many routes there are', () => {
    fc.assert(
      fc.property(fc.array(route, { maxLength: 300, size: 'max' }), (routes) => {
        const outputs = writeDeployedSettings({ ...SETTINGS, routes });
        expect(readFrom(outputs)).toEqual({ ...SETTINGS, routes });
        for (const value of Object.values(outputs)) {
          expect(Buffer.byteLength(value)).toBeLessThanOrEqual(OUTPUT_VALUE_LIMIT_BYTES);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('are one output with JSON for as long as they fit, as in earlier versions', () => {
    const prefix = (length: number) => [{ ...ROUTE, prefix: 'ü'.repeat(length) }];
    const rest = Buffer.byteLength(JSON.stringify({ ...SETTINGS, routes: prefix(0) }));
    const most = Math.floor((OUTPUT_VALUE_LIMIT_BYTES - rest) / 2);
    const fitting = { ...SETTINGS, routes: prefix(most) };
    expect(writeDeployedSettings(fitting)).toEqual({ Settings: JSON.stringify(fitting) });
    expect(Object.keys(writeDeployedSettings({ ...SETTINGS, routes: prefix(most + 1) }))).toEqual([
      'Settings',
      'Routes',
    ]);
  });

  it('are read from a stack of an earlier version, whose one output may be longer', () => {
    const routes = Array.from({ length: 40 }, (_, index) => ({ ...ROUTE, prefix: `builds/${index}/` }));
    const former = { ...SETTINGS, routes };
    expect(JSON.stringify(former).length).toBeGreaterThan(OUTPUT_VALUE_LIMIT_BYTES);
    expect(readFrom({ Settings: JSON.stringify(former) })).toEqual(former);
  });

  it('are not read in part', () => {
    const routes = Array.from({ length: 500 }, (_, index) => ({
      ...ROUTE,
      prefix: `builds/${index}/`,
      projectId: `${index}`.padStart(24, 'a'),
      userId: `${(index * 7919) ** 3}`.padStart(24, 'b'),
    }));
    const outputs = writeDeployedSettings({ ...SETTINGS, routes });
    const last = Object.keys(outputs).at(-1) ?? '';
    expect(last).toMatch(/^Routes\d$/);
    const { [last]: _, ...others } = outputs;
    expect(() => readFrom(others)).toThrow(`no output ${last}`);
  });
});
