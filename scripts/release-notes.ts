// The notes of a release in CHANGELOG.md.
//   node scripts/release-notes.ts [tag]          prints them, or says what is missing for the release of this version
// `npm version` runs these before and after it sets the version:
//   node scripts/release-notes.ts --unreleased   fails where nothing is unreleased
//   node scripts/release-notes.ts --write        gives what is unreleased the heading of this version, and the examples its file
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '..');
const CHANGELOG = join(ROOT, 'CHANGELOG.md');
const UNRELEASED = '## [Unreleased]';

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

/** Text that names the packed file, with the name it has in a version. */
export function withPackedFile(version: string, text: string): string {
  return text.replaceAll(/streampixel-drop-\d[\w.+-]*\.tgz/g, `streampixel-drop-${version}.tgz`);
}

function write(version: string): void {
  writeFileSync(CHANGELOG, released(version, readFileSync(CHANGELOG, 'utf8'), new Date().toISOString().slice(0, 10)));
  for (const file of globSync('examples/*/{package.json,README.md}', { cwd: ROOT })) {
    const path = join(ROOT, file);
    writeFileSync(path, withPackedFile(version, readFileSync(path, 'utf8')));
  }
}

if (import.meta.main) {
  const { version } = packageJson;
  const [argument] = process.argv.slice(2);
  const changelog = readFileSync(CHANGELOG, 'utf8');
  if (argument === '--write') {
    write(version);
  } else if (argument === '--unreleased') {
    if (notesOf('Unreleased', changelog) === '')
      fail(['CHANGELOG.md has nothing under [Unreleased]: say what is new.']);
  } else {
    fail(releaseProblems(version, changelog, argument));
    console.log(notesOf(version, changelog));
  }
}

function fail(problems: readonly string[]): void {
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
}
