import { isAtVendor } from '../functions/domain/model/following-transitions.ts';
import type { BuildState, HistoryLine, LedgerEntry } from '../functions/domain/model/ledger-entry.ts';
import type { Stage } from '../functions/domain/model/news.ts';
import { unreachable } from '../functions/domain/model/outcome.ts';
import { OPEN_STATES } from './ledger-search.ts';
import { ownRelease } from './standing.ts';

/** One station on the way of a build. */
export interface Step {
  readonly name: 'dropped' | 'in line' | 'submitted' | 'released' | 'skipped' | 'dead-lettered' | Stage;
  /** When it got there, in ms since the epoch. Stages by Streampixel's clock, all else by ours. */
  readonly at: number;
  /** Until the next step, in ms; absent for the last one, and where what came between was not of this round. */
  readonly tookMs?: number;
}

/** The way of a build from the drop bucket to where it is, in the order in which it happened. */
export function wayOf(entry: LedgerEntry): readonly Step[] {
  const inLine = lineStart(entry);
  const steps: readonly Step[] = [
    { name: 'dropped', at: entry.build.droppedAt },
    { name: 'in line', at: inLine.at },
    ...after(entry),
  ];
  const approved = steps.findIndex(({ name }) => name === 'approved');
  return steps.map((step, index) => {
    const next = steps[index + 1];
    // Nobody tells when a distribution that follows the approval is over.
    const isOpenEnd = approved >= 0 && index > approved;
    if (next === undefined || isOpenEnd || (step.name === 'dropped' && inLine.isAgain)) return step;
    // Two clocks: the vendor's first word may be of a moment before its answer got here.
    return { ...step, tookMs: Math.max(0, next.at - step.at) };
  });
}

/** What came after the line. */
function after(entry: LedgerEntry): readonly Step[] {
  if (isAtVendor(entry)) {
    const { news = [], submittedAt = entry.updatedAt } = entry;
    const release = ownRelease(entry);
    const released: readonly Step[] =
      release?.state === 'released' ? [{ name: 'released', at: release.endedAt ?? entry.updatedAt }] : [];
    const told = news.map(({ at, stage }): Step => ({ name: stage, at }));
    return [{ name: 'submitted', at: submittedAt }, ...[...released, ...told].sort(byTime)];
  }
  switch (entry.state) {
    case 'skipped':
    case 'dead-lettered':
      return [{ name: entry.state, at: entry.updatedAt }];
    case 'waiting':
    case 'submitting':
    case 'unknown':
    case 'submitted':
    case 'approved':
    case 'released':
    case 'rejected':
      return [];
    default:
      return unreachable(entry.state);
  }
}

/** The vendor tells of a distribution when it takes the order, and its answer may be the later of the two; in ms. */
const ANSWER_ALLOWANCE_MS = 2_000;

/** By time and not by stage: a distribution that we ordered comes after the approval. */
function byTime(a: Step, b: Step): number {
  const distance = a.at - b.at;
  const isOrder = a.name === 'released' && b.name === 'distributing';
  const isAnswered = a.name === 'distributing' && b.name === 'released';
  if ((isOrder || isAnswered) && Math.abs(distance) < ANSWER_ALLOWANCE_MS) return isOrder ? -1 : 1;
  return distance;
}

/** When it got in line for the last time, and whether that was not the first. */
function lineStart({ createdAt, history }: LedgerEntry): { readonly at: number; readonly isAgain: boolean } {
  const lastInLine = history.findLastIndex(({ state }) => isInLine(state));
  const before = history.slice(0, lastInLine + 1).findLastIndex(({ state }) => !isInLine(state));
  const start: HistoryLine | undefined = before < 0 ? undefined : history[before + 1];
  return start === undefined ? { at: createdAt, isAgain: false } : { at: start.at, isAgain: true };
}

function isInLine(state: BuildState): boolean {
  return OPEN_STATES.some((each) => each === state);
}
