import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { readZip } from '../../functions/adapters/zip-content.ts';
import type { Labels, Verdict } from '../../functions/domain/model/package-verdict.ts';
import { HEAD_BYTES } from '../../functions/domain/package/first-bytes.ts';
import { labelsIn } from '../../functions/domain/package/labels.ts';
import { TAIL_BYTES } from '../../functions/domain/package/zip-end.ts';

/** What an object holds, as the worker judges it. */
export interface JudgedObject {
  readonly verdict: Verdict;
  /** Bytes. */
  readonly size: number;
  readonly labels?: Labels | undefined;
}

/**
 * Reads the zip's directory in the bucket, and nothing else of it.
 *
 * @param object without a version: what the key holds now
 * @throws the SDK's errors
 */
export async function judgeObject(
  s3: S3Client,
  object: { readonly Bucket: string; readonly Key: string; readonly VersionId?: string },
): Promise<JudgedObject> {
  const { ContentLength: size = 0, ETag, Metadata = {}, VersionId } = await s3.send(new HeadObjectCommand(object));
  // The same object for all parts, also where it is overwritten meanwhile.
  const which = VersionId === undefined || VersionId === 'null' ? { IfMatch: ETag } : { VersionId };
  const range = async (start: number, end: number): Promise<Buffer> => {
    if (start >= end) return Buffer.alloc(0);
    const command = new GetObjectCommand({ ...object, ...which, Range: `bytes=${start}-${end - 1}` });
    const { Body } = await s3.send(command);
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };
  const first = await range(0, Math.min(size, HEAD_BYTES));
  const tail = await range(Math.max(0, size - TAIL_BYTES), size);
  const { verdict } = await readZip(size, first, tail, range);
  const headers = Object.entries(Metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
  return { verdict, size, labels: labelsIn(Object.fromEntries(headers)) };
}
