import type { LedgerEntry } from '../model/ledger-entry.ts';
import { unreachable } from '../model/outcome.ts';
import { alertContext, logFields, subjectOf } from '../notify/build-context.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import { noteReported } from './note-live.ts';
import { tagObject } from './tag-object.ts';
import { updateWithRetry } from './update-with-retry.ts';
import type { FollowVisit } from './visit.ts';

/** How long the worker that recorded an outcome may take to notify of it, in ms. */
const NOTIFYING_TAKES_MS = 30_000;

/**
 * From when on another worker notifies of an outcome that is still pending, in ms since the epoch: the worker that recorded it has
 * crashed by then. `undefined` where none is pending.
 */
export function notifiableFrom({ pendingNotification, updatedAt }: LedgerEntry): number | undefined {
  return pendingNotification === undefined ? undefined : updatedAt + NOTIFYING_TAKES_MS;
}

/**
 * Notifies people and pipelines of an outcome that is recorded and still pending, and sends the release request that came of it.
 *
 * @returns `false` where people could not be notified
 */
export async function notifyOutcome(entry: LedgerEntry, visit: FollowVisit): Promise<boolean> {
  const { ports } = visit;
  const { clock, followQueue, ledger, log, metrics } = ports;
  const { objection = '', release, releaseMode = 'manual', pendingNotification } = entry;
  if (pendingNotification === undefined) return true;
  // Here too, because the outcome may have been found in Streampixel's list of the project.
  await noteReported(entry, ports);
  if (release?.state === 'requested' && release.by === 'approval') {
    const { by, requestId, requestedAt, uploadId } = release;
    await followQueue.send({ kind: 'release', build: entry.id, uploadId, requestId, by, requestedAt });
  }
  const context = alertContext(entry);
  const { uploadId } = context;
  const at = clock.now();
  const about = { at, subject: subjectOf(entry), uploadId };
  switch (pendingNotification) {
    case 'approved': {
      const tookSeconds = secondsToApproval(entry, at);
      metrics.put('TimeToApproved', tookSeconds);
      log.info('build-approved', { ...logFields(entry), releaseMode, tookSeconds });
      await emitEvent(ports, { name: 'Build Approved', ...about, releaseMode, tookSeconds });
      break;
    }
    case 'rejected':
      if (!(await sendAlert(ports, { kind: 'rejected', ...context, at, objection }))) return false;
      await emitEvent(ports, { name: 'Build Rejected', ...about, objection });
      log.warn('build-rejected', { ...logFields(entry), detail: objection });
      break;
    default:
      unreachable(pendingNotification);
  }
  metrics.put('BuildsFollowed', 1, { Outcome: pendingNotification });
  await tagObject(entry, pendingNotification, visit);
  await updateWithRetry(entry.id, ledger, (current) => {
    if (current.pendingNotification !== pendingNotification || current.uploadId !== uploadId) return undefined;
    const { pendingNotification: _, ...notified } = current;
    return notified;
  });
  return true;
}

/** By Streampixel's clock where it gave a time: a webhook that arrives late does not make the build slow. */
function secondsToApproval({ news, submittedAt }: LedgerEntry, now: number): number {
  const approvedAt = news?.find(({ stage }) => stage === 'approved')?.at ?? now;
  return Math.max(0, Math.round((approvedAt - (submittedAt ?? approvedAt)) / 1000));
}
