import { CloudFormationClient, type DescribeStacksCommandInput, type Stack } from '@aws-sdk/client-cloudformation';
import { describe, expect, it, vi } from 'vitest';
import { checkRateLimit } from '../../cli/stack/rate-limit.ts';
import { DEFAULT_STACK_NAME, OUTPUTS } from '../../infra/outputs/outputs.ts';
import { LOCAL_ACCOUNT_ID, LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { ROUTE } from '../support/world.ts';
import { openQuietStack } from './quiet-stack.ts';
import { PATIENCE, type Ran, startTool } from './tool.ts';

vi.setConfig(PATIENCE);

const OTHER_USER = 'f'.repeat(24);
const OWN = { name: 'Drop', ledgerTable: 'own-ledger' };

/** @param routes by their user */
function aStack(name: string, ledgerTable: string, ...users: string[]): Stack {
  return described(name, {
    [OUTPUTS.ledgerTableName]: ledgerTable,
    [OUTPUTS.settings]: JSON.stringify({ routes: users.map((userId) => ({ userId })) }),
  });
}

function described(StackName: string, outputs: Readonly<Record<string, string>>): Stack {
  return {
    StackName,
    StackStatus: 'CREATE_COMPLETE',
    CreationTime: new Date(0),
    Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
  };
}

/** Checks the stack in an account whose stacks CloudFormation lists in these pages. */
function check(...pages: (readonly Stack[])[]) {
  return checkIn(async (page) => ({
    Stacks: pages[page],
    NextToken: page + 1 < pages.length ? `${page + 1}` : undefined,
  }));
}

function checkIn(answer: (page: number) => Promise<object>) {
  const cloudFormation = new CloudFormationClient({ region: 'eu-central-1' });
  vi.spyOn(cloudFormation, 'send').mockImplementation(({ input }) =>
    answer(Number((input as DescribeStacksCommandInput).NextToken ?? 0)),
  );
  const second = { ...ROUTE, prefix: 'second/' };
  return checkRateLimit({
    ...OWN,
    settings: {
      routes: [ROUTE, second],
      intervalSeconds: 121,
      streampixelBaseUrl: 'https://api.streampixel.io/pixelStripeApi',
    },
    clients: { cloudFormation },
  });
}

describe('doctor', () => {
  it('looks for other stacks on AWS, and not on the embedded stack', async ({ onTestFinished }) => {
    // Prepare
    const { gateway, port } = await openQuietStack(onTestFinished);
    const outputs = aStack('Staging', 'staging-ledger', ROUTE.userId).Outputs ?? [];
    const named = outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]);
    gateway.describeStack('Staging', Object.fromEntries(named));
    const env = {
      ...process.env,
      AWS_ENDPOINT_URL: gateway.endpoint,
      AWS_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    };

    // Act
    const local = await startTool(port, ['doctor', '--json']).ended;
    const onAws = await startTool(undefined, ['doctor', '--json'], '', env).ended;
    const arn = `arn:aws:cloudformation:${LOCAL_REGION}:${LOCAL_ACCOUNT_ID}:stack/${DEFAULT_STACK_NAME}/local`;
    const byArn = await startTool(undefined, ['doctor', '--json', '--stack', arn], '', env).ended;

    // Assess
    const found = ({ stdout }: Ran) =>
      JSON.parse(stdout).findings.filter(({ check }: { readonly check: string }) => check === 'Rate limit');
    expect(found(local)).toMatchObject([{ status: 'skipped' }]);
    // Not itself, which has the ARN's name.
    expect(found(byArn)).toEqual(found(onAws));
    expect(JSON.parse(byArn.stdout).stack).toBe(DEFAULT_STACK_NAME);
    expect(found(onAws)).toMatchObject([{ status: 'warn', text: expect.stringContaining('the stack Staging') }]);
  });
});

describe('the rate limit of a user', () => {
  it('is kept where no other stack uploads as the user', async () => {
    const own = aStack(OWN.name, OWN.ledgerTable, ROUTE.userId);
    expect(await check([own, aStack('Staging', 'another-ledger', OTHER_USER)])).toMatchObject([
      { status: 'ok', text: expect.stringContaining('no other stack') },
    ]);
  });

  it('is shared by stacks on one ledger', async () => {
    const stacks = [aStack('Staging', OWN.ledgerTable, ROUTE.userId), aStack('Team', OWN.ledgerTable, ROUTE.userId)];
    expect(await check(stacks)).toMatchObject([
      { status: 'ok', text: 'shared with Staging, Team by the ledger own-ledger' },
    ]);
  });

  it('is kept by each stack in its own interval only, which is worth a word', async () => {
    const slow = aStack('Slow', OWN.ledgerTable, ROUTE.userId);
    const settings = { routes: [{ userId: ROUTE.userId }], intervalSeconds: 60 };
    const quick = described('Quick', {
      [OUTPUTS.ledgerTableName]: OWN.ledgerTable,
      [OUTPUTS.settings]: JSON.stringify(settings),
    });
    expect(await check([slow, quick])).toMatchObject([
      { status: 'ok' },
      { status: 'warn', text: expect.stringContaining('Quick uploads every 60 s, this one every 121 s') },
    ]);
  });

  it('is broken by each stack with another ledger, on whatever page it is listed', async () => {
    const findings = await check(
      [aStack('Staging', 'staging-ledger', OTHER_USER, ROUTE.userId), aStack('Team', OWN.ledgerTable, ROUTE.userId)],
      [aStack('Games', 'games-ledger', ROUTE.userId)],
    );
    expect(findings).toEqual(
      ['Staging', 'Games'].map((name) => ({
        status: 'warn',
        text: expect.stringContaining(`the stack ${name} uploads as user ${ROUTE.userId} too`),
        remedy: expect.stringMatching(new RegExp(`\\n${name} .*-c ledgerTableName=own-ledger$`)),
      })),
    );
  });

  it.each([
    ['has no outputs', { StackName: 'X', StackStatus: 'CREATE_COMPLETE', CreationTime: new Date(0) } as Stack],
    ['has settings that are no JSON', described('X', { Settings: 'blue', LedgerTableName: 'x' })],
    ['has settings of something else', described('X', { Settings: '{"routes":"none"}', LedgerTableName: 'x' })],
    [
      'uploads to another API, such as a rehearsal',
      described('X', {
        Settings: JSON.stringify({ routes: [ROUTE], streampixelBaseUrl: 'https://stand-in.example/pixelStripeApi' }),
        LedgerTableName: 'x',
      }),
    ],
    ['has no ledger', described('X', { Settings: JSON.stringify({ routes: [ROUTE] }) })],
  ])('does not concern a stack that %s', async (_, stack) => {
    expect(await check([stack])).toMatchObject([{ status: 'ok' }]);
  });

  it('is not checked where the profile is not allowed to list stacks, and that is no problem of the stack', async () => {
    const denied = Object.assign(new Error('User is not authorized'), { name: 'AccessDenied' });
    expect(await checkIn(() => Promise.reject(denied))).toEqual([
      { status: 'skipped', text: expect.stringContaining('cloudformation:DescribeStacks') },
    ]);
  });

  it('is not called kept where CloudFormation fails', async () => {
    await expect(checkIn(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });
});
