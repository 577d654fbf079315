import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { buildId } from '../../functions/domain/model/build.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';

export interface DroppedBuild {
  readonly bucket: string;
  readonly key: string;
  readonly build: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** In bytes, as the AWS CLI has it: four parts at a time are in memory, and 10,000 of them are 80 GB. */
const PART_SIZE = 8 * 1024 * 1024;

/** Uploads a file (by its path) or bytes as other S3 clients do, in parts where it is large. */
export async function dropBuild(
  s3: S3Client,
  bucket: string,
  key: string,
  content: string | Uint8Array,
): Promise<DroppedBuild> {
  const hash = createHash('sha256');
  let size = 0;
  async function* measured(): AsyncGenerator<Uint8Array> {
    const chunks = typeof content === 'string' ? createReadStream(content, { highWaterMark: 1 << 20 }) : [content];
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  const params = { Bucket: bucket, Key: key, Body: Readable.from(measured()), ContentType: 'application/zip' };
  const { VersionId: versionId, ETag = '' } = await new Upload({ client: s3, partSize: PART_SIZE, params }).done();
  const build = buildId({ bucket, key, eTag: ETag.replaceAll('"', ''), ...present({ versionId }) });
  return { bucket, key, build, size, sha256: hash.digest('hex') };
}
