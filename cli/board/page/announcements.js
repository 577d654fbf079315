/** What a screen reader says by itself: builds whose result has come. */

/**
 * @typedef {import('../board-api.ts').Summary} Summary
 * @typedef {import('../board-api.ts').BuildRow} BuildRow
 */

/** More at once would be noise. */
const NAMED = 3;

/** @type {((text: string) => void) | undefined} */
let say;

/** @param {(text: string) => void} speaker puts the text where screen readers look */
export function useSpeaker(speaker) {
  say = speaker;
}

/** @param {string} text */
export function announce(text) {
  say?.(text);
}

/**
 * @param {Summary | undefined} before nothing is new at first
 * @param {Summary} after
 */
export function announceChanges(before, after) {
  if (before === undefined) return;
  const statuses = new Map(rowsOf(before).map(({ id, status }) => [id, status]));
  const changed = rowsOf(after).filter(({ id, status, tone }) => tone !== 'active' && statuses.get(id) !== status);
  if (changed.length === 0) return;
  const named = changed.slice(0, NAMED).map(({ name, statusText }) => `${name}: ${statusText}.`);
  const others = changed.length - named.length;
  announce([...named, ...(others > 0 ? [`${others} more builds have changed.`] : [])].join(' '));
}

/** @param {Summary} summary @returns {readonly BuildRow[]} */
function rowsOf({ atStreampixel, failed, finished, lanes, waitsForPerson }) {
  const rows = [
    ...lanes.flatMap(({ builds }) => builds.items),
    ...atStreampixel.items,
    ...failed.flatMap(({ builds }) => builds.items),
    ...waitsForPerson.items,
    ...finished,
  ];
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}
