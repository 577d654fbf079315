import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { notesOf, released, releaseProblems, withPackedFile } from '../../scripts/release-notes.ts';
import { parseYaml, read } from '../docs/markdown.ts';
import { npm } from './packed.ts';

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

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly { readonly name?: string; readonly run?: string }[];
}
const { jobs, permissions } = parseYaml(read('.github/workflows/release.yml')) as Job & { jobs: Record<string, Job> };

it('.ci/run takes prereleases too', () => {
  const [, args = ''] = /^npm (publish .*)$/m.exec(read('.ci/run')) ?? [];
  expect(args).toContain('--dry-run');
  const directory = mkdtempSync(join(tmpdir(), 'streampixel-drop-release-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: packageJson.name, version: '1.2.3-rc.1' }));
  expect(npm(directory, ...args.split(' '))).toContain('1.2.3-rc.1');
});

it('the code of dependencies runs where nothing can be published', () => {
  const running = Object.values(jobs).filter(({ steps }) => /\.ci\/run|npm (ci|pack)/.test(JSON.stringify(steps)));
  expect(running.map((job) => job.permissions ?? permissions)).toEqual([{ contents: 'read' }]);
});

// As GitHub runs them: bash -e, on Linux.
describe.skipIf(process.platform === 'win32')('the workflow', () => {
  const scriptOf = (name: string) =>
    Object.values(jobs)
      .flatMap(({ steps }) => steps)
      .find((step) => step.name === name)?.run ?? '';

  /** A folder with the packed package, where gh, npm and git only write down how they are called. */
  function runner(answers: Readonly<Record<string, string>>) {
    const temp = mkdtempSync(join(tmpdir(), 'streampixel-drop-release-'));
    onTestFinished(() => rmSync(temp, { recursive: true }));
    const [bin, dist] = [join(temp, 'bin'), join(temp, 'package', 'dist')];
    for (const path of [bin, join(dist, 'cli')]) mkdirSync(path, { recursive: true });
    for (const name of ['cli/main.js', 'THIRD-PARTY-LICENSES.txt']) writeFileSync(join(dist, name), name);
    execFileSync('tar', ['-czf', 'package/streampixel-drop-1.2.3.tgz', 'package/dist'], { cwd: temp });
    for (const name of ['gh', 'npm', 'git']) {
      const cases = Object.entries(answers).map(([call, answer]) => `  "${call}"*) ${answer} ;;`);
      const lines = [
        '#!/bin/sh',
        `echo "${name} $*" >> "$RUNNER_TEMP/calls"`,
        `case "${name} $*" in`,
        ...cases,
        'esac',
      ];
      writeFileSync(join(bin, name), lines.join('\n'), { mode: 0o755 });
    }
    return (step: string, tag: string): string => {
      writeFileSync(join(temp, 'calls'), '');
      const PATH = [bin, dirname(process.execPath), process.env.PATH].join(delimiter);
      const env = { PATH, RUNNER_TEMP: temp, GITHUB_REF_NAME: tag };
      execFileSync('bash', ['--noprofile', '--norc', '-e', '-c', scriptOf(step)], { cwd: temp, env });
      return readFileSync(join(temp, 'calls'), 'utf8').replaceAll(temp, '');
    };
  }

  it.each([
    ['v1.2.3', '--tag latest', 'create v1.2.3 --verify-tag --notes-file'],
    ['v1.2.3-rc.1', '--tag next', 'create v1.2.3-rc.1 --verify-tag --prerelease --notes-file'],
  ])('publishes %s under its own tag of npm', (tag, npmTag, created) => {
    const run = runner({ 'gh release view': 'exit 1', 'npm view': 'exit 1' });
    expect(run('Attach the package to the release', tag)).toContain(created);
    expect(run('Publish', tag)).toContain(
      `npm publish /package/streampixel-drop-1.2.3.tgz --provenance --access public ${npmTag}\n`,
    );
  });

  it('may run again: what is published is not published again', () => {
    const run = runner({ 'npm view streampixel-drop@1.2.3': 'echo 1.2.3' });
    expect(run('Attach the package to the release', 'v1.2.3')).not.toContain('create');
    expect(run('Publish', 'v1.2.3')).not.toContain('npm publish');
    expect(run('Publish', 'v1.2.4')).toContain('npm publish');
  });

  it("moves the action's tag to the tool of the newest release, and never back", () => {
    const tags = ['v1.3.0-rc.1', 'v1.2.3', 'v1.1.0'].map((tag) => `0f0f refs/tags/${tag}`).join('\n');
    const run = runner({ 'git ls-remote': `echo '${tags}'` });
    expect(run('Move the tag', 'v1.2.3')).toMatch(
      /git add --force dist\/cli dist\/THIRD-PARTY-LICENSES\.txt\n.*\ngit tag --force v1\ngit push --force origin refs\/tags\/v1\n/,
    );
    expect(run('Move the tag', 'v1.1.0')).not.toContain('push');
  });
});
