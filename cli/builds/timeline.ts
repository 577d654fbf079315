import { isAtStreampixel } from '../../functions/domain/model/following-transitions.ts';
import type { BuildState, LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Stage } from '../../functions/domain/model/news.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { iso } from '../units.ts';
import { ownRelease } from './build-status.ts';
import { OPEN_STATES } from './search.ts';

/** One step of a build from the drop bucket to where it is now. */
export interface Step {
  readonly name: 'dropped' | 'waiting' | 'submitted' | 'released' | 'skipped' | 'dead-lettered' | Stage;
  /** When it got there, in ms since the epoch. Stages by Streampixel's clock, everything else by ours. */
  readonly at: number;
  /** Until the next step, in ms; absent for the last one and where it cannot be known. */
  readonly tookMs?: number;
}

/** The steps of a build, in the order in which they happened. */
export function timelineOf(entry: LedgerEntry): readonly Step[] {
  const waiting = waitingSince(entry);
  const steps: readonly Step[] = [
    { name: 'dropped', at: entry.build.droppedAt },
    { name: 'waiting', at: waiting.at },
    ...stepsAfterWaiting(entry),
  ];
  const approved = steps.findIndex(({ name }) => name === 'approved');
  return steps.map((step, index) => {
    const next = steps[index + 1];
    // Streampixel sends no webhook when a distribution that follows the approval has finished.
    const isOpenEnd = approved >= 0 && index > approved;
    if (next === undefined || isOpenEnd || (step.name === 'dropped' && waiting.isAgain)) return step;
    // By its own clock Streampixel may report a stage earlier than its answer arrived here.
    return { ...step, tookMs: Math.max(0, next.at - step.at) };
  });
}

/** As `--json` prints it. */
export function timelineFacts(entry: LedgerEntry) {
  return timelineOf(entry).map(({ at, name, tookMs }) => {
    const tookSeconds = tookMs === undefined ? undefined : Math.round(tookMs / 1_000);
    return { step: name, at: iso(at), ...present({ tookSeconds }) };
  });
}

function stepsAfterWaiting(entry: LedgerEntry): readonly Step[] {
  const { news = [], state, submittedAt, updatedAt } = entry;
  if (isAtStreampixel(entry)) {
    const release = ownRelease(entry);
    const after = news.map(({ at, stage }): Step => ({ name: stage, at }));
    if (release?.state === 'released') after.unshift({ name: 'released', at: release.endedAt ?? updatedAt });
    return [{ name: 'submitted', at: submittedAt ?? updatedAt }, ...after.sort(byTime)];
  }
  return state === 'skipped' || state === 'dead-lettered' ? [{ name: state, at: updatedAt }] : [];
}

/** The webhook about a distribution may be older than the answer to the request that started it, by so many ms. */
const ANSWER_ALLOWANCE_MS = 2_000;

/** By time and not by stage: a distribution that we request comes after the approval. */
function byTime(a: Step, b: Step): number {
  const distance = a.at - b.at;
  const isReleaseFirst = a.name === 'released' && b.name === 'distributing';
  const isReleaseSecond = a.name === 'distributing' && b.name === 'released';
  if ((isReleaseFirst || isReleaseSecond) && Math.abs(distance) < ANSWER_ALLOWANCE_MS) return isReleaseFirst ? -1 : 1;
  return distance;
}

/** When it began to wait for the last time, and whether it had waited before. */
function waitingSince({ createdAt, history }: LedgerEntry): { readonly at: number; readonly isAgain: boolean } {
  const lastWaiting = history.findLastIndex(({ state }) => isOpen(state));
  const before = history.slice(0, lastWaiting + 1).findLastIndex(({ state }) => !isOpen(state));
  const start = before < 0 ? undefined : history[before + 1];
  return { at: start?.at ?? createdAt, isAgain: start !== undefined };
}

function isOpen(state: BuildState): boolean {
  return OPEN_STATES.some((each) => each === state);
}
