import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { crc32 as computeCrc32 } from 'node:zlib';
// Not exported by the package, whose version is pinned: with the store in hand, objects can be announced to it whose bytes
// it never sees.
import { S3Error } from '../../node_modules/fauxqs/dist/common/errors.js';
import type { S3Store } from '../../node_modules/fauxqs/dist/s3/s3Store.js';

/**
 * The object operations of S3, with bytes that go from socket to file and from file to socket. The emulator behind the
 * gateway holds bodies in memory and takes none over 11 MiB; builds have 30 GB. It keeps the index, and so serves everything
 * that needs no bytes: buckets, listings, deletion by the list.
 */
export interface S3ObjectsOptions {
  /** The emulator's index of buckets and objects. */
  readonly store: S3Store;
  /** Existing directory for the bytes. Nothing in it is deleted: whoever made it removes it as a whole. */
  readonly directory: string;
  readonly isVersioned: (bucket: string) => boolean;
  /** Called when an object is complete, before its sender is answered. */
  readonly onCreated: (created: CreatedObject) => void;
}

export interface CreatedObject {
  readonly operation: 'Put' | 'Copy' | 'CompleteMultipartUpload';
  readonly bucket: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Without quotes. */
  readonly eTag: string;
  readonly versionId: string | undefined;
}

/** An S3 request that names an object. */
export interface ObjectRequest {
  readonly bucket: string;
  /** Decoded. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export interface S3Objects {
  /** @throws S3Error for the gateway to answer with */
  serve(request: ObjectRequest): Promise<void>;
}

/** Part of a file, in bytes. Files never change once written, so objects may share them. */
interface Slice {
  readonly file: string;
  readonly start: number;
  readonly length: number;
}

interface StoredObject {
  readonly key: string;
  /** Always empty: the bytes are in the slices. */
  readonly body: Buffer;
  readonly slices: readonly Slice[];
  readonly contentLength: number;
  readonly contentType: string;
  readonly metadata: Record<string, string>;
  /** In quotes, as on the wire. */
  readonly etag: string;
  readonly lastModified: Date;
  readonly versionId: string | undefined;
}

interface Tag {
  readonly Key: string;
  readonly Value: string;
}

interface Part {
  readonly slices: readonly Slice[];
  readonly size: number;
  readonly md5: Buffer;
  /** Base64, where the sender gave one. */
  readonly crc32?: string | undefined;
  readonly lastModified: Date;
}

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly headers: IncomingHttpHeaders;
  readonly initiated: Date;
  readonly parts: Map<number, Part>;
}

/** What may be in the query of any request, or says which version or part an operation is about. */
const ARGUMENT = /^(x-id|x-amz-.*|versionId|partNumber)$/i;

/** `delimiter` is not among them: nothing here lists uploads by folder. */
const LIST_ARGUMENTS: ReadonlySet<string> = new Set([
  'encoding-type',
  'key-marker',
  'max-parts',
  'max-uploads',
  'part-number-marker',
  'prefix',
  'upload-id-marker',
]);

/** Parts or uploads that S3 lists at a time, at most. */
const LONGEST_LIST = 1000;

/** Tags that S3 lets an object have, and how long they may be, in characters. */
const MOST_TAGS = 10;
const LONGEST_TAG_KEY = 128;
const LONGEST_TAG_VALUE = 256;

/** S3's own limit for all parts but the last, in bytes. */
const SMALLEST_PART = 5 * 1024 * 1024;

export function createS3Objects({ store, directory, isVersioned, onCreated }: S3ObjectsOptions): S3Objects {
  const uploads = new Map<string, Upload>();
  let uploadCount = 0;
  /** Every version of every object of versioned buckets, by version id. */
  const versions = new Map<string, StoredObject>();
  /** By the object as it is in the index: where it goes, they go with it. */
  const tags = new WeakMap<StoredObject, readonly Tag[]>();

  function find(bucket: string, key: string, versionId: string | null): StoredObject {
    if (versionId === null) return store.headObject(bucket, key) as StoredObject & { body: Buffer };
    const version = versions.get(versionId);
    if (version?.key !== key) throw new S3Error('NoSuchVersion', 'The specified version does not exist.', 404);
    return version;
  }

  function create(
    operation: CreatedObject['operation'],
    { bucket, key }: { bucket: string; key: string },
    content: Pick<StoredObject, 'slices' | 'contentLength' | 'etag'>,
    headers: Pick<StoredObject, 'contentType' | 'metadata'>,
  ): StoredObject {
    if (!store.hasBucket(bucket)) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', 404);
    const versionId = isVersioned(bucket) ? randomUUID().replaceAll('-', '') : undefined;
    // Field by field: of a copy's source, neither key nor version may slip in.
    const { slices, contentLength, etag } = content;
    const { contentType, metadata } = headers;
    const body = Buffer.alloc(0);
    const lastModified = new Date();
    const object = { key, body, slices, contentLength, etag, contentType, metadata, lastModified, versionId };
    store.restoreObject(bucket, object);
    if (versionId !== undefined) versions.set(versionId, object);
    onCreated({
      operation,
      bucket,
      key,
      size: contentLength,
      eTag: etag.replaceAll('"', ''),
      versionId,
    });
    return object;
  }

  /** Writes the body to a file of its own. */
  async function receive(request: IncomingMessage): Promise<Part> {
    const file = join(directory, randomUUID());
    const md5 = createHash('md5');
    let size = 0;
    let crc = 0;
    const chunked = request.headers['content-encoding']?.includes('aws-chunked');
    const crc32 = request.headers['x-amz-checksum-crc32']?.toString();
    await pipeline(
      chunked ? decodeAwsChunked(request) : request,
      async function* measure(chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          md5.update(chunk);
          if (crc32 !== undefined) crc = computeCrc32(chunk, crc);
          size += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(file),
    );
    const announced = request.headers['x-amz-decoded-content-length'];
    if (announced !== undefined && Number(announced) !== size) {
      throw new S3Error('IncompleteBody', 'You did not provide the number of bytes specified by the header', 400);
    }
    const digest = md5.digest();
    const expected = request.headers['content-md5'];
    if (expected !== undefined && expected !== digest.toString('base64')) {
      throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.', 400);
    }
    if (crc32 !== undefined && Buffer.from(crc32, 'base64').readUInt32BE() !== crc) {
      throw new S3Error('BadDigest', 'The CRC32 you specified did not match the calculated checksum.', 400);
    }
    return { slices: [{ file, start: 0, length: size }], size, md5: digest, crc32, lastModified: new Date() };
  }

  /** What a copy reads: the source's slices, cut to the range where one is given. */
  function readCopySource(request: IncomingMessage): { source: StoredObject; slices: Slice[]; size: number } {
    const [path = '', query] = String(request.headers['x-amz-copy-source']).replace(/^\//, '').split('?');
    const [bucket = '', ...key] = decodeURIComponent(path).split('/');
    const source = find(bucket, key.join('/'), new URLSearchParams(query).get('versionId'));
    const range = parseRange(request.headers['x-amz-copy-source-range'], source.contentLength);
    const { start, end } = range ?? { start: 0, end: source.contentLength - 1 };
    return { source, slices: cut(source.slices, start, end), size: end - start + 1 };
  }

  async function put(target: ObjectRequest): Promise<void> {
    const { request, response } = target;
    if (request.headers['x-amz-copy-source'] !== undefined) {
      const { source } = readCopySource(request);
      const replaces = request.headers['x-amz-metadata-directive'] === 'REPLACE';
      const object = create('Copy', target, source, replaces ? describe(request.headers) : source);
      if (request.headers['x-amz-tagging-directive'] !== 'REPLACE') tags.set(object, tags.get(source) ?? []);
      setVersion(response, object);
      return sendXml(response, 'CopyObjectResult', {
        ETag: object.etag,
        LastModified: object.lastModified.toISOString(),
      });
    }
    if (!store.hasBucket(target.bucket)) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', 404);
    const { slices, size, md5 } = await receive(request);
    const content = { slices, contentLength: size, etag: quoted(md5.toString('hex')) };
    const object = create('Put', target, content, describe(request.headers));
    setVersion(response, object);
    response.writeHead(200, { ETag: object.etag }).end();
  }

  function findUpload({ query, bucket, key }: ObjectRequest): Upload {
    const upload = uploads.get(query.get('uploadId') ?? '');
    if (upload?.bucket !== bucket || upload.key !== key) {
      throw new S3Error('NoSuchUpload', 'The specified multipart upload does not exist.', 404);
    }
    return upload;
  }

  async function uploadPart(target: ObjectRequest): Promise<void> {
    const { query, request, response } = target;
    const upload = findUpload(target);
    const number = Number(query.get('partNumber'));
    if (request.headers['x-amz-copy-source'] !== undefined) {
      const { slices, size } = readCopySource(request);
      // Of bytes that are not read there is no MD5; an ETag only has to be the same for the same bytes of the same files.
      const md5 = createHash('md5').update(JSON.stringify(slices)).digest();
      const lastModified = new Date();
      upload.parts.set(number, { slices, size, md5, lastModified });
      return sendXml(response, 'CopyPartResult', {
        ETag: quoted(md5.toString('hex')),
        LastModified: lastModified.toISOString(),
      });
    }
    const part = await receive(request);
    upload.parts.set(number, part);
    response.writeHead(200, { ETag: quoted(part.md5.toString('hex')) }).end();
  }

  async function completeUpload(target: ObjectRequest): Promise<void> {
    const upload = findUpload(target);
    const body = await text(target.request);
    const wanted = [...body.matchAll(/<Part>.*?<\/Part>/gs)].map(([part]) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
      eTag: /<ETag>(?:"|&quot;|&#34;)?([0-9a-f]+)/.exec(part)?.[1],
    }));
    if (wanted.length === 0) throw malformedXml();
    if (wanted.some(({ number }, index) => index > 0 && number <= (wanted[index - 1]?.number ?? 0))) {
      throw new S3Error('InvalidPartOrder', 'The list of parts was not in ascending order.', 400);
    }
    const parts = wanted.map(({ number, eTag }, index) => {
      const part = upload.parts.get(number);
      if (part === undefined || part.md5.toString('hex') !== eTag) {
        throw new S3Error('InvalidPart', 'One or more of the specified parts could not be found.', 400);
      }
      if (index < wanted.length - 1 && part.size < SMALLEST_PART) {
        throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', 400);
      }
      return part;
    });
    const md5 = createHash('md5');
    for (const part of parts) md5.update(part.md5);
    const content = {
      slices: parts.flatMap((part) => part.slices),
      contentLength: parts.reduce((sum, part) => sum + part.size, 0),
      etag: quoted(`${md5.digest('hex')}-${parts.length}`),
    };
    uploads.delete(target.query.get('uploadId') ?? '');
    const object = create('CompleteMultipartUpload', target, content, describe(upload.headers));
    setVersion(target.response, object);
    sendXml(target.response, 'CompleteMultipartUploadResult', {
      Location: `http://${target.request.headers.host}/${upload.bucket}/${encodeURIComponent(upload.key)}`,
      Bucket: upload.bucket,
      Key: upload.key,
      ETag: object.etag,
    });
  }

  function createUpload({ bucket, key, request, response }: ObjectRequest): void {
    if (!store.hasBucket(bucket)) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', 404);
    // They rise, as a listing goes by them.
    const uploadId = `${String(++uploadCount).padStart(9, '0')}-${randomUUID()}`;
    uploads.set(uploadId, { bucket, key, headers: request.headers, initiated: new Date(), parts: new Map() });
    sendXml(response, 'InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: uploadId });
  }

  function listParts(target: ObjectRequest): void {
    const { bucket, key, query, response } = target;
    const upload = findUpload(target);
    const marker = wholeNumber(query, 'part-number-marker', 0);
    const max = wholeNumber(query, 'max-parts', LONGEST_LIST);
    const parts = [...upload.parts].filter(([number]) => number > marker).sort(([a], [b]) => a - b);
    const page = parts.slice(0, max);
    const listed = page.map(([number, { size, md5, crc32, lastModified }]) => ({
      Part: {
        PartNumber: `${number}`,
        LastModified: lastModified.toISOString(),
        ETag: quoted(md5.toString('hex')),
        Size: `${size}`,
        ...(crc32 === undefined ? {} : { ChecksumCRC32: crc32 }),
      },
    }));
    const fields = {
      Bucket: bucket,
      Key: encodedFor(query, key),
      UploadId: query.get('uploadId') ?? '',
      StorageClass: 'STANDARD',
      PartNumberMarker: `${marker}`,
      // On the last page as well, and 0 for an empty one: a client that pages until it is gone never ends, here as at S3.
      NextPartNumberMarker: `${page.at(-1)?.[0] ?? 0}`,
      MaxParts: `${max}`,
      IsTruncated: `${parts.length > page.length}`,
    };
    sendXml(response, 'ListPartsResult', [fields, ...listed]);
  }

  function listUploads({ bucket, query, response }: ObjectRequest): void {
    if (!store.hasBucket(bucket)) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', 404);
    const prefix = query.get('prefix') ?? '';
    const marker = { key: query.get('key-marker') ?? '', uploadId: query.get('upload-id-marker') ?? '' };
    const max = wholeNumber(query, 'max-uploads', LONGEST_LIST);
    const wanted = [...uploads]
      .map(([uploadId, upload]) => ({ uploadId, ...upload }))
      .filter((upload) => upload.bucket === bucket && upload.key.startsWith(prefix))
      // Without an upload id the marker stands behind all uploads of its key; an upload id alone is ignored.
      .filter(({ key, uploadId }) => {
        const order = compare(key, marker.key);
        return order > 0 || (order === 0 && marker.uploadId !== '' && uploadId > marker.uploadId);
      })
      .sort((a, b) => compare(a.key, b.key) || compare(a.uploadId, b.uploadId));
    const page = wanted.slice(0, max);
    const listed = page.map(({ key, uploadId, initiated }) => ({
      Upload: {
        Key: encodedFor(query, key),
        UploadId: uploadId,
        StorageClass: 'STANDARD',
        Initiated: initiated.toISOString(),
      },
    }));
    const next = wanted.length > page.length ? page.at(-1) : undefined;
    const fields = {
      Bucket: bucket,
      KeyMarker: encodedFor(query, marker.key),
      UploadIdMarker: marker.uploadId,
      ...(next === undefined ? {} : { NextKeyMarker: encodedFor(query, next.key), NextUploadIdMarker: next.uploadId }),
      Prefix: encodedFor(query, prefix),
      MaxUploads: `${max}`,
      IsTruncated: `${next !== undefined}`,
    };
    sendXml(response, 'ListMultipartUploadsResult', [fields, ...listed]);
  }

  async function get({ bucket, key, query, request, response }: ObjectRequest): Promise<void> {
    const object = find(bucket, key, query.get('versionId'));
    const size = object.contentLength;
    const range = parseRange(request.headers.range, size);
    const { start, end } = range ?? { start: 0, end: size - 1 };
    setVersion(response, object);
    response.writeHead(range === undefined ? 200 : 206, {
      'Content-Type': object.contentType,
      'Content-Length': end - start + 1,
      ETag: object.etag,
      'Last-Modified': object.lastModified.toUTCString(),
      'Accept-Ranges': 'bytes',
      ...Object.fromEntries(Object.entries(object.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
      ...(range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end}/${size}` }),
    });
    if (request.method === 'HEAD') response.end();
    else await pipeline(read(cut(object.slices, start, end)), response);
  }

  function getTags({ bucket, key, query, response }: ObjectRequest): void {
    const object = find(bucket, key, query.get('versionId'));
    setVersion(response, object);
    sendXml(response, 'Tagging', { TagSet: (tags.get(object) ?? []).map((tag) => ({ Tag: { ...tag } })) });
  }

  async function putTags({ bucket, key, query, request, response }: ObjectRequest): Promise<void> {
    const object = find(bucket, key, query.get('versionId'));
    tags.set(object, readTags(await text(request)));
    setVersion(response, object);
    response.writeHead(200).end();
  }

  function remove({ bucket, key, query, response }: ObjectRequest): void {
    const versionId = query.get('versionId');
    // In the order of a listing, a key comes before all that it is a prefix of.
    const [current] = store.listObjects(bucket, { prefix: key, maxKeys: 1 }).objects as (StoredObject & {
      body: Buffer;
    })[];
    if (versionId === null || current?.versionId === versionId) store.deleteObject(bucket, key);
    if (versionId !== null) versions.delete(versionId);
    response.writeHead(204).end();
  }

  return {
    async serve(target) {
      const { query, request } = target;
      // What a client adds to any request, and a signature in the query; the rest names an operation.
      const operation = [...query.keys()].filter((name) => !(ARGUMENT.test(name) || LIST_ARGUMENTS.has(name))).sort();
      switch (`${request.method} ${operation.join('&')}`) {
        case 'PUT ':
          return put(target);
        case 'PUT uploadId':
          return uploadPart(target);
        case 'POST uploads':
          return createUpload(target);
        case 'POST uploadId':
          return completeUpload(target);
        case 'DELETE uploadId':
          findUpload(target);
          uploads.delete(query.get('uploadId') ?? '');
          return void target.response.writeHead(204).end();
        case 'GET uploadId':
          return listParts(target);
        case 'GET uploads':
          return listUploads(target);
        case 'GET tagging':
          return getTags(target);
        case 'PUT tagging':
          return putTags(target);
        case 'GET ':
        case 'HEAD ':
          return get(target);
        case 'DELETE ':
          return remove(target);
        default:
          throw new S3Error('NotImplemented', 'The local stack does not have this operation of S3.', 501);
      }
    },
  };
}

function quoted(eTag: string): string {
  return `"${eTag}"`;
}

function describe(headers: IncomingHttpHeaders): Pick<StoredObject, 'contentType' | 'metadata'> {
  return {
    contentType: headers['content-type'] ?? 'binary/octet-stream',
    metadata: Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) =>
        name.startsWith('x-amz-meta-') && typeof value === 'string' ? [[name.slice('x-amz-meta-'.length), value]] : [],
      ),
    ),
  };
}

/** A number of the query. Above what S3 lists at a time it counts as that. */
function wholeNumber(query: URLSearchParams, name: string, fallback: number): number {
  const value = query.get(name);
  if (value === null) return fallback;
  if (!/^\d{1,9}$/.test(value)) {
    throw new S3Error('InvalidArgument', `Provided ${name} not an integer or within integer range`, 400);
  }
  return name.startsWith('max-') ? Math.min(Number(value), LONGEST_LIST) : Number(value);
}

/** A key as the listing's caller wants it: XML has no way to write some characters. */
function encodedFor(query: URLSearchParams, key: string): string {
  return query.get('encoding-type') === 'url' ? encodeURIComponent(key).replaceAll('%2F', '/') : key;
}

/** The order of listings: by the bytes of UTF-8. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function setVersion(response: ServerResponse, { versionId }: StoredObject): void {
  if (versionId !== undefined) response.setHeader('x-amz-version-id', versionId);
}

/**
 * The tags of a `Tagging` document.
 *
 * @throws S3Error for what S3 does not take
 */
function readTags(document: string): Tag[] {
  if (!/<Tagging[\s>]/.test(document) || !/<TagSet(\s*\/)?>/.test(document)) throw malformedXml();
  const read = [...document.matchAll(/<Tag>.*?<\/Tag>/gs)].map(([tag]) => {
    const Key = /<Key>(.*?)<\/Key>/s.exec(tag)?.[1];
    if (Key === undefined) throw malformedXml();
    // An empty value may be an empty element.
    const Value = /<Value>(.*?)<\/Value>/s.exec(tag)?.[1] ?? '';
    return { Key: unescapeXml(Key), Value: unescapeXml(Value) };
  });
  if (read.length > MOST_TAGS) throw new S3Error('BadRequest', `Object tags cannot be greater than ${MOST_TAGS}`, 400);
  if (read.some(({ Key }) => Key === '' || Key.length > LONGEST_TAG_KEY)) {
    throw new S3Error('InvalidTag', 'The TagKey you have provided is invalid', 400);
  }
  if (read.some(({ Value }) => Value.length > LONGEST_TAG_VALUE)) {
    throw new S3Error('InvalidTag', 'The TagValue you have provided is invalid', 400);
  }
  if (new Set(read.map(({ Key }) => Key)).size < read.length) {
    throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key', 400);
  }
  return read;
}

function malformedXml(): S3Error {
  return new S3Error('MalformedXML', 'The XML you provided was not well-formed', 400);
}

const XML_ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(escaped: string): string {
  return escaped.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (entity, hex, decimal, name) => {
    if (name !== undefined) return XML_ENTITIES[name] ?? entity;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  });
}

/** What is in an XML element: text, elements by their names, or those one after the other. */
type XmlContent = string | { readonly [name: string]: XmlContent } | readonly XmlContent[];

function sendXml(response: ServerResponse, root: string, content: XmlContent): void {
  response.writeHead(200, { 'Content-Type': 'application/xml' });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${toXml(content)}</${root}>`,
  );
}

function toXml(content: XmlContent): string {
  if (typeof content === 'string') {
    return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  }
  if (isList(content)) return content.map(toXml).join('');
  return Object.entries(content)
    .map(([name, inner]) => `<${name}>${toXml(inner)}</${name}>`)
    .join('');
}

function isList(content: XmlContent): content is readonly XmlContent[] {
  return Array.isArray(content);
}

/**
 * One range of bytes, both ends included. S3 ignores what it does not understand, several ranges among them.
 *
 * @throws S3Error where the range lies outside the object
 */
function parseRange(header: string | string[] | undefined, size: number): { start: number; end: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(String(header)) ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end) throw new S3Error('InvalidRange', 'The requested range is not satisfiable', 416);
  return { start, end };
}

function cut(slices: readonly Slice[], start: number, end: number): Slice[] {
  const cuts: Slice[] = [];
  let offset = 0;
  for (const slice of slices) {
    const from = Math.max(start, offset);
    const to = Math.min(end + 1, offset + slice.length);
    if (from < to) cuts.push({ file: slice.file, start: slice.start + from - offset, length: to - from });
    offset += slice.length;
  }
  return cuts;
}

async function* read(slices: readonly Slice[]): AsyncGenerator<Buffer> {
  for (const { file, start, length } of slices) yield* createReadStream(file, { start, end: start + length - 1 });
}

/** Takes the framing off a body that a client sends in signed or checksummed chunks: `<hex size>[;...]CRLF<bytes>CRLF`. */
async function* decodeAwsChunked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let left = 0;
  let ended = false;
  for await (const piece of source) {
    // After the chunk of size 0 come trailers: checksums, which a request over loopback does not need.
    if (ended) continue;
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (rest.length > 0) {
      if (left > 0) {
        const data = rest.subarray(0, left);
        left -= data.length;
        rest = rest.subarray(data.length);
        yield data;
        continue;
      }
      const lineEnd = rest.indexOf('\r\n');
      if (lineEnd === -1) break;
      const line = rest.toString('latin1', 0, lineEnd);
      rest = rest.subarray(lineEnd + 2);
      // The line break behind a chunk's bytes.
      if (line === '') continue;
      left = Number.parseInt(line, 16);
      if (left === 0) {
        ended = true;
        break;
      }
    }
  }
}
