import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { Stage } from '../../functions/domain/model/news.ts';
import type { PostponeCause, Reason, RetryCause, SkipCause } from '../../functions/domain/model/reasons.ts';
import type { ReleaseMode } from '../../functions/domain/model/route.ts';
import type { KeyChangeOutcome } from '../../functions/domain/redrive/redrive-for-key.ts';
import type { ReleasedBy } from '../streampixel/streampixel-stand-in.ts';

/** What happens to builds, as the local stack tells it: one JSON object a line with `--json`. */
export interface LocalEvent {
  /** ISO 8601. */
  readonly time: string;
  readonly event: LocalEventName;
  readonly bucket?: string;
  readonly key?: string;
  /** `bucket/key@version`: tells two drops of one key apart. */
  readonly build?: string;
  /** Why, by its code. */
  readonly reason?: Reason | RetryCause | PostponeCause | SkipCause;
  /** Why, in words. */
  readonly detail?: string;
  /** HTTP status of the vendor's or of S3's answer. */
  readonly status?: number;
  readonly uploadId?: string;
  /** The stage that Streampixel told of. */
  readonly stage?: Stage;
  /** How an approved build goes live. */
  readonly releaseMode?: ReleaseMode;
  /** From the submission to the approval. */
  readonly tookSeconds?: number;
  /** Who has made it live, or ordered it. */
  readonly by?: ReleasedBy | 'approval' | 'person';
  readonly attempt?: number;
  /** When it is its turn, ISO 8601. */
  readonly until?: string;
  /** Bytes. */
  readonly size?: number;
  /** Hex, of the bytes that were downloaded. */
  readonly sha256?: string;
  /** Whether these are the bytes that were dropped; absent for a drop by another tool. */
  readonly intact?: boolean;
  /** Of an alert by CloudWatch: the alarm's name. */
  readonly alarm?: string;
  /** Of an alert by the worker: the text that subscribers get; `detail` is its subject. */
  readonly message?: string;
  readonly possiblyDoubled?: boolean;
  /** Of a redrive: the SSM parameter whose new key has set it off. */
  readonly parameter?: string;
  /** Of a redrive: the dead letters that are back in line. */
  readonly moved?: number;
  /** Of a redrive: the dead letters that it could not move. */
  readonly left?: number;
}

/** The outcomes of the functions, and what only the local stack sees. */
export type LocalEventName =
  | 'dropped'
  | 'postponed'
  | 'retried'
  | 'submitted'
  | 'skipped'
  | 'dead-lettered'
  | 'alert'
  /** A new API key works: what the former one has stranded is back in line. */
  | 'redriven'
  /** The stand-in has read the zip to its end. */
  | 'downloaded'
  /** A webhook has told of a stage. */
  | 'heard'
  | 'approved'
  | 'rejected'
  | 'late'
  | 'stuck'
  /** The project's webhook has never spoken, so nobody can say what became of the build. */
  | 'silent'
  /** The vendor has taken our order to distribute it. */
  | 'released'
  | 'release-failed'
  /** Viewers of the stand-in get it from now on. */
  | 'live';

/** What lines of the functions' logs are called here. */
const NAMES: ReadonlyMap<unknown, LocalEventName> = new Map<string, LocalEventName>([
  ['postponed', 'postponed'],
  ['retried', 'retried'],
  ['submitted', 'submitted'],
  ['skipped', 'skipped'],
  ['dead-lettered', 'dead-lettered'],
  ['redriven' satisfies KeyChangeOutcome['kind'], 'redriven'],
  ['webhook-received', 'heard'],
  ['build-approved', 'approved'],
  ['build-rejected', 'rejected'],
  ['build-late', 'late'],
  ['build-stuck', 'stuck'],
  ['webhook-silent', 'silent'],
  ['build-released', 'released'],
  ['release-failed', 'release-failed'],
]);

const TEST_EVENT: SkipCause = 'TestEvent';

/**
 * The event behind a line of a function's log, or `undefined` if it is about no outcome. The worker says `cause` where
 * nothing is wrong for good and `reason` where it is; here both are the reason.
 */
export function eventOfLogLine(line: string): LocalEvent | undefined {
  const fields = parse(line);
  const event = NAMES.get(fields?.event);
  // The test event is about no build: S3 asks whether it may send.
  if (fields === undefined || event === undefined || fields.cause === TEST_EVENT) return undefined;
  // The end has a line of its own.
  if (event === 'heard' && (fields.stage === 'approved' || fields.stage === 'rejected')) return undefined;
  const { time, bucket, key, build, cause, reason, detail, status, uploadId, attempt, until, possiblyDoubled } = fields;
  const { parameter, moved, left, stage, releaseMode, tookSeconds, by } = fields;
  const about = { time, event, bucket, key, build, parameter };
  const followed = { stage, releaseMode, tookSeconds, by };
  const picked = {
    ...about,
    reason: reason ?? cause,
    detail,
    status,
    uploadId,
    ...followed,
    attempt,
    until,
    moved,
    left,
  };
  return Object.fromEntries(
    Object.entries({ ...picked, possiblyDoubled: possiblyDoubled || undefined }).filter(
      ([, value]) => value !== undefined,
    ),
  ) as unknown as LocalEvent;
}

/** A line of the worker's log as its fields, or `undefined` for other text. */
export function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The fields that say which build an event is about. */
export function logFields(build: Pick<Build, 'bucket' | 'key' | 'versionId' | 'sequencer' | 'eTag'>) {
  return { bucket: build.bucket, key: build.key, build: buildId(build) };
}

/** The events of one run: told as they come, and kept to be looked up. */
export interface EventRecord {
  /** So far, oldest first. */
  readonly events: readonly LocalEvent[];
  emit(event: LocalEvent): void;
  /** Emits an event of this moment. */
  tell(event: LocalEventName, fields: Omit<LocalEvent, 'time' | 'event'>): void;
  /** The first event that is so, past or to come. */
  seen(test: (event: LocalEvent) => boolean): Promise<LocalEvent>;
}

export function createEventRecord(onEvent: (event: LocalEvent) => void): EventRecord {
  const events: LocalEvent[] = [];
  const waiting = new Set<{ test: (event: LocalEvent) => boolean; resolve: (event: LocalEvent) => void }>();

  function emit(event: LocalEvent): void {
    events.push(event);
    onEvent(event);
    for (const waiter of waiting) {
      if (!waiter.test(event)) continue;
      waiting.delete(waiter);
      waiter.resolve(event);
    }
  }
  return {
    events,
    emit,
    tell: (event, fields) => emit({ time: new Date().toISOString(), event, ...fields }),
    seen(test) {
      const past = events.find(test);
      return past === undefined ? new Promise((resolve) => waiting.add({ test, resolve })) : Promise.resolve(past);
    },
  };
}
