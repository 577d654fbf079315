import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SNSClient } from '@aws-sdk/client-sns';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, describe, expect, it } from 'vitest';
import { createEmfMetrics } from '../../functions/adapters/emf-metrics.ts';
import { createEventBridgeEvents } from '../../functions/adapters/eventbridge-events.ts';
import { createSnsAlerts } from '../../functions/adapters/sns-alerts.ts';
import type { Alert } from '../../functions/domain/notify/alert.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { type Reply, type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts';
import { aBuild, START } from '../support/world.ts';

const TOPIC = 'arn:aws:sns:eu-central-1:000000000000:alerts';
const ALERT: Alert = {
  kind: 'dead-lettered',
  deadLetterId: 'dead-letter-1',
  reason: 'NotAZip',
  detail: 'The object does not begin with a zip file header (PK).',
  attempts: 0,
  possiblyDoubled: false,
  build: aBuild({ key: 'games/Ünreal & co.zip' }),
  at: START,
  logPointer: 'group stream id',
};

let server: ScriptedServer | undefined;
afterEach(() => server?.close());

async function clientSettings(...replies: Reply[]) {
  server = await startScriptedServer(...replies);
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' };
  return { credentials, region: 'eu-central-1', endpoint: server.url };
}

async function alertsAt(format: 'email' | 'chat', ...replies: Reply[]) {
  return createSnsAlerts(new SNSClient(await clientSettings(...replies)), TOPIC, format, operatorCommands({}));
}

async function eventsAt(...replies: Reply[]) {
  return createEventBridgeEvents(new EventBridgeClient(await clientSettings(...replies)));
}

const PUBLISHED: Reply = {
  status: 200,
  body: '<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>',
};

describe('alerts by SNS', () => {
  it('publish subject and body, signed', async () => {
    await (await alertsAt('email', PUBLISHED)).send(ALERT);
    const [request] = server?.requests ?? [];
    const form = new URLSearchParams(request?.body);
    expect(Object.fromEntries(form)).toMatchObject({ Action: 'Publish', TopicArn: TOPIC });
    expect(form.get('Subject')).toBe('NotAZip: ?nreal & co.zip did not reach Streampixel');
    expect(form.get('Message')).toContain('games/Ünreal & co.zip');
    expect(form.get('Message')).not.toMatch(/^\{/);
    expect(request?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/sns\/aws4_request, SignedHeaders=[\w;-]*host[\w;-]*, Signature=[0-9a-f]{64}$/,
    );
    expect(request?.headers['x-amz-security-token']).toBe('session');
  });

  it('have no character that SNS refuses', async () => {
    await (await alertsAt('email', PUBLISHED)).send({ ...ALERT, build: aBuild({ key: 'a\uFFFE.zip' }) });
    expect(new URLSearchParams(server?.requests[0]?.body).get('Message')).toContain('drop/a\uFFFD.zip@v1');
  });

  it('are worded for chat where the settings say so', async () => {
    await (await alertsAt('chat', PUBLISHED)).send(ALERT);
    const message = JSON.parse(new URLSearchParams(server?.requests[0]?.body).get('Message') ?? '');
    expect(message).toMatchObject({ version: '1.0', source: 'custom', content: { textType: 'client-markdown' } });
    expect(message.content.title).toContain('NotAZip');
    expect(message.content.description).toContain('What to do ');
  });

  it.each<[string, Reply[]]>([
    ['a reset', ['reset', PUBLISHED]],
    ['a 503', [{ status: 503 }, PUBLISHED]],
  ])('go out again after %s', async (_, replies) => {
    await (await alertsAt('email', ...replies)).send(ALERT);
    expect(server?.requests).toHaveLength(2);
  });

  it('fail by the SDK’s name for it, once, where asking again is of no use', async () => {
    const body =
      '<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no: secret</Message></Error></ErrorResponse>';
    const alerts = await alertsAt('email', { status: 403, body });
    await expect(alerts.send(ALERT)).rejects.toMatchObject({
      name: 'AuthorizationErrorException',
      message: 'SNS answered 403',
    });
    expect(server?.requests).toHaveLength(1);
  });
});

describe('events by EventBridge', () => {
  const event = {
    name: 'Build Skipped',
    at: START,
    subject: { build: aBuild() },
    cause: 'Superseded',
    detail: 'v2',
  } as const;

  it('have no character that EventBridge refuses, and say the same', async () => {
    const subject = { build: aBuild({ key: 'a\uFFFE.zip' }) };
    const events = await eventsAt({ status: 200, body: '{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}' });
    await events.emit({ ...event, subject });
    const [{ Detail }] = JSON.parse(server?.requests[0]?.body ?? '').Entries;
    expect(Detail).toContain('a\\ufffe.zip');
    expect(JSON.parse(Detail).build.key).toBe('a\uFFFE.zip');
  });

  it('are put on the bus with source and detail type', async () => {
    await (await eventsAt({ status: 200, body: '{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}' })).emit(event);
    const [request] = server?.requests ?? [];
    expect(request?.headers['x-amz-target']).toBe('AWSEvents.PutEvents');
    const { Entries } = JSON.parse(request?.body ?? '');
    expect(Entries).toHaveLength(1);
    expect(Entries[0]).toMatchObject({ Source: 'streampixel-drop', DetailType: 'Build Skipped', Time: START / 1000 });
    expect(JSON.parse(Entries[0].Detail)).toMatchObject({
      schemaVersion: 1,
      cause: 'Superseded',
      build: { key: 'a.zip' },
    });
  });

  it('fail when the one entry is refused with a 200', async () => {
    const body = '{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"no: secret"}]}';
    const events = await eventsAt({ status: 200, body });
    await expect(events.emit(event)).rejects.toThrow(/^EventBridge refused the event \(InternalFailure\)\.$/);
  });
});

describe('an event that is refused without a code', () => {
  it.each(['{"FailedEntryCount":1}', '{"FailedEntryCount":1,"Entries":[]}'])('fails all the same: %s', async (body) => {
    const event = { name: 'Build Skipped', at: START, subject: { build: aBuild() }, cause: 'Superseded' } as const;
    const events = await eventsAt({ status: 200, body });
    await expect(events.emit({ ...event, detail: 'v2' })).rejects.toThrow('EventBridge refused the event (no code).');
  });
});

describe('metrics by EMF', () => {
  it('are lines that CloudWatch’s own schema accepts', async () => {
    const lines: string[] = [];
    const metrics = createEmfMetrics('StreampixelDrop', { now: () => START }, (line) => void lines.push(line));
    metrics.put('Builds', 1, { Outcome: 'submitted' });
    metrics.put('SlotWait', 121.5);

    const isEmf = new Ajv2020().compile(EMF_SCHEMA);
    for (const line of lines) expect([isEmf(JSON.parse(line)), isEmf.errors]).toEqual([true, null]);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ Stack: 'StreampixelDrop', Outcome: 'submitted', Builds: 1 });
    expect(JSON.parse(lines[0] ?? '')._aws.CloudWatchMetrics[0].Dimensions).toEqual([['Stack', 'Outcome']]);
    expect(JSON.parse(lines[1] ?? '')._aws.CloudWatchMetrics[0].Metrics).toEqual([
      { Name: 'SlotWait', Unit: 'Seconds' },
    ]);
  });
});

/** What the specification in the CloudWatch User Guide demands of the members used here. */
const EMF_SCHEMA = {
  type: 'object',
  required: ['_aws'],
  properties: {
    _aws: {
      type: 'object',
      required: ['Timestamp', 'CloudWatchMetrics'],
      properties: {
        Timestamp: { type: 'integer' },
        CloudWatchMetrics: {
          type: 'array',
          items: {
            type: 'object',
            required: ['Namespace', 'Dimensions', 'Metrics'],
            properties: {
              Namespace: { type: 'string', minLength: 1 },
              Dimensions: { type: 'array', items: { type: 'array', maxItems: 30, items: { type: 'string' } } },
              Metrics: {
                type: 'array',
                maxItems: 100,
                items: {
                  type: 'object',
                  required: ['Name'],
                  properties: { Unit: { enum: ['Count', 'Seconds', 'Milliseconds'] } },
                },
              },
            },
          },
        },
      },
    },
  },
};
