import { RELEASE_PATIENCE_MS, releaseChanged } from '../model/following-transitions.ts';
import type { LedgerEntry, Release, ReleaseFailure } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import type { Disposition } from '../model/outcome.ts';
import { redact } from '../model/redaction.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import { retryDelay } from '../pacing/retry-delay.ts';
import type { ApiKey } from '../ports.ts';
import {
  alertContext,
  eventSubject,
  type FollowDelivery,
  type FollowPorts,
  type FollowSettings,
  logFields,
  tagWith,
  updateWithRetry,
} from './followed-build.ts';
import { retryNotification } from './notify-outcome.ts';

/**
 * Receives after which a message that only waits (429, or 503 with a time to come back) goes on as a new one: waiting must not use
 * up the receives that SQS counts.
 */
const RECEIVES_OF_A_MESSAGE = 50;

/** One visit of one request to release an upload: the request as this worker knows it, and what its functions need beside it. */
export interface ReleaseAttempt {
  readonly entry: LedgerEntry;
  readonly release: Release;
  readonly delivery: FollowDelivery;
  readonly settings: FollowSettings;
  readonly ports: FollowPorts;
  /** Once it has been read; redacted from everything that is written down. */
  readonly key?: ApiKey;
}

type ReleasePatch = { readonly [Field in keyof Release]?: Release[Field] | undefined } & Pick<Release, 'state'>;

/**
 * Writes down how far the request is, on top of whatever Streampixel has said meanwhile. Not where another worker has gone on with
 * it: this one read it before, and would make a request that is being sent one that waits.
 */
export async function recordRelease(
  attempt: ReleaseAttempt,
  patch: ReleasePatch,
  note: string,
): Promise<ReleaseAttempt> {
  const { entry, ports, release } = attempt;
  const next = present({ ...release, ...patch }) as Release;
  const stored = await updateWithRetry(entry.id, ports, (latest) =>
    isHeld(latest, release) ? releaseChanged(latest, next, ports.clock.now(), note) : undefined,
  );
  return { ...attempt, entry: stored ?? entry, release: next };
}

/** The stored request is still the one that this worker read. */
function isHeld({ release: stored }: LedgerEntry, { leaseUntil, requestId, state }: Release): boolean {
  return stored?.requestId === requestId && stored.state === state && stored.leaseUntil === leaseUntil;
}

/** The slot is farther away than the function waits. */
export async function sleepUntil(
  attempt: ReleaseAttempt,
  reservation: Release['reservation'],
  until: number,
): Promise<Disposition> {
  const note = `slot for its release at ${new Date(until).toISOString()}`;
  await recordRelease(attempt, { reservation, state: 'requested' }, note);
  return { kind: 'hidden', until };
}

/** Streampixel has said when to come back: it costs no attempt. */
export async function waitOn({ delivery, entry, ports, release }: ReleaseAttempt, until: number): Promise<Disposition> {
  if (delivery.receiveCount < RECEIVES_OF_A_MESSAGE) return { kind: 'hidden', until };
  const { by, requestedAt, requestId, uploadId } = release;
  await ports.followQueue.send({ kind: 'release', build: entry.id, uploadId, requestId, by, requestedAt });
  return { kind: 'done' };
}

/** Without the reservation: others use the lane meanwhile. */
export async function tryReleaseLater(attempt: ReleaseAttempt, detail: string): Promise<Disposition> {
  const { entry, ports, release, settings } = attempt;
  const { clock, log, random } = ports;
  if (clock.now() - release.requestedAt > RELEASE_PATIENCE_MS) return failRelease(attempt, detail, 'refused');
  const words = safe(detail, attempt);
  log.info('release-postponed', { ...logFields(entry), detail: words });
  const attempts = release.attempts + 1;
  await recordRelease(attempt, { state: 'requested', attempts, reservation: undefined }, words);
  return { kind: 'hidden', until: clock.now() + retryDelay(attempts, settings.intervalMs, random) };
}

export async function failRelease(attempt: ReleaseAttempt, detail: string, how: ReleaseFailure): Promise<Disposition> {
  const { entry, ports, release } = attempt;
  const words = safe(detail, attempt);
  ports.metrics.put('BuildsFollowed', 1, { Outcome: 'release-failed' });
  const facts = { uploadId: release.uploadId, detail: words, isUnknown: how === 'unknown' };
  ports.log.warn('release-failed', { ...logFields(entry), ...facts });
  return notifyReleaseFailed(attempt, words, how);
}

/** Notifies first and records then: a crash between the two notifies twice, the other order never. */
export async function notifyReleaseFailed(
  attempt: ReleaseAttempt,
  detail: string,
  how: ReleaseFailure,
): Promise<Disposition> {
  const { entry, ports, release } = attempt;
  const context = { ...alertContext(entry), uploadId: release.uploadId, at: ports.clock.now() };
  const isNotified = await sendAlert(ports, {
    kind: 'release-failed',
    ...context,
    detail,
    isUnknown: how === 'unknown',
  });
  await giveUpRelease(attempt, detail, isNotified ? undefined : how);
  return isNotified ? { kind: 'done' } : retryNotification(ports);
}

/** @param pendingNotification how it failed, where people are still to be notified of it */
export async function giveUpRelease(
  attempt: ReleaseAttempt,
  detail: string,
  pendingNotification?: ReleaseFailure,
): Promise<void> {
  const { attempts, state } = attempt.release;
  const counted = state === 'failed' ? attempts : attempts + 1;
  await recordRelease(attempt, { state: 'failed', attempts: counted, detail, pendingNotification }, detail);
}

export async function notifyReleased({ entry, ports, release, settings }: ReleaseAttempt): Promise<void> {
  const { by, uploadId } = release;
  ports.log.info('build-released', { ...logFields(entry), uploadId, by });
  ports.metrics.put('BuildsFollowed', 1, { Outcome: 'released' });
  const subject = eventSubject(entry);
  await emitEvent(ports, { name: 'Build Released', at: ports.clock.now(), subject, uploadId, by });
  // Going back to a former upload says nothing of this build, and a rejection stays one.
  if (entry.state === 'released' && entry.uploadId === uploadId) await tagWith(entry, 'released', settings, ports);
}

function safe(detail: string, { key }: ReleaseAttempt): string {
  return redact(detail, key && [key.secret]);
}
