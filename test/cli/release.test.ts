import { describe, expect, it, type TestContext, vi } from 'vitest';
import type { FollowMessage } from '../../functions/domain/follow/follow-message.ts';
import { releaseChanged, requestRelease } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import { deadLettered, submittedAgain } from '../../functions/domain/model/submission-transitions.ts';
import { LOCAL_USER } from '../../local/aws/account.ts';
import { AUTOMATIC, anEntry, approvedAt, MINUTE, requestEnded, requestedAt } from './entries.ts';
import { openQuietStack, type QuietStack } from './quiet-stack.ts';
import { EVENTUALLY, PATIENCE, startTool, tool, toolJson } from './tool.ts';

vi.setConfig(PATIENCE);
const startedAt = Date.now();
const ago = (minutes: number) => startedAt - minutes * MINUTE;

/** A stack with this build in it. */
async function stackWith(
  onTestFinished: TestContext['onTestFinished'],
  ...entries: readonly LedgerEntry[]
): Promise<QuietStack> {
  const stack = await openQuietStack(onTestFinished);
  await stack.put(...entries);
  return stack;
}

/** The request that the tool has sent, once it has. */
async function requestOf(stack: QuietStack): Promise<Extract<FollowMessage, { kind: 'release' }>> {
  return vi.waitFor(() => {
    const [request] = stack.requests();
    if (request?.kind !== 'release') throw new Error('there is no request yet');
    return request;
  }, EVENTUALLY);
}

/** Plays follow-builds: takes the request, then brings it to each of these states. */
async function play(
  stack: QuietStack,
  request: Extract<FollowMessage, { kind: 'release' }>,
  ...steps: readonly (readonly [Partial<Release> & Pick<Release, 'state'>, string])[]
): Promise<void> {
  await stack.change(request.build, (entry) => requestRelease(entry, request, Date.now())?.entry ?? entry);
  for (const [patch, note] of steps) {
    await stack.change(request.build, (entry) => {
      if (entry.release === undefined) throw new Error('there is no release request');
      return releaseChanged(entry, { ...entry.release, ...patch }, Date.now(), note);
    });
  }
}

describe.concurrent('release', () => {
  it('only says what it would do without --yes', async ({ onTestFinished }) => {
    const stack = await stackWith(onTestFinished, approvedAt(ago(5)));
    const { code, stdout, stderr } = await tool(stack.port, ['release', 'game.zip']);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Would put drop\/game\.zip@v1 live, upload id upload-of-game\.zip\./),
    });
    expect(stderr).toContain('--yes');
    expect(stack.requests()).toEqual([]);
  });

  it("requests the release of the build's own upload, prints its slot and Streampixel's messages, and ends with its release", async ({
    onTestFinished,
  }) => {
    // Prepare
    const entry = approvedAt(ago(5));
    const stack = await stackWith(onTestFinished, entry);

    // Act
    const running = startTool(stack.port, ['release', 's3://drop/game.zip', '--yes', '--json']);
    const request = await requestOf(stack);
    const slot = Date.now() + 2 * MINUTE;
    await play(
      stack,
      request,
      [
        { state: 'requested', reservation: { slot, pushed: 0 } },
        `slot for its release at ${new Date(slot).toISOString()}`,
      ],
      [{ state: 'requested', attempts: 1 }, 'File has no URL yet'],
      [{ state: 'released', attempts: 2 }, 'released'],
    );
    const { code, stderr, stdout } = await running.ended;

    // Assess
    expect(request).toEqual({
      kind: 'release',
      build: entry.id,
      uploadId: entry.uploadId,
      by: 'person',
      requestedBy: LOCAL_USER,
      requestId: expect.stringMatching(/^person\/[\da-f-]{36}$/),
      requestedAt: expect.any(Number),
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      build: entry.id,
      release: 'released',
      requestId: request.requestId,
      attempts: 2,
    });
    expect(stderr).toMatch(/slot for its release at \d\d:\d\d:\d\d\n.*File has no URL yet\n.*released/);
    // What was before the request is not printed.
    expect(stderr).not.toContain('submitting');
  });

  it("fails with Streampixel's message and the command to try again", async ({ onTestFinished }) => {
    const stack = await stackWith(onTestFinished, approvedAt(ago(5), { route: AUTOMATIC }));
    const running = startTool(stack.port, ['release', 'game.zip', '--yes', '--json']);
    await play(stack, await requestOf(stack), [
      { state: 'failed', detail: 'Access denied (HTTP 403)' },
      'Access denied',
    ]);
    const { code, stderr, stdout } = await running.ended;
    expect({ code, error: JSON.parse(stdout).error.code }).toEqual({ code: 1, error: 'ReleaseFailed' });
    expect(stderr).toContain("Streampixel's message: Access denied (HTTP 403)");
    expect(stderr).toContain('npx --no streampixel-drop release drop/game.zip@v1 --yes');
  });

  it('goes back to an earlier upload of the build, whatever became of the last one', async ({ onTestFinished }) => {
    // Prepare
    const rejected = anEntry({ droppedAt: ago(30), submittedAt: ago(20), news: [['rejected', ago(9)]] });
    const stack = await stackWith(onTestFinished, { ...rejected, formerUploadIds: ['first', 'second'] });

    // Act
    const args = ['release', 'game.zip', '--yes', '--no-wait'];
    const unknown = await tool(stack.port, [...args, '--upload-id', 'third']);
    const { code, data } = await toolJson(stack.port, [...args, '--upload-id', 'first']);

    // Assess
    expect(unknown).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('It has: upload-of-game.zip, first, second'),
    });
    expect({ code, data }).toMatchObject({ code: 0, data: { uploadId: 'first', release: 'requested' } });
    expect(stack.requests()).toMatchObject([{ uploadId: 'first', requestId: data.requestId }]);
  });

  it('puts a build live again after a newer one was approved', async ({ onTestFinished }) => {
    const released = requestEnded(requestedAt(approvedAt(ago(500)), ago(490)), ago(480), 'released');
    const stack = await stackWith(onTestFinished, released, approvedAt(ago(5), { key: 'newer.zip' }));
    await toolJson(stack.port, ['release', 'game.zip', '--yes', '--no-wait']);
    expect(stack.requests()).toMatchObject([{ build: released.id, uploadId: released.uploadId }]);
  });

  it('warns that Streampixel is not ready where it has not approved the build', async ({ onTestFinished }) => {
    const stack = await stackWith(onTestFinished, anEntry({ droppedAt: ago(9), submittedAt: ago(8) }));
    const { code, stderr } = await tool(stack.port, ['release', 'game.zip', '--yes', '--no-wait']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/not approved yet: .*tried again.* 2 h/);
    expect(stack.requests()).toHaveLength(1);
  });

  it('sends no second request while one is in progress, and another where that is long ago', async ({
    onTestFinished,
  }) => {
    const lost = requestedAt(approvedAt(ago(900), { key: 'lost.zip' }), ago(899));
    const stack = await stackWith(onTestFinished, requestedAt(approvedAt(ago(155)), ago(150), 'person/first'), lost);
    const { data, stderr } = await toolJson(stack.port, ['release', 'game.zip', '--yes', '--no-wait']);
    const before = stack.requests();
    await toolJson(stack.port, ['release', 'lost.zip', '--yes', '--no-wait']);
    expect(data.requestId).toBe('person/first');
    expect(stderr).toMatch(/requested 2 h \d+ m ago by a person/);
    expect(before).toEqual([]);
    expect(stack.requests()).toMatchObject([{ build: lost.id }]);
  });

  const failure = { code: 'ProjectNotFound', detail: 'Project not found', at: ago(9) } as const;
  const waiting = anEntry({ droppedAt: ago(9) });
  const rejected = anEntry({
    droppedAt: ago(9),
    submittedAt: ago(8),
    news: [['rejected', ago(2)]],
    objection: 'No exe.',
  });
  it.for([
    ['waits', waiting, 'NotAtStreampixel', /it is waiting\.\n.*\n.*status drop\/game\.zip@v1/],
    [
      'is dead-lettered',
      deadLettered(waiting, ago(8), failure, 'x'),
      'NotAtStreampixel',
      /dlq redrive drop\/game\.zip@v1 --yes/,
    ],
    ['waits once more', submittedAgain(rejected, ago(1), 'x'), 'NotAtStreampixel', /--upload-id upload-of-game\.zip/],
    [
      'was rejected',
      rejected,
      'Rejected',
      /Streampixel's message: No exe\.\n.*\nIf you think this is wrong: .*submit --again drop\/game\.zip@v1 --yes/,
    ],
    [
      'is of a user without a key in the settings',
      { ...approvedAt(ago(5)), userId: 'deleted', apiKeyParameter: '/deleted' },
      'NoRoute',
      /user deleted.*\n.*streampixel-drop\.json/,
    ],
  ] as const)('refuses a build that %s', async ([, entry, name, words], { onTestFinished }) => {
    const stack = await stackWith(onTestFinished, entry);
    const { code, data, stderr } = await toolJson(stack.port, ['release', 'game.zip', '--yes']);
    expect({ code, name: data.error.code }).toEqual({ code: 1, name });
    expect(stderr).toMatch(words);
    expect(stack.requests()).toEqual([]);
  });

  it('needs a build, and names those that wait', async ({ onTestFinished }) => {
    const automatic = approvedAt(ago(9), { key: 'live.zip', route: AUTOMATIC });
    const stack = await stackWith(onTestFinished, approvedAt(ago(5)), automatic);
    const { code, stderr } = await tool(stack.port, ['release']);
    expect(code).toBe(2);
    expect(stderr).toContain('release drop/game.zip@v1 --yes');
    expect(stderr).not.toContain('live.zip');
  });

  it('interrupted by Ctrl-C, stops waiting and leaves the request', async ({ onTestFinished }) => {
    const stack = await stackWith(onTestFinished, approvedAt(ago(5)));
    const running = startTool(stack.port, ['release', 'game.zip', '--yes']);
    await requestOf(stack);
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('the request stays');
    expect(stack.requests()).toHaveLength(1);
  });
});
