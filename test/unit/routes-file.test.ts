import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readRoutes } from '../../functions/routes-file.ts';
import { ROUTE } from '../support/world.ts';

const directory = mkdtempSync(join(tmpdir(), 'streampixel-drop-routes-'));
afterAll(() => rmSync(directory, { recursive: true }));

function read(text: string) {
  const file = join(directory, 'routes.json');
  writeFileSync(file, text);
  return readRoutes(pathToFileURL(file));
}

describe('the routes beside the code', () => {
  it('are read typed', () => {
    const routes = [
      { ...ROUTE, onlyLatest: true },
      { ...ROUTE, prefix: 'demo/', release: 'on-approval' as const },
    ];
    expect(read(JSON.stringify(routes))).toEqual(routes);
  });

  it.each([
    ['is no JSON', '[{'],
    ['is no list', '{"prefix":"c4nary"}'],
    ['has a field of another type', JSON.stringify([ROUTE, { ...ROUTE, autoRelease: 'c4nary' }])],
    ['has a value that there is not', JSON.stringify([{ ...ROUTE, release: 'c4nary' }])],
  ])('are refused where the file %s, by its name and without what is in it', (_, text) => {
    expect(() => read(text)).toThrow(/^routes\.json beside the function's code is not what the stack writes: /);
    expect(() => read(text)).not.toThrow(/c4nary/);
  });

  it('are refused with the place of the field at fault', () => {
    expect(() => read(JSON.stringify([ROUTE, { ...ROUTE, userId: '' }]))).toThrow('must not be empty at 1.userId');
  });

  it('are refused where there is no file', () => {
    const file = pathToFileURL(join(directory, 'none', 'routes.json'));
    expect(() => readRoutes(file)).toThrow(/^routes\.json beside .*: ENOENT$/);
  });
});
