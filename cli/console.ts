import { stripVTControlCharacters, styleText } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';

export type Colour = 'green' | 'yellow' | 'red' | 'gray' | 'cyan' | 'bold';

/** Where a command puts its data (stdout) and its messages (stderr). Colours only on terminals, and never under NO_COLOR. */
export class Console {
  readonly json: boolean;
  constructor(json: boolean) {
    this.json = json;
  }

  /** The command's data: one JSON document, or the lines that stand for it. */
  data(value: unknown, lines: readonly string[]): void {
    process.stdout.write(this.json ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`);
  }

  /** Of the terminal. Without a terminal there is no limit: what is piped is complete. */
  get columns(): number {
    return process.stdout.isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
  }

  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** For data. */
  paint(colour: Colour, text: string): string {
    return this.json ? text : styleText(colour, text, { stream: process.stdout });
  }

  /** For messages. */
  tint(colour: Colour, text: string): string {
    return styleText(colour, text, { stream: process.stderr });
  }

  /**
   * Shows a bar on stderr while `work` runs; off a terminal, a line now and then.
   *
   * @param least no bar for fewer than these: it would be over before it can be read
   */
  async progress<Result>(
    label: string,
    total: number,
    { format = String, least = 0 }: { readonly format?: (value: number) => string; readonly least?: number },
    work: (progress: Progress) => Promise<Result>,
  ): Promise<Result> {
    if (total < least) return work({ update() {}, total() {} });
    const bar = new SingleBar(
      {
        format: `${label} {bar} {percentage}% | {value} of {total}{rest}`,
        formatValue: (value, _, type) =>
          type === 'value' || type === 'total' ? format(value) : `${value}`.padStart(type === 'percentage' ? 3 : 0),
        noTTYOutput: true,
        // In a log file a moving bar is of no use: a line every ten seconds shows that it moves.
        notTTYSchedule: 10_000,
        hideCursor: true,
        stream: process.stderr,
        barsize: 24,
      },
      Presets.shades_classic,
    );
    bar.start(total, 0, { rest: '' });
    try {
      return await work({
        update: (value, rest = '') => bar.update(value, { rest: rest && ` | ${rest}` }),
        total: (value) => bar.setTotal(value),
      });
    } finally {
      bar.stop();
    }
  }
}

export interface Progress {
  /** @param rest what else to print behind the bar */
  update(value: number, rest?: string): void;
  total(value: number): void;
}

/** Rows in columns, two spaces apart; the last column is as wide as it needs. */
export function aligned(rows: readonly (readonly string[])[], indent = 0): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell));
  }
  return rows.map((row) =>
    (' '.repeat(indent) + row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell))).join('  '))
      // Removes padding only: a colour's escape sequence ends in a letter.
      .trimEnd(),
  );
}

/** Rows of a form: a label, and its text in lines that are no wider than so many columns. A command stays whole, to be copied. */
export function form(rows: readonly (readonly [label: string, text: string])[], columns: number): string[] {
  const indent = Math.max(0, ...rows.map(([label]) => width(label))) + 2;
  return rows.flatMap(([label, text]) =>
    (isCommand(text) ? [text] : wrapped(text, columns - indent)).map((line, index) => {
      const start = index === 0 ? label : '';
      return `${start}${' '.repeat(indent - width(start))}${line}`.trimEnd();
    }),
  );
}

/** Narrower text could not be read: then the lines are wider than the terminal. */
const LEAST_COLUMNS = 10;

/** Text in lines no wider than so many columns. Words that are wider themselves are broken. */
export function wrapped(text: string, available: number): string[] {
  const columns = Math.max(LEAST_COLUMNS, available);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (width(longer) <= columns) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    for (line = word; width(line) > columns; line = line.slice(columns)) lines.push(line.slice(0, columns));
  }
  return [...lines, line];
}

/** The lines, cut to so many columns. One with a command stays whole, to be copied. */
export function fitted(lines: readonly string[], columns: number): string[] {
  return lines.map((line) => (width(line) <= columns || isCommand(line) ? line : cut(line, columns)));
}

function isCommand(text: string): boolean {
  return stripVTControlCharacters(text).trimStart().replace(/^-> /, '').startsWith('npx ');
}

/** What shows that a line was cut. */
const CUT = '...';
/** What sets a colour. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is how it begins.
const SEQUENCE = /(\x1b\[[\d;]*m)/;

/** The start of a line. Colours that end later end there all the same. */
function cut(line: string, columns: number): string {
  let left = columns - CUT.length;
  const parts = line.split(SEQUENCE).map((part, index) => {
    if (index % 2 === 1) return part;
    const shown = left <= 0 ? '' : part.slice(0, left);
    left -= part.length;
    return shown;
  });
  return `${parts.join('')}${CUT}`;
}

function width(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

/** Foreign text made fit for a terminal, which would obey the control characters in it. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ');
}
