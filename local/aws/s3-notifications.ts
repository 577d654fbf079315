import { randomBytes } from 'node:crypto';
import type { S3EventRecord } from 'aws-lambda';
import { LOCAL_ACCOUNT_ID } from './account.ts';
import type { NewEvent } from './event-bus.ts';

export interface CreatedObject {
  readonly operation: 'Put' | 'Copy' | 'CompleteMultipartUpload';
  readonly bucket: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Without quotes. */
  readonly eTag: string;
  readonly versionId: string;
}

/** A bucket's notification of a queue about new objects. */
export interface NotificationSpec {
  readonly queueArn: string;
  /** `''` for all keys; likewise the suffix. */
  readonly prefix: string;
  readonly suffix: string;
}

/** Whether the object's key is one that the queue is notified of. Upper and lower case are different. */
export function isNotified({ prefix, suffix }: NotificationSpec, { key }: CreatedObject): boolean {
  return key.startsWith(prefix) && key.endsWith(suffix);
}

/** The body of the message about a new object. */
export function createdEvent({ operation, bucket, key, size, eTag, versionId }: CreatedObject, region: string): string {
  const now = new Date();
  const record: S3EventRecord = {
    eventVersion: '2.5',
    eventSource: 'aws:s3',
    awsRegion: region,
    eventTime: now.toISOString(),
    eventName: `ObjectCreated:${operation}`,
    userIdentity: { principalId: 'local' },
    requestParameters: { sourceIPAddress: '127.0.0.1' },
    responseElements: { 'x-amz-request-id': requestId(), 'x-amz-id-2': requestId() },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: 'local',
      bucket: { name: bucket, ownerIdentity: { principalId: 'local' }, arn: `arn:aws:s3:::${bucket}` },
      object: { key: formEncode(key), size, eTag, versionId, sequencer: nextSequencer(now) },
    },
  };
  return JSON.stringify({ Records: [record] });
}

/** The same as an event of EventBridge, which carries the key as it is. */
export function objectCreated({ operation, bucket, key, size, eTag, versionId }: CreatedObject): NewEvent {
  const object = { key, size, etag: eTag, 'version-id': versionId, sequencer: nextSequencer(new Date()) };
  return {
    source: 'aws.s3',
    detailType: 'Object Created',
    resources: [`arn:aws:s3:::${bucket}`],
    detail: {
      version: '0',
      bucket: { name: bucket },
      object,
      'request-id': requestId(),
      requester: LOCAL_ACCOUNT_ID,
      'source-ip-address': '127.0.0.1',
      reason: operation === 'Put' ? 'PutObject' : operation,
    },
  };
}

/** The message that S3 sends when a notification is set up, to test whether the queue accepts it. */
export function testEvent(bucket: string): string {
  return JSON.stringify({
    Service: 'Amazon S3',
    Event: 's3:TestEvent',
    Time: new Date().toISOString(),
    Bucket: bucket,
    RequestId: requestId(),
    HostId: requestId(),
  });
}

function requestId(): string {
  return randomBytes(8).toString('hex').toUpperCase();
}

/** Keys are form-encoded, except for slashes: a space is `+`, a plus `%2B`. */
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
