import { matchesGlob } from 'node:path';
import { expect, it } from 'vitest';
import { filesLike, read } from './markdown.ts';

it('the weekly run changes every file of the domain and the adapters, each in one of its parts', () => {
  const parts = [...read('.github/workflows/mutation.yml').matchAll(/files: '([^']+)'/g)].map(
    ([, files = '']) => files,
  );
  const { mutate } = JSON.parse(read('stryker.config.json')) as { readonly mutate: readonly string[] };
  const files = filesLike(...mutate);
  expect(files.length).toBeGreaterThan(80);
  const patterns = parts.flatMap((part) => part.split(','));
  expect(files.filter((file) => patterns.filter((pattern) => matchesGlob(file, pattern)).length !== 1)).toEqual([]);
});
