/** One version of one `.zip` object in the drop bucket: the thing that has to reach Streampixel. */
export interface Build {
  readonly bucket: string;
  /** Object key, already decoded (the notification carries it form-url-encoded). */
  readonly key: string;
  /** Present where the bucket keeps versions. */
  readonly versionId?: string;
  /** Hex string S3 raises with every event of one key; the same in a duplicate of one event. */
  readonly sequencer?: string;
  /** Without quotes. Not an MD5 for multipart uploads, which is what every build over 5 GB is. */
  readonly eTag?: string;
  /** Bytes. */
  readonly size?: number;
  /** The bucket's region, as the event says it. A URL for any other region's endpoint answers with a redirect. */
  readonly region: string;
  /** When S3 stored the object, in ms since the epoch. */
  readonly droppedAt: number;
}

/**
 * `bucket/key@version`: names the build in the ledger, in dead letters, in logs and to people.
 *
 * Where the bucket keeps no versions the sequencer stands in, not the ETag alone: dropping the bytes of last week's build
 * again over a newer one is a wish to go back, not a duplicate. The ETag is the last resort.
 */
export function buildId(build: Pick<Build, 'bucket' | 'key' | 'versionId' | 'sequencer' | 'eTag'>): string {
  return `${build.bucket}/${build.key}@${build.versionId ?? build.sequencer ?? build.eTag ?? 'unversioned'}`;
}

/** Why a key in the drop bucket is no build, or `undefined` if it is one. */
export function whyNotABuild(key: string): 'FolderMarker' | 'NotAZipKey' | undefined {
  if (key.endsWith('/')) return 'FolderMarker';
  // The vendor wants a URL whose path ends in `.zip`, and S3's own suffix filter is case-sensitive: `.ZIP` is not taken.
  return key.endsWith('.zip') ? undefined : 'NotAZipKey';
}
