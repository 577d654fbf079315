import {
  acceptedAfterAll,
  calledAt,
  isAnswerLost,
  isAtStreampixel,
  isUrlOf,
  requestOfApproval,
  requestRelease,
  withNews,
} from '../model/following-transitions.ts';
import type { BuildState, LedgerEntry } from '../model/ledger-entry.ts';
import type { WebhookNotice } from '../model/news.ts';
import { present } from '../model/optional-fields.ts';
import type { Disposition } from '../model/outcome.ts';
import { logFields } from '../notify/build-context.ts';
import type { Ledger } from '../ports.ts';
import type { FollowMessage } from './follow-message.ts';
import { noteReported, noteUnmatched } from './note-live.ts';
import { notifiableFrom, notifyOutcome } from './notify-outcome.ts';
import { updateWithRetry } from './update-with-retry.ts';
import { type FollowPorts, type FollowVisit, retryNotification } from './visit.ts';

type WebhookMessage = Extract<FollowMessage, { kind: 'webhook' }>;

/**
 * A webhook may arrive before the answer with its upload id is recorded, and the index is behind by a second or so. So the build is
 * looked up again after these pauses, in ms. After the last one the upload is not one of ours.
 */
const LOOK_AGAIN_MS = [5_000, 30_000, 60_000];

/** Records what a webhook reports of a build, and notifies people and pipelines of an outcome. */
export async function applyWebhook(message: WebhookMessage, visit: FollowVisit): Promise<Disposition> {
  const { delivery, ports } = visit;
  const { clock, log } = ports;
  const { notice } = message;
  const build = await findBuild(message, visit);
  if (build === undefined) {
    const pause = LOOK_AGAIN_MS[delivery.receiveCount - 1];
    if (pause !== undefined) return { kind: 'hidden', until: clock.now() + pause };
    // Most likely of an upload by hand. It shows all the same that the webhook is set up.
    log.info('webhook-unmatched', { ...notice });
    if (isProjectOfRoute(notice.projectId, visit)) {
      await noteUnmatched(notice, ports);
      await noteWebhookReceived(notice.projectId, 'lastWebhookAt', message, ports);
    }
    return { kind: 'done' };
  }
  return ports.log.within({ build: build.id }, () => applyToBuild(build, message, visit));
}

async function applyToBuild(build: LedgerEntry, message: WebhookMessage, visit: FollowVisit): Promise<Disposition> {
  const { delivery, ports } = visit;
  const { clock, followQueue, ledger, log } = ports;
  const { notice, receivedAt } = message;
  const isRepeated = delivery.receiveCount > 1;
  // No message of a dead-lettered build is in the builds queue, so its watch is started here. It is sent before the record: after a
  // crash between the two the watch records the upload id.
  if (build.state === 'dead-lettered' && notice.uploadId !== undefined) {
    await followQueue.send({ kind: 'watch', build: build.id, uploadId: notice.uploadId });
  }
  let isNew = false;
  let isOutcome = false;
  const entry = await updateWithRetry(build.id, ledger, (current) => {
    const next = applyNotice(current, notice, receivedAt, clock.now());
    isNew = next !== undefined;
    isOutcome = next?.pendingNotification !== undefined && next.pendingNotification !== current.pendingNotification;
    return next;
  });
  if (entry === undefined) return { kind: 'done' };
  if (isNew) log.info('webhook-received', { ...logFields(entry), stage: notice.stage });
  // The worker before this one may have crashed before it could note the webhook or notify.
  if (isNew || isRepeated) {
    if (!isOutcome) await noteReported(entry, ports);
    await noteWebhookReceived(notice.projectId, 'lastWebhookAt', message, ports);
  }
  if (!isOutcome) {
    const from = isRepeated ? notifiableFrom(entry) : undefined;
    if (from === undefined) return { kind: 'done' };
    if (clock.now() < from) return { kind: 'hidden', until: from };
  }
  return (await notifyOutcome(entry, visit)) ? { kind: 'done' } : retryNotification(visit);
}

/** Any project is taken at the address, because builds of one that has left the settings may be under way: not all are of ours. */
export function isProjectOfRoute(projectId: string, { settings }: FollowVisit): boolean {
  return settings.routes.some((route) => route.projectId === projectId);
}

/**
 * Remembers that a project's webhook has arrived, and at which address: a person may end a change of the address only once every
 * dashboard uses the new one.
 */
export async function noteWebhookReceived(
  projectId: string,
  what: 'lastWebhookAt' | 'testedAt',
  { address, receivedAt }: { readonly address?: string; readonly receivedAt: number },
  { ledger }: FollowPorts,
): Promise<void> {
  await ledger.noteWebhook(projectId, what, receivedAt, address);
}

/** The build that a webhook is about. */
async function findBuild(
  { notice, receivedAt }: WebhookMessage,
  { delivery, ports, settings }: FollowVisit,
): Promise<LedgerEntry | undefined> {
  const { fileUrl, projectId, uploadId } = notice;
  const named = uploadId === undefined ? undefined : await ports.ledger.findByUploadId(uploadId);
  if (named !== undefined) return named.projectId === projectId ? named : undefined;
  const lost = fileUrl === undefined ? undefined : await findLostAnswer(projectId, fileUrl, ports);
  // A webhook about an earlier upload of the build says nothing of the answer that was lost.
  if (lost === undefined || (uploadId !== undefined && isFormerUpload(lost, uploadId))) return undefined;
  // The webhook may be about a newer version of the same key whose upload id is not in the index yet. Within an interval of the
  // lost call it is not: there is no other call for this user.
  const isOfThatCall = receivedAt - calledAt(lost) < settings.intervalMs;
  return isOfThatCall || delivery.receiveCount > 1 ? lost : undefined;
}

/** The build that has this URL and whose submission was never answered. */
async function findLostAnswer(
  projectId: string,
  fileUrl: string,
  { clock, ledger }: FollowPorts,
): Promise<LedgerEntry | undefined> {
  const now = clock.now();
  // A build that is being submitted counts too: the webhook may be about that call.
  const isCandidate = (entry: LedgerEntry) =>
    entry.projectId === projectId &&
    (entry.state === 'submitting' || isAnswerLost(entry, now)) &&
    isUrlOf(entry.build, fileUrl, entry.fileUrl);
  const [only, ...others] = await search(ledger, isCandidate);
  // All versions of a key have the same path, so several candidates can't be distinguished.
  return only !== undefined && others.length === 0 && isAnswerLost(only, now) ? only : undefined;
}

/** States in which the answer to a submission may have been lost. */
const STATES_IN_DOUBT: readonly BuildState[] = ['unknown', 'submitting', 'dead-lettered'];
/** How many pages of each state are searched for a lost answer; a page has a hundred builds. */
const MOST_PAGES = 5;

async function search(ledger: Ledger, isCandidate: (entry: LedgerEntry) => boolean): Promise<readonly LedgerEntry[]> {
  const candidates: LedgerEntry[] = [];
  for (const state of STATES_IN_DOUBT) {
    let from: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { entries, next } = await ledger.list(state, { limit: 100, ...present({ from }) });
      candidates.push(...entries.filter(isCandidate));
      if (next === undefined) break;
      from = next;
    }
  }
  return candidates;
}

/** The entry with what a webhook reports; `undefined` where that changes nothing. */
export function applyNotice(
  current: LedgerEntry,
  notice: WebhookNotice,
  receivedAt: number,
  now: number,
): LedgerEntry | undefined {
  const { uploadId } = notice;
  const settled = uploadId === undefined ? undefined : settleLostAnswer(current, uploadId, now);
  const entry = settled ?? current;
  if (!isAtStreampixel(entry) || (uploadId !== undefined && uploadId !== entry.uploadId)) return undefined;
  const next = withNews(entry, notice, receivedAt, now);
  if (next === undefined) return settled;
  const isApproved = next.state === 'approved' && entry.state !== 'approved';
  if (!isApproved || next.releaseMode !== 'on-approval') return next;
  // A person's request for this upload is in flight: a second one would distribute it twice.
  if (next.release?.state === 'calling' && next.release.uploadId === entry.uploadId) return next;
  const request = {
    by: 'approval',
    requestId: requestOfApproval(entry.uploadId),
    requestedAt: now,
    uploadId: entry.uploadId,
  } as const;
  return requestRelease(next, request, now)?.entry ?? next;
}

/**
 * The entry where the upload id is the answer that was lost; `undefined` where no answer was lost, or the id is that of an earlier
 * submission.
 */
export function settleLostAnswer(current: LedgerEntry, uploadId: string, now: number): LedgerEntry | undefined {
  return !isFormerUpload(current, uploadId) && isAnswerLost(current, now)
    ? acceptedAfterAll(current, uploadId, now)
    : undefined;
}

function isFormerUpload({ formerUploadIds = [] }: LedgerEntry, uploadId: string): boolean {
  return formerUploadIds.includes(uploadId);
}
