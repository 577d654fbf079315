import type { Build } from '../functions/domain/model/build.ts';

/** The notification that S3 would send of a build, as far as the pipeline reads it. */
export function createdNotification({
  bucket,
  key,
  region,
  droppedAt,
  size,
  eTag,
  sequencer,
  versionId,
}: Build): string {
  const object = { key: formEncoded(key), size, eTag, versionId, sequencer };
  return JSON.stringify({
    Records: [
      {
        eventVersion: '2.1',
        eventSource: 'aws:s3',
        awsRegion: region,
        eventTime: new Date(droppedAt).toISOString(),
        // What S3 says of most builds; the pipeline takes any kind of creation.
        eventName: 'ObjectCreated:CompleteMultipartUpload',
        s3: { s3SchemaVersion: '1.0', bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` }, object },
      },
    ],
  });
}

/** Keys travel form-encoded: a space is `+`, a plus `%2B`. */
function formEncoded(key: string): string {
  return encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
}
