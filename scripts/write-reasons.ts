import { readFileSync, writeFileSync } from 'node:fs';
import { REASONS } from '../functions/domain/model/reasons.ts';
import { withSection } from './marked-section.ts';

const RUNBOOK = new URL('../docs/runbook.md', import.meta.url);

/** The runbook's table of reasons, from the one place that defines them. Each links to its section. */
export function reasonsTable(): string {
  const rows = Object.entries(REASONS).map(
    ([reason, { cause, remedy }]) => `| [\`${reason}\`](#${reason.toLowerCase()}) | ${cause} | ${remedy} |`,
  );
  return ['| reason | what happened | what to do |', '| --- | --- | --- |', ...rows].join('\n');
}

// Run by `npm run docs`; imported by the test that compares the runbook with the code.
if (import.meta.main) writeFileSync(RUNBOOK, withSection(readFileSync(RUNBOOK, 'utf8'), 'reasons', reasonsTable()));
