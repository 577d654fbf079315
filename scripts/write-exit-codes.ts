import { readFileSync, writeFileSync } from 'node:fs';
import { EXIT_CODES } from '../cli/commands/push.ts';
import { withSection } from './marked-section.ts';

const PAGE = new URL('../docs/ci.md', import.meta.url);

/** The table of exit codes in docs/ci.md, from the one place that defines them. */
export function exitCodesTable(): string {
  const rows = EXIT_CODES.map(([code, text]) => `| \`${code}\` | ${text} |`);
  return ['| exit code | the build is |', '| --- | --- |', ...rows].join('\n');
}

// Run by `npm run docs`; imported by the test that compares the page with the code.
if (import.meta.main) writeFileSync(PAGE, withSection(readFileSync(PAGE, 'utf8'), 'exit-codes', exitCodesTable()));
