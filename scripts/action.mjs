// The step of action.yml: runs `push` with the action's inputs, and writes its outputs, annotations and summary. Plain JavaScript
// without dependencies, for the Node of the runner: the tool's bundle is beside it on release tags, else its sources.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `push` ends with it where the pipeline leaves the build out on purpose. */
const SKIPPED = 3;

const { env } = process;
const bundle = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
// The sources install what they need, and run on Node 24.
const sources = fileURLToPath(new URL('../cli/streampixel-drop.mjs', import.meta.url));

/** `--name=value` where there is a value: one that starts with `-` is no flag. */
function flag(name, value) {
  return value ? [`--${name}=${value}`] : [];
}

function pushArguments() {
  const { INPUT_DROP, INPUT_FILE, INPUT_KEY, INPUT_LABELS, INPUT_REGION, INPUT_ROUTE, INPUT_SETTINGS, INPUT_STACK } =
    env;
  const follow = (env.INPUT_FOLLOW || 'true').toLowerCase();
  if (follow !== 'true' && follow !== 'false') fail(`follow is ${follow}, and has to be true or false.`);
  if (!INPUT_FILE) fail('file is empty. Name a packaged build, or the zip of one.');
  const labels = (INPUT_LABELS ?? '').split(/\r?\n/).flatMap((line) => line.trim() || []);
  return [
    'push',
    '--json',
    ...flag('route', INPUT_ROUTE),
    ...flag('key', INPUT_KEY),
    ...labels.flatMap((label) => flag('label', label)),
    ...(follow === 'true' ? ['--follow', ...flag('timeout', env.INPUT_TIMEOUT)] : []),
    ...flag('stack', INPUT_STACK),
    ...flag('region', INPUT_REGION),
    ...flag('drop', INPUT_DROP),
    ...flag('settings', INPUT_SETTINGS),
    '--',
    INPUT_FILE,
  ];
}

const child = spawn(process.execPath, [existsSync(bundle) ? bundle : sources, ...pushArguments()], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
// A job that is cancelled: the build goes on, or the next push resumes the upload.
// Windows has no signals: the runner's Ctrl-C reaches both processes, and a kill would end the tool in the middle of its work.
const pass = process.platform === 'win32' ? () => {} : (signal) => child.kill(signal);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, pass);
// What is printed of a build must not be a command to the runner.
const token = randomUUID();
console.log(`::stop-commands::${token}`);
let printed = '';
child.stdout.setEncoding('utf8').on('data', (text) => {
  printed += text;
});
child.on('close', (code) => {
  console.log(`::${token}::`);
  report(code ?? 1, lastLine(printed));
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
  const title = code === 0 ? 'Dropped on Streampixel' : code === SKIPPED ? 'Skipped' : 'Not on Streampixel';
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
  output('exit-code', '2');
  annotate('Usage', message);
  process.exit(2);
}
