import { createPublicKey } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deliverByCloudFront } from '../../functions/adapters/cloudfront-signer.ts';
import {
  createDeliveryKeys,
  fingerprintOf,
  newPrivateKey,
  publicHalfOf,
} from '../../functions/adapters/delivery-key.ts';
import { createS3BuildStore } from '../../functions/adapters/s3-build-store.ts';
import { createSsmApiKeys } from '../../functions/adapters/ssm-api-keys.ts';
import type { Parameter } from '../../functions/adapters/ssm-parameters.ts';
import type { Build } from '../../functions/domain/model/build.ts';
import type { Secret } from '../../functions/domain/model/secret.ts';
import { checkSignedUrl, type DistributionSpec, startDistribution } from '../../local/aws/cloudfront.ts';
import { type Reply, type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts';

const PARAMETER = '/studio/delivery-key';
const [NEW, OLD] = [newPrivateKey(), newPrivateKey()] as const;
const idOf = (key: Secret) => `K${fingerprintOf(publicHalfOf(key)).slice(0, 12).toUpperCase()}`;
const publicKeyOf = (key: Secret) => createPublicKey(key.reveal());
const keyIds = (...keys: readonly Secret[]) =>
  Object.fromEntries(keys.map((key) => [fingerprintOf(publicHalfOf(key)), idOf(key)]));

const build: Build = { bucket: 'drop', key: 'games/a.zip', versionId: 'v1', region: 'eu-central-1', droppedAt: 0 };
const ZIP = 'PK\x03\x04';
const head: Reply = { status: 206, body: ZIP, headers: { 'x-amz-version-id': 'v1', etag: '"abc"' } };

interface Scene {
  readonly stored?: readonly Secret[];
  readonly deployed?: readonly Secret[];
  readonly getParameter?: () => Promise<Parameter | undefined>;
  readonly lifetimeS?: number;
  readonly now?: () => number;
}

/** The function's own parts, put together as its handler does. */
function storeAt(domain: string, scene: Scene = {}) {
  const { stored = [NEW], deployed = [NEW], lifetimeS = 86_400, now = Date.now } = scene;
  const clock = { now };
  const getParameter = vi.fn(
    scene.getParameter ??
      (async () => ({ Value: stored.map((key) => key.reveal()).join(''), Type: 'SecureString', Version: 3 })),
  );
  const parameters = createSsmApiKeys(getParameter, clock, { warn() {} });
  const keys = createDeliveryKeys(parameters, PARAMETER, keyIds(...deployed));
  const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };
  const store = deliverByCloudFront({ domain, keys, clock }, (signer) =>
    createS3BuildStore({ credentials, clock, lifetimeS, endpoint: undefined, signer }),
  );
  const inspect = (target = build, check: 'readable' | 'current' = 'readable') =>
    store.inspect(target, check, now() + 10_000);
  return { ...store, inspect, getParameter };
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function scripted(...replies: Reply[]): Promise<ScriptedServer & { readonly domain: string }> {
  const server = await startScriptedServer(...replies);
  cleanups.push(() => server.close());
  return { ...server, requests: server.requests, domain: new URL(server.url).host };
}

/** A distribution before a bucket that answers with what it was asked for. */
async function distribution(publicKeys: readonly Secret[] = [NEW]) {
  const asked: string[] = [];
  const served = await startDistribution(async (request, response) => {
    asked.push(request.url ?? '');
    response.end(ZIP);
  });
  cleanups.push(served.close);
  const spec: DistributionSpec = {
    bucket: 'drop',
    allowedMethods: ['GET', 'HEAD'],
    forwardedQuery: ['versionId'],
    publicKeys: new Map(publicKeys.map((key) => [idOf(key), publicKeyOf(key)])),
    mayRead: () => true,
  };
  served.deploy(spec);
  return { ...served, asked, spec };
}

/** As S3 reads a path. */
function objectOf(url: string) {
  const [path = '', query] = url.split('?');
  const [bucket, ...key] = decodeURIComponent(path).slice(1).split('/');
  return { bucket, key: key.join('/'), versionId: new URLSearchParams(query).get('versionId') ?? undefined };
}

describe('a URL of CloudFront', () => {
  const KEYS = [
    ['a space', 'my game.zip'],
    ['a plus', 'a+b.zip'],
    ['a percent sign', '100%.zip'],
    ['what looks encoded', 'a%20b%2F.zip'],
    ['umlauts', 'Spiele/Größe.zip'],
    ['umlauts of two code points', 'Gro\u0308ße.zip'],
    ['emoji', '🎮/👩‍🚀.zip'],
    ['quotes', `it's "new".zip`],
    ['what the signer leaves alone', "a!'()*~-_.zip"],
    ['what ends a path', 'what?#now;a=b&c.zip'],
    ['brackets and others', 'a[1]{2}|^`\\<>@:$,.zip'],
    ['a slash at the front', '/a.zip'],
    ['two slashes', 'a//b.zip'],
    ['an ending like a query', 'a.zip?versionId=v2&Expires=1.zip'],
    ['control characters', 'a\tb\nc.zip'],
    ['a thousand bytes', `${'x'.repeat(996)}.zip`],
    ['a thousand bytes of emoji', `${'🎮'.repeat(249)}.zip`],
  ] as const;
  const VERSIONS = [undefined, 'v1', 'null', 'ab.C_d-1', '3/L4kqt+JlcpXroDTDmJ=&x%20'] as const;

  it.each(KEYS)('reaches this object and version, for a key with %s', async (_, key) => {
    const { asked, domain } = await distribution();
    for (const versionId of VERSIONS) {
      const { versionId: __, ...unversioned } = build;
      const target = versionId === undefined ? { ...unversioned, key } : { ...unversioned, key, versionId };
      const url = (await storeAt(domain).presign(target)).reveal();

      // Streampixel's own rule, and CloudFront's.
      expect(new URL(url).pathname).toMatch(/\.zip$/);
      expect(url.length).toBeLessThan(8_192);
      expect(await fetch(url).then((answer) => [answer.status, answer.headers.get('server')])).toEqual([
        200,
        'AmazonS3',
      ]);
      expect(objectOf(asked.at(-1) ?? '')).toEqual({ bucket: 'drop', key, versionId });
    }
  });

  it('is of HTTPS, except on this machine', async () => {
    expect((await storeAt('d111.cloudfront.net').presign(build)).reveal()).toMatch(
      /^https:\/\/d111\.cloudfront\.net\/games\/a\.zip\?versionId=v1&Expires=/,
    );
    expect((await storeAt('127.0.0.1:1').presign(build)).reveal()).toMatch(/^http:\/\/127/);
  });

  it('is signed with SHA-256 for as long as the settings say, and no longer', async () => {
    const now = 1_700_000_000_700;
    const url = await storeAt('d111.cloudfront.net', { now: () => now, lifetimeS: 604_800 }).presign(build);
    const keys = new Map([[idOf(NEW), publicKeyOf(NEW)]]);
    expect(url).toMatchObject({ delivery: 'cloudfront', expiresAt: 1_700_604_800_000 });
    expect(url.reveal()).toContain('&Hash-Algorithm=SHA256');
    const check = (at: number) => () => checkSignedUrl(url.reveal(), keys, at);
    expect(check(url.expiresAt - 1)).not.toThrow();
    expect(check(url.expiresAt)).toThrow('Access denied');
  });

  it.each([
    ['another version', (url: string) => url.replace('versionId=v1', 'versionId=v2')],
    ['no version', (url: string) => url.replace('versionId=v1&', '')],
    ['another object', (url: string) => url.replace('a.zip', 'b.zip')],
    ['a later end', (url: string) => url.replace(/Expires=(\d+)/, (_, end) => `Expires=${Number(end) + 1}`)],
    ['another parameter', (url: string) => `${url}&versionId=v2`],
    ['no key', (url: string) => url.replace(/&Key-Pair-Id=\w+/, '')],
    ['another key', (url: string) => url.replace(/Key-Pair-Id=\w+/, 'Key-Pair-Id=KOTHER')],
    ['no signature', (url: string) => url.replace(/&Signature=[^&]+/, '')],
    ['no query', (url: string) => url.replace(/\?.*/, '')],
  ])('is refused with %s', async (_, change) => {
    const { asked, domain } = await distribution();
    const url = (await storeAt(domain).presign(build)).reveal();
    const answer = await fetch(change(url));
    expect([answer.status, answer.headers.get('server'), asked]).toEqual([403, 'CloudFront', []]);
    expect((await fetch(url)).status).toBe(200);
  });
});

const error = (server: string, status: number, code: string, message = ''): Reply => ({
  status,
  headers: { server },
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
});

describe('the check of a build', () => {
  it('fetches through signed URLs of the same kind, without credentials of AWS', async () => {
    const { domain, requests } = await scripted(head);
    expect(await storeAt(domain).inspect()).toEqual({ kind: 'ready' });
    expect(requests).toHaveLength(2);
    for (const { headers, url } of requests) {
      expect(url).toMatch(/^\/games\/a\.zip\?versionId=v1&Expires=\d+&Key-Pair-Id=K\w+&Signature=/);
      expect(headers.range).toMatch(/^bytes=/);
      expect(headers.authorization).toBeUndefined();
    }
  });

  it('takes the object from CloudFront itself, too', async () => {
    const { domain } = await scripted({ ...head, headers: { server: 'CloudFront' } } as Reply);
    expect(await storeAt(domain).inspect()).toEqual({ kind: 'ready' });
  });

  it('notices a newer version, through the distribution', async () => {
    const { domain, requests } = await scripted({ ...head, headers: { 'x-amz-version-id': 'v2' } } as Reply);
    expect(await storeAt(domain).inspect(build, 'current')).toMatchObject({ kind: 'superseded' });
    expect(requests.map(({ url }) => url.includes('versionId'))).toEqual([false]);
  });

  const page =
    '<HTML><HEAD><TITLE>ERROR</TITLE><STYLE>b{}</STYLE></HEAD><H1>403 ERROR</H1>\n<H2>The request could not be satisfied.</H2></HTML>';

  it.each<[string, Reply, RegExp]>([
    [
      'an unknown key',
      error('CloudFront', 403, 'InvalidKey', 'Unknown Key'),
      /CloudFront answered 403 InvalidKey: Unknown Key\. .*Deploy again/,
    ],
    [
      'a wrong signature',
      error('CloudFront', 403, 'AccessDenied', 'Access denied'),
      /CloudFront answered 403 AccessDenied: Access denied\./,
    ],
    [
      'a missing grant',
      error('AmazonS3', 403, 'AccessDenied', 'Access Denied'),
      /S3 refused CloudFront: .*DeliveryBucketPolicy/,
    ],
    [
      'a key that CloudFront and S3 write differently',
      error('AmazonS3', 403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match'),
      /S3 refused CloudFront: 403 SignatureDoesNotMatch: .*under a key of letters/,
    ],
    [
      'a missing grant of the KMS key',
      error('AmazonS3', 403, 'AccessDenied', 'not authorized to perform: kms:Decrypt'),
      /S3 refused CloudFront: .*DeliveryKmsKeyPolicy/,
    ],
    [
      'a request that it does not take',
      error('CloudFront', 400, 'InvalidArgument', 'Bad Request'),
      /CloudFront answered 400 InvalidArgument: Bad Request\. .*enabled/,
    ],
    [
      'a message of several lines',
      error('CloudFront', 403, 'AccessDenied', ` Denied by v1.2.${' '.repeat(200)}\n  Sorry. `),
      /CloudFront answered 403 AccessDenied: Denied by v1\.2\. Sorry\. The key group/,
    ],
    [
      'a long message, behind which what to do still fits',
      error('CloudFront', 403, 'AccessDenied', 'x'.repeat(1_000)),
      /x\. .*Deploy again/,
    ],
    [
      'a disabled distribution',
      { status: 403, headers: { server: 'CloudFront' }, body: page },
      /403 403 ERROR The request could not be satisfied\. .*enabled/,
    ],
  ])('calls a build unreadable in CloudFront’s words after %s, with what to do', async (_, reply, detail) => {
    const { domain } = await scripted(reply);
    const inspection = await storeAt(domain).inspect();
    expect(inspection).toMatchObject({
      kind: 'refused',
      reason: 'BuildUnreadable',
      detail: expect.stringMatching(detail),
    });
    expect(JSON.stringify(inspection)).not.toMatch(/Signature=|Expires=/);
  });

  it('calls a build unreadable where the distribution is not there', async () => {
    expect(await storeAt('d111.cloudfront.invalid').inspect()).toMatchObject({
      kind: 'refused',
      reason: 'BuildUnreadable',
      detail: expect.stringMatching(/no distribution at d111\.cloudfront\.invalid.* Deploy/),
    });
  });

  it.each<[string, Reply]>([
    ['a busy edge', error('CloudFront', 503, 'SlowDown')],
    ['a broken edge', error('CloudFront', 500, 'InternalError')],
    ['too many requests', error('CloudFront', 429, 'TooManyRequests')],
    ['an origin that does not answer', { status: 504, headers: { server: 'CloudFront' }, body: page }],
    ['a busy S3', error('AmazonS3', 503, 'SlowDown')],
    ['a reset', 'reset'],
  ])('is repeated later after %s', async (_, reply) => {
    const { domain } = await scripted(reply);
    expect(await storeAt(domain).inspect()).toMatchObject({ kind: 'unavailable' });
  });

  it.each<[string, Reply, string]>([
    ['a build that is gone', error('AmazonS3', 404, 'NoSuchVersion'), 'BuildMissing'],
    ['a build whose absence CloudFront remembers', error('CloudFront', 404, 'NoSuchKey'), 'BuildMissing'],
    ['an archived build', error('AmazonS3', 403, 'InvalidObjectState'), 'BuildUnreadable'],
    ['an empty object', { status: 416, headers: { server: 'CloudFront' }, body: '' }, 'NotAZip'],
    ['a text', { status: 206, body: 'hell', headers: { server: 'AmazonS3' } }, 'NotAZip'],
  ])('finds out about the build itself as with S3: %s', async (_, reply, reason) => {
    const { domain } = await scripted(reply);
    const inspection = await storeAt(domain).inspect();
    expect(inspection).toMatchObject({ kind: 'refused', reason });
    expect(JSON.stringify(inspection)).not.toContain('Delivery');
  });
});

describe('the key', () => {
  it('is read once for many builds, and again when CloudFront refuses it', async () => {
    const { domain } = await distribution([]);
    const store = storeAt(domain);
    await store.presign(build);
    await store.presign(build);
    expect(store.getParameter).toHaveBeenCalledTimes(1);
    expect(await store.inspect()).toMatchObject({ kind: 'refused', detail: expect.stringContaining('Unknown Key') });
    expect(store.getParameter).toHaveBeenCalledTimes(2);
  });

  it('is read again also where CloudFront refuses it in the middle of a build', async () => {
    const { domain } = await scripted(head, error('CloudFront', 403, 'InvalidKey', 'Unknown Key'));
    const store = storeAt(domain);
    expect(await store.inspect()).toMatchObject({ kind: 'refused', detail: expect.stringContaining('Unknown Key') });
    expect(store.getParameter).toHaveBeenCalledTimes(2);
  });

  it('may be deleted when CloudFront refuses it: the build is refused in CloudFront’s words', async () => {
    const { domain } = await distribution([]);
    let isDeleted = false;
    const getParameter = async () => {
      if (isDeleted) throw Object.assign(new Error(), { name: 'ParameterNotFound' });
      isDeleted = true;
      return { Value: NEW.reveal(), Type: 'SecureString' };
    };
    const store = storeAt(domain, { getParameter });
    expect(await store.inspect()).toMatchObject({ kind: 'refused', detail: expect.stringContaining('Unknown Key') });
  });

  it('is not read again after an error that is no answer of CloudFront', async () => {
    const read = vi.fn();
    const store = deliverByCloudFront({ domain: 'd1.cloudfront.net', keys: { read }, clock: Date }, () => ({
      presign: () => Promise.reject(new Error('not called')),
      inspect: () => Promise.reject(new RangeError('a mistake of ours')),
    }));
    await expect(store.inspect(build, 'readable', 0)).rejects.toThrow('a mistake of ours');
    expect(read).not.toHaveBeenCalled();
  });

  it('is replaced without a restart: the one that was read before is refused, the one that is stored now is used', async () => {
    const { asked, domain } = await distribution([NEW]);
    let stored = OLD;
    const getParameter = async () => ({ Value: stored.reveal(), Type: 'SecureString', Version: 1 });
    const store = storeAt(domain, { deployed: [NEW, OLD], getParameter });
    await store.presign(build);
    stored = NEW;
    expect(await store.inspect()).toMatchObject({ kind: 'ready' });
    expect(asked.length).toBeGreaterThan(0);
    expect((await store.presign(build)).reveal()).toContain(idOf(NEW));
  });

  it('has a short fingerprint, by which the stack finds the id of its public half', () => {
    expect(fingerprintOf(publicHalfOf(NEW))).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprintOf(publicHalfOf(NEW))).not.toBe(fingerprintOf(publicHalfOf(OLD)));
  });

  it('is the newest that is deployed', async () => {
    const stored = [NEW, OLD];
    const used = async (deployed: readonly Secret[]) =>
      new URL((await storeAt('d1.cloudfront.net', { stored, deployed }).presign(build)).reveal()).searchParams.get(
        'Key-Pair-Id',
      );
    expect(await used([OLD])).toBe(idOf(OLD));
    expect(await used([NEW, OLD])).toBe(idOf(NEW));
  });

  it('is the old one while CloudFront does not know the new one yet, for the URL of the build too', async () => {
    const { asked, deploy, domain, spec } = await distribution([OLD]);
    let now = Date.now();
    const store = storeAt(domain, { stored: [NEW, OLD], deployed: [NEW, OLD], now: () => now });
    expect(await store.inspect()).toMatchObject({ kind: 'ready' });
    const url = (await store.presign(build)).reveal();
    expect(url).toContain(idOf(OLD));
    expect((await fetch(url)).status).toBe(200);

    deploy({ ...spec, publicKeys: new Map([NEW, OLD].map((key) => [idOf(key), publicKeyOf(key)])) });
    const refusedAt = now;
    now = refusedAt + 5 * 60_000 - 1;
    expect((await store.presign(build)).reveal()).toContain(idOf(OLD));
    now = refusedAt + 5 * 60_000;
    expect((await store.presign(build)).reveal()).toContain(idOf(NEW));
    expect(asked.length).toBeGreaterThan(0);
  });

  it.each([
    [
      'not there',
      async () => Promise.reject(Object.assign(new Error(), { name: 'ParameterNotFound' })),
      /no SSM parameter \/studio/,
    ],
    ['empty', async () => ({ Value: ' ', Type: 'SecureString' }), /is empty/],
    ['no SecureString', async () => ({ Value: NEW.reveal(), Type: 'String' }), /not a SecureString/],
    [
      'something else',
      async () => ({ Value: 'c4nary', Type: 'SecureString', Version: 2 }),
      /^Version 2 .* holds no private key/,
    ],
    [
      'a broken key',
      async () => ({ Value: NEW.reveal().replace(/M/g, 'c4nary'), Type: 'SecureString', Version: 2 }),
      /holds no private key/,
    ],
    [
      'another',
      async () => ({ Value: OLD.reveal(), Type: 'SecureString', Version: 2 }),
      /holds no key of deliveryPublicKeys\./,
    ],
  ])('makes the build unreadable, with what to do, where it is %s', async (_, getParameter, detail) => {
    const inspection = await storeAt('d1.cloudfront.net', { getParameter }).inspect();
    expect(inspection).toMatchObject({
      kind: 'refused',
      reason: 'BuildUnreadable',
      detail: expect.stringMatching(detail),
    });
    expect(JSON.stringify(inspection)).toMatch(/delivery-key create/);
    expect(JSON.stringify(inspection)).not.toMatch(/c4nary|PRIVATE/);
  });

  it('is asked for again later where SSM does not answer', async () => {
    const getParameter = async () => Promise.reject(new Error('ThrottlingException'));
    expect(await storeAt('d1.cloudfront.net', { getParameter }).inspect()).toMatchObject({ kind: 'unavailable' });
  });
});
