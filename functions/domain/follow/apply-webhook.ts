import {
  calledAt,
  isAnswerLost,
  isAtVendor,
  isUrlOf,
  requestOfApproval,
  requestRelease,
  resolved,
  withNews,
} from '../model/following-transitions.ts';
import type { BuildState, LedgerEntry } from '../model/ledger-entry.ts';
import type { WebhookNotice } from '../model/news.ts';
import type { Disposition } from '../model/outcome.ts';
import type { Ledger } from '../ports.ts';
import type { FollowMessage } from './follow-message.ts';
import {
  type FollowDelivery,
  type FollowPorts,
  type FollowSettings,
  logFields,
  noteWebhookReceived,
  updateWithRetry,
} from './followed-build.ts';
import { notifiableFrom, notifyOutcome, retryNotification } from './notify-outcome.ts';

/**
 * A notice may overtake the record of the answer that named its upload, and the index is behind by a second or so: it is looked up
 * again after these pauses, in ms. Then it belongs to somebody else's upload.
 */
const LOOK_AGAIN_MS = [5_000, 30_000, 60_000];

/** Takes the vendor's word on a build, from its webhook. */
export async function applyWebhook(
  message: Extract<FollowMessage, { kind: 'webhook' }>,
  delivery: FollowDelivery,
  settings: FollowSettings,
  ports: FollowPorts,
): Promise<Disposition> {
  const { clock, followQueue, log } = ports;
  const { notice, receivedAt } = message;
  const { receiveCount } = delivery;
  const match = await buildOf(message, receiveCount, settings, ports);
  if (match === undefined) {
    const pause = LOOK_AGAIN_MS[receiveCount - 1];
    if (pause !== undefined) return { kind: 'hidden', until: clock.now() + pause };
    // Of an upload by hand, most likely. It shows all the same that the webhook is set up.
    log.info('webhook-unmatched', { ...notice });
    await noteWebhookReceived(notice.projectId, 'lastWebhookAt', message, ports);
    return { kind: 'done' };
  }
  // Its message is in no queue of builds any more, so nobody else sees to it that it is watched. Before it is written down: whoever
  // watches it writes it down, too.
  if (match.state === 'dead-lettered' && notice.uploadId !== undefined)
    await followQueue.send({ kind: 'watch', build: match.id, uploadId: notice.uploadId });
  let isNew = false;
  let isEnd = false;
  const entry = await updateWithRetry(match.id, ports, (current) => {
    const next = applyNotice(current, notice, receivedAt, clock.now());
    isNew = next !== undefined;
    isEnd = next?.pendingNotification !== undefined && next.pendingNotification !== current.pendingNotification;
    return next;
  });
  if (entry === undefined) return { kind: 'done' };
  if (isNew) log.info('webhook-heard', { ...logFields(entry), stage: notice.stage });
  // A message that comes again may be that of a worker that ended before it had noted or told anything.
  if (isNew || receiveCount > 1) await noteWebhookReceived(notice.projectId, 'lastWebhookAt', message, ports);
  if (!isEnd) {
    const from = receiveCount > 1 ? notifiableFrom(entry) : undefined;
    if (from === undefined) return { kind: 'done' };
    if (clock.now() < from) return { kind: 'hidden', until: from };
  }
  return (await notifyOutcome(entry, settings, ports)) ? { kind: 'done' } : retryNotification(ports);
}

/** The build that a notice is about. */
async function buildOf(
  { notice, receivedAt }: Extract<FollowMessage, { kind: 'webhook' }>,
  receiveCount: number,
  { intervalMs }: FollowSettings,
  ports: FollowPorts,
): Promise<LedgerEntry | undefined> {
  const { fileUrl, projectId, uploadId } = notice;
  const named = uploadId === undefined ? undefined : await ports.ledger.findByUploadId(uploadId);
  if (named !== undefined) return named.projectId === projectId ? named : undefined;
  const lost = fileUrl === undefined ? undefined : await findLost(projectId, fileUrl, ports);
  if (lost === undefined) return undefined;
  // It may be a word on a newer version of the same key, whose upload id the index does not know yet. Not so soon after the call
  // whose answer was lost: for an interval nobody calls for this user.
  const isOfThatCall = receivedAt - calledAt(lost) < intervalMs;
  return isOfThatCall || receiveCount > 1 ? lost : undefined;
}

/** The build whose submission was never answered and whose URL that is. */
async function findLost(
  projectId: string,
  fileUrl: string,
  { clock, ledger }: FollowPorts,
): Promise<LedgerEntry | undefined> {
  const now = clock.now();
  // One that is being submitted may turn out to be what the notice is about.
  const isCandidate = (entry: LedgerEntry) =>
    entry.projectId === projectId &&
    (entry.state === 'submitting' || isAnswerLost(entry, now)) &&
    isUrlOf(entry.build, fileUrl);
  const [only, ...others] = await search(ledger, isCandidate);
  // Several versions of one key have one path: with more than one candidate nobody can say.
  return only !== undefined && others.length === 0 && isAnswerLost(only, now) ? only : undefined;
}

/** States in which the answer to a submission may have been lost. */
const DOUBTFUL: readonly BuildState[] = ['unknown', 'submitting', 'dead-lettered'];
/** Pages of the ledger that are looked through for a lost answer; a hundred builds each. */
const MOST_PAGES = 5;

async function search(ledger: Ledger, isCandidate: (entry: LedgerEntry) => boolean): Promise<readonly LedgerEntry[]> {
  const found: LedgerEntry[] = [];
  for (const state of DOUBTFUL) {
    let from: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { entries, next } = await ledger.list(state, { limit: 100, ...(from === undefined ? {} : { from }) });
      found.push(...entries.filter(isCandidate));
      if (next === undefined) break;
      from = next;
    }
  }
  return found;
}

/** What the notice makes of the entry; `undefined` where it says nothing new. */
export function applyNotice(
  current: LedgerEntry,
  notice: WebhookNotice,
  receivedAt: number,
  now: number,
): LedgerEntry | undefined {
  const { uploadId } = notice;
  const resolvedEntry = uploadId === undefined ? undefined : resolveLostAnswer(current, uploadId, now);
  const entry = resolvedEntry ?? current;
  if (!isAtVendor(entry) || (uploadId !== undefined && uploadId !== entry.uploadId)) return undefined;
  const next = withNews(entry, notice, receivedAt, now);
  if (next === undefined) return resolvedEntry;
  const isApproved = next.state === 'approved' && entry.state !== 'approved';
  if (!isApproved || next.releaseMode !== 'on-approval') return next;
  // A person's order for this very upload is being called out: a second one would distribute it twice.
  if (next.release?.state === 'calling' && next.release.uploadId === entry.uploadId) return next;
  const requestId = requestOfApproval(entry.uploadId);
  return (
    requestRelease(next, { by: 'approval', requestId, requestedAt: now, uploadId: entry.uploadId }, now)?.entry ?? next
  );
}

/** The entry where the upload id is the answer that was lost; `undefined` where none was, or it is that of an earlier submission. */
export function resolveLostAnswer(current: LedgerEntry, uploadId: string, now: number): LedgerEntry | undefined {
  const isFormer = current.formerUploadIds?.includes(uploadId) === true;
  return !isFormer && isAnswerLost(current, now) ? resolved(current, uploadId, now) : undefined;
}
