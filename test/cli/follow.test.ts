import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import type { BuildStatus } from '../../cli/builds/build-status.ts';
import { STATUS_DISPLAY } from '../../cli/builds/status-display.ts';
import { Console } from '../../cli/console.ts';
import { followBuild } from '../../cli/screens/follow.ts';
import { EXIT_AFTER } from '../../cli/screens/result.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { NOTHING_LIVE } from '../../functions/domain/model/live.ts';
import { anEntry, approvedAt, MINUTE } from './entries.ts';

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

  it('says once that the pipeline has not seen a build', async () => {
    const { printed } = await follow(() => undefined, { timeoutMs: 10 * MINUTE });
    expect(printed.match(/has not seen the build yet/g)).toHaveLength(1);
  });
});

it('ends with 1 exactly where viewers will not get the build, and goes on where it still changes', () => {
  for (const [status, { failure, isOngoing }] of Object.entries(STATUS_DISPLAY)) {
    const code = EXIT_AFTER[status as BuildStatus];
    expect([status, code === 1]).toEqual([status, failure !== undefined]);
    if (isOngoing) expect([status, code]).toEqual([status, 4]);
  }
});
