import type { LedgerEntry } from '../model/ledger-entry.ts';
import { type Disposition, unreachable } from '../model/outcome.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import {
  alertContext,
  eventSubject,
  type FollowPorts,
  type FollowSettings,
  logFields,
  tagWith,
  updateWithRetry,
} from './followed-build.ts';

/** Whoever recorded an end may still be about to tell of it for so long, in ms. Less than it takes to be asked again. */
const TELLING_TAKES_MS = 30_000;

/**
 * From when on another worker tells of an end that is recorded and pendingNotification, in ms since the epoch: the one that recorded it must
 * have ended itself before it could.
 */
export function notifiableFrom({ pendingNotification, updatedAt }: LedgerEntry): number | undefined {
  return pendingNotification === undefined ? undefined : updatedAt + TELLING_TAKES_MS;
}

/**
 * Tells of an end that is recorded and not told yet, and sees to the order that came of it.
 *
 * @returns whether whoever has to know does
 */
export async function notifyOutcome(
  entry: LedgerEntry,
  settings: FollowSettings,
  ports: FollowPorts,
): Promise<boolean> {
  const { clock, followQueue, log, metrics } = ports;
  const { objection = '', release, releaseMode = 'manual', pendingNotification } = entry;
  if (pendingNotification === undefined) return true;
  if (release?.state === 'requested' && release.by === 'approval') {
    const { by, requestId, requestedAt, uploadId } = release;
    await followQueue.send({ kind: 'release', build: entry.id, uploadId, requestId, by, requestedAt });
  }
  const place = alertContext(entry);
  const { uploadId } = place;
  const about = { at: clock.now(), subject: eventSubject(entry), uploadId };
  switch (pendingNotification) {
    case 'approved': {
      const tookSeconds = secondsToApproval(entry, about.at);
      metrics.put('TimeToApproved', tookSeconds);
      log.info('build-approved', { ...logFields(entry), releaseMode, tookSeconds });
      await emitEvent(ports, { name: 'Build Approved', ...about, releaseMode, tookSeconds });
      break;
    }
    case 'rejected':
      if (!(await sendAlert(ports, { kind: 'rejected', ...place, at: about.at, objection }))) return false;
      await emitEvent(ports, { name: 'Build Rejected', ...about, objection });
      log.warn('build-rejected', { ...logFields(entry), detail: objection });
      break;
    default:
      unreachable(pendingNotification);
  }
  metrics.put('BuildsFollowed', 1, { Outcome: pendingNotification });
  await tagWith(entry, pendingNotification, settings, ports);
  await updateWithRetry(entry.id, ports, (current) => {
    if (current.pendingNotification !== pendingNotification || current.uploadId !== uploadId) return undefined;
    const { pendingNotification: _, ...told } = current;
    return told;
  });
  return true;
}

/** By the vendor's clock where it gave a time; whoever comes late to the ledger makes no build slow. */
function secondsToApproval({ news = [], submittedAt }: LedgerEntry, now: number): number {
  const approvedAt = news.find(({ stage }) => stage === 'approved')?.at ?? now;
  return Math.max(0, Math.round((approvedAt - (submittedAt ?? approvedAt)) / 1000));
}

/** A person could not be told: SNS is asked again after this, in ms. */
const TELL_AGAIN_MS = 60_000;

export function retryNotification({ clock }: FollowPorts): Disposition {
  return { kind: 'hidden', until: clock.now() + TELL_AGAIN_MS };
}
