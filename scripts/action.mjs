// The step of action.yml: runs `push` with the action's inputs, and writes its outputs, annotations and summary. Plain JavaScript
// without dependencies, for the Node of the runner: the tool's bundle is beside it on release tags, else its sources.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `push` ends with it where the pipeline leaves the build out on purpose. */
const SKIPPED = 3;
/** What the summary says of an exit code; of 0 that depends on whether the build was followed. */
const TITLES = new Map([
  [SKIPPED, 'Skipped'],
  [4, 'Still under way'],
  [130, 'Interrupted'],
]);

const { env } = process;
const bundle = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
// The sources install what they need, and run on Node 24.
const sources = fileURLToPath(new URL('../cli/streampixel-drop.mjs', import.meta.url));

/** `--name=value` where there is a value: one that starts with `-` is no flag. */
function flag(name, value) {
  return value ? [`--${name}=${value}`] : [];
}

/** An input without the space around it: a block of YAML (`file: |`) ends with a line break. */
const input = (name) => (env[`INPUT_${name}`] ?? '').trim();

function pushArguments() {
  const follow = (input('FOLLOW') || 'true').toLowerCase();
  if (follow !== 'true' && follow !== 'false') fail(`follow is ${follow}, and has to be true or false.`);
  const file = input('FILE');
  if (file === '') fail('file is empty. Name a packaged build, or the zip of one.');
  const labels = input('LABELS')
    .split(/\r?\n/)
    .map((line) => line.trim());
  return [
    'push',
    '--json',
    ...flag('route', input('ROUTE')),
    ...flag('key', input('KEY')),
    ...labels.flatMap((label) => flag('label', label)),
    ...(follow === 'true' ? ['--follow', ...flag('timeout', input('TIMEOUT'))] : []),
    ...flag('stack', input('STACK')),
    ...flag('region', input('REGION')),
    ...flag('drop', input('DROP')),
    ...flag('settings', input('SETTINGS')),
    '--',
    file,
  ];
}

const args = pushArguments();
// A job that is cancelled: the build goes on, or the next push resumes the upload.
// Windows has no signals: the runner's Ctrl-C reaches both processes, and a kill would end the tool in the middle of its work.
const pass = process.platform === 'win32' ? () => {} : (signal) => child.kill(signal);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, pass);
const child = spawn(process.execPath, [existsSync(bundle) ? bundle : sources, ...args], {
  stdio: ['ignore', 'pipe', 'pipe'],
});
// What is printed of a build must not be a command to the runner, which reads stdout and stderr each on its own: so all of it goes to
// stdout, between these two lines.
const token = randomUUID();
console.log(`::stop-commands::${token}`);
child.stderr.pipe(process.stdout, { end: false });
let printed = '';
child.stdout.setEncoding('utf8').on('data', (text) => {
  printed += text;
});
child.on('close', (code, signal) => {
  console.log(`::${token}::`);
  // Without a code a signal has ended it: before it could end by itself, where the job was cancelled.
  report(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 130 : 1), lastLine(printed));
});

/** The result that `push --json` prints last; nothing where it did not get that far. */
function lastLine(text) {
  try {
    return JSON.parse(text.trimEnd().split('\n').at(-1));
  } catch {
    return {};
  }
}

function report(code, result) {
  const facts = {
    build: result.build,
    key: result.key,
    'upload-id': result.uploadId,
    state: result.state,
    reason: result.reason,
    'exit-code': code,
  };
  for (const [name, value] of Object.entries(facts)) output(name, `${value ?? ''}`);
  summarize(code, facts);
  const { message, remedy } = result.error ?? {};
  if (code === SKIPPED) console.log('::notice title=Skipped::The pipeline has left the build out: the log says why.');
  else if (code !== 0) annotate(result.reason ?? 'Failed', [message, remedy].filter(Boolean).join('\n'));
  process.exitCode = code === SKIPPED ? 0 : code;
}

/** In the form for any text: its end is a line that no one can guess. */
function output(name, value) {
  const end = randomUUID();
  if (env.GITHUB_OUTPUT) appendFileSync(env.GITHUB_OUTPUT, `${name}<<${end}\n${value}\n${end}\n`);
}

function summarize(code, facts) {
  if (!env.GITHUB_STEP_SUMMARY) return;
  const done = facts.state ? 'Dropped on Streampixel' : 'Uploaded';
  const title = code === 0 ? done : (TITLES.get(code) ?? 'Not on Streampixel');
  const rows = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null);
  const table = rows.map(([name, value]) => `| ${name} | ${inCode(value)} |`);
  appendFileSync(env.GITHUB_STEP_SUMMARY, [`### ${title}`, '', '| | |', '| --- | --- |', ...table, '', ''].join('\n'));
}

/** A cell of a table in Markdown: keys are chosen by the people who drop builds. */
function inCode(value) {
  const text = `${value}`.replaceAll(/[\r\n`]/g, ' ').replaceAll('|', '\\|');
  return `\`${text}\``;
}

function annotate(title, message) {
  const escaped = (text) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const property = escaped(`${title}`).replaceAll(':', '%3A').replaceAll(',', '%2C');
  console.log(`::error title=${property}::${escaped(message || 'push has failed: see the log.')}`);
}

/** Ends as `push` does after wrong usage. */
function fail(message) {
  report(2, { reason: 'Usage', error: { message } });
  process.exit();
}
