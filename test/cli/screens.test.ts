import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { createSqsDeadLetterQueue } from '../../functions/adapters/sqs-dead-letter-queue.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { waiting } from '../../functions/domain/model/submission-transitions.ts';
import { s3Event } from '../support/s3-event.ts';
import { aBuild, ROUTE } from '../support/world.ts';
import { anEntry, approvedAt, MINUTE, requestEnded, requestedAt } from './entries.ts';
import { DEAD_LETTERS, openQuietStack, type QuietStack } from './quiet-stack.ts';
import { PATIENCE, startTool } from './tool.ts';

vi.setConfig(PATIENCE);

/** Escape sequences, line breaks that write lines of their own, and text that runs backwards; then what a name may well have. */
const HOSTILE = 'evil\x1b]0;owned\x07\x1b[2J\r\nINJECTED\u2028INJECTED\u202e\x9b31m 构建 ü';
const UNSAFE = /(?!\n)(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** A stack where everything that comes from outside is hostile, in every place that a screen shows. */
async function fill(stack: QuietStack): Promise<void> {
  const now = Date.now();
  const keyed = (name: string) => `games/racer/${name}-${HOSTILE}.zip`;
  const submitted = { droppedAt: now - 9 * MINUTE, submittedAt: now - 8 * MINUTE };
  const failed = { code: 'ProjectNotFound', detail: HOSTILE, at: now } as unknown as NonNullable<
    LedgerEntry['lastFailure']
  >;
  const long = `games/${'a-long-folder/'.repeat(9)}Game-${HOSTILE}.zip`;
  await stack.put(
    { ...waiting(anEntry({ key: keyed('waits'), droppedAt: now }), now, HOSTILE), attempts: 2, lastFailure: failed },
    anEntry({ key: long, droppedAt: now }),
    anEntry({ ...submitted, key: keyed('saving'), news: [['saving', now - 3 * MINUTE]] }),
    anEntry({ ...submitted, key: keyed('rejected'), news: [['rejected', now]], objection: HOSTILE.repeat(4) }),
    {
      ...anEntry({ key: keyed('dead'), droppedAt: now }),
      state: 'dead-lettered',
      reason: 'NoRoute',
      lastFailure: failed,
    },
    approvedAt(now - MINUTE, { key: keyed('approved') }),
    requestEnded(requestedAt(approvedAt(now - MINUTE, { key: keyed('unreleased') }), now), now, 'failed', HOSTILE),
  );
  const deadLetters = createSqsDeadLetterQueue(stack.sqs, stack.urlOf(DEAD_LETTERS));
  for (const name of ['dead', 'dead-too']) {
    await deadLetters.send({
      id: name,
      body: s3Event({ key: keyed(name), versionId: 'v1' }),
      reason: 'NoRoute',
      detail: HOSTILE,
      attempts: 0,
      build: aBuild({ key: keyed(name) }),
      userId: ROUTE.userId,
      projectId: ROUTE.projectId,
      at: now,
      logPointer: 'group stream id',
    });
  }
}

const COMMANDS: readonly (readonly string[])[] = [
  ['status'],
  ['status', 'waits-'],
  ['status', 'rejected-'],
  ['status', 'a-long-folder'],
  ['status', 'games/racer'],
  ['status', HOSTILE, '--stack', HOSTILE],
  ['release'],
  ['release', 'approved-'],
  ['release', 'rejected-', '--yes'],
  ['release', 'waits-'],
  ['dlq', 'list'],
  ['dlq', 'show', 'dead-'],
  ['dlq', 'discard'],
  ['push', `${HOSTILE}.zip`],
  ['webhook'],
  ['doctor'],
  ['key', 'set', '--parameter', HOSTILE],
  [HOSTILE],
  ['--help'],
  ['push', '--help'],
];

/** A line that may be wider than the terminal: it holds what people copy. */
const COPIED = /\b(?:npx|npm|aws) |https?:\/\//;
const widthOf = (line: string) => line.replaceAll(/[\p{Script=Han}]/gu, 'xx').length;

describe.each([60, 80, 200])('at %i columns', (columns) => {
  it('every screen fits, and nothing from outside gets to the terminal as it is', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await fill(stack);
    for (const args of COMMANDS) {
      const env = { ...process.env, COLUMNS: `${columns}`, FORCE_COLOR: undefined, NO_COLOR: '1' };
      const { stderr, stdout } = await startTool(stack.port, args, 'a-key', env).ended;
      const lines = (stdout + stderr).split('\n');
      const context = `${args.join(' ')} at ${columns}`;
      expect(stdout + stderr, context).not.toMatch(UNSAFE);
      // What the operator has typed may write lines; what others have named or sent may not.
      const injected = args.some((arg) => arg.includes(HOSTILE))
        ? []
        : lines.filter((line) => line.startsWith('INJECTED'));
      expect(injected, context).toEqual([]);
      expect(
        lines.filter((line) => widthOf(line) > columns && !COPIED.test(line)),
        context,
      ).toEqual([]);
      expect(stdout + stderr, context).not.toMatch(/undefined|NaN|Infinity|\[object/);
    }
  });
});

it('prints JSON that is safe on a terminal and says exactly what there is', async ({ onTestFinished }) => {
  const stack = await openQuietStack(onTestFinished);
  await fill(stack);
  for (const args of [['status'], ['status', 'rejected-'], ['push', HOSTILE]]) {
    const { stdout } = await startTool(stack.port, [...args, '--json']).ended;
    expect(stdout).not.toMatch(UNSAFE);
    expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(HOSTILE).slice(1, -1));
  }
});

describe('a pipe that is closed early', () => {
  it.each(['stdout', 'stderr'] as const)('is no error: %s', async (closed) => {
    const child = spawn(process.execPath, [MAIN, 'status', '--local', '1'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child[closed].destroy();
    const other = closed === 'stdout' ? child.stderr : child.stdout;
    const [code, printed] = await Promise.all([new Promise((resolve) => child.on('close', resolve)), text(other)]);
    // What it would have ended with: nothing answers at this port.
    expect(code).toBe(1);
    expect(printed).not.toMatch(/EPIPE|at .*\.ts:/);
  });

  it('ends a page that is shown again and again', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const args = [MAIN, 'status', '--watch', '--local', `${stack.port}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.once('data', () => child.stdout.destroy());
    const [code, stderr] = await Promise.all([
      new Promise((resolve) => child.on('close', resolve)),
      text(child.stderr),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
