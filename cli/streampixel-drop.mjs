#!/usr/bin/env node
// Runs the operator's tool on the Node that npm has installed. Plain JavaScript: the machine's own Node may be too old for
// TypeScript.
import { fileURLToPath } from 'node:url';
import { run } from '../scripts/node-24.mjs';

// Compiled code is kept from run to run: each command starts in half the time.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/streampixel-drop', import.meta.url));
run('cli/main.ts');
