import { afterAll, describe, expect, it, vi } from 'vitest';
import { addressId } from '../../functions/adapters/ssm-webhook-tokens.ts';
import { tokensIn } from '../../functions/domain/follow/webhook-tokens.ts';
import { ROUTE } from '../support/world.ts';
import { anEntry, MINUTE } from './entries.ts';
import { openQuietStack, TOKEN_PARAMETER, WEBHOOK_URL } from './quiet-stack.ts';
import { PATIENCE, printed, tool, toolJson } from './tool.ts';

vi.setConfig(PATIENCE);
/** Tests expect full hours only: how long a test takes changes the minutes. */
const hoursAgo = (hours: number) => Date.now() - hours * 60 * MINUTE;
const OTHER = { ...ROUTE, prefix: 'other/', projectId: 'bbbbbbbbbbbbbbbbbbbbbbbb' };
const ROUTES = [ROUTE, OTHER, { ...ROUTE, prefix: 'again/' }];
const TOKEN = 'a-token-of-at-least-32-letters-and-digits';

describe.concurrent('webhook', () => {
  it('makes a token once, and prints the address of each project with what is known of it', async ({
    onTestFinished,
  }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished, ROUTES);
    const lastWebhookAt = hoursAgo(3.5);
    await stack.ledger.noteWebhook(OTHER.projectId, 'lastWebhookAt', lastWebhookAt);

    // Act
    const first = await toolJson(stack.port, ['webhook']);
    const token = (await stack.token()) ?? '';
    const again = await toolJson(stack.port, ['webhook']);
    const { stdout } = await tool(stack.port, ['webhook']);

    // Assess
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(tokensIn(token)).toEqual([token]);
    const address = (projectId: string) => `${WEBHOOK_URL}/${projectId}/${token}`;
    expect(first.data).toMatchObject({
      isNew: true,
      parameter: TOKEN_PARAMETER,
      projects: [
        { projectId: ROUTE.projectId, address: address(ROUTE.projectId) },
        {
          projectId: OTHER.projectId,
          address: address(OTHER.projectId),
          lastWebhookAt: new Date(lastWebhookAt).toISOString(),
        },
      ],
    });
    expect(again.data).toEqual({ ...first.data, isNew: false });
    expect(await stack.token()).toBe(token);
    expect(stdout).toContain(address(ROUTE.projectId));
    expect(stdout).toMatch(/no webhook received yet\n(.|\n)*last webhook received 3 h \d+ m ago/);
    expect(stdout).toMatch(/tick every event, save, then press Test Webhook/);
    expect(stdout).toContain(`https://dashboard.streampixel.io/projectdetail/${ROUTE.projectId}`);
  });

  it('replaces a token that could be guessed, and refuses a parameter that others may read', async ({
    onTestFinished,
  }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.storeToken('hunter2');
    const { data } = await toolJson(stack.port, ['webhook']);
    const open = await openQuietStack(onTestFinished);
    await open.storeToken(TOKEN, 'String');
    const { code, stderr, stdout } = await tool(open.port, ['webhook']);
    expect(data.isNew).toBe(true);
    expect(tokensIn((await stack.token()) ?? '')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/not a SecureString.*\n.*delete-parameter --name \/drop\/webhook-token/);
  });
});

describe.concurrent('webhook rotate', () => {
  const rotate = ['webhook', 'rotate'];
  const finish = [...rotate, '--finish'];

  it('puts a new token first and keeps the present one, until it is finished with --yes', async ({
    onTestFinished,
  }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished, ROUTES);
    await stack.storeToken(TOKEN);

    // Act
    const rotated = await toolJson(stack.port, rotate);
    const [current = '', former] = tokensIn((await stack.token()) ?? '');
    const twice = await tool(stack.port, rotate);
    const shown = await tool(stack.port, ['webhook']);
    for (const { projectId } of ROUTES) await stack.ledger.noteWebhook(projectId, 'testedAt', 1, addressId(current));
    const dry = await toolJson(stack.port, finish);
    const before = await stack.token();
    const done = await toolJson(stack.port, [...finish, '--yes']);
    const after = await stack.token();
    const none = await toolJson(stack.port, [...finish, '--yes']);

    // Assess
    expect(former).toBe(TOKEN);
    expect(current).not.toBe(TOKEN);
    expect(rotated.data.projects[0].address).toBe(`${WEBHOOK_URL}/${ROUTE.projectId}/${current}`);
    expect(rotated.stdout + rotated.stderr + shown.stdout).not.toContain(TOKEN);
    expect(twice).toMatchObject({ code: 1, stderr: expect.stringContaining('rotate --finish --yes') });
    expect(shown.stderr).toContain('A rotation is in progress');
    expect(dry.data).toMatchObject({ dryRun: true, notMoved: [] });
    expect(before).toBe(`${current}\n${TOKEN}`);
    expect(done).toMatchObject({ code: 0, data: { dropped: true } });
    expect(after).toBe(current);
    expect(none).toMatchObject({ code: 0, data: { dropped: false } });
  });

  it('is not finished while a project has not used its new address, except by force', async ({ onTestFinished }) => {
    // Prepare: one dashboard has the new address, the other one still has the old address, and had the new one for a while.
    const stack = await openQuietStack(onTestFinished, ROUTES);
    const [next, both] = [`${TOKEN}-next`, `${TOKEN}-next\n${TOKEN}`];
    await stack.storeToken(both);
    const note = (projectId: string, token: string, at: number) =>
      stack.ledger.noteWebhook(projectId, 'lastWebhookAt', at, addressId(token));
    await note(OTHER.projectId, TOKEN, hoursAgo(5.5));
    await note(OTHER.projectId, next, hoursAgo(4.5));
    await note(ROUTE.projectId, next, hoursAgo(3.5));
    await note(ROUTE.projectId, TOKEN, hoursAgo(2.5));

    // Act
    const dry = await tool(stack.port, finish);
    const refused = await toolJson(stack.port, [...finish, '--yes']);
    const kept = await stack.token();
    const unforced = await toolJson(stack.port, [...finish, '--force']);
    const stillKept = await stack.token();
    const forced = await toolJson(stack.port, [...finish, '--force', '--yes']);

    // Assess
    expect(dry.stdout).toMatch(
      new RegExp(
        `${ROUTE.projectId}  last webhook received .*its present address is not used: the former one was, 2 h`,
      ),
    );
    expect(dry.stdout).toMatch(new RegExp(`${OTHER.projectId}  last webhook received .*its present address is used`));
    expect(dry.stderr).toMatch(/press Test Webhook.*--force/);
    expect(refused).toMatchObject({ code: 1, data: { error: { code: 'AddressNotUsed' } } });
    expect(refused.data.error.message).toContain(ROUTE.projectId);
    expect(refused.data.error.message).not.toContain(OTHER.projectId);
    expect(kept).toBe(both);
    expect(unforced.data).toMatchObject({ dryRun: true, notMoved: [ROUTE.projectId] });
    expect(stillKept).toBe(both);
    expect(forced.data).toMatchObject({ dropped: true, notMoved: [ROUTE.projectId] });
    expect(await stack.token()).toBe(next);
  });

  it('does not count what came before addresses were recorded', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.storeToken(`${TOKEN}-next\n${TOKEN}`);
    await stack.ledger.noteWebhook(ROUTE.projectId, 'lastWebhookAt', Date.now() + 60 * MINUTE);
    const { data } = await toolJson(stack.port, finish);
    expect(data).toMatchObject({ notMoved: [ROUTE.projectId] });
  });

  it('needs a token to replace, and --finish a rotation to end', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const runs = await Promise.all([
      tool(stack.port, ['webhook', 'rotate']),
      tool(stack.port, ['webhook', '--finish']),
      tool(stack.port, ['webhook', 'frobnicate']),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([1, 2, 2]);
    expect(runs[0]?.stderr).toContain('npx --no streampixel-drop webhook');
    await expect(stack.token()).rejects.toMatchObject({ name: 'ParameterNotFound' });
  });
});

describe.concurrent('webhook enter', () => {
  it('sends the secret address to no other API than one on this machine', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished, ROUTES, { streampixelBaseUrl: 'https://api.example/v1' });
    const { code, stderr } = await tool(stack.port, ['webhook', 'enter']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('only at the stand-in') });
  });

  it('says which projects the API on this machine does not know', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished, ROUTES);
    const { code, data } = await toolJson(stack.port, ['webhook', 'enter']);
    expect(code).toBe(1);
    expect(data.projects).toMatchObject([{ projectId: ROUTE.projectId, isEntered: false }, { isEntered: false }]);
  });
});

describe.concurrent('doctor', () => {
  interface Finding {
    readonly check: string;
    readonly status: string;
    readonly text: string;
    readonly remedy?: string;
  }
  const findingsOn = (data: { findings: Finding[] }, name: string) =>
    data.findings.filter(({ check }) => check === name);

  it('says how to get a token where there is none', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const { data } = await toolJson(stack.port, ['doctor']);
    expect(findingsOn(data, 'Webhook')).toMatchObject([
      { status: 'warn', remedy: expect.stringContaining('npx --no streampixel-drop webhook') },
    ]);
  });

  it('says for each project when the last webhook came, and gives the address where none has come', async ({
    onTestFinished,
  }) => {
    // Prepare
    const tested = { ...ROUTE, prefix: 'tested/', projectId: 'cccccccccccccccccccccccc' };
    // Its dashboard still has an address from before a rotation that is finished.
    const untouched = { ...ROUTE, prefix: 'untouched/', projectId: 'dddddddddddddddddddddddd' };
    const stack = await openQuietStack(onTestFinished, [...ROUTES, tested, untouched]);
    await stack.storeToken(TOKEN);
    const [present, former] = [TOKEN, `${TOKEN}-former`].map(addressId);
    await stack.ledger.noteWebhook(OTHER.projectId, 'lastWebhookAt', hoursAgo(7.5), present);
    await stack.ledger.noteWebhook(tested.projectId, 'testedAt', hoursAgo(8.5), present);
    await stack.ledger.noteWebhook(untouched.projectId, 'lastWebhookAt', hoursAgo(9.5), former);

    // Act
    const { data } = await toolJson(stack.port, ['doctor']);
    const { stdout } = await tool(stack.port, ['doctor']);

    // Assess
    expect(findingsOn(data, 'Webhook')).toMatchObject([
      { status: 'warn', text: `project ${ROUTE.projectId}: no webhook received yet` },
      { status: 'ok', text: expect.stringMatching(/last webhook received 7 h \d+ m ago/) },
      { status: 'ok', text: expect.stringMatching(/test webhook received 8 h \d+ m ago, none about a build yet/) },
      {
        status: 'warn',
        text: expect.stringMatching(/last webhook received 9 h \d+ m ago; its present address is not used yet$/),
        remedy: expect.stringContaining(`/${untouched.projectId}/${TOKEN}`),
      },
    ]);
    expect(stdout).toMatch(
      new RegExp(
        `-> .*projectdetail/${ROUTE.projectId} > Project Settings.*\\n +${WEBHOOK_URL}/${ROUTE.projectId}/${TOKEN}\\n`,
      ),
    );
  });

  it('reminds of a rotation that is not finished', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.storeToken(`${TOKEN}\n${TOKEN}-former`);
    await stack.ledger.noteWebhook(ROUTE.projectId, 'lastWebhookAt', hoursAgo(7.5), addressId(TOKEN));
    const { data, stdout } = await toolJson(stack.port, ['doctor']);
    expect(findingsOn(data, 'Webhook')).toMatchObject([
      { status: 'ok' },
      { status: 'warn', remedy: expect.stringContaining('webhook rotate --finish') },
    ]);
    expect(stdout).not.toContain(`${TOKEN}-former`);
  });

  it('says what is still under way for a project that no route has any more', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const former = { ...ROUTE, projectId: 'dddddddddddddddddddddddd' };
    const at = hoursAgo(0.5);
    for (const [key, route] of [
      ['a.zip', former],
      ['b.zip', former],
      ['c.zip', ROUTE],
    ] as const) {
      await stack.ledger.save(anEntry({ key, route, droppedAt: at, submittedAt: at }));
    }
    const { data } = await toolJson(stack.port, ['doctor']);
    expect(findingsOn(data, 'Ledger')).toMatchObject([
      { status: 'ok' },
      { status: 'warn', text: `2 builds under way for project ${former.projectId}, which no route has any more` },
    ]);
  });

  it('finds messages in the dead-letter queue of the follow queue', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const good = await toolJson(stack.port, ['doctor']);
    await stack.failToFollow('{}');
    const bad = await toolJson(stack.port, ['doctor']);
    expect(findingsOn(good.data, 'Follow queue')).toMatchObject([{ status: 'ok' }]);
    expect(findingsOn(bad.data, 'Follow queue')).toMatchObject([
      {
        status: 'warn',
        text: expect.stringMatching(/^1 message /),
        remedy: expect.stringMatching(/ --source-arn \S+:follow-dead-letters --destination-arn \S+:follow$/),
      },
    ]);
  });
});

afterAll(() => {
  // Only inside an address: never a token by itself, and no former one.
  const lines = printed.join('\n').split('\n');
  for (const line of lines.filter((each) => each.includes(TOKEN))) {
    expect(line).toContain(`/${TOKEN}`);
  }
});
