import { describe, expect, it } from 'vitest';
import { findRoute, type Route, releaseMode } from '../../functions/domain/model/route.ts';

const route = (prefix: string): Route => ({
  prefix,
  userId: '6650a1b2c3d4e5f60718293a',
  projectId: '664f0e1d2c3b4a5968778695',
  autoRelease: false,
  apiKeyParameter: '/streampixel-drop/api-key',
});

describe('findRoute', () => {
  it.each([
    ['games/a.zip', ['', 'games/'], 'games/'],
    ['games/alpha/a.zip', ['games/', 'games/alpha/', ''], 'games/alpha/'],
    ['other/a.zip', ['games/', ''], ''],
    ['games', ['games/'], undefined],
  ])('finds the longest prefix of %s among %j', (key, prefixes, expected) => {
    expect(findRoute(prefixes.map(route), key)?.prefix).toBe(expected);
  });
});

describe('how an approved build goes live', () => {
  it.each([
    [{ autoRelease: true }, 'automatic'],
    // Streampixel does it, whatever the route says.
    [{ autoRelease: true, release: 'on-approval' }, 'automatic'],
    [{ autoRelease: false }, 'manual'],
    [{ autoRelease: false, release: 'manual' }, 'manual'],
    [{ autoRelease: false, release: 'on-approval' }, 'on-approval'],
  ] as const)('is, with %j, %s', (settings, mode) => {
    expect(releaseMode(settings)).toBe(mode);
  });
});
