import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { Stage } from '../../functions/domain/model/news.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { PostponeCause, Reason, RetryCause, SkipCause } from '../../functions/domain/model/reasons.ts';
import type { ReleaseMode } from '../../functions/domain/model/route.ts';
import type { KeyChangeOutcome } from '../../functions/domain/redrive/redrive-for-key.ts';
import type { ReleasedBy } from '../streampixel/streampixel-stand-in.ts';

/** Something that happened to a build: a line on the screen or, with `--json`, a JSON object. */
export interface LocalEvent {
  /** ISO 8601. */
  readonly time: string;
  readonly event: LocalEventName;
  readonly bucket?: string;
  readonly key?: string;
  /** `bucket/key@version`: differs for two drops of one key. */
  readonly build?: string;
  /** Why, by its code. */
  readonly reason?: Reason | RetryCause | PostponeCause | SkipCause;
  /** Why, in words. */
  readonly detail?: string;
  /** HTTP status of Streampixel's or of S3's answer. */
  readonly status?: number;
  readonly uploadId?: string;
  /** The stage that a webhook reports. */
  readonly stage?: Stage;
  /** How an approved build goes live. */
  readonly releaseMode?: ReleaseMode;
  /** From the submission to the approval. */
  readonly tookSeconds?: number;
  /** Who made it live, or requested it. */
  readonly by?: ReleasedBy | 'approval' | 'person';
  readonly attempt?: number;
  /** When it is tried again, ISO 8601. */
  readonly until?: string;
  /** Bytes. */
  readonly size?: number;
  /** Hex, of the bytes that were downloaded. */
  readonly sha256?: string;
  /** Whether these are the bytes that were dropped; absent for a drop by another tool. */
  readonly intact?: boolean;
  /** Of an alert by CloudWatch: the alarm's name. */
  readonly alarm?: string;
  /** Of an alert by a function: the text that subscribers get; `detail` is its subject. */
  readonly message?: string;
  readonly possiblyDoubled?: boolean;
  /** Of the board: the address to open. It lets one browser in. */
  readonly url?: string;
  /** Of a redrive: the SSM parameter whose new key has started it. */
  readonly parameter?: string;
  /** Of a redrive: the dead letters that were moved back to the builds queue. */
  readonly moved?: number;
  /** Of a redrive: the dead letters that could not be moved. */
  readonly left?: number;
}

/** The outcomes of the functions, and what only the local stack can see: each with its colour on the screen. */
export const EVENTS = {
  /** The page that shows all builds can be opened. */
  board: 'cyan',
  dropped: 'cyan',
  postponed: 'yellow',
  retried: 'yellow',
  submitted: 'green',
  skipped: 'gray',
  'dead-lettered': 'red',
  alert: 'red',
  /** A new API key works: the builds that failed with the old one are back in the builds queue. */
  redriven: 'green',
  /** The stand-in has downloaded the whole zip. */
  downloaded: 'green',
  /** A webhook has reported a stage. */
  heard: 'gray',
  approved: 'green',
  rejected: 'red',
  late: 'yellow',
  stuck: 'red',
  /** No webhook of the project has ever arrived, so what became of the build is not known. */
  silent: 'red',
  /** Streampixel has accepted the request to release it. */
  released: 'green',
  'release-failed': 'red',
  /** Viewers of the stand-in get it from now on. */
  live: 'green',
} as const;
export type LocalEventName = keyof typeof EVENTS;

/** The events of the functions' logs that are events here, and their names here. */
const EVENTS_OF_LOGS: Readonly<Record<string, LocalEventName>> = {
  postponed: 'postponed',
  retried: 'retried',
  submitted: 'submitted',
  skipped: 'skipped',
  'dead-lettered': 'dead-lettered',
  ['redriven' satisfies KeyChangeOutcome['kind']]: 'redriven',
  'webhook-received': 'heard',
  'build-approved': 'approved',
  'build-rejected': 'rejected',
  'build-late': 'late',
  'build-stuck': 'stuck',
  'webhook-silent': 'silent',
  'build-released': 'released',
  'release-failed': 'release-failed',
};

/**
 * The event behind a line of a function's log, or `undefined` for a line about something else. The functions log a `cause`
 * for what passes by itself and a `reason` for what does not; here both are the reason.
 */
export function eventOfLogLine(line: string): LocalEvent | undefined {
  const fields = parse(line);
  const event = EVENTS_OF_LOGS[String(fields?.event)];
  if (fields === undefined || event === undefined) return undefined;
  // S3 sends it when the stack starts. It is about no build.
  if (fields.cause === ('TestEvent' satisfies SkipCause)) return undefined;
  // Both final stages have an event of their own.
  if (event === 'heard' && (fields.stage === 'approved' || fields.stage === 'rejected')) return undefined;
  const { time, bucket, key, build, parameter, cause, reason = cause, detail, status, uploadId, stage } = fields;
  const { releaseMode, tookSeconds, by, attempt, until, moved, left, possiblyDoubled } = fields;
  return present({
    ...{ time, event, bucket, key, build, parameter, reason, detail, status, uploadId, stage, releaseMode },
    ...{ tookSeconds, by, attempt, until, moved, left, possiblyDoubled: possiblyDoubled || undefined },
  }) as unknown as LocalEvent;
}

/** A line of a function's log as its fields, or `undefined` for other text. */
export function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** The fields that name the build of an event. */
export function buildFields(build: Pick<Build, 'bucket' | 'key' | 'versionId' | 'sequencer' | 'eTag'>) {
  return { bucket: build.bucket, key: build.key, build: buildId(build) };
}

export type EventRecord = ReturnType<typeof createEventRecord>;

/** The events of one run. */
export function createEventRecord(onEvent: (event: LocalEvent) => void) {
  const events: LocalEvent[] = [];
  const waiting = new Set<(event: LocalEvent) => void>();

  function add(event: LocalEvent): void {
    events.push(event);
    onEvent(event);
    for (const look of waiting) look(event);
  }
  return {
    /** So far, oldest first. */
    events: events as readonly LocalEvent[],
    add,
    /** Adds an event of this moment. */
    addNow: (event: LocalEventName, fields: Omit<LocalEvent, 'time' | 'event'>): void =>
      add({ time: new Date().toISOString(), event, ...fields }),
    /** Resolves with the first event that passes the test, past or future. */
    seen: (test: (event: LocalEvent) => boolean): Promise<LocalEvent> =>
      new Promise((resolve) => {
        const past = events.find(test);
        if (past !== undefined) return resolve(past);
        const look = (event: LocalEvent) => {
          if (!test(event)) return;
          waiting.delete(look);
          resolve(event);
        };
        waiting.add(look);
      }),
  };
}
