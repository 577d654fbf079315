import { run } from './node-24.mjs';

run('local/start/start.ts');
