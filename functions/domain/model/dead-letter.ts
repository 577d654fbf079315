import type { Build } from './build.ts';
import type { Reason } from './reasons.ts';

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
