import { randomBytes } from 'node:crypto';
import type { S3EventRecord } from 'aws-lambda';

export interface CreatedObject {
  readonly operation: 'Put' | 'CompleteMultipartUpload';
  readonly bucket: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Without quotes. */
  readonly eTag: string;
  readonly versionId: string | undefined;
}

/** One queue configuration of a bucket, as the template describes it. */
export interface NotificationSpec {
  readonly id: string;
  readonly queueArn: string;
  /** Such as `s3:ObjectCreated:*`. */
  readonly events: readonly string[];
  /** `''` where the filter names none. */
  readonly prefix: string;
  readonly suffix: string;
}

/** Whether S3 notifies the queue of this object. Prefix and suffix are compared with the key as they are, case included. */
export function isNotified(spec: NotificationSpec, { operation, key }: CreatedObject): boolean {
  const event = `s3:ObjectCreated:${operation}`;
  return (
    spec.events.some((pattern) => pattern === event || pattern === 's3:ObjectCreated:*') &&
    key.startsWith(spec.prefix) &&
    key.endsWith(spec.suffix)
  );
}

/** The body of the message that S3 sends for one object. */
export function createdEvent(spec: NotificationSpec, created: CreatedObject, region: string, now: Date): string {
  const record: S3EventRecord = {
    eventVersion: '2.5',
    eventSource: 'aws:s3',
    awsRegion: region,
    eventTime: now.toISOString(),
    eventName: `ObjectCreated:${created.operation}`,
    userIdentity: { principalId: 'AWS:AIDALOCALSTACK' },
    requestParameters: { sourceIPAddress: '127.0.0.1' },
    responseElements: {
      'x-amz-request-id': randomBytes(8).toString('hex').toUpperCase(),
      'x-amz-id-2': randomBytes(32).toString('base64'),
    },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: spec.id,
      bucket: {
        name: created.bucket,
        ownerIdentity: { principalId: 'LOCALSTACK' },
        arn: `arn:aws:s3:::${created.bucket}`,
      },
      object: {
        key: formEncode(created.key),
        size: created.size,
        eTag: created.eTag,
        ...(created.versionId === undefined ? {} : { versionId: created.versionId }),
        sequencer: nextSequencer(now),
      },
    },
  };
  return JSON.stringify({ Records: [record] });
}

/** The message that S3 sends once when a notification is set up, to test whether the queue accepts it. */
export function testEvent(bucket: string, now: Date): string {
  return JSON.stringify({
    Service: 'Amazon S3',
    Event: 's3:TestEvent',
    Time: now.toISOString(),
    Bucket: bucket,
    RequestId: randomBytes(8).toString('hex').toUpperCase(),
    HostId: randomBytes(32).toString('base64'),
  });
}

/** Keys travel form-encoded, slashes apart: a space is `+`, a plus `%2B`. */
function formEncode(key: string): string {
  return encodeURIComponent(key)
    .replaceAll(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
    .replaceAll('%2F', '/');
}

let lastSequence = 0;

/** Hex that rises from event to event: the time in ms, and a count for events of one ms. */
function nextSequencer(now: Date): string {
  lastSequence = (lastSequence + 1) % 0x10000;
  const time = now.getTime().toString(16).padStart(14, '0');
  return `${time}${lastSequence.toString(16).padStart(4, '0')}`.toUpperCase();
}
