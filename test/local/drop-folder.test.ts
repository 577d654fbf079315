import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchDropFolder } from '../../local/start/drop-folder.ts';
import { eventually } from './eventually.ts';

let directory: string;
let stop: () => void;
const arrived: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'drop-folder-'));
  arrived.length = 0;
});
afterEach(() => {
  stop();
  rmSync(directory, { recursive: true });
});
async function watch(): Promise<void> {
  stop = await watchDropFolder({ directory, intervalMs: 30, onFile: (_, name) => void arrived.push(name) });
}

describe('the drop folder', () => {
  it('reports a file once it has stopped growing, and once only', async () => {
    await watch();
    const file = join(directory, 'growing.zip');
    for (let i = 0; i < 12; i++) {
      appendFileSync(file, 'more');
      await sleep(15);
      expect(arrived).toEqual([]);
    }
    await eventually(() => expect(arrived).toEqual(['growing.zip']));
    await sleep(200);
    expect(arrived).toEqual(['growing.zip']);
  });

  it('takes a file that is overwritten for a new one', async () => {
    await watch();
    writeFileSync(join(directory, 'game.zip'), 'one');
    await eventually(() => expect(arrived).toHaveLength(1));
    writeFileSync(join(directory, 'game.zip'), 'another');
    await eventually(() => expect(arrived).toEqual(['game.zip', 'game.zip']));
  });

  it('takes files from the folders in it, also from those that are made later, and names them with their folder', async () => {
    mkdirSync(join(directory, 'games'));
    writeFileSync(join(directory, 'games', 'old.zip'), 'old');
    await watch();
    mkdirSync(join(directory, 'games', 'racer', 'new'), { recursive: true });
    mkdirSync(join(directory, '.hidden'));
    writeFileSync(join(directory, '.hidden', 'part.zip'), 'part');
    writeFileSync(join(directory, 'games', 'racer', 'new', 'game.zip'), 'new');
    await eventually(() => expect(arrived).toEqual(['games/racer/new/game.zip']));
  });

  it('leaves alone what was there before, and what is hidden', async () => {
    writeFileSync(join(directory, 'old.zip'), 'old');
    await watch();
    writeFileSync(join(directory, '.partial.zip'), 'part');
    writeFileSync(join(directory, 'new.zip'), 'new');
    await eventually(() => expect(arrived).toEqual(['new.zip']));
  });
});
