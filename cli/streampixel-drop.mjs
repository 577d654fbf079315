#!/usr/bin/env node
// Starts the operator's tool: in the published package the bundle, on the Node that runs this; in a clone the sources, on the Node
// that npm has installed. Plain JavaScript: that Node may be too old for TypeScript.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

// Compiled code is kept from run to run, so that each command starts faster. It is kept among the installed packages: only those who
// can change these can change it.
const cacheIn = (folder) => fileURLToPath(new URL(`${folder}/.cache/streampixel-drop`, import.meta.url));

if (existsSync(new URL('main.ts', import.meta.url))) {
  process.env.NODE_COMPILE_CACHE ??= cacheIn('../node_modules');
  const { run } = await import('../scripts/node-24.mjs');
  run('cli/main.ts');
} else if (!existsSync(new URL('../dist/cli/main.js', import.meta.url))) {
  console.error('This package was not built: npm does not build it where it installs it from git.');
  console.error('Install a packed one instead: that of a release, or what "npm pack" makes in a clone after "npm ci".');
  process.exitCode = 1;
} else if (Number.parseInt(process.versions.node, 10) < 20) {
  console.error(`This needs Node 20.19 or newer, and here is ${process.version}: https://nodejs.org`);
  process.exitCode = 1;
} else {
  module.enableCompileCache?.(cacheIn('../..'));
  await import('../dist/cli/main.js');
}
