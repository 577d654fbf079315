import { join } from 'node:path';

/** Folder of this project; in the published package its `dist`, where this file is part of `infra/index.js`. */
export const PROJECT_ROOT = join(import.meta.dirname, '..');
