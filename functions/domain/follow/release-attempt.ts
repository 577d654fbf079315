import { RELEASE_PATIENCE_MS, releaseChanged } from '../model/following-transitions.ts';
import type { LedgerEntry, Release, ReleaseFailure } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import type { Disposition } from '../model/outcome.ts';
import { redact } from '../model/redaction.ts';
import { iso } from '../model/time.ts';
import { alertContext, logFields, subjectOf } from '../notify/build-context.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import { retryDelay } from '../pacing/retry-delay.ts';
import type { ApiKey } from '../ports.ts';
import { tagObject } from './tag-object.ts';
import { updateWithRetry } from './update-with-retry.ts';
import { type FollowVisit, retryNotification } from './visit.ts';

/**
 * After so many receives a message that only waits (429, or 503 with a time to come back) is sent as a new one, or SQS would dead-letter
 * it for waiting.
 */
const RECEIVES_OF_A_MESSAGE = 50;

/** One visit of one request to release an upload, with the request as this worker knows it. */
export interface ReleaseAttempt extends FollowVisit {
  readonly entry: LedgerEntry;
  readonly release: Release;
  /** Once it has been read; redacted from everything that is written down. */
  readonly key?: ApiKey;
}

type ReleasePatch = { readonly [Field in keyof Release]?: Release[Field] | undefined } & Pick<Release, 'state'>;

/**
 * Records the state of the request, on top of the news that arrived meanwhile. Not where another worker has changed the request
 * since this one read it: a request in flight could become one that waits, and would be sent twice.
 */
export async function recordRelease(
  attempt: ReleaseAttempt,
  patch: ReleasePatch,
  note: string,
): Promise<ReleaseAttempt> {
  const { entry, ports, release } = attempt;
  const next = present({ ...release, ...patch }) as Release;
  const stored = await updateWithRetry(entry.id, ports.ledger, (latest) =>
    isHeld(latest, release) ? releaseChanged(latest, next, ports.clock.now(), note) : undefined,
  );
  return { ...attempt, entry: stored ?? entry, release: next };
}

/** Whether the stored request is still as this worker read it. */
function isHeld({ release: stored }: LedgerEntry, { leaseUntil, requestId, state }: Release): boolean {
  return stored?.requestId === requestId && stored.state === state && stored.leaseUntil === leaseUntil;
}

/** The slot is later than the function can wait. */
export async function sleepUntil(
  attempt: ReleaseAttempt,
  reservation: Release['reservation'],
  until: number,
): Promise<Disposition> {
  const note = `slot for its release at ${iso(until)}`;
  await recordRelease(attempt, { reservation, state: 'requested' }, note);
  return { kind: 'hidden', until };
}

/** The rate limit has blocked the request: it costs no attempt. */
export async function waitOn({ delivery, entry, ports, release }: ReleaseAttempt, until: number): Promise<Disposition> {
  if (delivery.receiveCount < RECEIVES_OF_A_MESSAGE) return { kind: 'hidden', until };
  const { by, requestedAt, requestedBy, requestId, stepsBack, uploadId } = release;
  const request = { uploadId, requestId, by, requestedAt, ...present({ requestedBy, stepsBack }) };
  await ports.followQueue.send({ kind: 'release', build: entry.id, ...request });
  return { kind: 'done' };
}

/** The request gives up its slot, so that others can use the lane meanwhile. */
export async function tryReleaseLater(attempt: ReleaseAttempt, detail: string): Promise<Disposition> {
  const { entry, ports, release, settings } = attempt;
  const { clock, log, random } = ports;
  if (clock.now() - release.requestedAt > RELEASE_PATIENCE_MS) return failRelease(attempt, detail, 'refused');
  const redacted = redactKey(detail, attempt);
  log.info('release-postponed', { ...logFields(entry), detail: redacted });
  const attempts = release.attempts + 1;
  await recordRelease(attempt, { state: 'requested', attempts, reservation: undefined }, redacted);
  return { kind: 'hidden', until: clock.now() + retryDelay(attempts, settings.intervalMs, random) };
}

export async function failRelease(attempt: ReleaseAttempt, detail: string, how: ReleaseFailure): Promise<Disposition> {
  const { entry, ports, release } = attempt;
  const redacted = redactKey(detail, attempt);
  ports.metrics.put('BuildsFollowed', 1, { Outcome: 'release-failed' });
  const facts = { uploadId: release.uploadId, detail: redacted, isUnknown: how === 'unknown' };
  ports.log.warn('release-failed', { ...logFields(entry), ...facts });
  return notifyReleaseFailed(attempt, redacted, how);
}

/** Notifies before it records: a crash in between then causes a second alert, not a missing one. */
export async function notifyReleaseFailed(
  attempt: ReleaseAttempt,
  detail: string,
  how: ReleaseFailure,
): Promise<Disposition> {
  const { entry, ports, release } = attempt;
  const context = { ...alertContext(entry), uploadId: release.uploadId, at: ports.clock.now() };
  const isUnknown = how === 'unknown';
  const isNotified = await sendAlert(ports, { kind: 'release-failed', ...context, detail, isUnknown });
  await giveUpRelease(attempt, detail, how, isNotified);
  return isNotified ? { kind: 'done' } : retryNotification(attempt);
}

/** @param isNotified whether people know of it */
export async function giveUpRelease(
  attempt: ReleaseAttempt,
  detail: string,
  failure: ReleaseFailure,
  isNotified = true,
): Promise<void> {
  const pendingNotification = isNotified ? undefined : failure;
  const { attempts, state } = attempt.release;
  const counted = state === 'failed' ? attempts : attempts + 1;
  await recordRelease(attempt, { state: 'failed', attempts: counted, detail, failure, pendingNotification }, detail);
}

export async function notifyReleased(attempt: ReleaseAttempt): Promise<void> {
  const { entry, ports, release } = attempt;
  const { by, uploadId } = release;
  ports.log.info('build-released', { ...logFields(entry), uploadId, by });
  ports.metrics.put('BuildsFollowed', 1, { Outcome: 'released' });
  const subject = subjectOf(entry);
  await emitEvent(ports, { name: 'Build Released', at: ports.clock.now(), subject, uploadId, by });
  // Not for the release of a former upload, nor for a build that was rejected meanwhile.
  if (entry.state === 'released' && entry.uploadId === uploadId) await tagObject(entry, 'released', attempt);
}

function redactKey(detail: string, { key }: ReleaseAttempt): string {
  return redact(detail, key && [key.secret]);
}
