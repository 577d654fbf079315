import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, vi } from 'vitest';
import { makeSampleBuild, type PackagedFiles, samplePackage, zipOf } from '../../local/start/sample-build.ts';
import { routesFor, useOperatedStack } from './operated-stack.ts';
import { PATIENCE, tool, toolJson } from './tool.ts';

const use = useOperatedStack(routesFor('check', 'linux', 'forced', 'push'));
vi.setConfig(PATIENCE);

/** No stack is there. */
const NOWHERE = 1;
const LINUX: PackagedFiles = {
  'Linux/MyGame.sh': '',
  'Linux/MyGame/Binaries/Linux/MyGame': '',
  'Linux/a\u001b[31m.txt': '',
};
/** A folder can't be pushed with a name that Windows can't have. */
const PLAIN_LINUX = Object.fromEntries(Object.entries(LINUX).filter(([name]) => !/\p{Cc}/u.test(name)));

async function file(name: string, content: Buffer | string): Promise<string> {
  const path = join(use().directory, name);
  await writeFile(path, content);
  return path;
}

async function folder(name: string, files: PackagedFiles): Promise<string> {
  const root = join(use().directory, name);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), typeof content === 'number' ? Buffer.alloc(content) : content);
  }
  return root;
}

describe.concurrent('check', () => {
  it('says what a zip is, without any stack', async () => {
    const path = await file('good.zip', await makeSampleBuild());
    const { code, data } = await toolJson(NOWHERE, ['check', path]);
    expect({ code, data }).toMatchObject({
      code: 0,
      data: {
        ok: true,
        refusals: [],
        warnings: [],
        package: { game: 'Sample', engine: '5', configuration: 'Shipping', plugin: 'PixelStreaming2', files: 10 },
      },
    });
    const { stdout } = await tool(NOWHERE, ['check', path]);
    expect(stdout).toMatch(
      /Verdict\s+good: the check found nothing.*\nGame\s+Sample\nEngine\s+Unreal Engine 5\nConfiguration\s+Shipping\n/,
    );
  });

  it('says the same of the folder, with or without what is around it', async () => {
    const path = await folder('Packaged', samplePackage());
    for (const each of [path, join(path, 'Windows')]) {
      const { code, data } = await toolJson(NOWHERE, ['check', each]);
      expect({ code, data }).toMatchObject({
        code: 0,
        data: { ok: true, package: { game: 'Sample', plugin: 'PixelStreaming2' } },
      });
    }
    const linux = await toolJson(NOWHERE, ['check', await folder('ForLinux', PLAIN_LINUX)]);
    expect(linux).toMatchObject({ code: 1, data: { ok: false, refusals: [{ code: 'NotAPackage' }] } });
  });

  it('ends with 1 where Streampixel could not run it, and says why and what to do', async () => {
    const path = await file('linux.zip', await zipOf(LINUX));
    const { code, data } = await toolJson(NOWHERE, ['check', path]);
    expect({ code, data }).toMatchObject({
      code: 1,
      data: {
        ok: false,
        refusals: [
          { code: 'NotAPackage', detail: expect.stringContaining('Linux/MyGame.sh'), remedy: expect.any(String) },
        ],
      },
    });
    const { stdout } = await tool(NOWHERE, ['check', path]);
    expect(stdout).toMatch(/NotAPackage\s.*It is a Linux package/);
    expect(stdout).not.toContain('\u001b[31m.txt');
  });

  it('ends with 2 where there is nothing to check', async () => {
    expect(await tool(NOWHERE, ['check', join(use().directory, 'nowhere')])).toMatchObject({ code: 2 });
    expect(await tool(use().stack.port, ['check', 's3://bucket'])).toMatchObject({ code: 2 });
  });

  it('reads an object of the bucket, with its labels', async () => {
    const { bucket, port } = use().stack;
    await put('check/labelled.zip', await makeSampleBuild(), { 'label-commit': '4f2c1a9', other: 'x' });
    const { code, data } = await toolJson(port, ['check', `s3://${bucket}/check/labelled.zip`]);
    expect({ code, data }).toMatchObject({
      code: 0,
      data: { ok: true, labels: { commit: '4f2c1a9' }, package: { game: 'Sample' } },
    });
    const none = await toolJson(port, ['check', `s3://${bucket}/check/none.zip`]);
    expect(none).toMatchObject({ code: 1, data: { error: { code: 'NoObject' } } });
  });
});

describe.concurrent('the worker', () => {
  it('shows what a build is, its warnings and its labels', async () => {
    const zip = await zipOf({ ...samplePackage(), 'Windows/Other.exe': 'MZ' });
    const build = await put('check/game.zip', zip, { 'label-branch': 'main' });
    await use().seen(build, 'submitted');
    const { data } = await toolJson(use().stack.port, ['status', build.build]);
    expect(data).toMatchObject({
      package: { game: 'Sample', files: 11 },
      warnings: [{ code: 'SeveralGames' }],
      labels: { branch: 'main' },
    });
    const { stdout } = await tool(use().stack.port, ['status', build.build]);
    expect(stdout).toMatch(/Plugin\s+Pixel Streaming 2\n(?:.*\n)*Labels\s+branch=main\n/);
    expect(stdout).toMatch(/SeveralGames\s+Besides Windows\/Sample\.exe there is Windows\/Other\.exe/);
  });

  it('refuses what it can not run before it has a slot, and submits it where a person says so', async () => {
    const build = await put('forced/linux.zip', await zipOf(LINUX), {});
    expect(await use().seen(build, 'dead-lettered')).toMatchObject({ reason: 'NotAPackage' });
    const address = `s3://${use().stack.bucket}/forced/linux.zip`;
    const { data } = await toolJson(use().stack.port, ['submit', '--again', '--no-check', '--yes', address]);
    expect(data).toMatchObject({ sent: 1 });
    expect(await use().seen(build, 'submitted')).toMatchObject({ uploadId: expect.any(String) });
    const after = await toolJson(use().stack.port, ['status', build.build]);
    expect(after.data.warnings[0]).toMatchObject({
      code: 'NotChecked',
      detail: expect.stringContaining('Linux package'),
    });
  });

  it('is asked by push before a byte is uploaded', async () => {
    const path = await file('pushed.zip', await zipOf(LINUX));
    const { code, data } = await toolJson(use().stack.port, ['push', path, '--route', 'push/']);
    expect({ code, data }).toMatchObject({ code: 1, data: { error: { code: 'NotAPackage' } } });
  });
});

async function put(Key: string, Body: Buffer, Metadata: Record<string, string>): Promise<{ build: string }> {
  const s3 = new S3Client({ ...use().client, forcePathStyle: true });
  const { bucket } = use().stack;
  const { VersionId } = await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, Metadata }));
  s3.destroy();
  return { build: `${bucket}/${Key}@${VersionId}` };
}
