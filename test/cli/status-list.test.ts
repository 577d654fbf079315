import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it, vi } from 'vitest';
import { shortNames } from '../../cli/builds/build-view.ts';
import { createSqsDeadLetterQueue } from '../../functions/adapters/sqs-dead-letter-queue.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { deadLettered, discarded, opened, skipped } from '../../functions/domain/model/submission-transitions.ts';
import { s3Event } from '../support/s3-event.ts';
import { aBuild } from '../support/world.ts';
import { AUTOMATIC, anEntry, approvedAt, MINUTE } from './entries.ts';
import { DEAD_LETTERS, openQuietStack } from './quiet-stack.ts';
import { PATIENCE, tool, toolJson } from './tool.ts';

vi.setConfig(PATIENCE);
const startedAt = Date.now();
const ago = (minutes: number) => startedAt - minutes * MINUTE;
const failure = { code: 'ProjectNotFound', detail: 'Project not found', at: ago(5) } as const;
const OTHER = { ...AUTOMATIC, userId: 'f'.repeat(24), projectId: 'e'.repeat(24) };

interface Listed {
  readonly build: string;
  readonly status: string;
}
const keysOf = (builds: readonly Listed[]) => builds.map(({ build }) => /\/(.*)\.zip@/.exec(build)?.[1]);

describe.concurrent('status --all', () => {
  const stopped = deadLettered(anEntry({ key: 'stopped.zip', droppedAt: ago(50) }), ago(40), failure, 'x');
  const entries: readonly LedgerEntry[] = [
    anEntry({ key: 'waits.zip', droppedAt: ago(60) }),
    skipped(anEntry({ key: 'skipped.zip', droppedAt: ago(55) }), ago(50), 'Superseded'),
    stopped,
    discarded(deadLettered(anEntry({ key: 'gone.zip', droppedAt: ago(50) }), ago(40), failure, 'y'), ago(30)),
    approvedAt(ago(20), { key: 'live.zip', route: AUTOMATIC }),
    approvedAt(ago(10), { key: 'other.zip', route: OTHER }),
  ];
  const newestFirst = ['other', 'live', 'gone', 'stopped', 'skipped', 'waits'];

  it('lists every build, the last change first, in pages that follow each other', async ({ onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    await stack.put(...entries);

    // Act
    const all = await toolJson(stack.port, ['status', '--all']);
    const pages: Listed[][] = [];
    for (let from: readonly string[] | undefined = []; from !== undefined; ) {
      const { data } = await toolJson(stack.port, ['status', '--all', '--limit', '2', ...from]);
      pages.push(data.builds);
      from = data.next === undefined ? undefined : ['--from', data.next];
    }
    const page = await tool(stack.port, ['status', '--all', '--limit', '5']);

    // Assess
    expect(keysOf(all.data.builds)).toEqual(newestFirst);
    expect(all.data.next).toBeUndefined();
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 2]);
    expect(keysOf(pages.flat())).toEqual(newestFirst);
    expect(page.stdout).toMatch(/live +live\.zip@v1 .*\n.* discarded +gone\.zip@v1 +ProjectNotFound\n/);
    expect(page.stderr).toMatch(/repeat the command with --from \S+\n/);
  });

  it.for([
    [['--state', 'dead-lettered'], ['stopped']],
    [['--state', 'discarded'], ['gone']],
    [
      ['--state', 'skipped', '--state', 'waiting'],
      ['skipped', 'waits'],
    ],
    [
      ['--state', 'approved'],
      ['other', 'live'],
    ],
    [['--state', 'live', '--project', AUTOMATIC.projectId], ['live']],
    [['--project', OTHER.projectId], ['other']],
    [['--project', `${OTHER.userId}/${OTHER.projectId}`], ['other']],
    [
      ['--all', '--since', '25m'],
      ['other', 'live'],
    ],
    [['--state', 'rejected'], []],
  ] as const)('lists by state and project: %s', async ([flags, keys], { onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.put(...entries);
    const { code, data } = await toolJson(stack.port, ['status', ...flags]);
    expect({ code, keys: keysOf(data.builds) }).toEqual({ code: 0, keys });
  });

  it('refuses what makes no sense', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const runs = await Promise.all([
      tool(stack.port, ['status', '--state', 'frobnicated']),
      tool(stack.port, ['status', '--limit', '0']),
      tool(stack.port, ['status', '--from', 'bm9uc2Vuc2U']),
      tool(stack.port, ['status', 'game.zip', '--all']),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
  });
});

describe('a name in a list', () => {
  const [a, b, c] = ['3sL4kqtJlcpXroDTDmJrmSpXd3dIbrHY', '3sL4kqtJzzzXroDTDmJrmSpXd3dIbrHY', 'Qq'.repeat(16)].map(
    (version) => `drop/game.zip@${version}`,
  ) as [string, string, string];

  it('has a version that is as short as it can be', () => {
    expect([a, c].map(shortNames([a, c]))).toEqual(['game.zip@3sL4kqtJ', 'game.zip@QqQqQqQq']);
    expect([a, b].map(shortNames([a, b, c]))).toEqual(['game.zip@3sL4kqtJl', 'game.zip@3sL4kqtJz']);
    // The start of one version is another one's whole.
    expect(shortNames([a, `${a}x`])(a)).toBe(`game.zip@${a.slice(-32)}`);
  });

  it('has its whole version where that is short, or a time', () => {
    const sequenced = ['drop/game.zip@0055AED6DCD90281E5', 'drop/game.zip@v1'];
    expect(sequenced.map(shortNames(sequenced))).toEqual(['game.zip@0055AED6DCD90281E5', 'game.zip@v1']);
  });
});

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** What the tool prints on a terminal of so many columns; 0 for one that does not say how many. */
async function onTerminal(port: number, columns: number, args: readonly string[]): Promise<string[]> {
  const command = `stty cols ${columns}; '${process.execPath}' '${MAIN}' ${args.join(' ')} --local ${port}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] });
  return stripVTControlCharacters(await text(child.stdout)).split(/\r?\n/);
}

// `script` makes a terminal; other systems have another one.
describe.runIf(process.platform === 'linux').concurrent('on a terminal', () => {
  const key = 'games/racer/nightly/windows/Racer-Win64-Shipping-2026.04.21.zip';
  const versions = ['3sL4kqtJlcpXroDTDmJrmSpXd3dIbrHY', '3sL4kqtJzzzXroDTDmJrmSpXd3dIbrHY'];
  const detail =
    'Project not found: the id of the project has to be one of those that belong to the user of the API key';
  const long = versions.map((versionId, index) => {
    const entry = opened(aBuild({ key, versionId }), ago(9));
    return deadLettered(entry, ago(5 - index), { ...failure, detail }, 'x');
  });

  it.for([0, 60, 80, 200])('of %i columns no line is wider', async (columns, { onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    const silent = anEntry({ key: `silent/${key}`, droppedAt: ago(9), submittedAt: ago(8) });
    const deadLetters = createSqsDeadLetterQueue(stack.sqs, stack.urlOf(DEAD_LETTERS));
    for (const { build } of long) {
      const { versionId = '' } = build;
      const about = { id: versionId, body: s3Event({ key, versionId }), build, attempts: 0, logPointer: 'log' };
      await deadLetters.send({ ...about, reason: failure.code, detail, at: failure.at });
    }
    await stack.s3.send(new PutObjectCommand({ Bucket: 'drop', Key: key, Body: 'PK' }));
    await stack.put(...long, silent, approvedAt(ago(20), { key: `approved/${key}` }));

    // Act
    const screens = await Promise.all([
      onTerminal(stack.port, columns, ['status']),
      onTerminal(stack.port, columns, ['status', '--all']),
      onTerminal(stack.port, columns, ['status', long[0]?.id ?? '']),
      onTerminal(stack.port, columns, ['submit', '--prefix', 'games/']),
    ]);
    // One after the other: each hides the dead letters from the other.
    screens.push(await onTerminal(stack.port, columns, ['dlq', 'list']));
    screens.push(await onTerminal(stack.port, columns, ['dlq', 'redrive']));
    const piped = await tool(stack.port, ['status', '--all']);

    // Assess
    const shown = screens.flat();
    const wide = shown.filter((line) => line.length > (columns || 80) && !line.includes('npx '));
    expect(wide).toEqual([]);
    for (const screen of screens)
      expect(screen.join('\n')).toMatch(/dead-lettered|ProjectNotFound|not in the ledger yet/);
    expect(shown.join('\n')).toContain('@3sL4kqtJl');
    // What is piped is complete.
    expect(piped.stdout).toContain(`${key}@3sL4kqtJl `);
  });
});
