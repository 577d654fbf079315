import type { IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { Sha256 } from '@smithy/core/checksum';
import { HttpRequest } from '@smithy/core/protocols';
import { AwsError } from './aws-error.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * Refuses what S3 refuses: a request without a signature, and a presigned URL that is expired, changed in any part, or used
 * with another method than it was signed for. It signs the URL again, as the SDK does, and compares both.
 *
 * A signature in the `Authorization` header is accepted unchecked, whatever the key: people use the local stack with the
 * credentials they have.
 *
 * @param known the credentials whose presigned URLs are valid
 * @throws AwsError
 */
export async function checkSignature(request: IncomingMessage, known: readonly Credentials[]): Promise<void> {
  const [path = '', rawQuery = ''] = (request.url ?? '').split('?');
  // A plus in a signed query is a plus, not a space.
  const query = Object.fromEntries(new URLSearchParams(rawQuery.replaceAll('+', '%2B')));
  if (query['X-Amz-Signature'] === undefined) {
    if (request.headers.authorization === undefined) throw new AwsError(403, 'AccessDenied', 'Access Denied');
    return;
  }
  const [accessKeyId, , region = ''] = query['X-Amz-Credential']?.split('/') ?? [];
  const credentials = known.find((candidate) => candidate.accessKeyId === accessKeyId);
  if (credentials === undefined) {
    throw new AwsError(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
  }
  const date = query['X-Amz-Date']?.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5') ?? '';
  const [signingDate, expiresIn] = [new Date(date), Number(query['X-Amz-Expires'])];
  // Not "later than": a date that can't be read counts as past.
  if (!(Date.now() <= signingDate.getTime() + expiresIn * 1000)) {
    throw new AwsError(403, 'AccessDenied', 'Request has expired');
  }
  const { host = '' } = request.headers;
  const unsigned = new HttpRequest({
    method: request.method ?? '',
    hostname: host,
    path: path.split('/').map(encoded).join('/'),
    query: Object.fromEntries(Object.entries(query).filter(([name]) => !name.startsWith('X-Amz-'))),
    headers: { host },
  });
  const presigner = new S3RequestPresigner({ credentials, region, sha256: Sha256 });
  const { query: expected } = await presigner.presign(unsigned, { expiresIn, signingDate });
  if (!isDeepStrictEqual(expected, query)) {
    const message =
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.';
    throw new AwsError(403, 'SignatureDoesNotMatch', message);
  }
}

/** RFC 3986, as signatures have it: `encodeURIComponent` leaves five characters alone. */
function encoded(segment: string): string {
  return encodeURIComponent(decodeURIComponent(segment)).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
