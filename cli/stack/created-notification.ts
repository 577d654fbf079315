import type { Build } from '../../functions/domain/model/build.ts';

/** The notification that S3 would send about a build, as far as the pipeline reads it. */
export function createdNotification(build: Build): string {
  const { bucket, droppedAt, eTag, key, region, sequencer, size, versionId } = build;
  // S3 form-encodes keys: a space is `+`, a plus `%2B`.
  const encodedKey = encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
  const record = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: region,
    eventTime: new Date(droppedAt).toISOString(),
    // What S3 sends for most builds; the pipeline takes any kind of creation.
    eventName: 'ObjectCreated:CompleteMultipartUpload',
    s3: {
      s3SchemaVersion: '1.0',
      bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
      object: { key: encodedKey, size, eTag, versionId, sequencer },
    },
  };
  return JSON.stringify({ Records: [record] });
}
