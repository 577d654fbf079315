import { CopyObjectCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { type DroppedBuild, type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import type { LocalEvent } from '../../local/start/events.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import type { StandIn } from '../../local/streampixel/streampixel-stand-in.ts';
import { s3Event } from '../support/s3-event.ts';
import { eventually } from './eventually.ts';

// What other tools do beside the stack: they rewrite, move, copy and wrap. Each kind comes from a public bug report.
const ROUTES = ['rewrite', 'placeholder', 'moved', 'wrapped', 'dots'].map((name, index) => ({
  prefix: `${name}/`,
  userId: `${index + 1}`.padStart(24, '0'),
  projectId: `${index + 1}`.padStart(24, 'a'),
  autoRelease: true,
  apiKeyParameter: `/drop/${name}`,
}));

let stack: EmbeddedStack;
let standIn: StandIn;
let s3: S3Client;
let sqs: SQSClient;

beforeAll(async () => {
  stack = await startEmbeddedStack({ settings: { routes: ROUTES, intervalSeconds: 2 }, apiKey: 'key' });
  if (stack.standIn === undefined) throw new Error('no stand-in');
  standIn = stack.standIn;
  const client = { endpoint: stack.endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS };
  s3 = new S3Client({ ...client, forcePathStyle: true });
  sqs = new SQSClient(client);
});
afterAll(async () => {
  s3.destroy();
  sqs.destroy();
  await stack.stop();
});

const of = ({ key }: Pick<DroppedBuild, 'key'>, test: (event: LocalEvent) => boolean) =>
  stack.seen((event) => event.key === key && test(event));
const submissionsOf = (name: string) => standIn.requests.filter(({ body }) => body.includes(`/${name}/`)).length;

describe('a key whose bytes are written again', () => {
  it.each<[string, (bucket: string, key: string, zip: Buffer) => Promise<unknown>]>([
    [
      'by an edit of its metadata',
      (bucket, key) =>
        s3.send(
          new CopyObjectCommand({
            Bucket: bucket,
            Key: key,
            CopySource: `${bucket}/${encodeURIComponent(key)}`,
            MetadataDirective: 'REPLACE',
            Metadata: { edited: 'yes' },
          }),
        ),
    ],
    ['by an upload', (bucket, key, zip) => s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: zip }))],
  ])('is skipped as unchanged, and the newer build stays live: %s', async (how, rewrite) => {
    const zip = await makeSampleBuild();
    const old = await stack.drop(zip, `rewrite/${how}/Game-1.0.zip`);
    await of(old, ({ event }) => event === 'live');
    const newer = await stack.drop(await makeSampleBuild(), `rewrite/${how}/Game-2.0.zip`);
    const { uploadId } = await of(newer, ({ event }) => event === 'live');

    await rewrite(old.bucket, old.key, zip);

    expect(await of(old, ({ event }) => event === 'skipped')).toMatchObject({ reason: 'Unchanged' });
    expect(standIn.live(ROUTES[0]?.projectId ?? '')).toBe(uploadId);
  });
});

describe('a placeholder', () => {
  it('is not reported where the build takes its place', async () => {
    const key = 'placeholder/game.zip';
    const zip = await makeSampleBuild();
    const empty = await stack.drop(Buffer.alloc(0), key);
    const build = await stack.drop(zip, key);
    await stack.seen((event) => event.build === build.build && event.event === 'submitted');
    const end = await stack.seen(
      (event) => event.build === empty.build && (event.event === 'skipped' || event.event === 'dead-lettered'),
    );
    expect(end).toMatchObject({ event: 'skipped', reason: 'Superseded' });
  });
});

describe('a dead letter', () => {
  it('is tried again where a tool moves it by its body alone', async () => {
    standIn.script({ kind: 'answer', status: 403, body: { message: 'Forbidden' } });
    const build = await stack.drop(await makeSampleBuild(), 'moved/game.zip');
    await of(build, ({ event }) => event === 'dead-lettered');
    const message = await eventually(async () => {
      const command = new ReceiveMessageCommand({ QueueUrl: stack.queues.deadLettersUrl, VisibilityTimeout: 60 });
      const { Messages = [] } = await sqs.send(command);
      const found = Messages.find(({ Body = '' }) => Body.includes('moved'));
      if (found === undefined) throw new Error('not there yet');
      return found;
    });
    const { Body = '', ReceiptHandle } = message;
    await sqs.send(new SendMessageCommand({ QueueUrl: stack.queues.buildsUrl, MessageBody: Body }));
    await sqs.send(new DeleteMessageCommand({ QueueUrl: stack.queues.deadLettersUrl, ReceiptHandle }));

    const end = await stack.seen(
      (event) => event.build === build.build && (event.event === 'submitted' || event.event === 'skipped'),
    );
    expect(end).toMatchObject({ event: 'submitted' });
  });
});

describe('a notification that SNS has wrapped', () => {
  it('is read as if it had come alone', async () => {
    const build = await stack.drop(await makeSampleBuild(), 'wrapped/game.zip');
    await of(build, ({ event }) => event === 'submitted');
    // Of the same version: what is read of the wrapped notification is a duplicate.
    const versionId = build.build.split('@').at(-1) ?? '';
    const Message = s3Event({ bucket: build.bucket, key: build.key, versionId });
    const MessageBody = JSON.stringify({ Type: 'Notification', MessageId: 'm', TopicArn: 'arn', Message });
    await sqs.send(new SendMessageCommand({ QueueUrl: stack.queues.buildsUrl, MessageBody }));
    expect(await of(build, ({ event }) => event === 'skipped')).toMatchObject({ reason: 'Duplicate' });
  });
});

describe('a key that no URL can carry', () => {
  it('is named as one', async () => {
    const { bucket } = await stack.drop(await makeSampleBuild(), 'dots/game.zip');
    const record = {
      eventSource: 'aws:s3',
      eventName: 'ObjectCreated:Put',
      awsRegion: LOCAL_REGION,
      eventTime: new Date().toISOString(),
      s3: { bucket: { name: bucket }, object: { key: 'dots/../b.zip', size: 1, versionId: 'v' } },
    };
    const MessageBody = JSON.stringify({ Records: [record] });
    await sqs.send(new SendMessageCommand({ QueueUrl: stack.queues.buildsUrl, MessageBody }));
    const end = await stack.seen(({ event, key }) => event === 'dead-lettered' && key === 'dots/../b.zip');
    expect(end).toMatchObject({ reason: 'UnusableKey' });
    expect(submissionsOf('dots')).toBeLessThanOrEqual(1);
  });
});

describe('an object that is deleted', () => {
  it('while its build waits is missing, and said to be', async () => {
    const first = await stack.drop(await makeSampleBuild(), 'dots/first.zip');
    const build = await stack.drop(await makeSampleBuild(), 'dots/second.zip');
    await s3.send(new DeleteObjectCommand({ Bucket: build.bucket, Key: build.key }));
    await of(first, ({ event }) => event === 'submitted');
    const end = await of(build, ({ event }) => event === 'submitted' || event === 'dead-lettered');
    // Before its slot the version is still there, behind a delete marker: the key is what counts.
    if (end.event === 'dead-lettered') expect(end).toMatchObject({ reason: 'BuildMissing' });
  });
});
