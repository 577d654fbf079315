import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { AwsError } from './aws-error.ts';
import type { ObjectContent } from './s3-buckets.ts';
import { fromXml, toXml } from './xml.ts';

/** A request to S3 with its address read: `/bucket/key?query`. */
export interface S3Request {
  readonly bucket: string;
  /** Decoded; empty where the request is about the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** @throws AwsError for a path that can't be decoded */
export function readS3Request(request: IncomingMessage, response: ServerResponse): S3Request {
  const [path = '', query] = (request.url ?? '/').split('?');
  try {
    const [bucket = '', ...key] = decodeURIComponent(path).slice(1).split('/');
    return { bucket, key: key.join('/'), query: new URLSearchParams(query), request, response };
  } catch {
    throw new AwsError(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
}

/** @throws AwsError for a body that is no XML */
export async function readS3Xml(request: IncomingMessage): Promise<Record<string, unknown>> {
  try {
    return fromXml(await text(request));
  } catch {
    throw new AwsError(400, 'MalformedXML', 'The XML you provided was not well-formed');
  }
}

export function sendS3Xml(response: ServerResponse, root: string, content: object): void {
  response.writeHead(200, { 'Content-Type': 'application/xml' });
  response.end(toXml(root, 'http://s3.amazonaws.com/doc/2006-03-01/', content));
}

/** What the headers of a new object say of it. */
export function describedBy({ headers }: IncomingMessage): Pick<ObjectContent, 'contentType' | 'metadata'> {
  const metadata = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return {
    contentType: headers['content-type'],
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name, String(value)])),
  };
}
