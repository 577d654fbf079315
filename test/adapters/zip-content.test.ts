import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { createSparseZip } from '../../bench/sparse-zip.ts';
import { readZip } from '../../functions/adapters/zip-content.ts';
import { TAIL_BYTES } from '../../functions/domain/package/zip-end.ts';
import { judged } from '../support/judged.ts';
import { largePackage } from '../support/large-package.ts';
import { CountedFile, rawZip } from '../support/raw-zip.ts';

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

/** The fixed part of an entry of a directory. */
const CENTRAL_BYTES = 46;

/** Of {@link FILES}, as version 0.1 wrote it. */
const FORMER_DIGEST = 'c0af3896ca274060a4874ebca846a7e7ae5c15364e4663751968fcdbbe2bbbe2';
