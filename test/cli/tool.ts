import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export interface Ran {
  /** `null` where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ran>;
}

/**
 * How long a test may take, in ms. Each run of the tool is a process of its own: on a busy machine it takes many times as long
 * as on an idle one.
 */
export const PATIENCE = { testTimeout: 480_000, hookTimeout: 480_000 };
/** How long a test waits for what has to happen. */
export const EVENTUALLY = { timeout: 240_000, interval: 100 };

/** Lines stay whole, whatever the width of the terminal that the tests run in. */
const WITHOUT_TERMINAL: NodeJS.ProcessEnv = {
  ...process.env,
  COLUMNS: undefined,
  FORCE_COLOR: undefined,
  NO_COLOR: '1',
};

/**
 * Starts the operator's tool in a process of its own.
 *
 * @param port of the embedded stack; without it the tool uses what `env` names, as on AWS
 * @param cwd where it runs: the file of settings is looked for there
 */
export function startTool(
  port: number | undefined,
  args: readonly string[],
  stdin = '',
  env = WITHOUT_TERMINAL,
  cwd = process.cwd(),
): Running {
  const local = port === undefined ? [] : ['--local', `${port}`];
  const child = spawn(process.execPath, [MAIN, ...args, ...local], { stdio: 'pipe', env, cwd });
  child.stdin.end(stdin);
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const ended = Promise.all([exited, text(child.stdout), text(child.stderr)]).then(([code, stdout, stderr]) => {
    return { code, stdout, stderr };
  });
  return { process: child, ended };
}

/** Everything that any run has printed: secrets must not be in it. */
export const printed: string[] = [];

/** The commands in what was printed that are not for the embedded stack at this port, or that could run another program. */
function strayCommands(output: string, port: number): string[] {
  // The help is about no stack.
  const commands = [...output.matchAll(/(.{0,9})streampixel-drop (?!help\b)[a-z][^`\n]*/g)];
  const isOurs = ([command, before]: RegExpExecArray) =>
    before === 'npx --no ' && new RegExp(` --local ${port}(?!\\d)`).test(command);
  return commands.filter((match) => !isOurs(match)).map(([command]) => command);
}

/** Runs the operator's tool to its end. */
export async function tool(port: number, args: readonly string[], stdin?: string): Promise<Ran> {
  const ran = await startTool(port, args, stdin).ended;
  printed.push(ran.stdout, ran.stderr);
  if (!args.includes('--help')) expect(strayCommands(ran.stdout + ran.stderr, port)).toEqual([]);
  return ran;
}

/** Runs it with `--json`, and reads what it has put on stdout. */
// biome-ignore lint/suspicious/noExplicitAny: each test says what it expects of the document.
export async function toolJson(port: number, args: readonly string[], stdin?: string): Promise<Ran & { data: any }> {
  const ran = await tool(port, [...args, '--json'], stdin);
  return { ...ran, data: JSON.parse(ran.stdout) };
}
