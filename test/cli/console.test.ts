import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aligned, Console } from '../../cli/console.ts';

/** What a terminal obeys or hides, and what a key or a message may hold of it. */
const HOSTILE = {
  'a colour': '\x1b[31m',
  'a title': '\x1b]0;owned\x07',
  'a C1 control': '\x9b31m',
  'a carriage return': '\r',
  'a line break': '\n',
  'a line separator': '\u2028',
  'a paragraph separator': '\u2029',
  'an override of the direction': '\u202e',
  'an isolate': '\u2067',
  'a direction mark': '\u200f',
  'no width': '\u200b',
  'a byte order mark': '\ufeff',
  'a tag': '\u{e0041}',
  'a delete': '\x7f',
};
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

function open(json = false, columns?: number) {
  const written = { out: '', error: '' };
  const stream = (name: 'out' | 'error') => {
    const through = Object.assign(new PassThrough(), { columns, isTTY: false });
    through.on('data', (chunk) => {
      written[name] += chunk;
    });
    return through as unknown as NodeJS.WriteStream;
  };
  const console = new Console(json, undefined, { stdout: stream('out'), stderr: stream('error') });
  return { console, written };
}

beforeEach(() => {
  for (const name of ['COLUMNS', 'FORCE_COLOR', 'NO_COLOR']) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each(Object.entries(HOSTILE))('%s from outside', (_, hostile) => {
  const text = `a${hostile}b`;

  it('does not reach a terminal, in data, messages or colours', () => {
    const { console, written } = open();
    console.data({}, [text, console.paint('red', text), ...aligned([[text, text]])]);
    console.say(`${text} ${console.paint('bold', text)}`);
    expect(written.out + written.error).not.toMatch(UNSAFE);
    // One line each, whatever is in it.
    expect(written.out.split('\n')).toHaveLength(4);
  });

  it('reaches a terminal as an escape of JSON, which is read as what it was', () => {
    const { console, written } = open(true);
    console.data({ [text]: text }, []);
    expect(written.out).not.toMatch(UNSAFE);
    expect(JSON.parse(written.out)).toEqual({ [text]: text });
  });
});

describe('colours', () => {
  it('are ours where the stream shows them, and those of other text are not', () => {
    vi.stubEnv('FORCE_COLOR', '1');
    const { console, written } = open();
    console.data({}, [`${console.paint('red', 'bad \x1b[32m')} end`]);
    expect(written.out).toBe('\x1b[31mbad  [32m\x1b[39m end\n');
  });

  it.each([
    ['off a terminal', {}],
    ['under NO_COLOR', { NO_COLOR: '1' }],
    ['under FORCE_COLOR=0', { FORCE_COLOR: '0' }],
  ])('are left out %s', (_, variables) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    const { console, written } = open();
    console.say(console.paint('red', 'bad'));
    expect(written.error).toBe('bad\n');
  });

  it('do not make a column wider, and neither do characters of two columns', () => {
    const { console, written } = open();
    console.data(
      {},
      aligned([
        [console.paint('green', 'ok'), 'x'],
        ['FAIL', 'y'],
        ['构建', 'z'],
      ]),
    );
    expect(written.out).toBe('ok    x\nFAIL  y\n构建  z\n');
  });
});

describe.each([60, 80, 200])('on a terminal of %i columns', (columns) => {
  const sentence = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ');
  const command =
    "npx --no streampixel-drop release 'a key with spaces and a very long name of its own.zip@0123456789' --yes";
  const lines = (text: string) => text.trimEnd().split('\n');

  it('breaks sentences between words', () => {
    const { console, written } = open(false, columns);
    console.say(sentence);
    expect(Math.max(...lines(written.error).map(({ length }) => length))).toBeLessThanOrEqual(columns);
    expect(
      lines(written.error)
        .map((line) => line.trim())
        .join(' '),
    ).toBe(sentence);
    // A word of somebody else's never looks like a line of its own.
    for (const line of lines(written.error).slice(1)) expect(line).toMatch(/^ {2}word/);
  });

  it('continues the last column of a table below itself', () => {
    const { console, written } = open(false, columns);
    console.data(
      {},
      aligned(
        [
          ['Why', sentence],
          ['What to do', 'x'],
        ],
        2,
      ),
    );
    const [first = '', ...rest] = lines(written.out);
    expect(first).toMatch(/^ {2}Why {9}word0 /);
    for (const line of rest) {
      expect(line.length).toBeLessThanOrEqual(columns);
      expect(line).toMatch(/^ {14}word|^ {2}What/);
    }
  });

  it('keeps a table within the terminal where a name is longer than it', () => {
    const { console, written } = open(false, columns);
    const id = `bucket/${'x'.repeat(240)}`;
    console.data({}, aligned([['12:00:00', id, 'note']], 2));
    expect(Math.max(...lines(written.out).map(({ length }) => length))).toBeLessThanOrEqual(columns);
    expect(written.out.replaceAll(/\s/g, '')).toBe(`12:00:00${id}note`);
  });

  it('breaks no command and no address, so that they can be copied', () => {
    const { console, written } = open(false, columns);
    const address = `https://hooks.example/${'x'.repeat(240)}`;
    console.data({}, [
      `${sentence.slice(0, 40)}: ${command}`,
      ...aligned([
        ['Then run', command],
        ['Address', address],
      ]),
    ]);
    console.say(`It says \`${command}\` and goes on with more words than fit.`);
    for (const whole of [command, address]) expect(written.out).toContain(whole);
    expect(written.error).toContain(`\`${command}\``);
  });
});

it('breaks nothing where there is no terminal: programs read it', () => {
  const { console, written } = open();
  console.say('word '.repeat(100).trim());
  expect(written.error.split('\n')).toHaveLength(2);
});

it('takes the width from COLUMNS, as other tools do', () => {
  vi.stubEnv('COLUMNS', '30');
  const { console, written } = open();
  console.say('word '.repeat(20).trim());
  expect(Math.max(...written.error.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(30);
});
