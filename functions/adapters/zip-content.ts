import { createHash } from 'node:crypto';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';

/** @returns the bytes from `start` to before `end`; throws where they can't be had */
export type ReadRange = (start: number, end: number) => Promise<Buffer>;

/** The end of a file that is read at once: the longest comment and the records before it, in bytes. Source: PKWARE APPNOTE 4.3. */
export const TAIL_BYTES = 66 * 1024;

/** What is read at a time before the tail, in bytes: an Unreal build of 60,000 files has a directory of 8 MB. */
const BLOCK_BYTES = 1024 * 1024;

/** The most that is read of a directory, in bytes: what is longer belongs to no Unreal build. */
const DIRECTORY_LIMIT_BYTES = 32 * 1024 * 1024;

/** The most entries that are read. */
const ENTRY_LIMIT = 200_000;

/**
 * What is in a zip: a digest of the names, sizes and CRC-32 of all its entries, from the central directory at its end. It is the same
 * for every copy of the zip, however it is stored.
 *
 * @param size of the whole file, in bytes
 * @param tail its last {@link TAIL_BYTES}, or all of it
 * @returns `undefined` where the directory can't be read as one
 * @throws what `readRange` throws
 */
export async function contentOf(size: number, tail: Buffer, readRange: ReadRange): Promise<string | undefined> {
  const reader = new BlockReader(size, tail, readRange);
  try {
    const zip = await fromRandomAccessReaderPromise(reader, size, { decodeStrings: false, autoClose: false });
    if (zip.entryCount > ENTRY_LIMIT) return undefined;
    return digestOf(await entriesOf(zip));
  } catch {
    if (reader.failure !== undefined) throw reader.failure;
    // The library's errors have no codes. Whatever is wrong with the directory, the content is not known.
    return undefined;
  }
}

async function entriesOf(zip: ZipFile): Promise<readonly string[]> {
  const entries: string[] = [];
  for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
    const name = Buffer.from(entry.fileNameRaw).toString('hex');
    entries.push(`${name} ${entry.uncompressedSize} ${entry.compressedSize} ${entry.crc32}`);
  }
  return entries;
}

/** In an order of its own: the same files zipped in another order are the same content. */
function digestOf(entries: readonly string[]): string {
  return createHash('sha256').update(entries.toSorted().join('\n')).digest('hex');
}

/** The library reads twice for each entry; this reads a block at a time, and the directory once from its start to its end. */
class BlockReader extends RandomAccessReader {
  /** Why a block could not be had. */
  failure: unknown;
  readonly #size: number;
  readonly #readRange: ReadRange;
  #block: Buffer;
  #start: number;
  #bytesRead = 0;

  constructor(size: number, tail: Buffer, readRange: ReadRange) {
    super();
    this.#size = size;
    this.#readRange = readRange;
    this.#block = tail;
    this.#start = size - tail.length;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#load(position, length).then(
      () => {
        this.#block.copy(buffer, offset, position - this.#start, position - this.#start + length);
        callback(null);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    );
  }

  async #load(position: number, length: number): Promise<void> {
    if (position >= this.#start && position + length <= this.#start + this.#block.length) return;
    const end = Math.min(this.#size, position + Math.max(length, BLOCK_BYTES));
    if (position < 0 || position + length > this.#size) throw new Error('The directory points outside of the file.');
    this.#bytesRead += end - position;
    if (this.#bytesRead > DIRECTORY_LIMIT_BYTES) throw new Error('The directory is too long.');
    try {
      this.#block = await this.#readRange(position, end);
    } catch (error) {
      this.failure = error;
      throw error;
    }
    if (this.#block.length < length) throw new Error('The file ends too early.');
    this.#start = position;
  }
}
