import type { Console } from './console.ts';
import type { Stack, StackOptions } from './stack/stack.ts';

/** Flags that every command has. */
export interface GlobalFlags extends StackOptions {
  readonly json?: boolean;
}

/** What a command's action gets. */
export interface Invocation<Flags> {
  readonly console: Console;
  /** Finds the stack. Call it once the command line is known to make sense. */
  readonly stack: (choice?: Pick<StackOptions, 'rehearsal'>) => Promise<Stack>;
  readonly flags: Flags;
  readonly args: readonly (string | undefined)[];
}

/** Turns a function that resolves to the exit code into an action of commander. */
// biome-ignore lint/suspicious/noExplicitAny: commander does not type flags; each command says what it declared.
export type Act = (action: (invocation: Invocation<any>) => Promise<number>) => (...args: unknown[]) => Promise<void>;

/** Flag of the commands that only say what they would do without it. */
export const YES_FLAG = ['--yes', 'do it; without it the command says what it would do'] as const;
/** What such a command says then. */
export const NOTHING_CHANGED = 'Nothing was changed. Add --yes to do it.';
