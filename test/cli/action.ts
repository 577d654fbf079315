import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parseYaml } from '../docs/markdown.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: {
    readonly using: string;
    readonly steps: readonly {
      readonly id: string;
      readonly shell: string;
      readonly run: string;
      readonly env: Readonly<Record<string, string>>;
      readonly 'working-directory'?: string;
    }[];
  };
}

export const readAction = async (): Promise<Action> => parseYaml(await readFile(join(ROOT, 'action.yml'), 'utf8'));

/**
 * Runs the steps of action.yml as GitHub's runner does.
 *
 * @param directory the job's workspace
 * @param cancelAt the job is cancelled once this is in the log
 * @returns exit code, log, and outputs with the summary
 */
export async function runAction(
  directory: string,
  inputs: Readonly<Record<string, string>>,
  environment: NodeJS.ProcessEnv,
  cancelAt?: string,
) {
  const { inputs: declared, outputs, runs } = await readAction();
  const temp = await mkdtemp(join(tmpdir(), 'streampixel-drop-runner-'));
  const [outputFile, summaryFile] = [join(temp, 'output'), join(temp, 'summary')];
  const stepOutputs = new Map<string, string>();
  const evaluate = (value: string) =>
    value.replaceAll(/\$\{\{ *([\w.-]+) *\}\}/g, (_, expression: string) => {
      const [context, ...path] = expression.split('.');
      if (context === 'inputs') return inputs[path.join()] ?? declared[path.join()]?.default ?? '';
      if (context === 'steps') return stepOutputs.get(`${path[0]}.${path[2]}`) ?? '';
      throw new Error(`unknown: ${expression}`);
    });
  let log = '';
  let code = 0;
  for (const { env, id, run, shell, 'working-directory': working = '.' } of runs.steps) {
    if (shell !== 'bash') throw new Error(`a step in ${shell}`);
    const script = join(temp, 'script.sh');
    await Promise.all([writeFile(script, evaluate(run)), writeFile(outputFile, ''), writeFile(summaryFile, '')]);
    // Source: "Workflow syntax for GitHub Actions", defaults.run.shell.
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', script], {
      cwd: join(directory, evaluate(working)),
      env: {
        ...environment,
        ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, evaluate(value)])),
        GITHUB_ACTION_PATH: ROOT,
        GITHUB_OUTPUT: outputFile,
        GITHUB_STEP_SUMMARY: summaryFile,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let seen = '';
    const cancel = (chunk: Buffer) => {
      const before = seen;
      seen += chunk;
      // To this process only, as the runner does it.
      if (cancelAt !== undefined && seen.includes(cancelAt) && !before.includes(cancelAt)) child.kill('SIGINT');
    };
    child.stdout.on('data', cancel);
    const ended = new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
    const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    log += stdout + stderr;
    for (const [name, value] of readOutputs(await readFile(outputFile, 'utf8')))
      stepOutputs.set(`${id}.${name}`, value);
    if (status !== 0) {
      code = status;
      break;
    }
  }
  const summary = await readFile(summaryFile, 'utf8');
  await rm(temp, { recursive: true });
  const named = Object.entries(outputs).map(([name, { value }]) => [name, evaluate(value)]);
  return { code, log, summary, outputs: Object.fromEntries(named) as Record<string, string> };
}

/** The file of a step's outputs. Source: "Workflow commands for GitHub Actions", multiline strings. */
function readOutputs(file: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const lines = file.split('\n');
  for (let at = 0; at < lines.length - 1; ) {
    const [, name = '', delimiter] = /^([^<]+)<<(.+)$/.exec(lines[at] ?? '') ?? [];
    const end = lines.indexOf(delimiter ?? '', at + 1);
    if (delimiter === undefined || end < 0) throw new Error(`no output: ${lines[at]}`);
    found.set(name, lines.slice(at + 1, end).join('\n'));
    at = end + 1;
  }
  return found;
}
