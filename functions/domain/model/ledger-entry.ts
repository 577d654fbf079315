import type { Build } from './build.ts';
import type { FileUrlFacts } from './file-url.ts';
import type { SlotReservation } from './lane.ts';
import type { News } from './news.ts';
import { present } from './optional-fields.ts';
import type { Failure } from './outcome.ts';
import type { Labels, PackageFacts, PackageWarning } from './package-verdict.ts';
import type { Reason, SkipCause } from './reasons.ts';
import type { ReleaseMode } from './route.ts';

/**
 * - `waiting`: for its slot or its next attempt; no request is in flight
 * - `submitting`: a worker has claimed it until `leaseUntil` and may be calling `upload-file`
 * - `unknown`: the answer to a call was lost; the build may have been accepted
 * - `submitted`: Streampixel has accepted it and is processing it
 * - `approved`: Streampixel has approved it; the route's {@link ReleaseMode} says what that means
 * - `released`: Streampixel has accepted our request to distribute it
 * - `rejected`: Streampixel has rejected it
 * - `skipped`, `dead-lettered`: it did not reach Streampixel
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

/** Upload ids, news and release requests of a build that is or was at Streampixel. */
export interface AtStreampixel {
  /** How the build goes live, by the route as it was when the build was submitted. */
  readonly releaseMode?: ReleaseMode;
  /** When Streampixel accepted it, in ms since the epoch. */
  readonly submittedAt?: number;
  /** Of the URL that Streampixel was given last. */
  readonly fileUrl?: FileUrlFacts;
  /** When the watchdog found that the URL had ended and the build had not, in ms since the epoch. */
  readonly fileUrlEndedAt?: number;
  /** What Streampixel has reported of this upload id: one for each stage, in the order of the stages. */
  readonly news?: readonly News[];
  /** When the last report of it arrived, in ms since the epoch, by our clock. */
  readonly lastNewsAt?: number;
  /** Why Streampixel rejected it: its message. */
  readonly objection?: string;
  /** When the watchdog found it late, and when stuck; ms since the epoch. */
  readonly lateAt?: number;
  readonly stuckAt?: number;
  /** An outcome that is recorded and still to be notified: a crash between the two must not keep it from people. */
  readonly pendingNotification?: 'approved' | 'rejected';
  readonly release?: Release;
  /** Ids of the release requests that have been taken, newest last: a late duplicate of one is not another. */
  readonly releaseRequests?: readonly string[];
  /** Upload ids of earlier submissions. */
  readonly formerUploadIds?: readonly string[];
}

/** A request to distribute an upload. */
export interface Release {
  readonly requestId: string;
  readonly uploadId: string;
  readonly by: 'approval' | 'person';
  /** Name of the person, where it is known. */
  readonly requestedBy?: string;
  /** The person goes back to what was live before. */
  readonly stepsBack?: true;
  /** `calling`: a worker may be calling until `leaseUntil`; after that its answer is lost. */
  readonly state: 'requested' | 'calling' | 'released' | 'failed';
  readonly requestedAt: number;
  readonly attempts: number;
  readonly reservation?: SlotReservation;
  readonly leaseUntil?: number;
  readonly endedAt?: number;
  readonly detail?: string;
  readonly failure?: ReleaseFailure;
  /** How it failed, where people are still to be notified of it. */
  readonly pendingNotification?: ReleaseFailure;
}

/**
 * - `refused`: by Streampixel or the settings
 * - `unknown`: the answer is lost
 * - `superseded`: nothing was sent, because a newer build of the project has gone live
 */
export type ReleaseFailure = 'refused' | 'unknown' | 'superseded';

/** One line of a build's history, for people. */
export interface HistoryLine {
  /** ms since the epoch. */
  readonly at: number;
  readonly state: BuildState;
  /** Slot, failure, upload id: redacted. */
  readonly note?: string;
}

/** What the ledger knows of one build. It changes only by the functions of `submission-transitions` and `following-transitions`. */
export interface LedgerEntry extends AtStreampixel {
  readonly id: string;
  readonly build: Build;
  readonly state: BuildState;
  readonly userId?: string;
  readonly projectId?: string;
  readonly route?: string;
  /** Where the key was that it was submitted with. */
  readonly apiKeyParameter?: string;
  /** Digest of what is in the zip, once it has been read. */
  readonly content?: string;
  /** What is in the zip, and what Streampixel may reject it for; absent where it was not judged. */
  readonly package?: PackageFacts;
  readonly warnings?: readonly PackageWarning[];
  readonly labels?: Labels;
  /** A person wants it submitted whatever the check of the package says. */
  readonly isUnchecked?: boolean;
  readonly reservation?: SlotReservation;
  /** Attempts that failed since the build was dropped or redriven. Waiting is not an attempt. */
  readonly attempts: number;
  /** Until then the worker that is submitting may still be running; ms since the epoch. */
  readonly leaseUntil?: number;
  readonly uploadId?: string;
  readonly possiblyDoubled: boolean;
  readonly lastFailure?: Failure;
  readonly skipCause?: SkipCause;
  readonly reason?: Reason;
  /** When a person discarded its dead letters, in ms since the epoch. Whatever happens to the build after that takes it away. */
  readonly discardedAt?: number;
  /** Names the dead letter: its redrive carries the same id, a late duplicate of the event does not. */
  readonly deadLetterId?: string;
  /** Names the last request to submit it again: a late duplicate of the request carries the same id. */
  readonly submitAgainId?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly history: readonly HistoryLine[];
  /** Raised by each save, so that two workers can't overwrite each other's changes. 0: never saved. */
  readonly revision: number;
}

/** Lines kept per build: enough for every attempt of one that fails, and limited for one that waits for weeks. */
const HISTORY_LIMIT = 30;

type Change = Partial<Omit<LedgerEntry, 'id' | 'build' | 'createdAt' | 'history' | 'revision'>> & { state: BuildState };

/** The entry in its next state, with a line in its history. */
export function withChange(
  { discardedAt: _, ...entry }: LedgerEntry,
  now: number,
  change: Change,
  note?: string,
): LedgerEntry {
  const line: HistoryLine = { at: now, state: change.state, ...present({ note }) };
  return { ...entry, ...change, updatedAt: now, history: [...entry.history, line].slice(-HISTORY_LIMIT) };
}
