import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, type TestContext, vi } from 'vitest';
import { deployedSettings } from '../../infra/outputs/outputs.ts';
import { readSettings } from '../../infra/settings/read.ts';
import { SAMPLE_ROUTES } from '../../infra/settings/sample.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { openQuietStack } from './quiet-stack.ts';
import { PATIENCE, startTool } from './tool.ts';

vi.setConfig(PATIENCE);

const FILE = 'streampixel-drop.json';
const routes = [{ ...SAMPLE_ROUTES[0], userId: '5'.repeat(24), projectId: '6'.repeat(24) }];

/** The tool in a directory with these files, and an account with the stack StreampixelDrop in it. */
async function open(onTestFinished: TestContext['onTestFinished'], files: Readonly<Record<string, string | object>>) {
  const [stack, directory] = [
    await openQuietStack(onTestFinished),
    await mkdtemp(join(tmpdir(), 'streampixel-drop-here-')),
  ];
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: stack.gateway.endpoint,
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    NO_COLOR: '1',
  };
  /** @returns what it prints as JSON */
  async function run(...args: readonly string[]) {
    const { stdout } = await startTool(undefined, [...args, '--json'], '', env, directory).ended;
    return JSON.parse(stdout);
  }
  return { run, stack };
}

const noStack = (name: string) => ({
  error: { code: 'NoStack', message: expect.stringContaining(`no stack ${name} in`) },
});

it('acts on the stack that the file in the directory names, or another file, or --stack', async ({
  onTestFinished,
}) => {
  const { run } = await open(onTestFinished, {
    [FILE]: { stackName: 'Prod' },
    'staging.json': { stackName: 'Staging' },
  });
  expect(await run('live')).toMatchObject(noStack('Prod'));
  expect(await run('live', '--settings', 'staging.json')).toMatchObject(noStack('Staging'));
  expect(await run('live', '--stack', 'StreampixelDrop')).not.toHaveProperty('error');
});

it('acts on the usual stack where there is no file, or no name in it', async ({ onTestFinished }) => {
  expect(await (await open(onTestFinished, {})).run('live')).not.toHaveProperty('error');
  expect(await (await open(onTestFinished, { [FILE]: { routes: 'broken' } })).run('live')).not.toHaveProperty('error');
});

it.for([
  ['that is no JSON', '{ "stackName": "Prod", }', 'line 1, column 22'],
  ['with a name that no stack can have', '{ "stackName": "my_stack" }', 'stackName: must start with a letter'],
] as const)(
  'says what is wrong with a file %s, where a command needs it',
  async ([, text, message], { onTestFinished }) => {
    const { run } = await open(onTestFinished, { [FILE]: text });
    expect(await run('live')).toMatchObject({
      error: { code: 'Settings', message: expect.stringContaining(`streampixel-drop.json: ${message}`) },
    });
    expect(await run('live', '--stack', 'StreampixelDrop')).not.toHaveProperty('error');
  },
);

it('acts on no other stack than before the upgrade', async ({ onTestFinished }) => {
  const { run } = await open(onTestFinished, { 'cdk.json': { context: { routes, stackName: 'Prod' } } });
  expect(await run('live')).toMatchObject({
    error: { code: 'Settings', remedy: expect.stringContaining('npx --no streampixel-drop init') },
  });
});

it('has doctor compare the settings with those of their own stack only', async ({ onTestFinished }) => {
  const { run, stack } = await open(onTestFinished, {
    [FILE]: { routes },
    'changed.json': { routes, intervalSeconds: 200 },
    'other.json': { routes, intervalSeconds: 200, stackName: 'Other' },
    'wrong.json': { routes, intervalSeconds: 0, prefix: 5 },
  });
  stack.deploy(deployedSettings(readSettings({ routes })));
  const settings = async (...flags: readonly string[]) => {
    const { findings } = await run('doctor', ...flags);
    return (findings as { check: string; status: string; text: string }[]).filter(({ check }) => check === 'Settings');
  };
  expect(await settings()).toMatchObject([{ status: 'ok' }]);
  expect(await settings('--settings', 'changed.json')).toMatchObject([
    { status: 'warn', text: 'changed.json differs from what is deployed' },
  ]);
  expect(await settings('--settings', 'other.json', '--stack', 'StreampixelDrop')).toMatchObject([{ status: 'ok' }]);
  expect(await settings('--settings', 'wrong.json')).toMatchObject([
    { status: 'fail', text: expect.stringMatching(/^wrong\.json: prefix: /) },
    { status: 'fail', text: expect.stringMatching(/^wrong\.json: intervalSeconds: /) },
  ]);
});
