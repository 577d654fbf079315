import { readFileSync, writeFileSync } from 'node:fs';
import { PACKAGE_WARNINGS } from '../functions/domain/model/package-verdict.ts';
import { REASONS } from '../functions/domain/model/reasons.ts';
import { withSection } from './marked-section.ts';

const RUNBOOK = new URL('../docs/runbook.md', import.meta.url);

/** The runbook's table of reasons, from the one place that defines them. Each links to its section. */
function reasonsTable(): string {
  const rows = Object.entries(REASONS).map(
    ([reason, { cause, remedy }]) => `| [\`${reason}\`](#${reason.toLowerCase()}) | ${cause} | ${remedy} |`,
  );
  return ['| reason | what happened | what to do |', '| --- | --- | --- |', ...rows].join('\n');
}

/** The runbook's table of what a package is warned of. */
function warningsTable(): string {
  const rows = Object.entries(PACKAGE_WARNINGS).map(
    ([code, { cause, remedy }]) => `| \`${code}\` | ${cause} | ${remedy} |`,
  );
  return ['| warning | what it means | what to do |', '| --- | --- | --- |', ...rows].join('\n');
}

/** The runbook with its tables as the code has them. */
export function withTables(runbook: string): string {
  return withSection(withSection(runbook, 'reasons', reasonsTable()), 'warnings', warningsTable());
}

// Run by `npm run docs`; imported by the test that compares the runbook with the code.
if (import.meta.main) writeFileSync(RUNBOOK, withTables(readFileSync(RUNBOOK, 'utf8')));
