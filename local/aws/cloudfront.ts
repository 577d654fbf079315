import { createVerify, type KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { listenOnLoopback } from '../loopback-server.ts';
import { AwsError } from './aws-error.ts';
import { toXml } from './xml.ts';

/** A distribution as its template describes it. */
export interface DistributionSpec {
  /** The bucket behind it. */
  readonly bucket: string;
  readonly allowedMethods: readonly string[];
  /** Parameters of the query that the bucket gets. */
  readonly forwardedQuery: readonly string[];
  /** The keys of its trusted key group, by their ids. */
  readonly publicKeys: ReadonlyMap<string, KeyObject>;
  /** Whether the bucket's policy lets it do this with a key. */
  readonly mayRead: (action: string, key: string) => boolean;
}

/** What CloudFront takes off a signed URL before it looks at the rest. */
const SIGNING_PARAMETERS = ['Expires', 'Signature', 'Key-Pair-Id', 'Hash-Algorithm'];

type Serve = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * Serves a distribution on a port of its own, because its domain has the whole path. It takes signed URLs with a canned policy and
 * answers as CloudFront does. Plain HTTP where CloudFront takes HTTPS only: no one has a certificate for 127.0.0.1.
 *
 * @param serveS3 answers a request as S3 does
 */
export async function startDistribution(serveS3: Serve) {
  let current: DistributionSpec | undefined;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    try {
      if (current === undefined) throw new AwsError(403, 'BadRequest', 'No distribution has this name.');
      const { allowedMethods, bucket, forwardedQuery, mayRead } = current;
      if (!allowedMethods.includes(request.method ?? '')) {
        throw new AwsError(403, 'BadRequest', 'This distribution is not configured to allow the HTTP request method.');
      }
      checkSignedUrl(`http://${request.headers.host}${url}`, current.publicKeys);
      const [path = '', rawQuery] = url.split('?');
      const query = new URLSearchParams(
        [...new URLSearchParams(rawQuery)].filter(([name]) => forwardedQuery.includes(name)),
      );
      const action = query.has('versionId') ? 's3:GetObjectVersion' : 's3:GetObject';
      // As S3 answers a principal without the permission.
      response.setHeader('Server', 'AmazonS3');
      response.setHeader('X-Cache', 'Miss from cloudfront');
      if (!mayRead(action, decodeURIComponent(path.slice(1)))) {
        return refuse(response, new AwsError(403, 'AccessDenied', 'Access Denied'));
      }
      const { range } = request.headers;
      // Origin access control: CloudFront signs for itself, and nothing of the viewer's request gets to S3 but this.
      request.headers = { host: 's3', authorization: 'AWS4-HMAC-SHA256', ...present({ range }) };
      request.url = `/${bucket}${path}${query.size === 0 ? '' : `?${query}`}`;
      await serveS3(request, response);
    } catch (error) {
      response.setHeader('Server', 'CloudFront');
      response.setHeader('X-Cache', 'Error from cloudfront');
      refuse(response, error instanceof AwsError ? error : new AwsError(502, 'BadGateway', 'Bad gateway'));
    }
  }

  const server = await listenOnLoopback(serve);
  return {
    /** Value of the attribute `DomainName`. */
    domain: `127.0.0.1:${server.port}`,
    /** @param spec `undefined` deletes it */
    deploy(spec: DistributionSpec | undefined): void {
      current = spec;
    },
    close: server.close,
  };
}

function refuse(response: ServerResponse, { code: Code, message: Message, status }: AwsError): void {
  response.writeHead(status, { 'Content-Type': 'text/xml' });
  response.end(toXml('Error', '', { Code, Message }));
}

/**
 * Refuses what CloudFront refuses: a URL that is not signed, or by another key, or changed in any part, or expired.
 *
 * Source: "Create a signed URL using a canned policy" and "How do I troubleshoot issues related to a signed URL" of AWS.
 *
 * @throws AwsError
 */
export function checkSignedUrl(url: string, publicKeys: ReadonlyMap<string, KeyObject>, now = Date.now()): void {
  const [base = '', rawQuery = ''] = url.split('?');
  const query = new URLSearchParams(rawQuery);
  const keyId = query.get('Key-Pair-Id');
  if (!keyId) {
    throw new AwsError(403, 'MissingKey', 'Missing Key-Pair-Id query parameter or cookie value');
  }
  const publicKey = publicKeys.get(keyId);
  if (publicKey === undefined) throw new AwsError(403, 'InvalidKey', 'Unknown Key');
  const denied = new AwsError(403, 'AccessDenied', 'Access denied');
  const expires = query.get('Expires') ?? '';
  if (!/^\d+$/.test(expires) || Number(expires) * 1000 <= now) throw denied;
  // What is signed is the URL as it was asked for, without what the signature added.
  const rest = rawQuery.split('&').filter((pair) => !SIGNING_PARAMETERS.includes(pair.split('=')[0] ?? ''));
  const resource = rest.join('') === '' ? base : `${base}?${rest.join('&')}`;
  const policy = `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
  const signature = (query.get('Signature') ?? '').replaceAll('-', '+').replaceAll('_', '=').replaceAll('~', '/');
  const hash = query.get('Hash-Algorithm') === 'SHA256' ? 'SHA256' : 'SHA1';
  if (!createVerify(hash).update(policy).verify(publicKey, signature, 'base64')) throw denied;
}
