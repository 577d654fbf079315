import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type Part,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { isSafeForSecrets } from '../../functions/adapters/http-exchange.ts';
import type { OperatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { OperatorError } from '../operator-error.ts';
import type { UploadSource } from './upload-source.ts';

export interface UploadRequest {
  readonly source: UploadSource;
  readonly bucket: string;
  readonly key: string;
  /** S3 user metadata of the object, fixed when the upload begins. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A part as S3 has confirmed it. */
interface UploadedPart {
  readonly PartNumber: number;
  readonly ETag: string;
  readonly ChecksumCRC32: string;
}

const MIB = 1024 * 1024;
/** In bytes. Four are in memory at a time. The larger they are, the more is lost when the connection breaks. */
const PART_SIZE = 8 * MIB;
/** S3's own limit for an upload. */
const MOST_PARTS = 10_000;
const CONCURRENCY = 4;
/** Sent at once, in bytes. */
const SLICE = 1024 * 1024;

/**
 * All parts but the last have this size, in bytes. It is the same in each run, or an upload could not be resumed. S3 does not say
 * what metadata an unfinished upload has, so the size depends on it: an upload with other metadata is not resumed.
 */
export function partSizeFor(size: number, metadata: UploadRequest['metadata'] = {}): number {
  const least = Math.max(PART_SIZE, Math.ceil(size / MOST_PARTS / MIB) * MIB);
  const entries = Object.entries(metadata).sort();
  return entries.length === 0 ? least : least + (crc32(JSON.stringify(entries)) % MIB);
}

/**
 * Uploads a source in parts, each checked by its CRC-32 at both ends. It resumes an unfinished upload of the same bytes: a part that
 * is there counts only if its CRC-32 is that of the source's bytes now. What stops the upload leaves it unfinished, so that the next
 * run resumes it; S3 makes an object only of a whole one.
 *
 * @param onProgress bytes that are uploaded, and how many of them an earlier run uploaded
 * @returns the object's version, its ETag without quotes, and how many bytes an earlier run uploaded
 * @throws OperatorError where the source changes meanwhile, or another process interferes; also the SDK's errors, such as `AbortError`
 */
export async function uploadInParts(
  s3: S3Client,
  { bucket, key, metadata, source }: UploadRequest,
  signal: AbortSignal,
  onProgress: (uploaded: number, resumed: number) => void,
) {
  const target = { Bucket: bucket, Key: key };
  const before = await lookAt(s3, target);
  const partSize = partSizeFor(source.size, metadata);
  // A single part has the file's size, whatever the metadata; it is quickly sent again.
  const canResume = metadata === undefined || source.size > partSize;
  const unfinished = canResume ? await findUnfinished(s3, target, source, partSize, signal) : undefined;
  const upload = { ...target, UploadId: unfinished?.uploadId ?? (await createUpload(s3, target, metadata, signal)) };
  try {
    const { parts, resumed } = await uploadParts(
      s3,
      upload,
      source,
      partSize,
      unfinished?.parts ?? [],
      signal,
      onProgress,
    );
    await source.checkUnchanged();
    const object = await complete(s3, upload, parts, source.size, before);
    return { ...object, resumed };
  } catch (error) {
    if (!(error instanceof Error && /^(NoSuchUpload|InvalidPart)$/.test(error.name))) throw error;
    const remedy = (commands: OperatorCommands) => `Push it again, unless it has arrived: ${commands.status()}`;
    throw new OperatorError('UploadGone', 'Another process has finished, aborted or changed this upload.', remedy);
  }
}

/** Reads the source once, in order, and uploads what is not there yet, in several parts at a time. */
async function uploadParts(
  s3: S3Client,
  upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string },
  source: UploadSource,
  partSize: number,
  there: readonly Part[],
  signal: AbortSignal,
  onProgress: (uploaded: number, resumed: number) => void,
) {
  const count = Math.ceil(source.size / partSize);
  const partsThere = new Map(there.map((part) => [part.PartNumber, part]));
  const parts: UploadedPart[] = [];
  const failures: unknown[] = [];
  const failed = new AbortController();
  const abortSignal = AbortSignal.any([signal, failed.signal]);
  let [uploaded, resumed] = [0, 0];
  onProgress(uploaded, resumed);

  const pass = await source.open(0);
  let started = 0;
  let lastRead: Promise<unknown> = Promise.resolve();
  /** One read at a time: a source is read in order. */
  function readNext(buffer: Buffer): Promise<{ number: number; bytes: Buffer } | undefined> {
    const read = lastRead.then(async () => {
      abortSignal.throwIfAborted();
      if (started === count) return undefined;
      const bytes = buffer.subarray(0, lengthOf(++started, source.size, partSize));
      const number = started;
      await pass.fill(bytes);
      return { number, bytes };
    });
    lastRead = read.catch(() => {});
    return read;
  }
  async function work(): Promise<void> {
    // One buffer for all its parts: a new one for each costs the garbage collector a fifth of the time.
    const buffer = Buffer.allocUnsafeSlow(Math.min(partSize, source.size));
    for (let part = await readNext(buffer); part !== undefined; part = await readNext(buffer)) {
      const { number: PartNumber, bytes } = part;
      const ChecksumCRC32 = crcOf(bytes);
      const earlier = partsThere.get(PartNumber);
      if (earlier?.Size === bytes.length && earlier.ChecksumCRC32 === ChecksumCRC32) {
        parts.push({ PartNumber, ETag: earlier.ETag ?? '', ChecksumCRC32 });
        resumed += bytes.length;
      } else {
        const command = new UploadPartCommand({ ...upload, PartNumber, Body: bytes, ChecksumCRC32 });
        sparingly(command);
        const { ETag = '' } = await s3.send(command, { abortSignal });
        parts.push({ PartNumber, ETag, ChecksumCRC32 });
      }
      uploaded += bytes.length;
      onProgress(uploaded, resumed);
    }
  }
  const workers = Array.from({ length: Math.min(CONCURRENCY, count) }, work);
  const settled = workers.map((worker) =>
    worker.catch((error) => {
      failures.push(error);
      failed.abort();
    }),
  );
  try {
    await Promise.all(settled);
  } finally {
    await pass.close();
  }
  // The others only ended because of the first one.
  if (failures.length > 0) throw failures[0];
  return { parts: parts.sort((a, b) => a.PartNumber - b.PartNumber), resumed };
}

/** What the SDK's middleware sees of a request. */
interface PartRequest {
  readonly headers: Record<string, string>;
  readonly hostname: string;
  readonly protocol: string;
  readonly body: Buffer;
}

/** Spares time and memory. */
function sparingly({ middlewareStack }: UploadPartCommand): void {
  // Hashing the payload for the signature takes longer than sending it to a near region. The part's CRC-32 guards the bytes, and
  // TLS, or a connection that does not leave this machine, guards against those who could change both.
  middlewareStack.add(
    (next) => (args) => {
      const { headers, hostname, protocol } = args.request as PartRequest;
      if (isSafeForSecrets(`${protocol}//${hostname}`)) headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      return next(args);
    },
    { step: 'build', priority: 'low' },
  );
  // TLS copies what it is given at once. Behind the SDK's retries, which only repeat what is no stream.
  middlewareStack.add(
    (next) => (args) => {
      const request = args.request as PartRequest;
      const body = Readable.from(slicesOf(request.body), { objectMode: false });
      return next({ ...args, request: { ...request, body } });
    },
    { step: 'deserialize', priority: 'low' },
  );
}

function* slicesOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += SLICE) yield bytes.subarray(from, from + SLICE);
}

/**
 * Makes the object. It is not aborted by Ctrl-C: it is one short call, and half of it is worse than all of it.
 *
 * @param before what the key held when the upload began
 */
async function complete(
  s3: S3Client,
  { UploadId, ...target }: { readonly Bucket: string; readonly Key: string; readonly UploadId: string },
  parts: readonly UploadedPart[],
  size: number,
  before: Seen | undefined,
) {
  // S3 refuses parts whose sizes do not add up to this.
  const command = new CompleteMultipartUploadCommand({
    ...target,
    UploadId,
    MultipartUpload: { Parts: [...parts] },
    MpuObjectSize: size,
  });
  try {
    const { VersionId, ETag = '' } = await s3.send(command);
    return { versionId: VersionId, eTag: ETag.replaceAll('"', '') };
  } catch (error) {
    // The answer may be lost, and the object there: a retry then finds no upload any more.
    const now = await lookAt(s3, target);
    if (now === undefined || now.size !== size || isSame(now, before) || !isMadeOf(now, parts)) throw error;
    return { versionId: now.versionId, eTag: now.eTag };
  }
}

/** What a key holds. */
interface Seen {
  readonly versionId: string | undefined;
  readonly eTag: string;
  /** Of the parts' checksums; only where S3 has checked them. */
  readonly checksum: string | undefined;
  /** Bytes. */
  readonly size: number | undefined;
  /** ms since the epoch. */
  readonly modifiedAt: number | undefined;
}

/** @returns `undefined` where there is nothing, or this profile may not look */
async function lookAt(s3: S3Client, target: { Bucket: string; Key: string }): Promise<Seen | undefined> {
  const head = await s3.send(new HeadObjectCommand({ ...target, ChecksumMode: 'ENABLED' })).catch(() => undefined);
  if (head === undefined) return undefined;
  return {
    versionId: head.VersionId,
    eTag: (head.ETag ?? '').replaceAll('"', ''),
    checksum: head.ChecksumCRC32,
    size: head.ContentLength,
    modifiedAt: head.LastModified?.getTime(),
  };
}

/** Without versions, S3's time tells a new object from the same bytes of an earlier push. */
function isSame(now: Seen, before: Seen | undefined): boolean {
  return before !== undefined && now.versionId === before.versionId && now.modifiedAt === before.modifiedAt;
}

/**
 * By the ETag of a multipart upload, which is made of the parts' ETags; with KMS it is made of something else, and the checksum
 * counts, which is made of the parts' checksums. Source: "Checking object integrity" in the S3 user guide.
 */
function isMadeOf({ checksum, eTag }: Seen, parts: readonly UploadedPart[]): boolean {
  const md5 = createHash('md5');
  for (const { ETag } of parts) md5.update(Buffer.from(ETag.replaceAll('"', ''), 'hex'));
  const checksums = Buffer.concat(parts.map(({ ChecksumCRC32 }) => Buffer.from(ChecksumCRC32, 'base64')));
  return eTag === `${md5.digest('hex')}-${parts.length}` || checksum === `${crcOf(checksums)}-${parts.length}`;
}

async function createUpload(
  s3: S3Client,
  target: { Bucket: string; Key: string },
  metadata: UploadRequest['metadata'],
  abortSignal: AbortSignal,
): Promise<string> {
  const command = new CreateMultipartUploadCommand({
    ...target,
    ContentType: 'application/zip',
    ChecksumAlgorithm: 'CRC32',
    Metadata: metadata,
  });
  return (await s3.send(command, { abortSignal })).UploadId ?? '';
}

/**
 * The newest unfinished upload to the key that begins as this source does, and its parts. One without parts may belong to another
 * process that has just started.
 */
async function findUnfinished(
  s3: S3Client,
  target: { Bucket: string; Key: string },
  source: UploadSource,
  partSize: number,
  abortSignal: AbortSignal,
): Promise<{ readonly uploadId: string; readonly parts: readonly Part[] } | undefined> {
  // The whole key as prefix: one page, up to a thousand abandoned uploads.
  const command = new ListMultipartUploadsCommand({ Bucket: target.Bucket, Prefix: target.Key });
  const { Uploads = [] } = await s3.send(command, { abortSignal });
  const candidates = Uploads.flatMap(({ Key, UploadId: uploadId, Initiated }) =>
    Key === target.Key && uploadId !== undefined ? [{ uploadId, at: Initiated?.getTime() ?? 0 }] : [],
  );
  for (const { uploadId } of candidates.sort((a, b) => b.at - a.at)) {
    const parts = await partsOf(s3, { ...target, UploadId: uploadId }, abortSignal);
    if (parts[0] !== undefined && (await isPartOf(source, partSize, parts[0]))) return { uploadId, parts };
  }
  return undefined;
}

async function isPartOf(
  source: UploadSource,
  partSize: number,
  { PartNumber = 0, Size, ChecksumCRC32 }: Part,
): Promise<boolean> {
  if (Size !== lengthOf(PartNumber, source.size, partSize)) return false;
  const pass = await source.open((PartNumber - 1) * partSize);
  try {
    const bytes = Buffer.alloc(Size);
    await pass.fill(bytes);
    return ChecksumCRC32 === crcOf(bytes);
  } finally {
    await pass.close();
  }
}

/** Not the SDK's paginator: S3 sends a marker with the last page, too, so it would start again for ever. */
async function partsOf(
  s3: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string },
  abortSignal: AbortSignal,
): Promise<Part[]> {
  const parts: Part[] = [];
  let PartNumberMarker: string | undefined;
  do {
    const page = await s3.send(new ListPartsCommand({ ...upload, PartNumberMarker }), { abortSignal });
    parts.push(...(page.Parts ?? []));
    PartNumberMarker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (PartNumberMarker !== undefined);
  return parts;
}

/** Bytes of a part, by its number from 1; negative or 0 behind the end. */
function lengthOf(partNumber: number, size: number, partSize: number): number {
  return Math.min(partSize, size - (partNumber - 1) * partSize);
}

/** In S3's format: base64 of the four bytes, big-endian. */
function crcOf(bytes: Buffer): string {
  return Buffer.from(crc32(bytes).toString(16).padStart(8, '0'), 'hex').toString('base64');
}
