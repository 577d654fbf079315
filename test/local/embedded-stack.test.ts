import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DeleteParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import { EVENT_SOURCE } from '../../functions/domain/model/telemetry.ts';
import { type DroppedBuild, type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import type { LocalEvent } from '../../local/start/events.ts';
import { makeSampleBuild, samplePackage, zipOf } from '../../local/start/sample-build.ts';
import type { StandIn } from '../../local/streampixel/streampixel-stand-in.ts';
import { s3Event } from '../support/s3-event.ts';
import { eventually } from './eventually.ts';

/** One stack for all tests; each has a route and a user, and so a rate-limit lane, of its own. */
const KEY = 'c4nary-api-key';
const ROUTES = [
  'happy',
  'keys',
  'duplicates',
  'parts',
  'no-zip',
  'poison',
  'limit',
  'trouble',
  'lost',
  'hang',
  'user',
  'rotated',
  'stale',
  'missing',
  'burst',
].map((name, index) => ({
  prefix: `${name}/`,
  userId: `${index + 1}`.padStart(24, '0'),
  projectId: `${index + 1}`.padStart(24, 'a'),
  autoRelease: name === 'happy',
  // A key of its own for each: one that is refused once is not tried again by others who share it.
  apiKeyParameter: `/drop/${name}`,
}));

let stack: EmbeddedStack;
let standIn: StandIn;
let sqs: SQSClient;
let ssm: SSMClient;
/** All output, for the test of secrets. */
const output: string[] = [];

beforeAll(async () => {
  stack = await startEmbeddedStack({
    // The stand-in's window is half of it: a request may be a second late on a busy machine, and comes still in time.
    settings: { routes: ROUTES, intervalSeconds: 2 },
    apiKey: KEY,
    onEvent: (event) => void output.push(JSON.stringify(event)),
    onLog: ({ text }) => void output.push(text),
    onNotice: (notice) => void output.push(notice),
  });
  if (stack.standIn === undefined) throw new Error('no stand-in');
  standIn = stack.standIn;
  const client = {
    endpoint: stack.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
  sqs = new SQSClient(client);
  ssm = new SSMClient(client);
});
afterAll(async () => {
  sqs.destroy();
  ssm.destroy();
  await stack.stop();
});
afterEach(async () => {
  standIn.rotateKey(KEY);
  await standIn.settled();
});

const of = (build: Pick<DroppedBuild, 'build'>, ...names: LocalEvent['event'][]) =>
  stack.seen((event) => event.build === build.build && names.includes(event.event));
/** How the build ended. */
const end = (build: DroppedBuild) => of(build, 'submitted', 'skipped', 'dead-lettered');
const deadLetterOf = (build: DroppedBuild) =>
  stack.deadLetters().find(({ attributes }) => attributes[DEAD_LETTER_ATTRIBUTES.build] === build.build);
const callsFor = (route: string) => {
  const userId = ROUTES.find(({ prefix }) => prefix === `${route}/`)?.userId ?? '';
  const uploads = standIn.requests.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body));
  return uploads.filter((body) => body.userId === userId);
};

describe('a build', () => {
  it('gets from the bucket to Streampixel byte for byte', async () => {
    const zip = await makeSampleBuild();
    const build = await stack.drop(zip, 'happy/game.zip');
    expect(await end(build)).toMatchObject({ event: 'submitted', status: 200, attempt: 1 });
    expect(await of(build, 'downloaded')).toMatchObject({ size: zip.length, sha256: build.sha256, intact: true });
    expect(callsFor('happy')).toEqual([
      {
        apiKey: KEY,
        userId: ROUTES[0]?.userId,
        projectId: ROUTES[0]?.projectId,
        autoRelease: true,
        fileUrl: expect.stringContaining(`/happy/game.zip?`),
      },
    ]);
  });

  it.each([
    'space here.zip',
    'plus+and%25percent%.zip',
    'Größe ü.zip',
    'controller 🎮.zip',
    "quotes'(and)!*~,;=&$@.zip",
    'deep/er/still.zip',
  ])('arrives whatever its key: %s', async (name) => {
    const build = await stack.drop(await makeSampleBuild(), `keys/${name}`);
    expect(await end(build)).toMatchObject({ event: 'submitted', key: `keys/${name}` });
    expect(await of(build, 'downloaded')).toMatchObject({ key: `keys/${name}`, intact: true });
  });

  it('arrives from a multipart upload', async () => {
    const large = await zipOf({ ...samplePackage(), 'Windows/Sample/Content/Paks/Sample-Windows.pak': 18_000_000 });
    const build = await stack.drop(large, 'parts/large.zip');
    expect(await end(build)).toMatchObject({ event: 'submitted' });
    expect(await of(build, 'downloaded')).toMatchObject({ size: build.size, intact: true });
  });

  it('is submitted once, however often S3 announces it', async () => {
    const build = await stack.drop(await makeSampleBuild(), 'duplicates/game.zip');
    await end(build);
    const versionId = build.build.split('@').at(-1) ?? '';
    for (let i = 0; i < 2; i++) {
      const { bucket, key } = build;
      const MessageBody = s3Event({ bucket, key, versionId });
      await sqs.send(new SendMessageCommand({ QueueUrl: stack.queues.buildsUrl, MessageBody }));
    }
    const isDuplicate = (event: LocalEvent) => event.build === build.build && event.reason === 'Duplicate';
    await eventually(() => expect(stack.events.filter(isDuplicate)).toHaveLength(2));
    expect(callsFor('duplicates')).toHaveLength(1);
  });

  it('waits for its slot behind others of its user, and none is refused', async () => {
    const zip = await makeSampleBuild();
    const builds = [];
    for (let i = 0; i < 4; i++) builds.push(await stack.drop(zip, `burst/${i}.zip`));
    for (const build of builds) expect(await end(build)).toMatchObject({ event: 'submitted' });
    expect(stack.events.filter(({ status, key }) => status === 429 && key?.startsWith('burst/'))).toEqual([]);
    expect(callsFor('burst')).toHaveLength(4);
  });
});

describe('a build that can not succeed', () => {
  it('goes to the dead-letter queue with its reason, and an alert is sent', async () => {
    const build = await stack.drop(Buffer.from('<html>not a build</html>'), 'no-zip/page.zip');
    expect(await end(build)).toMatchObject({ event: 'dead-lettered', reason: 'NotAZip' });
    // The alarm on the queue names the build too, before this alert or after it.
    const isOurs = (event: LocalEvent) => event.event === 'alert' && event.build === build.build && !event.alarm;
    expect(await stack.seen(isOurs)).toMatchObject({
      reason: 'NotAZip',
      key: 'no-zip/page.zip',
      detail: expect.stringMatching(/^NotAZip: /),
      message: expect.stringContaining(build.build),
    });
    expect(deadLetterOf(build)).toMatchObject({
      body: expect.stringContaining('no-zip/page.zip'),
      attributes: { [DEAD_LETTER_ATTRIBUTES.reason]: 'NotAZip' },
    });
    expect(callsFor('no-zip')).toEqual([]);
  });

  it('has no route', async () => {
    const build = await stack.drop(await makeSampleBuild(), 'nowhere/game.zip');
    expect(await end(build)).toMatchObject({ event: 'dead-lettered', reason: 'NoRoute' });
  });

  it('belongs to a user Streampixel does not know', async () => {
    standIn.script({ kind: 'answer', status: 401, body: { message: 'Invalid User' } });
    const build = await stack.drop(await makeSampleBuild(), 'user/game.zip');
    expect(await end(build)).toMatchObject({ event: 'dead-lettered', reason: 'InvalidUser', status: 401 });
    expect(callsFor('user')).toHaveLength(1);
  });

  it('has a key that Streampixel has replaced', async () => {
    standIn.rotateKey('the-vendors-new-key');
    const build = await stack.drop(await makeSampleBuild(), 'stale/game.zip');
    expect(await end(build)).toMatchObject({ event: 'dead-lettered', reason: 'InvalidApiKey', status: 401 });
    expect(callsFor('stale')).toHaveLength(1);
    expect(deadLetterOf(build)?.attributes[DEAD_LETTER_ATTRIBUTES.keyVersion]).toMatch(/^\d+$/);
  });

  it('has no key in SSM', async () => {
    await ssm.send(new DeleteParameterCommand({ Name: '/drop/missing' }));
    const build = await stack.drop(await makeSampleBuild(), 'missing/game.zip');
    expect(await end(build)).toMatchObject({ event: 'dead-lettered', reason: 'ApiKeyMissing' });
    expect(callsFor('missing')).toEqual([]);
  });

  it('is reported even if SQS itself moved it there', async () => {
    const body = s3Event({ bucket: stack.bucket, key: 'happy/crashed.zip', versionId: 'v1' });
    await sqs.send(new SendMessageCommand({ QueueUrl: stack.queues.deadLettersUrl, MessageBody: body }));
    const build = { build: `${stack.bucket}/happy/crashed.zip@v1` };
    expect(await of(build, 'dead-lettered')).toMatchObject({ key: 'happy/crashed.zip' });
  });
});

describe('a message that is no build', () => {
  it('goes to the dead-letter queue unchanged, and does not affect its neighbours', async () => {
    const poison = '{"neither": "S3", "nor": "EventBridge"}';
    await sqs.send(new SendMessageCommand({ QueueUrl: stack.queues.buildsUrl, MessageBody: poison }));
    const build = await stack.drop(await makeSampleBuild(), 'poison/game.zip');
    await sqs.send(new SendMessageCommand({ QueueUrl: stack.queues.buildsUrl, MessageBody: 'not even JSON' }));
    expect(await end(build)).toMatchObject({ event: 'submitted' });
    const unrecognised = () =>
      stack
        .deadLetters()
        .filter(({ attributes }) => attributes[DEAD_LETTER_ATTRIBUTES.reason] === 'UnrecognisedMessage')
        .map(({ body }) => body);
    await eventually(() => expect(unrecognised().sort()).toEqual(['not even JSON', poison].sort()));
  });
});

describe('trouble that passes', () => {
  it.each([
    [
      '429 with a time',
      { kind: 'answer', status: 429, body: { message: 'Try again in 1 second.' } },
      'postponed',
      'RateLimited',
    ],
    [
      '503 with a time',
      { kind: 'answer', status: 503, headers: { 'retry-after': '1.5' }, body: '<html>Maintenance</html>' },
      'postponed',
      'VendorBusy',
    ],
    ['500', { kind: 'answer', status: 500, body: { message: 'Internal server error' } }, 'retried', 'VendorError'],
  ] as const)('%s: is tried again and submitted', async (_, behaviour, event, reason) => {
    standIn.script(behaviour);
    const build = await stack.drop(
      await makeSampleBuild(),
      `${behaviour.status === 429 ? 'limit' : 'trouble'}/${behaviour.status}.zip`,
    );
    expect(await of(build, event)).toMatchObject({ reason, status: behaviour.status });
    expect(await end(build)).toMatchObject({ event: 'submitted' });
    expect(await of(build, 'downloaded')).toMatchObject({ intact: true });
  });

  it.each([
    ['a gateway’s page', { kind: 'answer', status: 502, body: '<html>Bad gateway</html>' }],
    ['a connection that is reset', { kind: 'reset' }],
    ['an answer that is cut off', { kind: 'cut-off' }],
    ['a 2xx without an upload id', { kind: 'answer', status: 200, body: { message: 'ok' } }],
  ] as const)('%s: is submitted again and marked as possibly doubled', async (name, behaviour) => {
    standIn.script(behaviour);
    // This one was accepted, and a webhook would report that.
    if (behaviour.kind === 'cut-off') standIn.plan({ kind: 'silent' });
    const build = await stack.drop(await makeSampleBuild(), `lost/${name}.zip`);
    expect(await of(build, 'retried')).toMatchObject({ reason: 'AnswerLost' });
    expect(await end(build)).toMatchObject({ event: 'submitted', possiblyDoubled: true });
  });

  it('a server that hangs: the call is given up in time and made again', async () => {
    standIn.script({ kind: 'hang' });
    const build = await stack.drop(await makeSampleBuild(), 'hang/game.zip');
    expect(await of(build, 'retried')).toMatchObject({ reason: 'AnswerLost' });
    expect(await end(build)).toMatchObject({ event: 'submitted', possiblyDoubled: true });
  });

  it('a key that is replaced at Streampixel and in SSM: builds go with the new one', async () => {
    const before = await stack.drop(await makeSampleBuild(), 'rotated/before.zip');
    expect(await end(before)).toMatchObject({ event: 'submitted' });
    // The function has the old key in its cache.
    standIn.rotateKey('c4nary-second-key');
    const [Name, Value] = ['/drop/rotated', 'c4nary-second-key'];
    await ssm.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true }));
    const after = await stack.drop(await makeSampleBuild(), 'rotated/after.zip');
    expect(await end(after)).toMatchObject({ event: 'submitted' });
    const keys = callsFor('rotated').map(({ apiKey }) => apiKey);
    // It has read all dead letters; those of other keys are visible again.
    await stack.seen(({ event, parameter }) => event === 'redriven' && parameter === Name);
    expect([keys.at(0), keys.at(-1)]).toEqual([KEY, 'c4nary-second-key']);
  });
});

describe('the stack as a whole', () => {
  it("ignores S3's test event", async () => {
    expect(stack.events.filter(({ reason }) => reason === 'TestEvent')).toEqual([]);
    expect(stack.deadLetters().filter(({ body }) => body.includes('s3:TestEvent'))).toEqual([]);
  });

  it('fires the alarm on the dead-letter queue once while messages wait', () => {
    const byAlarm = stack.events.filter(({ event, alarm }) => event === 'alert' && alarm !== undefined);
    expect(stack.deadLetters().length).toBeGreaterThan(1);
    expect(byAlarm).toHaveLength(1);
  });

  it('accepts every alert and every event that the functions send', () => {
    expect(output.filter((line) => /alert-not-sent|event-not-emitted/.test(line))).toEqual([]);
    const { source, detail } = stack.busEvents.find((event) => event['detail-type'] === 'Build Submitted') ?? {};
    expect({ source, detail }).toMatchObject({ source: EVENT_SOURCE, detail: { uploadId: expect.any(String) } });
  });

  it('leaves no message behind', async () => {
    const command = new GetQueueAttributesCommand({ QueueUrl: stack.queues.buildsUrl, AttributeNames: ['All'] });
    await eventually(async () =>
      expect((await sqs.send(command)).Attributes).toMatchObject({
        ApproximateNumberOfMessages: '0',
        ApproximateNumberOfMessagesNotVisible: '0',
      }),
    );
  });

  it('has printed neither key nor signature anywhere', () => {
    const deadLetters = stack.deadLetters().map((deadLetter) => JSON.stringify(deadLetter));
    const everything = [...output, ...deadLetters].join('\n');
    expect(output.length).toBeGreaterThan(50);
    expect(everything).toContain('[presigned]');
    expect(everything).not.toContain('c4nary');
    expect(everything).not.toMatch(/X-Amz-(Signature|Credential|Security-Token)=/i);
  });
});
