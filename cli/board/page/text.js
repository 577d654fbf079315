/** How values are written for people. */

/** Control characters, and those that change the direction of text or can't be seen; two joiners stay, emoji need them. */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Text from outside as one line that is safe to show.
 *
 * @param {unknown} text
 */
export function printable(text) {
  return String(text ?? '').replaceAll(UNPRINTABLE, ' ');
}

/**
 * In decimal units, as S3's console shows them.
 *
 * @param {number} count of bytes
 */
export function bytes(count) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = units.findIndex((_, index) => index === units.length - 1 || count < 999.95 * 1000 ** index);
  return `${power === 0 ? Math.round(count) : (count / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/**
 * @param {number} count
 * @param {string} one
 */
export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString('en-GB')} ${count === 1 ? one : many}`;
}

/** @type {readonly (readonly [string, number])[]} */
const UNITS_MS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/**
 * The two largest units of a time span: `2 d 3 h`, `45 s`.
 *
 * @param {number} ms
 */
export function span(ms) {
  let rest = Math.max(0, Math.round(ms / 1000) * 1000);
  const first = UNITS_MS.findIndex(([, size]) => rest >= size);
  if (first < 0) return '0 s';
  const parts = [];
  for (const [unit, size] of UNITS_MS.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count} ${unit}`);
    rest -= count * size;
  }
  return parts.join(' ');
}

/**
 * How long ago something was. The longer, the less a small unit says: `40 s`, `12 min`, `2 h 3 min`.
 *
 * @param {number} ms
 */
export function roughSpan(ms) {
  return span(ms < 60_000 ? ms : Math.floor(ms / 60_000) * 60_000);
}

/**
 * Text about builds without what is the same in all ids: the bucket, and most of a long version. Times in it become local ones.
 *
 * @param {string} text
 * @param {string} bucket
 */
export function withShortNames(text, bucket) {
  return withLocalTimes(text)
    .replaceAll(`${bucket}/`, '')
    .replaceAll(/(\.zip@[\w.-]{8})[\w.-]{13,}/gi, '$1');
}

/**
 * Text from outside, with the ISO 8601 times in it as local ones; one within a word, such as a key, stays.
 *
 * @param {string} text
 */
export function withLocalTimes(text) {
  return printable(text).replaceAll(/(?<![^\s(])\d{4}-\d\d-\d\dT[\d:.]+Z(?=[,;:.)]?(?:\s|$))/g, (at) =>
    clockTime(Date.parse(at), Date.now()),
  );
}

/**
 * Local time: only the time of day where it is less than 12 h away.
 *
 * @param {number} ms since the epoch
 * @param {number} now
 */
export function clockTime(ms, now) {
  // Swedish has the order of ISO 8601: `2026-04-21 12:00:00`.
  const text = new Date(ms).toLocaleString('sv-SE');
  return Math.abs(ms - now) < 43_200_000 ? text.slice(11) : text.slice(0, 16);
}
