import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, open, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import {
  AbortMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { ZipFile } from 'yazl';
import { planFolder } from '../../cli/upload/folder-source.ts';
import { partSizeFor, uploadInParts } from '../../cli/upload/multipart-upload.ts';
import { fileSource } from '../../cli/upload/upload-source.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { BUCKET, openQuietStack } from './quiet-stack.ts';
import { type Call, type Step, startBetween } from './s3-between.ts';
import { EVENTUALLY, PATIENCE, startTool } from './tool.ts';

vi.setConfig(PATIENCE);

const LAUNCHER = fileURLToPath(new URL('../../cli/streampixel-drop.mjs', import.meta.url));

const PART = partSizeFor(0);
const target = { Bucket: BUCKET, Key: 'Game.zip' };
const isPart = ({ operation }: Call) => operation === 'UploadPart';

/** A stack, a zip of three parts, and what happens to calls on their way. */
async function prepare(onTestFinished: TestContext['onTestFinished'], decide: (call: Call) => Step | Promise<Step>) {
  const stack = await openQuietStack(onTestFinished);
  const between = await startBetween(onTestFinished, stack.port, decide);
  const directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-test-'));
  const path = join(directory, 'Game.zip');
  const zip = new ZipFile();
  for (const [name, size] of PACKAGE) zip.addBuffer(randomBytes(size), name, { compress: false });
  zip.end();
  const bytes = await buffer(zip.outputStream);
  await writeFile(path, bytes);
  // Whole seconds can be restored exactly.
  await utimes(path, 1_700_000_000, 1_700_000_000);
  const client = { region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS, forcePathStyle: true };
  const s3 = new S3Client({ ...client, endpoint: `http://127.0.0.1:${between.port}` });
  const behind = new S3Client({ ...client, endpoint: stack.gateway.endpoint });
  onTestFinished(async () => {
    for (const each of [s3, behind]) each.destroy();
    await rm(directory, { recursive: true });
  });
  const source = fileSource(path, await stat(path, { bigint: true }));
  const signal = new AbortController().signal;
  return {
    ...{ stack, between, directory, path, bytes, s3, behind },
    upload: (stop = signal, onProgress = (_: number) => {}) =>
      uploadInParts(s3, { source, bucket: BUCKET, key: target.Key }, stop, onProgress),
    /** SHA-256 of what is in the bucket. */
    async stored() {
      const { Body } = await behind.send(new GetObjectCommand(target));
      return sha256(Buffer.from((await Body?.transformToByteArray()) ?? []));
    },
    async unfinished() {
      return (await behind.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads ?? [];
    },
    async partsThere() {
      const [upload] = (await behind.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads ?? [];
      return (await behind.send(new ListPartsCommand({ ...target, UploadId: upload?.UploadId }))).Parts ?? [];
    },
    push: (what = path) => startTool(between.port, ['push', what, '--json']),
  };
}

/** Files of a packaged build, and their bytes. */
const PACKAGE: readonly (readonly [string, number])[] = [
  ['Windows/Game.exe', 1_000],
  ['Windows/Game/Binaries/Win64/Game-Win64-Shipping.exe', 1_000],
  ['Windows/Game/Content/Paks/Game-Windows.pak', 2.5 * PART],
];

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('an upload', () => {
  it('is whole where reads come back in part', async ({ onTestFinished }) => {
    const { bytes, path, stored, upload } = await prepare(onTestFinished, () => 'pass');
    const handle = await open(path);
    const prototype = Object.getPrototypeOf(handle);
    await handle.close();
    const { read } = prototype;
    const spy = vi.spyOn(prototype, 'read').mockImplementation(function (this: unknown, ...args: unknown[]) {
      const [into, offset, length, position] = args as [Buffer, number, number, number];
      return read.call(this, into, offset, Math.ceil(length / 2), position);
    });
    onTestFinished(() => spy.mockRestore());

    await upload();

    expect(spy.mock.calls.length).toBeGreaterThan(10);
    expect(await stored()).toBe(sha256(bytes));
  });

  it('tells S3 how large the object is to be, and signs without a hash of the payload on this machine', async ({
    onTestFinished,
  }) => {
    const { between, bytes, upload } = await prepare(onTestFinished, () => 'pass');
    await upload();
    const [complete] = between.of('CompleteMultipartUpload');
    expect(complete?.headers['x-amz-mp-object-size']).toBe(`${bytes.length}`);
    for (const { headers } of between.of('UploadPart')) {
      expect(headers).toMatchObject({
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
        'x-amz-checksum-crc32': expect.any(String),
      });
    }
  });

  it.for<[what: string, change: (path: string) => Promise<unknown>]>([
    ['grows', (path) => appendFile(path, 'more')],
    ['shrinks', (path) => truncate(path, PART)],
    ['is written again with its old time', rewriteInPlace],
    ['is replaced by one of the same size and time', replace],
    ['is deleted', rm],
  ])('is not completed where the file %s meanwhile', async ([, change], { onTestFinished }) => {
    let changed: Promise<unknown> | undefined;
    const { between, path, unfinished, upload } = await prepare(onTestFinished, async (call): Promise<Step> => {
      if (isPart(call)) changed ??= change(path);
      await changed;
      return 'pass';
    });
    await expect(upload()).rejects.toMatchObject({
      code: 'FileChanged',
      message: expect.stringContaining(path),
      remedy: expect.stringContaining('push it again'),
    });
    expect(between.of('CompleteMultipartUpload')).toEqual([]);
    expect(await unfinished()).toHaveLength(1);
  });

  it('is resumed with those parts only that are the same now', async ({ onTestFinished }) => {
    const { bytes, path, s3, stored, upload } = await prepare(onTestFinished, () => 'pass');
    const controller = new AbortController();
    await expect(upload(controller.signal, (there) => there >= 2 * PART && controller.abort())).rejects.toThrow();
    // Of the parts that can be there, the second one; the first one decides that it is the same upload.
    bytes.fill('other', PART + 1, PART + 100);
    await writeFile(path, bytes);
    const source = fileSource(path, await stat(path, { bigint: true }));

    const request = { source, bucket: BUCKET, key: target.Key };
    const { resumed } = await uploadInParts(s3, request, new AbortController().signal, () => {});

    expect(resumed).toBeGreaterThan(0);
    expect(resumed).toBeLessThan(bytes.length);
    expect(await stored()).toBe(sha256(bytes));
  });

  it('is done where the answer to its completion is lost', async ({ onTestFinished }) => {
    let lost = 0;
    const { behind, bytes, between, stored, upload } = await prepare(onTestFinished, ({ operation }) =>
      operation === 'CompleteMultipartUpload' && lost++ === 0 ? 'lose-answer' : 'pass',
    );
    const { versionId } = await upload();
    expect(between.of('CompleteMultipartUpload').length).toBeGreaterThan(1);
    expect(await stored()).toBe(sha256(bytes));
    expect(versionId).toBe((await behind.send(new GetObjectCommand(target))).VersionId);
  });

  it('is not done where the key only holds the same bytes of an earlier push', async ({ onTestFinished }) => {
    // Prepare
    let isSecond = false;
    const { behind, upload } = await prepare(onTestFinished, async ({ operation }): Promise<Step> => {
      if (isSecond && operation === 'CompleteMultipartUpload') {
        for (const { Key, UploadId } of (await behind.send(new ListMultipartUploadsCommand({ Bucket: BUCKET })))
          .Uploads ?? []) {
          await behind.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key, UploadId }));
        }
      }
      return 'pass';
    });
    await upload();
    isSecond = true;

    // Act and assess
    await expect(upload()).rejects.toMatchObject({ code: 'UploadGone' });
  });
});

async function rewriteInPlace(path: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  const file = await open(path, 'r+');
  await file.write(randomBytes(100), 0, 100, 2 * PART);
  await file.close();
  await utimes(path, atime, mtime);
}

async function replace(path: string): Promise<void> {
  const { atime, mtime, size } = await stat(path);
  await writeFile(`${path}.new`, randomBytes(size));
  await utimes(`${path}.new`, atime, mtime);
  await rename(`${path}.new`, path);
}

describe('push', () => {
  it('tries a part again that S3 is too busy for, or whose connection breaks', async ({ onTestFinished }) => {
    const answers: Step[] = [
      ...Array<Step>(4).fill({ status: 503, code: 'SlowDown' }),
      { status: 500, code: 'InternalError' },
      'reset',
    ];
    const { bytes, push, stored } = await prepare(onTestFinished, (call) =>
      isPart(call) && call.partNumber === 1 ? (answers.shift() ?? 'pass') : 'pass',
    );
    const { code } = await push().ended;
    expect(code).toBe(0);
    expect(answers).toEqual([]);
    expect(await stored()).toBe(sha256(bytes));
  });

  it('says that credentials have expired on the way, and resumes with new ones', async ({ onTestFinished }) => {
    let isExpired = true;
    const { bytes, push, stored } = await prepare(onTestFinished, (call) =>
      isPart(call) && call.partNumber === 3 && isExpired ? { status: 400, code: 'ExpiredToken' } : 'pass',
    );
    const first = await push().ended;
    isExpired = false;
    const second = await push().ended;

    expect(first.code).toBe(1);
    expect(JSON.parse(first.stdout).error).toMatchObject({
      code: 'CredentialsRefused',
      remedy: expect.stringMatching(/aws sso login(.|\n)*continues where it stopped/),
    });
    expect(second.code).toBe(0);
    expect(await stored()).toBe(sha256(bytes));
  });

  it('ends with 130 at Ctrl-C, and resumes what it has left', async ({ onTestFinished }) => {
    let isStuck = true;
    const { between, bytes, partsThere, push, stored, unfinished } = await prepare(onTestFinished, (call) =>
      isPart(call) && call.partNumber > 1 && isStuck ? 'hang' : 'pass',
    );
    const first = push();
    await vi.waitFor(() => expect(between.of('UploadPart')).toHaveLength(3), EVENTUALLY);
    await vi.waitFor(async () => expect(await partsThere()).toHaveLength(1), EVENTUALLY);
    first.process.kill('SIGINT');
    const interrupted = await first.ended;
    isStuck = false;
    expect(await unfinished()).toHaveLength(1);
    const second = await push().ended;

    expect(interrupted.code).toBe(130);
    expect(JSON.parse(interrupted.stdout).error.code).toBe('Interrupted');
    expect(JSON.parse(second.stdout).resumedBytes).toBe(PART);
    expect(await stored()).toBe(sha256(bytes));
  });

  it('zips a folder on the way, and resumes it as it does a file', async ({ onTestFinished }) => {
    // Prepare
    let isStuck = true;
    const { directory, partsThere, push, stored } = await prepare(onTestFinished, (call) =>
      isPart(call) && call.partNumber > 1 && isStuck ? 'hang' : 'pass',
    );
    const folder = join(directory, 'Windows');
    await mkdir(join(folder, 'Game', 'Binaries', 'Win64'), { recursive: true });
    await writeFile(join(folder, 'Game', 'Binaries', 'Win64', 'Game-Win64-Shipping.exe'), randomBytes(1_000));
    await writeFile(join(folder, 'Game.exe'), randomBytes(1.5 * PART));
    await writeFile(join(folder, 'Game', 'Game.pak'), randomBytes(PART));
    await writeFile(join(folder, 'Game', 'Binaries', 'Game.pdb'), randomBytes(1_000));
    const first = push(folder);
    await vi.waitFor(async () => expect(await partsThere()).toHaveLength(1), EVENTUALLY);
    first.process.kill('SIGINT');
    const interrupted = await first.ended;
    isStuck = false;

    // Act
    const { code, stdout, stderr } = await push(folder).ended;

    // Assess
    expect(interrupted.code).toBe(130);
    expect({ code, data: JSON.parse(stdout) }).toMatchObject({
      code: 0,
      data: { key: 'Game.zip', resumedBytes: PART },
    });
    expect(stderr).toContain('Left out: 1 file with debug symbols (.pdb) under Binaries, 1.0 kB.');
    const { source } = await planFolder(folder);
    const bytes = Buffer.alloc(source.size);
    const pass = await source.open(0);
    await pass.fill(bytes);
    await pass.close();
    expect(await stored()).toBe(sha256(bytes));
  });

  /** The tool's launcher in a process of its own, stuck in an upload. */
  async function launchStuck(onTestFinished: TestContext['onTestFinished'], around: readonly string[] = []) {
    const { between, path } = await prepare(onTestFinished, (call) => (isPart(call) ? 'hang' : 'pass'));
    const args = [...around, LAUNCHER, 'push', path, '--local', `${between.port}`];
    const env = { ...process.env, npm_execpath: 'npm' };
    const started = spawn(process.execPath, args, { stdio: 'ignore', env });
    onTestFinished(() => void started.kill('SIGKILL'));
    await vi.waitFor(() => expect(between.hanging()).toBe(3), EVENTUALLY);
    return { between, started };
  }

  it.for(['SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'stops where %s ends its launcher',
    async (signal, { onTestFinished }) => {
      const { between, started } = await launchStuck(onTestFinished);
      started.kill(signal);
      await vi.waitFor(() => expect(between.hanging()).toBe(0), EVENTUALLY);
    },
  );

  it.skipIf(process.platform === 'win32')(
    'stops where the npm is killed that has run its launcher',
    async ({ onTestFinished }) => {
      // With a shell between the two, as npm has it.
      const npm =
        'child_process.spawn("sh", ["-c", `"$0" "$@"; exit`, process.execPath, ...process.argv.slice(1)], { stdio: "ignore" })';
      const { between, started } = await launchStuck(onTestFinished, ['-e', npm]);
      started.kill('SIGKILL');
      await vi.waitFor(() => expect(between.hanging()).toBe(0), EVENTUALLY);
    },
  );
});
