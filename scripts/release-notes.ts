// The notes of a release in CHANGELOG.md.
//   node scripts/release-notes.ts [tag]      prints them, or says what is missing for the release of this version
//   node scripts/release-notes.ts --write    gives what is unreleased the heading of this version: `npm version` runs it
import { readFileSync, writeFileSync } from 'node:fs';
import packageJson from '../package.json' with { type: 'json' };

const UNRELEASED = '## [Unreleased]';
const CHANGELOG = new URL('../CHANGELOG.md', import.meta.url);

/**
 * What is missing before a version can be released, one line each.
 *
 * @param version that of package.json
 * @param changelog the text of CHANGELOG.md
 * @param tag of the commit that is released
 */
export function releaseProblems(version: string, changelog: string, tag?: string): readonly string[] {
  const problems: string[] = [];
  if (tag !== undefined && tag !== `v${version}`) {
    problems.push(`The tag is ${tag}, and package.json has ${version}: npm version sets both.`);
  }
  if (notesOf(version, changelog) === '') {
    problems.push(
      `CHANGELOG.md has no section "## [${version}]" with text: npm version makes it of what is unreleased.`,
    );
  }
  return problems;
}

/** The section of a version, or of `Unreleased`, without its heading; `''` where there is none or it is only headings. */
export function notesOf(version: string, changelog: string): string {
  const section = changelog.split(/^## /m).find((text) => text.startsWith(`[${version}]`)) ?? '';
  const notes = section.slice(section.indexOf('\n') + 1).trim();
  return /^[^#\s]/m.test(notes) ? notes : '';
}

/**
 * The changelog with what is unreleased as a version.
 *
 * @param date such as 2026-12-01
 */
export function released(version: string, changelog: string, date: string): string {
  return changelog.replace(UNRELEASED, `${UNRELEASED}\n\n## [${version}] - ${date}`);
}

if (import.meta.main) {
  const { version } = packageJson;
  const [argument] = process.argv.slice(2);
  const isWrite = argument === '--write';
  const current = readFileSync(CHANGELOG, 'utf8');
  const changelog = isWrite ? released(version, current, new Date().toISOString().slice(0, 10)) : current;
  const problems = releaseProblems(version, changelog, isWrite ? undefined : argument);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else if (isWrite) writeFileSync(CHANGELOG, changelog);
  else console.log(notesOf(version, changelog));
}
