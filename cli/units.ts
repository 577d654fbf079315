import { usageError } from './operator-error.ts';

/** Decimal units, as S3's console shows them. */
export function bytes(count: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = count < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${power === 0 ? count : (count / 1_000 ** power).toFixed(1)} ${units[power]}`;
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

/** @returns ms from text such as `90s`, `15m`, `36h` or `2d`; throws a usage error for other text */
export function parseSpan(text: string): number {
  const [, count, unit] = /^(\d+)([dhms])$/.exec(text) ?? [];
  if (count === undefined) throw usageError(`"${text}" is not a time span.`, 'Write it as 90s, 15m, 36h or 2d.');
  return Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-GB')} ${count === 1 ? one : many}`;
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

/** The text with the ISO 8601 times in it as local ones. */
export function inLocalTime(text: string, now: number): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (instant) => clockTime(Date.parse(instant), now));
}
