import type { Secret } from './secret.ts';

/** Longest description of a failure that is kept anywhere, in characters: a few sentences, not a page of HTML. */
const DETAIL_LIMIT = 300;

/** A piece of a secret at the end of a cut-off text is removed from this length on, in characters. */
const SHORTEST_PIECE = 6;

/**
 * Makes foreign text (Streampixel's message, an error's message) fit to be kept and shown: removes the given secrets in every
 * spelling, the query of every URL, and everything that looks like a signature; then collapses white space and shortens it to
 * {@link DETAIL_LIMIT} characters. It shortens last, so that no half of a secret survives the cut.
 */
export function redact(text: string, secrets: readonly Secret[] = []): string {
  let clean = text;
  for (const secret of secrets) {
    const value = secret.reveal();
    if (value === '') continue;
    for (const spelling of spellings(value)) clean = clean.replaceAll(spelling, '[secret]');
    clean = withoutCutOffPiece(clean, value);
  }
  clean = clean
    .replaceAll(/(https?:\/\/[^\s"'<>?]+)\?[^\s"'<>]*/gi, '$1?[query]')
    // Signed parameters outside a URL, percent-encoded or as JSON.
    .replaceAll(
      /(X-Amz-(?:Signature|Credential|Security-Token))(["']?\s*(?:=|%3D|:)\s*["']?)[^\s"'&<>,}]+/gi,
      '$1$2[secret]',
    )
    // CloudFront's parameter, and the key that signs it.
    .replaceAll(/\b(Signature(?:=|%3D))[\w~.%-]+/gi, '$1[secret]')
    .replaceAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/gs, '[secret]')
    .replaceAll(/(api_?key["']?\s*(?:=|%3D|:)\s*["']?)[^\s"'&<>,}]+/gi, '$1[secret]')
    // A SigV4 signature by itself: 64 hex digits.
    .replaceAll(/\b[0-9a-f]{64}\b/gi, '[secret]')
    .replaceAll(/\s+/g, ' ')
    .trim();
  // Half of a character at the cut is none: no service takes it.
  const fits = clean.length > DETAIL_LIMIT ? `${clean.slice(0, DETAIL_LIMIT - 1)}…` : clean;
  return fits.toWellFormed();
}

/** An error's name and message, redacted. Its other fields are left out: they may hold requests with credentials. */
export function describeError(error: unknown): string {
  return redact(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}

/** The spellings in which a value may come back: as it is, percent-encoded, as JSON, and as JSON within JSON. */
function spellings(value: string): ReadonlySet<string> {
  const quoted = JSON.stringify(value).slice(1, -1);
  return new Set([value, encodeURIComponent(value), quoted, JSON.stringify(quoted).slice(1, -1)]);
}

/** A body that is cut off may end inside a secret. */
function withoutCutOffPiece(text: string, value: string): string {
  for (let length = value.length; length >= SHORTEST_PIECE; length--) {
    if (text.endsWith(value.slice(0, length))) return `${text.slice(0, -length)}[secret]`;
  }
  return text;
}
