import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import type { BuildStatus } from '../../cli/builds/build-status.ts';
import { STATUS_DISPLAY } from '../../cli/builds/status-display.ts';
import { Console } from '../../cli/console.ts';
import { followBuild } from '../../cli/screens/follow.ts';
import { EXIT_AFTER } from '../../cli/screens/result.ts';
import { clientConfig } from '../../cli/stack/stack.ts';
import { buildId } from '../../functions/domain/model/build.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { NOTHING_LIVE } from '../../functions/domain/model/live.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { aBuild } from '../support/world.ts';
import { anEntry, approvedAt, MINUTE } from './entries.ts';
import { openFaulty } from './faulty-stack.ts';
import { openQuietStack } from './quiet-stack.ts';
import { PATIENCE, toolJson } from './tool.ts';

vi.setConfig(PATIENCE);

const START = Date.parse('2026-04-21T12:00:00Z');

/** Follows a build on a clock of its own, which only moves while it pauses. */
async function follow(
  entryAt: (minutes: number) => LedgerEntry | undefined,
  { isTTY = false, timeoutMs }: { readonly isTTY?: boolean; readonly timeoutMs?: number } = {},
) {
  let now = START;
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 80 }) as unknown as NodeJS.WriteStream;
  const followed = await followBuild(
    new Console(false, undefined, { stdout: process.stdout, stderr }),
    { liveOf: async () => NOTHING_LIVE, webhookOf: async (projectId) => ({ projectId, testedAt: START }) },
    {
      find: async () => entryAt((now - START) / MINUTE),
      signal: new AbortController().signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      clock: {
        now: () => now,
        pause: async (ms) => {
          now += ms;
          return true;
        },
      },
    },
  );
  stderr.end();
  return { followed, printed: await text(stderr as unknown as PassThrough), minutes: (now - START) / MINUTE };
}

const submitted = anEntry({ droppedAt: START, submittedAt: START, news: [['downloading', START]] });

describe('following a build', () => {
  it('off a terminal prints a line for each change, and one now and then that it still follows', async () => {
    const { followed, printed } = await follow((minutes) =>
      minutes < 21 ? submitted : approvedAt(START + 21 * MINUTE),
    );
    expect(followed).toMatchObject({ kind: 'ended', view: { status: 'waits-for-person' } });
    const still = printed.split('\n').filter((line) => line.includes('still at Streampixel: downloading'));
    expect(still).toHaveLength(4);
    expect(still[0]).toContain('followed for 5 m');
    expect(printed).not.toContain('\x1b');
  });

  it('on a terminal moves one line, and takes it away at the end', async () => {
    vi.stubEnv('TERM', 'xterm');
    const { printed } = await follow((minutes) => (minutes < 1 ? submitted : approvedAt(START + MINUTE)), {
      isTTY: true,
    });
    vi.unstubAllEnvs();
    expect(printed.split('\r\x1b[2K').length).toBeGreaterThan(30);
    expect(printed).not.toContain('still');
    expect(printed.endsWith('\r\x1b[2K')).toBe(true);
  });

  it.each([
    [90_000, submitted, 'under-way'],
    [500, submitted, 'under-way'],
    [90_000, undefined, undefined],
  ])('stops after %i ms where the build is not finished', async (timeoutMs, entry, status) => {
    const { followed, minutes } = await follow(() => entry, { timeoutMs });
    expect(followed.kind).toBe('timed-out');
    expect(followed.view?.status).toBe(status);
    expect(minutes * MINUTE).toBe(timeoutMs);
  });

  it('goes on where AWS does not answer for some minutes, and says so once', async () => {
    const unreachable = Object.assign(new Error('getaddrinfo ENOTFOUND dynamodb'), { code: 'ENOTFOUND' });
    const { followed, printed } = await follow((minutes) => {
      if (minutes > 1 && minutes < 5) throw unreachable;
      return minutes < 6 ? submitted : approvedAt(START + 6 * MINUTE);
    });
    expect(followed).toMatchObject({ kind: 'ended', view: { status: 'waits-for-person' } });
    expect(printed.match(/AWS cannot be reached/g)).toHaveLength(1);
    const forGood = follow((minutes) => {
      if (minutes > 1) throw unreachable;
      return submitted;
    });
    await expect(forGood).rejects.toBe(unreachable);
    const refused = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
    const denied = follow((minutes) => {
      if (minutes > 1) throw refused;
      return submitted;
    });
    await expect(denied).rejects.toBe(refused);
  });

  it.each(['the time is over', 'it is interrupted'])('ends when %s although AWS never answers', async (what) => {
    const stderr = new PassThrough() as unknown as NodeJS.WriteStream;
    const controller = new AbortController();
    const followed = followBuild(
      new Console(false, undefined, { stdout: process.stdout, stderr }),
      { liveOf: async () => NOTHING_LIVE, webhookOf: async (projectId) => ({ projectId, testedAt: START }) },
      {
        find: () => new Promise(() => {}),
        signal: controller.signal,
        timeoutMs: what === 'the time is over' ? 1 : 1e9,
      },
    );
    if (what === 'the time is over') return expect(await followed).toEqual({ kind: 'timed-out' });
    controller.abort();
    await expect(followed).rejects.toMatchObject({ code: 'Interrupted', exitCode: 130 });
  });

  it('says once that the pipeline has not seen a build', async () => {
    const { printed } = await follow(() => undefined, { timeoutMs: 10 * MINUTE });
    expect(printed.match(/has not seen the build yet/g)).toHaveLength(1);
  });
});

describe.concurrent('push --follow', () => {
  async function aZip(onTestFinished: TestContext['onTestFinished']): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-test-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'game.zip');
    await writeFile(path, await makeSampleBuild());
    return path;
  }
  const isLedger = (target: string) => target.startsWith('DynamoDB');
  const expired = JSON.stringify({ __type: 'ExpiredTokenException', message: 'The security token is expired' });

  it.each([
    ['AWS never answers', 'StillUnderWay', '2s', () => new Promise<undefined>(() => {})],
    ['the credentials expire', 'CredentialsRefused', '10h', () => ({ status: 400, body: expired })],
  ] as const)('ends with 4 where %s after the upload', async (_, code, timeout, answer) => {
    const cleanups: (() => unknown)[] = [];
    const onEnd = (cleanup: () => unknown) => void cleanups.push(cleanup);
    const stack = await openQuietStack(onEnd as TestContext['onTestFinished']);
    const port = await openFaulty(onEnd as TestContext['onTestFinished'], stack, ({ target }) =>
      isLedger(target) ? answer() : undefined,
    );
    const path = await aZip(onEnd as TestContext['onTestFinished']);
    const ran = await toolJson(port, ['push', path, '--follow', '--timeout', timeout]);
    expect(ran).toMatchObject({ code: 4, data: { error: { code }, state: null } });
    for (const cleanup of cleanups) await cleanup();
  });

  it('in a bucket without versions does not take an earlier drop of the same bytes for the new one', async ({
    onTestFinished,
  }) => {
    const stack = await openQuietStack(onTestFinished);
    const port = await openFaulty(
      onTestFinished,
      stack,
      () => undefined,
      ({ 'x-amz-version-id': _, ...headers }) => headers,
    );
    const path = await aZip(onTestFinished);
    const { eTag } = (await toolJson(port, ['push', path])).data;
    const { versionId: _, ...build } = aBuild({ key: 'game.zip', sequencer: '0001', eTag });
    await stack.put({ ...approvedAt(START), id: buildId(build), build });
    const again = await toolJson(port, ['push', path, '--follow', '--timeout', '2s']);
    expect(again).toMatchObject({ code: 4, data: { versionId: null, state: null, error: { code: 'StillUnderWay' } } });
    expect(again.data.error.remedy).toContain('streampixel-drop status game.zip --local');
  });
});

it('never waits for ever for AWS', () => {
  const { connectionTimeout, socketTimeout } = clientConfig({ local: 1 }).requestHandler;
  expect(Math.min(connectionTimeout, socketTimeout)).toBeGreaterThan(0);
});

it('ends with 1 exactly where viewers will not get the build, and goes on where it still changes', () => {
  for (const [status, { failure, isOngoing }] of Object.entries(STATUS_DISPLAY)) {
    const code = EXIT_AFTER[status as BuildStatus];
    expect([status, code === 1]).toEqual([status, failure !== undefined]);
    if (isOngoing) expect([status, code]).toEqual([status, 4]);
  }
});
