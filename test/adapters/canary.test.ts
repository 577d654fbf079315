import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SNSClient } from '@aws-sdk/client-sns';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, it } from 'vitest';
import { deliverByCloudFront } from '../../functions/adapters/cloudfront-signer.ts';
import {
  createDeliveryKeys,
  fingerprintOf,
  newPrivateKey,
  publicHalfOf,
} from '../../functions/adapters/delivery-key.ts';
import { createEmfMetrics } from '../../functions/adapters/emf-metrics.ts';
import { createEventBridgeEvents } from '../../functions/adapters/eventbridge-events.ts';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import { createS3BuildStore } from '../../functions/adapters/s3-build-store.ts';
import { createSnsAlerts } from '../../functions/adapters/sns-alerts.ts';
import { createSqsDeadLetterQueue } from '../../functions/adapters/sqs-dead-letter-queue.ts';
import { createSsmApiKeys } from '../../functions/adapters/ssm-api-keys.ts';
import type { Parameter } from '../../functions/adapters/ssm-parameters.ts';
import { createStreampixelApi } from '../../functions/adapters/streampixel-api.ts';
import type { UrlSigner } from '../../functions/adapters/url-signer.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { processBatch } from '../../functions/submit-build/delivery.ts';
import { MemoryLedger } from '../simulation/memory-ledger.ts';
import { MemoryPacer } from '../simulation/memory-pacer.ts';
import { s3Event } from '../support/s3-event.ts';
import { answerOfAws, type Reply, type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts';
import { ROUTE } from '../support/world.ts';

const KEY = 'c4nary-k3y-0f-the-m1ne';
const SESSION = 'c4nary-s3ssion-t0ken';
const ACCESS_KEY_ID = 'AKIACANARYCANARYCANA';
const LEAKS = /c4nary|AKIACANARY|X-Amz-(Signature|Credential|Security-Token)=(?!\[)|[?&\s]Signature=(?!\[)/i;
const PRIVATE_KEY = newPrivateKey();
/** The lines of the key. */
const SECRET_LINES = PRIVATE_KEY.reveal()
  .split('\n')
  .filter((line) => /^[\w+/=]{16,}$/.test(line));

const servers: ScriptedServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

interface Scene {
  readonly streampixel: Reply | ((body: string) => Reply);
  readonly s3?: Reply;
  /** Delivers through CloudFront, which answers this. */
  readonly cloudfront?: Reply | ((body: string, url: string) => Reply);
  readonly deliveryKey?: () => Parameter;
  readonly ssm?: () => Parameter;
  readonly deadLetterQueue?: () => unknown;
  readonly ledgerFailsFrom?: number;
}

/** Plays one message through the real adapters and gives back everything that came out anywhere. */
async function play({ streampixel, s3, cloudfront, deliveryKey, ssm, deadLetterQueue, ledgerFailsFrom }: Scene) {
  const api = await startScriptedServer(streampixel);
  const bucket = await startScriptedServer(cloudfront ?? s3 ?? { status: 206, body: 'PK\x03\x04' });
  const world = await startScriptedServer(answerOfAws);
  servers.push(api, bucket, world);
  const lines: string[] = [];
  const sent: unknown[] = [];
  const presigned: string[] = [];
  const clock = { now: Date.now, sleep: async () => {} };
  const log = createJsonLog(clock, (line) => void lines.push(line));
  const getDeliveryKey = async () =>
    deliveryKey?.() ?? { Value: PRIVATE_KEY.reveal(), Type: 'SecureString', Version: 5 };
  const getParameter = async () => ssm?.() ?? { Value: KEY, Type: 'SecureString', Version: 3 };
  const sqsClient = {
    send: async ({ input }: { input: unknown }) => {
      sent.push(input);
      return deadLetterQueue?.();
    },
  } as unknown as SQSClient;
  let tableCalls = 0;
  const onTableCall = () => {
    if (ledgerFailsFrom !== undefined && ++tableCalls >= ledgerFailsFrom) throw new LedgerUnavailable('throttled');
  };
  const ledger = new MemoryLedger(onTableCall);
  const createStore = (signer?: UrlSigner) =>
    createS3BuildStore({
      credentials: { accessKeyId: ACCESS_KEY_ID, secretAccessKey: 'c4nary-s3cret', sessionToken: SESSION },
      clock,
      lifetimeS: 21_600,
      endpoint: bucket.url,
      signer,
    });
  const deliveryKeys = createDeliveryKeys(createSsmApiKeys(getDeliveryKey, clock, log), '/studio/delivery-key', {
    [fingerprintOf(publicHalfOf(PRIVATE_KEY))]: 'KCANARY',
  });
  const builds =
    cloudfront === undefined && deliveryKey === undefined
      ? createStore()
      : deliverByCloudFront({ domain: new URL(bucket.url).host, keys: deliveryKeys, clock }, createStore);
  const credentials = { accessKeyId: ACCESS_KEY_ID, secretAccessKey: 'c4nary-s3cret', sessionToken: SESSION };
  const aws = { credentials, region: 'eu-central-1', endpoint: world.url };
  const ports = {
    clock,
    random: Math.random,
    newId: () => 'dead-letter-1',
    log,
    apiKeys: createSsmApiKeys(getParameter, clock, log),
    builds: {
      ...builds,
      presign: async (build: Parameters<typeof builds.presign>[0]) => {
        const url = await builds.presign(build);
        presigned.push(url.reveal());
        return url;
      },
    },
    streampixel: createStreampixelApi(api.url, clock),
    deadLetters: createSqsDeadLetterQueue(sqsClient, 'https://sqs.example/dlq'),
    alerts: createSnsAlerts(
      new SNSClient(aws),
      'arn:aws:sns:eu-central-1:000000000000:alerts',
      'email',
      operatorCommands({}),
    ),
    events: createEventBridgeEvents(new EventBridgeClient(aws)),
    metrics: createEmfMetrics('stack', clock, (line) => void lines.push(line)),
    ledger,
    pacer: new MemoryPacer({ intervalMs: 121_000 }, onTableCall),
    visibility: { change: () => Promise.reject(talkative) },
  };
  const record = {
    messageId: 'm1',
    receiptHandle: 'r1',
    body: s3Event({ key: 'games/a.zip', versionId: 'v1' }),
    attributes: { ApproximateReceiveCount: '1', SentTimestamp: String(Date.now()) },
    messageAttributes: {},
  };
  const settings = {
    routes: [ROUTE],
    intervalMs: 121_000,
    maxAttempts: 1,
    messageRetentionS: 604_800,
    onLostAnswer: 'dead-letter' as const,
    packageCheck: 'refuse' as const,
  };
  const now = Date.now();
  const invocation = { startedAt: now, deadline: now + 26_000, leaseUntil: now + 60_000 };
  const response = await processBatch([record], invocation, 'group stream id', settings, ports);
  const out = [lines.join(''), sent, response, ledger.entries()].map((part) => inspect(part, { depth: 20 })).join('\n');
  const published = world.requests.map(({ body }) =>
    body.startsWith('Action=') ? [...new URLSearchParams(body)].map((pair) => pair.join('=')).join('\n') : body,
  );
  return { out: `${out}\n${published.join('\n')}`, published, lines, sent, presigned, called: api.requests.length };
}

const echo = (status: number) => (body: string) => ({ status, body });
const echoInside = (status: number) => (body: string) => ({
  status,
  body: JSON.stringify({ message: `Request was ${body}, ${encodeURIComponent(body)} and ${JSON.parse(body).fileUrl}` }),
});
const throws = (error: Error) => () => {
  throw error;
};
const talkative = Object.assign(new Error(`apiKey=${KEY}&X-Amz-Security-Token=${SESSION}`), { request: { body: KEY } });

const SCENES: [string, Scene][] = [
  ...[200, 201, 301, 400, 401, 403, 404, 408, 415, 429, 500, 502, 503].flatMap((status): [string, Scene][] => [
    [`Streampixel echoing the request with ${status}`, { streampixel: echo(status) }],
    [`Streampixel quoting the request in its message with ${status}`, { streampixel: echoInside(status) }],
  ]),
  ...[200, 401, 429, 503].flatMap((status): [string, Scene][] => [
    [
      `Streampixel echoing the request as gzip with ${status}`,
      { streampixel: (body) => ({ status, headers: { 'content-encoding': 'gzip' }, body: gzipSync(body) }) },
    ],
    [
      `Streampixel echoing the request in UTF-16 with ${status}`,
      { streampixel: (body) => ({ status, body: Buffer.from(`\ufeff${body}`, 'utf16le') }) },
    ],
  ]),
  ['an accepted build', { streampixel: { status: 200, body: '{"uploadId":"u1"}' } }],
  [
    'a redirect that carries the query',
    { streampixel: { status: 302, headers: { location: `https://x.example/?k=${KEY}` } } },
  ],
  [
    'a body cut off inside the key',
    { streampixel: { cutOff: `{"message":"bad key ${KEY.slice(0, 14)}`, status: 401 } },
  ],
  ['a reset', { streampixel: 'reset' }],
  [
    'an S3 that quotes the signature',
    { streampixel: 'reset', s3: { status: 403, body: `<Code>AccessDenied</Code>${SESSION}` } },
  ],
  ['an SSM error that quotes the key', { streampixel: 'reset', ssm: throws(talkative) }],
  ['a parameter of the wrong type', { streampixel: 'reset', ssm: () => ({ Value: KEY, Type: 'String' }) }],
  [
    'a dead-letter queue whose error quotes the key',
    { streampixel: echoInside(401), deadLetterQueue: throws(talkative) },
  ],
  ...[1, 2, 3, 4, 5].map((n): [string, Scene] => [
    `a ledger away from call ${n} on`,
    { streampixel: echoInside(401), ledgerFailsFrom: n },
  ]),
];

const head: Reply = { status: 206, body: 'PK\x03\x04' };
const cloudFrontSays = (text: string): Reply => ({ status: 403, headers: { server: 'CloudFront' }, body: text });
const CLOUDFRONT_SCENES: [string, Scene][] = [
  ...[200, 400, 401, 403, 429, 500, 503].flatMap((status): [string, Scene][] => [
    [`Streampixel echoing a URL of CloudFront with ${status}`, { streampixel: echo(status), cloudfront: head }],
    [`Streampixel quoting a URL of CloudFront with ${status}`, { streampixel: echoInside(status), cloudfront: head }],
  ]),
  [
    'a CloudFront that quotes the URL',
    {
      streampixel: 'reset',
      cloudfront: (_, url) => cloudFrontSays(`<Code>InvalidKey</Code><Message>http://x${url}</Message>`),
    },
  ],
  [
    'a CloudFront that quotes the query in a page',
    { streampixel: 'reset', cloudfront: (_, url) => cloudFrontSays(`<h1>ERROR</h1>${url.split('?')[1]}`) },
  ],
  [
    'a delivery key of the wrong type',
    { streampixel: 'reset', deliveryKey: () => ({ Value: PRIVATE_KEY.reveal(), Type: 'String' }) },
  ],
  [
    'a delivery key that is broken',
    {
      streampixel: 'reset',
      deliveryKey: () => ({ Value: PRIVATE_KEY.reveal().replace('M', '!'), Type: 'SecureString', Version: 1 }),
    },
  ],
  [
    'an SSM error that quotes the delivery key',
    { streampixel: 'reset', deliveryKey: throws(new Error(`got ${PRIVATE_KEY.reveal()}`)) },
  ],
];

describe('neither the key nor a signature comes out of', () => {
  it.each([...SCENES, ...CLOUDFRONT_SCENES])('%s', async (_, scene) => {
    const { out, lines, presigned } = await play(scene);

    expect(lines.length).toBeGreaterThan(0);
    expect(out).not.toMatch(LEAKS);
    for (const line of SECRET_LINES) expect(out).not.toContain(line);
    for (const url of presigned) {
      const { searchParams } = new URL(url);
      const signature = searchParams.get('X-Amz-Signature') ?? searchParams.get('Signature') ?? 'none';
      expect(signature).toMatch(/^[0-9a-f]{64}$|^[\w~-]{80,}$/);
      expect(out).not.toContain(signature);
    }
  });

  it('a scene in which a URL of CloudFront really travelled', async () => {
    const { presigned, published } = await play({ streampixel: echoInside(400), cloudfront: head });
    expect(SECRET_LINES).toHaveLength(3);
    expect(presigned[0]).toMatch(/Key-Pair-Id=KCANARY&Signature=[\w~-]{80}/);
    expect(published.join()).toContain('games/a.zip');
  });

  it('a scene in which both really travelled', async () => {
    const { presigned, called, published } = await play({ streampixel: echoInside(401) });
    expect(called).toBe(1);
    expect(published.map((text) => text.slice(0, 14))).toEqual(['{"Entries":[{"', 'Action=Publish']);
    expect(presigned[0]).toMatch(LEAKS);
    expect(presigned[0]).toContain(encodeURIComponent(SESSION));
  });
});
