import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesLike, read } from '../docs/markdown.ts';

// Not by git: an export of the repository has none.
const files = filesLike('*.{ts,mjs}', '{bench,cli,examples,functions,infra,local,scripts,test}/**/*.{ts,mjs}').filter(
  (file) => !/(^|\/)(node_modules|cdk\.out)\//.test(file),
);
const text = new Map(files.map((file) => [file, read(file)]));

/** Files that a file imports, types included: a person who reads the one has to know the other. */
function importsOf(file: string): readonly string[] {
  const specifiers = (text.get(file) ?? '').matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g);
  return [...specifiers].map(([, specifier = '']) => normalize(join(dirname(file), specifier)).replaceAll('\\', '/'));
}

/** The first circle that is found from a file on, as the list of its files. */
function circleFrom(start: string): readonly string[] | undefined {
  const seen = new Set<string>();
  const path: string[] = [];
  function visit(file: string): readonly string[] | undefined {
    if (file === start && path.length > 0) return [...path, file];
    if (seen.has(file)) return undefined;
    seen.add(file);
    path.push(file);
    for (const next of importsOf(file)) {
      const circle = visit(next);
      if (circle !== undefined) return circle;
    }
    path.pop();
    return undefined;
  }
  return visit(start);
}

/** Imports of files in `from` that lead into `to`, as `file -> file`. */
function arrows(from: RegExp, to: RegExp): readonly string[] {
  return files
    .filter((file) => from.test(file))
    .flatMap((file) =>
      importsOf(file)
        .filter((imported) => to.test(imported))
        .map((imported) => `${file} -> ${imported}`),
    );
}

describe('the rooms of the house', () => {
  it('reads every file of the repository', () => {
    expect(files.length).toBeGreaterThan(200);
    expect(importsOf('functions/submit-build/handler.ts').length).toBeGreaterThan(5);
  });

  it('have no import circle', () => {
    expect(files.flatMap((file) => circleFrom(file)?.join(' -> ') ?? [])).toEqual([]);
  });

  it.each([
    ['functions know nothing of infra, local, cli, bench and tests', /^functions\//, /^(infra|local|cli|bench|test)\//],
    ['the domain knows no adapter and no handler', /^functions\/domain\//, /^functions\/(?!domain\/)/],
    ['the model knows no other room of the domain', /^functions\/domain\/model\//, /^functions\/domain\/(?!model\/)/],
    ['infra, local and cli know no tests and no benchmarks', /^(infra|local|cli)\//, /^(test|bench)\//],
    ['the emulator knows neither the stand-in nor the start', /^local\/aws\//, /^local\/(streampixel|start)\//],
    ['the stand-in knows neither the emulator nor the start', /^local\/streampixel\//, /^local\/(aws|start)\//],
  ])('%s', (_rule, from, to) => {
    expect(arrows(from, to)).toEqual([]);
  });

  it('import nothing from the inside of another package', () => {
    const inside = files.filter((file) => /from '[^']*node_modules\//.test(text.get(file) ?? ''));
    expect(inside).toEqual([]);
  });

  it('are small: no file of the functions is over 300 lines', () => {
    const large = files.filter(
      (file) => file.startsWith('functions/') && (text.get(file) ?? '').split('\n').length > 301,
    );
    expect(large).toEqual([]);
  });
});
