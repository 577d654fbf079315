import { type Build, buildId } from './build.ts';
import type { SlotReservation } from './lane.ts';
import { type LedgerEntry, withChange } from './ledger-entry.ts';
import { present } from './optional-fields.ts';
import type { Failure } from './outcome.ts';
import type { Reason, SkipCause } from './reasons.ts';
import { type Route, releaseMode, routeId } from './route.ts';

/** How many upload ids of earlier submissions are kept: a person goes back by a few at most. */
const FORMER_LIMIT = 10;

/**
 * The entry of a build that the ledger does not know yet.
 *
 * @param requestedBy name of the person who submitted it by hand
 */
export function opened(build: Build, now: number, requestedBy?: string): LedgerEntry {
  return {
    id: buildId(build),
    build,
    state: 'waiting',
    attempts: 0,
    possiblyDoubled: false,
    createdAt: now,
    updatedAt: now,
    history: requestedBy === undefined ? [] : [{ at: now, state: 'waiting', note: `submitted by ${requestedBy}` }],
    revision: 0,
  };
}

/** A lost answer stays lost while the build waits to be sent again: only news from Streampixel can settle it. */
function idleState(entry: LedgerEntry): 'waiting' | 'unknown' {
  return entry.possiblyDoubled ? 'unknown' : 'waiting';
}

/** Its dead letter was redriven: a request to try again, so the attempts start at zero. */
export function reopened(
  { deadLetterId, reason, reservation, ...entry }: LedgerEntry,
  now: number,
  requestedBy?: string,
): LedgerEntry {
  const note = `redriven after ${reason ?? 'dead-lettering'}${requestedBy === undefined ? '' : ` by ${requestedBy}`}`;
  return withChange(entry, now, { state: idleState(entry), attempts: 0 }, note);
}

/** A person has requested to submit it although it is finished: it starts over, and its history stays. */
export function submittedAgain(
  { deadLetterId, reason, skipCause, reservation, isUnchecked, ...entry }: LedgerEntry,
  now: number,
  submitAgainId: string,
  requestedBy = 'request',
): LedgerEntry {
  // News is of the earlier upload. The ids of release requests stay: a late duplicate of one is not a new request.
  const { uploadId, formerUploadIds = [], releaseRequests, ...rest } = entry;
  const {
    submittedAt,
    news,
    lastNewsAt,
    objection,
    lateAt,
    stuckAt,
    fileUrlEndedAt,
    pendingNotification,
    release,
    ...fresh
  } = rest;
  const former = uploadId === undefined ? formerUploadIds : [...formerUploadIds, uploadId].slice(-FORMER_LIMIT);
  const kept = present({ formerUploadIds: former.length === 0 ? undefined : former, releaseRequests });
  const change = { state: idleState(entry), attempts: 0, submitAgainId };
  return withChange({ ...fresh, ...kept }, now, change, `submitted again by ${requestedBy}`);
}

/**
 * Its content is older than what viewers have, or may be: Streampixel gets it, and a person releases it.
 *
 * @param why for its history
 */
export function heldBack(entry: LedgerEntry, now: number, why: string): LedgerEntry {
  return withChange({ ...entry, releaseMode: 'manual' }, now, { state: entry.state }, `${why}: a person releases it`);
}

export function routed({ reservation, ...entry }: LedgerEntry, route: Route): LedgerEntry {
  const { apiKeyParameter, projectId, userId } = route;
  // A slot is one of its user's lane: where the route has another user now, the build needs another slot.
  const kept = entry.userId === userId ? reservation : undefined;
  const names = { userId, projectId, apiKeyParameter, route: routeId(route), releaseMode: releaseMode(route) };
  return { ...entry, ...present({ reservation: kept }), ...names };
}

/** It sleeps until its slot, or without one until its next attempt. */
export function waiting(
  { reservation: _, leaseUntil, ...entry }: LedgerEntry,
  now: number,
  note: string,
  reservation?: SlotReservation,
): LedgerEntry {
  return withChange({ ...entry, ...present({ reservation }) }, now, { state: idleState(entry) }, note);
}

/** Saved before the call, so that after a crash it is known that the build may have been accepted. */
export function submitting(entry: LedgerEntry, now: number, leaseUntil: number): LedgerEntry {
  return withChange(entry, now, { state: 'submitting', leaseUntil });
}

export function submitted(
  { reservation, leaseUntil, ...entry }: LedgerEntry,
  now: number,
  uploadId: string,
): LedgerEntry {
  return withChange(entry, now, { state: 'submitted', uploadId, submittedAt: now }, `upload id ${uploadId}`);
}

/** An attempt failed, and nothing was accepted. */
export function failed({ reservation, leaseUntil, ...entry }: LedgerEntry, now: number, failure: Failure): LedgerEntry {
  return withChange(
    entry,
    now,
    { state: idleState(entry), attempts: entry.attempts + 1, lastFailure: failure },
    noteOf(failure),
  );
}

/** The answer to an attempt was lost: what is submitted after it may be a second copy. */
export function answerLost(
  { reservation, leaseUntil, ...entry }: LedgerEntry,
  now: number,
  failure: Failure,
): LedgerEntry {
  return withChange(
    entry,
    now,
    { state: 'unknown', attempts: entry.attempts + 1, lastFailure: failure, possiblyDoubled: true },
    noteOf(failure),
  );
}

export function skipped(
  { reservation, leaseUntil, ...entry }: LedgerEntry,
  now: number,
  cause: SkipCause,
): LedgerEntry {
  return withChange(entry, now, { state: 'skipped', skipCause: cause }, cause);
}

export function deadLettered(
  { reservation, leaseUntil, ...entry }: LedgerEntry,
  now: number,
  failure: Failure & { readonly code: Reason },
  deadLetterId: string,
): LedgerEntry {
  return withChange(
    entry,
    now,
    { state: 'dead-lettered', reason: failure.code, lastFailure: failure, deadLetterId },
    noteOf(failure),
  );
}

/**
 * A person has discarded its dead letters: nothing is left of it in a queue.
 *
 * @param by the person's name
 */
export function discarded({ reservation, ...entry }: LedgerEntry, now: number, by = 'a person'): LedgerEntry {
  return withChange(entry, now, { state: entry.state, discardedAt: now }, `discarded by ${by}`);
}

function noteOf(failure: Failure): string {
  return `${failure.code}${failure.status === undefined ? '' : ` (HTTP ${failure.status})`}: ${failure.detail}`;
}
