import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { raw } from './board-client.ts';
import { openQuietStack } from './quiet-stack.ts';
import { EVENTUALLY, PATIENCE, type Running, startTool } from './tool.ts';

vi.setConfig(PATIENCE);

/** The first line that the tool prints on stdout. */
function firstLine({ process: { stdout } }: Running): Promise<string> {
  return new Promise((resolve) => {
    let printed = '';
    stdout?.on('data', (chunk) => {
      printed += chunk;
      if (printed.includes('\n')) resolve(printed.split('\n')[0] ?? '');
    });
  });
}

describe('the command board', () => {
  it('prints an address that lets a browser in, and ends at Ctrl-C', async ({ onTestFinished }) => {
    const { port } = await openQuietStack(onTestFinished);
    const running = startTool(port, ['board', '--no-open']);
    const [, address = ''] =
      /^Board {2}(http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43})$/.exec(await firstLine(running)) ?? [];
    const { port: own, search } = new URL(address);
    expect(await raw(Number(own), { path: `/${search}` })).toMatchObject({ status: 303 });
    running.process.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('Ctrl-C ends the board') });
  });

  it('prints JSON, takes a port, and says when that is taken', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const running = startTool(stack.port, ['board', '--no-open', '--json', '--read-only']);
    const printed = JSON.parse(await firstLine(running));
    expect(printed).toEqual({ board: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/\?token=/), readOnly: true });
    const { port } = new URL(printed.board);
    const second = await startTool(stack.port, ['board', '--no-open', '--port', port]).ended;
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining(`Port ${port} is taken.`) });
    running.process.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });

  it('starts the browser without the token in a process list, by a file that is gone afterwards', async ({
    onTestFinished,
    skip,
  }) => {
    if (process.platform !== 'linux') skip('only there is it known what opens a browser');
    const { port } = await openQuietStack(onTestFinished);
    const directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-test-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const started = join(directory, 'started');
    // What xdg-open starts on a GNOME desktop.
    const gio = join(directory, 'gio');
    await writeFile(
      gio,
      `#!/bin/sh\n[ "$1" = open ] && echo "$2" > '${started}.part' && mv '${started}.part' '${started}'\nexit 0\n`,
    );
    await chmod(gio, 0o755);
    const desktop = { DISPLAY: ':1', XDG_CURRENT_DESKTOP: 'GNOME', PATH: `${directory}:${process.env.PATH}` };
    const env = { ...process.env, ...desktop, COLUMNS: undefined, NO_COLOR: '1' };
    const running = startTool(port, ['board'], '', env);
    const address = (await firstLine(running)).replace('Board  ', '');
    const args = await vi.waitFor(() => readFile(started, 'utf8'), EVENTUALLY);
    const path = fileURLToPath(args.trim());
    expect(args).not.toContain('token');
    expect(await readFile(path, 'utf8')).toContain(address);
    expect((await stat(path)).mode & 0o077).toBe(0);
    running.process.kill('SIGINT');
    expect((await running.ended).code).toBe(0);
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });
});
