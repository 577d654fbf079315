import type { PostponeCause, Reason, RetryCause, SkipCause } from './reasons.ts';

/** What one visit of one build resulted in. Switch on `kind` exhaustively. */
export type Outcome =
  | {
      readonly kind: 'submitted';
      readonly uploadId: string;
      readonly status: number;
      readonly attempt: number;
      /** The answer to an earlier submission was lost, so Streampixel may have this build twice. */
      readonly possiblyDoubled: boolean;
      /** EventBridge did not take the event that starts the watch: the message comes back to send it. */
      readonly isNotificationPending?: true;
    }
  | { readonly kind: 'skipped'; readonly cause: SkipCause; readonly detail?: string }
  | {
      readonly kind: 'postponed';
      readonly cause: PostponeCause;
      /** ms since the epoch. */
      readonly until: number;
      readonly status?: number;
    }
  | {
      readonly kind: 'retried';
      readonly cause: RetryCause;
      readonly detail: string;
      /** ms since the epoch. */
      readonly until: number;
      /** How many attempts have failed so far; 0 where the failure could not be counted. */
      readonly attempt: number;
      readonly status?: number;
    }
  | {
      readonly kind: 'dead-lettered';
      readonly reason: Reason;
      readonly detail: string;
      readonly attempt: number;
      readonly status?: number;
    };

export function skippedAs(cause: SkipCause, detail: string): Outcome {
  return { kind: 'skipped', cause, detail };
}

/** @param until ms since the epoch */
export function postponed(cause: PostponeCause, until: number): Outcome {
  return { kind: 'postponed', cause, until };
}

/** What becomes of the SQS message. */
export type Disposition =
  | { readonly kind: 'done' }
  /** Stays in the queue, hidden until then (ms since the epoch). */
  | { readonly kind: 'hidden'; readonly until: number };

/** What went wrong, redacted and shortened. */
export interface Failure {
  readonly code: Reason | RetryCause;
  readonly detail: string;
  /** HTTP status, where there was an answer. */
  readonly status?: number;
  /** ms since the epoch. */
  readonly at: number;
}

/** Makes the compiler prove that a switch is exhaustive. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
