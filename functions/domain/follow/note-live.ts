import type { LedgerEntry } from '../model/ledger-entry.ts';
import { reportedGoLives, unmatchedGoLive, withGoLives, withRejected } from '../model/live.ts';
import type { WebhookNotice } from '../model/news.ts';
import type { FollowPorts } from './visit.ts';

/** Brings what is known of the project's viewers up to date with what webhooks have reported of a build. Safe to repeat. */
export async function noteReported(entry: LedgerEntry, { ledger }: Pick<FollowPorts, 'ledger'>): Promise<void> {
  const { projectId = '', state, uploadId = '' } = entry;
  const goLives = reportedGoLives(entry);
  if (state === 'rejected') await ledger.updateLive(projectId, (current) => withRejected(current, uploadId));
  else if (goLives.length > 0) await ledger.updateLive(projectId, (current) => withGoLives(current, goLives));
}

/**
 * As above for an upload that is not the last one of any build: it was made by hand, or its build has been submitted again since.
 * Of such an upload only its last webhook is known, and a distribution is one to viewers.
 */
export async function noteUnmatched(
  { at, projectId, stage, uploadId }: WebhookNotice,
  { ledger }: Pick<FollowPorts, 'ledger'>,
): Promise<void> {
  if (uploadId === undefined) return;
  if (stage === 'rejected') await ledger.updateLive(projectId, (current) => withRejected(current, uploadId));
  if (stage !== 'distributing') return;
  await ledger.updateLive(projectId, (current) => withGoLives(current, [unmatchedGoLive(current, uploadId, at)]));
}
