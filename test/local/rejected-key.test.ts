import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { openTable } from '../../functions/adapters/dynamodb-table.ts';
import { uploadLane } from '../../functions/domain/model/lane.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { type DroppedBuild, type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import type { LocalEvent } from '../../local/start/events.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import type { StandIn } from '../../local/streampixel/streampixel-stand-in.ts';
import { eventually } from './eventually.ts';

const ROUTES: readonly Route[] = ['replaced', 'mistyped'].map((name, index) => ({
  prefix: `${name}/`,
  userId: `${index + 1}`.padStart(24, '0'),
  projectId: `${index + 1}`.padStart(24, 'a'),
  autoRelease: false,
  apiKeyParameter: `/drop/${name}`,
}));

let stack: EmbeddedStack;
let standIn: StandIn;
let ssm: SSMClient;
let zip: Uint8Array;
const logged: string[] = [];

beforeAll(async () => {
  stack = await startEmbeddedStack({
    // Longer than waits that the function itself sleeps through: as in the cloud, builds wait in the queue.
    settings: { routes: ROUTES, intervalSeconds: 10 },
    apiKey: 'first-key',
    onLog: (line) => void logged.push(line.text),
  });
  if (stack.standIn === undefined) throw new Error('no stand-in');
  standIn = stack.standIn;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  ssm = new SSMClient({ endpoint: stack.endpoint, region: 'us-east-1', credentials });
  zip = await makeSampleBuild();
});
afterAll(async () => {
  ssm.destroy();
  await stack.stop();
});

const storeKey = (route: string, Value: string) =>
  ssm.send(new PutParameterCommand({ Name: `/drop/${route}`, Value, Type: 'SecureString', Overwrite: true }));
const seen = (build: DroppedBuild, event: LocalEvent['event']) =>
  stack.seen((each) => each.build === build.build && each.event === event);
const count = (build: DroppedBuild, event: LocalEvent['event']) =>
  stack.events.filter((each) => each.build === build.build && each.event === event).length;
const alerts = (subject: RegExp) =>
  stack.events.filter(({ event, detail = '' }) => event === 'alert' && subject.test(detail));
/** The API keys that builds of the route were submitted with. */
const keysSent = (route: string) =>
  standIn.requests
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => JSON.parse(body))
    .filter(({ userId }) => userId === ROUTES.find(({ prefix }) => prefix === `${route}/`)?.userId)
    .map(({ apiKey }) => apiKey);
/** The keys of the objects whose dead letters wait. */
const deadLetters = () => stack.deadLetters().map(({ body }) => JSON.parse(body).Records[0].s3.object.key);

describe('a key that Streampixel has replaced', () => {
  it('stops the builds with one alert, and they are submitted by themselves once the new one is stored', async () => {
    await seen(await stack.drop(zip, 'replaced/before.zip'), 'submitted');
    standIn.rotateKey('second-key');
    // All of them are known and wait before the first one is refused, on a busy machine too.
    const dynamoDb = new DynamoDBClient({
      endpoint: stack.endpoint,
      region: LOCAL_REGION,
      credentials: LOCAL_CREDENTIALS,
    });
    const pacer = createDynamoDbPacer(openTable(dynamoDb, stack.environment.ledgerTable), { intervalMs: 10_000 });
    await pacer.blockUntil(uploadLane(ROUTES[0]?.userId ?? ''), Date.now() + 40_000);
    dynamoDb.destroy();
    const builds = await Promise.all([1, 2, 3].map((n) => stack.drop(zip, `replaced/${n}.zip`)));
    await Promise.all(builds.map((build) => seen(build, 'postponed')));

    for (const build of builds) expect(await seen(build, 'dead-lettered')).toMatchObject({ reason: 'InvalidApiKey' });
    const rejected = alerts(/^InvalidApiKey: Streampixel rejects the API key/);
    expect(rejected).toMatchObject([
      { message: expect.stringContaining('2 other builds are waiting for a key that works') },
    ]);
    expect(rejected[0]?.message).toContain('npx --no streampixel-drop key set --parameter /drop/replaced');
    expect(keysSent('replaced')).toEqual(['first-key', 'first-key']);
    expect(deadLetters().sort()).toEqual(['replaced/1.zip', 'replaced/2.zip', 'replaced/3.zip']);

    await storeKey('replaced', 'second-key');

    for (const build of builds) await seen(build, 'submitted');
    expect(stack.deadLetters()).toEqual([]);
    expect(builds.map((build) => count(build, 'submitted'))).toEqual([1, 1, 1]);
    expect(keysSent('replaced').filter((key) => key === 'second-key')).toHaveLength(3);
    await eventually(() =>
      expect(stack.events.filter(({ event }) => event === 'redriven')).toMatchObject([
        { parameter: '/drop/replaced', moved: 3, left: 0 },
      ]),
    );
    expect(alerts(/^The new API key works: 3 builds/)).toHaveLength(1);
    expect(stack.busEvents.filter((event) => event['detail-type'] === 'Redrive Finished')).toHaveLength(1);
  });
});

describe('a new key that does not work', () => {
  it('causes an alert and moves nothing; the next one that works does', async () => {
    standIn.rotateKey('third-key');
    const build = await stack.drop(zip, 'mistyped/game.zip');
    await seen(build, 'dead-lettered');

    await storeKey('mistyped', 'thrid-key');

    await eventually(() => expect(logged.some((line) => line.includes('"key-refused"'))).toBe(true));
    expect(alerts(/^InvalidApiKey: the new API key does not work/)).toMatchObject([
      { message: expect.stringContaining('/drop/mistyped') },
    ]);
    expect(deadLetters()).toEqual(['mistyped/game.zip']);
    expect(keysSent('mistyped')).toEqual(['first-key']);

    await storeKey('mistyped', 'third-key');

    await seen(build, 'submitted');
    expect(keysSent('mistyped').filter((key) => key === 'third-key')).toHaveLength(1);
    expect(stack.deadLetters()).toEqual([]);
  });
});
