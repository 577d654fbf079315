import { randomUUID } from 'node:crypto';
import { AwsError } from './aws-error.ts';
import type { EventPattern } from './event-rules.ts';
import type { StoredFile } from './s3-files.ts';
import type { NotificationSpec } from './s3-notifications.ts';

export interface BucketSpec {
  readonly name: string;
  readonly notifications: readonly NotificationSpec[];
  /** Of the rules for its events: where there are none, it sends no events to EventBridge. */
  readonly eventPatterns: readonly EventPattern[];
}

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface ObjectContent {
  readonly files: readonly StoredFile[];
  /** Without quotes. */
  readonly eTag: string;
  readonly contentType: string | undefined;
  /** The headers `x-amz-meta-*`. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface StoredObject extends ObjectContent {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
  readonly versionId: string;
  tags: readonly Tag[];
}

interface Bucket {
  readonly spec: BucketSpec;
  /** By key, the oldest version first; 'deleted' where the key was deleted: its versions stay. */
  readonly versions: Map<string, readonly (StoredObject | 'deleted')[]>;
}

/** Which buckets and objects there are. All functions throw an {@link AwsError} for a bucket that does not exist. */
export function createBuckets() {
  const buckets = new Map<string, Bucket>();

  function bucketOf(name: string): Bucket {
    const bucket = buckets.get(name);
    if (bucket === undefined) throw new AwsError(404, 'NoSuchBucket', 'The specified bucket does not exist');
    return bucket;
  }

  return {
    create: (spec: BucketSpec): void => void buckets.set(spec.name, { spec, versions: new Map() }),
    spec: (bucket: string): BucketSpec => bucketOf(bucket).spec,
    /** @throws AwsError where there is no such object or version */
    find(bucket: string, key: string, versionId: string | null): StoredObject {
      const versions = bucketOf(bucket).versions.get(key) ?? [];
      const isWanted = (each: StoredObject | 'deleted') => each !== 'deleted' && each.versionId === versionId;
      const found = versionId === null ? versions.at(-1) : versions.find(isWanted);
      if (found !== undefined && found !== 'deleted') return found;
      if (versionId === null) throw new AwsError(404, 'NoSuchKey', 'The specified key does not exist.');
      throw new AwsError(404, 'NoSuchVersion', 'The specified version does not exist.');
    },
    add(bucket: string, key: string, content: ObjectContent): StoredObject {
      const { versions } = bucketOf(bucket);
      const size = content.files.reduce((sum, file) => sum + file.size, 0);
      const versionId = randomUUID().replaceAll('-', '');
      const object: StoredObject = { ...content, key, size, lastModified: new Date(), versionId, tags: [] };
      versions.set(key, [...(versions.get(key) ?? []), object]);
      return object;
    },
    /** Deletes the key, and none of its versions. */
    remove(bucket: string, key: string): void {
      const { versions } = bucketOf(bucket);
      versions.set(key, [...(versions.get(key) ?? []), 'deleted']);
    },
    /** The latest versions of the objects whose keys start with the prefix, in S3's order. */
    list(bucket: string, prefix: string): StoredObject[] {
      const latest = [...bucketOf(bucket).versions.values()].flatMap((versions) => versions.at(-1) ?? []);
      const objects = latest.filter((each) => each !== 'deleted').filter(({ key }) => key.startsWith(prefix));
      return objects.sort((a, b) => compareKeys(a.key, b.key));
    },
  };
}

/** The order of listings: by the bytes of UTF-8. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
