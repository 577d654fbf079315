import * as v from 'valibot';
import { type Build, whyNotABuild } from './build.ts';
import { present } from './optional-fields.ts';
import type { SkipCause } from './reasons.ts';

/** What one message of the builds queue says. */
export type Notification =
  | { readonly kind: 'test-event' }
  | { readonly kind: 'records'; readonly records: readonly NotificationRecord[] }
  | { readonly kind: 'unrecognised'; readonly detail: string };

export type NotificationRecord =
  | { readonly kind: 'build'; readonly build: Build }
  | { readonly kind: 'not-a-build'; readonly bucket: string; readonly key: string; readonly cause: SkipCause }
  | { readonly kind: 'unrecognised'; readonly detail: string };

const nonEmpty = v.pipe(v.string(), v.nonEmpty());
const timestamp = v.pipe(v.string(), v.isoTimestamp());
const bucket = v.looseObject({ name: nonEmpty });
const [size, tag, version] = [v.optional(v.number()), v.optional(v.string()), v.nullish(v.string())];

// Only what is used is named, and no `eventVersion` is pinned: S3 raises it and adds fields.
const s3Record = v.looseObject({
  eventSource: v.literal('aws:s3'),
  eventName: v.pipe(v.string(), v.startsWith('ObjectCreated:')),
  awsRegion: nonEmpty,
  eventTime: timestamp,
  s3: v.looseObject({
    bucket,
    object: v.looseObject({ key: nonEmpty, size, eTag: tag, versionId: version, sequencer: tag }),
  }),
});

const eventBridgeEvent = v.looseObject({
  source: v.literal('aws.s3'),
  'detail-type': v.literal('Object Created'),
  region: nonEmpty,
  time: timestamp,
  detail: v.looseObject({
    bucket,
    object: v.looseObject({ key: nonEmpty, size, etag: tag, 'version-id': version, sequencer: tag }),
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
  const { awsRegion: region, eventTime, s3 } = parsed.output;
  let key: string;
  try {
    // The one place where a key is decoded. S3 form-encodes it: a space is `+`, a plus is `%2B`.
    key = decodeURIComponent(s3.object.key.replaceAll('+', ' '));
  } catch {
    return { kind: 'unrecognised', detail: 'The object key is not form-url-encoded.' };
  }
  return toRecord({ bucket: s3.bucket.name, key, region, droppedAt: Date.parse(eventTime) }, s3.object);
}

function parseEventBridgeEvent(event: unknown): NotificationRecord {
  const parsed = v.safeParse(eventBridgeEvent, event);
  if (!parsed.success) return { kind: 'unrecognised', detail: problemOf(parsed.issues) };
  const { region, time, detail } = parsed.output;
  // EventBridge carries the key as it is, and writes two names in another way.
  const { etag: eTag, key, 'version-id': versionId, ...object } = detail.object;
  const build = { bucket: detail.bucket.name, key, region, droppedAt: Date.parse(time) };
  return toRecord(build, { ...object, eTag, versionId });
}

/** What S3 says of the version: any of it may be missing. */
interface Version {
  readonly versionId?: string | null | undefined;
  readonly sequencer?: string | undefined;
  readonly eTag?: string | undefined;
  readonly size?: number | undefined;
}

function toRecord(build: Build, { versionId, sequencer, eTag, size }: Version): NotificationRecord {
  const { bucket, key } = build;
  const cause = whyNotABuild(key);
  if (cause !== undefined) return { kind: 'not-a-build', bucket, key, cause };
  const optional = present({
    // While versioning is suspended every object has the version "null", which the next one overwrites: it pins nothing.
    versionId: versionId && versionId !== 'null' ? versionId : undefined,
    sequencer: sequencer || undefined,
    eTag: eTag || undefined,
    size,
  });
  return { kind: 'build', build: { ...build, ...optional } };
}

/** The first thing that is off, by its path only: a foreign message's content belongs in no log. */
function problemOf(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  return `Not an S3 ObjectCreated event: ${v.getDotPath(issues[0]) ?? 'the record'} is missing or unexpected.`;
}
