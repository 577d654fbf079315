/** One version of one `.zip` object in the drop bucket: the thing that has to reach Streampixel. */
export interface Build {
  readonly bucket: string;
  /** Object key, already decoded (the notification carries it form-url-encoded). */
  readonly key: string;
  /** Present where the bucket keeps versions. */
  readonly versionId?: string;
  /** Hex string that S3 raises with every event of a key. A duplicate of an event has the same one. */
  readonly sequencer?: string;
  /** Without quotes. Not an MD5 for multipart uploads, which is what every build over 5 GB is. */
  readonly eTag?: string;
  /** Bytes. */
  readonly size?: number;
  /** The bucket's region, from the event. The endpoint of any other region answers with a redirect. */
  readonly region: string;
  /** When S3 stored the object, in ms since the epoch. */
  readonly droppedAt: number;
}

/**
 * `bucket/key@version`: names the build in the ledger, in dead letters, in logs and to people.
 *
 * Without versions the sequencer takes their place. The ETag is the last resort: by it, last week's
 * bytes would count as a duplicate when a person drops them again to go back to them.
 */
export function buildId(build: Pick<Build, 'bucket' | 'key' | 'versionId' | 'sequencer' | 'eTag'>): string {
  return `${build.bucket}/${build.key}@${build.versionId ?? build.sequencer ?? build.eTag ?? 'unversioned'}`;
}

/** Why a key in the drop bucket is not a build, or `undefined` if it is one. */
export function whyNotABuild(key: string): 'FolderMarker' | 'NotAZipKey' | undefined {
  if (key.endsWith('/')) return 'FolderMarker';
  // Streampixel requires a path that ends in `.zip`. S3's suffix filter is case-sensitive, so `.ZIP` is not accepted here either.
  return key.endsWith('.zip') ? undefined : 'NotAZipKey';
}

/**
 * Whether the key has a part that is `.` or `..`. Every client resolves these in a URL, so what is requested would not be what is
 * signed. Source: RFC 3986, 5.2.4.
 */
export function hasDotSegment(key: string): boolean {
  return key.split('/').some((part) => part === '.' || part === '..');
}
