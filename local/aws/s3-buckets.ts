import { randomUUID } from 'node:crypto';
import type { EventPattern } from './event-rules.ts';
import { S3Error } from './s3-error.ts';
import type { StoredFile } from './s3-files.ts';
import type { NotificationSpec } from './s3-notifications.ts';

export interface BucketSpec {
  readonly name: string;
  readonly isVersioned: boolean;
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
  readonly versionId: string | undefined;
  /** The key was deleted: its versions stay. */
  readonly isDeleteMarker?: true;
  tags: readonly Tag[];
}

interface Bucket {
  readonly spec: BucketSpec;
  /** By key, the oldest version first. */
  readonly versions: Map<string, readonly StoredObject[]>;
}

/** Which buckets and objects there are. All functions throw an {@link S3Error} for a bucket that does not exist. */
export function createBuckets() {
  const buckets = new Map<string, Bucket>();

  function bucketOf(name: string): Bucket {
    const bucket = buckets.get(name);
    if (bucket === undefined) throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist');
    return bucket;
  }

  return {
    create: (spec: BucketSpec): void => void buckets.set(spec.name, { spec, versions: new Map() }),
    spec: (bucket: string): BucketSpec => bucketOf(bucket).spec,
    /** @throws S3Error where there is no such object or version */
    find(bucket: string, key: string, versionId: string | null): StoredObject {
      const versions = bucketOf(bucket).versions.get(key) ?? [];
      const found = versionId === null ? versions.at(-1) : versions.find((each) => each.versionId === versionId);
      if (found !== undefined && found.isDeleteMarker !== true) return found;
      if (versionId === null) throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist.');
      throw new S3Error(404, 'NoSuchVersion', 'The specified version does not exist.');
    },
    add(bucket: string, key: string, content: ObjectContent): StoredObject {
      const { spec, versions } = bucketOf(bucket);
      const size = content.files.reduce((sum, file) => sum + file.size, 0);
      const versionId = spec.isVersioned ? newVersionId() : undefined;
      const object: StoredObject = { ...content, key, size, lastModified: new Date(), versionId, tags: [] };
      versions.set(key, [...(spec.isVersioned ? (versions.get(key) ?? []) : []), object]);
      return object;
    },
    /** Deletes one version for good, or the key: in a bucket with versions that only adds a delete marker. */
    remove(bucket: string, key: string, versionId: string | null): void {
      const { spec, versions } = bucketOf(bucket);
      const all = versions.get(key) ?? [];
      if (versionId !== null) {
        versions.set(
          key,
          all.filter((each) => each.versionId !== versionId),
        );
      } else if (spec.isVersioned) {
        const marker = {
          files: [],
          eTag: '',
          contentType: undefined,
          metadata: {},
          key,
          size: 0,
          lastModified: new Date(),
          tags: [],
        };
        versions.set(key, [...all, { ...marker, versionId: newVersionId(), isDeleteMarker: true }]);
      } else versions.delete(key);
    },
    /** The latest versions of the objects whose keys start with the prefix, in S3's order. */
    list(bucket: string, prefix: string): StoredObject[] {
      const latest = [...bucketOf(bucket).versions.values()].flatMap((versions) => versions.at(-1) ?? []);
      const listed = latest.filter(({ isDeleteMarker, key }) => isDeleteMarker !== true && key.startsWith(prefix));
      return listed.sort((a, b) => compareKeys(a.key, b.key));
    },
  };
}

function newVersionId(): string {
  return randomUUID().replaceAll('-', '');
}

/** The order of listings: by the bytes of UTF-8. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
