/**
 * Characters that a terminal or a mail program obeys or hides: control characters (every escape sequence begins with one), line
 * and paragraph separators, and format characters (direction of the text, zero width). The two joiners stay: emoji and some
 * scripts need them.
 */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text from outside as one line that is safe to show. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, ' ');
}

/** JSON that is safe to show, and that is parsed to the same value: such characters are escaped. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(UNPRINTABLE, (char) =>
    // As UTF-16, which is what JSON escapes.
    char
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
