/** An S3 notification's body as SQS delivers it, for the given objects. */
export function s3Event(...objects: readonly S3Object[]): string {
  return JSON.stringify({ Records: objects.map(s3EventRecord) });
}

export interface S3Object {
  /** Not encoded. */
  readonly key: string;
  readonly bucket?: string;
  readonly versionId?: string;
  readonly sequencer?: string;
  readonly eTag?: string;
  readonly size?: number;
  /** ISO 8601. */
  readonly time?: string;
}

export function s3EventRecord({ key, bucket = 'drop', sequencer, eTag, size = 1024, versionId, time }: S3Object) {
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'eu-central-1',
    eventTime: time ?? '2026-04-21T11:30:00.000Z',
    eventName: 'ObjectCreated:Put',
    s3: {
      s3SchemaVersion: '1.0',
      bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
      object: {
        key: encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+'),
        size,
        eTag: eTag ?? 'd41d8cd98f00b204e9800998ecf8427e',
        sequencer: sequencer ?? '0055AED6DCD90281E5',
        ...(versionId === undefined ? {} : { versionId }),
      },
    },
  };
}

/** The body of an S3 event as EventBridge delivers it. */
export function eventBridgeEvent(key: string): string {
  return JSON.stringify({
    version: '0',
    source: 'aws.s3',
    'detail-type': 'Object Created',
    region: 'eu-central-1',
    time: '2026-04-21T11:30:00Z',
    detail: { bucket: { name: 'drop' }, object: { key, size: 1024, sequencer: '0055AED6DCD90281E5' } },
  });
}
