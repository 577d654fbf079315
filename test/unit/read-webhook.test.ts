import { describe, expect, it } from 'vitest';
import { parseFollowMessage } from '../../functions/domain/follow/follow-message.ts';
import { readWebhook, stageOfStatus, WEBHOOK_BODY_LIMIT } from '../../functions/domain/follow/read-webhook.ts';
import { isUrlOf } from '../../functions/domain/model/following-transitions.ts';
import { STAGES, type WebhookNotice } from '../../functions/domain/model/news.ts';
import { fc } from '../support/fast-check.ts';
import { aBuild, ROUTE, START } from '../support/world.ts';

const { projectId } = ROUTE;
const UPLOAD_ID = '665a2b3c4d5e6f7a8b9c0e1f';
const FILE_URL = 'https://drop.s3.eu-central-1.amazonaws.com/games/a%20b.zip';
const SIGNATURE = '0123456789abcdef'.repeat(4);
const SIGNED = `${FILE_URL}?X-Amz-Credential=AKIAC4NARY%2F20260421&X-Amz-Security-Token=c4nary&X-Amz-Signature=${SIGNATURE}`;
const SECRETS = /c4nary|0123456789abcdef|X-Amz/i;
/** As Streampixel documents it. */
const PAYLOAD = {
  event: 'build.saving',
  projectId,
  uploadId: UPLOAD_ID,
  fileUrl: FILE_URL,
  status: 'Saving to Repository',
  objection: null,
  timestamp: '2026-04-21T11:30:00.000Z',
};

const read = (text: string) => readWebhook(text, projectId, START);
const readPayload = (changes: Readonly<Record<string, unknown>>) => read(JSON.stringify({ ...PAYLOAD, ...changes }));
function noticeOf(changes: Readonly<Record<string, unknown>>): WebhookNotice {
  const reading = readPayload(changes);
  if (reading.kind !== 'notice') throw new Error(`read as ${reading.kind}`);
  return reading.notice;
}

describe('a webhook', () => {
  it.each([
    ['build.uploaded', 'pending', 'uploaded'],
    ['build.downloading', 'Downloading Files', 'downloading'],
    ['build.extracting', 'Extracting & Scanning', 'extracting'],
    ['build.saving', 'Saving to Repository', 'saving'],
    ['build.distributing', 'Distribute', 'distributing'],
    ['build.approved', 'Approved', 'approved'],
    ['build.rejected', 'Reject', 'rejected'],
  ] as const)('of %s is read as documented', (event, status, stage) => {
    const notice = { projectId, uploadId: UPLOAD_ID, fileUrl: FILE_URL, stage, at: Date.parse(PAYLOAD.timestamp) };
    expect(readPayload({ event, status })).toStrictEqual({ kind: 'notice', notice });
    // The event or the status alone is enough.
    expect(noticeOf({ event: 'build.of-next-year', status }).stage).toBe(stage);
    expect(noticeOf({ event, status: 'Something Else' }).stage).toBe(stage);
    expect(noticeOf({ event: null, status: ` ${status.toUpperCase()} ` }).stage).toBe(stage);
  });

  it('has a status for every stage', () => {
    const statuses = ['pending', 'Downloading Files', 'Extracting & Scanning', 'Saving to Repository', 'Distribute'];
    expect([...statuses, 'Approved', 'Reject'].map(stageOfStatus)).toEqual([...STAGES]);
    expect(stageOfStatus('Queued')).toBeUndefined();
  });

  it('of a test needs no other field', () => {
    expect(read('{"event":"webhook.test"}')).toEqual({ kind: 'test' });
    expect(readPayload({ event: 'webhook.test', projectId: 'another', uploadId: null, fileUrl: null })).toEqual({
      kind: 'test',
    });
  });

  it('has the objection of a rejection', () => {
    const objection = 'Build contains unsupported file formats.';
    expect(noticeOf({ event: 'build.rejected', status: 'Reject', objection }).objection).toBe(objection);
    expect(noticeOf({ objection: '' })).not.toHaveProperty('objection');
  });

  it.each([
    [{ uploadId: null }, ['fileUrl', 'stage']],
    [{ fileUrl: null }, ['uploadId', 'stage']],
    [{ event: null, status: null }, ['uploadId', 'fileUrl']],
    [{ projectId: null, timestamp: null }, ['uploadId', 'fileUrl', 'stage']],
  ])('may have nulls: %j', (changes, there) => {
    const notice = noticeOf(changes);
    expect(Object.keys(notice).sort()).toEqual(['projectId', 'at', ...there].sort());
    expect(notice.projectId).toBe(projectId);
  });

  it('may have an event and a status that are not known here', () => {
    expect(noticeOf({ event: 'build.polished', status: 'Polishing' })).not.toHaveProperty('stage');
  });

  it.each([
    ['not JSON', '{"event":'],
    ['not JSON', ''],
    ['not JSON', 'c4nary'],
    ['not JSON', '[['.repeat(8_000)],
    ['not an object', '[]'],
    ['not an object', '"webhook.test"'],
    ['not an object', 'null'],
    ['not an object', '7'],
    ['not an object', JSON.stringify([PAYLOAD])],
    ['names no build', '{}'],
    ['names no build', '{"event":"build.approved"}'],
    ['names no build', JSON.stringify({ ...PAYLOAD, uploadId: '', fileUrl: 'no URL' })],
    ['of another project', JSON.stringify({ ...PAYLOAD, projectId: 'ffffffffffffffffffffffff' })],
  ])('is unreadable where it is %s', (detail, text) => {
    expect(read(text)).toEqual({ kind: 'unreadable', detail });
  });

  it('may name its project in upper case', () => {
    expect(readPayload({ projectId: projectId.toUpperCase() }).kind).toBe('notice');
  });

  it.each([
    ['numbers', 7],
    ['lists', [UPLOAD_ID]],
    ['objects', { toString: UPLOAD_ID }],
    ['booleans', true],
    ['ten thousand characters', 'x'.repeat(10_000)],
  ])('is read without fields that are %s instead of text', (_, value) => {
    const changes = Object.fromEntries(Object.keys(PAYLOAD).map((name) => [name, value]));
    expect(readPayload(changes)).toEqual({ kind: 'unreadable', detail: 'names no build' });
    const notice = noticeOf({ objection: value, timestamp: value, fileUrl: value, event: value });
    expect(notice).toStrictEqual({ projectId, uploadId: UPLOAD_ID, stage: 'saving', at: START });
  });

  it('has no fields from the prototype', () => {
    const text = `{"__proto__":{"uploadId":"${UPLOAD_ID}","event":"build.approved"},"constructor":{"prototype":{"status":"Reject"}}}`;
    expect(read(text)).toEqual({ kind: 'unreadable', detail: 'names no build' });
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
      expect(noticeOf({ event: name, status: name })).not.toHaveProperty('stage');
    }
    const notice = noticeOf(JSON.parse(`{"__proto__":{"polluted":true},"uploadId":"__proto__"}`));
    expect(notice.uploadId).toBe('__proto__');
    expect(Object.getPrototypeOf(notice)).toBe(Object.prototype);
    expect({}).not.toHaveProperty('polluted');
  });

  it('may be as deeply nested as its length allows', () => {
    const depth = (WEBHOOK_BODY_LIMIT - 600) / 2;
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const text = JSON.stringify(PAYLOAD).replace('"Saving to Repository"', deep);
    expect(read(text)).toMatchObject({ kind: 'notice', notice: { uploadId: UPLOAD_ID, stage: 'saving' } });
  });

  it('is read without the query, the user and the fragment of its URL', () => {
    expect(noticeOf({ fileUrl: SIGNED }).fileUrl).toBe(FILE_URL);
    expect(noticeOf({ fileUrl: `${FILE_URL}#${SIGNATURE}` }).fileUrl).toBe(FILE_URL);
    expect(noticeOf({ fileUrl: SIGNED.replace('//', '//c4nary:c4nary@') }).fileUrl).toBe(FILE_URL);
  });

  it.each(['javascript:alert(1)', 'data:text/html,x', 'file:///a.zip', 's3://drop/a.zip', '//drop/a.zip', 'a.zip'])(
    'is read without %s, which is not an http URL',
    (fileUrl) => {
      expect(noticeOf({ fileUrl })).not.toHaveProperty('fileUrl');
    },
  );

  it('is read with the plain HTTP URL of storage on the same machine', () => {
    expect(noticeOf({ fileUrl: 'http://127.0.0.1:9000/drop/a.zip?X-Amz-Date=1' }).fileUrl).toBe(
      'http://127.0.0.1:9000/drop/a.zip',
    );
  });

  it('is read with the first 4,096 characters of a URL, which is longer than any of S3', () => {
    const fileUrl = `https://h/${'x'.repeat(5_000)}`;
    expect(noticeOf({ fileUrl }).fileUrl).toBe(fileUrl.slice(0, 4_096));
  });

  it('is read without a text of more than 8,192 characters', () => {
    expect(noticeOf({ uploadId: 'x'.repeat(8_192) }).uploadId).toBe('x'.repeat(128));
    expect(noticeOf({ uploadId: 'x'.repeat(8_193) })).not.toHaveProperty('uploadId');
  });

  it('is read with the whole URL of the longest key that S3 allows', () => {
    const build = aBuild({ key: `${'ü'.repeat(510)}.zip` });
    const url = `https://drop.s3.eu-central-1.amazonaws.com/${encodeURIComponent(build.key)}`;
    expect(isUrlOf(build, noticeOf({ fileUrl: url }).fileUrl ?? '')).toBe(true);
  });

  it.each([
    `could not fetch ${SIGNED}`,
    `403 for <${SIGNED}>`,
    `X-Amz-Signature=${SIGNATURE}`,
    `signed ${SIGNATURE}`,
    JSON.stringify({ 'X-Amz-Security-Token': 'c4nary' }),
  ])('is read without the signatures in its objection: %s', (objection) => {
    const kept = noticeOf({ objection }).objection;
    expect(kept).toBeDefined();
    expect(kept).not.toMatch(/c4nary|0123456789abcdef/i);
  });

  it('is read with a shortened objection', () => {
    expect(noticeOf({ objection: `No.\n${'x'.repeat(5_000)}` }).objection).toMatch(/^No\. x+…$/);
    expect(noticeOf({ objection: 'x'.repeat(5_000) }).objection?.length).toBeLessThanOrEqual(300);
  });

  it.each([
    ['2026-04-21T11:30:00.000Z', Date.parse('2026-04-21T11:30:00Z')],
    ['2026-04-21T13:30:00+02:00', Date.parse('2026-04-21T11:30:00Z')],
    ['2026-04-22T11:59:00Z', Date.parse('2026-04-22T11:59:00Z')],
    ['2026-04-22T12:00:00Z', Date.parse('2026-04-22T12:00:00Z')],
    ['2026-04-22T12:00:01Z', START],
    ['9999-12-31T23:59:59Z', START],
    ['+275760-09-13T00:00:00.000Z', START],
    ['1970-01-01T00:00:00Z', 0],
    ['1969-12-31T23:59:59Z', START],
    ['-000001-01-01T00:00:00Z', START],
    ['yesterday', START],
    ['Invalid Date', START],
    ['1776771000000', START],
    ['__proto__', START],
    ['', START],
  ])('has the time of its timestamp %j, if that makes sense', (timestamp, at) => {
    expect(noticeOf({ timestamp }).at).toBe(at);
  });

  it('has the time of its arrival if its timestamp is a number, whose unit is unknown', () => {
    expect(noticeOf({ timestamp: 1_776_771_000 }).at).toBe(START);
  });

  it('never makes the reader throw, and the notice is limited and passes through the queue unchanged', () => {
    const value = fc.oneof(fc.string(), fc.jsonValue(), fc.webUrl({ withQueryParameters: true }));
    const body = fc.dictionary(
      fc.oneof(fc.constantFrom(...Object.keys(PAYLOAD), '__proto__', 'constructor'), fc.string()),
      value,
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          body.map((each) => JSON.stringify(each)),
        ),
        (text) => {
          const reading = read(text);
          if (reading.kind !== 'notice') return;
          const { notice } = reading;
          expect(notice.at).toBeGreaterThanOrEqual(0);
          expect(notice.at).toBeLessThanOrEqual(START + 86_400_000);
          expect(notice.fileUrl ?? '').not.toMatch(/[?#]/);
          const message = { kind: 'webhook', notice, receivedAt: START } as const;
          expect(parseFollowMessage(JSON.stringify(message))).toStrictEqual(message);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('fits into a message of SQS, whatever it contains', () => {
    const long = 'ü'.repeat(8_000);
    const notice = noticeOf({ uploadId: long, fileUrl: `https://h/${long}`, objection: long, event: long });
    expect(Buffer.byteLength(JSON.stringify(notice))).toBeLessThan(64 * 1024);
    expect(notice.uploadId).toHaveLength(128);
  });

  it('is read without the signature of our own URL in any field', () => {
    for (const name of ['fileUrl', 'objection', 'status', 'event', 'timestamp']) {
      expect(JSON.stringify(readPayload({ [name]: SIGNED }))).not.toMatch(SECRETS);
    }
  });
});
