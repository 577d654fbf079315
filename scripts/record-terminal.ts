import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

// Run by `npm run recording`: runs the command below for real and draws what it prints as the terminal in the README.
const COMMAND = 'npm start -- --once';
const PROGRAM = ['scripts/start.mjs', '--once'];
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PICTURE = fileURLToPath(new URL('../docs/images/first-run.svg', import.meta.url));

interface Line {
  /** As it was printed, with its colour codes. */
  readonly text: string;
  /** When it was printed, in s. */
  readonly at: number;
}

/** In px. A character of the usual monospaced fonts is 0.6 times as wide as the font is high. */
const [FONT, CHARACTER, LINE, MARGIN, TITLE_BAR] = [14, 8.43, 20, 20, 36];
/** In s: a pause of the program is shown for at most this long, and the finished screen for so long before and after. */
const [LONGEST_PAUSE, FINISHED_BEFORE, FINISHED_AFTER] = [1.5, 2, 6];

const [BACKGROUND, FRAME, TEXT] = ['#161b22', '#6e7681', '#e6edf3'];
/** By the number in the escape code. */
const COLOURS: ReadonlyMap<string, string> = new Map([
  ['31', '#ff7b72'],
  ['32', '#56d364'],
  ['33', '#e3b341'],
  ['36', '#56d4dd'],
  ['90', '#9198a1'],
]);

const lines = await record();
const [path] = [ROOT, homedir()].filter((place) => lines.some(({ text }) => text.includes(place)));
if (path !== undefined) throw new Error(`The output names a path of this machine (${path}): nothing was drawn.`);
mkdirSync(dirname(PICTURE), { recursive: true });
writeFileSync(PICTURE, draw(asPlayed([{ text: `$ ${COMMAND}`, at: 0 }, ...lines])));

function record(): Promise<readonly Line[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Line[]>();
  const printed: Line[] = [];
  const child = spawn(process.execPath, PROGRAM, {
    cwd: ROOT,
    env: { ...process.env, FORCE_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    let begun = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      const whole = (begun + chunk).split('\n');
      begun = whole.pop() ?? '';
      for (const text of whole) {
        console.log(text);
        printed.push({ text, at: performance.now() / 1000 });
      }
    });
  }
  child.on('error', reject);
  child.on('close', (code) =>
    code === 0 ? resolve(printed) : reject(new Error(`${COMMAND} ended with ${code}: nothing was drawn.`)),
  );
  return promise;
}

/** The lines with shorter pauses between them. */
function asPlayed(recorded: readonly Line[]): readonly Line[] {
  let now = 0;
  return recorded.map(({ text, at }, index) => {
    now += Math.min(LONGEST_PAUSE, at - (recorded[index - 1]?.at ?? at));
    return { text, at: now };
  });
}

function draw(shown: readonly Line[]): string {
  const longest = Math.max(...shown.map(({ text }) => stripVTControlCharacters(text).length));
  const [width, textHeight] = [Math.ceil(longest * CHARACTER + 2 * MARGIN), shown.length * LINE];
  const height = TITLE_BAR + textHeight + MARGIN;
  const size = `width="${width}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ${size} role="img" aria-labelledby="title">
<title id="title">${escaped(COMMAND)}: ${escaped(stripVTControlCharacters(shown.at(-1)?.text ?? ''))}</title>
<style>
@media (prefers-reduced-motion: no-preference) { .cover { animation: play ${cycleOf(shown).toFixed(1)}s step-end infinite } }
@keyframes play {
${keyframes(shown).join('\n')}
}
</style>
<clipPath id="window"><rect ${size} rx="10"/></clipPath>
<g clip-path="url(#window)">
<rect ${size} fill="${BACKGROUND}"/>
${['#ff5f57', '#febc2e', '#28c840'].map((ink, index) => `<circle cx="${20 + index * 20}" cy="18" r="6" fill="${ink}"/>`).join('')}
<g font-family="ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', Consolas, monospace" font-size="${FONT}" fill="${TEXT}">
${shown.map(({ text }, index) => rowOf(text, TITLE_BAR + index * LINE + FONT)).join('\n')}
</g>
<rect class="cover" y="${TITLE_BAR}" width="${width}" height="${textHeight}" fill="${BACKGROUND}" transform="translate(0 ${height})"/>
</g>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="none" stroke="${FRAME}" stroke-opacity="0.5"/>
</svg>
`;
}

function cycleOf(shown: readonly Line[]): number {
  return FINISHED_BEFORE + (shown.at(-1)?.at ?? 0) + FINISHED_AFTER;
}

/** A cover slides down and lets one line after the other be seen. Where nothing moves, it is off the picture. */
function keyframes(shown: readonly Line[]): string[] {
  const frame = (at: number, rows: number) =>
    `${((at / cycleOf(shown)) * 100).toFixed(2)}% { transform: translateY(${rows * LINE}px) }`;
  return [frame(0, shown.length * 2), ...shown.map(({ at }, index) => frame(FINISHED_BEFORE + at, index + 1))];
}

/** One row of text. Each column starts at a place of its own: then columns stay aligned whatever the font. */
function rowOf(text: string, y: number): string {
  let column = 0;
  let ink: string | undefined;
  const spans: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what begins a colour code.
  for (const [token, code] of text.matchAll(/\x1b\[(\d+)m|\S+(?: \S+)*| +/g)) {
    if (code !== undefined) ink = COLOURS.get(code);
    else {
      const fill = ink === undefined ? '' : ` fill="${ink}"`;
      const x = (MARGIN + column * CHARACTER).toFixed(1);
      if (token.trim() !== '') spans.push(`<tspan x="${x}"${fill}>${escaped(token)}</tspan>`);
      column += token.length;
    }
  }
  return `<text y="${y}">${spans.join('')}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
