import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { schemaReference } from '../../cli/commands/settings-writer.ts';
import { readSettings } from '../../infra/settings/read.ts';
import { type StandIn, startStandIn } from '../../local/streampixel/streampixel-stand-in.ts';
import { PATIENCE } from './tool.ts';

vi.setConfig(PATIENCE);

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FILE = 'streampixel-drop.json';
const KEY = 'c4nary-right-key';
const [userId, projectId] = ['5'.repeat(24), '6'.repeat(24)];
const IDS = ['--user-id', userId, '--project-id', projectId];
const ROUTE = { prefix: '', userId, projectId, autoRelease: false, apiKeyParameter: '/studio/api-key' };

let standIn: StandIn;
const made: string[] = [];
beforeAll(async () => {
  standIn = await startStandIn({
    users: () => [{ userId, projectIds: [projectId] }],
    windowMs: () => 1_000,
    apiKey: KEY,
    onEvent() {},
  });
});
afterAll(async () => {
  await standIn.stop();
  for (const each of made) await rm(each, { recursive: true });
});

/** An empty directory; with a cdk.json of the former layout, where it is given. */
async function newDirectory(context?: object): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-init-'));
  made.push(directory);
  if (context !== undefined)
    await writeFile(join(directory, 'cdk.json'), JSON.stringify({ app: 'x', context }, undefined, 2));
  return directory;
}

const written = async (directory: string, file = FILE) => JSON.parse(await readFile(join(directory, file), 'utf8'));

interface Run {
  /** For the check with Streampixel. */
  readonly key?: string;
  /** What a person answers, each after the prompt has appeared: then there is a terminal. */
  readonly answers?: readonly (readonly [prompt: string, answer: string])[];
}

async function init(directory: string, flags: readonly string[], { answers, key }: Run = {}) {
  const terminal = ['--import', 'data:text/javascript,process.stdin.isTTY=true'];
  const child = spawn(
    process.execPath,
    [...(answers === undefined ? [] : terminal), join(ROOT, 'cli/main.ts'), 'init', ...flags],
    {
      cwd: directory,
      env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: '1', STREAMPIXEL_API_KEY: key },
    },
  );
  const left = [...(answers ?? [])];
  let shown = '';
  child.stderr.on('data', (data) => {
    shown += data;
    const [prompt, answer] = left[0] ?? [];
    if (prompt === undefined || !shown.includes(prompt)) return;
    left.shift();
    shown = '';
    child.stdin.write(answer);
  });
  if (answers === undefined) child.stdin.end();
  const [code, stdout, stderr] = await Promise.all([
    new Promise((resolve) => child.on('exit', resolve)),
    text(child.stdout),
    text(child.stderr),
  ]);
  expect(left).toEqual([]);
  expect(stdout + stderr).not.toContain('c4nary');
  return { code, stdout, stderr };
}

describe('init at a terminal', () => {
  it('asks for each setting, says at once what is wrong, and writes a file that can be deployed', async () => {
    const directory = await newDirectory();
    const { code, stderr } = await init(directory, [], {
      answers: [
        ['User id', '5f\r'],
        ['24 hexadecimal digits', `\x15${'0'.repeat(23)}1\r`],
        ['of the sample', `\x15${userId}\r`],
        ['Project id', `${projectId}\r`],
        ['API key', '\r'],
        ['goes live', 'manual\r'],
        ['SSM parameter', '\r'],
        ['E-mail', 'studio\r'],
        ['an e-mail address', '\x15a@studio.example, b@studio.example\r'],
      ],
    });
    expect(code).toBe(0);
    const { $schema, ...settings } = await written(directory);
    expect(settings).toEqual({
      routes: [{ ...ROUTE, release: 'manual', apiKeyParameter: '/streampixel-drop/api-key' }],
      alertEmails: ['a@studio.example', 'b@studio.example'],
    });
    expect(() => readSettings(settings)).not.toThrow();
    expect(stderr).toMatch(/npx --no streampixel-drop key set\n.*npx cdk deploy\n$/);
    expect(stderr).toContain('not a clone of streampixel-drop');
  });

  it('asks again where Streampixel rejects the ids, and stores no key', async () => {
    const directory = await newDirectory({ streampixelBaseUrl: standIn.baseUrl });
    const { code, stderr } = await init(directory, [], {
      key: 'c4nary-wrong-key',
      answers: [
        ['User id', `${userId}\r`],
        ['Project id', `${'7'.repeat(24)}\r`],
        ['rejects this key', '\r'],
        ['Project id', '\r'],
        ['API key', `${KEY}\r`],
        ['has no project', '\r'],
        ['Project id', `\x15${projectId}\r`],
        ['API key', `${KEY}\r`],
        ['goes live', '\r'],
        ['SSM parameter', '\r'],
        ['E-mail', '\r'],
      ],
    });
    expect(code).toBe(0);
    expect(stderr).toContain(`The user has: ${projectId}.`);
    expect(await readFile(join(directory, FILE), 'utf8')).not.toContain('c4nary');
    expect(await written(directory)).toMatchObject({
      routes: [{ userId, projectId }],
      streampixelBaseUrl: standIn.baseUrl,
    });
  });

  it('leaves nothing behind at Ctrl-C, and no other file than it may replace', async () => {
    const directory = await newDirectory();
    const interrupted = await init(directory, [], {
      answers: [
        ['User id', `${userId}\r`],
        ['Project id', '\x03'],
      ],
    });
    expect(interrupted).toMatchObject({ code: 130, stderr: expect.stringContaining('nothing was changed') });
    expect(await readdir(directory)).toEqual([]);

    await writeFile(join(directory, FILE), 'mine');
    const kept = await init(directory, IDS, { answers: [['Replace it?', 'n\r']] });
    expect(kept.code).toBe(1);
    expect(await readFile(join(directory, FILE), 'utf8')).toBe('mine');
  });
});

describe('init without a terminal', () => {
  it('takes flags, and prints JSON', async () => {
    const directory = await newDirectory();
    const flags = [
      ...IDS,
      '--email',
      'a@studio.example',
      'b@studio.example',
      '--release',
      'automatic',
      '--key-parameter',
      '/a/b',
    ];
    const { code, stdout } = await init(directory, [...flags, '--json']);
    expect({ code, data: JSON.parse(stdout) }).toEqual({
      code: 0,
      data: {
        file: join(directory, FILE),
        checked: 'not-checked',
        takenOver: [],
        next: ['npx --no streampixel-drop key set', 'npx cdk deploy'],
      },
    });
    const { $schema, ...settings } = await written(directory);
    expect(settings).toEqual({
      routes: [{ prefix: '', userId, projectId, autoRelease: true, apiKeyParameter: '/a/b' }],
      alertEmails: ['a@studio.example', 'b@studio.example'],
    });
    expect($schema).toBe(pathToFileURL(join(ROOT, 'streampixel-drop.schema.json')).href);
  });

  it.each([
    [[], '--user-id and --project-id: missing'],
    [['--user-id', userId], '--project-id: missing'],
    [['--user-id', 'me', '--project-id', projectId], '--user-id must be 24 hexadecimal digits'],
    [[...IDS, '--email', 'nobody'], '--email must be an e-mail address'],
    [[...IDS, '--key-parameter', 'sk-1'], '--key-parameter must be the name of the SSM parameter'],
    [[...IDS, '--file', 'missing/x.json'], 'There is no folder'],
    [[...IDS, '--file', 'cdk.json/x.json'], 'There is no folder'],
    [[...IDS, '--file', '.', '--force'], 'is a folder'],
  ])('refuses %j and writes nothing', async (flags, message) => {
    const directory = await newDirectory();
    const { code, stderr } = await init(directory, flags);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
    expect(await readdir(directory)).toEqual([]);
  });

  it('asks Streampixel with the key in the environment', async () => {
    const directory = await newDirectory({ streampixelBaseUrl: standIn.baseUrl });
    const other = ['--user-id', userId, '--project-id', '7'.repeat(24)];
    const refused = await init(directory, [...IDS, '--json'], { key: 'c4nary-wrong-key' });
    const noProject = await init(directory, [...other, '--json'], { key: KEY });
    expect([refused, noProject].map(({ code, stdout }) => [code, JSON.parse(stdout).error.code])).toEqual([
      [1, 'InvalidApiKey'],
      [1, 'ProjectNotFound'],
    ]);
    expect(await readdir(directory)).toEqual(['cdk.json']);
    const { stdout } = await init(directory, [...IDS, '--json'], { key: KEY });
    expect(JSON.parse(stdout)).toMatchObject({ checked: 'accepted' });
    expect((await init(directory, [...other, '--no-check', '--force'], { key: KEY })).code).toBe(0);
  });

  it('replaces a file only with --force, and names the stack of another file', async () => {
    const directory = await newDirectory();
    const staging = [...IDS, '--file', 'staging.json'];
    expect((await init(directory, staging)).stderr).toContain('key set --settings staging.json');
    expect((await init(directory, staging)).code).toBe(1);
    expect(await written(directory, 'staging.json')).toMatchObject({ stackName: 'StreampixelDrop-staging' });
    expect((await init(directory, [...staging, '--force', '--stack', 'Staging'])).code).toBe(0);
    expect(await written(directory, 'staging.json')).toMatchObject({ stackName: 'Staging' });
  });
});

describe('settings of the former layout', () => {
  const former = {
    routes: [ROUTE, { ...ROUTE, prefix: 'a/', onlyLatest: true }],
    alertEmails: 'a@studio.example',
    maxAttempts: '4',
    bucketName: '',
    stackName: 'Prod',
  };

  it('move from cdk.json into the file, and CDK’s stay', async () => {
    const flags = { '@aws-cdk/core:target-partitions': ['aws', 'aws-cn'], '@aws-cdk/core:x': true };
    const directory = await newDirectory();
    const lines = (context: object) =>
      `${JSON.stringify({ app: 'x', context }, undefined, 2).replace(/\[\s+"aws",\s+"aws-cn"\s+\]/, '["aws", "aws-cn"]')}\n`;
    const windows = (json: string) => json.replaceAll('\n', '\r\n');
    await writeFile(join(directory, 'cdk.json'), windows(lines({ ...former, ...flags })));
    expect(await init(directory, [])).toMatchObject({ code: 0 });
    expect(await readFile(join(directory, 'cdk.json'), 'utf8')).toBe(windows(lines(flags)));
    const { $schema, ...settings } = await written(directory);
    expect(settings).toEqual({
      routes: former.routes,
      alertEmails: ['a@studio.example'],
      maxAttempts: 4,
      stackName: 'Prod',
    });
  });

  it('keep their routes: flags for one are refused', async () => {
    const directory = await newDirectory(former);
    expect(await init(directory, [...IDS, '--release', 'manual'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Leave out --user-id, --project-id, --release.'),
    });
  });

  it('are not looked for in the cdk.json of another app', async () => {
    const directory = await newDirectory({ team: 'b' });
    expect((await init(directory, IDS)).code).toBe(0);
    expect(Object.keys(await written(directory))).toEqual(['$schema', 'routes', 'alertEmails']);
  });

  it('stay where they are while something is wrong with them', async () => {
    const directory = await newDirectory({ ...former, alertEmail: 'a@studio.example' });
    const before = await readFile(join(directory, 'cdk.json'), 'utf8');
    const { code, stderr } = await init(directory, []);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('cdk.json: alertEmail: is not a setting'),
    });
    expect(await readFile(join(directory, 'cdk.json'), 'utf8')).toBe(before);
    expect(await readdir(directory)).toEqual(['cdk.json']);
  });
});

describe('the schema that the file names', () => {
  it('is that of the package around it', async () => {
    const directory = await newDirectory();
    const installed = join(directory, 'node_modules/streampixel-drop');
    await mkdir(installed, { recursive: true });
    await writeFile(join(installed, 'streampixel-drop.schema.json'), '{}');
    await mkdir(join(directory, 'config'));
    expect(schemaReference(directory)).toBe('./node_modules/streampixel-drop/streampixel-drop.schema.json');
    expect(schemaReference(join(directory, 'config'))).toBe(
      '../node_modules/streampixel-drop/streampixel-drop.schema.json',
    );
    expect(schemaReference(ROOT)).toBe('./streampixel-drop.schema.json');
  });
});
