import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LocalEvent } from '../../local/start/events.ts';
import { readFlags } from '../../local/start/flags.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { openPage, raw } from '../cli/board-client.ts';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'start-'));
const good = join(directory, 'good build.zip');
const bad = join(directory, 'bad.zip');

beforeAll(async () => {
  writeFileSync(good, await makeSampleBuild());
  writeFileSync(bad, 'no zip');
});
afterAll(() => rmSync(directory, { recursive: true }));

function start(...args: string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/start.mjs'), ...args], {
    // Where there are no settings: those of the person who runs the tests are nobody's business.
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = Promise.all([
    new Promise<number | null>((resolve) => child.on('close', resolve)),
    text(child.stdout),
    text(child.stderr),
  ]).then(([code, stdout, stderr]) => ({ code, stdout, stderr }));
  return { child, ended };
}
const run = (...args: string[]) => start(...args).ended;
/** Every line of stdout has to be JSON. */
const eventsIn = (stdout: string): LocalEvent[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('npm start', () => {
  let otherApi: ScriptedServer | undefined;
  afterEach(async () => {
    await otherApi?.close();
    otherApi = undefined;
  });

  it('--once --json ends 0 when every build has arrived, and keeps stdout to JSON', async () => {
    const { code, stdout, stderr } = await run('--once', '--json', '--port', '0', '--stage', '0.1', '--drop', good);
    const events = eventsIn(stdout);
    // Webhooks come in an order of their own.
    expect(new Set(events.map(({ event }) => event))).toEqual(
      new Set(['dropped', 'submitted', 'downloaded', 'heard', 'approved', 'released', 'live']),
    );
    expect(
      events.map(({ event }) => event).filter((event) => /^(dropped|submitted|approved|live)$/.test(event)),
    ).toEqual(['dropped', 'submitted', 'approved', 'live']);
    for (const event of events) {
      expect(event).toMatchObject({
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        bucket: expect.any(String),
        key: 'good build.zip',
      });
    }
    expect(events.find(({ event }) => event === 'downloaded')).toMatchObject({ intact: true });
    expect(stderr).toContain('1 of 1 build downloaded byte for byte, now live.');
    expect(code).toBe(0);
  });

  it('--once ends 1 when one of them has not, and says what to do', async () => {
    const { code, stdout } = await run('--once', '--port', '0', '--interval', '1', '--drop', good, '--drop', bad);
    expect(stdout).toMatch(/dead-lettered\s+bad\.zip\s+NotAZip/);
    expect(stdout).toContain('Package the build again');
    expect(stdout).toMatch(/alert\s+bad\.zip/);
    expect(stdout).toContain('1 of 2 builds downloaded byte for byte');
    expect(code).toBe(1);
  });

  it('--course rejected ends 1, with what Streampixel objects to and what to do', async () => {
    const { code, stdout } = await run(
      ...['--once', '--port', '0', '--stage', '0.1', '--course', 'rejected', '--drop', good],
    );
    expect(stdout).toMatch(/rejected\s+good build\.zip\s+Build contains unsupported file formats\./);
    expect(stdout).toMatch(/Message\s+Build contains unsupported file formats\./);
    expect(stdout).toContain('0 of 1 build downloaded byte for byte');
    expect(code).toBe(1);
  });

  it('--course disorder makes no difference', async () => {
    const { code, stdout } = await run(
      ...['--once', '--json', '--port', '0', '--stage', '0.1', '--course', 'disorder', '--drop', good],
    );
    const names = eventsIn(stdout).map(({ event }) => event);
    for (const name of ['approved', 'released', 'live']) expect(names.filter((each) => each === name)).toEqual([name]);
    expect(code).toBe(0);
  });

  it('--delivery cloudfront brings the build through a distribution', async () => {
    const { code, stdout, stderr } = await run(
      ...['--once', '--json', '--port', '0', '--stage', '0.1', '--delivery', 'cloudfront', '--drop', good],
    );
    expect(eventsIn(stdout).find(({ event }) => event === 'downloaded')).toMatchObject({ intact: true });
    expect(stderr).toMatch(/CloudFront\s+http:\/\/127\.0\.0\.1:\d+ {2}\(downloads by signed URLs\)/);
    expect(stdout + stderr).not.toMatch(/Signature=|PRIVATE KEY/);
    expect(code).toBe(0);
  });

  it('--stand-in-key plays a key that has been replaced', async () => {
    const { code, stdout, stderr } = await run(
      ...['--once', '--json', '--port', '0', '--drop', good, '--stand-in-key', 'c4nary-key'],
    );
    expect(eventsIn(stdout)).toContainEqual(
      expect.objectContaining({ event: 'alert', detail: 'InvalidApiKey: Streampixel rejects the API key' }),
    );
    expect(stdout + stderr).not.toContain('c4nary');
    expect(code).toBe(1);
  });

  it('--streampixel-url takes the builds to another API, with the key it is given', async () => {
    otherApi = await startScriptedServer({ status: 201, body: '{"uploadId": "u1"}' });
    const api = ['--streampixel-url', `${otherApi.url}/api`, '--api-key', 'my-key'];
    const { code, stdout } = await run('--once', '--json', '--port', '0', '--drop', good, ...api);
    expect(eventsIn(stdout).at(-1)).toMatchObject({ event: 'submitted', status: 201, uploadId: 'u1' });
    expect(otherApi.requests).toMatchObject([{ method: 'POST', url: '/api/projects/upload-file' }]);
    expect(JSON.parse(otherApi.requests[0]?.body ?? '')).toMatchObject({ apiKey: 'my-key' });
    expect(code).toBe(0);
  });

  it('--streampixel-url ends 1 when that API refuses', async () => {
    otherApi = await startScriptedServer({ status: 401, body: '{"message": "Unauthorized: Invalid API Key"}' });
    const api = ['--streampixel-url', otherApi.url, '--api-key', 'c4nary-key'];
    const { code, stdout, stderr } = await run('--once', '--json', '--port', '0', '--drop', good, ...api);
    expect(eventsIn(stdout)).toContainEqual(
      expect.objectContaining({ event: 'dead-lettered', reason: 'InvalidApiKey', status: 401 }),
    );
    expect(stdout + stderr).not.toContain('c4nary');
    expect(code).toBe(1);
  });

  it('drops a sample, stays up, says how to drop more, and ends at Ctrl-C', async () => {
    const { child, ended } = start('--port', '0');
    await new Promise<void>((resolve) => {
      let so = '';
      child.stdout.on('data', (chunk) => {
        so += chunk;
        if (so.includes('s3 cp')) resolve();
      });
    });
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(stdout.trimStart()).toMatch(/^Board {9}http:\/\/127\.0\.0\.1:\d+\/\?token=/);
    expect(stdout).toMatch(/downloaded\s+sample-build\.zip\s+1\.0 MB through the signed URL, byte for byte/);
    expect(stdout).toMatch(/aws --endpoint-url http:\/\/127\.0\.0\.1:\d+ s3 cp MyGame\.zip s3:\/\/[\w-]+\//);
    expect(code).toBe(0);
  });

  it('gives the address of the board first, also as JSON, and serves the stack there as soon as it is up', async () => {
    const { child, ended } = start('--json', '--port', '0');
    const [first] = (await once(createInterface(child.stdout), 'line')) as [string];
    const event: LocalEvent = JSON.parse(first);
    expect(event).toEqual({ time: expect.any(String), event: 'board', url: expect.any(String) });
    const { origin, port, search } = new URL(event.url ?? '');
    const entered = await raw(Number(port), { path: `/${search}` });
    const cookie = entered.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    const page = await openPage(
      { origin, port: Number(port), own: { cookie, 'sec-fetch-site': 'same-origin' } },
      'page0000',
    );
    await page.event('summary', ({ finished }) => finished.some(({ key }) => key === 'sample-build.zip'));
    child.kill('SIGINT');
    await page.event('end');
    expect((await ended).code).toBe(0);
  });

  it('--no-board has none', async () => {
    const { child, ended } = start('--json', '--port', '0', '--no-board');
    const [first] = (await once(createInterface(child.stdout), 'line')) as [string];
    expect(JSON.parse(first).event).toBe('dropped');
    child.kill('SIGINT');
    expect((await ended).code).toBe(0);
  });

  it('takes the settings of a file, and deploys them again when it is saved', async () => {
    const file = join(directory, 'mine.json');
    const route = { prefix: '', userId: '5'.repeat(24), projectId: '6'.repeat(24), apiKeyParameter: '/studio/key' };
    const settings = { stackName: 'Mine', routes: [{ ...route, autoRelease: true }] };
    // As many editors do: nobody reads it half written.
    const save = (text: string) => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    save(JSON.stringify(settings));
    const { child, ended } = start('--port', '0', '--stage', '0.1', '--settings', 'mine.json');
    const steps: [printed: string, then: () => unknown][] = [
      ['s3 cp', () => save('{ "routes": [')],
      ['Not deployed: nothing has changed.', () => save(JSON.stringify({ ...settings, maxAttempts: 3 }))],
      ['Deployed: the functions use it now.', () => child.kill('SIGINT')],
    ];
    let so = '';
    child.stdout.on('data', (chunk) => {
      so += chunk;
      if (so.includes(steps[0]?.[0] ?? '-')) steps.shift()?.[1]();
    });
    const { stdout } = await ended;
    expect(steps).toEqual([]);
    expect(stdout).toMatch(/Settings +mine\.json: save it while this runs/);
    expect(stdout).toContain('s3://mine-000000000000-us-east-1/');
    expect(stdout).toContain('mine.json was saved. Deploying it ...');
    expect(stdout).toContain('mine.json: line 1, column 14: the text ends here');
  });

  it('names the flag to use when its port is taken', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as net.AddressInfo;
    const { code, stderr } = await run('--once', '--port', String(port));
    other.close();
    expect(stderr).toContain(`Port ${port} is taken`);
    expect(stderr).toContain(`npm start -- --port ${port + 1}`);
    expect(code).toBe(1);
  });

  it('gives a hint about flags that npm has taken for itself', () => {
    const env = {
      npm_lifecycle_event: 'start',
      npm_config_once: 'true',
      npm_config_stand_in_key: 'c4nary',
      npm_config_yes: '',
    };
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(() => readFlags(['game.zip'], env)).toThrow(CommanderError);
    const printed = stderr.mock.calls.join('');
    stderr.mockRestore();
    expect(printed).toContain('Put flags behind "--": npm start -- --once --stand-in-key ...');
    expect(printed).not.toContain('c4nary');
    expect(readFlags(['--once'], { npm_lifecycle_event: 'start', npm_config_cache: '/x' }).once).toBe(true);
    expect(readFlags([], { npm_lifecycle_event: 'test', npm_config_once: 'true' }).once).toBeUndefined();
  });

  it.each([
    ['a file that is not there', ['--drop', '/nowhere/game.zip'], 'There is no such file.'],
    ['a file that is no .zip', ['--drop', join(ROOT, 'package.json')], 'Builds are .zip files'],
    ['a folder', ['--drop', ROOT], 'Zip the folder first'],
    ['settings that are not there', ['--settings', 'nowhere.json'], 'There is no such file.'],
    ['a port that is none', ['--port', 'http'], 'whole number from 0 to 65535'],
    ['an interval of nothing', ['--interval', '0'], 'seconds above 0'],
    ['a course that is none', ['--course', 'lost'], 'Allowed choices are live, rejected, stuck, silent, disorder'],
    [
      'a course of another API',
      ['--streampixel-url', 'https://example.com', '--course', 'stuck'],
      'cannot be used with',
    ],
    ['plain http to elsewhere', ['--streampixel-url', 'http://example.com/api'], 'must be an https URL'],
    [
      "a key for the stand-in where there isn't one",
      ['--streampixel-url', 'https://example.com', '--stand-in-key', 'k'],
      'cannot be used with',
    ],
    ['a flag that is none', ['--fast'], "unknown option '--fast'"],
  ])('refuses %s, with exit code 2', async (_, args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});
