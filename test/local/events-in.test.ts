import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { s3Event } from '../support/s3-event.ts';

const ROUTE = {
  prefix: 'builds/',
  userId: '5f0000000000000000000001',
  projectId: '5f0000000000000000000002',
  autoRelease: false,
  apiKeyParameter: '/studio/api-key',
};
const SETTINGS = { routes: [ROUTE], prefix: 'builds/', intervalSeconds: 1 };

let stack: EmbeddedStack;
const submissions = () => stack.standIn?.requests.filter(({ method }) => method === 'POST').length;
const resultOf = (build: string, ...names: string[]) =>
  stack.seen((event) => event.build === build && names.includes(event.event));

describe.each([
  ['the stack’s own bucket', {}],
  ['a bucket that exists already', { bucketName: 'studio-builds' }],
])('by EventBridge, from %s', (_, settings) => {
  beforeAll(async () => {
    stack = await startEmbeddedStack({ settings: { ...SETTINGS, ...settings, bucketEvents: 'eventbridge' } });
  });
  afterAll(() => stack.stop());

  it('builds under the prefix are submitted, whatever their keys, and other objects are not', async () => {
    const zip = await makeSampleBuild();
    await stack.drop(zip, 'builds/readme.txt');
    await stack.drop(zip, 'elsewhere/game.zip');
    const { build } = await stack.drop(zip, 'builds/Größe a+b.zip');
    expect(await resultOf(build, 'submitted', 'skipped', 'dead-lettered')).toMatchObject({
      event: 'submitted',
      key: 'builds/Größe a+b.zip',
    });
    expect(stack.events.filter(({ event }) => event === 'dropped')).toHaveLength(1);
    expect(submissions()).toBe(1);
  });
});

describe('a stack that comes back on the bucket and the ledger of a former one', () => {
  beforeAll(async () => {
    stack = await startEmbeddedStack({ settings: SETTINGS });
  });
  afterAll(() => stack.stop());

  it('submits nothing again that S3 announces again', async ({ onTestFinished }) => {
    const zip = await makeSampleBuild();
    const before = await stack.drop(zip, 'builds/1.zip');
    await resultOf(before.build, 'submitted');
    await stack.deploy({ bucketName: stack.bucket, ledgerTableName: stack.environment.ledgerTable });

    const [, versionId = ''] = before.build.split('@');
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const sqs = new SQSClient({ endpoint: stack.endpoint, region: 'us-east-1', credentials });
    onTestFinished(() => sqs.destroy());
    const MessageBody = s3Event({ bucket: stack.bucket, key: before.key, versionId });
    await sqs.send(new SendMessageCommand({ QueueUrl: stack.queues.buildsUrl, MessageBody }));
    expect(await resultOf(before.build, 'skipped')).toMatchObject({ reason: 'Duplicate' });

    const after = await stack.drop(zip, 'builds/2.zip');
    await resultOf(after.build, 'submitted');
    expect(submissions()).toBe(2);
  });
});
