import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, vi } from 'vitest';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { readAction, runAction } from './action.ts';
import { routesFor, useOperatedStack } from './operated-stack.ts';
import { PATIENCE } from './tool.ts';

vi.setConfig(PATIENCE);
const ROUTES = routesFor('automatic', 'manual').map((route) => ({
  ...route,
  autoRelease: route.prefix === 'automatic/',
}));
const use = useOperatedStack(ROUTES);

let build: Promise<Buffer | Uint8Array> | undefined;

/** Runs the action in a workspace with a build, as on AWS. */
async function run(
  inputs: Readonly<Record<string, string>>,
  { cancelAt, env, file = 'Game.zip' }: { cancelAt?: string; env?: NodeJS.ProcessEnv; file?: string } = {},
) {
  const { directory, stack } = use();
  build ??= makeSampleBuild();
  await writeFile(join(directory, file), await build);
  return runAction(
    directory,
    { file, ...inputs },
    {
      ...process.env,
      AWS_ENDPOINT_URL: stack.endpoint,
      AWS_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
      NO_COLOR: '1',
      ...env,
    },
    cancelAt,
  );
}

/** Cancels the job at the moment at which the action starts the tool. */
const CANCEL_AT_START = `import child from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
delete process.env.NODE_OPTIONS;
const { spawn } = child;
child.spawn = (...args) => {
  const started = spawn(...args);
  process.kill(process.pid, 'SIGINT');
  return started;
};
syncBuiltinESMExports();
`;

it('keeps inputs out of scripts: each reaches the step by its environment', async () => {
  const { inputs, runs } = await readAction();
  const used = runs.steps.flatMap(({ env, 'working-directory': directory }) => [...Object.values(env), directory]);
  for (const { run } of runs.steps) expect(run).not.toContain('${' + '{');
  for (const name of Object.keys(inputs)) expect(used).toContain(`\${{ inputs.${name} }}`);
});

// One after the other: each sets what the stand-in does with the next upload.
describe.skipIf(process.platform === 'win32')('the action', () => {
  it('takes each input for text, whatever a shell or the runner could make of it', async () => {
    const file = `My "Game" $(touch pwned) 'x'; touch pwned %0A\`touch pwned\`.zip`;
    const note = `$(touch pwned) "quoted" 'x' && touch pwned | %PATH% \${HOME} -n`;
    const labels = `commit=0123abc\r\n\n  note=${note}\n`;
    const ran = await run({ route: 'automatic/', labels, stack: 'StreampixelDrop', region: LOCAL_REGION }, { file });

    expect(ran, ran.log).toMatchObject({ code: 0 });
    expect(ran.outputs).toEqual({
      build: expect.stringContaining(`/automatic/${file}@`),
      key: `automatic/${file}`,
      'upload-id': expect.stringMatching(/\w/),
      state: 'approved',
      reason: '',
      'exit-code': '0',
    });
    expect(await readdir(use().directory)).not.toContain('pwned');
    const s3 = new S3Client({ ...use().client, forcePathStyle: true });
    const { Metadata } = await s3.send(new HeadObjectCommand({ Bucket: use().stack.bucket, Key: ran.outputs.key }));
    s3.destroy();
    expect(Metadata).toEqual({ 'label-commit': '0123abc', 'label-note': note });
    expect(ran.summary).toMatch(/^### Dropped on Streampixel\n(.|\n)*\| state \| `approved` \|\n/);
    expect(ran.summary.split('\n').length).toBeLessThan(15);
  });

  it('is no failure where the pipeline leaves the build out', async () => {
    const first = await run({ key: 'automatic/again.zip' });
    const second = await run({ key: 'automatic/again.zip' });
    expect([first.code, second.code], second.log).toEqual([0, 0]);
    expect(second.outputs).toMatchObject({ state: 'skipped', reason: 'Unchanged', 'exit-code': '3' });
    expect(second.log).toContain('::notice title=Skipped::');
  });

  it('fails with the reason where Streampixel rejects the build', async () => {
    use().standIn.plan({ kind: 'rejected', at: 'extracting', objection: 'No.' });
    const ran = await run({ key: 'manual/rejected.zip' });
    expect(ran, ran.log).toMatchObject({
      code: 1,
      outputs: { state: 'rejected', reason: 'Rejected', 'exit-code': '1', 'upload-id': expect.stringMatching(/\w/) },
    });
    expect(ran.log).toMatch(/^::error title=Rejected::/m);
    // All that is printed of the build, in this order.
    expect(ran.log).toMatch(/^::stop-commands::(\S+)\n(?:.|\n)*Dropped as (?:.|\n)*^::\1::\n/m);
    expect(ran.summary).toContain('### Not on Streampixel');
  });

  it('fails with the reason where the build is dead-lettered', async () => {
    use().standIn.script({ kind: 'answer', status: 404, body: { message: 'Project not found' } });
    const ran = await run({ key: 'manual/dead.zip' });
    expect(ran, ran.log).toMatchObject({
      code: 1,
      outputs: { state: 'dead-lettered', reason: 'ProjectNotFound', 'exit-code': '1', 'upload-id': '' },
    });
    expect(ran.log).toMatch(/^::error title=ProjectNotFound::/m);
  });

  it('fails with 4 where the build is not finished in time', async () => {
    use().standIn.plan({ kind: 'stuck', after: 'downloading' });
    const ran = await run({ key: 'manual/late.zip', timeout: '1s' });
    expect(ran, ran.log).toMatchObject({ code: 4, outputs: { reason: 'StillUnderWay', 'exit-code': '4' } });
    expect(ran.summary).toContain('### Still under way');
  });

  it('says what is known of the build when the job is cancelled', async () => {
    use().standIn.plan({ kind: 'stuck', after: 'downloading' });
    const ran = await run({ key: 'manual/cancelled.zip' }, { cancelAt: 'downloading' });
    expect(ran, ran.log).toMatchObject({
      code: 130,
      outputs: {
        state: 'submitted',
        reason: 'Interrupted',
        'exit-code': '130',
        'upload-id': expect.stringMatching(/\w/),
      },
    });
    expect(ran.summary).toContain('### Interrupted');
  });

  it('leaves no tool behind when the job is cancelled at its start', async () => {
    const preload = join(use().directory, 'cancel.mjs');
    await writeFile(preload, CANCEL_AT_START);
    const env = { NODE_OPTIONS: `--import ${pathToFileURL(preload)}` };
    const ran = await run({ key: 'manual/early.zip' }, { env });
    expect(ran, ran.log).toMatchObject({ code: 130, outputs: { build: '', 'exit-code': '130' } });
    expect(ran.log).not.toContain('Dropped as');
  });

  it('reads inputs without the space around them: a block of YAML ends with a line break', async () => {
    const ran = await run({ file: ' Game.zip\n', key: 'manual/block.zip\n', follow: 'False\n', timeout: '1m\n' });
    expect(ran, ran.log).toMatchObject({ code: 0, outputs: { key: 'manual/block.zip' } });
  });

  it('only uploads where it is not to follow', async () => {
    const ran = await run({ key: 'manual/uploaded.zip', follow: 'false' });
    expect(ran, ran.log).toMatchObject({ code: 0, outputs: { state: '', 'upload-id': '', 'exit-code': '0' } });
    expect(ran.outputs.build).toContain('/manual/uploaded.zip@');
    expect(ran.summary).toContain('### Uploaded');
  });

  it.each([
    ['there is no such route', { route: '--help' }],
    ['there are several routes and none is named', {}],
    ['the key ends the line', { key: 'manual/a\nstate=approved\n' }],
    ['follow is neither true nor false', { route: 'manual/', follow: 'yes' }],
    ['there is no file', { file: '' }],
    ['the file has a wildcard', { file: '*.zip', route: 'manual/' }],
  ])('ends with 2 where %s', async (_, inputs) => {
    const ran = await run(inputs);
    expect(ran, ran.log).toMatchObject({
      code: 2,
      outputs: { build: '', state: '', reason: 'Usage', 'exit-code': '2' },
    });
    expect(ran.log).toMatch(/^::error title=Usage::/m);
  });
});
