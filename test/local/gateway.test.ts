import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseNotification } from '../../functions/domain/model/s3-notification.ts';
import type { BusEvent } from '../../local/aws/event-bus.ts';
import { type Gateway, startGateway } from '../../local/aws/gateway.ts';
import { type HttpApiSpec, httpApiPath } from '../../local/aws/http-api.ts';
import type { FunctionSpec } from '../../local/aws/lambda-process.ts';
import type { Published } from '../../local/aws/query-services.ts';
import type { CreatedObject } from '../../local/aws/s3-notifications.ts';

const REGION = 'us-east-1';
const KNOWN = { accessKeyId: 'ASIAKNOWN', secretAccessKey: 'secret', sessionToken: 'token/with+signs==' };
const MB = 1024 * 1024;

const client = () => ({ endpoint: gateway.endpoint, region: REGION, credentials: KNOWN });

let gateway: Gateway;
let s3: S3Client;
let sqs: SQSClient;
const directory = mkdtempSync(join(tmpdir(), 'gateway-'));
const created: { created: CreatedObject; notified: boolean }[] = [];
const published: Published[] = [];
const busEvents: BusEvent[] = [];

beforeAll(async () => {
  gateway = await startGateway({
    port: 0,
    region: REGION,
    objectsDirectory: directory,
    credentials: [KNOWN],
    onObjectCreated: (object, notified) => void created.push({ created: object, notified }),
    onPublished: (message) => void published.push(message),
    onBusEvent: (event) => void busEvents.push(event),
  });
  s3 = new S3Client(client());
  sqs = new SQSClient(client());
  await sqs.send(new CreateQueueCommand({ QueueName: 'builds' }));
  const queueArn = `arn:aws:sqs:${REGION}:000000000000:builds`;
  gateway.createBucket({
    name: 'drop',
    notifications: [{ queueArn, prefix: 'in/', suffix: '.zip' }],
    eventPatterns: [],
  });
  gateway.createBucket({ name: 'plain', notifications: [], eventPatterns: [] });
});
afterAll(async () => {
  s3.destroy();
  sqs.destroy();
  await gateway.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  created.length = 0;
});

async function put(key: string, body: Uint8Array | string, bucket = 'plain'): Promise<string | undefined> {
  return (await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))).VersionId;
}
async function read(key: string, range?: string, bucket = 'plain', versionId?: string): Promise<Buffer> {
  const { Body } = await s3.send(
    new GetObjectCommand({ Bucket: bucket, Key: key, Range: range, VersionId: versionId }),
  );
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}
/** A request as it goes over the wire: `fetch` would tidy up the path. */
function request(url: string, method = 'GET', headers: http.OutgoingHttpHeaders = {}): Promise<[number, string]> {
  const path = url.slice(gateway.endpoint.length);
  return new Promise((resolve, reject) => {
    http
      .request(gateway.endpoint, { method, headers, path }, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve([response.statusCode ?? 0, body]));
      })
      .on('error', reject)
      .end();
  });
}
const code = ([status, body]: [number, string]) => [status, /<Code>(\w+)/.exec(body)?.[1]];

describe('objects', () => {
  it('come back as they were put, whole and in ranges', async () => {
    const bytes = randomBytes(3 * MB);
    await put('whole', bytes);
    expect((await read('whole')).equals(bytes)).toBe(true);
    expect(await read('whole', 'bytes=10-13')).toEqual(bytes.subarray(10, 14));
    expect(await read('whole', `bytes=${3 * MB - 2}-`)).toEqual(bytes.subarray(-2));
    expect(await read('whole', 'bytes=-3')).toEqual(bytes.subarray(-3));
  });

  it('arrive whole in signed or checksummed chunks of any size', async () => {
    const bytes = randomBytes(MB);
    const Body = Readable.from([bytes.subarray(0, 1), bytes.subarray(1, 70_000), bytes.subarray(70_000)]);
    await s3.send(new PutObjectCommand({ Bucket: 'plain', Key: 'chunked', Body, ContentLength: bytes.length }));
    expect((await read('chunked')).equals(bytes)).toBe(true);
  });

  it('are made of parts that may be read across', async () => {
    const bytes = randomBytes(11 * MB);
    const params = { Bucket: 'plain', Key: 'parts', Body: bytes };
    const { ETag } = await new Upload({ client: s3, partSize: 5 * MB, params }).done();
    const md5 = (part: Uint8Array) => createHash('md5').update(part).digest();
    const digests = [0, 5, 10].map((start) => md5(bytes.subarray(start * MB, (start + 5) * MB)));
    expect(ETag).toBe(`"${md5(Buffer.concat(digests)).toString('hex')}-3"`);
    expect((await read('parts')).equals(bytes)).toBe(true);
    expect(await read('parts', `bytes=${5 * MB - 2}-${5 * MB + 1}`)).toEqual(bytes.subarray(5 * MB - 2, 5 * MB + 2));
    expect(created.map((entry) => entry.created.operation)).toEqual(['CompleteMultipartUpload']);
  });

  it('are refused in parts that do not fit together', async () => {
    const target = { Bucket: 'plain', Key: 'misfit' };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(target));
    const parts = await Promise.all(
      [1, 2].map(async (PartNumber) => {
        const { ETag } = await s3.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body: 'small' }));
        return { PartNumber, ETag };
      }),
    );
    const complete = (Parts: object[], id = UploadId) =>
      s3.send(new CompleteMultipartUploadCommand({ ...target, UploadId: id, MultipartUpload: { Parts } }));
    await expect(complete([...parts].reverse())).rejects.toThrow('ascending order');
    await expect(complete([{ PartNumber: 1, ETag: '"0"' }])).rejects.toThrow('could not be found');
    await expect(complete(parts, 'unknown')).rejects.toThrow('does not exist');
    expect(created).toEqual([]);
  });

  it('are listed by their parts while they arrive, page by page', async () => {
    const target = { Bucket: 'plain', Key: 'unfinished <1> & 2.zip' };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(target));
    const bodies = new Map([
      [3, 'three'],
      [1, 'first try'],
      [2, 'two'],
    ]);
    const upload = (PartNumber: number, Body: string) =>
      s3.send(new UploadPartCommand({ ...target, UploadId, PartNumber, Body }));
    for (const [number, body] of bodies) await upload(number, body);
    await upload(1, 'one');
    const list = (PartNumberMarker?: string) =>
      s3.send(new ListPartsCommand({ ...target, UploadId, MaxParts: 2, PartNumberMarker }));
    const pages = [await list(), await list('2'), await list('3')];
    // As S3 does it, the last page has a marker, too, and an empty one has 0: only IsTruncated says where the list ends.
    expect(pages).toMatchObject([
      { IsTruncated: true, NextPartNumberMarker: '2' },
      { IsTruncated: false, NextPartNumberMarker: '3' },
      { IsTruncated: false, NextPartNumberMarker: '0' },
    ]);
    const parts = pages.flatMap(({ Parts = [] }) => Parts);
    const eTagOf = (body: string) => `"${createHash('md5').update(body).digest('hex')}"`;
    expect(parts).toMatchObject([
      { PartNumber: 1, Size: 3, ETag: eTagOf('one') },
      { PartNumber: 2, Size: 3, ETag: eTagOf('two') },
      { PartNumber: 3, Size: 5, ETag: eTagOf('three') },
    ]);
    const elsewhere = s3.send(new ListPartsCommand({ ...target, Key: 'another', UploadId }));
    await expect(elsewhere).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });

  it('are listed as uploads until they are complete or aborted', async () => {
    const begin = async (Key: string) =>
      (await s3.send(new CreateMultipartUploadCommand({ Bucket: 'drop', Key }))).UploadId;
    const begun = [await begin('b/1.zip'), await begin('b/2.zip'), await begin('a/1.zip')];
    const list = async () => (await s3.send(new ListMultipartUploadsCommand({ Bucket: 'drop', Prefix: 'b/' }))).Uploads;
    expect(await list()).toMatchObject([
      { Key: 'b/1.zip', UploadId: begun[0], Initiated: expect.any(Date) },
      { Key: 'b/2.zip', UploadId: begun[1] },
    ]);
    await s3.send(new AbortMultipartUploadCommand({ Bucket: 'drop', Key: 'b/1.zip', UploadId: begun[0] }));
    expect(await list()).toMatchObject([{ UploadId: begun[1] }]);
  });

  it('keep their versions', async () => {
    const first = await put('v.zip', 'first', 'drop');
    const second = await put('v.zip', 'second', 'drop');
    expect((await read('v.zip', undefined, 'drop', first)).toString()).toBe('first');
    expect((await read('v.zip', undefined, 'drop')).toString()).toBe('second');
    const head = await s3.send(new HeadObjectCommand({ Bucket: 'drop', Key: 'v.zip' }));
    expect(head).toMatchObject({ VersionId: second, ContentLength: 6 });
    expect((await s3.send(new ListObjectsV2Command({ Bucket: 'drop', Prefix: 'v.zip' }))).Contents).toHaveLength(1);
    await expect(read('v.zip', undefined, 'drop', 'f00')).rejects.toMatchObject({ name: 'NoSuchVersion' });
  });

  it('show up in listings in the order of their keys, page by page', async () => {
    for (const Key of ['list/b.zip', 'list/a/1.zip', 'list/a/2.zip']) await put(Key, 'four');
    const list = async (options: object) =>
      s3.send(new ListObjectsV2Command({ Bucket: 'plain', Prefix: 'list/', ...options }));
    expect((await list({})).Contents).toMatchObject([
      { Key: 'list/a/1.zip', Size: 4 },
      { Key: 'list/a/2.zip' },
      { Key: 'list/b.zip' },
    ]);
    expect((await list({ ContinuationToken: 'list/a/2.zip' })).Contents).toMatchObject([{ Key: 'list/b.zip' }]);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a key that is not there', () => read('nothing'), 'NoSuchKey'],
    ['a bucket that is not there', () => put('key', 'x', 'nowhere'), 'NoSuchBucket'],
    ['a range past the end', async () => [await put('few', 'abc'), await read('few', 'bytes=3-4')], 'InvalidRange'],
    [
      'a body that is not what its CRC-32 says',
      () => s3.send(new PutObjectCommand({ Bucket: 'plain', Key: 'k', Body: 'x', ChecksumCRC32: 'AAAAAA==' })),
      'BadDigest',
    ],
    [
      'an operation that is not emulated',
      () => s3.send(new GetObjectAclCommand({ Bucket: 'plain', Key: 'k' })),
      'NotImplemented',
    ],
  ])("are refused with S3's own error for %s", async (_, act, name) => {
    await expect(act()).rejects.toMatchObject({ name });
  });
});

describe('tags of an object', () => {
  type Tags = Record<string, string>;
  const tag = (target: object, tags: Tags) =>
    s3.send(
      new PutObjectTaggingCommand({
        Bucket: 'drop',
        Key: 'tagged.zip',
        Tagging: { TagSet: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) },
        ...target,
      }),
    );
  async function tagsOf(target: object = {}): Promise<Tags> {
    const { TagSet = [] } = await s3.send(
      new GetObjectTaggingCommand({ Bucket: 'drop', Key: 'tagged.zip', ...target }),
    );
    return Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
  }
  let first: string | undefined;
  let second: string | undefined;
  beforeEach(async () => {
    first = await put('tagged.zip', 'first', 'drop');
    second = await put('tagged.zip', 'second', 'drop');
  });

  it('are none at first', async () => {
    expect(await tagsOf()).toEqual({});
  });

  it('come back as they were put, whatever is in them', async () => {
    const tags = { state: 'approved', 'a <b> & "c" \'d\'': '&lt;ä🎮&#65;', empty: '' };
    expect(await tag({}, tags)).toMatchObject({ VersionId: second });
    expect(await tagsOf()).toEqual(tags);
  });

  it('replace those before', async () => {
    await tag({}, { a: '1', b: '2' });
    await tag({}, { b: '3' });
    expect(await tagsOf()).toEqual({ b: '3' });
    await tag({}, {});
    expect(await tagsOf()).toEqual({});
  });

  it('belong to one version', async () => {
    await tag({ VersionId: first }, { state: 'rejected' });
    await tag({ VersionId: second }, { state: 'approved' });
    expect(await tagsOf({ VersionId: first })).toEqual({ state: 'rejected' });
    expect(await tagsOf()).toEqual({ state: 'approved' });
    await put('tagged.zip', 'third', 'drop');
    expect(await tagsOf()).toEqual({});
    expect(await tagsOf({ VersionId: second })).toEqual({ state: 'approved' });
  });

  it('are no new object', async () => {
    created.length = 0;
    await tag({}, { a: '1' });
    expect(created).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['an object that is not there', { Key: 'nothing' }, 'NoSuchKey'],
    ['a version that is not there', { VersionId: 'f00' }, 'NoSuchVersion'],
    ['a bucket that is not there', { Bucket: 'nowhere' }, 'NoSuchBucket'],
  ])('are refused for %s', async (_, target, name) => {
    await expect(tag(target, { k: 'v' })).rejects.toMatchObject({ name });
    await expect(tagsOf(target)).rejects.toMatchObject({ name });
  });
});

describe('presigned URLs', () => {
  const KEY = "in/a b+u(1)'!*~ü%🎮.zip";
  const signed = (options: { expiresIn?: number; signingDate?: Date } = {}) =>
    getSignedUrl(s3, new GetObjectCommand({ Bucket: 'plain', Key: KEY }), options);

  beforeAll(async () => void (await put(KEY, 'the build')));

  it('give access to the object, whatever its key', async () => {
    expect(await request(await signed())).toEqual([200, 'the build']);
  });

  it('are good for a range', async () => {
    expect(await request(await signed(), 'GET', { range: 'bytes=0-2' })).toEqual([206, 'the']);
  });

  it.each<[string, (url: string) => [string, string?], number, string | undefined]>([
    ['another key', (url) => [url.replace('/in/', '/other/')], 403, 'SignatureDoesNotMatch'],
    ['another lifetime', (url) => [url.replace('Expires=900', 'Expires=901')], 403, 'SignatureDoesNotMatch'],
    ['one more parameter', (url) => [`${url}&versionId=1`], 403, 'SignatureDoesNotMatch'],
    ['another method', (url) => [url, 'HEAD'], 403, undefined],
    ['another key id', (url) => [url.replace('ASIAKNOWN', 'ASIAOTHER')], 403, 'InvalidAccessKeyId'],
    ['another session token', (url) => [url.replace('token', 'taken')], 403, 'SignatureDoesNotMatch'],
    ['no signature', (url) => [url.split('?')[0] ?? ''], 403, 'AccessDenied'],
  ])('are refused with %s', async (_, change, status, error) => {
    const [url, method] = change(await signed({ expiresIn: 900 }));
    expect(code(await request(url, method))).toEqual([status, error]);
  });

  it('are refused once they have expired', async () => {
    const url = await signed({ expiresIn: 60, signingDate: new Date(Date.now() - 61_000) });
    expect(await request(url)).toEqual([403, expect.stringContaining('Request has expired')]);
  });
});

describe('notifications', () => {
  async function receive(): Promise<string[]> {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'builds' }));
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 43_200 }),
    );
    return Messages.map(({ Body = '' }) => Body);
  }

  it("start with S3's test event", async () => {
    const [test] = await receive();
    expect(JSON.parse(test ?? '')).toMatchObject({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'drop' });
  });

  it('have the key form-encoded, in the shape that the worker reads', async () => {
    await receive();
    const key = "in/a b+c %25 (1)'ü🎮.zip";
    const versionId = await put(key, 'zip', 'drop');
    const [body = ''] = await receive();
    const { s3: announced, ...record } = JSON.parse(body).Records[0];
    expect(record).toMatchObject({
      eventSource: 'aws:s3',
      eventName: 'ObjectCreated:Put',
      awsRegion: REGION,
      eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    expect(announced.object.key).toBe('in/a+b%2Bc+%2525+%281%29%27%C3%BC%F0%9F%8E%AE.zip');
    expect(parseNotification(body)).toMatchObject({
      records: [
        { kind: 'build', build: { bucket: 'drop', key, versionId, size: 3, eTag: 'adcdbd79a8d84175c229b192aadc02f2' } },
      ],
    });
  });

  it('have sequencers that rise', async () => {
    await receive();
    for (const key of ['in/1.zip', 'in/2.zip', 'in/3.zip']) await put(key, 'zip', 'drop');
    const sequencers = (await receive()).map((body) => JSON.parse(body).Records[0].s3.object.sequencer);
    expect(sequencers).toHaveLength(3);
    expect(sequencers.every((sequencer) => /^[0-9A-F]{18}$/.test(sequencer))).toBe(true);
    expect([...sequencers].sort()).toEqual(sequencers);
  });

  it('are not sent for keys that the filter leaves out', async () => {
    await receive();
    for (const key of ['in/readme.txt', 'in/GAME.ZIP', 'elsewhere/game.zip']) await put(key, 'x', 'drop');
    expect(await receive()).toEqual([]);
    expect(created.map(({ notified }) => notified)).toEqual([false, false, false]);
  });
});

describe('the one port', () => {
  it('reports what is published to a topic that exists', async () => {
    const sns = new SNSClient(client());
    const TopicArn = `arn:aws:sns:${REGION}:000000000000:alerts`;
    const publish = () => sns.send(new PublishCommand({ TopicArn, Subject: 'A build failed', Message: 'Fix <it>.' }));
    await expect(publish()).rejects.toMatchObject({ name: 'NotFoundException' });
    gateway.createTopic(TopicArn);
    expect(await publish()).toMatchObject({ MessageId: expect.any(String) });
    expect(published).toEqual([{ topicArn: TopicArn, subject: 'A build failed', message: 'Fix <it>.' }]);
    sns.destroy();
  });

  it('puts what is published into the queues of the topic', async () => {
    const [sns, sqs] = [new SNSClient(client()), new SQSClient(client())];
    const TopicArn = `arn:aws:sns:${REGION}:000000000000:alerts-for-queues`;
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'alerts' }));
    gateway.createTopic(TopicArn, [`arn:aws:sqs:${REGION}:000000000000:alerts`]);
    await sns.send(new PublishCommand({ TopicArn, Subject: 'A build failed', Message: 'Fix <it>.' }));
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    expect(Messages.map(({ Body = '' }) => JSON.parse(Body))).toEqual([
      { Type: 'Notification', TopicArn, Subject: 'A build failed', Message: 'Fix <it>.' },
    ]);
    for (const each of [sns, sqs]) each.destroy();
  });

  it('describes each stack by its outputs', async () => {
    const cloudFormation = new CloudFormationClient(client());
    const describeStack = (StackName: string) => cloudFormation.send(new DescribeStacksCommand({ StackName }));
    await expect(describeStack('Drop')).rejects.toThrow('Stack with id Drop does not exist');
    gateway.describeStack('Drop', { Url: 'http://127.0.0.1/?a&b', Settings: '{"routes":[]}' });
    expect((await describeStack('Drop')).Stacks).toMatchObject([
      {
        StackName: 'Drop',
        Outputs: [
          { OutputKey: 'Url', OutputValue: 'http://127.0.0.1/?a&b' },
          { OutputKey: 'Settings', OutputValue: '{"routes":[]}' },
        ],
      },
    ]);
    gateway.describeStack('Another', {});
    expect((await describeStack('Drop')).Stacks).toMatchObject([{ StackName: 'Drop' }]);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({}));
    expect(Stacks?.map(({ StackName }) => StackName)).toEqual(['Drop', 'Another']);
    cloudFormation.destroy();
  });

  describe('for EventBridge', () => {
    let eventBridge: EventBridgeClient;
    beforeAll(() => {
      eventBridge = new EventBridgeClient(client());
    });
    afterAll(() => eventBridge.destroy());
    const putEvents = (...Entries: object[]) => eventBridge.send(new PutEventsCommand({ Entries }));
    const entry = { Source: 'streampixel-drop', DetailType: 'Build Submitted', Detail: '{"uploadId":"66"}' };

    it('takes events', async () => {
      expect(await putEvents(entry)).toMatchObject({ FailedEntryCount: 0, Entries: [{ EventId: expect.any(String) }] });
      expect(busEvents).toEqual([
        {
          version: '0',
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          'detail-type': 'Build Submitted',
          source: 'streampixel-drop',
          account: '000000000000',
          time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
          region: REGION,
          resources: [],
          detail: { uploadId: '66' },
        },
      ]);
    });
  });

  describe('for HTTP APIs', () => {
    const api: HttpApiSpec = {
      id: 'Drop-Api',
      routes: [{ key: 'POST /{a}/{b}', function: { name: 'hook' } as FunctionSpec }],
      throttle: { ratePerS: 100, burst: 100 },
    };
    const base = () => `${gateway.endpoint}${httpApiPath('Drop-Api')}`;
    const served: unknown[] = [];
    const serve = () =>
      gateway.serveHttpApis([api], async ({ name }) => {
        served.push(name);
        return { kind: 'answered', payload: { statusCode: 202, body: 'taken' } };
      });
    const notFound = [404, '{"message":"Not Found"}'];
    beforeEach(() => {
      served.length = 0;
    });

    it('has none before one is deployed', async () => {
      expect(await request(`${base()}/a/b`, 'POST')).toEqual(notFound);
      serve();
      expect(await request(`${base()}/a/b`, 'POST')).toEqual([202, 'taken']);
      expect(served).toEqual(['hook']);
    });

    it.each<[string, http.OutgoingHttpHeaders]>([
      ['SSM', { 'x-amz-target': 'AmazonSSM.GetParameter', 'content-type': 'application/x-amz-json-1.1' }],
      ['EventBridge', { 'x-amz-target': 'AWSEvents.PutEvents' }],
      ['DynamoDB', { 'x-amz-target': 'DynamoDB_20120810.Scan' }],
      ['SQS', { 'x-amz-target': 'AmazonSQS.ListQueues' }],
      ['SNS', { 'content-type': 'application/x-www-form-urlencoded' }],
      ['CloudFormation', { authorization: 'AWS4-HMAC-SHA256 Credential=x/cloudformation/aws4_request' }],
    ])('serves a request on the path of one whatever its headers, those of %s for example', async (_, headers) => {
      serve();
      expect(await request(`${base()}/a/b`, 'POST', headers)).toEqual([202, 'taken']);
      expect(await request(`${base()}/nothing`, 'POST', headers)).toEqual(notFound);
    });

    it.each(['/../../../drop/in/secret.zip', '/%2e%2e/%2e%2e/%2e%2e/drop/x', '/../../000000000000/builds'])(
      'leads to no other service by %s',
      async (path) => {
        serve();
        expect(await request(`${base()}${path}`, 'GET', { authorization: 'not signed' })).toEqual(notFound);
      },
    );
  });

  it('rejects where the port is taken', async () => {
    const options = { region: REGION, objectsDirectory: directory, credentials: [] };
    const second = startGateway({
      ...options,
      port: gateway.port,
      onObjectCreated: () => {},
      onPublished: () => {},
      onBusEvent: () => {},
    });
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
