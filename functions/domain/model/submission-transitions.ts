import { type Build, buildId } from './build.ts';
import type { SlotReservation } from './lane.ts';
import { type LedgerEntry, withChange } from './ledger-entry.ts';
import type { Failure } from './outcome.ts';
import type { Reason, SkipCause } from './reasons.ts';
import { type Route, releaseMode, routeId } from './route.ts';

/** Upload ids kept of earlier submissions: whoever goes back, goes back a few. */
const FORMER_LIMIT = 10;

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
export function reopened({ deadLetterId, reason, reservation, ...entry }: LedgerEntry, now: number): LedgerEntry {
  return withChange(
    entry,
    now,
    { state: idleState(entry), attempts: 0 },
    `redriven after ${reason ?? 'dead-lettering'}`,
  );
}

/** A person asked for it to be submitted although it had come to its end: a clean start, and what was before stays in the history. */
export function submittedAgain(
  { deadLetterId, reason, skipCause, reservation, ...entry }: LedgerEntry,
  now: number,
  submitAgainId: string,
): LedgerEntry {
  // What the vendor has said was of the upload before. Orders stay: a late duplicate of one is no new wish.
  const { uploadId, formerUploadIds = [], releaseRequests = [], ...rest } = entry;
  const { submittedAt, news, lastNewsAt, objection, lateAt, stuckAt, pendingNotification, release, ...fresh } = rest;
  const former = uploadId === undefined ? formerUploadIds : [...formerUploadIds, uploadId].slice(-FORMER_LIMIT);
  const kept = {
    ...(former.length === 0 ? {} : { formerUploadIds: former }),
    ...(releaseRequests.length === 0 ? {} : { releaseRequests }),
  };
  const change = { state: idleState(entry), attempts: 0, submitAgainId };
  return withChange({ ...fresh, ...kept }, now, change, 'asked for again');
}

export function routed(entry: LedgerEntry, route: Route): LedgerEntry {
  const { projectId, userId } = route;
  return { ...entry, userId, projectId, route: routeId(route), releaseMode: releaseMode(route) };
}

/** It sleeps until its slot (or until the next try, without one). */
export function waiting(
  { reservation: _, leaseUntil, ...entry }: LedgerEntry,
  now: number,
  note: string,
  reservation?: SlotReservation,
): LedgerEntry {
  return withChange(
    reservation === undefined ? entry : { ...entry, reservation },
    now,
    { state: idleState(entry) },
    note,
  );
}

/** Written before the call, so that a crash from here on is known to be ambiguous. */
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

/** A try failed and nothing was accepted. */
export function failed({ reservation, leaseUntil, ...entry }: LedgerEntry, now: number, failure: Failure): LedgerEntry {
  return withChange(
    entry,
    now,
    { state: idleState(entry), attempts: entry.attempts + 1, lastFailure: failure },
    noteOf(failure),
  );
}

/** A try's answer was lost: what is submitted after it may be a second copy. */
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

function noteOf(failure: Failure): string {
  return `${failure.code}${failure.status === undefined ? '' : ` (HTTP ${failure.status})`}: ${failure.detail}`;
}
