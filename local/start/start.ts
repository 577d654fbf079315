import { CommanderError } from 'commander';
import { type Flags, readFlags } from './flags.ts';
import { run } from './run.ts';

/** Exit code for flags that can't be used. */
const USAGE = 2;

function explain(error: unknown, { boardPort, port }: Flags): string {
  const { code, message, port: taken } = error as NodeJS.ErrnoException & { readonly port?: number };
  if (code !== 'EADDRINUSE') return message;
  return taken === boardPort
    ? `Port ${boardPort} is taken. Choose another: npm start -- --board-port ${boardPort + 1}`
    : `Port ${port} is taken, perhaps by another local stack. Choose another: npm start -- --port ${port + 1}`;
}

let flags: Flags | undefined;
let exitCode: number;
try {
  flags = readFlags(process.argv.slice(2), process.env);
  exitCode = await run(flags);
} catch (error) {
  if (error instanceof CommanderError) {
    // It has printed what is wrong, or its help.
    exitCode = error.exitCode === 0 ? 0 : USAGE;
  } else {
    process.stderr.write(`${flags === undefined ? error : explain(error, flags)}\n`);
    exitCode = 1;
  }
}
process.exit(exitCode);
