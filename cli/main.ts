import { CommanderError } from 'commander';
import { type OperatorCommands, operatorCommands } from '../functions/domain/notify/operator-commands.ts';
import type { GlobalFlags } from './command.ts';
import { Console } from './console.ts';
import { EXIT, type Facts, FailedWithFacts, remedyText, usageError, WHERE_HELP_IS } from './operator-error.ts';
import { createProgram } from './program.ts';
import { explained } from './stack/aws-errors.ts';
import { endpointOf, targetOf } from './stack/stack.ts';

// Of the SDK, on Node 20: it is about later versions of the SDK, and this package brings the one that it works with.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    // A reader that closes the pipe early (`| head`) is no error: the command ends as it would have, without more output.
    if (!['EPIPE', 'EOF', 'ERR_STREAM_DESTROYED'].includes(`${code}`)) process.exit(EXIT.failed);
  });
}

let known: OperatorCommands | undefined;
const program = createProgram(
  (code) => {
    process.exitCode = code;
  },
  (commands) => {
    known = commands;
  },
);
try {
  await program.parseAsync();
} catch (thrown) {
  const [error, facts] = thrown instanceof FailedWithFacts ? [thrown.cause, thrown.facts] : [thrown, {}];
  process.exitCode = error instanceof CommanderError ? commandLineEnded(error, facts) : failed(error, facts);
}
// A call that AWS never answers would keep the process.
for (const stream of [process.stdout, process.stderr]) await new Promise((written) => stream.write('', written));
process.exit();

/** Commander has printed what is wrong, or its help. @returns the exit code */
function commandLineEnded({ code: kind, exitCode, message }: CommanderError, facts: Facts): number {
  if (exitCode === 0) return EXIT.done;
  const isHelp = kind === 'commander.help';
  // Where the command line makes no sense, its flags may not have been read.
  if (process.argv.includes('--json')) {
    const { code, remedy } = usageError('', WHERE_HELP_IS);
    new Console(true).data(
      { ...facts, error: { code, message: isHelp ? 'No command is given.' : message.replace(/^error: /, ''), remedy } },
      [],
    );
  }
  return EXIT.usage;
}

/** @returns the exit code */
function failed(error: unknown, facts: Facts): number {
  const { json, ...options } = program.opts<GlobalFlags>();
  const { code, exitCode, message, ...rest } = explained(error, endpointOf(options));
  const remedy = remedyText(rest.remedy, known ?? operatorCommands(targetOf(options)));
  const console = new Console(json === true);
  console.say(`${message}\n${remedy}`);
  if (console.json) {
    // Why it failed: what the command itself knows says more.
    const reason = facts.reason === null ? { reason: code } : {};
    console.data({ ...facts, ...reason, error: { code, message, remedy } }, []);
  }
  return exitCode;
}
