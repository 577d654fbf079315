import type { LedgerEntry } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import { type Failure, type Outcome, postponed } from '../model/outcome.ts';
import type { Reason, RetryCause } from '../model/reasons.ts';
import { redact } from '../model/redaction.ts';
import type { Route } from '../model/route.ts';
import { retryDelay } from '../pacing/retry-delay.ts';
import type { PackageCheck } from '../package/applied.ts';
import type { ApiKey, Ports } from '../ports.ts';

export interface SubmitSettings {
  readonly routes: readonly Route[];
  /** Least distance between two submissions of one user, in ms. */
  readonly intervalMs: number;
  /** Attempts that may fail before the build is dead-lettered as `RetriesExhausted`. */
  readonly maxAttempts: number;
  /** What happens to a build whose submission got no answer: submitted again and marked as possibly doubled, or left to a person. */
  readonly onLostAnswer: 'retry' | 'dead-letter';
  /** How much of the check of a package counts. */
  readonly packageCheck: PackageCheck;
}

/** The message a build came in, and how long this worker may spend on it. */
export interface Delivery {
  /** The message's body, which a dead letter carries on unchanged. */
  readonly body: string;
  /** How often SQS has delivered the message. */
  readonly receiveCount: number;
  /** When the message was sent to the queue, in ms since the epoch. */
  readonly sentAt: number;
  /** Id of the dead letter that this message was redriven from. */
  readonly redriveOf?: string;
  /** Id of a person's request to submit the build although it is finished. */
  readonly submitAgain?: string;
  /** Name of the person who sent the message, where a person did. */
  readonly requestedBy?: string;
  /** Whether a person wants the build submitted whatever the check of its package says; absent where no person has said. */
  readonly isUnchecked?: boolean;
  /** When every call must have ended, in ms since the epoch. */
  readonly deadline: number;
  /** When this worker has certainly ended, in ms since the epoch. */
  readonly leaseUntil: number;
  /** When SQS deletes the message unseen, in ms since the epoch. */
  readonly expiresAt: number;
  /** Log group, stream and request id. */
  readonly logPointer: string;
}

/** One visit of one build: what its functions need beside the ledger entry. */
export interface Visit {
  readonly delivery: Delivery;
  readonly settings: SubmitSettings;
  readonly ports: Ports;
  /** Once it has been read; redacted from everything that is written down. */
  readonly key?: ApiKey;
}

/** The entry as it is now, and the outcome where the visit ends here. */
export interface Step {
  readonly entry: LedgerEntry;
  readonly outcome?: Outcome;
}

export function failureOf({ key, ports }: Visit, code: Reason | RetryCause, detail: string, status?: number): Failure {
  return { code, detail: redact(detail, key && [key.secret]), at: ports.clock.now(), ...present({ status }) };
}

/** How long before its message expires a build must have its slot, in ms: time for a few retries. */
const EXPIRY_MARGIN_MS = 3 * 3_600_000;

/** Whether SQS might delete the message before a slot or a try at `until` (ms since the epoch) has come to an outcome. */
export function isTooLate(until: number, { delivery }: Visit): boolean {
  return until > delivery.expiresAt - EXPIRY_MARGIN_MS;
}

/** Another worker has changed the build since this one read it: it comes back when that one has certainly ended. */
export function inProgress({ delivery }: Visit): Outcome {
  return postponed('InProgress', delivery.leaseUntil);
}

/** To be retried although the attempt can't be written down: the queue's receive count sets the pace, and ends it in the end. */
export function retryWithoutCounting(visit: Visit, cause: RetryCause, detail: string): Outcome {
  const { delivery, ports, settings } = visit;
  const delay = retryDelay(Math.max(1, delivery.receiveCount), settings.intervalMs, ports.random);
  const { detail: words } = failureOf(visit, cause, detail);
  return { kind: 'retried', cause, detail: words, until: ports.clock.now() + delay, attempt: 0 };
}
