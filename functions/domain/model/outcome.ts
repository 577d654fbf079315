import type { PostponeCause, Reason, RetryCause, SkipCause } from './reasons.ts';

/** What handling one build, this time, came to. Switch on `kind` exhaustively. */
export type Outcome =
  | {
      readonly kind: 'submitted';
      readonly uploadId: string;
      readonly status: number;
      readonly attempt: number;
      /** An earlier submission's answer was lost, so the vendor may hold this build twice. */
      readonly possiblyDoubled: boolean;
      /** The event that has it watched was not taken: the message comes again for that alone. */
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
      /** How many tries have failed so far; 0 where the failure could not be counted. */
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

/** What becomes of the SQS message. */
export type Disposition =
  | { readonly kind: 'done' }
  /** Stays in the queue, hidden until then (ms since the epoch). */
  | { readonly kind: 'hidden'; readonly until: number };

/** Redacted, trimmed account of something that went wrong. */
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
