import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { createSparseZip } from '../../bench/sparse-zip.ts';
import { readZip } from '../../functions/adapters/zip-content.ts';
import { TAIL_BYTES } from '../../functions/domain/package/zip-end.ts';
import { codesOf, judged } from '../support/judged.ts';
import { largePackage } from '../support/large-package.ts';
import { CountedFile, type RawEntry, type RawZip, rawZip } from '../support/raw-zip.ts';

type Files = Readonly<Record<string, string>>;

async function zipOf(files: Files, options: { compress?: boolean; mtime?: Date } = {}): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), name, options);
  zip.end();
  return buffer(zip.outputStream as Readable);
}

const contentOf = async (file: Buffer | CountedFile) => (await judged(file)).content;

/** The fixed part of an entry of a directory. */
const CENTRAL_BYTES = 46;
/** The record at the end without a comment. */
const END_BYTES = 22;

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

  it.each([
    ['no zip', Buffer.from('hello, this is no zip at all, but long enough')],
    ['an end record alone that points outside', rawZip({ entries: [], end: { entries: 5, directoryOffset: 4e9 } })],
    ['an end record that counts too many entries', rawZip({ entries: [], end: { entries: 5 } })],
    ['nothing', Buffer.alloc(0)],
  ])('is not known of %s', async (_, file) => {
    expect(await contentOf(file)).toBeUndefined();
  });

  it.each([
    ['200,000 files is read', 200_000, 200_000 * CENTRAL_BYTES, 'ZipDamaged', 3],
    ['more files is not looked at', 200_001, 200_001 * CENTRAL_BYTES, 'NotJudged', 2],
    ['32 MB is read', 5, 32 * 1024 ** 2, 'ZipDamaged', 3],
    ['a byte more is not looked at', 5, 32 * 1024 ** 2 + 1, 'NotJudged', 2],
  ])('of a directory of %s', async (_, entries, directorySize, code, requests) => {
    // Nothing but zeros, so what is read of it is damaged.
    const end = rawZip({ entries: [], zip64: true, end: { entries, directorySize } });
    const file = new CountedFile(directorySize + end.length, (start, stop) => {
      const bytes = Buffer.alloc(stop - start);
      end.copy(bytes, Math.max(0, directorySize - start), Math.max(0, start - directorySize));
      if (start === 0) bytes.write('PK\x03\x04', 'latin1');
      return bytes;
    });
    expect(await codesOf(file)).toContain(code);
    expect(file.requests).toBe(requests);
  });

  it('of names that are there twice, or of the same bytes twice, is the same in any order', async () => {
    const files = [
      ['a', 'x'],
      ['a', 'yy'],
      ['b', 'x'],
    ].map(([name = '', text]) => ({ name, content: text ?? '' }));
    const content = await contentOf(rawZip({ entries: files }));
    for (const order of [
      [1, 0, 2],
      [2, 1, 0],
      [0, 2, 1],
    ]) {
      expect(await contentOf(rawZip({ entries: order.flatMap((index) => files[index] ?? []) }))).toBe(content);
    }
  });

  it('is known where there are bytes between its directory and its end, or at the end of the directory', async () => {
    const files = ['a.exe', 'b.txt'].map((name) => ({ name, content: 'x' }));
    const zip = rawZip({ entries: files });
    const [end, gap] = [zip.length - END_BYTES, Buffer.alloc(8)];
    const withGap = Buffer.concat([zip.subarray(0, end), gap, zip.subarray(end)]);
    expect(await contentOf(withGap)).toBe(await contentOf(zip));
    withGap.writeUInt32LE(zip.readUInt32LE(end + 12) + gap.length, end + gap.length + 12);
    expect(await contentOf(withGap)).toBe(await contentOf(zip));
  });

  it.each<[string, RawEntry['said']]>([
    ['extra fields', { extra: Buffer.from('7777040000000000', 'hex') }],
    ['comments', { comment: Buffer.from('a comment') }],
  ])('is not known where a directory with %s has more entries than its end counts', async (_, said = {}) => {
    const entries = ['a.exe', 'b.txt', 'c.txt'].map((name) => ({ name, content: 'x', said }));
    expect(await contentOf(rawZip({ entries }))).toMatch(/^[0-9a-f]{64}$/);
    expect(await contentOf(rawZip({ entries, end: { entries: 2 } }))).toBeUndefined();
  });

  it('of a directory in front of the tail is read in one request more', async () => {
    const file = largePackage(1_000);
    expect(await contentOf(file)).toMatch(/^[0-9a-f]{64}$/);
    // The first bytes, the tail, the directory, and the manifest.
    expect(file.requests).toBe(4);
  });

  it('is not known, nor is the zip damaged, where the second part of a directory can’t be read', async () => {
    const file = largePackage(40_000);
    let requests = 0;
    const failing = readZip(file.size, await file.head(), await file.tail(), (start, end) => {
      requests += 1;
      if (requests > 1) throw new Error('S3 is away');
      return file.range(start, end);
    });
    await expect(failing).rejects.toThrow('S3 is away');
    expect(requests).toBe(2);
    const whole = largePackage(40_000);
    expect((await judged(whole)).verdict.refusals).toEqual([]);
  });

  it('is not looked for behind the file', async () => {
    const zip = rawZip({ entries: [{ name: 'a.exe', content: 'x' }] });
    zip.writeUInt16LE(60_000, zip.readUInt32LE(zip.length - END_BYTES + 16) + 28);
    const file = CountedFile.of(zip);
    expect(await codesOf(file)).toEqual(['ZipDamaged']);
    expect(file.requests).toBe(2);
  });

  it('is not made of a part that is shorter than what was asked for', async () => {
    const file = largePackage(5_000);
    const short = async (start: number, end: number) => (await file.range(start, end)).subarray(0, 3);
    await expect(readZip(file.size, await file.head(), await file.tail(), short)).rejects.toThrow('ends too early');
  });

  it('says so where a part of the directory can’t be read, rather than that there is none', async () => {
    const file = largePackage(5_000);
    const failing = readZip(file.size, await file.head(), await file.tail(), async () => {
      throw new Error('S3 is away');
    });
    await expect(failing).rejects.toThrow('S3 is away');
  });
});

describe('the manifest in a zip', () => {
  const PLUGIN = 'Engine/Plugins/Media/PixelStreaming2/PixelStreaming2.uplugin';
  const padded = (bytes: number) => `${PLUGIN}\n`.padEnd(bytes, ' ');
  const name = 'Windows/Manifest_UFSFiles_Win64.txt';
  const others = [{ name: 'Windows/A.exe' }, { name: 'Windows/A/Content/a.pak' }].map((entry) => ({
    ...entry,
    content: 'x',
  }));

  it.each<[string, string, Partial<RawEntry>, Omit<RawZip, 'entries'>?]>([
    ['PixelStreaming2', 'stored', { content: PLUGIN }],
    ['PixelStreaming2', 'packed', { content: PLUGIN, method: 8 }],
    [
      'PixelStreaming2',
      'with bytes in front of the zip',
      { content: PLUGIN },
      { before: Buffer.from(`MZ${'x'.repeat(999)}`) },
    ],
    ['PixelStreaming2', 'behind extra fields', { content: `a\n${PLUGIN}`, extra: Buffer.alloc(60) }],
    ['PixelStreaming2', 'of 1 MB', { content: padded(1024 ** 2) }],
    ['unknown', 'of a byte more', { content: padded(1024 ** 2 + 1) }],
    ['PixelStreaming2', 'that unpacks to 8 MB', { content: padded(8 * 1024 ** 2), method: 8 }],
    ['unknown', 'that unpacks to a byte more', { content: padded(8 * 1024 ** 2 + 1), method: 8 }],
    ['unknown', 'packed by another method', { content: PLUGIN, method: 12 }],
  ])('says the plugin, %s, where it is %s', async (plugin, _, manifest, zip = {}) => {
    const { verdict } = await judged(rawZip({ ...zip, entries: [{ name, ...manifest }, ...others] }));
    expect(verdict).toMatchObject({ refusals: [], facts: { plugin } });
  });

  it.each<[string, number, number?]>([
    ['behind the file', 4e9],
    ['two bytes in front of the directory', -2],
    ['in front of the file', 0, 20],
  ])('is not read where it is said to be %s', async (_, offset, shift) => {
    const entries = [{ name, content: PLUGIN }, ...others];
    const whole = rawZip({ entries });
    const directoryAt = whole.readUInt32LE(whole.length - END_BYTES + 16);
    const said = { offset: offset < 0 ? directoryAt + offset : offset };
    const end = shift === undefined ? {} : { directoryOffset: directoryAt + shift };
    const liar = rawZip({ end, entries: [{ name, content: PLUGIN, said }, ...others] });
    expect(await codesOf(liar)).toEqual(['ZipDamaged']);
  });
});

describe('a directory that needs much memory', () => {
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
});

/** Of {@link FILES}, as version 0.1 wrote it. */
const FORMER_DIGEST = 'c0af3896ca274060a4874ebca846a7e7ae5c15364e4663751968fcdbbe2bbbe2';
