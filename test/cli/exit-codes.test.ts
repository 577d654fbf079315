import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/operator-error.ts';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { openTable } from '../../functions/adapters/dynamodb-table.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { read, yamlIn } from '../docs/markdown.ts';
import { routesFor, useOperatedStack } from './operated-stack.ts';
import { EVENTUALLY, PATIENCE, startTool, tool } from './tool.ts';

const NAMES = ['automatic', 'manual', 'on-approval', 'refused', 'rejected', 'stuck', 'forbidden'] as const;
const OTHERS = ['again', 'slow', 'silent', 'labels', 'gitlab'] as const;
const ROUTES = routesFor(...NAMES, ...OTHERS).map((route) => ({
  ...route,
  autoRelease: route.prefix === 'automatic/',
  ...(['on-approval/', 'forbidden/'].includes(route.prefix) ? { release: 'on-approval' as const } : {}),
}));
const use = useOperatedStack(
  ROUTES,
  ROUTES.filter(({ prefix }) => prefix !== 'silent/'),
);
vi.setConfig(PATIENCE);

let zip = '';
let page = '';
beforeAll(async () => {
  zip = join(use().directory, 'game.zip');
  await writeFile(zip, await makeSampleBuild());
  page = join(use().directory, 'page.zip');
  await writeFile(page, '<html>Sign in</html>');
});

/** The last line on stdout, as a build machine reads it. */
const lastLine = (stdout: string) => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
const follow = (route: string, ...more: string[]) => ['--key', `${route}/game.zip`, '--follow', ...more];
const NEVER = '10h';
const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

interface Case {
  readonly what: string;
  readonly flags: readonly string[];
  readonly code: number;
  readonly last: Readonly<Record<string, unknown>>;
  readonly path?: () => string;
  /** What Streampixel does with the build. */
  readonly before?: () => unknown;
  /** What happens once it is followed. */
  readonly meanwhile?: () => unknown;
}

const CASES: readonly Case[] = [
  { what: 'live', flags: follow('automatic'), code: 0, last: { state: 'approved', status: 'live', reason: null } },
  {
    what: 'approved, and a person releases it',
    flags: follow('manual', '--timeout', NEVER),
    code: 0,
    last: { state: 'approved', status: 'waits-for-person', reason: null },
  },
  {
    what: 'released by the pipeline',
    flags: follow('on-approval'),
    code: 0,
    last: { state: 'released', reason: null },
  },
  {
    what: 'uploaded and not followed',
    flags: ['--key', 'manual/other.zip'],
    code: 0,
    last: { build: expect.stringContaining('/manual/other.zip@'), uploadId: null, state: null, reason: null },
  },
  {
    what: 'dead-lettered',
    flags: follow('refused'),
    before: () => use().standIn.script({ kind: 'answer', status: 404, body: { message: 'Project not found' } }),
    code: 1,
    last: { state: 'dead-lettered', uploadId: null, reason: 'ProjectNotFound', error: { code: 'ProjectNotFound' } },
  },
  {
    what: 'rejected',
    flags: follow('rejected'),
    before: () => use().standIn.plan({ kind: 'rejected', at: 'extracting', objection: 'No.' }),
    code: 1,
    last: { state: 'rejected', uploadId: expect.any(String), reason: 'Rejected', objection: 'No.' },
  },
  {
    what: 'stuck',
    flags: follow('stuck'),
    before: () => use().standIn.plan({ kind: 'stuck', after: 'downloading' }),
    meanwhile: () => getStuck('stuck/game.zip'),
    code: 1,
    last: { state: 'submitted', status: 'stuck', reason: 'Stuck' },
  },
  {
    what: 'not released',
    flags: follow('forbidden'),
    before: () => use().standIn.scriptDistribute({ kind: 'answer', status: 403, body: { message: 'Access denied' } }),
    code: 1,
    last: { state: 'approved', reason: 'ReleaseFailed' },
  },
  {
    what: 'no zip',
    path: () => page,
    flags: follow('manual'),
    code: 1,
    last: { build: null, state: null, reason: 'NotAZip', error: { message: expect.stringContaining('page.zip') } },
  },
  { what: 'no file', path: () => 'nowhere.zip', flags: [], code: 2, last: { file: 'nowhere.zip', reason: 'Usage' } },
  { what: 'no route', flags: ['--key', 'nowhere/game.zip'], code: 2, last: { reason: 'Usage' } },
  { what: 'a flag that is none', flags: ['--folow'], code: 2, last: { reason: 'Usage' } },
  { what: 'a timeout that is no time', flags: follow('manual', '--timeout', '30'), code: 2, last: { reason: 'Usage' } },
  { what: 'a timeout for nothing', flags: follow('manual', '--timeout', '0s'), code: 2, last: { reason: 'Usage' } },
  { what: 'a timeout of what is not followed', flags: ['--timeout', '30m'], code: 2, last: { reason: 'Usage' } },
  {
    what: 'a label without a value',
    flags: follow('manual', '--label', 'commit='),
    code: 2,
    last: { reason: 'Usage' },
  },
  {
    what: 'skipped, because Streampixel has this content',
    flags: follow('automatic'),
    code: 3,
    last: { key: 'automatic/game.zip', state: 'skipped', reason: 'Unchanged', uploadId: null },
  },
  {
    what: 'still under way',
    flags: follow('slow', '--timeout', '8s'),
    before: () => use().standIn.plan({ kind: 'stuck', after: 'downloading' }),
    code: 4,
    // How far it has come by then depends on the machine.
    last: { status: expect.stringMatching(/^(waiting|under-way)$/), reason: 'StillUnderWay' },
  },
  {
    what: 'without a webhook that could report on it',
    flags: follow('silent'),
    before: () =>
      use().standIn.setWebhook(ROUTES.find(({ prefix }) => prefix === 'silent/')?.projectId ?? '', undefined),
    code: 4,
    last: { state: 'submitted', status: 'no-webhook-yet', uploadId: expect.any(String), reason: null },
  },
];

/** As the watchdog finds after two hours. */
async function getStuck(key: string): Promise<void> {
  const dynamoDb = new DynamoDBClient(use().client);
  const ledger = createDynamoDbLedger(openTable(dynamoDb, use().stack.environment.ledgerTable));
  await vi.waitFor(async () => {
    const { entries } = await ledger.list('submitted', { limit: 100 });
    const entry = entries.find(({ build, news = [] }) => build.key === key && news.length > 1);
    expect(entry).toBeDefined();
    if (entry !== undefined) await ledger.save({ ...entry, stuckAt: Date.now(), updatedAt: Date.now() });
  }, EVENTUALLY);
  dynamoDb.destroy();
}

// One after the other: each sets what the stand-in does with the next upload.
describe('push ends with', () => {
  it.each(CASES)('$code: $what', async ({ before, code, flags, last, meanwhile, path = () => zip }) => {
    await before?.();
    const running = startTool(use().stack.port, ['push', path(), ...flags, '--json']);
    await meanwhile?.();
    const ran = await running.ended;

    expect(ran.code, ran.stderr).toBe(code);
    const printed = lastLine(ran.stdout);
    expect(printed).toMatchObject(last);
    for (const name of ['build', 'key', 'versionId', 'uploadId', 'state', 'reason'])
      expect(printed).toHaveProperty(name);
    // It must not get the answer that is meant for the next one.
    if (code === 0 || code === 4) await use().seen(printed, 'submitted');
    // Where it failed, people read why and what to do on stderr.
    expect('error' in printed).toBe(code !== 0 && code !== 3 && printed.status !== 'no-webhook-yet');
    if ('error' in printed) expect(ran.stderr.trim().split('\n').length).toBeGreaterThan(1);
  });

  it('130 after Ctrl-C, with what is known by then; also through the launcher', async () => {
    use().standIn.plan({ kind: 'stuck', after: 'downloading' });
    const launcher = fileURLToPath(new URL('../../cli/streampixel-drop.mjs', import.meta.url));
    const args = [launcher, 'push', zip, ...follow('again'), '--json', '--local', `${use().stack.port}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      if (!child.killed && /\bdownloading\b/.test(stderr)) child.kill('SIGINT');
    });
    const [code, stdout] = await Promise.all([
      new Promise((resolve) => child.on('close', resolve)),
      text(child.stdout),
    ]);
    expect({ code, last: lastLine(stdout) }).toMatchObject({
      code: 130,
      last: { state: 'submitted', uploadId: expect.any(String), reason: 'Interrupted' },
    });
  });

  it('codes that are documented, each with the same meaning', async () => {
    const { stdout } = await tool(use().stack.port, ['push', '--help']);
    for (const code of Object.values(EXIT)) {
      expect(stdout).toMatch(new RegExp(`^ {2}${code} +\\w`, 'm'));
      expect(read('docs/ci.md')).toMatch(new RegExp(`^\\| \`${code}\` \\|`, 'm'));
    }
    expect([...new Set(CASES.map(({ code }) => code))].sort()).toEqual([0, 1, 2, 3, 4]);
  });
});

describe.skipIf(process.platform === 'win32')('what docs/ci.md shows', () => {
  const GITLAB: string = yamlIn('docs/ci.md')
    .flatMap(({ drop }) => drop?.script ?? [])
    .join('\n');

  /** Runs a snippet as the build machine does, where the tool finds this stack, and other commands do nothing. */
  async function run(script: string, route: string): Promise<{ code: unknown; stdout: string }> {
    const directory = await mkdtemp(join(use().directory, 'machine-'));
    await copyFile(zip, join(directory, 'MyGame.zip'));
    const tool = `while [ "$1" != streampixel-drop ]; do shift; done; shift
exec "${process.execPath}" "${MAIN}" "$@" --local ${use().stack.port} --route ${route}/`;
    const commands = { npx: tool, npm: 'exit 0' };
    for (const [name, text] of Object.entries(commands)) {
      await writeFile(join(directory, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    const child = spawn('bash', ['-eo', 'pipefail', '-c', script], {
      cwd: directory,
      env: {
        ...process.env,
        PATH: `${directory}:${process.env.PATH}`,
        ...{ CI_COMMIT_SHA: 'abc', STREAMPIXEL_DROP_PACKAGE: 'https://packages.example/drop.tgz' },
        ...{ AWS_TOKEN: 'token', AWS_WEB_IDENTITY_TOKEN_FILE: join(directory, 'token') },
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [code, stdout] = await Promise.all([
      new Promise((resolve) => child.on('close', resolve)),
      text(child.stdout),
      text(child.stderr),
    ]);
    return { code, stdout };
  }

  it('delivers a build from GitLab, which gets the exit code', async () => {
    expect(await run(GITLAB, 'gitlab')).toMatchObject({ code: 0, stdout: expect.stringContaining('approved') });
    expect(await run(GITLAB, 'gitlab')).toMatchObject({ code: 3 });
  });
});

describe('push --label', () => {
  it('puts labels on the object, where S3 and other tools see them', async () => {
    const labels = ['--label', 'Commit=0123abc', '--label', 'branch=feature/größe = 2'];
    const { code, stdout } = await tool(use().stack.port, [
      'push',
      zip,
      '--key',
      'labels/game.zip',
      ...labels,
      '--json',
    ]);
    const s3 = new S3Client({ ...use().client, forcePathStyle: true });
    const head = await s3.send(new HeadObjectCommand({ Bucket: use().stack.bucket, Key: 'labels/game.zip' }));
    s3.destroy();
    expect(code).toBe(0);
    expect(lastLine(stdout).labels).toEqual({ commit: '0123abc', branch: 'feature/größe = 2' });
    const encoded = Buffer.from('feature/größe = 2').toString('base64');
    expect(head.Metadata).toEqual({ 'label-commit': '0123abc', 'label-branch': `=?UTF-8?B?${encoded}?=` });
  });

  it.each([
    ['no value', ['--label', 'commit'], /name=value/],
    ['a name with a space', ['--label', 'my commit=1'], /letters, digits/],
    ['an empty value', ['--label', 'commit= '], /has no value/],
    ['a line break', ['--label', 'commit=a\nb'], /not shown/],
    ['the same name twice', ['--label', 'commit=1', '--label', 'COMMIT=2'], /two labels/],
    ['more than S3 takes', ['--label', `notes=${'x'.repeat(2048)}`], /2048 bytes/],
  ])('refuses %s', async (_, flags, message) => {
    const { code, stderr } = await tool(use().stack.port, ['push', zip, '--key', 'labels/none.zip', ...flags]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });
});
