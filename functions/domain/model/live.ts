import { isAtStreampixel } from './following-transitions.ts';
import type { LedgerEntry, Release } from './ledger-entry.ts';
import type { Stage, WebhookNotice } from './news.ts';
import { present } from './optional-fields.ts';

/**
 * What the viewers of a project get, as a fact of its own: it is not in the states of the builds, because a build that was released
 * once stays `released`, and because a build may be submitted again while viewers have its earlier upload.
 *
 * Webhooks come late, twice and in any order. So the ledger keeps the times at which uploads went live, and the last one is live.
 */
export interface LiveRecord {
  /** Each time that an upload went live, oldest first: the last {@link GO_LIVES_KEPT}. */
  readonly goLives: readonly GoLive[];
  /** Upload ids that Streampixel has rejected: a report of one that arrives later does not make it live. */
  readonly rejected: readonly string[];
  /** Earlier uploads of builds that were submitted again. */
  readonly former: readonly FormerUpload[];
}

interface FormerUpload {
  readonly uploadId: string;
  readonly build: string;
  readonly key: string;
  /** Streampixel distributes it by itself once it is approved. */
  readonly isAutomatic: boolean;
  /** ms since the epoch. */
  readonly submittedAt?: number;
  readonly approvedAt?: number;
}

/** One time that an upload went live. */
export interface GoLive {
  readonly uploadId: string;
  /** ms since the epoch: by our clock where Streampixel accepted our request, by Streampixel's where a webhook reports it. */
  readonly at: number;
  /**
   * - `released`: Streampixel accepted our request to distribute it
   * - `approved`: Streampixel approved it and distributes it by itself
   * - `distributing`: Streampixel distributes it after its approval
   */
  readonly source: 'released' | 'approved' | 'distributing';
  /** `streampixel`: nothing here requested it. A person did on the dashboard, for example. */
  readonly by: 'approval' | 'person' | 'streampixel';
  /** Name of the person, where it is known. */
  readonly requestedBy?: string;
  /** The person went back to what was live before. */
  readonly stepsBack?: true;
  /** Id and object key of the build; absent for an upload that did not come from this pipeline. */
  readonly build?: string;
  readonly key?: string;
  /** When Streampixel accepted the upload, in ms since the epoch. */
  readonly submittedAt?: number;
}

export const NOTHING_LIVE: LiveRecord = { goLives: [], rejected: [], former: [] };

/** Enough for ten builds: a release and the webhook about it are two. */
const GO_LIVES_KEPT = 24;
const REJECTED_KEPT = 24;
const FORMER_KEPT = 24;

/** A distribution begins within this time of our request or of the approval, in ms. Streampixel's clock may differ from ours. */
const DISTRIBUTED_WITHIN_MS = 15 * 60_000;
const CLOCKS_DIFFER_MS = 60_000;

/** The times at which an entry's own upload went live by what webhooks have reported; it is not rejected. */
export function reportedGoLives(entry: LedgerEntry): readonly GoLive[] {
  if (!isAtStreampixel(entry)) return [];
  const { build, id, release, releaseMode, submittedAt, uploadId } = entry;
  const newsOf = (wanted: Stage) => entry.news?.find(({ stage }) => stage === wanted);
  const about = { uploadId, build: id, key: build.key, ...present({ submittedAt }) };
  const own = release?.uploadId === uploadId ? release : undefined;
  const approvedAt = newsOf('approved')?.at;
  // Streampixel may distribute a build before it approves it: viewers get it once it is approved.
  if (approvedAt === undefined) return [];
  const isAutomatic = releaseMode === 'automatic';
  const distributing = newsOf('distributing');
  const distributedAt = [distributing?.at ?? [], distributing?.lastAt ?? []].flat().filter((at) => at > approvedAt);
  return [
    ...(isAutomatic ? [{ ...about, at: approvedAt, source: 'approved', by: 'approval' } as const] : []),
    ...distributedAt.map((at): GoLive => {
      if (own !== undefined && isSent(own) && isSoonAfter(own.requestedAt, at, own.endedAt ?? at)) {
        return { ...about, at, source: 'distributing', ...requesterOf(own) };
      }
      const by = isAutomatic && isSoonAfter(approvedAt, at) ? 'approval' : 'streampixel';
      return { ...about, at, source: 'distributing', by };
    }),
  ];
}

/** The record before a build is submitted again: webhooks about its upload still come, and no entry has that upload any more. */
export function withFormerUpload(record: LiveRecord, entry: LedgerEntry): LiveRecord {
  const { build, id, news, releaseMode, submittedAt, uploadId } = entry;
  if (uploadId === undefined) return record;
  const known = record.former.find((each) => each.uploadId === uploadId);
  const approvedAt = news?.find(({ stage }) => stage === 'approved')?.at;
  if (known !== undefined && approvedAt === known.approvedAt) return record;
  const facts = { build: id, key: build.key, ...present({ submittedAt, approvedAt }) };
  const upload = { uploadId, ...facts, isAutomatic: releaseMode === 'automatic' };
  return { ...record, former: [...record.former.filter((each) => each !== known), upload].slice(-FORMER_KEPT) };
}

/** The record with a webhook about an upload that no entry has: a former one, or one that was made by hand on the dashboard. */
export function withUnmatched(
  record: LiveRecord,
  uploadId: string,
  { at, stage }: Pick<WebhookNotice, 'at' | 'stage'>,
): LiveRecord {
  const former = record.former.find((each) => each.uploadId === uploadId);
  const { approvedAt = Number.POSITIVE_INFINITY, build, isAutomatic = false, key, submittedAt } = former ?? {};
  const about = { uploadId, at, ...present({ build, key, submittedAt }) };
  switch (stage) {
    case 'rejected':
      return withRejected(record, uploadId);
    case 'approved': {
      if (former === undefined || at >= approvedAt) return record;
      const approved = record.former.map((each) => (each === former ? { ...each, approvedAt: at } : each));
      const goLives: GoLive[] = isAutomatic ? [{ ...about, source: 'approved', by: 'approval' }] : [];
      return withGoLives({ ...record, former: approved }, goLives);
    }
    case 'distributing': {
      // As for the upload of an entry. Of one that was made by hand nothing else is known.
      if (former !== undefined && at <= approvedAt) return record;
      const own = record.goLives.findLast(
        (each) => each.uploadId === uploadId && each.source === 'released' && isSoonAfter(each.at, at),
      );
      const by = isAutomatic && isSoonAfter(approvedAt, at) ? 'approval' : 'streampixel';
      return withGoLives(record, [{ ...about, source: 'distributing', ...requesterOf(own ?? { by }) }]);
    }
    default:
      return record;
  }
}

/** The time at which Streampixel accepted a request to distribute an upload. @param at ms since the epoch */
export function releasedGoLive(entry: LedgerEntry, release: Release, at: number): GoLive {
  const { build, id, submittedAt } = entry;
  const isOwn = release.uploadId === entry.uploadId;
  const about = { build: id, key: build.key, ...present({ submittedAt: isOwn ? submittedAt : undefined }) };
  return { uploadId: release.uploadId, ...about, at, source: 'released', ...requesterOf(release) };
}

/** Streampixel may have accepted it. */
function isSent({ failure, state }: Release): boolean {
  return state !== 'requested' && failure !== 'refused';
}

function requesterOf({ by, requestedBy, stepsBack }: Pick<GoLive, 'by' | 'requestedBy' | 'stepsBack'>) {
  return { by, ...present({ requestedBy, stepsBack }) };
}

function isSoonAfter(from: number, at: number, until = from): boolean {
  return at >= from - CLOCKS_DIFFER_MS && at <= until + DISTRIBUTED_WITHIN_MS;
}

/** The record with more go-lives: the same in whatever order they are added, and however often. */
export function withGoLives(record: LiveRecord, more: readonly GoLive[]): LiveRecord {
  let goLives = record.goLives;
  for (const each of more) {
    if (record.rejected.includes(each.uploadId)) continue;
    const same = goLives.find((other) => isSame(each, other));
    if (same === undefined) goLives = [...goLives, each];
    // An approval that is reported with several times counts from the first.
    else if (each.at < same.at) goLives = goLives.map((other) => (other === same ? each : other));
  }
  if (goLives === record.goLives) return record;
  return { ...record, goLives: goLives.toSorted(inOrder).slice(-GO_LIVES_KEPT) };
}

/** The record once Streampixel has rejected an upload: viewers keep, or get back, what was live before. */
export function withRejected(record: LiveRecord, uploadId: string): LiveRecord {
  if (record.rejected.includes(uploadId)) return record;
  return {
    ...record,
    goLives: record.goLives.filter((each) => each.uploadId !== uploadId),
    rejected: [...record.rejected, uploadId].slice(-REJECTED_KEPT),
  };
}

function isSame(a: GoLive, b: GoLive): boolean {
  return a.uploadId === b.uploadId && a.source === b.source && (a.source === 'approved' || a.at === b.at);
}

/**
 * Of two in one millisecond either may be the later one, as long as all workers agree. A release comes before what is reported of it.
 */
function inOrder(a: GoLive, b: GoLive): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.uploadId !== b.uploadId) return a.uploadId < b.uploadId ? -1 : 1;
  return a.source > b.source ? -1 : 1;
}

/** What viewers got from one time on, and until when; `until` is absent for what is live now. ms since the epoch. */
export interface LiveSpan extends GoLive {
  readonly until?: number;
}

/** What viewers got, one after the other, oldest first. The last one is live. */
export function liveSpans({ goLives }: LiveRecord): readonly LiveSpan[] {
  const starts = goLives.filter(({ uploadId }, index) => uploadId !== goLives[index - 1]?.uploadId);
  return starts.map((start, index) => ({ ...start, ...present({ until: starts[index + 1]?.at }) }));
}

/**
 * What a person who steps back gets: what was live before. Stepping back twice goes further back, and not to and fro: what was left by
 * a step back is not gone back to.
 */
export function liveBefore(record: LiveRecord): LiveSpan | undefined {
  const path: LiveSpan[] = [];
  for (const span of liveSpans(record)) {
    const returnedTo = span.stepsBack === true ? path.findLastIndex(({ uploadId }) => uploadId === span.uploadId) : -1;
    if (returnedTo >= 0) path.length = returnedTo;
    path.push(span);
  }
  return path.at(-2);
}
