import type { Build } from './build.ts';
import { buildId } from './build.ts';
import type { Failure } from './outcome.ts';
import type { Ticket } from './pacer.ts';
import type { Reason, SkipCause } from './reasons.ts';
import { type Route, routeId } from './route.ts';

/**
 * - `waiting`: has a slot or waits for its next try; nothing is under way at the vendor
 * - `submitting`: a worker holds it until `leaseUntil` and may be calling the vendor
 * - `unknown`: a call's answer was lost; it may have been accepted
 * - `submitted`, `skipped`, `dead-lettered`: its end here
 */
export type BuildState = 'waiting' | 'submitting' | 'unknown' | 'submitted' | 'skipped' | 'dead-lettered';

/** One line of a build's history, for people. */
export interface HistoryLine {
  /** ms since the epoch. */
  readonly at: number;
  readonly state: BuildState;
  /** Slot, failure, upload id: redacted. */
  readonly note?: string;
}

/** What the ledger knows of one build. Values only change through the functions below. */
export interface LedgerEntry {
  readonly id: string;
  readonly build: Build;
  readonly state: BuildState;
  readonly userId?: string;
  readonly projectId?: string;
  readonly route?: string;
  readonly ticket?: Ticket;
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

export type Saved = { readonly kind: 'saved'; readonly entry: LedgerEntry } | { readonly kind: 'conflict' };

export interface Page {
  readonly entries: readonly LedgerEntry[];
  /** Pass it back to get the next page; absent on the last. */
  readonly next?: string;
}

/** Port: every method throws `LedgerUnavailable` where the table does not answer. */
export interface Ledger {
  find(id: string): Promise<LedgerEntry | undefined>;
  /** The build, and whether the key it needs is known to be refused, in one call. */
  findWithKey(
    id: string,
    apiKeyParameter: string,
  ): Promise<{ readonly entry: LedgerEntry | undefined; readonly refusedKey: RefusedKey | undefined }>;
  /** Stores the entry if nobody else has since it was read (`entry.revision`); the saved entry carries the new revision. */
  save(entry: LedgerEntry): Promise<Saved>;
  findByUploadId(uploadId: string): Promise<LedgerEntry | undefined>;
  /** Builds in a state, newest change first. */
  list(state: BuildState, options?: { readonly limit?: number; readonly from?: string }): Promise<Page>;
  /** Remembers the build as its route's newest, unless a newer one is known; answers the newest. */
  announce(route: string, build: Build): Promise<NewestBuild>;
  newestOf(route: string): Promise<NewestBuild | undefined>;
  /**
   * Remembers that the vendor refused this version of the parameter.
   * @returns whether this was the first word of it: one cause is one alert
   */
  refuseKey(apiKeyParameter: string, key: RefusedKey): Promise<'first' | 'known'>;
  /**
   * The vendor takes this version after all: it is a new value of a parameter that was deleted and made again, and started
   * over at version 1. A refusal of another version stays, for the workers that still have that one cached.
   */
  forgetRefusedKey(apiKeyParameter: string, version: number): Promise<void>;
  /** How many builds of a user wait in line. What was saved in the last second or so may be missing. */
  countWaiting(userId: string): Promise<number>;
}

/** A version of an API key parameter that the vendor refused. */
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

/** Lines kept per build: enough for every attempt of a build that fails to its end, and bounded for one that hops for weeks. */
const HISTORY_LIMIT = 30;

type Change = Partial<Omit<LedgerEntry, 'id' | 'build' | 'createdAt' | 'history' | 'revision'>> & { state: BuildState };

function changed(entry: LedgerEntry, now: number, change: Change, note?: string): LedgerEntry {
  const line: HistoryLine =
    note === undefined ? { at: now, state: change.state } : { at: now, state: change.state, note };
  return { ...entry, ...change, updatedAt: now, history: [...entry.history, line].slice(-HISTORY_LIMIT) };
}

/** A build the ledger has not seen; not saved yet. */
export function opened(build: Build, now: number): LedgerEntry {
  return {
    id: buildId(build),
    build,
    state: 'waiting',
    attempts: 0,
    possiblyDoubled: false,
    createdAt: now,
    updatedAt: now,
    history: [],
    revision: 0,
  };
}

/** A lost answer stays lost while the build waits to be sent again: only the vendor's word can settle it. */
function idleState(entry: LedgerEntry): 'waiting' | 'unknown' {
  return entry.possiblyDoubled ? 'unknown' : 'waiting';
}

/** A dead letter was redriven: an explicit "try again" with a clean count. */
export function reopened({ deadLetterId, reason, ticket, ...entry }: LedgerEntry, now: number): LedgerEntry {
  return changed(entry, now, { state: idleState(entry), attempts: 0 }, `redriven after ${reason ?? 'dead-lettering'}`);
}

/** A person asked for it to be submitted although it had come to its end: a clean start, and what was before stays in the history. */
export function submittedAgain(
  { deadLetterId, reason, skipCause, ticket, ...entry }: LedgerEntry,
  now: number,
  submitAgainId: string,
): LedgerEntry {
  return changed(entry, now, { state: idleState(entry), attempts: 0, submitAgainId }, 'asked for again');
}

export function routed(entry: LedgerEntry, route: Route): LedgerEntry {
  return { ...entry, userId: route.userId, projectId: route.projectId, route: routeId(route) };
}

/** It sleeps until its slot (or until the next try, without one). */
export function waiting(
  { ticket: _, leaseUntil, ...entry }: LedgerEntry,
  now: number,
  note: string,
  ticket?: Ticket,
): LedgerEntry {
  return changed(ticket === undefined ? entry : { ...entry, ticket }, now, { state: idleState(entry) }, note);
}

/** Written before the call, so that a crash from here on is known to be ambiguous. */
export function submitting(entry: LedgerEntry, now: number, leaseUntil: number): LedgerEntry {
  return changed(entry, now, { state: 'submitting', leaseUntil });
}

export function submitted({ ticket, leaseUntil, ...entry }: LedgerEntry, now: number, uploadId: string): LedgerEntry {
  return changed(entry, now, { state: 'submitted', uploadId }, `upload id ${uploadId}`);
}

/** A try failed and nothing was accepted. */
export function failed({ ticket, leaseUntil, ...entry }: LedgerEntry, now: number, failure: Failure): LedgerEntry {
  return changed(
    entry,
    now,
    { state: idleState(entry), attempts: entry.attempts + 1, lastFailure: failure },
    noteOf(failure),
  );
}

/** A try's answer was lost: what is submitted after it may be a second copy. */
export function answerLost({ ticket, leaseUntil, ...entry }: LedgerEntry, now: number, failure: Failure): LedgerEntry {
  return changed(
    entry,
    now,
    { state: 'unknown', attempts: entry.attempts + 1, lastFailure: failure, possiblyDoubled: true },
    noteOf(failure),
  );
}

export function skipped({ ticket, leaseUntil, ...entry }: LedgerEntry, now: number, cause: SkipCause): LedgerEntry {
  return changed(entry, now, { state: 'skipped', skipCause: cause }, cause);
}

export function deadLettered(
  { ticket, leaseUntil, ...entry }: LedgerEntry,
  now: number,
  failure: Failure & { readonly code: Reason },
  deadLetterId: string,
): LedgerEntry {
  return changed(
    entry,
    now,
    { state: 'dead-lettered', reason: failure.code, lastFailure: failure, deadLetterId },
    noteOf(failure),
  );
}

function noteOf(failure: Failure): string {
  return `${failure.code}${failure.status === undefined ? '' : ` (HTTP ${failure.status})`}: ${failure.detail}`;
}
