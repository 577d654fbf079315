#!/usr/bin/env node
// Runs the operator's tool on the Node that npm has installed. Plain JavaScript: the machine's own Node may be too old for
// TypeScript.
import { run } from '../scripts/node-24.mjs';

run('cli/main.ts');
