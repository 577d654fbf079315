import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { createSparseZip } from '../../bench/sparse-zip.ts';
import { contentOf, TAIL_BYTES } from '../../functions/adapters/zip-content.ts';

type Files = Readonly<Record<string, string>>;

async function zipOf(files: Files, options: { compress?: boolean; mtime?: Date } = {}): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), name, options);
  zip.end();
  return buffer(zip.outputStream as Readable);
}

interface Read {
  readonly content: string | undefined;
  readonly parts: number;
  readonly bytes: number;
}

/** Reads what is in a file as the worker does, and counts what it takes. */
async function readContent(size: number, read: (from: number, to: number) => Buffer): Promise<Read> {
  const tail = read(Math.max(0, size - TAIL_BYTES), size - 1);
  let parts = 1;
  let bytes = tail.length;
  const content = await contentOf(size, tail, async (start, end) => {
    parts += 1;
    bytes += end - start;
    return read(start, end - 1);
  });
  return { content, parts, bytes };
}

const inBuffer = (file: Buffer) => readContent(file.length, (from, to) => file.subarray(from, to + 1));

const FILES: Files = { 'Windows/MyGame.exe': 'MZ', 'Windows/MyGame/Content/Paks/MyGame.pak': 'pak '.repeat(100) };

describe('the content of a zip', () => {
  it('is the same for a copy, and for the same files zipped at another time or in another order', async () => {
    const { content } = await inBuffer(await zipOf(FILES));
    expect(content).toMatch(/^[0-9a-f]{64}$/);
    expect((await inBuffer(await zipOf(FILES))).content).toBe(content);
    expect((await inBuffer(await zipOf(FILES, { mtime: new Date(0) }))).content).toBe(content);
    const reversed = Object.fromEntries(Object.entries(FILES).reverse());
    expect((await inBuffer(await zipOf(reversed))).content).toBe(content);
  });

  it.each<[string, Files]>([
    ['a byte of a file', { ...FILES, 'Windows/MyGame.exe': 'Mz' }],
    ['a name', { 'Windows/Other.exe': 'MZ', 'Windows/MyGame/Content/Paks/MyGame.pak': 'pak '.repeat(100) }],
    ['a file more', { ...FILES, 'Windows/Manifest.txt': '' }],
    ['a file less', { 'Windows/MyGame.exe': 'MZ' }],
    ['nothing in it', {}],
  ])('is another one with %s', async (_, files) => {
    const { content } = await inBuffer(await zipOf(FILES));
    const other = (await inBuffer(await zipOf(files))).content;
    expect(other).toMatch(/^[0-9a-f]{64}$/);
    expect(other).not.toBe(content);
  });

  it.each([
    ['the packed size', 20],
    ['the size', 24],
  ])('is another one where %s of a file is, even with the same checksum', async (_, at) => {
    const entry = centralEntry('Windows/MyGame.exe', 7);
    // Deflated: stored files have one size.
    entry.writeUInt16LE(8, 10);
    const other = Buffer.from(entry);
    other.writeUInt32LE(8, at);
    const contents = [entry, other].map(async (each) => {
      return (await inBuffer(Buffer.concat([each, endRecord(1, each.length, 0)]))).content;
    });
    const [one, two] = await Promise.all(contents);
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(two).toMatch(/^[0-9a-f]{64}$/);
    expect(two).not.toBe(one);
  });

  it.each(['Windows\\MyGame.exe', '/MyGame.exe', '../MyGame.exe'])(
    'is known whatever its tool calls a file: %s',
    async (name) => {
      const entry = centralEntry(name, 7);
      const { content } = await inBuffer(Buffer.concat([entry, endRecord(1, entry.length, 0)]));
      expect(content).toMatch(/^[0-9a-f]{64}$/);
    },
  );

  it.each([100, 66 * 1024, 66 * 1024 + 1, 30 * 1024 ** 3])(
    'of %i bytes and more is read in one request where its directory is short',
    async (size) => {
      const sparse = createSparseZip(Math.max(size, 400));
      const { bytes, content, parts } = await readContent(sparse.size, (from, to) => sparse.read(from, to));
      expect(content).toMatch(/^[0-9a-f]{64}$/);
      expect(parts).toBe(1);
      expect(bytes).toBeLessThanOrEqual(TAIL_BYTES);
    },
  );

  it('of 60,000 files is read in a few requests, each byte of the directory once', async () => {
    const file = zipWithEntries(60_000);
    const { bytes, content, parts } = await inBuffer(file);
    expect(content).toMatch(/^[0-9a-f]{64}$/);
    expect(parts).toBeLessThanOrEqual(12);
    expect(bytes).toBeLessThan(file.length + 2 * 1024 * 1024);
  });

  it.each([
    ['no zip', Buffer.from('hello, this is no zip at all, but long enough')],
    ['an end record alone that points outside', endRecord(5, 1_000, 4_000_000_000)],
    ['an end record that counts too many entries', endRecord(5, 0, 0)],
    ['nothing', Buffer.alloc(0)],
  ])('is not known of %s', async (_, file) => {
    expect((await inBuffer(file)).content).toBeUndefined();
  });

  it('is not known where the directory was cut off or changed in any byte, or is that of a zip', async () => {
    const whole = await zipOf(FILES);
    const { content } = await inBuffer(whole);
    for (let length = 0; length < whole.length; length++) {
      expect((await inBuffer(whole.subarray(0, length))).content).toBeUndefined();
    }
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed.writeUInt8(changed.readUInt8(at) ^ 0xff, at);
      // Never a crash and never endless; what it comes to is a digest or nothing.
      const read = (await inBuffer(changed)).content;
      expect(read === undefined || /^[0-9a-f]{64}$/.test(read)).toBe(true);
    }
    expect(content).toBeDefined();
  });

  it('says so where a part of the directory can’t be read, rather than that there is none', async () => {
    const file = zipWithEntries(5_000);
    const tail = file.subarray(file.length - TAIL_BYTES);
    const failing = contentOf(file.length, tail, async () => {
      throw new Error('S3 is away');
    });
    await expect(failing).rejects.toThrow('S3 is away');
  });

  it.each([
    [31, true],
    [33, false],
  ])('of %i MB is known: %s, because a directory that long belongs to no build', async (mb, isKnown) => {
    const entry = centralEntry('a'.repeat(1_000), 0);
    const count = Math.floor((mb * 1024 * 1024) / entry.length);
    const directory = Buffer.alloc(count * entry.length, entry);
    const { bytes, content } = await inBuffer(Buffer.concat([directory, endRecord(count, directory.length, 0)]));
    expect(content !== undefined).toBe(isKnown);
    expect(bytes).toBeLessThanOrEqual(32 * 1024 * 1024 + TAIL_BYTES);
  });

  it.each([
    [200_000, true],
    [200_001, false],
  ])('is looked for in a directory of %i files: %s', async (count, isRead) => {
    const length = count * 47;
    const end = endRecord64(count, length);
    let parts = 0;
    const tail = Buffer.concat([Buffer.alloc(TAIL_BYTES - end.length), end]);
    const content = await contentOf(length + end.length, tail, async (start, stop) => {
      parts += 1;
      return Buffer.alloc(stop - start);
    });
    expect(content).toBeUndefined();
    expect(parts > 0).toBe(isRead);
  });
});

function centralEntry(name: string, number: number): Buffer {
  const bytes = Buffer.from(name);
  const entry = Buffer.alloc(46 + bytes.length);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt32LE(crc32(`${number}`), 16);
  entry.writeUInt32LE(number, 20);
  entry.writeUInt32LE(number, 24);
  entry.writeUInt16LE(bytes.length, 28);
  bytes.copy(entry, 46);
  return entry;
}

function endRecord(entries: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries, 8);
  end.writeUInt16LE(entries, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}

/** With the records of zip64, which count more than 65,535 files. */
function endRecord64(entries: number, size: number): Buffer {
  const end = Buffer.alloc(56);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeBigUInt64LE(BigInt(entries), 24);
  end.writeBigUInt64LE(BigInt(entries), 32);
  end.writeBigUInt64LE(BigInt(size), 40);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([end, locator, endRecord(0xffff, 0xffffffff, 0xffffffff)]);
}

/** A directory of many files, and nothing of the files. */
function zipWithEntries(count: number): Buffer {
  const entries = Array.from({ length: count }, (_, number) => {
    return centralEntry(
      `Windows/MyGame/Content/Some/Folder/That/Is/Deep/Asset_${number}.uasset`.padEnd(92, '_'),
      number,
    );
  });
  const directory = Buffer.concat(entries);
  return Buffer.concat([directory, endRecord(count, directory.length, 0)]);
}
