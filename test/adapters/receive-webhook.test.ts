import { randomBytes } from 'node:crypto';
import type { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeEach, describe, expect, it } from 'vitest';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import { createSqsFollowQueue } from '../../functions/adapters/sqs-follow-queue.ts';
import type { Parameter } from '../../functions/adapters/ssm-parameters.ts';
import { createSsmWebhookTokens } from '../../functions/adapters/ssm-webhook-tokens.ts';
import { parseFollowMessage } from '../../functions/domain/follow/follow-message.ts';
import { WEBHOOK_BODY_LIMIT } from '../../functions/domain/follow/read-webhook.ts';
import { bodyOf, receiveWebhook, type WebhookRequest } from '../../functions/receive-webhook/receive-webhook.ts';
import { ROUTE, START } from '../support/world.ts';

const { projectId } = ROUTE;
const TOKEN = 'c4nary-token'.padEnd(43, '-');
const SIGNATURE = '0123456789abcdef'.repeat(4);
const FILE_URL = 'https://drop.s3.eu-central-1.amazonaws.com/a.zip';
const PAYLOAD = {
  event: 'build.rejected',
  projectId,
  uploadId: '665a2b3c4d5e6f7a8b9c0e1f',
  fileUrl: `${FILE_URL}?X-Amz-Credential=AKIAC4NARY&X-Amz-Security-Token=c4nary&X-Amz-Signature=${SIGNATURE}`,
  status: 'Reject',
  objection: `403 for ${FILE_URL}?X-Amz-Signature=${SIGNATURE}`,
  timestamp: '2026-04-21T11:30:00.000Z',
};
const NOT_FOUND = { statusCode: 404, headers: { 'content-type': 'application/json' }, body: '{"message":"Not Found"}' };
const SECRETS = /c4nary|0123456789abcdef|X-Amz/i;

let lines: string[];
let sent: SendMessageCommand['input'][];
let ssm: () => Parameter;
let ssmReads: number;
let queueIsDown: boolean;
let now: number;
let ports: Parameters<typeof receiveWebhook>[2];
beforeEach(() => {
  lines = [];
  sent = [];
  ssm = () => ({ Value: TOKEN, Type: 'SecureString' });
  ssmReads = 0;
  queueIsDown = false;
  now = START;
  const clock = { now: () => now };
  const log = createJsonLog(clock, (line) => void lines.push(line));
  const getParameter = async () => {
    ssmReads++;
    return ssm();
  };
  const sqs = {
    send: async ({ input }: SendMessageCommand) => {
      if (queueIsDown) throw new Error('SQS is down');
      sent.push(input);
    },
  };
  ports = {
    clock,
    log,
    tokens: createSsmWebhookTokens(getParameter, '/token', clock, log),
    followQueue: createSqsFollowQueue(sqs as unknown as SQSClient, 'https://sqs.example/follow'),
  };
});

function post(changes: Partial<WebhookRequest> = {}) {
  const request = { method: 'POST', contentType: 'application/json', projectId, token: TOKEN };
  const body = JSON.stringify(PAYLOAD);
  return receiveWebhook({ ...request, body, ...changes }, new Set([projectId]), ports);
}

const queued = () => sent.map(({ MessageBody }) => parseFollowMessage(MessageBody ?? ''));

describe('a webhook at its address', () => {
  it('is stored without any signature, and answered', async () => {
    const answer = await post();
    expect(answer).toMatchObject({ statusCode: 200, body: '{"message":"Received"}' });
    expect(sent).toMatchObject([{ QueueUrl: 'https://sqs.example/follow' }]);
    expect(queued()).toEqual([
      {
        kind: 'webhook',
        receivedAt: START,
        notice: {
          projectId,
          uploadId: PAYLOAD.uploadId,
          fileUrl: FILE_URL,
          stage: 'rejected',
          objection: `403 for ${FILE_URL}?[query]`,
          at: Date.parse(PAYLOAD.timestamp),
        },
      },
    ]);
    expect(JSON.stringify([sent, lines])).not.toMatch(SECRETS);
  });

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON ;charset=utf-8',
    'application/vnd.x+json',
  ])('may come as %s', async (contentType) => {
    expect(await post({ contentType })).toMatchObject({ statusCode: 200 });
    expect(sent).toHaveLength(1);
  });

  it('may name its project in capitals', async () => {
    await post({ projectId: projectId.toUpperCase() });
    expect(queued()).toMatchObject([{ notice: { projectId } }]);
  });

  it('of a test is stored as one', async () => {
    expect(await post({ body: '{"event":"webhook.test"}' })).toMatchObject({ statusCode: 200 });
    expect(queued()).toEqual([{ kind: 'webhook-test', projectId, receivedAt: START }]);
  });

  it('says so where it came to the address before the last change', async () => {
    ssm = () => ({ Value: `${'n'.repeat(43)}\n${TOKEN}`, Type: 'SecureString' });
    await post({ body: '{"event":"webhook.test"}' });
    await post();
    expect(queued()).toMatchObject([
      { kind: 'webhook-test', isFormer: true },
      { kind: 'webhook', isFormer: true },
    ]);
  });

  it('is not answered as stored where it was not', async () => {
    queueIsDown = true;
    await expect(post()).rejects.toThrow('SQS is down');
  });

  it('fails, so that the alarm on errors fires, where SSM gives no tokens', async () => {
    ssm = () => {
      throw new Error('ThrottlingException');
    };
    await expect(post()).rejects.toThrow('SSM gave no webhook tokens.');
    expect(sent).toEqual([]);
    expect(lines.join('')).not.toContain(TOKEN);
  });

  it.each([
    ['no JSON', 'c4nary'],
    ['cut off', JSON.stringify(PAYLOAD).slice(0, -1)],
    ['a list', JSON.stringify([PAYLOAD])],
    ['null', 'null'],
    ['of another project', JSON.stringify({ ...PAYLOAD, projectId: 'ffffffffffffffffffffffff' })],
    ['of no build', '{"event":"build.approved"}'],
    ['empty', ''],
    ['as deep as it can be', `${'{"c4nary":'.repeat(WEBHOOK_BODY_LIMIT / 11)}1${'}'.repeat(WEBHOOK_BODY_LIMIT / 11)}`],
    ['all lists', '['.repeat(WEBHOOK_BODY_LIMIT)],
    [
      'full of prototypes',
      '{"__proto__":{"event":"build.approved","uploadId":"x"},"constructor":{"prototype":{"uploadId":"x"}}}',
    ],
  ])('is answered and not stored where its body is %s, and none of it is logged', async (_, body) => {
    expect(await post({ body })).toMatchObject({ statusCode: 200 });
    expect(sent).toEqual([]);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ event: 'webhook-unreadable', projectId }]);
    expect(lines.join('')).not.toMatch(SECRETS);
    expect({}).not.toHaveProperty('uploadId');
  });

  it.each(['__proto__', 'constructor', 'toString'])('takes %s for a word like any other', async (word) => {
    await post({ body: JSON.stringify({ ...PAYLOAD, event: word, status: word, uploadId: word }) });
    expect(queued()).toMatchObject([{ kind: 'webhook', notice: { uploadId: word } }]);
    expect(queued()[0]).not.toHaveProperty('notice.stage');
  });
});

describe('a guess of the address', () => {
  const MISSES: [string, Partial<WebhookRequest>][] = [
    ['a wrong token', { token: 'x'.repeat(43) }],
    ['a token that is nearly right', { token: `${TOKEN.slice(0, -1)}x` }],
    ['the beginning of the token', { token: TOKEN.slice(0, 20) }],
    ['no token', { token: '' }],
    ['a token that is longer than any', { token: TOKEN.repeat(100) }],
    ['a megabyte of token', { token: 'x'.repeat(1_000_000) }],
    ['a project of no route', { projectId: 'ffffffffffffffffffffffff' }],
    ['no project', { projectId: '' }],
    ['a prototype for a project', { projectId: '__proto__' }],
    ['a GET', { method: 'GET' }],
    ['a PUT', { method: 'PUT' }],
    ['a method in small letters', { method: 'post' }],
    ['a form', { contentType: 'application/x-www-form-urlencoded' }],
    ['text', { contentType: 'text/plain' }],
    ['no content type', { contentType: '' }],
    ['nearly JSON', { contentType: 'application/jsonp' }],
    ['JSON behind something', { contentType: 'text/html,application/json' }],
    ['a body that is too long', { body: undefined }],
    ['everything wrong', { method: 'DELETE', token: 'x', projectId: 'x', contentType: 'x', body: undefined }],
  ];

  it.each(MISSES)('with %s gets the one answer, and nothing is stored or logged', async (_, changes) => {
    expect(await post(changes)).toStrictEqual(NOT_FOUND);
    expect(JSON.stringify(await post(changes))).toBe(JSON.stringify(NOT_FOUND));
    expect(sent).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('10,000 times gets it each time, costs a read of SSM in 10 s, and leaves the right address open', async () => {
    const answers = new Set<string>();
    for (let n = 0; n < 10_000; n++) {
      const token = randomBytes(32).toString('base64url');
      answers.add(JSON.stringify(await post({ token, ...(n % 3 === 0 ? { body: `{"x":"${token}"}` } : {}) })));
      now += 10;
    }
    expect([...answers]).toEqual([JSON.stringify(NOT_FOUND)]);
    expect(sent).toEqual([]);
    expect(lines).toEqual([]);
    expect(ssmReads).toBeLessThanOrEqual(1 + 100 / 10);
    expect(await post()).toMatchObject({ statusCode: 200 });
  });

  it.each<[string, () => Parameter]>([
    ['deleted', () => raise('ParameterNotFound')],
    ['a String', () => ({ Value: TOKEN, Type: 'String' })],
    ['too short to be a secret', () => ({ Value: 'guess-me', Type: 'SecureString' })],
  ])('gets nowhere while the parameter is %s, not even with its value', async (_, value) => {
    ssm = value;
    for (const token of [TOKEN, 'guess-me', '']) expect(await post({ token })).toStrictEqual(NOT_FOUND);
    expect(sent).toEqual([]);
    expect(lines.join('')).not.toMatch(/c4nary|guess-me/);
  });
});

describe('the body of a request', () => {
  it('is text, whichever way API Gateway hands it over', () => {
    const text = JSON.stringify({ objection: 'größer als 名' });
    expect(bodyOf(text, false)).toBe(text);
    expect(bodyOf(Buffer.from(text).toString('base64'), true)).toBe(text);
    expect(bodyOf('', false)).toBe('');
  });

  it.each([
    ['as text', (bytes: number) => bodyOf('x'.repeat(bytes), false)],
    ['as base64', (bytes: number) => bodyOf(Buffer.alloc(bytes, 'x').toString('base64'), true)],
    ['in letters of two bytes', (bytes: number) => bodyOf('ü'.repeat(bytes / 2), false)],
  ])('is nothing where it is longer than the limit, %s', (_, made) => {
    expect(made(WEBHOOK_BODY_LIMIT)).toBeDefined();
    expect(made(WEBHOOK_BODY_LIMIT + 2)).toBeUndefined();
    expect(made(10 * 1024 * 1024)).toBeUndefined();
  });

  it('is never an error', () => {
    expect(bodyOf('no base64!', true)).toBeTypeOf('string');
    expect(bodyOf('\ud800', false)).toBeTypeOf('string');
  });
});

function raise(name: string): never {
  throw Object.assign(new Error('SSM refused'), { name });
}
