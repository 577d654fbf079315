import { spawn } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { type Gateway, startGateway } from '../../local/aws/gateway.ts';
import { type StandIn, startStandIn } from '../../local/streampixel/streampixel-stand-in.ts';
import { PATIENCE } from './tool.ts';

vi.setConfig(PATIENCE);

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const KEY = 'c4nary-right-key';
const PARAMETER = '/studio/api-key';
const [userId, projectId] = ['5'.repeat(24), '6'.repeat(24)];

/** A clone of the project with settings of its own, and an account without a stack. */
let clone = '';
let gateway: Gateway;
let standIn: StandIn;
beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'streampixel-drop-clone-'));
  for (const folder of ['cli', 'functions', 'infra', 'local', 'package.json']) {
    await cp(join(ROOT, folder), join(clone, folder), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  gateway = await startGateway({
    port: 0,
    region: LOCAL_REGION,
    objectsDirectory: clone,
    credentials: [LOCAL_CREDENTIALS],
    onObjectCreated() {},
    onPublished() {},
    onBusEvent() {},
  });
  standIn = await startStandIn({
    users: () => [{ userId, projectIds: [projectId] }],
    windowMs: () => 1_000,
    apiKey: KEY,
    onEvent() {},
  });
});
afterAll(async () => {
  await Promise.all([gateway.close(), standIn.stop()]);
  await rm(clone, { recursive: true });
});

async function setKey(key: string, settings: object, ...flags: string[]) {
  const route = { prefix: '', userId, projectId, autoRelease: false, apiKeyParameter: PARAMETER };
  const all = { routes: [route], streampixelBaseUrl: standIn.baseUrl, ...settings };
  await writeFile(join(clone, 'streampixel-drop.json'), JSON.stringify(all));
  const child = spawn(process.execPath, [join(clone, 'cli/main.ts'), 'key', 'set', '--json', ...flags], {
    cwd: clone,
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: gateway.endpoint,
      AWS_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    },
  });
  child.stdin.end(key);
  const [code, stdout, stderr] = await Promise.all([
    new Promise((resolve) => child.on('exit', resolve)),
    text(child.stdout),
    text(child.stderr),
  ]);
  expect(stdout + stderr).not.toContain('c4nary');
  return { code, data: JSON.parse(stdout), stderr };
}

describe('key set before the first deployment', () => {
  it('stores the key that the routes of the file name, once Streampixel accepts it', async () => {
    const refused = await setKey('c4nary-wrong-key', {});
    const { code, data, stderr } = await setKey(KEY, {});
    const ssm = new SSMClient({ endpoint: gateway.endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: PARAMETER, WithDecryption: true }));
    ssm.destroy();
    expect(refused).toMatchObject({ code: 1, data: { error: { code: 'InvalidApiKey' } } });
    expect({ code, data }).toMatchObject({ code: 0, data: { parameter: PARAMETER, version: 1 } });
    expect(Parameter).toMatchObject({ Type: 'SecureString', Value: KEY });
    expect(stderr).toContain('There is no stack yet. Deploy it: npx cdk deploy');
  });

  it.each([
    ['settings that are wrong', { routes: [{ prefix: '', userId: '000000000000000000000001' }] }, [], 'Settings'],
    ['a stack that is named', {}, ['--stack', 'Prod'], 'NoStack'],
  ])('stores nothing for %s', async (_, settings, flags, reason) => {
    const { code, data } = await setKey(KEY, settings, ...flags);
    expect({ code, data }).toMatchObject({ code: 1, data: { error: { code: reason } } });
  });

  it('stores nothing while the file has the ids of the sample', async () => {
    const sample = { userId: '000000000000000000000001', projectId: '000000000000000000000002' };
    const route = { prefix: '', autoRelease: false, apiKeyParameter: PARAMETER, ...sample };
    const { code, data } = await setKey(KEY, { routes: [route] });
    expect({ code, data }).toMatchObject({ code: 1, data: { error: { code: 'SampleSettings' } } });
  });
});
