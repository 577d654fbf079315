import type { Build } from './build.ts';
import { buildId } from './build.ts';
import type { Failure } from './outcome.ts';
import type { Ticket } from './pacer.ts';
import type { Reason, SkipCause } from './reasons.ts';
import { type ReleaseMode, type Route, releaseMode, routeId } from './route.ts';

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
  readonly untold?: 'approved' | 'rejected';
  readonly release?: Release;
  /** Orders to release it that have been taken, newest last: a late duplicate of one is not another. */
  readonly releaseOrders?: readonly string[];
  /** Upload ids of submissions before this one. */
  readonly formerUploadIds?: readonly string[];
}

/** Stages of an upload at the vendor, in their order. */
export const STAGES = [
  'uploaded',
  'downloading',
  'extracting',
  'saving',
  'distributing',
  'approved',
  'rejected',
] as const;
export type Stage = (typeof STAGES)[number];

/** What the vendor has told of one stage. Its own timestamps, in ms since the epoch. */
export interface News {
  readonly stage: Stage;
  /** Of the first time. */
  readonly at: number;
  /** Of the last time, where it told more than once. */
  readonly lastAt?: number;
}

/** An order to distribute an upload. */
export interface Release {
  readonly order: string;
  readonly uploadId: string;
  readonly by: 'approval' | 'person';
  /** `calling`: a worker may be on the phone until `leaseUntil`; after that nobody knows what the vendor answered. */
  readonly state: 'ordered' | 'calling' | 'released' | 'failed';
  readonly orderedAt: number;
  readonly attempts: number;
  readonly ticket?: Ticket;
  readonly leaseUntil?: number;
  readonly endedAt?: number;
  readonly detail?: string;
  /** How it failed, where nobody could be told yet. */
  readonly untold?: ReleaseFailure;
}

/** Whether the vendor (or the settings) said no, or nobody knows what it said. */
export type ReleaseFailure = 'refused' | 'unknown';

/** What is known of a project's webhook. All times in ms since the epoch. */
export interface WebhookRecord {
  /** When the dashboard's test arrived last. */
  readonly testedAt?: number;
  /** When it last told of a build. */
  readonly heardAt?: number;
  /** When it last came to the address before the last change. */
  readonly formerAt?: number;
  /** When somebody was told that it has never spoken. */
  readonly silenceToldAt?: number;
}

/** Whether the project's webhook has ever spoken: a test from the dashboard counts as much as a word on a build. */
export function hasSpoken({ heardAt, testedAt }: WebhookRecord): boolean {
  return heardAt !== undefined || testedAt !== undefined;
}

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
  /** What is known of a project's webhook; empty where it never spoke. */
  webhookOf(projectId: string): Promise<WebhookRecord>;
  /** Remembers one moment of a project's webhook; the others stay. Later writes win. */
  noteWebhook(projectId: string, what: keyof WebhookRecord, at: number): Promise<void>;
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

/** Upload ids kept of earlier submissions: whoever goes back, goes back a few. */
const FORMER_LIMIT = 10;

type Change = Partial<Omit<LedgerEntry, 'id' | 'build' | 'createdAt' | 'history' | 'revision'>> & { state: BuildState };

export function changed(entry: LedgerEntry, now: number, change: Change, note?: string): LedgerEntry {
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
  // What the vendor has said was of the upload before. Orders stay: a late duplicate of one is no new wish.
  const { uploadId, formerUploadIds = [], releaseOrders = [], ...rest } = entry;
  const { submittedAt, news, lastNewsAt, objection, lateAt, stuckAt, untold, release, ...fresh } = rest;
  const former = uploadId === undefined ? formerUploadIds : [...formerUploadIds, uploadId].slice(-FORMER_LIMIT);
  const kept = {
    ...(former.length === 0 ? {} : { formerUploadIds: former }),
    ...(releaseOrders.length === 0 ? {} : { releaseOrders }),
  };
  const change = { state: idleState(entry), attempts: 0, submitAgainId };
  return changed({ ...fresh, ...kept }, now, change, 'asked for again');
}

export function routed(entry: LedgerEntry, route: Route): LedgerEntry {
  const { projectId, userId } = route;
  return { ...entry, userId, projectId, route: routeId(route), releaseMode: releaseMode(route) };
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
  return changed(entry, now, { state: 'submitted', uploadId, submittedAt: now }, `upload id ${uploadId}`);
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
