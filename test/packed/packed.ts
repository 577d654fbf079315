import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the npm that runs the tests, without the network. */
export function npm(cwd: string, ...args: string[]): string {
  const path = process.env.npm_execpath;
  const [command, first] = path ? [process.execPath, [path]] : ['npm', []];
  return execFileSync(command, [...first, ...args, '--offline', '--no-audit', '--no-fund', '--no-update-notifier'], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: path === undefined && process.platform === 'win32',
  });
}

/** A temporary directory, as programs report it. */
export function temporaryDirectory(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'streampixel-drop-packed-')));
}

/**
 * Packs this repository by `npm pack`. Only one file of tests may do so: it builds in dist/.
 *
 * @returns path of the tarball, in the directory
 */
export function pack(directory: string): string {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  npm(ROOT, 'pack', '--silent', '--pack-destination', directory);
  const [name = '', ...others] = readdirSync(directory);
  if (others.length > 0) throw new Error(`npm pack has written ${others} too.`);
  return join(directory, name);
}

/** Files below a folder with their contents, by their paths with slashes. */
export function filesIn(folder: string): ReadonlyMap<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ name, parentPath }) => join(parentPath, name)).sort();
  return new Map(paths.map((path) => [relative(folder, path).split(sep).join('/'), readFileSync(path)]));
}

/** A folder with the package and what an app of a studio has beside it, installed from this repository's packages. */
export function installedIn(directory: string, tarball: string, files: Readonly<Record<string, string>> = {}): string {
  mkdirSync(directory, { recursive: true });
  for (const [path, text] of Object.entries({ 'package.json': '{"private":true,"type":"module"}', ...files })) {
    writeFileSync(join(directory, path), text);
  }
  npm(directory, 'install', '--no-save', '--silent', tarball);
  return directory;
}

/** Puts packages of this repository into an app's node_modules: a test installs nothing over the network. */
export function addPackages(app: string, names: readonly string[]): void {
  for (const name of names) {
    const target = join(app, 'node_modules', name);
    mkdirSync(join(target, '..'), { recursive: true });
    symlinkSync(realpathSync(join(ROOT, 'node_modules', name)), target, 'junction');
  }
}

/** The Nodes on this machine that `engines` in package.json allows, each with its version: the one that runs this, and the system's. */
export const NODES: readonly (readonly [version: string, path: string])[] = nodes();

function nodes() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const paths = [process.execPath, ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name))];
  const found = new Map<string, string>();
  for (const path of paths) {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) continue;
    const version = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout.trim();
    const [major = 0, minor = 0] = version.split('.').map(Number);
    const isAllowed = major === 20 ? minor >= 19 : major === 22 ? minor >= 12 : major > 22;
    if (isAllowed && !found.has(version)) found.set(version, path);
  }
  return [...found];
}
