import { randomBytes } from 'node:crypto';
import { printable } from '../functions/domain/model/printable.ts';

export type Colour = 'green' | 'yellow' | 'red' | 'gray' | 'cyan' | 'bold';

/**
 * Text that is about to be shown holds marks instead of escape sequences. They differ from run to run, so text from outside can't
 * hold one: whatever else looks like an escape sequence is not ours.
 */
const SEAL = randomBytes(8).toString('hex');
const mark = (name: Colour | 'end' | 'hang') => `\uFDD0${SEAL}${name};`;
const MARKS = new RegExp(`\uFDD0${SEAL}(\\w+);`, 'gu');
/** The lines that a long line is continued in begin where this is. */
const HANG = mark('hang');

/** The text, to be shown in this colour where the stream shows colours. */
export function painted(colour: Colour, text: string): string {
  return text && `${mark(colour)}${text}${mark('end')}`;
}

/** Rows in columns, two spaces apart; the last column is as wide as it needs, and is continued below itself. */
export function aligned(rows: readonly (readonly string[])[], indent = 0): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
  }
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const padding = ' '.repeat((widths[column] ?? 0) - widthOf(cell));
      return column > 0 && column === row.length - 1 && cell !== '' ? HANG + cell : cell + padding;
    });
    // Removes padding only: a mark ends in a semicolon.
    return (' '.repeat(indent) + cells.join('  ')).trimEnd();
  });
}

/** How wide a terminal shows the text, marks left out: in columns. */
function widthOf(text: string): number {
  let columns = 0;
  for (const char of text.replaceAll(MARKS, '')) columns += /\p{M}/u.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return columns;
}

/** Characters of two columns. */
const WIDE =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303e\uff01-\uff60]/u;

/**
 * A line as a terminal is to get it: text from outside made harmless, colours as escape sequences, and broken between words
 * where it is wider than the terminal. Commands and addresses are never broken, so that they can be copied.
 *
 * @param columns of the terminal; without it nothing is broken
 * @param paint applies a colour, or doesn't
 */
export function shownLines(
  line: string,
  columns: number | undefined,
  paint: (colour: Colour, text: string) => string,
): string[] {
  const { colours, hang, text } = withoutMarks(line);
  return rowsOf(text, columns, hang).map(({ end, indent, start }) => {
    const pieces = colours.flatMap(({ colour, from, to }) => {
      const piece = text.slice(Math.max(from, start), Math.min(to, end));
      return piece === '' || from >= end || to <= start ? [] : [colour === undefined ? piece : paint(colour, piece)];
    });
    return ' '.repeat(indent) + pieces.join('');
  });
}

/** {@link shownLines} without colours. */
export function plainLines(line: string, columns: number | undefined): string[] {
  return shownLines(line, columns, (_, text) => text);
}

interface Coloured {
  readonly colour: Colour | undefined;
  readonly from: number;
  readonly to: number;
}

/** The text without its marks, and what they say: which part has which colour, and where a continued line begins. */
function withoutMarks(line: string): { text: string; colours: readonly Coloured[]; hang: number | undefined } {
  const colours: Coloured[] = [];
  let text = '';
  let colour: Colour | undefined;
  let hang: number | undefined;
  // The parts between the marks, and the names of the marks.
  for (const [index, part] of line.split(MARKS).entries()) {
    if (index % 2 === 0) {
      const clean = printable(part);
      colours.push({ colour, from: text.length, to: text.length + clean.length });
      text += clean;
    } else if (part === 'hang') hang = text.length;
    else colour = part === 'end' ? undefined : (part as Colour);
  }
  return { text, colours, hang };
}

interface Row {
  readonly start: number;
  readonly end: number;
  /** Spaces before it. */
  readonly indent: number;
}

/** What is not broken: what is in backticks, a command with everything behind it, an address. Then words, and spaces. */
const TOKENS = /`[^`]*`|(?<=^|[\s(])(?:npx|npm|aws|cp) .*$|https?:\/\/\S+|\S+|\s+/g;
const UNBROKEN = /^(?:`|(?:npx|npm|aws|cp) |https?:)/;

function rowsOf(text: string, columns: number | undefined, hang: number | undefined): Row[] {
  if (columns === undefined || widthOf(text) <= columns) return [{ start: 0, end: text.length, indent: 0 }];
  const leading = text.length - text.trimStart().length;
  // Below its last column, or two to the right: a continued line never looks like a line of its own.
  const column = hang === undefined ? leading + 2 : widthOf(text.slice(0, hang));
  // Too far to the right, a column of single words would be left.
  const indent = column > columns / 2 ? Math.min(leading + 2, columns / 2) : column;
  const rows: Row[] = [];
  let row = { start: 0, end: 0, indent: 0 };
  let used = 0;
  function breakAt(index: number): void {
    rows.push(row);
    row = { start: index, end: index, indent };
    used = indent;
  }
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    const width = widthOf(token);
    // Spaces belong to a row once a word follows.
    if (token.trim() === '') {
      used += width;
      continue;
    }
    // What is too long for any row stays beside a short beginning, such as a label.
    const isBetterBelow = width <= columns - indent || used > columns / 2;
    if (used + width > columns && row.end > row.start && used > indent && isBetterBelow) breakAt(index);
    if (used + width <= columns || UNBROKEN.test(token)) {
      row.end = index + token.length;
      used += width;
      continue;
    }
    let at = index;
    for (const char of token) {
      const wide = widthOf(char);
      if (used + wide > columns) breakAt(at);
      at += char.length;
      row.end = at;
      used += wide;
    }
  }
  return [...rows, row];
}
