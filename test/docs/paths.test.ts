import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { anchorsOf, DOCUMENTS, ROOT, read } from './markdown.ts';

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
/** What stands in backticks is a path, from the root or from the document, if it begins like one. */
const PATH =
  /^(?:bench|cli|docs|functions|infra|local|scripts|test|\.ci|\.github)\/|^(?:cdk|package|biome|stryker\.config)\.json$|^[A-Z]+\.md$/;

function exists(path: URL): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

describe.each(DOCUMENTS)('%s', (document) => {
  const text = read(document);
  const prose = text.replaceAll(/^ *```.*?^ *```$/gms, '');

  it('links to files and headings that exist', () => {
    const links = [...prose.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link);
    const broken = links.filter((link) => {
      const target = new URL(link, new URL(document, ROOT));
      const anchor = target.hash.slice(1);
      target.hash = '';
      return !exists(target) || (anchor !== '' && !anchorsOf(read(target.href.slice(ROOT.href.length))).has(anchor));
    });
    expect(broken).toEqual([]);
  });

  it('names only paths that exist', () => {
    const named = [...prose.matchAll(/`([^`\s]+)`/g)].map(([, name = '']) => name).filter((name) => PATH.test(name));
    const places = [ROOT, new URL(document, ROOT)];
    expect(named.filter((path) => !places.some((place) => exists(new URL(path, place))))).toEqual([]);
  });

  it('names only npm scripts that exist', () => {
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
