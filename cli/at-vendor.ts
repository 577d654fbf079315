import type { LedgerEntry } from '../functions/domain/model/ledger-entry.ts';
import { unreachable } from '../functions/domain/model/outcome.ts';
import type { Standing } from './standing.ts';

/** Whether somebody, or Streampixel, still has to do something about a build that is there. */
export function isListedAtVendor(standing: Standing): boolean {
  switch (standing) {
    case 'under-way':
    case 'stuck':
    case 'waits-for-person':
    case 'waits-for-release':
    case 'release-failed':
      return true;
    case 'in-line':
    case 'unheard':
    case 'live':
    case 'released':
    case 'rejected':
    case 'skipped':
    case 'dead-lettered':
      return false;
    default:
      return unreachable(standing);
  }
}

/**
 * Whether a newer build of the same project has come further than one that waits for a person: most builds that wait are never
 * released, and only the newest is worth anybody's eyes.
 */
export function isOvertaken(entry: LedgerEntry, standing: Standing, all: readonly LedgerEntry[]): boolean {
  if (!waitsForPerson(standing)) return false;
  return all.some(
    ({ projectId, state, submittedAt = 0 }) =>
      (state === 'approved' || state === 'released') &&
      projectId === entry.projectId &&
      submittedAt > (entry.submittedAt ?? 0),
  );
}

function waitsForPerson(standing: Standing): boolean {
  return standing === 'stuck' || standing === 'waits-for-person' || standing === 'release-failed';
}
