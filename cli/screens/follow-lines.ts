import type { HistoryLine, LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { type Step, timelineOf } from '../builds/timeline.ts';
import { type Console, printable } from '../console.ts';
import { clockTime, inLocalTime, span } from '../units.ts';

/**
 * Prints what happens to a build, each thing once: what the pipeline did, and each stage that Streampixel reports, with how long
 * the step before it took.
 *
 * @param known what was there before and is not printed
 * @returns prints what is new in an entry, and says whether there was anything
 */
export function createFollowLines(console: Console, known?: LedgerEntry): (entry: LedgerEntry) => boolean {
  const printed = new Set(known === undefined ? [] : linesOf(known).map(({ id }) => id));
  return (entry) => {
    const added = linesOf(entry).filter(({ id }) => !printed.has(id));
    for (const { at, id, text } of added) {
      printed.add(id);
      console.say(`${console.paint('gray', clockTime(at, Date.now()))}  ${text}`);
    }
    return added.length > 0;
  };
}

/** In the order in which they happened, as far as two clocks allow. Times in ms since the epoch. */
function linesOf(entry: LedgerEntry) {
  const { history, news = [], uploadId } = entry;
  const steps = timelineOf(entry);
  const changes = history
    .map((line, index) => ({ line, text: textOf(line, history[index - 1], steps) }))
    .filter(({ line }) => !isReportedAsStage(line))
    .map(({ line, text }) => ({ id: JSON.stringify(line), at: line.at, order: line.at, text }));
  let order = 0;
  const stages = steps.flatMap(({ at, name }, index) => {
    order = Math.max(order, at);
    const isStage = news.some(({ stage }) => stage === name);
    return isStage ? [{ id: `${uploadId} ${name}`, at, order, text: `${name}${tookBefore(steps, index)}` }] : [];
  });
  return [...changes, ...stages].sort((a, b) => a.order - b.order);
}

/** A webhook changed the state: the line of its stage says so, with Streampixel's time. */
function isReportedAsStage({ note, state }: HistoryLine): boolean {
  return state === 'rejected' || (state === 'approved' && note === undefined);
}

function textOf({ at, note, state }: HistoryLine, before: HistoryLine | undefined, steps: readonly Step[]): string {
  const words = note === undefined || note === state ? '' : printable(inLocalTime(note, Date.now()));
  // The state is not repeated where it did not change.
  if (words !== '' && state === before?.state) return words;
  const index = steps.findIndex((step) => step.name === state && step.at === at);
  return `${state}${words === '' ? '' : `  ${words}`}${index < 0 ? '' : tookBefore(steps, index)}`;
}

function tookBefore(steps: readonly Step[], index: number): string {
  const before = steps[index - 1];
  return before?.tookMs === undefined ? '' : `  (${before.name}: ${span(before.tookMs)})`;
}
