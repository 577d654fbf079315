import * as v from 'valibot';
import { type Build, whyNotABuild } from '../model/build.ts';
import { present } from '../model/optional-fields.ts';
import type { SkipCause } from '../model/reasons.ts';

/** What one message of the builds queue says. */
export type Notification =
  | { readonly kind: 'test-event' }
  | { readonly kind: 'records'; readonly records: readonly NotificationRecord[] }
  | { readonly kind: 'unrecognised'; readonly detail: string };

export type NotificationRecord =
  | { readonly kind: 'build'; readonly build: Build }
  | { readonly kind: 'not-a-build'; readonly bucket: string; readonly key: string; readonly cause: SkipCause }
  | { readonly kind: 'unrecognised'; readonly detail: string };

// Only what is used is named, and no `eventVersion` is pinned: S3 raises it and adds fields.
const s3Record = v.looseObject({
  eventSource: v.literal('aws:s3'),
  eventName: v.pipe(v.string(), v.startsWith('ObjectCreated:')),
  awsRegion: v.pipe(v.string(), v.nonEmpty()),
  eventTime: v.pipe(v.string(), v.isoTimestamp()),
  s3: v.looseObject({
    bucket: v.looseObject({ name: v.pipe(v.string(), v.nonEmpty()) }),
    object: v.looseObject({
      key: v.pipe(v.string(), v.nonEmpty()),
      size: v.optional(v.number()),
      eTag: v.optional(v.string()),
      versionId: v.nullish(v.string()),
      sequencer: v.optional(v.string()),
    }),
  }),
});

const eventBridgeEvent = v.looseObject({
  source: v.literal('aws.s3'),
  'detail-type': v.literal('Object Created'),
  region: v.pipe(v.string(), v.nonEmpty()),
  time: v.pipe(v.string(), v.isoTimestamp()),
  detail: v.looseObject({
    bucket: v.looseObject({ name: v.pipe(v.string(), v.nonEmpty()) }),
    object: v.looseObject({
      key: v.pipe(v.string(), v.nonEmpty()),
      size: v.optional(v.number()),
      etag: v.optional(v.string()),
      'version-id': v.nullish(v.string()),
      sequencer: v.optional(v.string()),
    }),
  }),
});

/**
 * Reads a message body: S3's own notification (any number of records), the same event as EventBridge delivers it, either of them
 * wrapped by SNS, or the test event that S3 sends when a notification is set up. Never throws: what it does not know is `unrecognised`.
 */
export function parseNotification(body: string): Notification {
  let message: unknown;
  try {
    message = JSON.parse(body);
  } catch {
    return { kind: 'unrecognised', detail: 'The body is not JSON.' };
  }
  if (typeof message !== 'object' || message === null) {
    return { kind: 'unrecognised', detail: 'The body is not a JSON object.' };
  }
  if ('Records' in message) {
    if (!Array.isArray(message.Records) || message.Records.length === 0) {
      return { kind: 'unrecognised', detail: 'Records is not a list with at least one record.' };
    }
    return { kind: 'records', records: message.Records.map(parseS3Record) };
  }
  if ('Event' in message && message.Event === 's3:TestEvent') return { kind: 'test-event' };
  if ('Type' in message) return parseSnsMessage(message);
  if ('detail-type' in message) {
    const record = parseEventBridgeEvent(message);
    return record.kind === 'unrecognised' ? record : { kind: 'records', records: [record] };
  }
  return { kind: 'unrecognised', detail: 'Neither an S3 notification nor an S3 event from EventBridge.' };
}

/** SNS, without raw delivery, wraps what it passes on. */
function parseSnsMessage(message: object): Notification {
  const isNotification = 'Type' in message && message.Type === 'Notification' && 'Message' in message;
  if (!isNotification || typeof message.Message !== 'string') {
    return {
      kind: 'unrecognised',
      detail: 'An SNS message without a notification. Must the subscription be confirmed?',
    };
  }
  const inner = parseNotification(message.Message);
  return inner.kind === 'unrecognised' ? { ...inner, detail: `In an SNS message: ${inner.detail}` } : inner;
}

function parseS3Record(record: unknown): NotificationRecord {
  const parsed = v.safeParse(s3Record, record);
  if (!parsed.success) return { kind: 'unrecognised', detail: problemOf(parsed.issues) };
  const { awsRegion, eventTime, s3 } = parsed.output;
  let key: string;
  try {
    // The one place where a key is decoded. S3 form-encodes it: a space is `+`, a plus is `%2B`.
    key = decodeURIComponent(s3.object.key.replaceAll('+', ' '));
  } catch {
    return { kind: 'unrecognised', detail: 'The object key is not form-url-encoded.' };
  }
  return toRecord({
    bucket: s3.bucket.name,
    key,
    region: awsRegion,
    droppedAt: Date.parse(eventTime),
    versionId: s3.object.versionId,
    sequencer: s3.object.sequencer,
    eTag: s3.object.eTag,
    size: s3.object.size,
  });
}

function parseEventBridgeEvent(event: unknown): NotificationRecord {
  const parsed = v.safeParse(eventBridgeEvent, event);
  if (!parsed.success) return { kind: 'unrecognised', detail: problemOf(parsed.issues) };
  const { region, time, detail } = parsed.output;
  return toRecord({
    bucket: detail.bucket.name,
    // EventBridge carries the key as it is.
    key: detail.object.key,
    region,
    droppedAt: Date.parse(time),
    versionId: detail.object['version-id'],
    sequencer: detail.object.sequencer,
    eTag: detail.object.etag,
    size: detail.object.size,
  });
}

interface RawObject {
  readonly bucket: string;
  readonly key: string;
  readonly region: string;
  readonly droppedAt: number;
  readonly versionId: string | null | undefined;
  readonly sequencer: string | undefined;
  readonly eTag: string | undefined;
  readonly size: number | undefined;
}

function toRecord({ bucket, key, region, droppedAt, versionId, sequencer, eTag, size }: RawObject): NotificationRecord {
  const cause = whyNotABuild(key);
  if (cause !== undefined) return { kind: 'not-a-build', bucket, key, cause };
  const build: Build = {
    bucket,
    key,
    region,
    droppedAt,
    ...present({
      // While versioning is suspended every object has the version "null", which the next one overwrites: it pins nothing.
      versionId: versionId && versionId !== 'null' ? versionId : undefined,
      sequencer: sequencer || undefined,
      eTag: eTag || undefined,
      size,
    }),
  };
  return { kind: 'build', build };
}

/** The first thing that is off, by its path only: a foreign message's content belongs in no log. */
function problemOf(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  return `Not an S3 ObjectCreated event: ${v.getDotPath(issues[0]) ?? 'the record'} is missing or unexpected.`;
}
