import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { groupBy } from '../group-by.ts';
import type { BuildView } from './build-view.ts';

/** Builds of a project that say how long the next one takes: more of them are older, and may have been smaller. */
const LATEST = 9;

/** @returns when a build is expected to be approved, in ms since the epoch; `undefined` where nothing is known */
export type Expectation = (view: BuildView) => number | undefined;

/**
 * How long Streampixel takes for a build is known from the last ones of its project that were approved: the one in the middle counts, so
 * that one which was stuck does not.
 *
 * @param entries may be those of several projects, in any state
 */
export function expectationFrom(entries: readonly LedgerEntry[]): Expectation {
  const took = new Map<string, number>();
  const approved = entries.filter((entry) => durationOf(entry) !== undefined);
  for (const [projectId, own] of groupBy(approved, (entry) => entry.projectId ?? '')) {
    const latest = own.toSorted((a, b) => (b.submittedAt ?? 0) - (a.submittedAt ?? 0)).slice(0, LATEST);
    const durations = latest.map((entry) => durationOf(entry) ?? 0).sort((a, b) => a - b);
    took.set(projectId, durations[Math.floor((durations.length - 1) / 2)] ?? 0);
  }
  return ({ entry, slot, status }) => {
    const duration = took.get(entry.projectId ?? '');
    const from = status === 'waiting' ? slot : status === 'under-way' ? entry.submittedAt : undefined;
    return duration === undefined || from === undefined ? undefined : from + duration;
  };
}

/** From its submission to its approval, in ms. Streampixel's clock may be behind ours. */
function durationOf({ news, submittedAt }: LedgerEntry): number | undefined {
  const approvedAt = news?.find(({ stage }) => stage === 'approved')?.at;
  return approvedAt === undefined || submittedAt === undefined ? undefined : Math.max(0, approvedAt - submittedAt);
}
