import { styleText } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import { printable, printableJson } from '../functions/domain/model/printable.ts';
import { type OperatorCommands, operatorCommands } from '../functions/domain/notify/operator-commands.ts';
import { type Colour, painted, plainLines, shownLines } from './terminal-text.ts';

export { printable } from '../functions/domain/model/printable.ts';
export { aligned, type Colour, plainLines } from './terminal-text.ts';

type Stream = NodeJS.WriteStream;

/** Lines of fewer columns are not worth breaking. */
const LEAST_COLUMNS = 20;

/**
 * Where a command puts its data (stdout) and its messages (stderr). Whatever it gets is made harmless here, so text from outside
 * can be passed on as it is. Colours and moving lines are for terminals only.
 */
export class Console {
  readonly json: boolean;
  /** Commands to print: for the stack that the tool operates, once it is known which one that is. */
  commands: OperatorCommands;
  readonly #out: Stream;
  readonly #error: Stream;
  /** The moving line, where there is one. */
  #moving = '';

  constructor(
    json: boolean,
    commands = operatorCommands({}),
    { stdout, stderr }: { readonly stdout: Stream; readonly stderr: Stream } = process,
  ) {
    this.json = json;
    this.commands = commands;
    this.#out = stdout;
    this.#error = stderr;
  }

  /** The command's data: one JSON document, or the lines that stand for it. A line break within a line is none. */
  data(value: unknown, lines: readonly string[]): void {
    this.#above(() =>
      this.#out.write(
        this.json ? `${printableJson(value)}\n` : lines.map((line) => this.#shown(line, this.#out)).join(''),
      ),
    );
  }

  /** Of the terminal. Without a terminal there is no limit: what is piped is complete. */
  get columns(): number {
    return columnsOf(this.#out) ?? Number.POSITIVE_INFINITY;
  }

  /** @param text its line breaks are kept: text from outside that may hold some goes through {@link printable} first */
  say(text: string): void {
    this.#above(() => {
      for (const line of text.split('\n')) this.#error.write(this.#shown(line, this.#error));
    });
  }

  /** For data and messages. */
  paint(colour: Colour, text: string): string {
    return painted(colour, text);
  }

  /** Whether no program reads the data any more (`| head`). */
  get isClosed(): boolean {
    return this.#out.destroyed || this.#out.errored !== null;
  }

  /** Shows the page of `data` alone on the screen, on a terminal. */
  clear(): void {
    // Cursor home and clear.
    if (!this.json && this.#out.isTTY) this.#out.write('\x1b[H\x1b[2J');
  }

  /** Whether moving lines can be shown. */
  get isLive(): boolean {
    return this.#error.isTTY && process.env.TERM !== 'dumb';
  }

  /** One line below the messages that is replaced each time, on a terminal only. Without text it goes away. */
  move(text = ''): void {
    if (!this.isLive || text === this.#moving) return;
    // One column is left free: some terminals go on to the next line when the last one is used.
    const columns = (columnsOf(this.#error) ?? 80) - 1;
    this.#moving = plainLines(text, columns)[0] ?? '';
    this.#error.write(CLEAR_LINE + (text && styleText('gray', this.#moving, { stream: this.#error })));
  }

  /** Writes above the moving line. */
  #above(write: () => void): void {
    const moving = this.#moving;
    this.move();
    write();
    this.move(moving);
  }

  #shown(line: string, stream: Stream): string {
    const lines = shownLines(line, columnsOf(stream), (colour, text) => styleText(colour, text, { stream }));
    return lines.map((each) => `${each}\n`).join('');
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
        format: '{label} {bar} {percentage}% | {value} of {total}{rest}',
        formatValue: (value, _, type) =>
          type === 'value' || type === 'total' ? format(value) : `${value}`.padStart(type === 'percentage' ? 3 : 0),
        noTTYOutput: true,
        // In a log file a moving bar is of no use: a line every ten seconds shows that it moves.
        notTTYSchedule: 10_000,
        hideCursor: true,
        stream: this.#error,
        barsize: 24,
      },
      Presets.shades_classic,
    );
    bar.start(total, 0, { label: printable(label), rest: '' });
    try {
      return await work({
        update: (value, rest = '') => bar.update(value, { rest: rest && ` | ${printable(rest)}` }),
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

/** Cursor to the start of its line, and clear that line. */
const CLEAR_LINE = '\r\x1b[2K';

/**
 * Width of a stream's terminal: what COLUMNS says, as for other tools; 80 for one that does not say it. `undefined` off a terminal:
 * lines stay whole there.
 */
function columnsOf(stream: Stream): number | undefined {
  const columns = Number(process.env.COLUMNS ?? '') || stream.columns || (stream.isTTY ? 80 : 0);
  return columns >= LEAST_COLUMNS ? columns : undefined;
}

/** Width of the help, which is never one long line. */
export function helpColumns(stream: Stream): number {
  return columnsOf(stream) ?? 80;
}
