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

function width(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

/** Foreign text made fit for a terminal, which would obey the control characters in it. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ');
}
