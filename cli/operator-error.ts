import { type OperatorCommands, operatorCommands } from '../functions/domain/notify/operator-commands.ts';
import { listed } from './units.ts';

/**
 * What the process ends with. Scripts build on it: the table is in docs/ci.md.
 *
 * - `done`: it did what it should; `push --follow`: the build is live, or approved where a person releases it
 * - `failed`: it did not; `push --follow`: viewers will not get the build as things are
 * - `usage`: the command line makes no sense; nothing was done
 * - `skipped`: the pipeline has skipped the build, such as for a newer one
 * - `underWay`: the build was not finished when the command stopped waiting for it
 * - `interrupted`: by Ctrl-C
 */
export const EXIT = { done: 0, failed: 1, usage: 2, skipped: 3, underWay: 4, interrupted: 130 } as const;

/** What to do; where it names commands, those for the stack that the tool operates. */
export type Remedy = string | ((commands: OperatorCommands) => string);

/** Something that the operator can fix: what is wrong, and what to do. */
export class OperatorError extends Error {
  override name = 'OperatorError';
  /** A stable name for scripts. */
  readonly code: string;
  readonly remedy: Remedy;
  readonly exitCode: number;

  constructor(code: string, message: string, remedy: Remedy, exitCode: number = EXIT.failed) {
    super(message);
    this.code = code;
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

/** As a command: npx takes a flag before the first command for its own, and shows npm's help. */
export const WHERE_HELP_IS = `All commands: ${operatorCommands({}).help()}\nThe options of one: ${operatorCommands({}).help('COMMAND')}`;

/** The command line makes no sense. */
export function usageError(message: string, remedy: Remedy): OperatorError {
  return new OperatorError('Usage', message, remedy, EXIT.usage);
}

/** @param projects of the routes */
export function unknownProject(projectId: string, projects: readonly string[]): OperatorError {
  return new OperatorError('UnknownProject', `No route has the project ${projectId}.`, `Projects: ${listed(projects)}`);
}

/** @param commands for the stack that the tool operates */
export function remedyText(remedy: Remedy, commands: OperatorCommands): string {
  return typeof remedy === 'string' ? remedy : remedy(commands);
}

/** Facts of a command that `--json` prints, for people who script it. */
export type Facts = Readonly<Record<string, unknown>>;

/** A command has failed (`cause`), and this is what it knows: `--json` prints it beside the error. */
export class FailedWithFacts extends Error {
  override name = 'FailedWithFacts';
  readonly facts: Facts;

  constructor(cause: unknown, facts: Facts) {
    super('failed', { cause });
    this.facts = facts;
  }
}
