import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { AwsError } from './aws-error.ts';
import { type Credentials, checkSignature } from './presigned-url.ts';
import { type BucketSpec, compareKeys, createBuckets, type ObjectContent, type Tag } from './s3-buckets.ts';
import { readBytes, storeBody } from './s3-files.ts';
import type { CreatedObject } from './s3-notifications.ts';
import { describedBy, readS3Request, readS3Xml, type S3Request, sendS3Xml } from './s3-request.ts';
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

/** What a query may hold besides the name of an operation. */
const ARGUMENTS =
  /^(x-id|x-amz-.*|versionId|partNumber|prefix|delimiter|max-parts|part-number-marker|continuation-token|encoding-type)$/i;

/** Objects that S3 lists at a time. */
const LONGEST_PAGE = 1000;

/** S3 with versions, tags and multipart uploads, for objects of any size: their bytes go straight to and from the disk. */
export function createS3({ directory, credentials, onCreated }: S3Options) {
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
    response.setHeader('x-amz-version-id', versionId);
  }

  function find({ bucket, key, query, response }: S3Request) {
    const object = buckets.find(bucket, key, query.get('versionId'));
    response.setHeader('x-amz-version-id', object.versionId);
    return object;
  }

  async function put(target: S3Request): Promise<void> {
    const { bucket, request, response } = target;
    const source = request.headers['x-amz-copy-source'];
    if (source !== undefined) return copy(target, String(source));
    buckets.spec(bucket);
    const file = await storeBody(request, directory);
    add('Put', target, { files: [file], eTag: file.md5, ...describedBy(request) });
    response.end();
  }

  /** Of a whole object: the copy is made of the same files. */
  function copy(target: S3Request, address: string): void {
    const [path = '', query] = address.replace(/^\//, '').split('?');
    const [bucket = '', ...key] = decodeURIComponent(path).split('/');
    const { contentType, eTag, files, metadata, tags } = buckets.find(
      bucket,
      key.join('/'),
      new URLSearchParams(query).get('versionId'),
    );
    const { headers } = target.request;
    const isReplaced = headers['x-amz-metadata-directive'] === 'REPLACE';
    const description = isReplaced ? describedBy(target.request) : { contentType, metadata };
    add('Copy', target, { files, eTag, ...description });
    if (headers['x-amz-tagging-directive'] !== 'REPLACE') buckets.find(target.bucket, target.key, null).tags = tags;
    sendS3Xml(target.response, 'CopyObjectResult', { ETag: `"${eTag}"`, LastModified: new Date().toISOString() });
  }

  function remove({ bucket, key, response }: S3Request): void {
    buckets.remove(bucket, key);
    response.writeHead(204).end();
  }

  async function completeUpload(target: S3Request): Promise<void> {
    const content = await uploads.complete(target);
    add('CompleteMultipartUpload', target, content);
    const { bucket, key, response } = target;
    sendS3Xml(response, 'CompleteMultipartUploadResult', { Bucket: bucket, Key: key, ETag: `"${content.eTag}"` });
  }

  async function get(target: S3Request): Promise<void> {
    const { request, response } = target;
    const { files, size, eTag, contentType = 'binary/octet-stream', lastModified, metadata } = find(target);
    const range = readRange(request.headers.range, size);
    const { start, end } = range ?? { start: 0, end: size - 1 };
    if (range !== undefined) response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`);
    response.writeHead(range === undefined ? 200 : 206, {
      ...metadata,
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
    'DELETE ': remove,
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
    /** Never rejects. */
    async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
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
        const refusal = error instanceof AwsError ? error : new AwsError(500, 'InternalError', `${error}`);
        // The rest of a body that is refused is not read.
        if (!request.complete) response.setHeader('Connection', 'close');
        response.writeHead(refusal.status, { 'Content-Type': 'application/xml' });
        const { code: Code, message: Message } = refusal;
        response.end(request.method === 'HEAD' ? undefined : toXml('Error', '', { Code, Message }));
      }
    },
  };
}

function notEmulated(): AwsError {
  return new AwsError(501, 'NotImplemented', 'The local stack does not emulate this operation of S3.');
}

/**
 * One range of bytes, both ends included. S3 ignores what it does not understand, several ranges among them.
 *
 * @throws AwsError where the range lies outside the object
 */
function readRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(String(header)) ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end) throw new AwsError(416, 'InvalidRange', 'The requested range is not satisfiable');
  return { start, end };
}
