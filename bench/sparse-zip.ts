/** A zip of any size of which only the ends exist: one stored file of zeros, in zip64 where it has to be. */
export interface SparseZip {
  /** Bytes. */
  readonly size: number;
  /** @param from first byte. @param to last byte, included */
  read(from: number, to: number): Buffer;
}

const NAME = Buffer.from('MyGame.exe');
const ZIP64_FIELDS = 0xffffffff;
/** Version 4.5 of the format brought zip64. */
const VERSION = 45;

/**
 * Source: PKWARE APPNOTE 4.3.
 *
 * @param size of the zip, in bytes; at least 300
 */
export function createSparseZip(size: number): SparseZip {
  const local = Buffer.alloc(30 + NAME.length + 20);
  // Header, name and zip64 field; then directory entry with the same and an offset; then the three end records.
  const tailSize = 46 + NAME.length + 28 + 56 + 20 + 22;
  const data = size - local.length - tailSize;
  const directoryAt = local.length + data;

  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(VERSION, 4);
  local.writeUInt32LE(ZIP64_FIELDS, 18);
  local.writeUInt32LE(ZIP64_FIELDS, 22);
  local.writeUInt16LE(NAME.length, 26);
  local.writeUInt16LE(20, 28);
  NAME.copy(local, 30);
  writeZip64Field(local, 30 + NAME.length, [data, data]);

  const tail = Buffer.alloc(tailSize);
  tail.writeUInt32LE(0x02014b50, 0);
  tail.writeUInt16LE(VERSION, 4);
  tail.writeUInt16LE(VERSION, 6);
  tail.writeUInt32LE(ZIP64_FIELDS, 20);
  tail.writeUInt32LE(ZIP64_FIELDS, 24);
  tail.writeUInt16LE(NAME.length, 28);
  tail.writeUInt16LE(28, 30);
  tail.writeUInt32LE(ZIP64_FIELDS, 42);
  NAME.copy(tail, 46);
  writeZip64Field(tail, 46 + NAME.length, [data, data, 0]);
  const directorySize = 46 + NAME.length + 28;

  const end64 = directorySize;
  tail.writeUInt32LE(0x06064b50, end64);
  tail.writeBigUInt64LE(44n, end64 + 4);
  tail.writeUInt16LE(VERSION, end64 + 12);
  tail.writeUInt16LE(VERSION, end64 + 14);
  tail.writeBigUInt64LE(1n, end64 + 24);
  tail.writeBigUInt64LE(1n, end64 + 32);
  tail.writeBigUInt64LE(BigInt(directorySize), end64 + 40);
  tail.writeBigUInt64LE(BigInt(directoryAt), end64 + 48);

  const locator = end64 + 56;
  tail.writeUInt32LE(0x07064b50, locator);
  tail.writeBigUInt64LE(BigInt(directoryAt + directorySize), locator + 8);
  tail.writeUInt32LE(1, locator + 16);

  const end = locator + 20;
  tail.writeUInt32LE(0x06054b50, end);
  tail.writeUInt16LE(1, end + 8);
  tail.writeUInt16LE(1, end + 10);
  tail.writeUInt32LE(directorySize, end + 12);
  tail.writeUInt32LE(ZIP64_FIELDS, end + 16);

  return {
    size,
    read(from, to) {
      const bytes = Buffer.alloc(to - from + 1);
      for (const [piece, at] of [
        [local, 0],
        [tail, directoryAt],
      ] as const) {
        const [first, last] = [Math.max(from, at), Math.min(to, at + piece.length - 1)];
        if (first <= last) piece.copy(bytes, first - from, first - at, last - at + 1);
      }
      return bytes;
    },
  };
}

function writeZip64Field(buffer: Buffer, at: number, values: readonly number[]): void {
  buffer.writeUInt16LE(1, at);
  buffer.writeUInt16LE(8 * values.length, at + 2);
  values.forEach((value, index) => {
    buffer.writeBigUInt64LE(BigInt(value), at + 4 + 8 * index);
  });
}
