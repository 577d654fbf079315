import type { LedgerEntry, Release } from '../functions/domain/model/ledger-entry.ts';
import { unreachable } from '../functions/domain/model/outcome.ts';
import type { ReleaseMode } from '../functions/domain/model/route.ts';
import { hasSentWebhook, type WebhookRecord } from '../functions/domain/model/webhook-record.ts';
import type { Ledger } from '../functions/domain/ports.ts';

/**
 * Where a build stands, for people: its state in the ledger, seen with how its route goes live, what became of the order to
 * release it, and whether anybody would hear of it at all.
 *
 * - `under-way`: Streampixel works on it; `stuck`: it has said nothing for too long
 * - `unheard`: it is there, and the project's webhook has not spoken: nobody will hear what becomes of it
 * - `live`: approved, and Streampixel distributes it by itself: live, or live within minutes
 * - `waits-for-person`: approved, and nobody has released it; `waits-for-release`: the order to is on its way
 */
export type Standing =
  | 'in-line'
  | 'under-way'
  | 'stuck'
  | 'unheard'
  | 'live'
  | 'waits-for-person'
  | 'waits-for-release'
  | 'release-failed'
  | 'released'
  | 'rejected'
  | 'skipped'
  | 'dead-lettered';

/** @param heard whether anybody hears, or has heard, what becomes of it at Streampixel */
export function standingOf(entry: LedgerEntry, heard: boolean): Standing {
  switch (entry.state) {
    case 'waiting':
    case 'submitting':
    case 'unknown':
      return 'in-line';
    case 'submitted':
      if (!heard) return 'unheard';
      return entry.stuckAt === undefined ? 'under-way' : 'stuck';
    case 'approved':
    case 'released':
      return standingOfApproved(entry);
    case 'rejected':
    case 'skipped':
    case 'dead-lettered':
      return entry.state;
    default:
      return unreachable(entry.state);
  }
}

function standingOfApproved(entry: LedgerEntry): Standing {
  const orderState = ownRelease(entry)?.state;
  switch (orderState) {
    case 'requested':
    case 'calling':
      return 'waits-for-release';
    case 'failed':
      return 'release-failed';
    case 'released':
      return 'released';
    case undefined:
      return entry.state === 'released' ? 'released' : standingByMode(modeOf(entry));
    default:
      return unreachable(orderState);
  }
}

function standingByMode(mode: ReleaseMode): Standing {
  switch (mode) {
    case 'automatic':
      return 'live';
    case 'manual':
      return 'waits-for-person';
    case 'on-approval':
      return 'waits-for-release';
  }
}

/** How the build goes live; where that was never written down, nobody but a person releases it. */
export function modeOf({ releaseMode = 'manual' }: LedgerEntry): ReleaseMode {
  return releaseMode;
}

/** The last order to release this very upload; one for an upload before it says nothing of this one. */
export function ownRelease({ release, uploadId }: LedgerEntry): Release | undefined {
  return release?.uploadId === uploadId ? release : undefined;
}

/** Whether nothing more is to be expected of the build by itself. */
export function isOver(standing: Standing): boolean {
  switch (standing) {
    case 'in-line':
    case 'under-way':
    case 'waits-for-release':
      return false;
    case 'stuck':
    case 'unheard':
    case 'live':
    case 'waits-for-person':
    case 'release-failed':
    case 'released':
    case 'rejected':
    case 'skipped':
    case 'dead-lettered':
      return true;
  }
}

/** Whether anybody hears, or has heard, what becomes of a submitted build. */
export function isHeardBy(record: WebhookRecord, { lastNewsAt, submittedAt = 0 }: LedgerEntry): boolean {
  if (lastNewsAt !== undefined) return true;
  // Somebody was told of the silence, and whatever has broken it since comes too late for builds of that time.
  const { silenceNotifiedAt = Number.NEGATIVE_INFINITY } = record;
  return hasSentWebhook(record) && submittedAt > silenceNotifiedAt;
}

/** The same, where the record of the webhook has to be asked for. Asks where it matters only. */
export async function isHeard(ledger: Pick<Ledger, 'webhookOf'>, entry: LedgerEntry): Promise<boolean> {
  const { lastNewsAt, projectId, state } = entry;
  if (state !== 'submitted' || lastNewsAt !== undefined) return true;
  return projectId !== undefined && isHeardBy(await ledger.webhookOf(projectId), entry);
}
