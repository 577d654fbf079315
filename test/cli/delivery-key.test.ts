import { createPublicKey } from 'node:crypto';
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { fingerprintOf, newPrivateKey, privateKeysIn, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import { Secret } from '../../functions/domain/model/secret.ts';
import { OUTPUTS } from '../../infra/outputs/outputs.ts';
import { openQuietStack, type QuietStack } from './quiet-stack.ts';
import { PATIENCE, printed, tool, toolJson } from './tool.ts';

vi.setConfig(PATIENCE);

const PARAMETER = '/drop/delivery-key';
const SETTINGS = { delivery: 's3', deliveryKeyParameter: PARAMETER, fileUrlLifetimeSeconds: 86_400 } as const;
const STATEMENT = '[{"Sid":"the statement"}]';
const [KEY, OTHER] = [newPrivateKey(), newPrivateKey()] as const;

async function stored({ ssm }: QuietStack): Promise<readonly Secret[]> {
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name: PARAMETER, WithDecryption: true }));
  expect(Parameter?.Type).toBe('SecureString');
  return privateKeysIn(new Secret(Parameter?.Value ?? ''));
}
const store = ({ ssm }: QuietStack, Value: string, Type: 'String' | 'SecureString' = 'SecureString') =>
  ssm.send(new PutParameterCommand({ Name: PARAMETER, Value, Type, Overwrite: true }));
const idOf = (key: Secret) => `K${fingerprintOf(publicHalfOf(key))}`;
/** Deploys a distribution that takes these keys. */
function deployDistribution(stack: QuietStack, keys: readonly Secret[], mayRead = true): void {
  const { deployDistribution: deploy, distributionDomain: domain } = stack.gateway;
  const keyIds = Object.fromEntries(keys.map((key) => [fingerprintOf(publicHalfOf(key)), idOf(key)]));
  stack.deploy(
    { ...SETTINGS, delivery: 'cloudfront', deliveryPublicKeys: keys.map(publicHalfOf) },
    { [OUTPUTS.distribution]: JSON.stringify({ domain, keyIds }), [OUTPUTS.deliveryBucketPolicy]: STATEMENT },
  );
  deploy({
    bucket: OUTPUTS.dropBucketName,
    allowedMethods: ['GET'],
    forwardedQuery: ['versionId'],
    publicKeys: new Map(keys.map((key) => [idOf(key), createPublicKey(key.reveal())])),
    mayRead: () => mayRead,
  });
}

describe.concurrent('delivery-key', () => {
  it('create makes a key once, stores the private half, and prints the public one', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    stack.deploy(SETTINGS);
    const first = await toolJson(stack.port, ['delivery-key', 'create']);
    const [key] = await stored(stack);
    const again = await toolJson(stack.port, ['delivery-key', 'create']);

    const deliveryPublicKeys = [publicHalfOf(key ?? KEY)];
    expect(first.data).toEqual({ parameter: PARAMETER, version: 1, isNew: true, deliveryPublicKeys });
    expect(again.data).toEqual({ ...first.data, isNew: false });
    const { stdout, stderr } = await tool(stack.port, ['delivery-key', 'create']);
    // As streampixel-drop.json takes it.
    expect(JSON.parse(`{${stdout}}`)).toEqual({ deliveryPublicKeys });
    expect(stderr).toMatch(/into streampixel-drop\.json, and deploy it: npm start does it/);
  });

  it('create prints the public keys that are deployed too: they may have signed URLs that are in use', async ({
    onTestFinished,
  }) => {
    const stack = await openQuietStack(onTestFinished);
    const deployed = [publicHalfOf(OTHER), publicHalfOf(KEY)];
    stack.deploy({ ...SETTINGS, deliveryPublicKeys: deployed });
    await store(stack, KEY.reveal());
    const { data } = await toolJson(stack.port, ['delivery-key', 'create']);
    expect(data.deliveryPublicKeys.toSorted()).toEqual(deployed.toSorted());
  });

  it.each([
    ['c4nary-text', 'SecureString'],
    [KEY.reveal(), 'String'],
  ] as const)('overwrites nothing that is no key of its own', async (value, type) => {
    const cleanups: (() => unknown)[] = [];
    const stack = await openQuietStack((cleanup) => void cleanups.push(cleanup as () => unknown));
    stack.deploy(SETTINGS);
    await store(stack, value, type);
    for (const command of ['create', 'rotate']) {
      const { code, stderr } = await tool(stack.port, ['delivery-key', command]);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`aws ssm delete-parameter --name ${PARAMETER}`)]);
    }
    for (const cleanup of cleanups) await cleanup();
  });

  it('rotate needs a first key, and changes nothing when it is run again', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    stack.deploy({ ...SETTINGS, deliveryPublicKeys: [publicHalfOf(KEY), publicHalfOf(OTHER)] });
    const { code, stderr } = await tool(stack.port, ['delivery-key', 'rotate']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('delivery-key create')]);
    const nothing = await toolJson(stack.port, ['delivery-key', 'rotate', '--finish', '--yes']);
    expect(nothing.data).toEqual({ dropped: false });

    await store(stack, KEY.reveal());
    const first = await toolJson(stack.port, ['delivery-key', 'rotate']);
    const [next, current] = await stored(stack);
    expect(current?.reveal().trim()).toBe(KEY.reveal().trim());
    // Public keys that are deployed stay: they may have signed URLs that are in use.
    expect(first.data).toMatchObject({
      isNew: true,
      deliveryPublicKeys: [publicHalfOf(next ?? KEY), publicHalfOf(KEY), publicHalfOf(OTHER)],
    });
    const again = await toolJson(stack.port, ['delivery-key', 'rotate']);
    expect(again.data).toMatchObject({ isNew: false, deliveryPublicKeys: first.data.deliveryPublicKeys });
  });

  it('rotate --finish without --yes deletes nothing', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await store(stack, OTHER.reveal() + KEY.reveal());
    deployDistribution(stack, [OTHER, KEY]);
    const { data, stderr } = await toolJson(stack.port, ['delivery-key', 'rotate', '--finish']);
    expect([data.dryRun, stderr]).toEqual([true, expect.stringContaining('Nothing was changed')]);
    expect(await stored(stack)).toHaveLength(2);
  });

  it('says to deploy a stack that does not know CloudFront', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const { code, stderr } = await tool(stack.port, ['delivery-key', 'create']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('Deploy it again')]);
  });
});

describe.concurrent('the doctor’s line on the delivery', () => {
  async function findings(stack: QuietStack) {
    const { data } = await toolJson(stack.port, ['doctor']);
    return data.findings.filter(({ check }: { check: string }) => check === 'Delivery');
  }

  it('is good with presigned URLs', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    stack.deploy(SETTINGS);
    expect(await findings(stack)).toEqual([
      { check: 'Delivery', status: 'ok', text: 'presigned URLs of the bucket, signed for 1 d' },
    ]);
  });

  it.each<[string, readonly Secret[], readonly Secret[], boolean, object]>([
    [
      'is good where CloudFront reaches the bucket',
      [KEY],
      [KEY],
      true,
      { status: 'ok', text: expect.stringContaining('CloudFront reaches') },
    ],
    [
      'says what an existing bucket lacks',
      [KEY],
      [KEY],
      false,
      { status: 'fail', remedy: expect.stringContaining(STATEMENT) },
    ],
    [
      'says to deploy a key that is stored',
      [KEY],
      [OTHER],
      true,
      { status: 'fail', remedy: expect.stringContaining('delivery-key create') },
    ],
    [
      'says to make a key',
      [],
      [OTHER],
      true,
      { status: 'fail', remedy: expect.stringContaining('delivery-key create') },
    ],
  ])('%s', async (_, keys, deployed, mayRead, finding) => {
    const cleanups: (() => unknown)[] = [];
    const stack = await openQuietStack((cleanup) => void cleanups.push(cleanup as () => unknown));
    if (keys.length > 0) await store(stack, keys.map((key) => key.reveal()).join(''));
    stack.gateway.createBucket({ name: OUTPUTS.dropBucketName, notifications: [], eventPatterns: [] });
    deployDistribution(stack, deployed, mayRead);
    expect(await findings(stack)).toEqual([expect.objectContaining(finding)]);
    for (const cleanup of cleanups) await cleanup();
  });
});

afterAll(() => {
  const out = printed.join('\n');
  expect(out).not.toMatch(/PRIVATE KEY|c4nary|Signature=/);
  for (const line of KEY.reveal().split('\n').slice(1, 3)) expect(out).not.toContain(line);
});
