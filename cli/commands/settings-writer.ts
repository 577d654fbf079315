import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OperatorError } from '../operator-error.ts';

const SCHEMA_FILE = 'streampixel-drop.schema.json';
const INSTALLED = join('node_modules', 'streampixel-drop', SCHEMA_FILE);

/**
 * What a file of settings in this directory has as `$schema`: the path to the one of the package that is installed there or around
 * it, or of the clone; else the address of this tool's own on this machine.
 */
export function schemaReference(directory: string): string {
  const own = nearest(import.meta.dirname, SCHEMA_FILE);
  const around = nearest(directory, INSTALLED) ?? nearest(directory, SCHEMA_FILE);
  if (around === undefined) return pathToFileURL(own ?? SCHEMA_FILE).href;
  const path = relative(directory, around).split(sep).join('/');
  return path.startsWith('.') ? path : `./${path}`;
}

/** The path in a directory or in the nearest one above that has it. */
function nearest(directory: string, path: string): string | undefined {
  const found = join(directory, path);
  if (existsSync(found)) return found;
  const above = dirname(directory);
  return above === directory ? undefined : nearest(above, path);
}

/**
 * Writes JSON so that there is the whole file or none.
 *
 * @throws OperatorError where it can't be written
 */
export function writeWhole(path: string, value: object): void {
  replace(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Takes settings out of the context of a cdk.json, and leaves the rest as it is. */
export function takeOutOfCdkJson(path: string, names: readonly string[]): void {
  const text = readFileSync(path, 'utf8');
  const all = JSON.parse(text.replace(/^\ufeff/, ''));
  for (const name of names) delete all.context[name];
  const indented = JSON.stringify(all, undefined, /^\{\r?\n(\s+)"/.exec(text)?.[1] ?? 2)
    // Short lists stay on their line, as people and formatters write them.
    .replaceAll(
      /\[\n\s+([^[\]{}\n]{0,40}(?:\n\s+[^[\]{}\n]{0,40}){0,3})\n\s+\]/g,
      (_, items) => `[${items.replaceAll(/\n\s+/g, ' ')}]`,
    );
  replace(
    path,
    `${text.includes('\r\n') ? indented.replaceAll('\n', '\r\n') : indented}${/\r?\n$/.exec(text)?.[0] ?? ''}`,
  );
}

function replace(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new OperatorError(
      'NotWritten',
      `${path} can't be written: ${(error as Error).message}`,
      'Name another file: --file FILE.',
    );
  }
}
