import { readFileSync, writeFileSync } from 'node:fs';
import { REASONS } from '../functions/domain/model/reasons.ts';

const README = new URL('../README.md', import.meta.url);

/** The table of reasons, from the one place that defines them. */
export function reasonsTable(): string {
  const rows = Object.entries(REASONS).map(([reason, { cause, remedy }]) => `| \`${reason}\` | ${cause} | ${remedy} |`);
  return ['| reason | what happened | what to do |', '| --- | --- | --- |', ...rows].join('\n');
}

/**
 * Puts `content` between `<!-- name -->` and `<!-- /name -->`.
 *
 * @throws Error where the text has no such markers
 */
export function withSection(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`README.md has no section ${open} ... ${close}.`);
  return `${text.slice(0, from + open.length)}\n${content}\n${text.slice(to)}`;
}

// Run by `npm run docs`; imported by the test that keeps the README true.
if (import.meta.main) writeFileSync(README, withSection(readFileSync(README, 'utf8'), 'reasons', reasonsTable()));
