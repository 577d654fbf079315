import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { createSparseZip } from '../../bench/sparse-zip.ts';
import { readZip } from '../../functions/adapters/zip-content.ts';
import { TAIL_BYTES } from '../../functions/domain/package/zip-end.ts';
import { samplePackage } from '../../local/start/sample-build.ts';
import { judged } from '../support/judged.ts';
import { CountedFile, pack, rawZip } from '../support/raw-zip.ts';

type Files = Readonly<Record<string, string>>;

async function zipOf(files: Files, options: { compress?: boolean; mtime?: Date } = {}): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), name, options);
  zip.end();
  return buffer(zip.outputStream as Readable);
}

const contentOf = async (file: Buffer | CountedFile) => (await judged(file)).content;

const FILES: Files = { 'Windows/MyGame.exe': 'MZ', 'Windows/MyGame/Content/Paks/MyGame.pak': 'pak '.repeat(100) };

describe('the content of a zip', () => {
  it('is the same for a copy, and for the same files zipped at another time or in another order', async () => {
    const content = await contentOf(await zipOf(FILES));
    expect(content).toMatch(/^[0-9a-f]{64}$/);
    expect(await contentOf(await zipOf(FILES))).toBe(content);
    expect(await contentOf(await zipOf(FILES, { mtime: new Date(0) }))).toBe(content);
    const reversed = Object.fromEntries(Object.entries(FILES).reverse());
    expect(await contentOf(await zipOf(reversed))).toBe(content);
  });

  it('is the one that the ledger has from before this version', async () => {
    // Stored, so that no other version of zlib packs it into another size.
    expect(await contentOf(await zipOf(FILES, { compress: false }))).toBe(FORMER_DIGEST);
  });

  it.each<[string, Files]>([
    ['a byte of a file', { ...FILES, 'Windows/MyGame.exe': 'Mz' }],
    ['a name', { 'Windows/Other.exe': 'MZ', 'Windows/MyGame/Content/Paks/MyGame.pak': 'pak '.repeat(100) }],
    ['a file more', { ...FILES, 'Windows/Manifest.txt': '' }],
    ['a file less', { 'Windows/MyGame.exe': 'MZ' }],
    ['nothing in it', {}],
  ])('is another one with %s', async (_, files) => {
    const content = await contentOf(await zipOf(FILES));
    const other = await contentOf(await zipOf(files));
    expect(other).toMatch(/^[0-9a-f]{64}$/);
    expect(other).not.toBe(content);
  });

  it.each(['packedSize', 'size'])(
    'is another one where the %s of a file is, even with the same checksum',
    async (field) => {
      const entry = { name: 'Windows/MyGame.exe', content: 'x'.repeat(100), method: 8 };
      const one = await contentOf(rawZip({ entries: [entry] }));
      const two = await contentOf(rawZip({ entries: [{ ...entry, said: { [field]: 4 } }] }));
      expect(one).toMatch(/^[0-9a-f]{64}$/);
      expect(two).toMatch(/^[0-9a-f]{64}$/);
      expect(two).not.toBe(one);
    },
  );

  it.each([Buffer.from('Windows\\MyGame.exe'), '/MyGame.exe', '../MyGame.exe', Buffer.from([0xff, 0xfe, 0x41])])(
    'is known whatever its tool calls a file: %s',
    async (name) => {
      expect(await contentOf(rawZip({ entries: [{ name }] }))).toMatch(/^[0-9a-f]{64}$/);
    },
  );

  it.each([
    ['two sizes that contradict each other', { name: 'Windows/G.pak', content: 'x', said: { size: 2 } }],
    ['a place outside of the file', { name: 'Windows/G.pak', content: 'x', said: { offset: 4e9 } }],
  ])('is known of a damaged zip, which may be submitted all the same: %s', async (_, entry) => {
    const zip = rawZip({ entries: [{ name: 'Windows/G.exe', content: 'MZ' }, entry] });
    const { content, verdict } = await judged(zip);
    expect(verdict.refusals).toMatchObject([{ code: 'ZipDamaged' }]);
    expect(content).toMatch(/^[0-9a-f]{64}$/);
    expect(await contentOf(Buffer.from(zip))).toBe(content);
  });

  it('is not that of another zip in it where it was cut off', async () => {
    const inner = rawZip({ entries: [{ name: 'inner.txt', content: 'x' }] });
    const outer = rawZip({ entries: [{ name: 'Windows/inner.zip', content: inner }, { name: 'Windows/G.exe' }] });
    const { content, verdict } = await judged(outer.subarray(0, outer.indexOf(inner) + inner.length));
    expect(verdict.refusals).toMatchObject([{ code: 'ZipDamaged' }]);
    expect(content).toBeUndefined();
  });

  it('distinguishes names that only differ in bytes that are no text', async () => {
    const [one, two] = [0xfe, 0xff].map((byte) => rawZip({ entries: [{ name: Buffer.from([byte]) }] }));
    expect(await contentOf(one ?? Buffer.alloc(0))).not.toBe(await contentOf(two ?? Buffer.alloc(0)));
  });

  it.each([400, TAIL_BYTES, TAIL_BYTES + 1, 30 * 1024 ** 3])(
    'of %i bytes and more is read in two requests where its directory is short',
    async (size) => {
      const sparse = createSparseZip(size);
      const file = new CountedFile(sparse.size, (start, end) => sparse.read(start, end - 1));
      expect(await contentOf(file)).toMatch(/^[0-9a-f]{64}$/);
      expect(file.requests).toBe(2);
      expect(file.bytes).toBeLessThanOrEqual(TAIL_BYTES + 512);
    },
  );

  it('of 30 GB with 10,000 files and a manifest takes at most 5 requests and 4 MB', async () => {
    const file = largePackage(10_000);
    const { content, verdict } = await judged(file);
    expect(content).toMatch(/^[0-9a-f]{64}$/);
    expect(verdict).toMatchObject({ refusals: [], facts: { plugin: 'PixelStreaming2', files: 10_003 } });
    expect(file.size).toBeGreaterThan(30 * 1024 ** 3);
    expect(file.requests).toBeLessThanOrEqual(5);
    expect(file.bytes).toBeLessThan(4_000_000);
  });

  it('of 60,000 files is read in a few requests, each byte of the directory once', async () => {
    const file = largePackage(60_000);
    expect(await contentOf(file)).toMatch(/^[0-9a-f]{64}$/);
    expect(file.requests).toBeLessThanOrEqual(6);
    expect(file.bytes).toBeLessThan(11_000_000);
  });

  it.each([
    ['no zip', Buffer.from('hello, this is no zip at all, but long enough')],
    ['an end record alone that points outside', rawZip({ entries: [], end: { entries: 5, directoryOffset: 4e9 } })],
    ['an end record that counts too many entries', rawZip({ entries: [], end: { entries: 5 } })],
    ['nothing', Buffer.alloc(0)],
  ])('is not known of %s', async (_, file) => {
    expect(await contentOf(file)).toBeUndefined();
  });

  it('says so where a part of the directory can’t be read, rather than that there is none', async () => {
    const file = largePackage(5_000);
    const failing = readZip(file.size, await file.head(), await file.tail(), async () => {
      throw new Error('S3 is away');
    });
    await expect(failing).rejects.toThrow('S3 is away');
  });

  it.each([
    [31, true],
    [33, false],
  ])('of %i MB is known: %s, because a directory that long belongs to no build', async (mb, isKnown) => {
    const name = 'a'.repeat(1_000);
    const count = Math.floor((mb * 1024 * 1024) / (46 + name.length));
    const file = CountedFile.of(rawZip({ entries: Array.from({ length: count }, () => ({ name })) }));
    const { content, verdict } = await judged(file);
    expect(content !== undefined).toBe(isKnown);
    expect(verdict.warnings.some(({ code }) => code === 'NotJudged')).toBe(!isKnown);
    expect(file.bytes).toBeLessThanOrEqual(36 * 1024 * 1024);
  });

  it('is not looked for in a directory of more than 200,000 files', async () => {
    const entries = Array.from({ length: 200_001 }, (_, number) => ({ name: `${number}` }));
    const file = CountedFile.of(rawZip({ entries, zip64: true }));
    const { content, verdict } = await judged(file);
    expect(content).toBeUndefined();
    expect(verdict).toMatchObject({ refusals: [], warnings: [{ code: 'NotJudged' }] });
    expect(file.requests).toBe(2);
  });
});

describe('a directory that was made to do harm', () => {
  it.each<[string, number, (number: number) => string]>([
    ['of names of 64 KB', 450, (n) => `${n}${'x'.repeat(65_000)}`],
    ['of folders in folders', 450, (n) => `${n}/${'Binaries/'.repeat(7_000)}x`],
    ['of dots', 450, () => './'.repeat(32_000)],
    ['of programs', 100_000, (n) => `${n}.exe`],
    ['of projects', 100_000, (n) => `${n}/${n}.uproject`],
    ['of sources', 100_000, (n) => `${n}/Source/a.cs`],
    ['of the same name', 100_000, () => 'a.exe'],
  ])('%s gets a verdict', async (_, count, nameOf) => {
    const entries = Array.from({ length: count }, (__, number) => ({ name: nameOf(number) }));
    const file = CountedFile.of(rawZip({ entries, zip64: true }));
    const { content, verdict } = await judged(file);
    expect(content).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(verdict).length).toBeLessThan(2_000);
    expect(file.requests).toBeLessThanOrEqual(12);
  });

  it.each([
    ['of 256 KB is read alone', 256 * 1024, 1],
    ['of a byte less is read beside the others', 256 * 1024 - 1, 10],
  ])('%s in a batch of ten', async (_, bytes, most) => {
    const names = Array.from({ length: 40 }, (__, number) => `${number}`.padEnd(6_000, 'x'));
    const rest = bytes - names.length * (CENTRAL_BYTES + 6_000) - CENTRAL_BYTES;
    const zip = rawZip({ entries: [...names, 'y'.repeat(rest)].map((name) => ({ name })) });
    const file = CountedFile.of(zip);
    let reading = 0;
    let atOnce = 0;
    const read = async () =>
      readZip(file.size, await file.head(), await file.tail(), async (start, end) => {
        reading += 1;
        atOnce = Math.max(atOnce, reading);
        await new Promise((resolve) => setTimeout(resolve, 5));
        reading -= 1;
        return file.range(start, end);
      });
    const all = await Promise.all(Array.from({ length: 10 }, read));
    expect(new Set(all.map(({ content }) => content)).size).toBe(1);
    expect(atOnce).toBe(most);
  });

  it('is not read while another one is: both might not fit into memory', async () => {
    let reading = 0;
    let most = 0;
    const read = async () => {
      const file = largePackage(45_000);
      const head = await file.head();
      const tail = await file.tail();
      return readZip(file.size, head, tail, async (start, end) => {
        reading += 1;
        most = Math.max(most, reading);
        await new Promise((resolve) => setTimeout(resolve, 5));
        reading -= 1;
        return file.range(start, end);
      });
    };
    const all = await Promise.all([read(), read(), read()]);
    expect(all.map(({ verdict }) => verdict.refusals)).toEqual([[], [], []]);
    expect(most).toBe(1);
  });
});

/** The fixed part of an entry of a directory. */
const CENTRAL_BYTES = 46;

/** Of {@link FILES}, as version 0.1 wrote it. */
const FORMER_DIGEST = 'c0af3896ca274060a4874ebca846a7e7ae5c15364e4663751968fcdbbe2bbbe2';

/** A zip64 of 30 GB: files of zeros, of which only the directory exists, and a manifest of 900 KB. */
function largePackage(count: number): CountedFile {
  const manifest = `${samplePackage()['Windows/Manifest_UFSFiles_Win64.txt']}${'x'.repeat(60_000)}`;
  const packed = (31 * 1024 ** 3) / count;
  const size = Math.ceil(packed);
  const names = [
    'Windows/MyGame.exe',
    'Windows/MyGame/Binaries/Win64/MyGame-Win64-Shipping.exe',
    ...Array.from({ length: count }, (_, n) => {
      return `Windows/MyGame/Content/Some/Folder/That/Is/Deep/Asset_${n}.uasset`
        .padEnd(92, '_')
        .replace(/_+$/, '.uasset');
    }),
  ];
  const manifestName = 'Windows/Manifest_UFSFiles_Win64.txt';
  const local = Buffer.concat([
    pack(
      '42222244422',
      0x04034b50,
      20,
      0,
      0,
      0,
      0,
      crc32(manifest),
      manifest.length,
      manifest.length,
      manifestName.length,
      0,
    ),
    Buffer.from(manifestName),
    Buffer.from(manifest),
  ]);
  const each = size + 30 + 200;
  const extra = (offset: number) => pack('228', 1, 8, offset);
  const entry = (name: string, bytes: number, sum: number, offset: number) =>
    Buffer.concat([
      pack('42222224442', 0x02014b50, 45, 45, 0, 0, 0, 0, sum, bytes, bytes, name.length),
      pack('222244', 12, 0, 0, 0, 0, 0xffffffff),
      Buffer.from(name),
      extra(offset),
    ]);
  const directory = Buffer.concat([
    entry(manifestName, manifest.length, crc32(manifest), 0),
    ...names.map((name, index) => entry(name, size, index, local.length + index * each)),
  ]);
  const directoryAt = local.length + names.length * each;
  const total = names.length + 1;
  const tail = Buffer.concat([
    directory,
    pack('4822448888', 0x06064b50, 44, 45, 45, 0, 0, total, total, directory.length, directoryAt),
    pack('4484', 0x07064b50, 0, directoryAt + directory.length, 1),
    pack('42222442', 0x06054b50, 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0),
  ]);
  const parts = [
    { at: 0, bytes: local },
    { at: directoryAt, bytes: tail },
  ];
  return new CountedFile(directoryAt + tail.length, (start, end) => {
    const bytes = Buffer.alloc(end - start);
    for (const part of parts) {
      const [from, to] = [Math.max(start, part.at), Math.min(end, part.at + part.bytes.length)];
      if (from < to) part.bytes.copy(bytes, from - start, from - part.at, to - part.at);
    }
    return bytes;
  });
}
