// Puts the Node that npm has installed where `npm run` and `npx` find it, if npm has not: npm 10 deletes its link with the packages for
// other platforms, which have one of the same name, and on Windows there is none that other programs of node_modules/.bin look for.
import { existsSync, linkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
const windows = process.platform === 'win32';
const name = windows ? 'node.exe' : 'node';
const binary = join(`node-${windows ? 'win' : process.platform}-${process.arch}`, 'bin', name);
const link = join(modules, '.bin', name);
if (existsSync(join(modules, binary)) && !existsSync(link)) {
  // Windows has no symbolic links without a permission of its own.
  if (windows) linkSync(join(modules, binary), link);
  else symlinkSync(join('..', binary), link);
}
