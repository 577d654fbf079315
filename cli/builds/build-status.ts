import type { BuildState, LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import type { LiveSpan } from '../../functions/domain/model/live.ts';
import type { ReleaseMode } from '../../functions/domain/model/route.ts';
import { hasSentWebhook, type WebhookRecord } from '../../functions/domain/model/webhook-record.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { readBuildLive } from './live.ts';

/**
 * Where a build is, for people: its state in the ledger together with how its route goes live, its last release request, and
 * whether webhooks about it arrive at all. What each status looks like is in `builds/status-display.ts`.
 *
 * - `waiting`: Streampixel does not have it yet
 * - `under-way`: Streampixel works on it; `stuck`: no webhook about it for too long
 * - `no-webhook-yet`: submitted, but Streampixel has never sent a webhook for its project, so what follows is unknown
 * - `live`: viewers get it; or it is approved, and Streampixel distributes it by itself: live within minutes
 * - `was-live`: viewers got it, and get another build now
 * - `waits-for-person`: approved and not released; `waits-for-release`: the release is, or will be, requested
 * - `superseded`: approved, and not released because a newer build of its project is live
 * - `discarded`: a person has deleted its dead letters, and nothing has happened to it since
 */
export type BuildStatus =
  | 'waiting'
  | 'under-way'
  | 'stuck'
  | 'no-webhook-yet'
  | 'live'
  | 'was-live'
  | 'waits-for-person'
  | 'waits-for-release'
  | 'release-failed'
  | 'superseded'
  | 'released'
  | 'rejected'
  | 'skipped'
  | 'dead-lettered'
  | 'discarded';

const STATUS_AFTER_APPROVAL = {
  automatic: 'live',
  manual: 'waits-for-person',
  'on-approval': 'waits-for-release',
} as const satisfies Readonly<Record<ReleaseMode, BuildStatus>>;

/** The states in the ledger of builds with a status, as {@link statusOf} has them. */
export const STATES_WITH = {
  waiting: ['waiting', 'submitting', 'unknown'],
  'under-way': ['submitted'],
  stuck: ['submitted'],
  'no-webhook-yet': ['submitted'],
  live: ['submitted', 'approved', 'released'],
  'was-live': ['approved', 'released'],
  'waits-for-person': ['approved'],
  'waits-for-release': ['approved', 'released'],
  'release-failed': ['approved', 'released'],
  superseded: ['approved'],
  released: ['approved', 'released'],
  rejected: ['rejected'],
  skipped: ['skipped'],
  'dead-lettered': ['dead-lettered'],
  discarded: ['dead-lettered', 'waiting', 'unknown'],
} as const satisfies Readonly<Record<BuildStatus, readonly BuildState[]>>;

/**
 * @param receivesWebhooks whether webhooks about the build arrive, or have arrived
 * @param live when the build's last upload was live, or since when it is
 */
export function statusOf(entry: LedgerEntry, receivesWebhooks: boolean, live?: LiveSpan): BuildStatus {
  if (entry.discardedAt !== undefined) return 'discarded';
  switch (entry.state) {
    case 'waiting':
    case 'submitting':
    case 'unknown':
      return 'waiting';
    case 'submitted':
      if (!receivesWebhooks) return 'no-webhook-yet';
      return entry.stuckAt === undefined ? 'under-way' : 'stuck';
    case 'approved':
    case 'released':
      return statusWithLive(statusOfApproved(entry), live);
    case 'rejected':
    case 'skipped':
    case 'dead-lettered':
      return entry.state;
  }
}

function statusOfApproved(entry: LedgerEntry): BuildStatus {
  switch (ownRelease(entry)?.state) {
    case 'requested':
    case 'calling':
      return 'waits-for-release';
    case 'failed':
      return ownRelease(entry)?.failure === 'superseded' ? 'superseded' : 'release-failed';
    case 'released':
      return 'released';
    case undefined:
      // Older entries have no release mode: only a person releases those.
      return entry.state === 'released' ? 'released' : STATUS_AFTER_APPROVAL[entry.releaseMode ?? 'manual'];
  }
}

/** What the ledger knows of the viewers counts for more than what was approved or released once. */
function statusWithLive(status: BuildStatus, live: LiveSpan | undefined): BuildStatus {
  if (live === undefined || status === 'waits-for-release') return status;
  if (live.until === undefined) return status === 'released' ? status : 'live';
  return status === 'release-failed' || status === 'superseded' ? status : 'was-live';
}

/** The last request to release this upload. One for an earlier upload does not count. */
export function ownRelease({ release, uploadId }: LedgerEntry): Release | undefined {
  return release?.uploadId === uploadId ? release : undefined;
}

/** Whether webhooks about a submitted build arrive, or have arrived. */
export function receivesWebhooks(record: WebhookRecord, { lastNewsAt, submittedAt = 0 }: LedgerEntry): boolean {
  if (lastNewsAt !== undefined) return true;
  // A webhook that was set up after the alert about its silence says nothing about the builds from before.
  const { silenceNotifiedAt = Number.NEGATIVE_INFINITY } = record;
  return hasSentWebhook(record) && submittedAt > silenceNotifiedAt;
}

/** The status, where the webhook's record has to be read for it, or what is live. */
export async function readStatus(
  ledger: Pick<Ledger, 'liveOf' | 'webhookOf'>,
  entry: LedgerEntry,
): Promise<BuildStatus> {
  const { lastNewsAt, projectId, state } = entry;
  if (state !== 'submitted' || lastNewsAt !== undefined) {
    return statusOf(entry, true, (await readBuildLive(ledger, entry)).own);
  }
  return statusOf(entry, projectId !== undefined && receivesWebhooks(await ledger.webhookOf(projectId), entry));
}
