import type { IncomingHttpHeaders } from 'node:http';

/** An answer that may say when to come back. */
export interface AnswerWithWait {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** In words. */
  readonly message: string;
}

/** Longest wait that an answer is believed, in ms: one that is wrong must not stop a lane for a week. */
const LONGEST_WAIT_MS = 24 * 3_600_000;

/** Headers with the time to come back, the most precise first, each with the unit of a bare number in ms. */
const WAIT_HEADERS: readonly (readonly [name: string, unitMs: number])[] = [
  ['retry-after-ms', 1],
  ['x-ms-retry-after-ms', 1],
  ['retry-after', 1_000],
  ['x-retry-after', 1_000],
];
/** These come with answers of every kind, so they are the time to come back only where the rate limit was the reason. */
const LIMIT_HEADERS: typeof WAIT_HEADERS = [
  ['x-ratelimit-reset-after', 1_000],
  ['ratelimit-reset', 1_000],
  ['x-ratelimit-reset', 1_000],
  ['x-rate-limit-reset', 1_000],
];

/**
 * How long an answer asks to wait: by its headers, else by a field of its JSON such as `retryAfter`, else by its words. What makes
 * no sense counts as absent.
 *
 * @param now ms since the epoch
 * @returns ms, from 0 (for an instant that has passed) to a day; `undefined` where nothing is said
 */
export function parseRetryAfter({ headers, json, message, status }: AnswerWithWait, now: number): number | undefined {
  const names = status === 429 ? [...WAIT_HEADERS, ...LIMIT_HEADERS] : WAIT_HEADERS;
  const wait =
    first(names, ([name, unitMs]) => waitOf(headers[name], now, unitMs)) ??
    // The IETF's draft: `"default";r=0;t=90`, in former versions `limit=1, remaining=0, reset=90`.
    (status === 429 ? waitOf(/\b(?:t|reset)=(\d+)/.exec(`${headers.ratelimit}`)?.[1], now) : undefined) ??
    waitInFields(json, now) ??
    waitInWords(message, now);
  return wait === undefined ? undefined : Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil(wait)));
}

/** Numbers above these are seconds and ms since the epoch: 1e9 s were over in 2001. */
const EPOCH_S = 1e9;
const EPOCH_MS = 1e12;
/** In characters; longer than every form there is. */
const LONGEST_VALUE = 60;

/** One value: a number, a duration with units, or a date. */
function waitOf(value: unknown, now: number, unitMs = 1_000): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const text = `${value}`.trim().slice(0, LONGEST_VALUE);
  if (!/^(?:\d+\.?\d*|\.\d+)$/.test(text)) return durationOf(text) ?? instantOf(text, now);
  const number = Number(text);
  if (number >= EPOCH_MS) return number - now;
  return number >= EPOCH_S && unitMs === 1_000 ? number * 1_000 - now : number * unitMs;
}

const WORDS = ['an?', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const NUMBER = String.raw`\d{1,3}(?:,\d{3}){1,3}|\d{1,12}(?:\.\d{1,12})?|\b(?:${WORDS.join('|')})\s`;
const UNIT = 'ms|milliseconds?|msecs?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?';
const PART = String.raw`(${NUMBER})(?:\smore)?[\s-]?(${UNIT})(?![a-z])`;
/** Such as `90 s`, `2 min 30 s`, `1h30m`, `an hour and 5 minutes`. */
const DURATION = String.raw`${PART}(?:,?\s?(?:and\s)?${PART}){0,4}`;

/** @returns ms; `undefined` where the text is anything but a duration */
function durationOf(text: string): number | undefined {
  // ISO 8601: PT5M, P1DT2H.
  const plain = /^P(?:\d+D)?(?:T[\d.HMS]+)?$/i.test(text) ? text.replaceAll(/[PT]/gi, '') : text;
  if (!new RegExp(`^${DURATION}$`, 'i').test(plain)) return undefined;
  const parts = [...plain.matchAll(new RegExp(PART, 'gi'))];
  return parts.reduce((sum, [, number = '', unit = '']) => sum + numberOf(number) * unitOf(unit), 0);
}

function numberOf(text: string): number {
  if (/\d/.test(text)) return Number(text.replaceAll(',', ''));
  return Math.max(1, WORDS.indexOf(text.trim().toLowerCase()));
}

/** In ms. */
function unitOf(unit: string): number {
  if (/m(?:s|illi)/i.test(unit)) return 1;
  return { m: 60_000, h: 3_600_000, d: 86_400_000 }[unit.charAt(0).toLowerCase()] ?? 1_000;
}

const ISO_DATE = String.raw`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\s?GMT|\s?UTC|[+-]\d\d:?\d\d)?`;
/** HTTP's three: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`. */
const HTTP_DATE = String.raw`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s[\w :-]+`;

function instantOf(text: string, now: number): number | undefined {
  // `Date.parse` makes a date of almost anything, and takes one without a zone for local time.
  if (!new RegExp(`^(?:${ISO_DATE}|${HTTP_DATE})$`, 'i').test(text)) return undefined;
  const isZoned = /(?:GMT|UTC|Z|[+-]\d\d:?\d\d)$/i.test(text);
  const at = Date.parse(isZoned ? text : `${text}Z`);
  return Number.isNaN(at) ? undefined : at - now;
}

const FIELD = /^(?:x[-_])?retry[-_]?(?:after|in|at)(?:[-_]?(ms|millis\w*|s|secs?|seconds?|m|mins?|minutes?))?$/i;
/** How deep a field may lie, as in `{"error":{"data":{"retryAfter":1}}}`. */
const FIELD_DEPTH = 3;

function waitInFields(json: unknown, now: number, depth = FIELD_DEPTH): number | undefined {
  if (typeof json !== 'object' || json === null || depth === 0) return undefined;
  const fields = Object.entries(json);
  const here = first(fields, ([name, value]) => {
    const match = FIELD.exec(name);
    return match === null ? undefined : waitOf(value, now, unitOf(match[1] ?? 's'));
  });
  return here ?? first(fields, ([, value]) => waitInFields(value, now, depth - 1));
}

function first<Item>(items: readonly Item[], waitIn: (item: Item) => number | undefined): number | undefined {
  for (const item of items) {
    const wait = waitIn(item);
    if (wait !== undefined) return wait;
  }
  return undefined;
}

/** A longer text is a page. In characters. */
const LONGEST_MESSAGE = 1_000;
/** What makes a duration the wait that is asked for: words before it, up to its place in the sentence, or behind it. */
const ASKED_BEFORE =
  /\b(?:again|retry|retrying|retries|wait(?:ing)?|back|available|until|resum\w+|resets?|next|cool-?down)\b([^.!?;\d]{0,40})(?:\d+ ?(?:-|–|to) ?)?$/i;
const ASKED_BEHIND = /^ ?(?:left|remaining|to go|until)\b/i;
/** What makes it the window of the limit instead: `retry once per 2 minutes`, `wait 2 minutes between uploads`. */
const WINDOW_BEFORE = /\b(?:per|every|each|once|limit)\b|\//i;
const WINDOW_BEHIND = /^ ?(?:between|apart|window)\b/i;

/** The longest wait that is asked for: 540 s in "1 upload per 2 minutes. Try again in 540 seconds", where 2 minutes are the window. */
function waitInWords(message: string, now: number): number | undefined {
  const text = message.slice(0, LONGEST_MESSAGE).replaceAll(/\s+/g, ' ');
  const candidates = new RegExp(`${ISO_DATE}|${DURATION}|(?<=retry[-_ ]after[ :=]{1,3})\\d+`, 'gi');
  const waits = [...text.matchAll(candidates)].map(({ 0: candidate, index }) => {
    const behind = text.slice(index + candidate.length);
    const gap = WINDOW_BEHIND.test(behind) ? undefined : ASKED_BEFORE.exec(text.slice(0, index))?.[1];
    const isAsked = (gap !== undefined && !WINDOW_BEFORE.test(gap)) || ASKED_BEHIND.test(behind);
    return isAsked ? (waitOf(candidate, now) ?? -1) : -1;
  });
  const longest = Math.max(-1, ...waits);
  return longest < 0 ? undefined : longest;
}
