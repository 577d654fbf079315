import type { Labels } from '../model/package-verdict.ts';

/** The header of S3 that carries a label, up to the label's name. */
const HEADER = 'x-amz-meta-label-';
/** More than these are left out, so that no object can fill the ledger. Lengths in characters. */
const LABEL_LIMIT = 10;
const NAME_LIMIT = 64;
const VALUE_LIMIT = 256;

/**
 * Reads the labels from the headers with which S3 serves an object. Foreign text: one line, without control characters, cut to a
 * length.
 *
 * @returns in the order of their names; `undefined` where there are none
 */
export function labelsIn(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Labels | undefined {
  const labels = Object.entries(headers).flatMap(([header, value]) => {
    const name = header.toLowerCase().startsWith(HEADER) ? plain(header.slice(HEADER.length), NAME_LIMIT) : '';
    return name === '' || typeof value !== 'string' ? [] : [[name, plain(decoded(value), VALUE_LIMIT)] as const];
  });
  if (labels.length === 0) return undefined;
  return Object.fromEntries(labels.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, LABEL_LIMIT));
}

/** As people read them: `branch=main, commit=4f2c1a`. */
export function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

/**
 * Headers are ASCII. S3 encodes other characters as RFC 2047 does for e-mail; some tools percent-encode them before they send them.
 * Percent signs that encode no such character stay as they are.
 */
function decoded(value: string): string {
  const words = value.replaceAll(/(=\?[^?]*\?[BQ]\?[^?]*\?=)\s+(?==\?)/gi, '$1');
  const text = words.replaceAll(/=\?utf-8\?([BQ])\?([^?]*)\?=/gi, (word, kind: string, encoded: string) => {
    const bytes = kind.toUpperCase() === 'B' ? bytesOfBase64(encoded) : bytesOfQuoted(encoded);
    return bytes === undefined ? word : new TextDecoder().decode(bytes);
  });
  try {
    const percent = decodeURIComponent(text);
    return /[^\p{ASCII}]/u.test(percent) ? percent : text;
  } catch {
    return text;
  }
}

function bytesOfBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function bytesOfQuoted(text: string): Uint8Array {
  const latin1 = text
    .replaceAll('_', ' ')
    .replaceAll(/=([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Uint8Array.from(latin1, (char) => char.charCodeAt(0));
}

function plain(text: string, limit: number): string {
  const line = text
    .toWellFormed()
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
    .trim();
  return [...line].slice(0, limit).join('');
}
