import { readFileSync } from 'node:fs';

/** The text of a payload in `test/fixtures`, as AWS sends or documents it. */
export function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8');
}
