import type { Build } from './build.ts';
import type { SlotReservation } from './lane.ts';
import type { News } from './news.ts';
import type { Failure } from './outcome.ts';
import type { Reason, SkipCause } from './reasons.ts';
import type { ReleaseMode } from './route.ts';

/**
 * - `waiting`: has a slot or waits for its next try; nothing is under way at the vendor
 * - `submitting`: a worker holds it until `leaseUntil` and may be calling the vendor
 * - `unknown`: a call's answer was lost; it may have been accepted
 * - `submitted`: queued at the vendor, and from then on what the vendor says of it
 * - `approved`: the vendor is done with it; what that means is the route's {@link ReleaseMode}
 * - `released`: the vendor has taken our order to distribute it
 * - `rejected`: the vendor won't have it
 * - `skipped`, `dead-lettered`: it did not reach the vendor
 */
export type BuildState =
  | 'waiting'
  | 'submitting'
  | 'unknown'
  | 'submitted'
  | 'approved'
  | 'released'
  | 'rejected'
  | 'skipped'
  | 'dead-lettered';

/** Upload ids, news and orders of a build that is or was at the vendor. */
export interface AtVendor {
  /** How the build goes live, by the route as it was when the build was submitted. */
  readonly releaseMode?: ReleaseMode;
  /** When the vendor took it, in ms since the epoch. */
  readonly submittedAt?: number;
  /** The vendor's words on this upload id: one for each stage, in the order of the stages. */
  readonly news?: readonly News[];
  /** When the vendor last said anything of it, in ms since the epoch, by our clock. */
  readonly lastNewsAt?: number;
  /** Why the vendor rejected it, in its words. */
  readonly objection?: string;
  /** When the watchdog found it late, and when stuck; ms since the epoch. */
  readonly lateAt?: number;
  readonly stuckAt?: number;
  /** An end that is recorded and not told yet: a crash between the two must not keep it from people. */
  readonly pendingNotification?: 'approved' | 'rejected';
  readonly release?: Release;
  /** Orders to release it that have been taken, newest last: a late duplicate of one is not another. */
  readonly releaseRequests?: readonly string[];
  /** Upload ids of submissions before this one. */
  readonly formerUploadIds?: readonly string[];
}

/** An order to distribute an upload. */
export interface Release {
  readonly requestId: string;
  readonly uploadId: string;
  readonly by: 'approval' | 'person';
  /** `calling`: a worker may be on the phone until `leaseUntil`; after that nobody knows what the vendor answered. */
  readonly state: 'requested' | 'calling' | 'released' | 'failed';
  readonly requestedAt: number;
  readonly attempts: number;
  readonly reservation?: SlotReservation;
  readonly leaseUntil?: number;
  readonly endedAt?: number;
  readonly detail?: string;
  /** How it failed, where nobody could be told yet. */
  readonly pendingNotification?: ReleaseFailure;
}

/** Whether the vendor (or the settings) said no, or nobody knows what it said. */
export type ReleaseFailure = 'refused' | 'unknown';

/** One line of a build's history, for people. */
export interface HistoryLine {
  /** ms since the epoch. */
  readonly at: number;
  readonly state: BuildState;
  /** Slot, failure, upload id: redacted. */
  readonly note?: string;
}

/** What the ledger knows of one build. Values only change through the functions below. */
export interface LedgerEntry extends AtVendor {
  readonly id: string;
  readonly build: Build;
  readonly state: BuildState;
  readonly userId?: string;
  readonly projectId?: string;
  readonly route?: string;
  readonly reservation?: SlotReservation;
  /** Tries that failed since the build was dropped or redriven. Waiting is no try. */
  readonly attempts: number;
  /** Until then the worker that is submitting may still be alive; ms since the epoch. */
  readonly leaseUntil?: number;
  readonly uploadId?: string;
  readonly possiblyDoubled: boolean;
  readonly lastFailure?: Failure;
  readonly skipCause?: SkipCause;
  readonly reason?: Reason;
  /** Names the dead letter, so that its redrive is told apart from a late duplicate of the event. */
  readonly deadLetterId?: string;
  /** Names the last request to submit it again, so that a late duplicate of the request is told apart from another. */
  readonly submitAgainId?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly history: readonly HistoryLine[];
  /** Raised by each save; guards against two workers changing the same build. 0: never saved. */
  readonly revision: number;
}

/** Lines kept per build: enough for every attempt of a build that fails to its end, and bounded for one that hops for weeks. */
const HISTORY_LIMIT = 30;

type Change = Partial<Omit<LedgerEntry, 'id' | 'build' | 'createdAt' | 'history' | 'revision'>> & { state: BuildState };

export function withChange(entry: LedgerEntry, now: number, change: Change, note?: string): LedgerEntry {
  const line: HistoryLine =
    note === undefined ? { at: now, state: change.state } : { at: now, state: change.state, note };
  return { ...entry, ...change, updatedAt: now, history: [...entry.history, line].slice(-HISTORY_LIMIT) };
}
