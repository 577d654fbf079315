import type { Build } from './build.ts';
import { type BuildState, type LedgerEntry, type Release, withChange } from './ledger-entry.ts';
import { type News, STAGES, type Stage, type WebhookNotice } from './news.ts';

/**
 * What the vendor's words make of a build. They come in any order, more than once, with gaps, or not at all; so the state is a
 * function of what has been said and not of the order it came in: the furthest stage wins, and a rejection wins over everything.
 */

/** States in which a build is, or was, at the vendor. */
type VendorState = Extract<BuildState, 'submitted' | 'approved' | 'released' | 'rejected'>;

export function isAtVendor(entry: LedgerEntry): entry is LedgerEntry & { state: VendorState; uploadId: string } {
  switch (entry.state) {
    case 'submitted':
    case 'approved':
    case 'released':
    case 'rejected':
      return entry.uploadId !== undefined;
    case 'waiting':
    case 'submitting':
    case 'unknown':
    case 'skipped':
    case 'dead-lettered':
      return false;
  }
}

/** The furthest stage that the vendor has told of. */
export function furthestStage({ news = [] }: Pick<LedgerEntry, 'news'>): Stage | undefined {
  return news.at(-1)?.stage;
}

/**
 * The entry once the vendor has said something of its upload; `undefined` where it has said so before. Deliveries carry no id, so
 * two of one stage and timestamp are one; of a stage that comes with several timestamps the first and the last are kept.
 *
 * @param receivedAt when it came, by our clock, in ms since the epoch
 * @param now when it is written down, in ms since the epoch
 */
export function withNews(
  entry: LedgerEntry,
  { at, objection = '', stage }: WebhookNotice,
  receivedAt: number,
  now: number,
): LedgerEntry | undefined {
  const lastNewsAt = Math.max(entry.lastNewsAt ?? 0, receivedAt);
  // A word that is not known here is a sign of life, no more.
  if (stage === undefined) return lastNewsAt === entry.lastNewsAt ? undefined : { ...entry, lastNewsAt };
  const known = entry.news ?? [];
  const before = known.find((each) => each.stage === stage);
  if (before !== undefined && at >= before.at && at <= (before.lastAt ?? before.at)) return undefined;
  const news = inOrder([...known.filter((each) => each !== before), widened(before, stage, at)]);
  // Of several rejections the first counts, whichever came first here.
  const isFirst = before === undefined || at < before.at;
  const told = { ...entry, news, lastNewsAt, ...(stage === 'rejected' && isFirst ? { objection } : {}) };
  const state = stateAfter(entry.state, news);
  if (state === entry.state) return told;
  const pendingNotification = state === 'approved' || state === 'rejected' ? { pendingNotification: state } : {};
  return withChange({ ...told, ...pendingNotification }, now, { state }, state === 'rejected' ? objection : undefined);
}

function widened(before: News | undefined, stage: Stage, at: number): News {
  if (before === undefined) return { stage, at };
  return { stage, at: Math.min(before.at, at), lastAt: Math.max(before.lastAt ?? before.at, at) };
}

function inOrder(news: readonly News[]): readonly News[] {
  return [...news].sort((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
}

function stateAfter(state: BuildState, news: readonly News[]): BuildState {
  const furthest = news.at(-1)?.stage;
  if (furthest === 'rejected') return 'rejected';
  return state === 'submitted' && furthest === 'approved' ? 'approved' : state;
}

/**
 * Whether the answer to the build's submission was lost: the vendor may hold it under an id that nobody here knows.
 *
 * @param now ms since the epoch
 */
export function isAnswerLost({ leaseUntil = 0, possiblyDoubled, state, uploadId }: LedgerEntry, now: number): boolean {
  if (uploadId !== undefined) return false;
  // A worker that ended in the call has left the claim. Until its lease is over it may yet write down the answer, on top of
  // whatever is made of the one that was lost before.
  return state === 'submitting' ? leaseUntil <= now : possiblyDoubled;
}

/** The vendor's word is the answer that was lost: the submission was accepted after all, under this id. */
export function resolved(entry: LedgerEntry, uploadId: string, now: number): LedgerEntry {
  const { reservation, leaseUntil, reason, ...rest } = entry;
  const found = { ...rest, possiblyDoubled: false };
  const submittedAt = calledAt(entry);
  return withChange(
    found,
    now,
    { state: 'submitted', uploadId, submittedAt },
    `found at the vendor: upload id ${uploadId}`,
  );
}

/** When the call went out whose answer was lost, in ms since the epoch: the last failure of one that is being submitted is of a try before. */
export function calledAt({ lastFailure, state, updatedAt }: LedgerEntry): number {
  return state === 'submitting' ? updatedAt : (lastFailure?.at ?? updatedAt);
}

/** Whether the URL of a notice is that of the build: by host and path, as each signing makes another query. */
export function isUrlOf({ bucket, key }: Pick<Build, 'bucket' | 'key'>, fileUrl: string): boolean {
  if (!URL.canParse(fileUrl)) return false;
  const { hostname, pathname } = new URL(fileUrl);
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return false;
  }
  // A key may begin like its bucket: where the host names the bucket, the path does not.
  return path === (hostname.startsWith(`${bucket}.`) ? `/${key}` : `/${bucket}/${key}`);
}

/** What is due for a build that the vendor has not brought to an end, and when the next look is; ms since the epoch. */
export type Watch =
  | { readonly kind: 'over' }
  | { readonly kind: 'asleep'; readonly until: number }
  | { readonly kind: 'late'; readonly next: number }
  | { readonly kind: 'stuck' };

/** How patient the watchdog is, in ms. */
export interface Patience {
  readonly lateAfterMs: number;
  readonly stuckAfterMs: number;
}

export function watchOf(entry: LedgerEntry, now: number, { lateAfterMs, stuckAfterMs }: Patience): Watch {
  if (entry.state !== 'submitted' || entry.stuckAt !== undefined) return { kind: 'over' };
  const submittedAt = entry.submittedAt ?? entry.updatedAt;
  const stuckFrom = Math.max(submittedAt, entry.lastNewsAt ?? 0) + stuckAfterMs;
  const lateFrom = submittedAt + lateAfterMs;
  if (now >= stuckFrom) return { kind: 'stuck' };
  if (entry.lateAt !== undefined) return { kind: 'asleep', until: stuckFrom };
  if (now >= lateFrom) return { kind: 'late', next: stuckFrom };
  return { kind: 'asleep', until: Math.min(lateFrom, stuckFrom) };
}

/** How long a request to release is tried again, in ms: after that a person should ask Streampixel's support. */
export const RELEASE_PATIENCE_MS = 2 * 3_600_000;

/** Takes an order to release an upload, once: `undefined` where this one was taken before. */
export function requestRelease(
  entry: LedgerEntry,
  { by, requestId, requestedAt, uploadId }: Pick<Release, 'by' | 'requestId' | 'requestedAt' | 'uploadId'>,
  now: number,
): { readonly entry: LedgerEntry; readonly release: Release } | undefined {
  const { releaseRequests = [] } = entry;
  if (releaseRequests.includes(requestId)) return undefined;
  const release: Release = { requestId, uploadId, by, requestedAt, state: 'requested', attempts: 0 };
  const orders = [...releaseRequests, requestId].slice(-ORDERS_KEPT);
  const note = `release of ${uploadId} ordered by ${by}`;
  return {
    entry: withChange({ ...entry, release, releaseRequests: orders }, now, { state: entry.state }, note),
    release,
  };
}

/** SQS hands a duplicate out within minutes; nobody gives this many orders for one build in that time. */
const ORDERS_KEPT = 20;

/** The order that an approval gives by itself: one for each upload, however often it is approved. */
export function requestOfApproval(uploadId: string): string {
  return `approval/${uploadId}`;
}

/** The entry where its order has got to there. An order that is over leaves no slot and no lease behind. */
export function releaseChanged(entry: LedgerEntry, release: Release, now: number, note: string): LedgerEntry {
  const { leaseUntil, reservation, ...bare } = release;
  const isOver = release.state === 'released' || release.state === 'failed';
  const held = {
    ...(reservation === undefined ? {} : { reservation }),
    ...(release.state === 'calling' && leaseUntil !== undefined ? { leaseUntil } : {}),
  };
  const next = isOver ? { ...bare, endedAt: now } : { ...bare, ...held };
  // Going back to a former upload says nothing of this one, and a rejection stays one.
  const isOfThis = isAtVendor(entry) && entry.state !== 'rejected' && entry.uploadId === release.uploadId;
  const state = release.state === 'released' && isOfThis ? 'released' : entry.state;
  return withChange({ ...entry, release: next }, now, { state }, note);
}
