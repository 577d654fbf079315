import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command, InvalidArgumentError } from 'commander';
import openInBrowser from 'open';
import { startBoard } from '../board/server.ts';
import type { Act } from '../command.ts';
import type { Console } from '../console.ts';
import { interruptible } from '../interruption.ts';
import { EXIT, OperatorError } from '../operator-error.ts';
import type { Stack } from '../stack/stack.ts';

interface BoardFlags {
  readonly port: number;
  readonly open: boolean;
  readonly readOnly?: boolean;
}

export function addBoardCommand(program: Command, act: Act): void {
  program
    .command('board')
    .description(
      'Show all builds in a page of the browser that updates itself, and act on them there. It is served on this machine alone, with your AWS rights, ' +
        'until Ctrl-C.',
    )
    .option('--port <number>', 'port on 127.0.0.1; 0 for any free one', port, 0)
    .option('--read-only', 'only look: no releases, redrives, uploads or other actions')
    .option('--no-open', 'only print the address, without opening the browser')
    .action(act(async ({ console, stack, flags }) => board(console, await stack(), flags)));
}

async function board(console: Console, stack: Stack, { open, port, readOnly = false }: BoardFlags): Promise<number> {
  const signal = interruptible(() => console.say('\nStopping.'));
  let removeFile = () => {};
  const started = await startBoard(Promise.resolve(stack), {
    port,
    readOnly,
    onAddress(address, isFirst) {
      console.data({ board: address, readOnly }, [`Board  ${address}`]);
      if (isFirst && open && hasDesktop()) removeFile = openBrowser(address);
    },
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES') {
      throw new OperatorError(
        'PortForbidden',
        `You may not use port ${port}.`,
        'Choose a --port from 1024 on, or leave it out.',
      );
    }
    if (error.code !== 'EADDRINUSE') throw error;
    throw new OperatorError('PortTaken', `Port ${port} is taken.`, 'Choose another --port, or leave it out.');
  });
  console.say('Open this address in a browser: it lets one in. Ctrl-C ends the board.');
  if (!signal.aborted) await once(signal, 'abort');
  removeFile();
  await started.close();
  return EXIT.done;
}

/** Elsewhere a program that looks for a browser may start one within the terminal. */
function hasDesktop(): boolean {
  const { DISPLAY, WAYLAND_DISPLAY, WSL_DISTRO_NAME } = process.env;
  return process.platform !== 'linux' || [DISPLAY, WAYLAND_DISPLAY, WSL_DISTRO_NAME].some(Boolean);
}

/**
 * Opens the address by a file that only this person can read: as an argument of the browser it would be in the process list, for
 * every user of the machine.
 *
 * @returns removes the file
 */
function openBrowser(address: string): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'streampixel-drop-board-'));
  const file = join(directory, 'board.html');
  writeFileSync(file, `<!doctype html><meta http-equiv="refresh" content="0; url=${address}">`, { mode: 0o600 });
  openInBrowser(pathToFileURL(file).href).then(
    (child) => child.on('error', () => {}),
    // The printed address has to do.
    () => {},
  );
  return () => rmSync(directory, { recursive: true, force: true });
}

function port(value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}
