import { describe, expect, it } from 'vitest';
import { apiKeyPaths, fits, isFolder, keyStoredPattern } from '../../infra/access/api-key-parameters.ts';
import { matches } from '../../local/aws/event-rules.ts';
import { fc } from '../support/fast-check.ts';

const OTHERS = { webhookTokenParameter: '/streampixel-drop/webhook-token', deliveryKeyParameter: '/studio/cdn/key' };
const pathsOf = (names: readonly string[], others = OTHERS) =>
  apiKeyPaths({ routes: names.map((apiKeyParameter) => ({ apiKeyParameter })), ...others });
const numbered = (count: number, nameOf: (index: number) => string) =>
  Array.from({ length: count }, (_, n) => nameOf(n));

describe('where the API keys are', () => {
  it('are named one by one while that fits', () => {
    const names = numbered(30, (n) => `/studio/keys/client-${n}`);
    expect(pathsOf(names)).toEqual(names);
  });

  it('is the folder that holds them where there are many, and still each key outside of it', () => {
    const names = [...numbered(200, (n) => `/studio/keys/client-${n}`), '/studio/main', '/demo/key'];
    expect(pathsOf(names)).toEqual(['/studio/main', '/demo/key', '/studio/keys/']);
  });

  it('is no wider than has to be: a folder that makes enough room is enough', () => {
    const few = numbered(5, (n) => `/studio/vip/deep/client-${n}`);
    const others = numbered(29, (n) => `/studio/client-${n}`);
    expect(pathsOf([...few, ...others])).toEqual([...others, '/studio/vip/deep/']);
  });

  it('is never a folder with another secret of the stack in it, nor the root', () => {
    for (const names of [
      numbered(200, (n) => `/streampixel-drop/client-${n}`),
      numbered(200, (n) => `/studio/client-${n}`),
      numbered(200, (n) => `/client-${n}/api-key`),
    ]) {
      const paths = pathsOf(names);
      expect(paths.filter(isFolder)).toEqual([]);
      expect(fits(paths)).toBe(false);
    }
  });

  it('covers each key once, no other secret, and nothing that is not shared', () => {
    const part = fc.constantFrom('a', 'b', 'studio', 'keys');
    const name = fc
      .tuple(fc.array(part, { maxLength: 3 }), fc.nat({ max: 2_000 }))
      .map(([parts, n]) => `/${[...parts, `key-${n}`].join('/')}`);
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 250, size: 'max' }), (names) => {
        const distinct = [...new Set(names)];
        const paths = pathsOf(names);
        const coveredBy = (key: string) =>
          paths.filter((path) => (isFolder(path) ? key.startsWith(path) : key === path));
        for (const key of distinct) expect(coveredBy(key)).toHaveLength(1);
        for (const secret of Object.values(OTHERS)) expect(coveredBy(secret)).toEqual([]);
        for (const path of paths.filter(isFolder)) {
          expect(path).not.toBe('/');
          expect(distinct.filter((key) => key.startsWith(path)).length).toBeGreaterThan(1);
        }
        const pattern = keyStoredPattern(paths);
        for (const key of distinct) expect(matches(pattern.detail, { name: key, operation: 'Update' })).toBe(true);
        expect(matches(pattern.detail, { name: OTHERS.webhookTokenParameter, operation: 'Update' })).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});
