import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DeployedFunctions, startFunctions } from '../../local/aws/deployed-functions.ts';
import type { BusEvent } from '../../local/aws/event-bus.ts';
import { readEventPattern } from '../../local/aws/event-rules.ts';
import { type Gateway, startGateway } from '../../local/aws/gateway.ts';
import { httpApiPath } from '../../local/aws/http-api.ts';
import type { FunctionSpec } from '../../local/aws/lambda-process.ts';
import type { Deployment, EventRule } from '../../local/aws/template.ts';
import { eventually } from './eventually.ts';

const REGION = 'us-east-1';
const EVENT: BusEvent = {
  version: '0',
  id: '6f87d04b-9c2e-4b7e-8f5e-0d1c2b3a4f5e',
  'detail-type': 'Build Submitted',
  source: 'streampixel-drop',
  account: '000000000000',
  time: '2026-07-10T19:19:05Z',
  region: REGION,
  resources: [],
  detail: { uploadId: '66b0', note: 'ä "quoted" 🎮' },
};

let gateway: Gateway;
let sqs: SQSClient;
let functions: DeployedFunctions | undefined;
const directory = mkdtempSync(join(tmpdir(), 'deployed-functions-'));
const problems: string[] = [];
const lines: string[] = [];
let version = 0;

beforeEach(async () => {
  problems.length = 0;
  lines.length = 0;
  gateway = await startGateway({
    port: 0,
    region: REGION,
    objectsDirectory: mkdtempSync(join(directory, 'objects-')),
    credentials: [],
    onObjectCreated: () => {},
    onPublished: () => {},
    onBusEvent: () => {},
  });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  sqs = new SQSClient({ endpoint: gateway.endpoint, region: REGION, credentials });
});
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(async () => {
  await functions?.stop();
  functions = undefined;
  sqs.destroy();
  await gateway.close();
});

/** A function whose bundle is this source. */
function lambda(name: string, source: string): FunctionSpec {
  const codeDirectory = mkdtempSync(join(directory, `${name}-${++version}-`));
  writeFileSync(join(codeDirectory, 'index.mjs'), source);
  return {
    name,
    arn: `arn:aws:lambda:${REGION}:000000000000:function:${name}`,
    codeDirectory,
    handler: 'index.handler',
    timeoutS: 10,
    memoryMb: 128,
    environment: {},
    logGroup: '/log',
  };
}
/** Logs its name and what it got, and answers with that, too. */
const logging = (who: string) =>
  `export const handler = async (event) => {
     const line = ${JSON.stringify(who)} + ' ' + (event.Records?.map(({ body }) => body).join() ?? event['detail-type'] ?? event.body);
     console.log(line);
     return event.Records ? undefined : { statusCode: 200, body: line };
   };`;

async function createQueue(name: string): Promise<string> {
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  return QueueUrl;
}
function deployment(parts: Partial<Deployment>): Deployment {
  return {
    template: { Resources: {} },
    distribution: undefined,
    buckets: [],
    queues: [],
    tables: [],
    topics: [],
    functions: [],
    eventSources: [],
    rules: [],
    httpApis: [],
    depthAlarms: [],
    stackName: 'Drop',
    outputs: {},
    output: () => '',
    ...parts,
  };
}
const source = (queueUrl: string, spec: FunctionSpec) => ({
  queueUrl,
  queueArn: `arn:aws:sqs:${REGION}:000000000000:${queueUrl.split('/').at(-1)}`,
  batchSize: 10,
  maximumConcurrency: 2,
  function: spec,
});
const rule = (pattern: object, ...targets: EventRule['targets']): EventRule => ({
  pattern: readEventPattern(pattern),
  targets,
});
const toFunction = (spec: FunctionSpec) => ({ kind: 'function', function: spec, retryAttempts: 2 }) as const;
const toQueue = (queueUrl: string) => ({ kind: 'queue', queueUrl }) as const;
const httpApi = (spec: FunctionSpec) => ({
  id: 'Drop-Api',
  routes: [{ key: 'POST /{token}', function: spec }],
  throttle: { ratePerS: 100, burst: 100 },
});
function start(parts: Partial<Deployment>, options: { retryDelayMs?: number } = {}): DeployedFunctions {
  functions = startFunctions(deployment(parts), {
    sqs,
    region: REGION,
    platformEnvironment: {},
    onLog: ({ text }) => void lines.push(text),
    onProblem: (problem) => void problems.push(problem),
    retryDelayMs: 1,
    ...options,
  });
  return functions;
}
const bodies = (queueName: string) => gateway.peek(queueName).map(({ body }) => body);

describe('rules', () => {
  it('put the event as it is into a queue that is their target', async () => {
    const queueUrl = await createQueue('follow');
    const { deliver } = start({ rules: [rule({ source: ['streampixel-drop'] }, toQueue(queueUrl))] });
    deliver(EVENT);
    await eventually(() => expect(bodies('follow').map((body) => JSON.parse(body))).toEqual([EVENT]));
    expect(gateway.peek('follow')[0]?.attributes).toEqual({});
  });

  it('take only what their pattern says, each for itself', async () => {
    const urls = await Promise.all(['submitted', 'rejected', 'all'].map(createQueue));
    const [submitted = '', rejected = '', all = ''] = urls;
    const { deliver } = start({
      rules: [
        rule({ 'detail-type': ['Build Submitted'] }, toQueue(submitted)),
        rule({ 'detail-type': ['Build Rejected'] }, toQueue(rejected)),
        rule({ source: ['streampixel-drop'] }, toQueue(all)),
      ],
    });
    deliver(EVENT);
    deliver({ ...EVENT, 'detail-type': 'Build Rejected' });
    deliver({ ...EVENT, source: 'aws.ssm' });
    await eventually(() => expect(bodies('all')).toHaveLength(2));
    await functions?.stop();
    const types = (queueName: string) => bodies(queueName).map((body) => JSON.parse(body)['detail-type']);
    expect([types('submitted'), types('rejected'), types('all').sort()]).toEqual([
      ['Build Submitted', 'Build Submitted'],
      ['Build Rejected'],
      ['Build Rejected', 'Build Submitted'],
    ]);
  });

  it('send to functions and queues alike', async () => {
    const queueUrl = await createQueue('follow');
    const spec = lambda('redrive', logging('redrive'));
    const { deliver } = start({ rules: [rule({ source: ['streampixel-drop'] }, toFunction(spec), toQueue(queueUrl))] });
    deliver(EVENT);
    await eventually(() => expect([lines, bodies('follow').length]).toEqual([['redrive Build Submitted'], 1]));
  });

  it('report a queue that an event could not be sent to, and go on', async () => {
    const queueUrl = await createQueue('follow');
    const missing = queueUrl.replace('follow', 'gone');
    const { deliver } = start({ rules: [rule({ source: ['streampixel-drop'] }, toQueue(missing), toQueue(queueUrl))] });
    deliver(EVENT);
    await eventually(() => expect(problems).toEqual([expect.stringContaining(`to the queue ${missing}: `)]));
    await eventually(() => expect(bodies('follow')).toHaveLength(1));
  });

  it('are those of the latest deployment', async () => {
    const [before = '', after = ''] = await Promise.all(['before', 'after'].map(createQueue));
    const { deliver, update } = start({ rules: [rule({ source: ['streampixel-drop'] }, toQueue(before))] });
    update(deployment({ rules: [rule({ source: ['streampixel-drop'] }, toQueue(after))] }));
    deliver(EVENT);
    await eventually(() => expect(bodies('after')).toHaveLength(1));
    expect(bodies('before')).toEqual([]);
  });

  it('lose no event to the end of the stack', async () => {
    const queueUrl = await createQueue('follow');
    const { deliver, stop } = start({ rules: [rule({ source: ['streampixel-drop'] }, toQueue(queueUrl))] });
    deliver(EVENT);
    await stop();
    expect(bodies('follow')).toHaveLength(1);
    deliver(EVENT);
    await sleep(100);
    expect(bodies('follow')).toHaveLength(1);
  });
});

describe('an event for a function', () => {
  /** Throws for its first events, and says on its log which ones it has got. */
  const failing = (times: number) =>
    `let n = 0;
     export const handler = async ({ id }) => { console.log(id); if (++n <= ${times}) throw new Error('SQS is down.'); };`;
  const toFailing = (times: number) => ({
    rules: [rule({ source: ['streampixel-drop'] }, toFunction(lambda('redrive', failing(times))))],
  });

  it('is sent again until the function succeeds', async () => {
    const { deliver } = start(toFailing(2));
    deliver(EVENT);
    await eventually(() => expect(lines).toEqual([EVENT.id, EVENT.id, EVENT.id]));
    await functions?.stop();
    expect(problems).toEqual(Array(2).fill('redrive failed: Error: SQS is down. It is tried again.'));
  });

  it('is dropped when its last attempt has failed, and that is reported', async () => {
    const { deliver } = start(toFailing(9));
    deliver(EVENT);
    await eventually(() => expect(problems).toHaveLength(3));
    expect(problems.at(-1)).toContain('It was the last of 3 attempts: the event is dropped.');
    await functions?.stop();
    expect(lines).toHaveLength(3);
  });

  it('is not sent again once the stack stops', async () => {
    const { deliver, stop } = start(toFailing(9), { retryDelayMs: 3_600_000 });
    deliver(EVENT);
    await eventually(() => expect(problems).toHaveLength(1));
    await stop();
    expect(lines).toHaveLength(1);
  });
});

describe('queues', () => {
  const send = (queueUrl: string, body: string) =>
    sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }));

  it('feed their own functions', async () => {
    const [builds = '', follow = ''] = await Promise.all(['builds', 'follow'].map(createQueue));
    start({
      eventSources: [
        source(builds, lambda('submit', logging('submit'))),
        source(follow, lambda('follow', logging('follow'))),
      ],
    });
    await Promise.all([send(builds, 'a build'), send(follow, 'a notice')]);
    await eventually(() => expect([...lines].sort()).toEqual(['follow a notice', 'submit a build']));
    await functions?.stop();
    expect([bodies('builds'), bodies('follow')]).toEqual([[], []]);
  });

  it('may feed the same function, one that something else invokes, too', async () => {
    const [first = '', second = ''] = await Promise.all(['first', 'second'].map(createQueue));
    const spec = lambda('both', logging('both'));
    const { invoke } = start({ eventSources: [source(first, spec), source(second, spec)] });
    await Promise.all([send(first, '1'), send(second, '2')]);
    expect(await invoke(spec, { body: '3' })).toMatchObject({ payload: { body: 'both 3' } });
    await eventually(() => expect([...lines].sort()).toEqual(['both 1', 'both 2', 'both 3']));
  });

  it('take what rules put into them', async () => {
    const follow = await createQueue('follow');
    const spec = lambda('follow', 'export const handler = async ({ Records: [{ body }] }) => console.log(body);');
    const { deliver } = start({
      eventSources: [source(follow, spec)],
      rules: [rule({ source: ['streampixel-drop'] }, toQueue(follow))],
    });
    deliver(EVENT);
    await eventually(() => expect(lines.map((line) => JSON.parse(line))).toEqual([EVENT]));
  });
});

describe('HTTP APIs', () => {
  const post = async (body: string) => {
    const url = `${gateway.endpoint}${httpApiPath('Drop-Api')}/token`;
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return [response.status, await response.text()];
  };

  it('invoke their function, and another version of it after another deployment', async () => {
    const before = httpApi(lambda('hook', logging('first')));
    const { invoke, update } = start({ httpApis: [before] });
    gateway.serveHttpApis([before], invoke);
    expect(await post('1')).toEqual([200, 'first 1']);
    const next = httpApi(lambda('hook', logging('second')));
    update(
      deployment({
        functions: [next.routes[0]?.function ?? before.routes[0]?.function].flatMap((each) => each ?? []),
        httpApis: [next],
      }),
    );
    expect(await post('2')).toEqual([200, 'second 2']);
    gateway.serveHttpApis([next], invoke);
    expect(await post('3')).toEqual([200, 'second 3']);
  });

  it('answer 500 for a function that throws', async () => {
    const api = httpApi(lambda('hook', `export const handler = async () => { throw new Error('broken'); };`));
    const { invoke } = start({ httpApis: [api] });
    gateway.serveHttpApis([api], invoke);
    expect(await post('')).toEqual([500, '{"message":"Internal Server Error"}']);
  });

  it('get their answer while the stack stops, and none from then on', async () => {
    const slow = `export const handler = async () => {
      console.log('at work'); await new Promise((r) => setTimeout(r, 300)); return { statusCode: 200, body: 'done' }; };`;
    const api = httpApi(lambda('hook', slow));
    const { invoke, stop } = start({ httpApis: [api] });
    gateway.serveHttpApis([api], invoke);
    const underWay = post('');
    await eventually(() => expect(lines).toEqual(['at work']));
    const stopped = stop();
    expect(await post('')).toEqual([500, '{"message":"Internal Server Error"}']);
    expect(await underWay).toEqual([200, 'done']);
    await stopped;
    expect(await post('')).toEqual([500, '{"message":"Internal Server Error"}']);
    expect(lines).toEqual(['at work']);
  });
});
