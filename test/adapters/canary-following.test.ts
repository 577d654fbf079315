import { inspect } from 'node:util';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { GetObjectTaggingCommand, type S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, it } from 'vitest';
import { createEmfMetrics } from '../../functions/adapters/emf-metrics.ts';
import { createEventBridgeEvents } from '../../functions/adapters/eventbridge-events.ts';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import { createS3ObjectTags } from '../../functions/adapters/s3-object-tags.ts';
import { createSnsAlerts } from '../../functions/adapters/sns-alerts.ts';
import { createSqsFollowQueue } from '../../functions/adapters/sqs-follow-queue.ts';
import { createSsmApiKeys } from '../../functions/adapters/ssm-api-keys.ts';
import { createSsmWebhookTokens } from '../../functions/adapters/ssm-webhook-tokens.ts';
import { createStreampixelReleases } from '../../functions/adapters/streampixel-api.ts';
import { createStreampixelProjectFiles } from '../../functions/adapters/streampixel-lookups.ts';
import { handleFollowMessage } from '../../functions/domain/follow/handle-follow-message.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import {
  answerLost,
  opened,
  routed,
  submitted,
  submitting,
} from '../../functions/domain/model/submission-transitions.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { handleBatch } from '../../functions/message-batch.ts';
import { receiveWebhook, type WebhookRequest } from '../../functions/receive-webhook/receive-webhook.ts';
import { MemoryLedger } from '../simulation/memory-ledger.ts';
import { MemoryPacer } from '../simulation/memory-pacer.ts';
import { answerOfAws, type Reply, type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts';
import { aBuild, ROUTE } from '../support/world.ts';

const KEY = 'c4nary-k3y-0f-the-m1ne';
const TOKEN = 'c4nary-t0ken-in-the-address'.padEnd(43, '-');
const SIGNATURE = '0123456789abcdef'.repeat(4);
const FILE_URL = 'https://drop.s3.eu-central-1.amazonaws.com/games/a.zip';
const SIGNED = `${FILE_URL}?X-Amz-Credential=AKIACANARYCANARYCANA%2F20260421&X-Amz-Security-Token=c4nary-s3ssion&X-Amz-Signature=${SIGNATURE}`;
const LEAKS = /c4nary|AKIACANARY|0123456789abcdef0123456789abcdef|X-Amz-(Signature|Credential|Security-Token)=(?!\[)/i;
const HOUR_MS = 3_600_000;

const servers: ScriptedServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const talkative = Object.assign(new Error(`apiKey=${KEY}&X-Amz-Security-Token=${SIGNED}`), {
  request: { body: KEY, url: TOKEN },
});
const throws = (error: Error) => () => {
  throw error;
};

interface Scene extends Partial<Pick<WebhookRequest, 'contentEncoding' | 'method' | 'projectId'>> {
  /** What comes in by the webhook's address, one after the other. */
  readonly webhooks?: readonly Readonly<Record<string, unknown>>[];
  /** Under which token it comes; the right one, unless it says otherwise. */
  readonly token?: string;
  /** What lies in the follow queue beside. */
  readonly messages?: readonly string[];
  readonly entry?: (entry: LedgerEntry) => LedgerEntry;
  readonly streampixel?: Reply | ((body: string) => Reply);
  readonly world?: Reply;
  readonly ssm?: () => never;
  readonly sqs?: () => never;
  readonly s3?: () => never;
  readonly ledgerFailsFrom?: number;
}

/** Plays a scene through the real adapters and gives back everything that came out anywhere. */
async function play(scene: Scene) {
  const streampixel = await startScriptedServer(scene.streampixel ?? { status: 200, body: '{}' });
  const world = await startScriptedServer(scene.world ?? answerOfAws);
  servers.push(streampixel, world);
  const lines: string[] = [];
  const sent: { MessageBody?: string }[] = [];
  const tagged: unknown[] = [];
  const clock = { now: Date.now, sleep: async () => {} };
  const log = createJsonLog(clock, (line) => void lines.push(line));
  const sqs = {
    send: async ({ input }: { input: { MessageBody?: string } }) => {
      scene.sqs?.();
      sent.push(input);
    },
  } as unknown as SQSClient;
  const s3 = {
    send: async (command: { input: unknown }) => {
      scene.s3?.();
      if (command instanceof GetObjectTaggingCommand) return { TagSet: [] };
      tagged.push(command.input);
      return {};
    },
  } as unknown as S3Client;
  const getParameter = async (name: string) => {
    scene.ssm?.();
    return { Value: name === '/token' ? `${TOKEN}\n${KEY}${KEY}` : KEY, Type: 'SecureString', Version: 3 };
  };
  let tableCalls = 0;
  const ledger = new MemoryLedger(() => {
    if (scene.ledgerFailsFrom !== undefined && ++tableCalls > scene.ledgerFailsFrom) {
      throw new LedgerUnavailable('throttled');
    }
  });
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' };
  const aws = { credentials, region: 'eu-central-1', endpoint: world.url };
  const followQueue = createSqsFollowQueue(sqs, 'https://sqs.example/follow');
  const ports = {
    clock,
    random: Math.random,
    log,
    apiKeys: createSsmApiKeys(getParameter, clock, log),
    releases: createStreampixelReleases(streampixel.url, clock),
    projectFiles: createStreampixelProjectFiles(streampixel.url, clock),
    ledger,
    pacer: new MemoryPacer({ intervalMs: 121_000 }),
    followQueue,
    tags: createS3ObjectTags(s3),
    alerts: createSnsAlerts(
      new SNSClient(aws),
      'arn:aws:sns:eu-central-1:000000000000:alerts',
      'email',
      operatorCommands({}),
    ),
    events: createEventBridgeEvents(new EventBridgeClient(aws)),
    metrics: createEmfMetrics('stack', clock, (line) => void lines.push(line)),
    visibility: { change: () => Promise.reject(talkative) },
  };
  const settings = {
    routes: [ROUTE],
    intervalMs: 121_000,
    lateAfterMs: HOUR_MS,
    stuckAfterMs: 2 * HOUR_MS,
    reconcile: true,
    tagObjects: true,
  };

  const now = Date.now();
  const submittedAt = now - 3 * HOUR_MS;
  const calling = submitting(routed(opened(aBuild({ key: 'games/a.zip' }), submittedAt), ROUTE), submittedAt, now);
  const entry = submitted(calling, submittedAt, 'upload-1');
  await ledger.save(scene.entry?.(entry) ?? entry);

  const tokens = createSsmWebhookTokens(getParameter, '/token', clock, log);
  const answers: unknown[] = [];
  for (const payload of scene.webhooks ?? []) {
    const { token = TOKEN } = scene;
    const { contentEncoding, method = 'POST', projectId = ROUTE.projectId } = scene;
    const body = JSON.stringify(payload);
    const request = { method, projectId, token, body, isBase64Encoded: false, contentEncoding };
    try {
      answers.push(await receiveWebhook(request, { ...ports, tokens }));
    } catch (error) {
      // The handler's middleware logs it by name and message, redacted; nothing else of it gets out.
      answers.push(error instanceof Error ? error.name : 'error');
    }
  }
  // Each message as it comes up first, and whatever comes of it, until nothing is left.
  const bodies = [...(scene.messages ?? []), ...sent.map(({ MessageBody = '' }) => MessageBody)];
  for (let n = 0; n < bodies.length && n < 20; n++) {
    const before = sent.length;
    const record = {
      messageId: `m${n}`,
      receiptHandle: `r${n}`,
      body: bodies[n] ?? '',
      attributes: { ApproximateReceiveCount: '4', SentTimestamp: String(now) },
      messageAttributes: {},
    };
    const invocation = { startedAt: now, deadline: Date.now() + 55_000, leaseUntil: Date.now() + 60_000 };
    const handle = () => handleFollowMessage({ body: record.body, receiveCount: 4, ...invocation }, settings, ports);
    answers.push(await handleBatch([record], invocation, handle, ports));
    bodies.push(...sent.slice(before).map(({ MessageBody = '' }) => MessageBody));
  }
  const published = world.requests.map(({ body }) =>
    body.startsWith('Action=') ? [...new URLSearchParams(body)].map((pair) => pair.join('=')).join('\n') : body,
  );
  const parts = [lines.join(''), sent, answers, tagged, ledger.entries()];
  const out = `${parts.map((part) => inspect(part, { depth: 20 })).join('\n')}\n${published.join('\n')}`;
  return { out, lines, sent, tagged, published, called: streampixel.requests };
}

const webhook = (changes: Readonly<Record<string, unknown>> = {}) => ({
  event: 'build.rejected',
  projectId: ROUTE.projectId,
  uploadId: 'upload-1',
  fileUrl: SIGNED,
  status: 'Reject',
  objection: `could not fetch ${SIGNED}, X-Amz-Signature=${SIGNATURE} or ${SIGNATURE}`,
  timestamp: new Date().toISOString(),
  ...changes,
});
const BUILD = 'drop/games/a.zip@v1';
const release = JSON.stringify({
  kind: 'release',
  build: BUILD,
  uploadId: 'upload-1',
  requestId: 'order-1',
  by: 'person',
  requestedAt: Date.now() - 3 * HOUR_MS,
});
const watch = JSON.stringify({ kind: 'watch', build: BUILD, uploadId: 'upload-1' });
const echo = (status: number) => (body: string) => ({ status, body });
const echoInside = (status: number) => (body: string) => ({
  status,
  body: JSON.stringify({ message: `The file was ${body}, ${encodeURIComponent(body)}, ${SIGNED}` }),
});
const listed = (changes: Readonly<Record<string, unknown>>): Reply => ({
  status: 200,
  body: JSON.stringify({
    webhookUrl: `https://x.example/${TOKEN}`,
    files: [{ _id: 'upload-1', url: SIGNED, status: 'Reject', objection: `no: ${SIGNED} ${SIGNATURE}`, ...changes }],
  }),
});

const SCENES: [string, Scene][] = [
  ['a rejection that quotes the URL', { webhooks: [webhook()] }],
  ['an approval that echoes the URL', { webhooks: [webhook({ event: 'build.approved', status: 'Approved' })] }],
  ['every stage', { webhooks: ['uploaded', 'saving', 'approved'].map((name) => webhook({ event: `build.${name}` })) }],
  ['an upload that the ledger does not know', { webhooks: [webhook({ uploadId: 'upload-9' })] }],
  [
    'a lost answer that is found by its URL',
    {
      webhooks: [webhook({ uploadId: 'upload-7' })],
      entry: ({ uploadId: _, ...entry }) =>
        answerLost(entry, Date.now(), { code: 'AnswerLost', detail: 'reset', at: Date.now() }),
    },
  ],
  ['an unknown event that is all URL', { webhooks: [webhook({ event: SIGNED, status: SIGNED, timestamp: SIGNED })] }],
  ['a webhook of another project', { webhooks: [webhook({ projectId: SIGNED })] }],
  ['a webhook without an upload', { webhooks: [webhook({ uploadId: null, fileUrl: `x ${SIGNED}` })] }],
  ['a webhook that is refused', { webhooks: [webhook()], method: SIGNED, projectId: `${KEY}${TOKEN}` }],
  ['a webhook of another address', { webhooks: [webhook()], projectId: `${KEY}${TOKEN}` }],
  ['a webhook in a coding that is none', { webhooks: [webhook()], contentEncoding: SIGNED }],
  ['a webhook that is not in its coding', { webhooks: [webhook()], contentEncoding: 'br' }],
  ['a guessed token', { webhooks: [webhook()], token: `${TOKEN.slice(0, -1)}x`, messages: [watch] }],
  ['an SSM error that quotes the token', { webhooks: [webhook()], ssm: throws(talkative), messages: [watch] }],
  ['an SQS error that quotes everything', { webhooks: [webhook()], sqs: throws(talkative), messages: [watch] }],
  ['an S3 error that quotes everything', { webhooks: [webhook()], s3: throws(talkative) }],
  ['an SNS that quotes everything', { webhooks: [webhook()], world: { status: 400, body: `${KEY} ${SIGNED}` } }],
  ['a message that is none', { messages: [`{"kind":"${SIGNED}","apiKey":"${KEY}"}`, KEY] }],
  ...[200, 301, 400, 401, 403, 404, 408, 415, 429, 500, 502, 503].flatMap((status): [string, Scene][] => [
    [`a release whose request is echoed with ${status}`, { messages: [release], streampixel: echo(status) }],
    [`a release whose request is quoted with ${status}`, { messages: [release], streampixel: echoInside(status) }],
  ]),
  [
    'a release that is redirected with the key',
    { messages: [release], streampixel: { status: 302, headers: { location: `https://x.example/?k=${KEY}` } } },
  ],
  [
    'a release whose answer is cut off inside the key',
    { messages: [release], streampixel: { cutOff: `{"message":"bad key ${KEY.slice(0, 14)}`, status: 401 } },
  ],
  ['a release that is reset', { messages: [release], streampixel: 'reset' }],
  ['a list of builds that quotes the URL', { messages: [watch], streampixel: listed({}) }],
  ['a list of builds with a stuck one', { messages: [watch], streampixel: listed({ status: SIGNED }) }],
  ...[200, 301, 401, 404, 429, 500].map((status): [string, Scene] => [
    `a list of builds that is refused in words with the key, ${status}`,
    { messages: [watch], streampixel: { status, body: `GET /projects?apikey=${KEY} ${SIGNED}` } },
  ]),
  ...[1, 2, 3, 4, 5, 6].map((n): [string, Scene] => [
    `a ledger away from call ${n} on`,
    { webhooks: [webhook()], messages: [release, watch], streampixel: echoInside(401), ledgerFailsFrom: n },
  ]),
];

describe('no key, no token and no signature comes out of', () => {
  it.each(SCENES)('%s', async (_, scene) => {
    const { out, lines } = await play(scene);

    expect(lines.length).toBeGreaterThan(0);
    expect(out).not.toMatch(LEAKS);
  });

  it('scenes in which they really travelled, and everything else came out', async () => {
    const rejection = await play({ webhooks: [webhook()] });
    expect(rejection.published.map((text) => text.slice(0, 14))).toEqual(['Action=Publish', '{"Entries":[{"']);
    expect(rejection.published.join()).toContain(
      'could not fetch https://drop.s3.eu-central-1.amazonaws.com/games/a.zip?',
    );
    expect(rejection.sent).toHaveLength(1);
    expect(rejection.tagged).toHaveLength(1);
    expect(rejection.lines.join('')).toContain('BuildsFollowed');

    const refused = await play({ messages: [release], streampixel: echoInside(401) });
    expect(refused.called[0]?.body).toContain(KEY);
    expect(refused.published.join()).toContain('Unauthorised (HTTP 401)');

    const list = await play({ messages: [watch], streampixel: listed({}) });
    expect(list.called[0]?.url).toContain(encodeURIComponent(KEY));
    expect(list.published.join()).toContain('games/a.zip?[query]');
  });
});
