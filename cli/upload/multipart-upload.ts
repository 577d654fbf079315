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
import { OperatorError } from '../operator-error.ts';

export interface UploadRequest {
  readonly path: string;
  readonly bucket: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** ms since the epoch. */
  readonly modifiedAt: number;
  /** S3 user metadata of the object, fixed when the upload begins. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const MIB = 1024 * 1024;
/** In bytes. Four are in memory at a time. The larger they are, the more is lost when the connection breaks. */
const PART_SIZE = 16 * MIB;
/** S3's own limit for an upload. */
const MOST_PARTS = 10_000;
const CONCURRENCY = 4;

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
 * Uploads a file in parts, each checked by its CRC-32 at both ends. It resumes an interrupted upload of the same file: one whose
 * parts all have the size and the checksum of this file's parts.
 *
 * @param onProgress bytes that are uploaded, and how many of them an earlier run uploaded
 * @returns the object's version, its ETag without quotes, and how many bytes an earlier run uploaded
 * @throws OperatorError where the file changes meanwhile, or another run interferes; also the SDK's errors, such as `AbortError`
 */
export async function uploadInParts(
  s3: S3Client,
  request: UploadRequest,
  signal: AbortSignal,
  onProgress: (uploaded: number, resumed: number) => void,
) {
  const { bucket: Bucket, key: Key, metadata, path, size } = request;
  const partSize = partSizeFor(size, metadata);
  const count = Math.ceil(size / partSize);
  const file = await open(path);
  try {
    const read = (number: number) =>
      readPart(file, (number - 1) * partSize, Math.min(partSize, size - (number - 1) * partSize));
    const unfinished = await findUnfinished(s3, request, read);
    const UploadId = unfinished?.uploadId ?? (await createUpload(s3, request, signal));
    const done = new Map(unfinished?.parts.map((part) => [part.PartNumber ?? 0, part]));
    const resumed = [...done.values()].reduce((total, { Size = 0 }) => total + Size, 0);
    let uploaded = resumed;
    onProgress(uploaded, resumed);

    const missing = Array.from({ length: count }, (_, index) => index + 1).filter((number) => !done.has(number));
    async function work(): Promise<void> {
      for (let number = missing.shift(); number !== undefined; number = missing.shift()) {
        const Body = await read(number);
        const ChecksumCRC32 = checksum(Body);
        const command = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: number, Body, ChecksumCRC32 });
        const { ETag } = await s3.send(command, { abortSignal: signal });
        done.set(number, { PartNumber: number, ETag, ChecksumCRC32 });
        uploaded += Body.length;
        onProgress(uploaded, resumed);
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, work));

    if ((await stat(path)).mtimeMs !== request.modifiedAt) {
      // Half of one build and half of another: it must not be resumed.
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      const remedy = 'Wait until it is packaged, then push it again.';
      throw new OperatorError('FileChanged', `${path} changed during the upload.`, remedy);
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
    const remedy = 'Check whether the build has arrived: `streampixel-drop status`. If not, push it again.';
    throw new OperatorError('UploadGone', 'Another process has finished or aborted this upload.', remedy);
  } finally {
    await file.close();
  }
}

async function createUpload(
  s3: S3Client,
  { bucket, key, metadata }: UploadRequest,
  abortSignal: AbortSignal,
): Promise<string> {
  const command = new CreateMultipartUploadCommand({
    Bucket: bucket,
    Key: key,
    ContentType: 'application/zip',
    ChecksumAlgorithm: 'CRC32',
    Metadata: metadata,
  });
  return (await s3.send(command, { abortSignal })).UploadId ?? '';
}

/** The newest unfinished upload of this file to the key, and its parts. */
async function findUnfinished(
  client: S3Client,
  { bucket: Bucket, key: Key, metadata, size }: UploadRequest,
  read: (partNumber: number) => Promise<Buffer>,
): Promise<{ readonly uploadId: string; readonly parts: readonly Part[] } | undefined> {
  // The whole key as prefix: one page, up to a thousand abandoned uploads.
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }));
  const candidates = Uploads.flatMap(({ Key: key, UploadId: uploadId, Initiated }) =>
    key === Key && uploadId !== undefined ? [{ uploadId, at: Initiated?.getTime() ?? 0 }] : [],
  );
  const partSize = partSizeFor(size, metadata);
  // A single part has the file's size, whatever the metadata; it is quickly sent again.
  if (metadata !== undefined && size <= partSize) return undefined;
  for (const { uploadId } of candidates.sort((a, b) => b.at - a.at)) {
    const parts = await partsOf(client, { Bucket, Key, UploadId: uploadId });
    const isOurs = async ({ PartNumber = 0, Size, ChecksumCRC32 }: Part) => {
      const expected = Math.min(partSize, size - (PartNumber - 1) * partSize);
      return Size === expected && ChecksumCRC32 === checksum(await read(PartNumber));
    };
    // One without parts may belong to another run that has just started.
    if (parts.length > 0 && (await every(parts, isOurs))) return { uploadId, parts };
  }
  return undefined;
}

/** Not the SDK's paginator: S3 sends a marker with the last page, too, so it would start again for ever. */
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

/** In S3's format: base64 of the four bytes, big-endian. */
function checksum(bytes: Buffer): string {
  return Buffer.from(crc32(bytes).toString(16).padStart(8, '0'), 'hex').toString('base64');
}
