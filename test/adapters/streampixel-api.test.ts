import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createStreampixelApi, createStreampixelReleases } from '../../functions/adapters/streampixel-api.ts';
import {
  createStreampixelKeyChecks,
  createStreampixelProjectFiles,
} from '../../functions/adapters/streampixel-lookups.ts';
import { PresignedUrl, Secret } from '../../functions/domain/model/secret.ts';
import type { ReleaseAnswer, UploadAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import type { ProjectFilesRead } from '../../functions/domain/ports.ts';
import { type Reply, type ScriptedServer, SILENCE_MS, startScriptedServer } from '../support/scripted-server.ts';

const SIGNATURE = '0123456789abcdef'.repeat(4);
const REQUEST = {
  route: {
    prefix: '',
    userId: '6650a1b2c3d4e5f60718293a',
    projectId: '664f0e1d2c3b4a5968778695',
    autoRelease: false,
    apiKeyParameter: '/streampixel-drop/api-key',
  },
  apiKey: new Secret('c4nary-api-key'),
  fileUrl: new PresignedUrl(
    `https://drop.s3.eu-central-1.amazonaws.com/a%20b.zip?X-Amz-Credential=AKIDEXAMPLE%2F20260421&X-Amz-Security-Token=t0ken%2Bvalue&X-Amz-Signature=${SIGNATURE}`,
    0,
  ),
};
const clock = { now: Date.now };
const ACCEPTED = '{"message":"Build queued for processing","uploadId":"665a"}';
/** By which a gateway says "I don't know". */
const GATEWAY_STATUSES = [502, 504, 520, 521, 522, 523, 524, 527, 530, 598, 599];

/** Until when an answer has to be there, in ms since the epoch: a server that hangs costs the whole time. */
const deadlineFor = (reply: unknown) => Date.now() + (reply === 'hang' ? SILENCE_MS : 60_000);

let server: ScriptedServer | undefined;
afterEach(() => server?.close());

async function upload(reply: Reply | ((body: string) => Reply)): Promise<UploadAnswer> {
  server = await startScriptedServer(reply);
  return createStreampixelApi(`${server.url}/pixelStripeApi`, clock).uploadFile(REQUEST, deadlineFor(reply));
}

describe('upload-file', () => {
  it.each(['t0ken+value', 'AKIDEXAMPLE/20260421', '?X-Amz-Credential=AKIDEXAMPLE%2F20260421', SIGNATURE])(
    'keeps nothing of the signed URL that comes back in a message: %s',
    async (part) => {
      const answer = await upload({ status: 400, body: JSON.stringify({ message: `could not use ${part} here` }) });
      expect(answer).toMatchObject({ kind: 'refused', detail: expect.stringMatching(/^could not use .* here$/) });
      expect(JSON.stringify(answer)).not.toContain(part);
    },
  );

  it('takes no wait from a message that is cut off: half a number is another number', async () => {
    const answer = await upload({ status: 429, cutOff: 'Try again in 90 s, or in 9 m' });
    expect(answer).toMatchObject({ kind: 'rate-limited', status: 429 });
    expect(answer).not.toHaveProperty('retryAfterMs');
    const whole = await upload({ status: 429, body: 'Try again in 9 s' });
    expect(whole).toMatchObject({ retryAfterMs: 9_000 });
  });

  it('sends exactly the documented body, the URL byte for byte', async () => {
    await upload({ status: 200, body: '{"uploadId":"665a2b3c4d5e6f7a8b9c0e1f"}' });

    const [request] = server?.requests ?? [];
    expect(request?.method).toBe('POST');
    expect(request?.url).toBe('/pixelStripeApi/projects/upload-file');
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.headers['accept-encoding']).toBe('identity');
    expect(request?.headers.authorization).toBeUndefined();
    expect(JSON.parse(request?.body ?? '')).toEqual({
      apiKey: 'c4nary-api-key',
      userId: '6650a1b2c3d4e5f60718293a',
      projectId: '664f0e1d2c3b4a5968778695',
      fileUrl: REQUEST.fileUrl.reveal(),
      autoRelease: false,
    });
  });

  it.each([200, 201, 202])('takes %i with an uploadId for accepted', async (status) => {
    const answer = await upload({ status, body: '{"message":"Build queued for processing","uploadId":"665a"}' });
    expect(answer).toMatchObject({ kind: 'accepted', status, uploadId: '665a' });
    expect(answer.sentAt).toBeTypeOf('number');
  });

  it.each<[string, Reply]>([
    ['no uploadId', { status: 200, body: '{"message":"ok"}' }],
    ['an empty uploadId', { status: 200, body: '{"uploadId":""}' }],
    ['a null uploadId', { status: 200, body: '{"uploadId":null}' }],
    ['a list', { status: 200, body: '[]' }],
    ['HTML', { status: 200, body: '<html>welcome</html>' }],
    ['nothing', { status: 204 }],
    ['a body that is cut off', { cutOff: '{"message":"Build queued for proc' }],
  ])('takes a 2xx with %s for lost: it may have been accepted', async (_, reply) => {
    const answer = await upload(reply);
    expect(answer.kind).toBe('lost');
    expect(answer).toHaveProperty('status');
  });

  it.each([
    [400, '{"message":"Missing required field: fileUrl"}', 'RequestRejected', 'Missing required field: fileUrl'],
    [401, '{"message":"Unauthorized: Invalid API Key"}', 'InvalidApiKey', 'Unauthorized: Invalid API Key'],
    [401, '{"message":"Invalid User"}', 'InvalidUser', 'Invalid User'],
    [401, 'Authorization Required', 'Unauthorised', 'Authorization Required'],
    [401, '', 'Unauthorised', 'HTTP 401 without a body'],
    [403, '{"message":"Forbidden: project does not belong to this user"}', 'ProjectForbidden', 'Forbidden: project'],
    [404, '{"message":"Project not found"}', 'ProjectNotFound', 'Project not found'],
    [415, '', 'RequestRejected', 'HTTP 415'],
    [422, '{"message":["not","a","string"]}', 'RequestRejected', '"not"'],
  ] as const)('takes %i %s for %s', async (status, body, reason, words) => {
    const answer = await upload({ status, body });
    expect(answer).toMatchObject({ kind: 'refused', reason, status });
    expect(answer).toHaveProperty('detail', expect.stringContaining(words));
  });

  it('follows no redirect and says where it would have led', async () => {
    const answer = await upload({ status: 307, headers: { location: 'https://elsewhere.example/login?token=1' } });
    expect(answer).toMatchObject({ kind: 'refused', reason: 'RequestRejected', status: 307 });
    expect(answer).toHaveProperty('detail', expect.stringContaining('https://elsewhere.example/login?[query]'));
    expect(server?.requests).toHaveLength(1);
  });

  it.each([
    ['the header in seconds', { 'retry-after': '90' }, 'slow down', 90_000],
    ['the words', {}, 'Rate limit exceeded. Try again in 2 minutes.', 120_000],
    ['the header before the words', { 'retry-after': '5' }, 'Try again in 2 minutes.', 5_000],
    ['neither', {}, 'slow down', undefined],
    ['an absurd header', { 'retry-after': '999999999' }, '', 86_400_000],
    ['the words, and not the window', {}, '1 upload per 2 minutes. Try again in 540 seconds', 540_000],
  ])('takes the wait of a 429 from %s', async (_, headers, message, retryAfterMs) => {
    const answer = await upload({ status: 429, headers, body: JSON.stringify({ message }) });
    expect(answer.kind).toBe('rate-limited');
    expect(answer).toHaveProperty('status', 429);
    expect('retryAfterMs' in answer ? answer.retryAfterMs : undefined).toBe(retryAfterMs);
  });

  it('takes the wait of a 429 from a date', async () => {
    const now = Date.parse('2026-04-21T11:30:00Z');
    server = await startScriptedServer({
      status: 429,
      headers: { 'retry-after': new Date(now + 60_000).toUTCString() },
    });
    const api = createStreampixelApi(server.url, { now: () => now });
    expect(await api.uploadFile(REQUEST, now + 60_000)).toMatchObject({ kind: 'rate-limited', retryAfterMs: 60_000 });
  });

  it.each([500, 503, 408, 425])('takes %i for a failure that may pass', async (status) => {
    expect(await upload({ status, body: '{"message":"Internal server error"}' })).toMatchObject({
      kind: 'failed',
      cause: 'VendorError',
      status,
    });
  });

  it.each([500, 503, 408, 425])('takes the time to come back from a %i', async (status) => {
    expect(await upload({ status, headers: { 'retry-after': '7200' } })).toMatchObject({
      kind: 'failed',
      cause: 'VendorError',
      retryAfterMs: 7_200_000,
    });
    await server?.close();
    const body = '{"message":"Down for maintenance, back in 2 hours."}';
    expect(await upload({ status, body })).toMatchObject({ kind: 'failed', retryAfterMs: 7_200_000 });
    await server?.close();
    expect(await upload({ status, headers: { 'x-ratelimit-reset': '60' } })).not.toHaveProperty('retryAfterMs');
  });

  it.each(GATEWAY_STATUSES)(
    'takes a gateway’s %i for lost: the API behind it may have taken the build',
    async (status) => {
      expect(await upload({ status, body: '<html>Bad Gateway</html>' })).toMatchObject({ kind: 'lost', status });
    },
  );

  it.each([501, 505, 507, 525, 526, 529, 561, 597])('takes %i for certainly not accepted', async (status) => {
    expect(await upload({ status, body: 'error code' })).toMatchObject({
      kind: 'failed',
      cause: 'VendorError',
      status,
    });
  });

  it.each<[string, string, Buffer]>([
    ['gzip', 'gzip', gzipSync(ACCEPTED)],
    ['gzip by its old name', 'X-GZip', gzipSync(ACCEPTED)],
    ['gzip that nothing announces', 'identity', gzipSync(ACCEPTED)],
    ['gzip that a proxy has decoded', 'gzip', Buffer.from(ACCEPTED)],
    ['deflate', 'deflate', deflateSync(ACCEPTED)],
    ['deflate without its wrapper', 'deflate', deflateRawSync(ACCEPTED)],
    ['br', 'br', brotliCompressSync(ACCEPTED)],
    ['two codings', 'gzip, br', brotliCompressSync(gzipSync(ACCEPTED))],
    ['a byte order mark', 'identity', Buffer.from(`\ufeff${ACCEPTED}`)],
    ['a byte order mark within gzip', 'gzip', gzipSync(`\ufeff${ACCEPTED}`)],
    ['UTF-16', 'identity', Buffer.from(`\ufeff${ACCEPTED}`, 'utf16le')],
    ['UTF-16 the other way round', 'identity', Buffer.from(`\ufeff${ACCEPTED}`, 'utf16le').swap16()],
  ])('reads %s, though it asks for none', async (_, coding, body) => {
    const headers = coding === 'identity' ? {} : { 'content-encoding': coding };
    expect(await upload({ status: 200, headers, body })).toMatchObject({ kind: 'accepted', uploadId: '665a' });
    await server?.close();
    const refused = {
      status: 401,
      headers: { 'content-encoding': 'gzip' },
      body: gzipSync('{"message":"Invalid User"}'),
    };
    expect(await upload(refused)).toMatchObject({ kind: 'refused', reason: 'InvalidUser', detail: 'Invalid User' });
  });

  it.each<[string, string, string | Buffer, string]>([
    ['in an unknown coding', 'compress', ACCEPTED, 'in an unknown coding'],
    ['in too many codings', 'br, br, br, br', ACCEPTED, 'in an unknown coding'],
    ['that is not what it says', 'br', ACCEPTED, 'broken or cut off'],
    ['that breaks off', 'gzip', gzipSync(ACCEPTED).subarray(0, -1), 'broken or cut off'],
    ['that inflates to a megabyte', 'gzip', gzipSync(ACCEPTED + ' '.repeat(1_000_000)), 'too long'],
    [
      'that inflates to ten megabytes from forty bytes',
      'br, br',
      brotliCompressSync(brotliCompressSync(' '.repeat(1e7))),
      'too long',
    ],
  ])('takes a 200 %s for lost', async (_, coding, body, problem) => {
    const answer = await upload({ status: 200, headers: { 'content-encoding': coding }, body });
    expect(answer).toMatchObject({ kind: 'lost', status: 200, detail: expect.stringContaining(problem) });
  });

  it.each<[string, string, string | Buffer, object]>([
    ['in an unknown coding', 'compress', 'x', { kind: 'refused', reason: 'Unauthorised' }],
    ['that breaks off', 'gzip', gzipSync('{"message":"Invalid User"}').subarray(0, 30), { kind: 'lost' }],
  ])('does not guess at the cause of a 401 %s', async (_, coding, body, expected) => {
    const answer = await upload({ status: 401, headers: { 'content-encoding': coding }, body });
    expect(answer).toMatchObject({ ...expected, status: 401 });
  });

  it.each<[string, Reply]>([
    ['a reset connection', 'reset'],
    ['a server that hangs', 'hang'],
  ])('takes %s for lost, and knows when the request went out', async (_, reply) => {
    const answer = await upload(reply);
    expect(answer.kind).toBe('lost');
    expect(answer.sentAt).toBeTypeOf('number');
  });

  it('takes a refused connection for never sent', async () => {
    const closed = await startScriptedServer({ status: 200 });
    await closed.close();
    const answer = await createStreampixelApi(closed.url, clock).uploadFile(REQUEST, Date.now() + 60_000);
    expect(answer).toMatchObject({ kind: 'failed', cause: 'VendorUnreachable', detail: 'ECONNREFUSED' });
    expect(answer.sentAt).toBeUndefined();
  });

  it('takes a name that does not resolve for never sent', async () => {
    // The loopback guard of the tests stands in for the resolver: the connection is refused before it is made.
    const api = createStreampixelApi('https://no-such-host.invalid/pixelStripeApi', clock);
    const answer = await api.uploadFile(REQUEST, Date.now() + 60_000);
    expect(answer).toMatchObject({ kind: 'failed', cause: 'VendorUnreachable' });
  });

  it('reads no more of an endless answer than it needs', async () => {
    const answer = await upload({ status: 500, body: 'x'.repeat(5_000_000) });
    expect(answer.kind).toBe('failed');
    expect('detail' in answer ? answer.detail.length : 0).toBeLessThanOrEqual(300);
  });

  it('keeps every secret out of Streampixel’s message, even when it echoes the request', async () => {
    for (const status of [200, 400, 401, 403, 404, 429, 500, 502]) {
      for (const echo of [
        (body: string) => body,
        (body: string) => JSON.stringify({ message: `cannot use ${body}` }),
        (body: string) => encodeURIComponent(body),
        (body: string) => JSON.parse(body).fileUrl.split('X-Amz-Signature=')[1],
      ]) {
        const answer = await upload((body) => ({ status, body: echo(body) }));
        expect(JSON.stringify(answer)).not.toMatch(/c4nary|0123456789abcdef|t0ken|AKIDEXAMPLE/);
        await server?.close();
      }
    }
  });

  it.each(['http://api.streampixel.io/pixelStripeApi', 'http://10.0.0.1', 'ftp://127.0.0.1'])(
    'refuses to send the key to %s',
    (baseUrl) => {
      expect(() => createStreampixelApi(baseUrl, clock)).toThrow(/must be https/);
    },
  );
});

describe('the check of a key', () => {
  const KEY = new Secret('c4nary/api+key');

  async function check(reply: Reply) {
    server = await startScriptedServer(reply);
    return createStreampixelKeyChecks(`${server.url}/pixelStripeApi/`, clock).check('user', KEY, deadlineFor(reply));
  }

  it('asks for the list of projects as documented', async () => {
    expect(await check({ status: 200, body: '{"totalProjects":1,"projects":[]}' })).toEqual({ kind: 'taken' });
    expect(server?.requests[0]).toMatchObject({
      method: 'GET',
      url: '/pixelStripeApi/projects/projects-status?userId=user&apikey=c4nary%2Fapi%2Bkey',
    });
  });

  it.each([
    ['Unauthorized: Invalid API Key', 'InvalidApiKey'],
    ['Invalid User', 'InvalidUser'],
    ['no', 'Unauthorised'],
  ])('takes a 401 that says "%s" for %s', async (message, reason) => {
    expect(await check({ status: 401, body: JSON.stringify({ message }) })).toEqual({
      kind: 'refused',
      reason,
      detail: message,
    });
  });

  it.each<[string, Reply]>([
    ['a 404', { status: 404, body: 'c4nary/api+key' }],
    ['a 500', { status: 500, body: '?apikey=c4nary%2Fapi%2Bkey' }],
    ['a 401 that is cut off', { status: 401, cutOff: '{"message":"Invalid U' }],
    ['a reset', 'reset'],
    ['a server that hangs', 'hang'],
  ])('leaves it open after %s, and shows no key', async (_, reply) => {
    const verdict = await check(reply);
    expect(verdict.kind).toBe('unclear');
    expect(JSON.stringify(verdict)).not.toContain('c4nary');
  });
});

describe('distribute-file', () => {
  const RELEASE = {
    userId: '6650a1b2c3d4e5f60718293a',
    projectId: '664f0e1d2c3b4a5968778695',
    uploadId: '665a2b3c4d5e6f7a8b9c0e1f',
    apiKey: new Secret('c4nary-api-key'),
  };

  async function release(reply: Reply | ((body: string) => Reply)): Promise<ReleaseAnswer> {
    server = await startScriptedServer(reply);
    const releases = createStreampixelReleases(`${server.url}/pixelStripeApi/`, clock);
    return releases.distributeFile(RELEASE, deadlineFor(reply));
  }

  it('sends exactly the documented body', async () => {
    await release({ status: 200, body: '{"message":"Distribution triggered"}' });

    const [request] = server?.requests ?? [];
    expect(request).toMatchObject({ method: 'POST', url: '/pixelStripeApi/projects/distribute-file' });
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.headers.authorization).toBeUndefined();
    expect(JSON.parse(request?.body ?? '')).toEqual({ ...RELEASE, apiKey: 'c4nary-api-key' });
  });

  it.each<[string, Reply]>([
    ['in the newer words', { status: 200, body: '{"message":"Distribution triggered"}' }],
    [
      'in the older words',
      {
        status: 200,
        body: '{"success":true,"uploadId":"665a","region":"us-east-1","message":"File distribution triggered successfully"}',
      },
    ],
    ['in none', { status: 204 }],
    ['as created', { status: 201, body: 'ok' }],
    ['in a body that is cut off', { cutOff: '{"message":"Distri' }],
  ])('takes a 2xx %s for released', async (_, reply) => {
    const answer = await release(reply);
    expect(answer.kind).toBe('released');
    expect(answer.sentAt).toBeTypeOf('number');
  });

  it.each([
    [400, '{"message":"File has no URL yet"}', 'File has no URL yet'],
    [400, '', 'HTTP 400 without a body'],
    [404, '{"message":"File not found in project"}', 'File not found in project'],
    [404, '{"message":"file NOT FOUND in project"}', 'file NOT FOUND in project'],
  ])('takes %i %s for too early', async (status, body, detail) => {
    expect(await release({ status, body })).toMatchObject({ kind: 'too-early', status, detail });
  });

  it.each([
    [401, '{"message":"Unauthorized: Invalid API Key"}', 'InvalidApiKey'],
    [401, '{"message":"Invalid User"}', 'InvalidUser'],
    [401, 'Authorization Required', 'Unauthorised'],
    [403, '{"message":"Access denied"}', 'ProjectForbidden'],
    [404, '{"message":"Project not found"}', 'ProjectNotFound'],
    [404, '', 'ProjectNotFound'],
    [404, '<html>Cannot POST /projects</html>', 'ProjectNotFound'],
    [415, '', 'RequestRejected'],
  ] as const)('takes %i %s for %s', async (status, body, reason) => {
    expect(await release({ status, body })).toMatchObject({ kind: 'refused', reason, status });
  });

  it('takes a 429 for a wait, of as long as it says', async () => {
    const body = '{"message":"Rate limit exceeded. Try again in 2 minutes."}';
    expect(await release({ status: 429, body })).toMatchObject({ kind: 'rate-limited', retryAfterMs: 120_000 });
    await server?.close();
    const answer = await release({ status: 429, headers: { 'retry-after': '90' } });
    expect(answer).toMatchObject({ kind: 'rate-limited', retryAfterMs: 90_000 });
    await server?.close();
    expect(await release({ status: 429 })).not.toHaveProperty('retryAfterMs');
  });

  it.each([500, 503, 408, 425])('takes %i for a no that may pass', async (status) => {
    const body = '{"message":"Internal server error"}';
    const answer = await release({ status, body });
    expect(answer).toMatchObject({ kind: 'failed', cause: 'VendorError', status });
    expect(answer).not.toHaveProperty('retryAfterMs');
    await server?.close();
    const busy = await release({ status, body, headers: { 'retry-after': '600s' } });
    expect(busy).toMatchObject({ kind: 'failed', retryAfterMs: 600_000 });
  });

  it('tries again where a 404 does not say what is missing', async () => {
    expect(await release({ status: 404, cutOff: '{"message":"Fi' })).toMatchObject({ kind: 'too-early', status: 404 });
  });

  it('reads an answer in a coding that it did not ask for', async () => {
    const body = gzipSync('{"message":"File not found in project"}');
    expect(await release({ status: 404, headers: { 'content-encoding': 'gzip' }, body })).toMatchObject({
      kind: 'too-early',
      detail: 'File not found in project',
    });
  });

  it.each<[string, Reply]>([
    ...GATEWAY_STATUSES.map((status): [string, Reply] => [`a ${status}`, { status, body: '<html>Bad Gateway</html>' }]),
    ['a 401 that is cut off', { status: 401, cutOff: '{"message":"Unauth' }],
    ['a reset connection', 'reset'],
    ['a server that hangs', 'hang'],
  ])('takes %s for lost: it may have been released', async (_, reply) => {
    const answer = await release(reply);
    expect(answer.kind).toBe('lost');
    expect(answer.sentAt).toBeTypeOf('number');
  });

  it('takes a refused connection for never sent', async () => {
    const closed = await startScriptedServer({ status: 200 });
    await closed.close();
    const answer = await createStreampixelReleases(closed.url, clock).distributeFile(RELEASE, Date.now() + 60_000);
    expect(answer).toMatchObject({ kind: 'failed', cause: 'VendorUnreachable', detail: 'ECONNREFUSED' });
    expect(answer.sentAt).toBeUndefined();
  });

  it('follows no redirect, with the key in its body', async () => {
    const answer = await release({ status: 307, headers: { location: 'https://elsewhere.example/?c4nary-api-key' } });
    expect(answer).toMatchObject({ kind: 'refused', reason: 'RequestRejected', status: 307 });
    expect(JSON.stringify(answer)).not.toContain('c4nary');
    expect(server?.requests).toHaveLength(1);
  });

  it('keeps the key out of Streampixel’s message, even when it echoes the request', async () => {
    for (const status of [400, 401, 403, 404, 429, 500, 502]) {
      for (const echo of [
        (body: string) => body,
        (body: string) => JSON.stringify({ message: `file: cannot use ${body}` }),
        (body: string) => encodeURIComponent(body),
      ]) {
        const answer = await release((body) => ({ status, body: echo(body) }));
        expect(JSON.stringify(answer)).not.toContain('c4nary');
        await server?.close();
      }
    }
  });

  it('refuses to send the key in the clear', () => {
    expect(() => createStreampixelReleases('http://api.streampixel.io', clock)).toThrow(/must be https/);
    expect(() => createStreampixelProjectFiles('http://api.streampixel.io', clock)).toThrow(/must be https/);
  });
});

describe('the builds of a project', () => {
  const KEY = new Secret('c4nary/api+key');

  async function files(reply: Reply, projectId = 'p1'): Promise<ProjectFilesRead> {
    server = await startScriptedServer(reply);
    const projectFiles = createStreampixelProjectFiles(`${server.url}/pixelStripeApi`, clock);
    return projectFiles.read('user', projectId, KEY, deadlineFor(reply));
  }
  const project = (list: unknown, status = 200): Reply => ({
    status,
    body: JSON.stringify({ _id: 'p1', webhookUrl: 'https://x.example/p1/token', files: list }),
  });

  it('are read as older pages document them', async () => {
    const read = await files(
      project([
        {
          _id: 'u1',
          url: `https://h/a.zip?X-Amz-Signature=${SIGNATURE}`,
          status: 'Approved',
          date: '2026-04-21T11:30:00Z',
        },
        { _id: 'u2', url: null, status: 'Reject', date: '2026-04-21', objection: 'No executable.' },
        { _id: 'u3', status: 'pending', date: 'yesterday', objection: '' },
      ]),
    );
    expect(read).toEqual({
      kind: 'read',
      files: [
        { uploadId: 'u1', status: 'Approved', at: Date.parse('2026-04-21T11:30:00Z') },
        { uploadId: 'u2', status: 'Reject', at: Date.parse('2026-04-21'), objection: 'No executable.' },
        { uploadId: 'u3', status: 'pending' },
      ],
    });
    expect(server?.requests[0]).toMatchObject({
      method: 'GET',
      url: '/pixelStripeApi/projects/p1?userId=user&apikey=c4nary%2Fapi%2Bkey',
      body: '',
    });
  });

  it('pass over whatever does not look like one', async () => {
    const list = [null, 7, 'u1', [], {}, { _id: 7, status: 'Approved' }, { _id: 'u', status: null }];
    expect(await files(project([...list, { _id: 'u1', status: 'Approved', date: 7, objection: {} }]))).toEqual({
      kind: 'read',
      files: [{ uploadId: 'u1', status: 'Approved' }],
    });
  });

  it('are asked for below a base URL, however many slashes it ends with', async () => {
    server = await startScriptedServer(project([]));
    const projectFiles = createStreampixelProjectFiles(`${server.url}/pixelStripeApi//`, clock);
    await projectFiles.read('user', 'p1', KEY, Date.now() + 60_000);
    expect(server.requests[0]?.url).toMatch(/^\/pixelStripeApi\/projects\/p1\?/);
  });

  it('are not asked for once the deadline has passed', async () => {
    server = await startScriptedServer(project([]));
    const projectFiles = createStreampixelProjectFiles(server.url, clock);
    const read = await projectFiles.read('user', 'p1', KEY, Date.now());
    expect(read).toEqual({ kind: 'unclear', detail: 'no time left' });
    expect(server.requests).toEqual([]);
  });

  it('have a limit of their own for the answer, however far the deadline is', async () => {
    server = await startScriptedServer(project([]));
    let now = 0;
    // An hour passes each time.
    const projectFiles = createStreampixelProjectFiles(server.url, { now: () => (now += 3_600_000) });
    expect(await projectFiles.read('user', 'p1', KEY, 1e9)).toEqual({ kind: 'unclear', detail: 'no time left' });
    expect(server.requests).toEqual([]);
  });

  it('are a list, be it an empty one', async () => {
    expect(await files(project([]))).toEqual({ kind: 'read', files: [] });
  });

  it('keep no signature of an objection', async () => {
    const objection = `403 for https://h/a.zip?X-Amz-Signature=${SIGNATURE}`;
    const read = await files(project([{ _id: 'u1', status: 'Reject', objection }]));
    expect(JSON.stringify(read)).not.toContain(SIGNATURE);
  });

  it('ask for no other path, whatever the project is called', async () => {
    await files(project([]), '../users?x=');
    expect(server?.requests[0]?.url).toMatch(/^\/pixelStripeApi\/projects\/\.\.%2Fusers%3Fx%3D\?userId=user&/);
  });

  it.each<[string, Reply]>([
    [
      'a 404, as the endpoint may not exist any more',
      { status: 404, body: 'Cannot GET /projects/p1?apikey=c4nary/api+key' },
    ],
    ['a 401', { status: 401, body: '{"message":"Unauthorized: Invalid API Key"}' }],
    ['a 403', { status: 403, body: '{"message":"Access denied"}' }],
    ['a 429', { status: 429 }],
    ['a 500', { status: 500, body: '?apikey=c4nary%2Fapi%2Bkey' }],
    ['a redirect', { status: 302, headers: { location: '/login?apikey=c4nary' } }],
    ['a 204', { status: 204 }],
    ['a 500 with a list', project([], 500)],
    ['HTML', { status: 200, body: '<html>c4nary/api+key</html>' }],
    ['a list', { status: 200, body: '[]' }],
    ['no files', { status: 200, body: '{"_id":"p1"}' }],
    ['files that are no list', project({ 0: { _id: 'u1', status: 'Approved' } })],
    ['a body that is cut off', { cutOff: '{"files":[{"_id":"u1","status":"Approved"}' }],
    ['more than a project can have', project([{ _id: 'u1', status: 'Approved', x: 'x'.repeat(1_100_000) }])],
    ['a reset', 'reset'],
    ['a server that hangs', 'hang'],
  ])('are unclear after %s, and no key is shown', async (_, reply) => {
    const read = await files(reply);
    expect(read.kind).toBe('unclear');
    expect(read).toHaveProperty('detail', expect.stringMatching(/./));
    expect(JSON.stringify(read)).not.toContain('c4nary');
  });
});
