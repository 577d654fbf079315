import { run } from './node-24.mjs';

run('scripts/build-package.ts');
