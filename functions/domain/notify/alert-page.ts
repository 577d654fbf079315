import { printable } from '../model/printable.ts';

/**
 * Aligned like a form; a line without a value is left out. A key or Streampixel's message may hold line breaks: each stays within
 * its line, or a key could write lines of its own, such as "Then run".
 */
export function page(opening: string, lines: readonly (readonly [string, string | undefined])[]): string {
  const shown = lines.filter(([, value]) => value !== undefined && value !== '');
  return [opening, '', ...shown.map(([label, value]) => `${label.padEnd(14)}${value}`)].map(printable).join('\n');
}

/** As SNS takes it: printable ASCII, less than 100 characters. */
export function subject(text: string): string {
  const ascii = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return ascii.length > 99 ? `${ascii.slice(0, 96)}...` : ascii;
}

/** @param ms since the epoch */
export function utc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
