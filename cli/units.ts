import { InvalidArgumentError } from 'commander';
import { bytes } from '../functions/domain/model/size.ts';

/** Before that, a rate says nothing, in ms. */
const LEAST_FOR_A_RATE_MS = 1_000;

/**
 * How fast bytes are sent, and how long the rest takes: `12.3 MB/s, 1 m 5 s left`. Empty while that is not known.
 *
 * @param done bytes sent in `ms`
 * @param left bytes still to send
 */
export function rateText(done: number, left: number, ms: number): string {
  if (done <= 0 || ms < LEAST_FOR_A_RATE_MS) return '';
  const perSecond = (done / ms) * 1_000;
  const rate = perSecond < 1_000 ? `${(perSecond / 1_000).toFixed(1)} kB` : bytes(perSecond);
  return `${rate}/s, ${span((left / perSecond) * 1_000)} left`;
}

const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const;

/** The two largest units of a time span: `2 d 3 h`, `45 s`. */
export function span(ms: number): string {
  const parts: string[] = [];
  let rest = Math.max(0, Math.round(ms / 1_000) * 1_000);
  for (const [unit, size] of Object.entries(UNITS_MS)) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
    rest -= count * size;
    if (parts.length === 2) break;
  }
  return parts.join(' ') || '0 s';
}

/** Largest unit first, each once at most: `90s`, `1h30m`, `1h 30m`. */
const SPAN = /^(?=.)(?:(\d{1,6})d ?)?(?:(\d{1,6})h ?)?(?:(\d{1,6})m ?)?(?:(\d{1,6})s)?$/;

/**
 * @returns ms from text such as `90s`, `30m`, `1h30m` or `2d`
 * @throws InvalidArgumentError for other text: commander adds the name of the flag
 */
export function parseSpan(text: string): number {
  const counts = SPAN.exec(text.trim().toLowerCase())?.slice(1);
  if (counts === undefined) throw new InvalidArgumentError('Write a time as 90s, 30m, 2h, 1h30m or 7d.');
  return Object.values(UNITS_MS).reduce((ms, size, index) => ms + Number(counts[index] ?? 0) * size, 0);
}

/** As {@link parseSpan}, and longer than nothing. */
export function parseTimeout(text: string): number {
  const ms = parseSpan(text);
  if (ms === 0) throw new InvalidArgumentError('It must be longer than 0 s.');
  return ms;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-GB')} ${count === 1 ? one : many}`;
}

/** Of what there may be hundreds, so many are named. */
export const NAMED = 10;

/** Choices for a person: the first ten, and how many more there are. */
export function listed(choices: readonly string[], separator = ', '): string {
  const more = choices.length - NAMED;
  return [...choices.slice(0, NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join(separator);
}

/** Local time: only the time of day where it is less than 12 h away from now. */
export function clockTime(ms: number, now: number): string {
  // Swedish has the order of ISO 8601: `2026-04-21 12:00:00`.
  const text = new Date(ms).toLocaleString('sv-SE');
  return Math.abs(ms - now) < UNITS_MS.h * 12 ? text.slice(11) : text.slice(0, 16);
}

export function iso(ms: number): string;
export function iso(ms: number | undefined): string | undefined;
export function iso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** The text with the ISO 8601 times in it as local ones; one within a word, such as a key, stays. */
export function inLocalTime(text: string, now: number): string {
  return text.replaceAll(/(?<![^\s(])\d{4}-\d\d-\d\dT[\d:.]+Z(?=[,;:.)]?(?:\s|$))/g, (instant) =>
    clockTime(Date.parse(instant), now),
  );
}
