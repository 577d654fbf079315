import { createHash, randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, type TestContext } from 'vitest';
import { fromBufferPromise } from 'yauzl';
import { planFolder } from '../../cli/upload/folder-source.ts';

type Files = Readonly<Record<string, string | Buffer>>;

const BUILD: Files = {
  'Game.exe': 'launcher',
  'Game/Binaries/Win64/Game-Win64-Shipping.exe': 'program',
  'Game/Binaries/Win64/Game-Win64-Shipping.pdb': 'symbols',
  'Game/Content/Paks/Game.ucas': Buffer.alloc(3_000_000, 'content'),
  'Game/Content/Data/protein.pdb': 'data of the game',
  'Game/Content/grün.txt': '',
};

async function folderOf(
  onTestFinished: TestContext['onTestFinished'],
  files: Files,
  name = 'Windows',
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-test-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const folder = join(directory, name);
  await mkdir(folder);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

async function zipOf(folder: string, from = 0): Promise<Buffer> {
  const { source } = await planFolder(folder);
  const bytes = Buffer.alloc(source.size - from);
  const pass = await source.open(from);
  await pass.fill(bytes);
  await pass.close();
  return bytes;
}

describe('a folder', () => {
  it('becomes a zip of its files, stored, without debug symbols', async ({ onTestFinished }) => {
    const folder = await folderOf(onTestFinished, BUILD);
    const plan = await planFolder(folder);
    const bytes = await zipOf(folder);

    const zip = await fromBufferPromise(bytes, { lazyEntries: true });
    const found: Record<string, string> = {};
    const described: object[] = [];
    for await (const entry of zip.eachEntry()) {
      found[entry.fileName] = (await buffer(await zip.openReadStreamPromise(entry))).toString();
      const { compressionMethod: method, fileName, generalPurposeBitFlag: flags, uncompressedSize: size } = entry;
      described.push({ name: fileName, size, method, flags });
    }
    const { 'Game/Binaries/Win64/Game-Win64-Shipping.pdb': symbols, ...others } = BUILD;
    expect(found).toEqual(Object.fromEntries(Object.entries(others).map(([name, content]) => [name, String(content)])));
    expect(plan.leftOut).toEqual({ count: 1, bytes: symbols?.length });
    // What the zip is judged by before it is made is what is in it.
    expect(plan.entries).toEqual(described);
  });

  it('is the same bytes whatever the time zone, the times and the order of its files', async ({ onTestFinished }) => {
    const first = await folderOf(onTestFinished, BUILD);
    const bytes = await zipOf(first);
    const second = await folderOf(onTestFinished, Object.fromEntries(Object.entries(BUILD).reverse()), 'Elsewhere');
    await utimes(join(second, 'Game.exe'), 1_000_000_000, 1_000_000_000);
    await chmod(join(second, 'Game.exe'), 0o755);
    const { TZ } = process.env;
    onTestFinished(() => {
      if (TZ === undefined) delete process.env.TZ;
      else process.env.TZ = TZ;
    });
    const digest = (some: Buffer) => createHash('sha256').update(some).digest('hex');
    for (const zone of ['UTC', 'Asia/Kathmandu', 'America/Los_Angeles', 'Pacific/Apia']) {
      process.env.TZ = zone;
      expect(digest(await zipOf(second))).toBe(digest(bytes));
    }
  });

  it('is read from the middle as from the start', async ({ onTestFinished }) => {
    const folder = await folderOf(onTestFinished, BUILD);
    const bytes = await zipOf(folder);
    expect((await zipOf(folder, 2_500_000)).equals(bytes.subarray(2_500_000))).toBe(true);
  });

  it('knows the size of its zip, with a directory of more than 64 KB too', async ({ onTestFinished }) => {
    const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`Game/Content/${index}.uasset`, 'x']));
    const bytes = await zipOf(await folderOf(onTestFinished, { 'Game.exe': '', ...many }));
    expect((await fromBufferPromise(bytes)).entryCount).toBe(1_501);
  });

  it.for([
    ['Windows', BUILD, 'Game.zip'],
    ['WindowsNoEditor', BUILD, 'Game.zip'],
    ['Windows', { 'UEPrereqSetup_x64.exe': 'MZ', 'Zed.exe': 'MZ' }, 'Zed.zip'],
    ['Windows', { 'Another.exe': 'MZ', 'Zed.exe': 'MZ', 'Zed/Content/Paks/x.pak': 'x' }, 'Zed.zip'],
    ['Windows', { 'CrashReportClient.exe': 'MZ' }, 'Windows.zip'],
    ['Racer 1.2', BUILD, 'Racer 1.2.zip'],
    ['Racer.zip', BUILD, 'Racer.zip'],
  ] as const)('%s gives its name to the zip, or the game does', async ([name, files, expected], { onTestFinished }) => {
    expect((await planFolder(await folderOf(onTestFinished, files, name))).fileName).toBe(expected);
  });

  it('may have the build in a folder of its own', async ({ onTestFinished }) => {
    const files = Object.fromEntries(Object.entries(BUILD).map(([path, content]) => [`Windows/${path}`, content]));
    const { fileName, entries } = await planFolder(await folderOf(onTestFinished, files, 'Racer'));
    expect(fileName).toBe('Racer.zip');
    expect(entries.map(({ name }) => name)).toContain('Windows/Game.exe');
  });

  it.for<[what: string, files: Files, code: string, says: string]>([
    ['has a name with a backslash', { 'Game.exe': '', 'Game\\x.pak': '' }, 'UnusableName', 'Game\\x.pak'],
    ['has a name that Windows does not take', { 'Game.exe': '', 'a/x:y.pak': '' }, 'UnusableName', 'x:y.pak'],
    ['has a name that is a device of Windows', { 'Game.exe': '', 'a/com³.pak': '' }, 'UnusableName', 'com³.pak'],
    ['has a name with escape sequences', { 'Game.exe': '', 'a/\u001b[2Jx': '' }, 'UnusableName', ' [2Jx'],
    ['has two names that differ in case', { 'Game.exe': '', 'A/x': '', 'a/X': '' }, 'UnusableName', 'A/x and a/X'],
  ])('is refused where it %s', async ([_, files, code, says], { onTestFinished }) => {
    const folder = await folderOf(onTestFinished, files);
    await expect(planFolder(folder)).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
  });

  it.for<[what: string, files: Files]>([
    ['is empty', {}],
    ['has only debug symbols', { 'Binaries/Game.pdb': '' }],
    ['has no program near its top', { 'a/b/Game.exe': '' }],
  ])('is judged as the zip of it: no package where it %s', async ([_, files], { onTestFinished }) => {
    const { verdict } = await planFolder(await folderOf(onTestFinished, files));
    expect(verdict.refusals).toMatchObject([{ code: 'NotAPackage' }]);
  });

  it('is refused where it has a link', async ({ onTestFinished }) => {
    const folder = await folderOf(onTestFinished, BUILD);
    await symlink(join(folder, 'Game.exe'), join(folder, 'Game', 'link.exe'));
    await expect(planFolder(folder)).rejects.toMatchObject({
      code: 'NotAFile',
      message: expect.stringContaining('link.exe'),
    });
  });

  it.skipIf(process.getuid?.() === 0)('is refused where a file cannot be read', async ({ onTestFinished }) => {
    const folder = await folderOf(onTestFinished, BUILD);
    await chmod(join(folder, 'Game.exe'), 0);
    await expect(planFolder(folder)).rejects.toMatchObject({ code: 'Unreadable' });
  });

  it.for<[what: string, change: (folder: string) => Promise<unknown>, file: string]>([
    ['a file grows', (folder) => appendFile(join(folder, 'Game.exe'), 'x'), 'Game.exe'],
    ['a file is there that was not', (folder) => writeFile(join(folder, 'Game', 'new'), ''), 'new'],
    ['a file is gone', (folder) => rm(join(folder, 'Game.exe')), 'Game.exe'],
  ])('is known to have changed where %s', async ([_, change, file], { onTestFinished }) => {
    const folder = await folderOf(onTestFinished, BUILD);
    const { source } = await planFolder(folder);
    await source.checkUnchanged();
    await change(folder);
    await expect(source.checkUnchanged()).rejects.toMatchObject({
      code: 'FileChanged',
      message: expect.stringContaining(file),
    });
  });

  it.for<[what: string, change: (path: string) => Promise<unknown>]>([
    ['grows', (path) => appendFile(path, 'x')],
    ['shrinks', (path) => writeFile(path, '')],
    ['is written again', (path) => writeFile(path, randomBytes(3_000_000))],
    ['is deleted', (path) => rm(path)],
  ])('is not read on where a file %s before its turn', async ([_, change], { onTestFinished }) => {
    const folder = await folderOf(onTestFinished, {
      'A.exe': Buffer.alloc(20_000_000),
      'Z.pak': Buffer.alloc(3_000_000),
    });
    const { source } = await planFolder(folder);
    const pass = await source.open(0);
    await pass.fill(Buffer.alloc(1_000));
    await change(join(folder, 'Z.pak'));
    await expect(pass.fill(Buffer.alloc(source.size - 1_000))).rejects.toMatchObject({ code: 'FileChanged' });
    await pass.close();
  });
});
