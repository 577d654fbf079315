import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { type Entry, RandomAccessReader, ZipFile } from 'yauzl';
import { present } from '../domain/model/optional-fields.ts';
import type { Verdict } from '../domain/model/package-verdict.ts';
import { judgeZip } from '../domain/package/judge.ts';
import { findZipEnd, pointsIntoFile, type ZipEnd } from '../domain/package/zip-end.ts';
import { isCutOff, manifestIn, shiftOf, type ZipDirectory, type ZipEntry } from '../domain/package/zip-facts.ts';

/** @returns the bytes from `start` to before `end`; throws where they can't be had */
export type ReadRange = (start: number, end: number) => Promise<Buffer>;

/** What is read at a time before the tail, in bytes: an Unreal build of 60,000 files has a directory of 8 MB. */
const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * From this size on, in bytes, directories are read one after the other. With short names an entry takes fifteen times its bytes in
 * memory, and a batch has ten builds.
 */
const LONG_DIRECTORY_BYTES = 256 * 1024;

/** The most that is read of a directory, in bytes, and its entries: what is longer belongs to no Unreal build. */
const DIRECTORY_LIMIT_BYTES = 32 * 1024 * 1024;
const ENTRY_LIMIT = 200_000;
/** Counts of entries without zip64 have 16 bits; macOS begins again at 0. */
const COUNT_WRAPS_AT = 0x10000;

/** Unreal's manifest has less than 1 MB, and less than 100 KB packed. */
const PACKED_MANIFEST_LIMIT_BYTES = 1024 * 1024;
const MANIFEST_LIMIT_BYTES = 8 * 1024 * 1024;

/** The fixed parts of an entry's headers, and what is read of the extra fields of a local one. In bytes. */
const CENTRAL_HEADER_BYTES = 46;
const LOCAL_HEADER_BYTES = 30;
const EXTRA_BYTES = 512;
const CENTRAL_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

export interface ZipRead {
  readonly verdict: Verdict;
  /**
   * Digest of the names, sizes and CRC-32 of all entries. It is the same for every copy of the zip, however it is stored. Absent
   * where its directory can't be read.
   */
  readonly content?: string;
}

/**
 * Reads a zip's directory and the manifest in it, and judges what it is. It reads nothing else, however large the file is.
 *
 * @param size of the whole file, in bytes
 * @param head its first bytes
 * @param tail its last `TAIL_BYTES`, or all of it
 * @throws what `readRange` throws
 */
export async function readZip(size: number, head: Buffer, tail: Buffer, readRange: ReadRange): Promise<ZipRead> {
  const end = findZipEnd(tail, size);
  const reader = new BlockReader(size, tail, readRange);
  try {
    if (end === undefined || end.isSplit) return { verdict: judgeZip({ size, head, end }) };
    return await (end.directorySize >= LONG_DIRECTORY_BYTES ? oneAtATime(() => readWhole(end)) : readWhole(end));
  } catch (error) {
    throw reader.failure ?? error;
  }

  async function readWhole(end: ZipEnd): Promise<ZipRead> {
    const directory = await readDirectory(end, reader);
    if (directory.kind !== 'read') return { verdict: judgeZip({ size, head, end, directory }) };
    const manifest = await readManifest(directory, end, reader);
    const verdict = judgeZip({ size, head, end, directory, ...present({ manifest }) });
    // Of a damaged zip too: it may be submitted all the same, and must be known again when its bytes are written once more.
    return { verdict, ...(isCutOff({ head }, end, directory.start) ? {} : { content: digestOf(directory.entries) }) };
  }
}

let lastRead: Promise<unknown> = Promise.resolve();
/** Long directories are read one after the other: those of a whole batch would not fit into a function's memory. */
function oneAtATime<Result>(work: () => Promise<Result>): Promise<Result> {
  const result = lastRead.then(work);
  lastRead = result.catch(() => undefined);
  return result;
}

interface ReadEntry extends ZipEntry {
  readonly rawName: Buffer;
}
type ReadDirectory = Exclude<ZipDirectory, { kind: 'read' }> | ReturnType<typeof directoryOf>;
const directoryOf = (entries: readonly ReadEntry[], start: number) => ({ kind: 'read', entries, start }) as const;

async function readDirectory(end: ZipEnd, reader: BlockReader): Promise<ReadDirectory> {
  const { at, directoryOffset, directorySize, entries } = end;
  if (!pointsIntoFile(end)) return { kind: 'damaged', detail: 'its end record points outside of the file.' };
  if (entries > ENTRY_LIMIT || directorySize > DIRECTORY_LIMIT_BYTES) {
    return { kind: 'not-read', detail: `The directory has ${entries} entries in ${directorySize} bytes.` };
  }
  // Right before the end record, also where bytes in front of the zip make the offset wrong.
  for (const start of new Set([at - directorySize, directoryOffset])) {
    if (entries > 0 && !(await reader.startsWith(start, at, CENTRAL_SIGNATURE))) continue;
    try {
      return directoryOf(await readEntries(end, start, reader), start);
    } catch (error) {
      if (reader.failure !== undefined) throw error;
      return unreadable(error instanceof Error ? error.message : String(error));
    }
  }
  return { kind: 'damaged', detail: 'there is none where its end record says.' };
}

/** The library's errors have no codes. None of these quotes a name. */
function unreadable(message: string): ReadDirectory {
  if (message === 'strong encryption is not supported') return { kind: 'encrypted' };
  // `unzip` and others ignore fields that they can't read.
  if (message.startsWith('extra field length')) return { kind: 'not-read', detail: `The directory: ${message}.` };
  return { kind: 'damaged', detail: `${message}.` };
}

/** @throws Error where the directory does not hold as many entries as its end record says */
async function readEntries(end: ZipEnd, start: number, reader: BlockReader): Promise<ReadEntry[]> {
  const stop = start + end.directorySize;
  const entries: ReadEntry[] = [];
  let at = start;
  let isMore = true;
  for (let count = end.entries; isMore && entries.length <= ENTRY_LIMIT; count = COUNT_WRAPS_AT) {
    if (count === COUNT_WRAPS_AT && end.isZip64) break;
    // Opened where we have found the directory: the library's own search takes no bytes in front of a zip or behind it.
    const zip = new ZipFile(reader, at, reader.size, count, '', false, true, false, false);
    for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
      at += CENTRAL_HEADER_BYTES + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
      if (at > stop) throw new Error('its entries are longer than its end record says');
      entries.push(entryOf(entry));
    }
    isMore = await reader.startsWith(at, stop, CENTRAL_SIGNATURE);
  }
  if (isMore) throw new Error(`it has more than the ${end.entries} entries that its end record counts`);
  return entries;
}

function entryOf(entry: Entry): ReadEntry {
  const rawName = Buffer.from(entry.fileNameRaw);
  const utf8 = rawName.toString('utf8');
  return {
    rawName,
    // Without the mark of UTF-8 it may be in any code page; macOS writes UTF-8 then, too.
    name: utf8.includes('\uFFFD') ? rawName.toString('latin1') : utf8,
    nameBytes: rawName.length,
    size: entry.uncompressedSize,
    packedSize: entry.compressedSize,
    method: entry.compressionMethod,
    flags: entry.generalPurposeBitFlag,
    crc32: entry.crc32,
    offset: entry.relativeOffsetOfLocalHeader,
  };
}

/** In an order of its own: the same files zipped in another order are the same content. */
function digestOf(entries: readonly ReadEntry[]): string {
  const numbers = ({ crc32, packedSize, size }: ReadEntry) => ` ${size} ${packedSize} ${crc32}`;
  const sorted = entries.toSorted((a, b) => {
    return Buffer.compare(a.rawName, b.rawName) || (numbers(a) < numbers(b) ? -1 : 1);
  });
  const hash = createHash('sha256');
  for (const [index, entry] of sorted.entries()) {
    hash.update(`${index === 0 ? '' : '\n'}${entry.rawName.toString('hex')}${numbers(entry)}`);
  }
  return hash.digest('hex');
}

/** @returns the text of Unreal's manifest; `undefined` where there is none that can be read */
async function readManifest(
  { entries, start }: ReturnType<typeof directoryOf>,
  end: ZipEnd,
  reader: BlockReader,
): Promise<string | undefined> {
  const entry = manifestIn(entries);
  if (entry === undefined || entry.packedSize > PACKED_MANIFEST_LIMIT_BYTES) return undefined;
  const from = entry.offset + shiftOf(end, start);
  const to = Math.min(start, from + LOCAL_HEADER_BYTES + entry.nameBytes + EXTRA_BYTES + entry.packedSize);
  if (from < 0 || from + LOCAL_HEADER_BYTES > to) return undefined;
  const bytes = await reader.bytes(from, to - from, 0);
  if (bytes.readUInt32LE(0) !== LOCAL_SIGNATURE) return undefined;
  const dataAt = LOCAL_HEADER_BYTES + bytes.readUInt16LE(26) + bytes.readUInt16LE(28);
  const data = bytes.subarray(dataAt, dataAt + entry.packedSize);
  if (entry.method === STORED) return data.toString('utf8');
  if (entry.method !== DEFLATED) return undefined;
  try {
    return inflateRawSync(data, { maxOutputLength: MANIFEST_LIMIT_BYTES }).toString('utf8');
  } catch {
    return undefined;
  }
}

/** The library reads twice for each entry; this reads a block at a time, and the directory once from its start to its end. */
class BlockReader extends RandomAccessReader {
  /** Bytes. */
  readonly size: number;
  /** Why a block could not be had. */
  failure: unknown;
  readonly #readRange: ReadRange;
  readonly #tail: Block;
  #block: Block;

  constructor(size: number, tail: Buffer, readRange: ReadRange) {
    super();
    this.size = size;
    this.#readRange = readRange;
    this.#tail = { start: size - tail.length, bytes: tail };
    this.#block = this.#tail;
  }

  /** @param ahead how much to read at least where it is not read yet, in bytes */
  async bytes(start: number, length: number, ahead = BLOCK_BYTES): Promise<Buffer> {
    const isIn = (block: Block) => start >= block.start && start + length <= block.start + block.bytes.length;
    const read = [this.#tail, this.#block].find(isIn);
    if (read !== undefined) return read.bytes.subarray(start - read.start, start - read.start + length);
    const end = Math.min(this.size, start + Math.max(length, ahead));
    if (!(start >= 0 && start + length <= this.size)) throw new Error('it points outside of the file');
    try {
      this.#block = { start, bytes: await this.#readRange(start, end) };
    } catch (error) {
      this.failure = error;
      throw error;
    }
    if (this.#block.bytes.length < length) throw new Error('the file ends too early');
    return this.#block.bytes.subarray(0, length);
  }

  /** @param end what is behind it does not count */
  async startsWith(start: number, end: number, signature: number): Promise<boolean> {
    return start + 4 <= end && (await this.bytes(start, 4)).readUInt32LE(0) === signature;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.bytes(position, length).then(
      (bytes) => {
        bytes.copy(buffer, offset);
        callback(null);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    );
  }
}

interface Block {
  /** Where it is in the file. */
  readonly start: number;
  readonly bytes: Buffer;
}
