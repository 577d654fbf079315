import type { LedgerEntry } from '../model/ledger-entry.ts';
import { reportedGoLives, withGoLives, withRejected, withUnmatched } from '../model/live.ts';
import type { WebhookNotice } from '../model/news.ts';
import type { FollowPorts } from './visit.ts';

/** Brings what is known of the project's viewers up to date with what webhooks have reported of a build. Safe to repeat. */
export async function noteReported(entry: LedgerEntry, { ledger }: Pick<FollowPorts, 'ledger'>): Promise<void> {
  const { projectId = '', state, uploadId = '' } = entry;
  const goLives = reportedGoLives(entry);
  if (state === 'rejected') await ledger.updateLive(projectId, (current) => withRejected(current, uploadId));
  else if (goLives.length > 0) await ledger.updateLive(projectId, (current) => withGoLives(current, goLives));
}

/** The same for an upload that is not the last one of any build: it was made by hand, or its build has been submitted again since. */
export async function noteUnmatched(notice: WebhookNotice, { ledger }: Pick<FollowPorts, 'ledger'>): Promise<void> {
  const { projectId, uploadId } = notice;
  if (uploadId === undefined) return;
  await ledger.updateLive(projectId, (current) => withUnmatched(current, uploadId, notice));
}
