import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = new URL('../../', import.meta.url);

/** Files of the repository, as paths from the root with slashes. */
export function filesLike(...patterns: readonly string[]): string[] {
  return globSync(patterns, { cwd: fileURLToPath(ROOT) }).map((file) => file.split(sep).join('/'));
}

/** The documents for people, as paths from the root. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...filesLike('docs/**/*.md', 'local/**/README.md'),
];

/** @param path from the root */
export function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

const requireHere = createRequire(import.meta.url);
/** A package that comes inside the CDK's. */
const yaml = createRequire(requireHere.resolve('aws-cdk-lib'))('yaml') as { parse: (source: string) => unknown };

/** @throws Error where it is no YAML */
// biome-ignore lint/suspicious/noExplicitAny: each test says what it expects of the document.
export const parseYaml = yaml.parse as (source: string) => any;

/** The code blocks of a language in a document, without the indentation that they have there. */
export function blocksIn(path: string, language: string): string[] {
  const blocks = read(path).matchAll(new RegExp(`^( *)\`\`\`${language}\\n([^]*?)^ *\`\`\`$`, 'gm'));
  return [...blocks].map(([, indent = '', text = '']) => text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}

/** The YAML in a document. */
export const yamlIn = (path: string) => blocksIn(path, 'yaml').map(parseYaml);

/** The anchor that GitHub gives a heading. */
export function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

/** Everything in a document that a link can lead to. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slug(heading));
  return new Set([...headings, ...[...text.matchAll(/<a id="([\w-]+)">/g)].map(([, id = '']) => id)]);
}
