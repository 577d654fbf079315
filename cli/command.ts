import type { Console } from './console.ts';
import type { Stack, StackOptions } from './stack.ts';

/** Flags that every command has. */
export interface GlobalFlags extends StackOptions {
  readonly json?: boolean;
}

/** What a command's action gets. */
export interface Invocation<Flags> {
  readonly console: Console;
  /** Finds the stack. Called once the command line is known to make sense. */
  readonly stack: () => Promise<Stack>;
  readonly options: StackOptions;
  readonly flags: Flags;
  readonly args: readonly (string | undefined)[];
}

/** Turns a function that resolves to the exit code into an action of commander. */
// biome-ignore lint/suspicious/noExplicitAny: commander does not type flags; each command says what it declared.
export type Act = (action: (invocation: Invocation<any>) => Promise<number>) => (...args: unknown[]) => Promise<void>;
