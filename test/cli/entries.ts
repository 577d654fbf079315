import { releaseChanged, requestRelease, withNews } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Stage } from '../../functions/domain/model/news.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { opened, routed, submitted, submitting } from '../../functions/domain/model/submission-transitions.ts';
import { aBuild, ROUTE } from '../support/world.ts';

export const MINUTE = 60_000;

export const MANUAL: Route = ROUTE;
export const AUTOMATIC: Route = { ...ROUTE, autoRelease: true };
export const ON_APPROVAL: Route = { ...ROUTE, release: 'on-approval' };

/** What happens to a build. Times in ms since the epoch. */
export interface Course {
  readonly key?: string;
  readonly route?: Route;
  readonly droppedAt: number;
  readonly submittedAt?: number;
  /** The stages that Streampixel reports, each with its time. */
  readonly news?: readonly (readonly [Stage, number])[];
  readonly objection?: string;
}

/** A build that waits, or one that was submitted and from then on as Streampixel reports. */
export function anEntry({ droppedAt, key = 'game.zip', news = [], objection, route = MANUAL, submittedAt }: Course) {
  const waiting = routed(opened(aBuild({ key, droppedAt }), droppedAt), route);
  if (submittedAt === undefined) return waiting;
  const uploadId = `upload-of-${key}`;
  let entry = submitted(submitting(waiting, submittedAt, submittedAt + MINUTE), submittedAt, uploadId);
  for (const [stage, at] of news) {
    const notice = { projectId: route.projectId, uploadId, stage, at, ...present({ objection }) };
    entry = withNews(entry, notice, at, at) ?? entry;
  }
  return entry;
}

/** A build that Streampixel has approved. */
export function approvedAt(at: number, course: Partial<Course> = {}): LedgerEntry {
  const submittedAt = at - 20 * MINUTE;
  return anEntry({ droppedAt: submittedAt - 2 * MINUTE, submittedAt, news: [['approved', at]], ...course });
}

/** The entry once the release of its own upload is requested. */
export function requestedAt(entry: LedgerEntry, at: number, requestId = 'person/one'): LedgerEntry {
  const { uploadId = '' } = entry;
  return requestRelease(entry, { by: 'person', requestId, requestedAt: at, uploadId }, at)?.entry ?? entry;
}

/** The entry once its release request has ended. */
export function requestEnded(
  entry: LedgerEntry,
  at: number,
  state: 'released' | 'failed',
  detail?: string,
): LedgerEntry {
  if (entry.release === undefined) throw new Error('there is no release request');
  const end = { ...entry.release, state, ...present({ detail }) };
  return releaseChanged(entry, end, at, detail ?? state);
}
