import { crc32, deflateRawSync } from 'node:zlib';
import { TAIL_BYTES } from '../../functions/domain/package/zip-end.ts';

/** An entry of a hand-made zip; what is not given is as it should be. Sizes and offsets in bytes. */
export interface RawEntry {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  /** 0 stored (default), 8 deflated; others are written as if stored. */
  readonly method?: number;
  readonly flags?: number;
  /** Extra fields of the local header. */
  readonly extra?: Buffer;
  /** What the directory says instead. */
  readonly said?: {
    readonly size?: number;
    readonly packedSize?: number;
    readonly offset?: number;
    readonly crc32?: number;
    readonly extra?: Buffer;
    readonly comment?: Buffer;
  };
}

export interface RawZip {
  readonly entries: readonly RawEntry[];
  readonly before?: Buffer;
  readonly behind?: Buffer;
  readonly comment?: Buffer;
  readonly zip64?: boolean;
  /** What the end record says instead. */
  readonly end?: {
    readonly disk?: number;
    readonly entries?: number;
    readonly directorySize?: number;
    readonly directoryOffset?: number;
  };
  /** Whether offsets count from the start of the file rather than behind `before`. */
  readonly isAdjusted?: boolean;
}

const NOTHING = Buffer.alloc(0);

/** A zip byte by byte, so that each number in it can be wrong. Source: PKWARE APPNOTE 4.3. */
export function rawZip(zip: RawZip): Buffer {
  const { before = NOTHING, behind = NOTHING, comment = NOTHING, entries, zip64 = false } = zip;
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = zip.isAdjusted === true ? before.length : 0;
  for (const entry of entries) {
    const { extra: localExtra = NOTHING, flags = 0x800, method = 0, said = {} } = entry;
    const name = Buffer.from(entry.name);
    const content = Buffer.from(entry.content ?? '');
    const packed = method === 8 ? deflateRawSync(content) : content;
    const sum = said.crc32 ?? crc32(content);
    const sizes = [packed.length, content.length, name.length, localExtra.length];
    const header = pack('42222244422', 0x04034b50, 20, flags, method, 0, 0, sum, ...sizes);
    const local = Buffer.concat([header, name, localExtra, packed]);
    const { comment: entryComment = NOTHING, extra = NOTHING } = said;
    const [packedSize, size] = [said.packedSize ?? packed.length, said.size ?? content.length];
    central.push(
      pack('42222224442', 0x02014b50, 20, 20, flags, method, 0, 0, sum, packedSize, size, name.length),
      pack('222244', extra.length, entryComment.length, 0, 0, 0, said.offset ?? offset),
      name,
      extra,
      entryComment,
    );
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const directorySize = zip.end?.directorySize ?? directory.length;
  const directoryOffset = zip.end?.directoryOffset ?? offset;
  const count = zip.end?.entries ?? entries.length;
  const disk = zip.end?.disk ?? 0;
  const records = zip64
    ? [
        pack('4822448888', 0x06064b50, 44, 45, 45, disk, disk, count, count, directorySize, directoryOffset),
        pack('4484', 0x07064b50, 0, offset + directory.length, 1),
        pack('42222442', 0x06054b50, 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, comment.length),
      ]
    : [pack('42222442', 0x06054b50, disk, disk, count, count, directorySize, directoryOffset, comment.length)];
  return Buffer.concat([before, ...locals, directory, ...records, comment, behind]);
}

/** Little-endian numbers, each of as many bytes as its digit in the layout; what is too large for them wraps. */
export function pack(layout: string, ...values: readonly number[]): Buffer {
  const sizes = Array.from(layout, Number);
  const packed = Buffer.alloc(sizes.reduce((sum, bytes) => sum + bytes, 0));
  let at = 0;
  for (const [index, bytes] of sizes.entries()) {
    const value = values[index] ?? 0;
    if (bytes === 8) packed.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at);
    else packed.writeUIntLE(value % 2 ** (8 * bytes), at, bytes);
    at += bytes;
  }
  return packed;
}

/** How a file that is not in memory is read, and what that took. */
export class CountedFile {
  readonly size: number;
  readonly #read: (start: number, end: number) => Buffer;
  requests = 0;
  bytes = 0;

  /** @param read the bytes from `start` to before `end` */
  constructor(size: number, read: (start: number, end: number) => Buffer) {
    this.size = size;
    this.#read = read;
  }

  static of(file: Buffer): CountedFile {
    return new CountedFile(file.length, (start, end) => file.subarray(start, end));
  }

  readonly range = async (start: number, end: number): Promise<Buffer> => {
    this.requests += 1;
    this.bytes += end - start;
    return this.#read(start, end);
  };

  head = (): Promise<Buffer> => this.range(0, Math.min(this.size, 512));
  tail = (): Promise<Buffer> => this.range(Math.max(0, this.size - TAIL_BYTES), this.size);
}
