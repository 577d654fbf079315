import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { S3Error } from './s3-error.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Longest lifetime that SigV4 allows, in s. */
const LONGEST_LIFETIME_S = 7 * 24 * 3600;

/**
 * Refuses what S3 refuses: a request without a signature, and a presigned URL that is expired, changed in any part, or used
 * with another method than it was signed for.
 *
 * A signature in the `Authorization` header is accepted unchecked, whatever the key: people use the local stack with the
 * credentials they have.
 *
 * @param known the credentials whose presigned URLs are valid
 * @throws S3Error
 */
export function checkSignature(request: IncomingMessage, known: readonly Credentials[], now: Date): void {
  const { rawPath, query } = partsOf(request);
  const signature = query.get('X-Amz-Signature');
  if (signature === null) {
    if (request.headers.authorization === undefined) throw new S3Error(403, 'AccessDenied', 'Access Denied');
    return;
  }
  const [accessKeyId, ...scope] = (query.get('X-Amz-Credential') ?? '').split('/');
  const credentials = known.find((candidate) => candidate.accessKeyId === accessKeyId);
  if (credentials === undefined) {
    throw new S3Error(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
  }
  if ((query.get('X-Amz-Security-Token') ?? undefined) !== credentials.sessionToken) {
    throw new S3Error(403, 'InvalidToken', 'The provided token is malformed or otherwise invalid.');
  }
  const date = query.get('X-Amz-Date') ?? '';
  const lifetimeS = Number(query.get('X-Amz-Expires'));
  if (!(lifetimeS > 0 && lifetimeS <= LONGEST_LIFETIME_S)) {
    const message = 'X-Amz-Expires must be a number of seconds above 0 and at most a week';
    throw new S3Error(400, 'AuthorizationQueryParametersError', message);
  }
  const signedAt = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  // Not "later than": a date that can't be read counts as past.
  if (!(now.getTime() <= signedAt + lifetimeS * 1000)) throw new S3Error(403, 'AccessDenied', 'Request has expired');

  const signedHeaders = (query.get('X-Amz-SignedHeaders') ?? '').split(';');
  query.delete('X-Amz-Signature');
  const canonicalRequest = [
    request.method,
    rawPath
      .split('/')
      .map((segment) => encode(decodeURIComponent(segment)))
      .join('/'),
    [...query]
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...signedHeaders.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}`),
    '',
    signedHeaders.join(';'),
    query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
  ].join('\n');
  const hash = createHash('sha256').update(canonicalRequest).digest('hex');
  const key = scope.reduce<Buffer | string>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`);
  const expected = hmac(key, ['AWS4-HMAC-SHA256', date, scope.join('/'), hash].join('\n')).toString('hex');
  if (signature !== expected) {
    const message =
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.';
    throw new S3Error(403, 'SignatureDoesNotMatch', message);
  }
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** RFC 3986, as SigV4 wants it: `encodeURIComponent` leaves five characters alone. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The query by percent-decoding only: in a signed query a plus is a plus, not a space. */
function partsOf(request: IncomingMessage): { rawPath: string; query: URLSearchParams } {
  const [rawPath = '/', rawQuery = ''] = (request.url ?? '/').split('?');
  return { rawPath, query: new URLSearchParams(rawQuery.replaceAll('+', '%2B')) };
}
