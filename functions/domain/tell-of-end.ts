import {
  change,
  type FollowPorts,
  type FollowSettings,
  fieldsOf,
  placeOf,
  subjectOf,
  tagWith,
} from './followed-build.ts';
import type { Disposition } from './handle-message.ts';
import type { LedgerEntry } from './ledger.ts';
import { unreachable } from './outcome.ts';
import { alert, emit } from './telling.ts';

/** Whoever recorded an end may still be about to tell of it for so long, in ms. Less than it takes to be asked again. */
const TELLING_TAKES_MS = 30_000;

/**
 * From when on another worker tells of an end that is recorded and untold, in ms since the epoch: the one that recorded it must
 * have ended itself before it could.
 */
export function tellableFrom({ untold, updatedAt }: LedgerEntry): number | undefined {
  return untold === undefined ? undefined : updatedAt + TELLING_TAKES_MS;
}

/**
 * Tells of an end that is recorded and not told yet, and sees to the order that came of it.
 *
 * @returns whether whoever has to know does
 */
export async function tellOfEnd(entry: LedgerEntry, settings: FollowSettings, ports: FollowPorts): Promise<boolean> {
  const { clock, followQueue, log, metrics } = ports;
  const { objection = '', release, releaseMode = 'manual', untold } = entry;
  if (untold === undefined) return true;
  if (release?.state === 'ordered' && release.by === 'approval') {
    const { by, order, orderedAt, uploadId } = release;
    await followQueue.send({ kind: 'release', build: entry.id, uploadId, order, by, orderedAt });
  }
  const place = placeOf(entry);
  const { uploadId } = place;
  const about = { at: clock.now(), subject: subjectOf(entry), uploadId };
  switch (untold) {
    case 'approved': {
      const tookSeconds = secondsToApproval(entry, about.at);
      metrics.put('TimeToApproved', tookSeconds);
      log.info('build-approved', { ...fieldsOf(entry), releaseMode, tookSeconds });
      await emit(ports, { name: 'Build Approved', ...about, releaseMode, tookSeconds });
      break;
    }
    case 'rejected':
      if (!(await alert(ports, { kind: 'rejected', ...place, at: about.at, objection }))) return false;
      await emit(ports, { name: 'Build Rejected', ...about, objection });
      log.warn('build-rejected', { ...fieldsOf(entry), detail: objection });
      break;
    default:
      unreachable(untold);
  }
  metrics.put('BuildsFollowed', 1, { Outcome: untold });
  await tagWith(entry, untold, settings, ports);
  await change(entry.id, ports, (current) => {
    if (current.untold !== untold || current.uploadId !== uploadId) return undefined;
    const { untold: _, ...told } = current;
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

export function tellAgain({ clock }: FollowPorts): Disposition {
  return { kind: 'hidden', until: clock.now() + TELL_AGAIN_MS };
}
