import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectTaggingCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { openTable } from '../../functions/adapters/dynamodb-table.ts';
import type { FollowMessage } from '../../functions/domain/follow/follow-message.ts';
import { uploadLane } from '../../functions/domain/model/lane.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { type DroppedBuild, type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import type { LocalEvent } from '../../local/start/events.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import type { StandIn } from '../../local/streampixel/streampixel-stand-in.ts';
import { eventually } from './eventually.ts';

/** A route and a user, and so rate-limit lanes, for each test. */
const MODES = {
  'on-approval': { autoRelease: false, release: 'on-approval' },
  manual: { autoRelease: false },
  automatic: { autoRelease: true },
} as const;
const NAMES = {
  approval: 'on-approval',
  automatic: 'automatic',
  manual: 'manual',
  rejected: 'on-approval',
  disorder: 'on-approval',
  lost: 'manual',
  flood: 'on-approval',
  tagged: 'on-approval',
} as const satisfies Record<string, keyof typeof MODES>;
type Name = keyof typeof NAMES;
const ROUTES = Object.entries(NAMES).map(([name, mode], index) => ({
  prefix: `${name}/`,
  userId: `${index + 1}`.padStart(24, '0'),
  projectId: `${index + 1}`.padStart(24, 'a'),
  apiKeyParameter: `/drop/${name}`,
  ...MODES[mode],
}));
const KEY = 'c4nary-api-key';

let stack: EmbeddedStack;
let standIn: StandIn;
let sqs: SQSClient;
/** All output, for the test of secrets. */
const output: string[] = [];

beforeAll(async () => {
  stack = await startEmbeddedStack({
    settings: { routes: ROUTES, intervalSeconds: 5, tagObjects: true },
    apiKey: KEY,
    stageMs: 50,
    onEvent: (event) => void output.push(JSON.stringify(event)),
    onLog: ({ text }) => void output.push(text),
    onNotice: (notice) => void output.push(notice),
  });
  if (stack.standIn === undefined) throw new Error('no stand-in');
  standIn = stack.standIn;
  sqs = new SQSClient(client());
});
afterAll(async () => {
  sqs.destroy();
  await stack.stop();
});

const client = () => ({ endpoint: stack.endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
const drop = async (name: Name, key = 'game.zip') => stack.drop(await makeSampleBuild(), `${name}/${key}`);
const of = ({ build }: DroppedBuild, ...names: LocalEvent['event'][]) =>
  stack.seen((event) => event.build === build && names.includes(event.event));
const countOf = ({ build }: DroppedBuild, name: LocalEvent['event']) =>
  stack.events.filter((event) => event.build === build && event.event === name).length;
const routeOf = (name: Name) => {
  const route = ROUTES.find(({ prefix }) => prefix === `${name}/`);
  if (route === undefined) throw new Error(`no route ${name}`);
  return route;
};
/** What was asked of the stand-in for a route. */
const callsFor = (name: Name, endpoint: 'upload-file' | 'distribute-file') =>
  standIn.requests
    .filter(({ path }) => path.endsWith(endpoint))
    .map(({ body }) => JSON.parse(body))
    .filter(({ userId }) => userId === routeOf(name).userId);
/** The types of the events about a build on EventBridge, in their order. */
const emittedFor = ({ build }: DroppedBuild) =>
  stack.busEvents
    .filter(({ detail }) => (detail.build as { id?: string } | undefined)?.id === build)
    .map((event) => event['detail-type']);

describe('a submitted build', () => {
  it('is followed stage by stage, released on its approval, once, and goes live', async () => {
    const build = await drop('approval');
    const { uploadId } = await of(build, 'live');
    await of(build, 'released');

    expect(standIn.live(routeOf('approval').projectId)).toBe(uploadId);
    expect(callsFor('approval', 'upload-file')).toMatchObject([{ autoRelease: false }]);
    const { userId, projectId } = routeOf('approval');
    expect(callsFor('approval', 'distribute-file')).toEqual([{ apiKey: KEY, userId, projectId, uploadId }]);
    const types = ['Build Submitted', 'Build Approved', 'Build Released'];
    await eventually(() => expect(emittedFor(build)).toEqual(types));
    const stages = () =>
      stack.events.filter((event) => event.build === build.build && event.event === 'heard').map(({ stage }) => stage);
    const all = new Set(['uploaded', 'downloading', 'extracting', 'saving', 'distributing']);
    await eventually(() => expect(new Set(stages())).toEqual(all));
    expect(await of(build, 'approved')).toMatchObject({ releaseMode: 'on-approval' });
  });

  it('is left to Streampixel where that releases by itself', async () => {
    const build = await drop('automatic');
    expect(await of(build, 'live')).toMatchObject({ by: 'auto-release' });
    expect(await of(build, 'approved')).toMatchObject({ releaseMode: 'automatic' });
    expect(callsFor('automatic', 'distribute-file')).toEqual([]);
  });

  it('waits for a person where one is to release it, and goes live by their request, which arrives twice', async () => {
    const build = await drop('manual');
    const { uploadId = '' } = await of(build, 'approved');
    await standIn.settled();
    expect(callsFor('manual', 'distribute-file')).toEqual([]);

    const requestId: FollowMessage = {
      kind: 'release',
      build: build.build,
      uploadId,
      requestId: 'person/1',
      by: 'person',
      requestedAt: Date.now(),
    };
    const command = new SendMessageCommand({
      QueueUrl: stack.queues.followUrl,
      MessageBody: JSON.stringify(requestId),
    });
    await sqs.send(command);
    await sqs.send(command);

    expect(await of(build, 'live')).toMatchObject({ by: 'distribute-file' });
    await of(build, 'released');
    expect(callsFor('manual', 'distribute-file')).toHaveLength(1);
  });

  it('is finished where Streampixel rejects it, with its objection in an alert', async () => {
    const objection = 'Build contains unsupported file formats.';
    standIn.plan({ kind: 'rejected', at: 'extracting', objection });
    const build = await drop('rejected');

    expect(await of(build, 'rejected')).toMatchObject({ detail: objection });
    const alert = await of(build, 'alert');
    expect(alert.detail).toBe('Rejected: game.zip does not go live');
    expect(alert.message).toContain(objection);
    await eventually(() => expect(emittedFor(build)).toEqual(['Build Submitted', 'Build Rejected']));
    expect(callsFor('rejected', 'distribute-file')).toEqual([]);
    expect(standIn.live(routeOf('rejected').projectId)).toBeUndefined();
  });

  it('is approved and released once, however often and in which order the webhooks come', async () => {
    standIn.plan({ kind: 'documented', deliveries: { times: 4, order: 'shuffled', nullIds: true } });
    const build = await drop('disorder');
    await of(build, 'live');
    await of(build, 'released');
    await standIn.settled();

    await eventually(() => expect(countOf(build, 'heard')).toBeGreaterThanOrEqual(4));
    expect(countOf(build, 'approved')).toBe(1);
    expect(countOf(build, 'released')).toBe(1);
    expect(callsFor('disorder', 'distribute-file')).toHaveLength(1);
  });

  it('is recognised by its webhook where the answer to the submission was lost, and is not submitted again', async () => {
    standIn.script({ kind: 'cut-off' });
    const build = await drop('lost', 'größe & mehr.zip');

    expect(await of(build, 'retried')).toMatchObject({ reason: 'AnswerLost' });
    // The webhook arrives before the retry, on a busy machine too.
    const dynamoDb = new DynamoDBClient(client());
    const table = openTable(dynamoDb, stack.environment.ledgerTable);
    await createDynamoDbPacer(table, { intervalMs: 5_000 }).blockUntil(
      uploadLane(routeOf('lost').userId),
      Date.now() + 60_000,
    );
    dynamoDb.destroy();
    expect(await of(build, 'skipped')).toMatchObject({ reason: 'Duplicate' });
    await of(build, 'approved');
    expect(callsFor('lost', 'upload-file')).toHaveLength(1);
  });

  it('has its result as tags on the object, where the settings want it', async () => {
    const build = await drop('tagged');
    const { uploadId } = await of(build, 'released');
    const s3 = new S3Client({ ...client(), forcePathStyle: true });
    const { bucket: Bucket, key: Key } = build;
    await eventually(async () => {
      const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
      expect(TagSet).toEqual(
        expect.arrayContaining([
          { Key: 'streampixel-status', Value: 'released' },
          { Key: 'streampixel-upload-id', Value: uploadId },
        ]),
      );
    });
    s3.destroy();
  });
});

describe('the public address', () => {
  const post = (url: string, body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    fetch(url, { method: 'POST', headers, body });
  const addressOf = (name: Name) => stack.webhookOf(routeOf(name).projectId);
  const token = () => new URL(addressOf('flood')).pathname.split('/').at(-1) ?? '';
  const deep = `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`;
  const hostile = `{"__proto__":{"event":"build.approved"},"constructor":{"uploadId":"x"},"event":"build.approved"}`;

  it('gives one answer to every wrong address, and accepts what is sent to the right one without believing it', async () => {
    const build = await drop('flood');
    await of(build, 'live');
    await eventually(() => expect(emittedFor(build)).toContain('Build Released'));
    const wrong = `${new URL(addressOf('flood')).origin}${new URL(addressOf('flood')).pathname.replace(token(), '')}`;
    const before = stack.busEvents.length;
    const misses = [
      await post(`${wrong}${'x'.repeat(43)}`, '{}'),
      await post(`${wrong}${'x'.repeat(8_000)}`, '{}'),
      await post(addressOf('flood').replace(routeOf('flood').projectId, 'b'.repeat(23)), '{}'),
      await post(addressOf('flood'), JSON.stringify({ event: 'x'.repeat(20_000) })),
      await fetch(addressOf('flood')),
      await post(`${addressOf('flood')}/more`, '{}'),
    ];
    const answers = await Promise.all(misses.map(async (miss) => [miss.status, await miss.text()]));
    expect(answers).toEqual(answers.map(() => [404, '{"message":"Not Found"}']));
    expect((await post(addressOf('flood'), 'x'.repeat(10 * 1024 * 1024 + 1))).status).toBe(413);

    const foreign = JSON.stringify({
      event: 'build.rejected',
      uploadId: 'f'.repeat(24),
      status: 'Reject',
      objection: 'x',
    });
    for (const body of [
      deep,
      hostile,
      foreign,
      '[]',
      'null',
      '{"event":"build.approved","uploadId":null}',
      'no json',
    ]) {
      expect([body.slice(0, 20), (await post(addressOf('flood'), body)).status]).toEqual([body.slice(0, 20), 200]);
    }
    for (const type of ['text/plain', 'text/json', 'application/x-www-form-urlencoded']) {
      expect([type, (await post(addressOf('flood'), foreign, { 'content-type': type })).status]).toEqual([type, 200]);
    }
    // Webhooks about builds that do not exist have changed nothing, and caused no event.
    expect(stack.busEvents).toHaveLength(before);
    expect(countOf(build, 'rejected')).toBe(0);
  });

  it('receives a webhook whatever it is called and however it is packed', async () => {
    const rejected = { event: 'build.rejected', status: 'Reject', objection: 'no' };
    const ways: readonly (readonly [
      name: string,
      headers: Record<string, string>,
      pack: (body: string) => string | Buffer<ArrayBuffer> | URLSearchParams,
    ])[] = [
      ['as text', { 'content-type': 'text/json' }, (body) => body],
      ['as gzip', { 'content-type': 'application/json', 'content-encoding': 'gzip' }, (body) => gzipSync(body)],
      ['as a form', {}, (payload) => new URLSearchParams({ payload })],
    ];
    for (const [name, headers, pack] of ways) {
      standIn.plan({ kind: 'silent' });
      const build = await drop('flood', `${name}.zip`);
      const { uploadId } = await of(build, 'submitted');
      const body = pack(JSON.stringify({ ...rejected, uploadId }));
      expect((await fetch(addressOf('flood'), { method: 'POST', headers, body })).status).toBe(200);
      await of(build, 'rejected');
    }
  });

  it('stands a flood of 10,000 requests, and processes builds again afterwards', async () => {
    const { origin, pathname } = new URL(addressOf('flood'));
    const before = stack.busEvents.length;
    const statuses = new Map<number, number>();
    const bodies = Array.from({ length: 10 }, () =>
      JSON.stringify({ event: 'build.rejected', objection: randomBytes(200).toString('hex') }),
    );
    async function flood(count: number): Promise<void> {
      for (let n = 0; n < count; n++) {
        const guess = randomBytes(32).toString('base64url');
        const response = await post(`${origin}${pathname.replace(token(), guess)}`, bodies[n % 10] ?? '');
        await response.arrayBuffer();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      }
    }
    await Promise.all(Array.from({ length: 20 }, () => flood(500)));

    // Refused by the function, or by the throttle before it; never accepted, and never an error.
    expect([...statuses.keys()].filter((status) => status !== 404 && status !== 429)).toEqual([]);
    expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(10_000);
    expect(stack.busEvents).toHaveLength(before);

    const build = await drop('flood', 'after.zip');
    await of(build, 'live');
  });

  it('reveals no token, no key, no signature', () => {
    const everything = output.join('\n') + JSON.stringify(stack.busEvents);
    expect(everything).toContain('webhook-received');
    expect(everything).not.toContain(token());
    expect(everything).not.toContain('c4nary');
    expect(everything).not.toMatch(/X-Amz-Signature=(?!\[)/);
  });
});
