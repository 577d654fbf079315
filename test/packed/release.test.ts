import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { notesOf, released, releaseProblems, withPackedFile } from '../../scripts/release-notes.ts';

const CHANGELOG = `# Changelog

## [Unreleased]

## [1.2.0] - 2026-12-01

### Added

- A setting.

## [1.1.0] - 2026-11-01

### Added
`;

it('releases a version that is tagged and described', () => {
  expect(releaseProblems('1.2.0', CHANGELOG, 'v1.2.0')).toEqual([]);
  expect(notesOf('1.2.0', CHANGELOG)).toBe('### Added\n\n- A setting.');
});

it.each([
  ['the tag of another version', '1.2.0', 'v1.2.1', /tag is v1\.2\.1, .*1\.2\.0/],
  ['a tag without the v', '1.2.0', '1.2.0', /tag is 1\.2\.0/],
  ['a version that is not described', '1.3.0', 'v1.3.0', /no section "## \[1\.3\.0\]/],
  ['a version whose section has headings only', '1.1.0', 'v1.1.0', /no section/],
  ['the start of another version', '1.2', 'v1.2', /no section/],
])('refuses %s', (_case, version, tag, problem) => {
  expect(releaseProblems(version, CHANGELOG, tag)).toEqual([expect.stringMatching(problem)]);
});

it('makes the section of a version of what is unreleased, and none where that is nothing', () => {
  const changelog = CHANGELOG.replace('## [Unreleased]\n', '## [Unreleased]\n\n### Fixed\n\n- A thing.\n');
  const after = released('1.3.0', changelog, '2026-12-24');
  expect(after).toContain('## [Unreleased]\n\n## [1.3.0] - 2026-12-24\n\n### Fixed\n\n- A thing.\n\n## [1.2.0]');
  expect(releaseProblems('1.3.0', after, 'v1.3.0')).toEqual([]);
  expect(releaseProblems('1.3.0', released('1.3.0', CHANGELOG, '2026-12-24'))).toHaveLength(1);
});

it('gives the examples the file of the version', () => {
  const text = 'npm i ./streampixel-drop-1.2.0.tgz; ../streampixel-drop-1.2.0-beta.1.tgz';
  expect(withPackedFile('1.3.0', text)).toBe('npm i ./streampixel-drop-1.3.0.tgz; ../streampixel-drop-1.3.0.tgz');
});

it('this version is described, or what is in it is written down as unreleased', () => {
  const changelog = readFileSync(new URL('../../CHANGELOG.md', import.meta.url), 'utf8');
  expect(notesOf(packageJson.version, changelog) || notesOf('Unreleased', changelog)).not.toBe('');
});
