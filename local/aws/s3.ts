import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type Credentials, checkSignature } from './presigned-url.ts';
import { type BucketSpec, compareKeys, createBuckets, type ObjectContent, type Tag } from './s3-buckets.ts';
import { S3Error } from './s3-error.ts';
import { readBytes, storeBody } from './s3-files.ts';
import type { CreatedObject } from './s3-notifications.ts';
import { readS3Request, readS3Xml, type S3Request, sendS3Xml } from './s3-request.ts';
import { createUploads } from './s3-uploads.ts';
import { toXml } from './xml.ts';

export interface S3Options {
  /** Existing directory for the bytes. Nothing in it is deleted: its owner removes it as a whole. */
  readonly directory: string;
  /** Whose presigned URLs are valid. */
  readonly credentials: readonly Credentials[];
  /** Called when an object is complete, before its sender gets the answer. */
  readonly onCreated: (created: CreatedObject, bucket: BucketSpec) => void;
}

export interface S3 {
  createBucket(spec: BucketSpec): void;
  /** Never rejects. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** What a query may hold besides the name of an operation. */
const ARGUMENTS =
  /^(x-id|x-amz-.*|versionId|partNumber|prefix|delimiter|max-parts|part-number-marker|continuation-token|encoding-type)$/i;

/** Objects that S3 lists at a time. */
const LONGEST_PAGE = 1000;

/** S3 with versions, tags and multipart uploads, for objects of any size: their bytes go straight to and from the disk. */
export function createS3({ directory, credentials, onCreated }: S3Options): S3 {
  const buckets = createBuckets();
  const uploads = createUploads(directory);

  /** @returns headers for the answer */
  function add(
    operation: CreatedObject['operation'],
    { bucket, key, response }: S3Request,
    content: ObjectContent,
  ): void {
    const { size, eTag, versionId } = buckets.add(bucket, key, content);
    onCreated({ operation, bucket, key, size, eTag, versionId }, buckets.spec(bucket));
    response.setHeader('ETag', `"${eTag}"`);
    if (versionId !== undefined) response.setHeader('x-amz-version-id', versionId);
  }

  function find({ bucket, key, query, response }: S3Request) {
    const object = buckets.find(bucket, key, query.get('versionId'));
    if (object.versionId !== undefined) response.setHeader('x-amz-version-id', object.versionId);
    return object;
  }

  async function put(target: S3Request): Promise<void> {
    const { bucket, request, response } = target;
    if (request.headers['x-amz-copy-source'] !== undefined) throw notEmulated();
    buckets.spec(bucket);
    const file = await storeBody(request, directory);
    add('Put', target, { files: [file], eTag: file.md5, contentType: request.headers['content-type'] });
    response.end();
  }

  async function completeUpload(target: S3Request): Promise<void> {
    const content = await uploads.complete(target);
    add('CompleteMultipartUpload', target, content);
    const { bucket, key, response } = target;
    sendS3Xml(response, 'CompleteMultipartUploadResult', { Bucket: bucket, Key: key, ETag: `"${content.eTag}"` });
  }

  async function get(target: S3Request): Promise<void> {
    const { request, response } = target;
    const { files, size, eTag, contentType = 'binary/octet-stream', lastModified } = find(target);
    const range = readRange(request.headers.range, size);
    const { start, end } = range ?? { start: 0, end: size - 1 };
    if (range !== undefined) response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`);
    response.writeHead(range === undefined ? 200 : 206, {
      'Content-Type': contentType,
      'Content-Length': end - start + 1,
      ETag: `"${eTag}"`,
      'Last-Modified': lastModified.toUTCString(),
    });
    if (request.method === 'HEAD') response.end();
    else await pipeline(readBytes(files, start, end), response);
  }

  /** Without folders: a `delimiter` is ignored. */
  function list({ bucket, query, response }: S3Request): void {
    const after = query.get('continuation-token') ?? '';
    const objects = buckets.list(bucket, query.get('prefix') ?? '').filter(({ key }) => compareKeys(key, after) > 0);
    const page = objects.slice(0, LONGEST_PAGE);
    const isTruncated = objects.length > page.length;
    sendS3Xml(response, 'ListBucketResult', {
      KeyCount: page.length,
      IsTruncated: isTruncated,
      NextContinuationToken: isTruncated ? page.at(-1)?.key : undefined,
      Contents: page.map(({ key, size, eTag, lastModified }) => ({
        Key: key,
        Size: size,
        ETag: `"${eTag}"`,
        LastModified: lastModified.toISOString(),
      })),
    });
  }

  function getTags(target: S3Request): void {
    sendS3Xml(target.response, 'Tagging', { TagSet: { Tag: find(target).tags } });
  }

  async function putTags(target: S3Request): Promise<void> {
    const object = find(target);
    const { TagSet } = ((await readS3Xml(target.request)).Tagging ?? {}) as { TagSet?: { Tag?: readonly Tag[] } | '' };
    object.tags = (TagSet || undefined)?.Tag ?? [];
    target.response.end();
  }

  const objectOperations: Readonly<Record<string, (target: S3Request) => void | Promise<void>>> = {
    'GET ': get,
    'HEAD ': get,
    'PUT ': put,
    'GET tagging': getTags,
    'PUT tagging': putTags,
    'POST uploads': uploads.create,
    'PUT uploadId': uploads.addPart,
    'GET uploadId': uploads.listParts,
    'POST uploadId': completeUpload,
    'DELETE uploadId': uploads.abort,
  };
  const bucketOperations: typeof objectOperations = { 'GET list-type': list, 'GET uploads': uploads.list };

  return {
    createBucket: buckets.create,
    async serve(request, response) {
      try {
        const target = readS3Request(request, response);
        await checkSignature(request, credentials);
        buckets.spec(target.bucket);
        const names = [...target.query.keys()].filter((name) => !ARGUMENTS.test(name)).sort();
        const operations = target.key === '' ? bucketOperations : objectOperations;
        const operation = operations[`${request.method} ${names.join('&')}`];
        if (operation === undefined) throw notEmulated();
        await operation(target);
      } catch (error) {
        // Too late for an answer: the client has disconnected, or the bytes could not be read.
        if (response.headersSent) return void response.destroy();
        const refusal = error instanceof S3Error ? error : new S3Error(500, 'InternalError', `${error}`);
        // The rest of a body that is refused is not read.
        if (!request.complete) response.setHeader('Connection', 'close');
        response.writeHead(refusal.status, { 'Content-Type': 'application/xml' });
        const { code: Code, message: Message } = refusal;
        response.end(request.method === 'HEAD' ? undefined : toXml('Error', '', { Code, Message }));
      }
    },
  };
}

function notEmulated(): S3Error {
  return new S3Error(501, 'NotImplemented', 'The local stack does not emulate this operation of S3.');
}

/**
 * One range of bytes, both ends included. S3 ignores what it does not understand, several ranges among them.
 *
 * @throws S3Error where the range lies outside the object
 */
function readRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(String(header)) ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end) throw new S3Error(416, 'InvalidRange', 'The requested range is not satisfiable');
  return { start, end };
}
