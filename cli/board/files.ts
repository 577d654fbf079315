import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file that the browser gets. */
export interface BoardFile {
  readonly content: Buffer;
  /** Media type. */
  readonly type: string;
}

/**
 * Where the files are: in the published package in one folder beside the tool, as {@link boardFiles} found them when it was packed; in
 * the clone the page's are here, and the libraries in node_modules.
 */
const PACKED = new URL('./board-page/', import.meta.url);
const PAGE = new URL('./page/', import.meta.url);

/** The libraries of the page, by the paths under which it imports them. */
const LIBRARIES = {
  '/vendor/preact.js': 'preact',
  '/vendor/hooks.js': 'preact/hooks',
  '/vendor/htm.js': 'htm',
} as const;

/** What a browser is served, by the end of the name. Files of other kinds are not served. */
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
  woff2: 'font/woff2',
};

/** All files of the page by their paths; no request reads another one. `/` is its index.html. */
export function boardFiles(): ReadonlyMap<string, BoardFile> {
  const files = existsSync(PACKED) ? filesIn(PACKED) : new Map([...filesIn(PAGE), ...libraries()]);
  const index = files.get('/index.html');
  return index === undefined ? files : new Map([...files, ['/', index]]);
}

function filesIn(folder: URL): Map<string, BoardFile> {
  const root = fileURLToPath(folder);
  const files = new Map<string, BoardFile>();
  for (const entry of readdirSync(root, { withFileTypes: true, recursive: true })) {
    const type = TYPES[entry.name.split('.').at(-1) ?? ''];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(`/${relative(root, path).split(sep).join('/')}`, { content: readFileSync(path), type });
  }
  return files;
}

/** A browser finds modules by paths only: an import map would be an inline script, which the page's policy forbids. */
function libraries(): [string, BoardFile][] {
  return Object.entries(LIBRARIES).map(([path, name]) => {
    const text = readFileSync(fileURLToPath(import.meta.resolve(name)), 'utf8');
    const content = Buffer.from(text.replaceAll(/from\s*"preact"/g, 'from"./preact.js"'));
    return [path, { content, type: TYPES.js ?? '' }];
  });
}
