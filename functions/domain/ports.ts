import type { FollowMessage } from './follow/follow-message.ts';
import type { LiveBuilds } from './live-builds.ts';
import type { Build } from './model/build.ts';
import type { DeadLetter } from './model/dead-letter.ts';
import type { Check, Inspection } from './model/inspection.ts';
import type { Admission, SlotReservation } from './model/lane.ts';
import type { BuildState, LedgerEntry } from './model/ledger-entry.ts';
import type { Reason } from './model/reasons.ts';
import type { Route } from './model/route.ts';
import type { PresignedUrl, Secret } from './model/secret.ts';
import type { ReleaseAnswer, UploadAnswer } from './model/streampixel-answers.ts';
import type { Dimension, MetricName } from './model/telemetry.ts';
import type { WebhookMoment, WebhookRecord } from './model/webhook-record.ts';
import type { Alert } from './notify/alert.ts';
import type { BuildEvent } from './notify/build-events.ts';

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

export type Saved = { readonly kind: 'saved'; readonly entry: LedgerEntry } | { readonly kind: 'conflict' };

export interface Page {
  readonly entries: readonly LedgerEntry[];
  /** Pass it back to get the next page; absent on the last. */
  readonly next?: string;
}

/** The ledger's builds. Every method of the ledger throws `LedgerUnavailable` where the table does not answer. */
export interface BuildLedger {
  find(id: string): Promise<LedgerEntry | undefined>;
  /** Stores the entry if no other worker has since it was read (`entry.revision`); the saved entry carries the new revision. */
  save(entry: LedgerEntry): Promise<Saved>;
  /** Reads an index: what was saved in the last second or so may be missing. So do `list` and `countWaiting`. */
  findByUploadId(uploadId: string): Promise<LedgerEntry | undefined>;
  /** Builds in a state, newest change first. */
  list(state: BuildState, options?: { readonly limit?: number; readonly from?: string }): Promise<Page>;
  /** How many builds of a user wait for their slot. */
  countWaiting(userId: string): Promise<number>;
}

/** What the ledger knows of a route as a whole: its newest build. */
export interface NewestBuilds {
  /** Remembers the build as its route's newest, unless a newer one is known; returns the newest. */
  announce(route: string, build: Build): Promise<NewestBuild>;
}

/** One build of an object key, and what is in it. */
export interface KnownContent {
  readonly id: string;
  /** Digest, as `BuildStore.inspect` gives it. */
  readonly content: string;
  /** ms since the epoch. */
  readonly droppedAt: number;
}

/** What the ledger knows of an object key: the contents of its last builds. It never expires. */
export interface KeyContents {
  /** Oldest first. */
  contentsOf(build: Pick<Build, 'bucket' | 'key'>): Promise<readonly KnownContent[]>;
  /** Remembers what is in a build; returns all that is known of its key then. */
  noteContent(build: Build, content: string): Promise<readonly KnownContent[]>;
}

/** Versions of API key parameters that Streampixel refused. */
export interface RefusedKeys {
  refusedKeyOf(apiKeyParameter: string): Promise<RefusedKey | undefined>;
  /**
   * Remembers that Streampixel refused this version of the parameter.
   * @returns whether it was not known before: one cause is one alert
   */
  refuseKey(apiKeyParameter: string, key: RefusedKey): Promise<'first' | 'known'>;
  /**
   * Streampixel takes this version after all: it is a new value of a parameter that was deleted and made again, and started
   * over at version 1. A refusal of another version stays, for the workers that still have that one cached.
   */
  forgetRefusedKey(apiKeyParameter: string, version: number): Promise<void>;
}

/** What the ledger knows of the projects' webhooks. */
export interface WebhookRecords {
  /** Empty where the project's webhook has never sent anything. */
  webhookOf(projectId: string): Promise<WebhookRecord>;
  /** Remembers one moment of a project's webhook, and at which address (its id) that was; the others stay. Later writes win. */
  noteWebhook(projectId: string, what: WebhookMoment, at: number, address?: string): Promise<void>;
}

export interface Ledger extends BuildLedger, KeyContents, LiveBuilds, NewestBuilds, RefusedKeys, WebhookRecords {}

/** A version of an API key parameter that Streampixel refused. */
export interface RefusedKey {
  readonly version: number;
  /** ms since the epoch. */
  readonly at: number;
}

export interface NewestBuild {
  readonly id: string;
  readonly droppedAt: number;
}

/** The table (ledger or pacer) did not answer, after the client's own retries. */
export class LedgerUnavailable extends Error {
  override name = 'LedgerUnavailable';
}
