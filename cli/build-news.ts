import type { HistoryLine, LedgerEntry } from '../functions/domain/model/ledger-entry.ts';
import { type Console, printable } from './console.ts';
import { clockTime, inLocalTime, span } from './units.ts';
import { type Step, wayOf } from './way.ts';

/**
 * Says what happens to a build, each thing once: what the pipeline did, and each stage that Streampixel tells of, with how long
 * the step before it took.
 *
 * @param known what need not be said any more
 * @returns says what is new in an entry
 */
export function createBuildNews(console: Console, known?: LedgerEntry): (entry: LedgerEntry) => void {
  const told = new Set(known === undefined ? [] : itemsOf(known).map(({ id }) => id));
  return (entry) => {
    for (const { at, id, text } of itemsOf(entry)) {
      if (told.has(id)) continue;
      told.add(id);
      console.say(`${console.tint('gray', clockTime(at, Date.now()))}  ${text}`);
    }
  };
}

interface Item {
  readonly id: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly text: string;
}

/** In the order in which they happened, as far as two clocks let know. */
function itemsOf(entry: LedgerEntry): readonly Item[] {
  const { history, news = [], uploadId } = entry;
  const steps = wayOf(entry);
  const lines = history.flatMap((line, index) =>
    isToldAsStage(line)
      ? []
      : [{ id: JSON.stringify(line), at: line.at, order: line.at, text: textOf(line, history[index - 1], steps) }],
  );
  let order = 0;
  const stages = steps.flatMap(({ at, name }, index) => {
    order = Math.max(order, at);
    const isStage = news.some(({ stage }) => stage === name);
    return isStage ? [{ id: `${uploadId} ${name}`, at, order, text: `${name}${tookBefore(steps, index)}` }] : [];
  });
  return [...lines, ...stages].sort((a, b) => a.order - b.order);
}

/** The vendor's words have changed the state: the stage says so, and by the vendor's clock. */
function isToldAsStage({ note, state }: HistoryLine): boolean {
  return state === 'rejected' || (state === 'approved' && note === undefined);
}

function textOf({ at, note, state }: HistoryLine, before: HistoryLine | undefined, steps: readonly Step[]): string {
  const words = note === undefined || note === state ? '' : printable(inLocalTime(note, Date.now()));
  // What leaves the state as it was says what it does, and not the state once more.
  if (words !== '' && state === before?.state) return words;
  const index = steps.findIndex((step) => step.name === state && step.at === at);
  return `${state}${words === '' ? '' : `  ${words}`}${index < 0 ? '' : tookBefore(steps, index)}`;
}

function tookBefore(steps: readonly Step[], index: number): string {
  const before = steps[index - 1];
  return before?.tookMs === undefined ? '' : `  (${before.name}: ${span(before.tookMs)})`;
}
