/**
 * Reads JSON that people write by hand.
 *
 * @returns `problems`, each with line and column where it has a place: what is no JSON (the first of it), or names that an object has
 *   twice. With one there is no `value`
 */
export function parseJsonText(text: string): { readonly value?: unknown; readonly problems: readonly string[] } {
  const problems = new JsonText(text).problems();
  return problems.length > 0 ? { problems } : { value: JSON.parse(text), problems };
}

const TOKENS = {
  space: /[ \t\r\n]*/y,
  string: /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy,
  other: /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y,
};

/** Not JSON: where, and what is wrong there. */
class Wrong extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** `JSON.parse` says neither line nor column of every mistake, and takes names that are there twice. */
class JsonText {
  readonly #text: string;
  readonly #twice: string[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  problems(): readonly string[] {
    try {
      this.#value();
      if (this.#next() !== '') throw this.#wrong('the JSON ends before this. Take the rest out');
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      return [`${this.#place(error.at)}: ${error.message}`];
    }
    return this.#twice;
  }

  #value(): void {
    const next = this.#next();
    if (next === '{') this.#list('}', () => this.#member(new Map()));
    else if (next === '[') this.#list(']', () => () => this.#value());
    else if (next === '"') this.#string();
    else if (this.#take(TOKENS.other) === undefined) throw this.#wrong(valueProblem(next));
  }

  /** @param entry makes what reads one entry after the other */
  #list(end: string, entry: () => () => void): void {
    // Places are worked out for a problem only: to count the lines of each bracket would take a minute for thousands of routes.
    const opened = this.#at++;
    const read = entry();
    if (this.#next() !== end) {
      for (;;) {
        read();
        const next = this.#next();
        if (next === end) break;
        if (next === '')
          throw this.#wrong(`the text ends here, and the bracket of ${this.#place(opened)} is still open`);
        if (next !== ',') throw this.#wrong(`a comma or ${end} is missing before this`);
        const comma = this.#at++;
        if (this.#next() === end) throw new Wrong(comma, `JSON has no comma before ${end}. Take it out`);
      }
    }
    this.#at++;
  }

  #member(places: Map<string, number>): () => void {
    return () => {
      const next = this.#next();
      if (next !== '"') throw this.#wrong(`a name in double quotes is expected here, such as "prefix": ""`);
      const at = this.#at;
      const name: string = JSON.parse(this.#string());
      const first = places.get(name);
      if (first !== undefined) {
        this.#twice.push(
          `${this.#place(at)}: ${name} is here for the second time (${this.#place(first)}). Keep one of them`,
        );
      }
      places.set(name, at);
      if (this.#next() !== ':') throw this.#wrong(`a colon is missing after ${JSON.stringify(name)}`);
      this.#at++;
      this.#value();
    };
  }

  #string(): string {
    const text = this.#take(TOKENS.string);
    if (text !== undefined) return text;
    throw this.#wrong(String.raw`this text has no closing " on its line, or a single \ in it: write \\`);
  }

  /** The next character that counts, or '' at the end. */
  #next(): string {
    this.#take(TOKENS.space);
    const next = this.#text[this.#at] ?? '';
    if (next === '/' || next === '#') throw this.#wrong('JSON has no comments. Take this one out');
    return next;
  }

  #take(token: RegExp): string | undefined {
    token.lastIndex = this.#at;
    const found = token.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #wrong(message: string): Wrong {
    return new Wrong(this.#at, message);
  }

  #place(at: number): string {
    const lines = this.#text.slice(0, at).split(/\r\n|\r|\n/);
    return `line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
  }
}

function valueProblem(next: string): string {
  if (next === '') return 'the text ends here, and a value is missing';
  if (/['\u2018-\u201f`]/.test(next)) return 'text needs double quotes: "..."';
  if (/[,:\]}]/.test(next)) return 'a value is missing before this';
  return 'this is no JSON: text needs double quotes, other values are numbers, true, false, null, lists and objects';
}
