/** What SQS refuses a message for: everything outside of XML 1.0. An object key or Streampixel's message may hold it. */
const REFUSED = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

/** Text that every service takes: U+FFFD instead of each character that one of them refuses. */
export function sendableText(text: string): string {
  return text.replaceAll(REFUSED, '\uFFFD');
}

/** JSON that every service takes, and that is parsed to the same value: such characters are escaped. */
export function sendableJson(value: unknown): string {
  // U+FFFE and U+FFFF: JSON.stringify escapes the others.
  return JSON.stringify(value).replaceAll(REFUSED, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
}
