import { type FileHandle, open, stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type Part,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { OperatorError } from './operator-error.ts';

export interface UploadRequest {
  readonly path: string;
  readonly bucket: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** ms since the epoch. */
  readonly modifiedAt: number;
}

export interface Uploaded {
  readonly versionId: string | undefined;
  /** Without quotes. */
  readonly eTag: string;
  /** Bytes that an earlier, interrupted run had brought there. */
  readonly resumed: number;
}

const MIB = 1024 * 1024;
/** In bytes. Four at a time are in memory; larger ones are lost more of when the connection breaks. */
const PART_SIZE = 16 * MIB;
/** S3's own limit for an upload. */
const MOST_PARTS = 10_000;
const CONCURRENCY = 4;

/** Parts of a file: all as large but the last, and as large in each run, or an upload could not be gone on with. In bytes. */
export function partSizeFor(size: number): number {
  return Math.max(PART_SIZE, Math.ceil(size / MOST_PARTS / MIB) * MIB);
}

/**
 * Uploads a file in parts, each checked by its CRC-32 at both ends. An upload of the same file that was interrupted is gone on
 * with: it is one whose parts all have the size and the checksum of this file's.
 *
 * @param onProgress bytes that are there, and how many of them an earlier run brought
 * @throws OperatorError where the file changes meanwhile, or another run gets in the way; the SDK's errors, `AbortError` among them
 */
export async function uploadInParts(
  s3: S3Client,
  request: UploadRequest,
  signal: AbortSignal,
  onProgress: (there: number, resumed: number) => void,
): Promise<Uploaded> {
  const { bucket: Bucket, key: Key, path, size } = request;
  const partSize = partSizeFor(size);
  const count = Math.ceil(size / partSize);
  const file = await open(path);
  try {
    const read = (number: number) =>
      readPart(file, (number - 1) * partSize, Math.min(partSize, size - (number - 1) * partSize));
    const unfinished = await findUnfinished(s3, request, read);
    const UploadId = unfinished?.uploadId ?? (await createUpload(s3, request, signal));
    const done = new Map(unfinished?.parts.map((part) => [part.PartNumber ?? 0, part]));
    const resumed = sum(done.values());
    onProgress(resumed, resumed);

    const missing = Array.from({ length: count }, (_, index) => index + 1).filter((number) => !done.has(number));
    async function work(): Promise<void> {
      for (let number = missing.shift(); number !== undefined; number = missing.shift()) {
        const Body = await read(number);
        const ChecksumCRC32 = checksum(Body);
        const command = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: number, Body, ChecksumCRC32 });
        const { ETag } = await s3.send(command, { abortSignal: signal });
        done.set(number, { PartNumber: number, ETag, Size: Body.length, ChecksumCRC32 });
        onProgress(sum(done.values()), resumed);
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, work));

    if ((await stat(path)).mtimeMs !== request.modifiedAt) {
      // Half of one build and half of another: nobody shall go on with it.
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      throw new OperatorError(
        'FileChanged',
        `${path} was changed during the upload.`,
        'Wait until it is packaged, then push it again.',
      );
    }
    const Parts = [...done.values()]
      .sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
      .map(({ PartNumber, ETag, ChecksumCRC32 }) => ({ PartNumber, ETag, ChecksumCRC32 }));
    const { VersionId, ETag = '' } = await s3.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
      { abortSignal: signal },
    );
    return { versionId: VersionId, eTag: ETag.replaceAll('"', ''), resumed };
  } catch (error) {
    if (!(error instanceof Error && error.name === 'NoSuchUpload')) throw error;
    const remedy = 'Look whether it has arrived: `streampixel-drop status`. If not, push it again.';
    throw new OperatorError('UploadGone', 'Somebody else has finished or aborted this upload.', remedy);
  } finally {
    await file.close();
  }
}

async function createUpload(s3: S3Client, { bucket, key }: UploadRequest, abortSignal: AbortSignal): Promise<string> {
  const command = new CreateMultipartUploadCommand({
    Bucket: bucket,
    Key: key,
    ContentType: 'application/zip',
    ChecksumAlgorithm: 'CRC32',
  });
  return (await s3.send(command, { abortSignal })).UploadId ?? '';
}

/** The newest unfinished upload to the key that is one of this very file, as far as it got. */
async function findUnfinished(
  client: S3Client,
  { bucket: Bucket, key: Key, size }: UploadRequest,
  read: (partNumber: number) => Promise<Buffer>,
): Promise<{ readonly uploadId: string; readonly parts: readonly Part[] } | undefined> {
  // The whole key for a prefix: one page, unless somebody gave up a thousand times.
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }));
  const candidates = Uploads.flatMap(({ Key: key, UploadId: uploadId, Initiated }) =>
    key === Key && uploadId !== undefined ? [{ uploadId, at: Initiated?.getTime() ?? 0 }] : [],
  );
  const partSize = partSizeFor(size);
  for (const { uploadId } of candidates.sort((a, b) => b.at - a.at)) {
    const parts = await partsOf(client, { Bucket, Key, UploadId: uploadId });
    const isOurs = async ({ PartNumber = 0, Size, ChecksumCRC32 }: Part) => {
      const expected = Math.min(partSize, size - (PartNumber - 1) * partSize);
      return Size === expected && ChecksumCRC32 === checksum(await read(PartNumber));
    };
    // One with no parts may be another run's that has just begun.
    if (parts.length > 0 && (await every(parts, isOurs))) return { uploadId, parts };
  }
  return undefined;
}

/** Not the SDK's paginator: it goes by the marker, which S3 sends with the last page, too, and so begins anew for ever. */
async function partsOf(client: S3Client, upload: { Bucket: string; Key: string; UploadId: string }): Promise<Part[]> {
  const parts: Part[] = [];
  let PartNumberMarker: string | undefined;
  do {
    const page = await client.send(new ListPartsCommand({ ...upload, PartNumberMarker }));
    parts.push(...(page.Parts ?? []));
    PartNumberMarker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (PartNumberMarker !== undefined);
  return parts;
}

async function every<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<boolean> {
  for (const item of items) if (!(await test(item))) return false;
  return true;
}

async function readPart(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** As S3 writes it: base64 of the four bytes, the largest first. */
function checksum(bytes: Buffer): string {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(bytes));
  return value.toString('base64');
}

function sum(parts: Iterable<Part>): number {
  let total = 0;
  for (const { Size = 0 } of parts) total += Size;
  return total;
}
