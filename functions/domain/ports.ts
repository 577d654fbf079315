import type { FollowMessage } from './follow/follow-message.ts';
import type { Ledger } from './ledger-ports.ts';
import type { Build } from './model/build.ts';
import type { DeadLetter } from './model/dead-letter.ts';
import type { Check, Inspection } from './model/inspection.ts';
import type { Admission, SlotReservation } from './model/lane.ts';
import type { Reason } from './model/reasons.ts';
import type { Route } from './model/route.ts';
import type { PresignedUrl, Secret } from './model/secret.ts';
import type { ReleaseAnswer, UploadAnswer } from './model/streampixel-answers.ts';
import type { Dimension, MetricName } from './model/telemetry.ts';
import type { Alert } from './notify/alert.ts';
import type { BuildEvent } from './notify/build-events.ts';

export * from './ledger-ports.ts';

/** What the path of a build needs of the world. Each port has a second implementation for tests and virtual time. */
export interface Ports {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
  readonly log: Log;
  readonly apiKeys: ApiKeys;
  readonly builds: BuildStore;
  readonly streampixel: StreampixelApi;
  readonly deadLetters: DeadLetterQueue;
  readonly ledger: Ledger;
  readonly pacer: Pacer;
  readonly alerts: Alerts;
  readonly events: Events;
  readonly metrics: Metrics;
}

export interface Clock {
  /** ms since the epoch. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export type LogFields = Readonly<Record<string, unknown>>;
export interface Log {
  info(event: string, fields: LogFields): void;
  warn(event: string, fields: LogFields): void;
  error(event: string, fields: LogFields): void;
  /** Every line that `work` logs has these fields too; a line's own fields win. */
  within<T>(fields: LogFields, work: () => Promise<T>): Promise<T>;
}

export interface ApiKey {
  readonly secret: Secret;
  /** The SSM parameter's version: safe to log, and the best clue in a 401. */
  readonly version: number;
}
export type ApiKeyRead =
  | { readonly kind: 'found'; readonly key: ApiKey }
  | { readonly kind: 'missing'; readonly detail: string }
  | { readonly kind: 'unavailable'; readonly detail: string };
export interface ApiKeys {
  /** From the cache where it is fresh; a stale key while a refresh fails. Never throws. */
  read(parameter: string): Promise<ApiKeyRead>;
  /** Past the cache. Never throws. */
  readAgain(parameter: string): Promise<ApiKeyRead>;
}

/**
 * - `readable`: this version can be fetched through a signed URL, as Streampixel will, and starts like a zip; what is in it is read, too
 * - `current`: the key still holds this version
 */
export interface BuildStore {
  /** Signs a GET for exactly this version. Proves nothing about the object. Throws where there is no key to sign with. */
  presign(build: Build): Promise<PresignedUrl>;
  /**
   * Reads the object through signed URLs: its first bytes, and for `readable` the directory at its end. Never throws.
   * @param deadline ms since the epoch
   */
  inspect(build: Build, check: Check, deadline: number): Promise<Inspection>;
}

export interface UploadRequest {
  readonly route: Route;
  readonly apiKey: Secret;
  readonly fileUrl: PresignedUrl;
}
export interface StreampixelApi {
  /**
   * Calls `POST {base}/projects/upload-file` once. Never throws.
   * @param deadline ms since the epoch by which it must have ended
   */
  uploadFile(request: UploadRequest, deadline: number): Promise<UploadAnswer>;
}

/** What Streampixel says of a key, without using a slot. */
export type KeyVerdict =
  | { readonly kind: 'taken' }
  | {
      readonly kind: 'refused';
      readonly reason: Extract<Reason, 'InvalidApiKey' | 'InvalidUser' | 'Unauthorised'>;
      readonly detail: string;
    }
  /** Unreachable, or an answer that says nothing of the key. */
  | { readonly kind: 'unclear'; readonly detail: string };
export interface KeyChecks {
  /**
   * Asks the harmless `GET {base}/projects/projects-status` whether the key is good for the user. Never throws.
   * @param deadline ms since the epoch
   */
  check(userId: string, apiKey: Secret, deadline: number): Promise<KeyVerdict>;
}

export interface ReleaseRequest {
  readonly userId: string;
  readonly projectId: string;
  readonly uploadId: string;
  readonly apiKey: Secret;
}
export interface Releases {
  /**
   * Calls `POST {base}/projects/distribute-file` once. Never throws.
   * @param deadline ms since the epoch by which it must have ended
   */
  distributeFile(request: ReleaseRequest, deadline: number): Promise<ReleaseAnswer>;
}

/** One build in a project's list at Streampixel. */
export interface ProjectFile {
  readonly uploadId: string;
  readonly status: string;
  readonly objection?: string;
  /** ms since the epoch. */
  readonly at?: number;
}
export type ProjectFilesRead =
  | { readonly kind: 'read'; readonly files: readonly ProjectFile[] }
  | { readonly kind: 'unclear'; readonly detail: string };
export interface ProjectFiles {
  /**
   * Asks `GET {base}/projects/{projectId}`, which is no longer in Streampixel's documentation and may stop working. Never throws.
   * @param deadline ms since the epoch
   */
  read(userId: string, projectId: string, apiKey: Secret, deadline: number): Promise<ProjectFilesRead>;
}

export interface WebhookTokens {
  /**
   * Whether a webhook's address carries a token that counts: the current one, or the one before the last change. Never throws.
   * @returns `unavailable` where SSM did not answer, so it is not known which tokens count
   */
  check(token: string): Promise<'valid' | 'unknown' | 'unavailable'>;
}

/** The queue of what is to be done for builds that are at Streampixel. */
export interface FollowQueue {
  /** Throws where it can't be proven sent. */
  send(message: FollowMessage): Promise<void>;
}

/** Labels on the S3 object that a build is. */
export interface ObjectTags {
  /** Adds tags to those the object has. Throws where S3 refuses. */
  add(build: Build, tags: Readonly<Record<string, string>>): Promise<void>;
}

export interface DeadLetterQueue {
  /** Throws where it can't be proven sent: the message must then stay in the builds queue. */
  send(deadLetter: DeadLetter): Promise<void>;
}

/** A message received from the dead-letter queue, hidden from others until it is released or its visibility timeout ends. */
export interface StoredDeadLetter {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  /** When it was sent to the queue, in ms since the epoch. */
  readonly sentAt: number;
  /** ARN of the queue from which SQS moved it; absent where it was sent to the dead-letter queue. */
  readonly movedFrom?: string;
  /** String values by name. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** The dead-letter queue, as a redrive reads it. */
export interface DeadLetterStore {
  /** Up to 10 dead letters by long polling, hidden while they are handled. */
  receive(): Promise<readonly StoredDeadLetter[]>;
  /** Makes dead letters visible again at once. */
  release(deadLetters: readonly StoredDeadLetter[]): Promise<void>;
  /** @returns those that SQS has deleted */
  delete(deadLetters: readonly StoredDeadLetter[]): Promise<readonly StoredDeadLetter[]>;
}

/** The builds queue, to send dead letters back to. */
export interface BuildsQueue {
  /**
   * Sends bodies and attributes unchanged: by the attributes the worker knows that this is a redrive.
   * @returns those that SQS has taken
   */
  send(deadLetters: readonly StoredDeadLetter[]): Promise<readonly StoredDeadLetter[]>;
}

/** Hides received messages for longer or shorter than the queue does. */
export interface MessageVisibility {
  /** @throws Error where a change was not made */
  change(changes: readonly VisibilityChange[]): Promise<void>;
}
export interface VisibilityChange {
  readonly receiptHandle: string;
  /** From now; 0 to 43,200 counted from the receive. */
  readonly seconds: number;
}

export interface Alerts {
  /** Notifies people. Throws where it can't be proven sent. */
  send(alert: Alert): Promise<void>;
}
export interface Events {
  /** Notifies pipelines. Throws where it can't be proven sent. */
  emit(event: BuildEvent): Promise<void>;
}
export interface Metrics {
  /** Never throws: a metric is a line of the log. */
  put(
    name: MetricName,
    value: number,
    dimensions?: Readonly<Partial<Record<Exclude<Dimension, 'Stack'>, string>>>,
  ): void;
}

export interface Pacer {
  /** Reserves the next free slot of the lane, never before `now`. First come, first served. */
  reserve(lane: string, now: number): Promise<SlotReservation>;
  /** Acquires the slot, or says when to come again. An acquired slot is used up. */
  acquire(lane: string, reservation: SlotReservation, now: number): Promise<Admission>;
  /**
   * The holder of `reservation` can't be served before `until` (a 429, a key that was replaced meanwhile): all
   * reservations behind it move back by as much, so the order stays and no two builds wake for one slot.
   */
  pushBack(lane: string, reservation: SlotReservation, until: number): Promise<void>;
  /** Blocks the lane until then at least: the last request was sent later than its slot was acquired. */
  blockUntil(lane: string, until: number): Promise<void>;
}
