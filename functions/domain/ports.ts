import type { Alert } from './alert.ts';
import type { Build } from './build.ts';
import type { BuildEvent } from './build-events.ts';
import type { FollowMessage } from './follow-message.ts';
import type { Ledger } from './ledger.ts';
import type { Pacer } from './pacer.ts';
import type { Reason, RetryCause } from './reasons.ts';
import type { Route } from './route.ts';
import type { PresignedUrl, Secret } from './secret.ts';
import type { Dimension, MetricName } from './telemetry.ts';

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

export type Inspection =
  | { readonly kind: 'ready' }
  | { readonly kind: 'superseded'; readonly detail: string }
  | {
      readonly kind: 'refused';
      readonly reason: Extract<Reason, 'BuildMissing' | 'BuildUnreadable' | 'NotAZip'>;
      readonly detail: string;
      readonly status?: number;
    }
  | { readonly kind: 'unavailable'; readonly detail: string; readonly status?: number };
/**
 * - `readable`: this version can be fetched through a presigned URL, as the vendor will, and starts like a zip
 * - `current`: the key still holds this version
 */
export type Check = 'readable' | 'current';
export interface BuildStore {
  /** Signs a GET for exactly this version. Pure computation: proves nothing about the object. */
  presign(build: Build): Promise<PresignedUrl>;
  /**
   * Reads the first bytes through a presigned URL; never more, however large the build. Never throws.
   * @param deadline ms since the epoch
   */
  inspect(build: Build, check: Check, deadline: number): Promise<Inspection>;
}

export interface UploadRequest {
  readonly route: Route;
  readonly apiKey: Secret;
  readonly fileUrl: PresignedUrl;
}
/** Every answer and non-answer of `upload-file`. Messages are the vendor's words, redacted and trimmed. */
export type UploadAnswer = {
  /** When the request went onto the wire, in ms since the epoch; absent if it never did. */
  readonly sentAt?: number;
} & (
  | { readonly kind: 'accepted'; readonly uploadId: string; readonly status: number }
  | { readonly kind: 'rate-limited'; readonly status: number; readonly retryAfterMs?: number; readonly detail: string }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly status: number; readonly detail: string }
  /** Certainly not accepted; may succeed later. */
  | { readonly kind: 'failed'; readonly cause: RetryCause; readonly status?: number; readonly detail: string }
  /** May have been accepted: the answer never came, or can't be read. */
  | { readonly kind: 'lost'; readonly status?: number; readonly detail: string }
);
export interface StreampixelApi {
  /**
   * Calls `POST {base}/projects/upload-file` once. Never throws.
   * @param deadline ms since the epoch by which it must have ended
   */
  uploadFile(request: UploadRequest, deadline: number): Promise<UploadAnswer>;
}

/** The vendor's word on a key, without spending a slot. */
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

/** Every answer and non-answer of `distribute-file`. Messages are the vendor's words, redacted and trimmed. */
export type ReleaseAnswer = {
  /** When the request went onto the wire, in ms since the epoch; absent if it never did. */
  readonly sentAt?: number;
} & (
  | { readonly kind: 'released'; readonly status: number }
  /** 400 (no URL yet) and 404 `File not found in project`: the vendor is not done with the upload. */
  | { readonly kind: 'too-early'; readonly status: number; readonly detail: string }
  | { readonly kind: 'rate-limited'; readonly status: number; readonly retryAfterMs?: number; readonly detail: string }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly status: number; readonly detail: string }
  | { readonly kind: 'failed'; readonly cause: RetryCause; readonly status?: number; readonly detail: string }
  | { readonly kind: 'lost'; readonly status?: number; readonly detail: string }
);
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

/** One build in a project's list at the vendor. */
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
   * Asks `GET {base}/projects/{projectId}`, which has left the vendor's documentation and may be gone. Never throws.
   * @param deadline ms since the epoch
   */
  read(userId: string, projectId: string, apiKey: Secret, deadline: number): Promise<ProjectFilesRead>;
}

export interface WebhookTokens {
  /**
   * Whether a webhook's address carries a token that counts. Never throws.
   * @returns `former` for the one before the last change; `unavailable` where SSM has not told which count
   */
  check(token: string): Promise<'current' | 'former' | 'unknown' | 'unavailable'>;
}

/** The queue of what is to be done for builds that are at the vendor. */
export interface FollowQueue {
  /** Throws where it can't be proven sent. */
  send(message: FollowMessage): Promise<void>;
}

/** Labels on the S3 object that a build is. */
export interface ObjectTags {
  /** Adds tags to those the object has. Throws where S3 refuses. */
  add(build: Build, tags: Readonly<Record<string, string>>): Promise<void>;
}

/** What a dead letter says beside the original body: at most the 10 attributes SQS allows. */
export interface DeadLetter {
  readonly id: string;
  readonly body: string;
  readonly reason: Reason;
  readonly detail: string;
  readonly status?: number;
  readonly attempts: number;
  /** Absent for a message that is no build. */
  readonly build?: Build;
  readonly userId?: string;
  readonly projectId?: string;
  /** Version of the API key's parameter that was used last. */
  readonly keyVersion?: number;
  /** ms since the epoch. */
  readonly at: number;
  /** Where the log of this try lies: group, stream and request id. */
  readonly logPointer: string;
}
export interface DeadLetterQueue {
  /** Throws where it can't be proven sent: the message must then stay in the builds queue. */
  send(letter: DeadLetter): Promise<void>;
}

export interface Alerts {
  /** Tells a person. Throws where it can't be proven sent. */
  send(alert: Alert): Promise<void>;
}
export interface Events {
  /** Tells pipelines. Throws where it can't be proven sent. */
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
