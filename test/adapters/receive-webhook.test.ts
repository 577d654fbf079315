import { randomBytes } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeEach, describe, expect, it } from 'vitest';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import { createSqsFollowQueue } from '../../functions/adapters/sqs-follow-queue.ts';
import type { Parameter } from '../../functions/adapters/ssm-parameters.ts';
import { addressId, createSsmWebhookTokens } from '../../functions/adapters/ssm-webhook-tokens.ts';
import { parseFollowMessage } from '../../functions/domain/follow/follow-message.ts';
import { WEBHOOK_BODY_LIMIT } from '../../functions/domain/follow/read-webhook.ts';
import { receiveWebhook, type WebhookRequest } from '../../functions/receive-webhook/receive-webhook.ts';
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
let ports: Parameters<typeof receiveWebhook>[1];
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
  const request = { method: 'POST', projectId, token: TOKEN, isBase64Encoded: false, contentEncoding: undefined };
  const body = JSON.stringify(PAYLOAD);
  return receiveWebhook({ ...request, body, ...changes }, ports);
}

/** As API Gateway hands over what it takes for binary. */
function binary(body: Buffer, contentEncoding?: string): Partial<WebhookRequest> {
  return { body: body.toString('base64'), isBase64Encoded: true, contentEncoding };
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
        address: addressId(TOKEN),
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

  const TEXT = JSON.stringify({ ...PAYLOAD, objection: 'größer als 名' });
  it.each<[string, Partial<WebhookRequest>]>([
    ['as text', { body: TEXT }],
    ['as base64', binary(Buffer.from(TEXT))],
    ['behind a byte order mark', { body: `\ufeff${TEXT}` }],
    ['behind a byte order mark, as base64', binary(Buffer.from(`\ufeff${TEXT}`))],
    ['in UTF-16', binary(Buffer.from(`\ufeff${TEXT}`, 'utf16le'))],
    ['as gzip', binary(gzipSync(TEXT), 'gzip')],
    ['as gzip, named in capitals and twice', binary(gzipSync(TEXT), 'GZIP,x-gzip')],
    ['as gzip that no header announces', binary(gzipSync(TEXT))],
    ['announced as gzip, and not so', { body: TEXT, contentEncoding: 'gzip' }],
    ['as deflate', binary(deflateSync(TEXT), 'deflate')],
    ['as br', binary(brotliCompressSync(TEXT), 'br')],
    ['as gzip of a byte order mark', binary(gzipSync(`\ufeff${TEXT}`), 'gzip')],
    ['as the value of a form', binary(Buffer.from(new URLSearchParams({ payload: TEXT }).toString()))],
    ['as the name of a form', { body: `${encodeURIComponent(TEXT)}=` }],
    ['between blank lines', { body: `\r\n ${TEXT}\n\n` }],
  ])('may come %s', async (_, changes) => {
    expect(await post(changes)).toMatchObject({ statusCode: 200 });
    expect(queued()).toMatchObject([{ notice: { uploadId: PAYLOAD.uploadId, objection: 'größer als 名' } }]);
    expect(lines).toEqual([]);
  });

  it('may hold a character that SQS refuses', async () => {
    await post({ body: JSON.stringify({ ...PAYLOAD, objection: 'a\uFFFE' }) });
    expect(sent[0]?.MessageBody).toContain('a\\ufffe');
    expect(queued()).toMatchObject([{ notice: { objection: 'a\uFFFE' } }]);
  });

  it('may name its project in capitals', async () => {
    await post({ projectId: projectId.toUpperCase() });
    expect(queued()).toMatchObject([{ notice: { projectId } }]);
  });

  it('of a test is stored as one', async () => {
    expect(await post({ body: '{"event":"webhook.test"}' })).toMatchObject({ statusCode: 200 });
    expect(queued()).toEqual([{ kind: 'webhook-test', projectId, receivedAt: START, address: addressId(TOKEN) }]);
  });

  it('names the address that it came to, without the token in it', async () => {
    const next = 'n'.repeat(43);
    ssm = () => ({ Value: `${next}\n${TOKEN}`, Type: 'SecureString' });
    await post({ body: '{"event":"webhook.test"}' });
    await post({ token: next });
    expect(queued()).toMatchObject([
      { kind: 'webhook-test', address: addressId(TOKEN) },
      { kind: 'webhook', address: addressId(next) },
    ]);
    expect(addressId(next)).toMatch(/^[\da-f]{16}$/);
    expect(addressId(next)).not.toBe(addressId(TOKEN));
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

  it.each<[string, string | Partial<WebhookRequest>]>([
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
    ['in an unknown coding', { contentEncoding: 'zstd' }],
    ['in too many codings', { contentEncoding: 'br, br, br, br' }],
    ['not in the coding that is named', { contentEncoding: 'br' }],
    ['cut off within gzip', binary(gzipSync(JSON.stringify(PAYLOAD)).subarray(0, -9), 'gzip')],
    ['no base64', { body: 'c4nary!', isBase64Encoded: true }],
    ['half a character', { body: '\ud800' }],
    ['a form without JSON', { body: 'event=c4nary&uploadId=1' }],
  ])('is answered and not stored where its body is %s, and none of it is logged', async (_, body) => {
    expect(await post(typeof body === 'string' ? { body } : body)).toMatchObject({ statusCode: 200 });
    expect(sent).toEqual([]);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { event: 'webhook-unreadable', projectId, status: 200, detail: expect.stringMatching(/./) },
    ]);
    expect(lines.join('')).not.toContain(TOKEN);
    expect(lines.join('')).not.toMatch(SECRETS);
    expect({}).not.toHaveProperty('uploadId');
  });

  it.each(['__proto__', 'constructor', 'toString'])('takes %s for a word like any other', async (word) => {
    await post({ body: JSON.stringify({ ...PAYLOAD, event: word, status: word, uploadId: word }) });
    expect(queued()).toMatchObject([{ kind: 'webhook', notice: { uploadId: word } }]);
    expect(queued()[0]).not.toHaveProperty('notice.stage');
  });
});

describe('a request to the right address that is no webhook', () => {
  const LIMIT = WEBHOOK_BODY_LIMIT;
  const padded = (bytes: number) => JSON.stringify(PAYLOAD).padEnd(bytes, ' ');
  it.each<[string, Partial<WebhookRequest>, string]>([
    ['a GET', { method: 'GET' }, 'not a POST'],
    ['a PUT', { method: 'PUT' }, 'not a POST'],
    ['a method in small letters', { method: 'post' }, 'not a POST'],
    ['no project', { projectId: '' }, 'not the id of a project'],
    ['a project of c4nary', { projectId: 'c4nary' }, 'not the id of a project'],
    ['a prototype for a project', { projectId: '__proto__' }, 'not the id of a project'],
    ['a body that is too long', { body: padded(LIMIT + 1) }, 'longer than 16384 bytes'],
    ['a body of ten megabytes', { body: padded(10_000_000) }, 'longer than 16384 bytes'],
    ['base64 that is too long', binary(Buffer.from(padded(LIMIT + 1))), 'longer than 16384 bytes'],
    ['too many letters of two bytes', { body: 'ü'.repeat(LIMIT / 2 + 1) }, 'longer than 16384 bytes'],
    ['what inflates to too much', binary(gzipSync(padded(LIMIT + 1)), 'gzip'), 'longer than 16384 bytes'],
    ['what inflates to ten megabytes', binary(brotliCompressSync(Buffer.alloc(1e7)), 'br'), 'longer than 16384 bytes'],
  ])('with %s gets the one answer, and the log has the reason alone', async (_, changes, detail) => {
    expect(await post(changes)).toStrictEqual(NOT_FOUND);
    expect(sent).toEqual([]);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ event: 'webhook-refused', detail, status: 404 }]);
    expect(lines.join('')).not.toMatch(SECRETS);
    expect(lines.join('')).not.toContain(TOKEN);
  });

  it('names its project where that has the form of one', async () => {
    const other = 'ffffffffffffffffffffffff';
    expect(await post({ projectId: other, method: 'PUT' })).toStrictEqual(NOT_FOUND);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ event: 'webhook-refused', projectId: other }]);
  });

  it('is none of them where its project has left the settings: builds of it may be under way', async () => {
    const other = 'ffffffffffffffffffffffff';
    const { projectId: _, ...payload } = PAYLOAD;
    expect(await post({ projectId: other, body: JSON.stringify(payload) })).toMatchObject({ statusCode: 200 });
    expect(sent.map((message) => JSON.stringify(message))).toEqual([expect.stringContaining(other)]);
  });

  it('is one from the first byte beyond the limit', async () => {
    for (const body of [{ body: padded(LIMIT) }, binary(Buffer.from(padded(LIMIT))), binary(gzipSync(padded(LIMIT)))]) {
      expect(await post(body)).toMatchObject({ statusCode: 200 });
    }
    expect(sent).toHaveLength(3);
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
    ['everything wrong', { method: 'DELETE', token: 'x', projectId: 'x', contentEncoding: 'x', body: '' }],
    ['a wrong token and a bomb', { token: 'x'.repeat(43), ...binary(brotliCompressSync(Buffer.alloc(1e7)), 'br') }],
  ];

  it.each(MISSES)('with %s gets the one answer, and nothing is stored or logged', async (_, changes) => {
    expect(await post(changes)).toStrictEqual(NOT_FOUND);
    expect(JSON.stringify(await post(changes))).toBe(JSON.stringify(NOT_FOUND));
    expect(sent).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('with a token that is longer than any is not looked up, however SSM is', async () => {
    ssm = () => raise('ThrottlingException');
    expect(await post({ token: 'x'.repeat(129) })).toStrictEqual(NOT_FOUND);
    expect(ssmReads).toBe(0);
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

function raise(name: string): never {
  throw Object.assign(new Error('SSM refused'), { name });
}
