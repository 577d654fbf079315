import { describe, expect, it } from 'vitest';
import { findZipEnd, pointsIntoFile, type ZipEnd } from '../../functions/domain/package/zip-end.ts';
import { contradictionIn, isWrapped, pathOf, type ZipEntry } from '../../functions/domain/package/zip-facts.ts';
import { pack, rawZip } from '../support/raw-zip.ts';

const entries = ['a.txt', 'b.txt', 'c.txt'].map((name) => ({ name, content: 'x' }));
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const ZIP64_RECORD_BYTES = 56;
/** Signatures, as they are in a file. */
const [END, ZIP64, LOCATOR] = ['PK\x05\x06', 'PK\x06\x06', 'PK\x06\x07'].map((text) => Buffer.from(text, 'latin1')) as [
  Buffer,
  Buffer,
  Buffer,
];

const find = (file: Buffer, from = 0) => findZipEnd(file.subarray(from), file.length);

describe('the end of a zip', () => {
  const zip = rawZip({ entries });
  const at = zip.length - END_BYTES;

  it('says where the directory is', () => {
    expect(find(zip)).toEqual({
      at,
      entries: 3,
      directorySize: zip.readUInt32LE(at + 12),
      directoryOffset: zip.readUInt32LE(at + 16),
      isSplit: false,
      isZip64: false,
      behind: 0,
      isAmbiguous: false,
    });
    expect(find(zip, 10)).toEqual(find(zip));
    expect(find(zip.subarray(0, -1))).toBeUndefined();
  });

  const endRecord = (numbers: number, commentLength: number) =>
    Buffer.concat([END, Buffer.alloc(16, numbers), pack('2', commentLength)]);

  it.each<[string, Buffer]>([
    ['points into the file, and is not its last', Buffer.concat([endRecord(0, 0), Buffer.from('text')])],
    ['points nowhere, and is its last', endRecord(0xff, 0)],
    ['has a comment that is longer than the file', endRecord(0, 9)],
  ])('is not the one in its comment that %s', (_, comment) => {
    expect(find(rawZip({ entries, comment }))).toMatchObject({ at, entries: 3, behind: 0, isAmbiguous: true });
  });

  it('is not one whose comment is cut off', () => {
    expect(find(rawZip({ entries, comment: Buffer.from('a comment') }).subarray(0, -1))).toBeUndefined();
  });

  it('is one with bytes behind it, or one that points nowhere, if there is no better one', () => {
    expect(find(Buffer.concat([zip, Buffer.from('text')]))).toMatchObject({ at, behind: 4 });
    expect(find(rawZip({ entries, end: { directoryOffset: 4e9 } }))).toMatchObject({ at, directoryOffset: 4e9 });
  });

  it.each<[boolean, Partial<ZipEnd>]>([
    [true, {}],
    [true, { directoryOffset: 1_000 }],
    [false, { directoryOffset: 1_001 }],
    [true, { directorySize: 1_000 }],
    [false, { directorySize: 1_001 }],
    [true, { entries: 10 }],
    [false, { entries: 11 }],
  ])('points into the file: %s, with %o', (isInside, changes) => {
    const end = { at: 1_000, entries: 1, directorySize: 460, directoryOffset: 0 } as ZipEnd;
    expect(pointsIntoFile({ ...end, ...changes })).toBe(isInside);
  });

  it.each([
    [4, 0, false],
    [4, 1, true],
    [6, 1, true],
    // In the record of zip64 instead, which is not there.
    [4, 0xffff, false],
  ])('with a disk at byte %i of number %i is a part: %s', (offset, disk, isSplit) => {
    const file = Buffer.from(zip);
    file.writeUInt16LE(disk, at + offset);
    expect(find(file)?.isSplit).toBe(isSplit);
  });
});

describe('the end of a zip64', () => {
  const zip = rawZip({ entries, zip64: true });
  const locatorAt = zip.length - END_BYTES - LOCATOR_BYTES;
  const recordAt = locatorAt - ZIP64_RECORD_BYTES;
  const expected = { at: recordAt, entries: 3, isZip64: true, isSplit: false, behind: 0 };

  /** With another place of the record in the locator, and other bytes around it. */
  function changed(place: number | undefined, change: { readonly fields?: number; readonly comment?: Buffer } = {}) {
    const { comment = Buffer.alloc(0), fields = 0 } = change;
    const file = Buffer.concat([
      zip.subarray(0, locatorAt),
      Buffer.alloc(fields),
      zip.subarray(locatorAt, -2),
      pack('2', comment.length),
      comment,
    ]);
    if (place !== undefined) file.writeBigUInt64LE(BigInt(place), locatorAt + fields + 8);
    return file;
  }

  it('is right before its locator, or where the locator says if it has further fields', () => {
    expect(find(zip)).toMatchObject(expected);
    expect(find(zip)?.directoryOffset).toBe(recordAt - (find(zip)?.directorySize ?? 0));
    expect(find(changed(undefined, { fields: 8 }))).toMatchObject(expected);
    expect(find(changed(undefined, { fields: 8 }), 10)).toMatchObject(expected);
    // Without entries the record is all that is in front of the locator.
    const empty = rawZip({ entries: [], zip64: true });
    const longer = Buffer.concat([
      empty.subarray(0, ZIP64_RECORD_BYTES),
      Buffer.alloc(8),
      empty.subarray(ZIP64_RECORD_BYTES),
    ]);
    expect(find(longer)).toMatchObject({ at: 0, entries: 0, isZip64: true });
  });

  it.each([
    ['before what was read', 0],
    ['behind the file', 4e9],
    ['at other bytes', 20],
  ])('is found all the same where its locator says a place %s', (_, place) => {
    expect(find(changed(place), 10)).toMatchObject(expected);
  });

  it('has numbers of 64 bits', () => {
    const directoryOffset = 5 * 2 ** 32 + 7;
    expect(find(rawZip({ entries, zip64: true, end: { directoryOffset } }))).toMatchObject({ directoryOffset });
  });

  it('is not what looks like it behind its locator', () => {
    const comment = Buffer.concat([Buffer.from('....'), ZIP64, Buffer.alloc(52)]);
    expect(find(changed(zip.length + 4, { comment }))).toMatchObject(expected);
  });

  it.each<[string, (file: Buffer) => void]>([
    ['locator', (file) => file.fill(0, locatorAt, locatorAt + LOCATOR.length)],
    ['record', (file) => file.fill(0, recordAt, recordAt + ZIP64.length)],
  ])('needs its %s', (_, spoil) => {
    const file = Buffer.from(zip);
    expect(file.indexOf(LOCATOR)).toBe(locatorAt);
    spoil(file);
    expect(find(file)).toMatchObject({ isZip64: false, entries: 0xffff });
  });

  it.each([16, 20])('with a disk at byte %i is a part', (offset) => {
    const file = Buffer.from(zip);
    file.writeUInt32LE(1, recordAt + offset);
    expect(find(file)?.isSplit).toBe(true);
  });
});

describe('the entries of a directory', () => {
  const START = 1_000;
  const end: ZipEnd = {
    at: START + 500,
    entries: 2,
    directorySize: 500,
    directoryOffset: START,
    isSplit: false,
    isZip64: false,
    behind: 0,
    isAmbiguous: false,
  };
  const entry = (changes: Partial<ZipEntry> = {}): ZipEntry => {
    return {
      name: 'a.txt',
      nameBytes: 5,
      size: 10,
      packedSize: 10,
      method: 0,
      flags: 0x800,
      crc32: 0,
      offset: 0,
      ...changes,
    };
  };
  const why = (some: readonly ZipEntry[], changes: Partial<ZipEnd> = {}) =>
    contradictionIn(some, { ...end, ...changes }, START)?.why;
  const within = expect.stringContaining('within the bytes of another entry');
  const outside = expect.stringContaining('outside of the file');
  const sizes = expect.stringContaining('two sizes');

  // 45 bytes: 30 of its header, its name and its content.
  it.each<[string, readonly ZipEntry[], unknown]>([
    ['one right behind the other', [entry(), entry({ offset: 45 })], undefined],
    ['the second in front in the file', [entry({ offset: 45 }), entry()], undefined],
    ['one that begins a byte too early', [entry(), entry({ offset: 44 })], within],
    ['one that ends where the directory begins', [entry({ offset: START - 45 })], undefined],
    ['one that ends a byte later', [entry({ offset: START - 44 })], outside],
    ['a stored one of two sizes', [entry({ size: 11 })], sizes],
    ['an encrypted one, which is longer', [entry({ size: 11, flags: 1 })], undefined],
    ['the most that Deflate makes of a byte', [entry({ method: 8, size: 10_320 })], undefined],
    ['more than that', [entry({ method: 8, size: 10_321 })], sizes],
    ['more than that by another method', [entry({ method: 14, size: 10_321 })], undefined],
  ])('contradict each other or not: %s', (_, some, expected) => {
    expect(why(some)).toEqual(expected);
  });

  it('are moved by the bytes in front of the zip', () => {
    const shifted = { directoryOffset: START - 100 };
    expect(why([entry({ offset: START - 145 })], shifted)).toBeUndefined();
    expect(why([entry({ offset: START - 144 })], shifted)).toEqual(outside);
    const behind = { directoryOffset: START + 100 };
    expect(why([entry({ offset: 100 })], behind)).toBeUndefined();
    expect(why([entry({ offset: 99 })], behind)).toEqual(outside);
  });

  it('contradict nothing where sizes are cut to 32 bits', () => {
    const cut = { directoryOffset: START - 2 ** 32 };
    expect(why([entry({ size: 11 })], cut)).toBeUndefined();
    expect(why([entry({ size: 11 })], { ...cut, isZip64: true })).toEqual(outside);
    expect([0, 1, 2 ** 32 - 1].map((shift) => isWrapped({ ...end, directoryOffset: START - shift }, START))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it.each([
    ['./a/b.exe', 'a/b.exe'],
    ['././a.exe', 'a.exe'],
    ['.\\a\\b.exe', 'a/b.exe'],
    ['a/./b.exe', 'a/./b.exe'],
  ])('have names that Unreal reads as paths: %s', (name, path) => {
    expect(pathOf(entry({ name }))).toBe(path);
  });
});
