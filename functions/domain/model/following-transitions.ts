import type { Build } from './build.ts';
import type { FileUrlFacts } from './file-url.ts';
import { type BuildState, type LedgerEntry, type Release, withChange } from './ledger-entry.ts';
import { type News, STAGES, type Stage, type WebhookNotice } from './news.ts';
import { present } from './optional-fields.ts';
import { personName } from './person.ts';

/**
 * How webhooks and releases change a build's entry. Webhooks come in any order, more than once, with gaps, or not at all. So the
 * state depends on what they report and not on their order: the furthest stage wins, and a rejection wins over everything.
 */

/** States in which a build is, or was, at Streampixel. */
type StreampixelState = Extract<BuildState, 'submitted' | 'approved' | 'released' | 'rejected'>;

export function isAtStreampixel(
  entry: LedgerEntry,
): entry is LedgerEntry & { state: StreampixelState; uploadId: string } {
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

/** The furthest stage that Streampixel has reported. */
export function furthestStage({ news }: Pick<LedgerEntry, 'news'>): Stage | undefined {
  return news?.at(-1)?.stage;
}

/**
 * The entry with what a webhook reports; `undefined` where that is known already. Webhooks carry no id, so two of one stage and
 * timestamp are duplicates. Of a stage that is reported with several timestamps the first and the last are kept.
 *
 * @param receivedAt when it arrived, by our clock, in ms since the epoch
 * @param now when it is recorded, in ms since the epoch
 */
export function withNews(
  entry: LedgerEntry,
  { at, objection = '', stage }: WebhookNotice,
  receivedAt: number,
  now: number,
): LedgerEntry | undefined {
  const lastNewsAt = Math.max(entry.lastNewsAt ?? 0, receivedAt);
  // A stage that this project does not know still shows that Streampixel is working on the build.
  if (stage === undefined) return lastNewsAt === entry.lastNewsAt ? undefined : { ...entry, lastNewsAt };
  const known = entry.news ?? [];
  const before = known.find((each) => each.stage === stage);
  if (before !== undefined && at >= before.at && at <= (before.lastAt ?? before.at)) return undefined;
  const after = widened(before, stage, at);
  const news = inOrder([...known.filter((each) => each !== before), after]);
  // The objection is that of the first rejection by Streampixel's clock, in whatever order they arrive.
  const isFirst = after.at !== before?.at;
  const next = { ...entry, news, lastNewsAt, ...(stage === 'rejected' && isFirst ? { objection } : {}) };
  const outcome = outcomeAfter(entry.state, news);
  if (outcome === undefined || outcome === entry.state) return next;
  const change = { state: outcome, pendingNotification: outcome };
  return withChange(next, now, change, outcome === 'rejected' ? objection : undefined);
}

function widened(before: News | undefined, stage: Stage, at: number): News {
  if (before === undefined) return { stage, at };
  return { stage, at: Math.min(before.at, at), lastAt: Math.max(before.lastAt ?? before.at, at) };
}

function inOrder(news: readonly News[]): readonly News[] {
  return [...news].sort((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
}

function outcomeAfter(state: BuildState, news: readonly News[]): 'approved' | 'rejected' | undefined {
  const furthest = furthestStage({ news });
  if (furthest === 'rejected') return 'rejected';
  return state === 'submitted' && furthest === 'approved' ? 'approved' : undefined;
}

/**
 * Whether the answer to the build's submission was lost: Streampixel may have it under an upload id that the ledger does not know.
 *
 * @param now ms since the epoch
 */
export function isAnswerLost({ leaseUntil = 0, possiblyDoubled, state, uploadId }: LedgerEntry, now: number): boolean {
  if (uploadId !== undefined) return false;
  // A build in submission has the claim of a worker, which may still record its answer until the lease expires, and would overwrite
  // what is recorded here.
  return state === 'submitting' ? leaseUntil <= now : possiblyDoubled;
}

/** A webhook shows what the lost answer was: the submission was accepted, under this upload id. */
export function acceptedAfterAll(entry: LedgerEntry, uploadId: string, now: number): LedgerEntry {
  const { reservation, leaseUntil, reason, ...rest } = entry;
  const change = { state: 'submitted', uploadId, submittedAt: calledAt(entry), possiblyDoubled: false } as const;
  return withChange(rest, now, change, `accepted after all: upload id ${uploadId}`);
}

/** When the call was made whose answer was lost, in ms since the epoch. In `submitting`, `lastFailure` is of an earlier attempt. */
export function calledAt({ lastFailure, state, updatedAt }: LedgerEntry): number {
  return state === 'submitting' ? updatedAt : (lastFailure?.at ?? updatedAt);
}

/**
 * Whether the URL in a webhook is that of the build. It compares host and path: each signature makes another query.
 *
 * @param given the URL that Streampixel was given last
 */
export function isUrlOf(
  { bucket, key }: Pick<Build, 'bucket' | 'key'>,
  fileUrl: string,
  given?: Pick<FileUrlFacts, 'delivery' | 'host'>,
): boolean {
  if (!URL.canParse(fileUrl)) return false;
  const { host, hostname, pathname } = new URL(fileUrl);
  let path: string | undefined;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    // No key has a path that can't be decoded.
  }
  // A key may start with the name of its bucket, so the path names the bucket only where the host does not.
  if (hostname.startsWith(`${bucket}.`)) return path === `/${key}`;
  // A distribution serves the bucket from its root.
  if (given?.delivery === 'cloudfront' && given.host === host) return path === `/${key}`;
  return path === `/${bucket}/${key}`;
}

/** What the watchdog has to do for a build, and when it looks again; ms since the epoch. */
export type Watch =
  | { readonly kind: 'over' }
  | { readonly kind: 'asleep'; readonly until: number }
  | { readonly kind: 'late'; readonly next: number }
  | { readonly kind: 'stuck' }
  /** The URL that Streampixel was given has ended. */
  | { readonly kind: 'url-ended' };

/** How patient the watchdog is, in ms. */
export interface Patience {
  readonly lateAfterMs: number;
  readonly stuckAfterMs: number;
}

export function watchOf(entry: LedgerEntry, now: number, { lateAfterMs, stuckAfterMs }: Patience): Watch {
  if (entry.state !== 'submitted') return { kind: 'over' };
  const urlEnds = urlEndOf(entry);
  if (urlEnds !== undefined && now >= urlEnds) return { kind: 'url-ended' };
  const asleep = (until: number): Watch => ({ kind: 'asleep', until: Math.min(until, urlEnds ?? until) });
  if (entry.stuckAt !== undefined) return urlEnds === undefined ? { kind: 'over' } : asleep(urlEnds);
  const submittedAt = entry.submittedAt ?? entry.updatedAt;
  const stuckFrom = Math.max(submittedAt, entry.lastNewsAt ?? 0) + stuckAfterMs;
  const lateFrom = submittedAt + lateAfterMs;
  if (now >= stuckFrom) return { kind: 'stuck' };
  if (entry.lateAt !== undefined) return asleep(stuckFrom);
  if (now >= lateFrom) return { kind: 'late', next: Math.min(stuckFrom, urlEnds ?? stuckFrom) };
  return asleep(Math.min(lateFrom, stuckFrom));
}

/** When the URL of a build ends, where that is still to be noticed; ms since the epoch. */
export function urlEndOf({ fileUrl, fileUrlEndedAt }: LedgerEntry): number | undefined {
  return fileUrlEndedAt === undefined ? fileUrl?.until : undefined;
}

/** How long a release request is tried again, in ms. After that a person should ask Streampixel's support. */
export const RELEASE_PATIENCE_MS = 2 * 3_600_000;

type RequestedRelease = Pick<Release, 'by' | 'requestedBy' | 'requestId' | 'requestedAt' | 'stepsBack' | 'uploadId'>;

/** The entry with a request to release an upload; `undefined` where this request was taken before. */
export function requestRelease(
  entry: LedgerEntry,
  { by, requestedBy, requestId, requestedAt, stepsBack, uploadId }: RequestedRelease,
  now: number,
): { readonly entry: LedgerEntry; readonly release: Release } | undefined {
  const { releaseRequests = [] } = entry;
  if (releaseRequests.includes(requestId)) return undefined;
  const person = present({ requestedBy: personName(requestedBy ?? ''), stepsBack });
  const release: Release = { requestId, uploadId, by, ...person, requestedAt, state: 'requested', attempts: 0 };
  const requests = [...releaseRequests, requestId].slice(-REQUESTS_KEPT);
  const note = `release of ${uploadId} requested by ${release.requestedBy ?? by}`;
  return {
    entry: withChange({ ...entry, release, releaseRequests: requests }, now, { state: entry.state }, note),
    release,
  };
}

/** SQS delivers a duplicate within minutes, and there are never so many requests for one build in that time. */
const REQUESTS_KEPT = 20;

/** The id of the request that an approval makes by itself: one for each upload, however often it is approved. */
export function requestOfApproval(uploadId: string): string {
  return `approval/${uploadId}`;
}

/** The entry with its release request in the given state. A finished request has no slot and no lease. */
export function releaseChanged(entry: LedgerEntry, release: Release, now: number, note: string): LedgerEntry {
  const { leaseUntil, reservation, ...bare } = release;
  const isFinished = release.state === 'released' || release.state === 'failed';
  const held = present({ reservation, leaseUntil: release.state === 'calling' ? leaseUntil : undefined });
  const next = isFinished ? { ...bare, endedAt: now } : { ...bare, ...held };
  // The release of a former upload does not change this build's state, and a rejected build stays rejected.
  const isOfThis = isAtStreampixel(entry) && entry.state !== 'rejected' && entry.uploadId === release.uploadId;
  const state = release.state === 'released' && isOfThis ? 'released' : entry.state;
  return withChange({ ...entry, release: next }, now, { state }, note);
}
