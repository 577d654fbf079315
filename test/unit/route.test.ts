import { describe, expect, it } from 'vitest';
import { findRoute, keyParameterOf, type Route, releaseMode } from '../../functions/domain/model/route.ts';

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

  it('finds the first of two with the same prefix', () => {
    const routes = ['first', 'second'].map((projectId) => ({ ...route('games/'), projectId }));
    expect(findRoute(routes, 'games/a.zip')?.projectId).toBe('first');
  });
});

describe('the key for a build under way', () => {
  const build = { userId: 'user', projectId: 'project', apiKeyParameter: '/key' };
  const made = (changes: Partial<Route>): Route => ({ ...route(''), ...build, ...changes });
  it.each<[string, Partial<Route>[], string | undefined]>([
    ['is that of its route', [{ apiKeyParameter: '/other', projectId: 'other' }, { apiKeyParameter: '/key' }], '/key'],
    ['is the new one where the route names another parameter', [{ apiKeyParameter: '/new' }], '/new'],
    [
      'is that of its project where another project has the one it was submitted with',
      [{ projectId: 'other' }, { apiKeyParameter: '/new' }],
      '/new',
    ],
    [
      'is any of its user where the project has left the settings',
      [{ projectId: 'other', apiKeyParameter: '/b' }],
      '/b',
    ],
    [
      'is the one it was submitted with where its user has several',
      [{ projectId: 'other', apiKeyParameter: '/b' }, { projectId: 'other' }],
      '/key',
    ],
    [
      'is the one it was submitted with where the route has another user',
      [{ userId: 'new', projectId: 'new' }],
      '/key',
    ],
    [
      'is nowhere where the settings name neither',
      [{ userId: 'new', projectId: 'new', apiKeyParameter: '/new' }],
      undefined,
    ],
    ['is nowhere without routes', [], undefined],
  ])('%s', (_, routes, expected) => {
    expect(keyParameterOf(routes.map(made), build)).toBe(expected);
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
