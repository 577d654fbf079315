import { createHash, randomUUID } from 'node:crypto';
import { AwsError } from './aws-error.ts';
import type { ObjectContent } from './s3-buckets.ts';
import { type StoredFile, storeBody } from './s3-files.ts';
import { describedBy, readS3Xml, type S3Request, sendS3Xml } from './s3-request.ts';

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly description: Pick<ObjectContent, 'contentType' | 'metadata'>;
  readonly initiated: Date;
  readonly parts: Map<number, StoredFile>;
}

/** Parts that S3 lists at a time, at most. */
const LONGEST_PAGE = 1000;

/**
 * S3's multipart uploads. Parts are not copied when an upload is completed: the object is made of their files.
 *
 * @param directory for the parts' files
 */
export function createUploads(directory: string) {
  const uploads = new Map<string, Upload>();

  function find({ query, bucket, key }: S3Request): { uploadId: string; upload: Upload } {
    const uploadId = query.get('uploadId') ?? '';
    const upload = uploads.get(uploadId);
    if (upload?.bucket !== bucket || upload.key !== key) {
      throw new AwsError(404, 'NoSuchUpload', 'The specified multipart upload does not exist.');
    }
    return { uploadId, upload };
  }

  return {
    create({ bucket, key, request, response }: S3Request): void {
      const uploadId = randomUUID();
      const description = describedBy(request);
      uploads.set(uploadId, { bucket, key, description, initiated: new Date(), parts: new Map() });
      sendS3Xml(response, 'InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: uploadId });
    },
    async addPart(target: S3Request): Promise<void> {
      const { upload } = find(target);
      const part = await storeBody(target.request, directory);
      upload.parts.set(Number(target.query.get('partNumber')), part);
      target.response.writeHead(200, { ETag: `"${part.md5}"` }).end();
    },
    /** Ends the upload. @returns what the object is to be made of */
    async complete(target: S3Request): Promise<ObjectContent> {
      const { uploadId, upload } = find(target);
      const wanted = readParts(await readS3Xml(target.request));
      if (wanted.some(({ number }, index) => number <= (wanted[index - 1]?.number ?? 0))) {
        throw new AwsError(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.');
      }
      const files = wanted.map(({ number, eTag }) => {
        const part = upload.parts.get(number);
        if (part !== undefined && part.md5 === eTag) return part;
        throw new AwsError(400, 'InvalidPart', 'One or more of the specified parts could not be found.');
      });
      uploads.delete(uploadId);
      const md5 = createHash('md5');
      for (const file of files) md5.update(Buffer.from(file.md5, 'hex'));
      return { files, eTag: `${md5.digest('hex')}-${files.length}`, ...upload.description };
    },
    abort(target: S3Request): void {
      uploads.delete(find(target).uploadId);
      target.response.writeHead(204).end();
    },
    listParts(target: S3Request): void {
      const { upload } = find(target);
      const after = Number(target.query.get('part-number-marker') ?? 0);
      const max = Math.min(Number(target.query.get('max-parts') ?? LONGEST_PAGE), LONGEST_PAGE);
      const parts = [...upload.parts].filter(([number]) => number > after).sort(([a], [b]) => a - b);
      const page = parts.slice(0, max);
      sendS3Xml(target.response, 'ListPartsResult', {
        IsTruncated: parts.length > page.length,
        // On the last page as well, and 0 on an empty one, as S3 sends it: only IsTruncated says where the list ends.
        NextPartNumberMarker: page.at(-1)?.[0] ?? 0,
        Part: page.map(([PartNumber, { size, md5, crc32 }]) => ({
          PartNumber,
          ETag: `"${md5}"`,
          Size: size,
          ChecksumCRC32: crc32,
        })),
      });
    },
    /** Unfinished uploads, all on one page. */
    list({ bucket, query, response }: S3Request): void {
      const prefix = query.get('prefix') ?? '';
      const found = [...uploads].filter(([, upload]) => upload.bucket === bucket && upload.key.startsWith(prefix));
      const listed = found.map(([UploadId, { key, initiated }]) => ({
        Key: key,
        UploadId,
        Initiated: initiated.toISOString(),
      }));
      sendS3Xml(response, 'ListMultipartUploadsResult', { IsTruncated: false, Upload: listed });
    },
  };
}

function readParts(body: Record<string, unknown>): { number: number; eTag: string }[] {
  const { Part = [] } = (body.CompleteMultipartUpload ?? {}) as { Part?: { PartNumber: string; ETag: string }[] };
  return Part.map(({ PartNumber, ETag }) => ({ number: Number(PartNumber), eTag: ETag.replaceAll('"', '') }));
}
