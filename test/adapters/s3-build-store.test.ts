import { afterEach, describe, expect, it } from 'vitest';
import { createS3BuildStore } from '../../functions/adapters/s3-build-store.ts';
import type { Build } from '../../functions/domain/model/build.ts';
import type { Check } from '../../functions/domain/model/inspection.ts';
import { rawEntries, UE5 } from '../package/corpus.ts';
import { rawZip } from '../support/raw-zip.ts';
import { type Reply, type ScriptedServer, startRawServer, startScriptedServer } from '../support/scripted-server.ts';

const NOW = Date.parse('2026-04-21T12:00:00Z');
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' };
const build: Build = {
  bucket: 'drop',
  key: "games/a b+u(1)'!*ü.zip",
  versionId: 'v1.x',
  eTag: 'abc',
  region: 'eu-central-1',
  droppedAt: NOW,
};
const { versionId: _, ...unversioned } = build;
const { eTag: _eTag, ...plainBuild } = unversioned;

function storeAt(endpoint: string | undefined, lifetimeS = 21_600) {
  return createS3BuildStore({ credentials, clock: { now: () => NOW }, lifetimeS, endpoint });
}

async function signed(changes: Partial<Build>, endpoint?: string): Promise<URL> {
  return new URL((await storeAt(endpoint).presign({ ...build, ...changes })).reveal());
}

describe('presign', () => {
  it('signs a GET at the regional virtual-hosted endpoint, with a path that ends in .zip', async () => {
    const url = await signed({});
    expect(url.protocol).toBe('https:');
    expect(url.host).toBe('drop.s3.eu-central-1.amazonaws.com');
    expect(url.pathname).toBe('/games/a%20b%2Bu%281%29%27%21%2A%C3%BC.zip');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      versionId: 'v1.x',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Date': '20260421T120000Z',
      'X-Amz-Expires': '21600',
      'X-Amz-SignedHeaders': 'host',
      'X-Amz-Security-Token': 'session',
    });
    expect(url.searchParams.get('X-Amz-Credential')).toContain('/eu-central-1/s3/aws4_request');
  });

  it.each([
    ['us-east-1', 'drop.s3.us-east-1.amazonaws.com'],
    ['cn-north-1', 'drop.s3.cn-north-1.amazonaws.com.cn'],
  ])('uses the regional host in %s, never the global one', async (region, host) => {
    expect((await signed({ region })).host).toBe(host);
  });

  it('falls back to the path for a bucket whose dots would break the certificate', async () => {
    const url = await signed({ bucket: 'my.drop' });
    expect(url.host).toBe('s3.eu-central-1.amazonaws.com');
    expect(url.pathname).toMatch(/^\/my\.drop\/games\/.*\.zip$/);
  });

  it('follows a configured endpoint', async () => {
    const url = await signed({}, 'http://127.0.0.1:4566');
    expect(`${url.protocol}//${url.host}`).toBe('http://127.0.0.1:4566');
    expect(url.pathname).toMatch(/^\/drop\/games\//);
  });

  it('signs the port of an endpoint, which the Host header has', async () => {
    const [one, other] = await Promise.all([4566, 4567].map((port) => signed({}, `http://127.0.0.1:${port}`)));
    expect(one?.searchParams.get('X-Amz-Signature')).not.toBe(other?.searchParams.get('X-Amz-Signature'));
  });

  it('takes an empty endpoint for none', async () => {
    expect((await signed({}, '')).href).toBe((await signed({})).href);
  });

  it('pins nothing where the bucket keeps no versions', async () => {
    const url = new URL((await storeAt(undefined).presign(unversioned)).reveal());
    expect(url.searchParams.has('versionId')).toBe(false);
  });

  it('gives out the moment the signature ends', async () => {
    expect((await storeAt(undefined, 3_600).presign(build)).expiresAt).toBe(NOW + 3_600_000);
  });

  it.each([1, 604_800])('takes a lifetime of %d s', async (lifetimeS) => {
    expect((await storeAt(undefined, lifetimeS).presign(build)).expiresAt).toBe(NOW + lifetimeS * 1_000);
  });

  it.each([0, -1, 1.5, 604_801, Number.NaN])('refuses a lifetime of %d s, which SigV4 can’t do', (lifetimeS) => {
    expect(() => storeAt(undefined, lifetimeS)).toThrow(RangeError);
  });
});

describe('inspect', () => {
  let server: ScriptedServer | undefined;
  afterEach(() => server?.close());

  const ZIP = 'PK\x03\x04';
  const current = { 'x-amz-version-id': 'v1.x', etag: '"abc"' };
  const error = (status: number, code: string): Reply => ({ status, body: `<Error><Code>${code}</Code></Error>` });

  async function inspect(target: Build, check: Check, ...replies: Reply[]) {
    server = await startScriptedServer(...replies);
    return storeAt(server.url).inspect(target, check, NOW + 2_000);
  }

  it('reads the first bytes and the end of this version through presigned URLs', async () => {
    expect(await inspect(build, 'readable', { status: 206, body: ZIP, headers: current })).toEqual({ kind: 'ready' });
    expect(server?.requests.map(({ headers }) => headers.range)).toEqual(['bytes=0-511', 'bytes=-67584']);
    for (const { headers, url } of server?.requests ?? []) {
      expect(url).toMatch(/versionId=v1\.x.*X-Amz-Signature=/);
      expect(headers.authorization).toBeUndefined();
    }
  });

  it('asks for nothing once the deadline has passed', async () => {
    server = await startScriptedServer({ status: 206, body: ZIP, headers: current });
    expect(await storeAt(server.url).inspect(build, 'current', NOW)).toMatchObject({ kind: 'unavailable' });
    expect(server.requests).toEqual([]);
  });

  it('has a limit of its own for each answer, however far the deadline is', async () => {
    server = await startScriptedServer({ status: 206, body: ZIP, headers: current });
    let now = NOW;
    // An hour passes each time.
    const clock = { now: () => (now += 3_600_000) };
    const store = createS3BuildStore({ credentials, clock, lifetimeS: 21_600, endpoint: server.url });
    expect(await store.inspect(build, 'current', NOW + 1e9)).toMatchObject({ kind: 'unavailable' });
    expect(server.requests).toEqual([]);
  });

  describe('what is in the zip', () => {
    const head: Reply = { status: 206, body: ZIP, headers: current };
    // The end record of a zip without entries: enough to be read as a directory.
    const end = `PK\x05\x06${'\0'.repeat(18)}`;
    const tail = (headers: Record<string, string>): Reply => ({ status: 206, body: end, headers });

    it('is said by a digest', async () => {
      const range = { ...current, 'content-range': 'bytes 0-21/22' };
      expect(await inspect(build, 'readable', head, tail(range))).toMatchObject({
        kind: 'ready',
        content: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    });

    it.each<[string, Reply]>([
      ['the server ignores ranges', { status: 200, body: end, headers: current }],
      ['the size is not said', tail(current)],
      ['the size is not a number', tail({ ...current, 'content-range': 'bytes 0-21/*' })],
      ['the size has something behind it', tail({ ...current, 'content-range': 'bytes 0-21/22 of 44' })],
      ['the size is less than what was served', tail({ ...current, 'content-range': 'bytes 0-21/21' })],
    ])('is not known where %s', async (_, reply) => {
      expect(await inspect(build, 'readable', head, reply)).toEqual({ kind: 'ready' });
    });

    it.each<[string, Reply, string]>([
      ['a reset', 'reset', 'unavailable'],
      ['a part that breaks off', { cutOff: end, status: 206 }, 'unavailable'],
      ['a busy S3', error(503, 'SlowDown'), 'unavailable'],
      ['an object that is deleted meanwhile', error(404, 'NoSuchKey'), 'refused'],
    ])('is asked for again, or the build refused, after %s', async (_, reply, kind) => {
      expect(await inspect(build, 'readable', head, reply)).toMatchObject({ kind });
    });

    it('is judged', async () => {
      const range = { ...current, 'content-range': 'bytes 0-21/22' };
      expect(await inspect(build, 'readable', head, tail(range))).toMatchObject({
        kind: 'ready',
        verdict: { refusals: [{ code: 'NotAPackage', detail: 'It is empty.' }] },
      });
      const cut = { status: 206, body: 'x'.repeat(22), headers: range };
      expect(await inspect(build, 'readable', head, cut)).toMatchObject({
        kind: 'ready',
        verdict: { refusals: [{ code: 'ZipDamaged' }] },
      });
    });

    it('is said where it is no zip, whatever the settings are', async () => {
      const page = {
        status: 206,
        body: '<html>Sign in</html>',
        headers: { ...current, 'content-range': 'bytes 0-19/20' },
      };
      const detail = 'It is an HTML page, not a zip.';
      expect(await inspect(build, 'readable', page, page)).toMatchObject({
        kind: 'refused',
        reason: 'NotAZip',
        detail,
      });
    });

    it('comes with the labels of the object, also where it is refused', async () => {
      const labelled = { ...current, 'x-amz-meta-label-commit': '4f2c1a9', 'x-amz-meta-other': 'x' };
      const zip = { status: 206, body: ZIP, headers: labelled };
      expect(await inspect(build, 'readable', zip)).toMatchObject({ kind: 'ready', labels: { commit: '4f2c1a9' } });
      const page = { status: 206, body: '<html>', headers: labelled };
      expect(await inspect(build, 'readable', page)).toMatchObject({ kind: 'refused', labels: { commit: '4f2c1a9' } });
    });

    describe('where a part of its directory must be fetched', () => {
      // The directory is said to be before the end, in a file of 1 MB.
      const record = Buffer.from(end, 'latin1');
      record.writeUInt16LE(1, 10);
      record.writeUInt32LE(200_000, 12);
      const range = { 'content-range': 'bytes 999978-999999/1000000' };
      const last = { status: 206, body: record.toString('latin1'), headers: { etag: '"a"', ...range } };
      const part = (length: number, etag: string) => ({ status: 206, body: 'y'.repeat(length), headers: { etag } });
      const PART_BYTES = 200_000 + end.length;

      it('is read from there to the end', async () => {
        const inspection = await inspect(plainBuild, 'readable', head, last, part(PART_BYTES, '"a"'));
        expect(inspection).toMatchObject({ kind: 'ready', verdict: { refusals: [{ code: 'ZipDamaged' }] } });
        expect(server?.requests.at(2)?.headers.range).toBe('bytes=799978-999999');
      });

      it('is not put together from two objects', async () => {
        const inspection = await inspect(plainBuild, 'readable', head, last, part(PART_BYTES, '"b"'));
        expect(inspection).toMatchObject({ kind: 'unavailable' });
      });

      it('is not read from a part that is longer than what was asked for', async () => {
        const inspection = await inspect(plainBuild, 'readable', head, last, part(PART_BYTES + 1, '"a"'));
        expect(inspection).toMatchObject({ kind: 'unavailable' });
      });
    });

    it('is a build that Streampixel can run', async () => {
      const zip = rawZip({ entries: rawEntries(UE5) });
      const range = { ...current, 'content-range': `bytes 0-${zip.length - 1}/${zip.length}` };
      const first = { status: 206, body: zip.subarray(0, 512), headers: current };
      expect(await inspect(build, 'readable', first, { status: 206, body: zip, headers: range })).toMatchObject({
        kind: 'ready',
        verdict: { refusals: [], warnings: [] },
      });
    });
  });

  it('asks for what the key holds, not for the version, to find out whether it is still this one', async () => {
    expect(await inspect(build, 'current', { status: 206, body: ZIP, headers: current })).toEqual({ kind: 'ready' });
    expect(server?.requests.map(({ url }) => url.includes('versionId='))).toEqual([false]);
  });

  it.each<[string, Build, Record<string, string>]>([
    ['another version', build, { ...current, 'x-amz-version-id': 'v2' }],
    ['another ETag, without versions', unversioned, { etag: '"other"' }],
    ['another ETag, where the store gives no versions', build, { etag: '"other"' }],
  ])('calls a build superseded when the key holds %s', async (_, target, headers) => {
    expect(await inspect(target, 'current', { status: 206, body: ZIP, headers })).toMatchObject({ kind: 'superseded' });
  });

  it.each<[string, Build, Record<string, string>]>([
    ['this version', build, current],
    ['this ETag, without versions', unversioned, { etag: '"abc"' }],
    ['this ETag, where versions were turned on since', unversioned, current],
    ['something, where neither version nor ETag of the build is known', plainBuild, { etag: '"other"' }],
  ])('finds a build in place when the key holds %s', async (_, target, headers) => {
    expect(await inspect(target, 'current', { status: 206, body: ZIP, headers })).toEqual({ kind: 'ready' });
  });

  it('calls a build missing, not superseded, when the key holds the mark of a deletion', async () => {
    const deleted = { ...current, 'x-amz-version-id': 'v2', 'x-amz-delete-marker': 'true' };
    const reply = { status: 404, body: '<Error><Code>NoSuchKey</Code></Error>', headers: deleted };
    expect(await inspect(build, 'current', reply)).toMatchObject({ kind: 'refused', reason: 'BuildMissing' });
  });

  it('does not care what the key holds when every version is wanted', async () => {
    const reply = { status: 206, body: ZIP, headers: { etag: '"other"' } };
    expect(await inspect(unversioned, 'readable', reply)).toEqual({ kind: 'ready' });
  });

  it.each<[string, Reply, string]>([
    ['a text', { status: 206, body: 'hell', headers: current }, 'NotAZip'],
    ['three bytes', { status: 206, body: 'PK\x03', headers: current }, 'NotAZip'],
    ['nothing at all', error(416, 'InvalidRange'), 'NotAZip'],
    ['a missing key', error(404, 'NoSuchKey'), 'BuildMissing'],
    ['a missing version', error(404, 'NoSuchVersion'), 'BuildMissing'],
    ['a denied read', error(403, 'AccessDenied'), 'BuildUnreadable'],
    ['an archived object', error(403, 'InvalidObjectState'), 'BuildUnreadable'],
    ['another region', error(301, 'PermanentRedirect'), 'BuildUnreadable'],
    ['a disabled key of KMS', error(400, 'KMS.DisabledException'), 'BuildUnreadable'],
  ])('dead-letters %s', async (_, reply, reason) => {
    expect(await inspect(build, 'readable', reply)).toMatchObject({ kind: 'refused', reason });
  });

  it('asks no further after an answer that is not the object', async () => {
    await inspect(build, 'readable', error(404, 'NoSuchKey'), { status: 206, body: ZIP, headers: current });
    expect(server?.requests).toHaveLength(1);
  });

  it('says so where S3 gives no code', async () => {
    const detail = 'S3 answered 404.';
    expect(await inspect(build, 'readable', { status: 404 })).toMatchObject({ reason: 'BuildMissing', detail });
  });

  // Without a length it is not known whether the connection ended too early.
  it.each([
    ['repeated where they are too few to tell', 'PK', 'unavailable'],
    ['enough where they are those of a zip', ZIP, 'ready'],
  ])('finds bytes without a length %s', async (_, body, kind) => {
    const raw = await startRawServer((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 206 Partial Content\r\nConnection: close\r\n\r\n${body}`));
    });
    expect(await storeAt(raw.url).inspect(build, 'current', NOW + 2_000)).toMatchObject({ kind });
    await raw.close();
  });

  it('names the code by which S3 refused, dots included', async () => {
    const detail = 'S3 answered 400 KMS.DisabledException to a presigned GET.';
    expect(await inspect(build, 'readable', error(400, 'KMS.DisabledException'))).toMatchObject({ detail });
  });

  it.each<[string, Reply]>([
    ['a busy S3', error(503, 'SlowDown')],
    ['a broken S3', error(500, 'InternalError')],
    ['a session that ran out', error(400, 'ExpiredToken')],
    ['a clock that is off', error(403, 'RequestTimeTooSkewed')],
    ['a redirect for a new bucket', error(307, 'TemporaryRedirect')],
    ['a reset', 'reset'],
    ['an answer that breaks off', { cutOff: 'PK', status: 206 }],
  ])('tries again after %s', async (_, reply) => {
    expect(await inspect(build, 'readable', reply)).toMatchObject({ kind: 'unavailable' });
  });

  it('reads no further than a few bytes where a server ignores the range', async () => {
    const reply = { status: 200, body: ZIP + 'x'.repeat(50_000_000), headers: current };
    expect(await inspect(build, 'readable', reply)).toEqual({ kind: 'ready' });
  });

  it('says nothing of the signed URL', async () => {
    const outcome = await inspect(build, 'readable', error(403, 'AccessDenied'));
    expect(JSON.stringify(outcome)).not.toMatch(/X-Amz|AKID|session/);
  });
});
