import { CommanderError } from 'commander';
import type { GlobalFlags } from './command.ts';
import { EXIT } from './operator-error.ts';
import { createProgram } from './program.ts';
import { explained } from './stack/aws-errors.ts';
import { endpointOf } from './stack/stack.ts';

// A reader that closes the pipe early (`| head`) is no error.
process.stdout.on('error', () => process.exit(EXIT.done));

const program = createProgram((code) => {
  process.exitCode = code;
});
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed what is wrong, or its help.
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  } else {
    const { json, ...options } = program.opts<GlobalFlags>();
    const { code, message, remedy, exitCode } = explained(error, endpointOf(options));
    process.stderr.write(`${message}\n${remedy}\n`);
    if (json === true) process.stdout.write(`${JSON.stringify({ error: { code, message, remedy } })}\n`);
    process.exitCode = exitCode;
  }
}
