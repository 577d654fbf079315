const NAME = Buffer.from('MyGame.exe');
/** The number is in a zip64 field. */
const IN_ZIP64 = 0xffffffff;
/** Version 4.5 of the format brought zip64. */
const VERSION = 45;
/** Bytes of the local header, and of the directory's entry: fixed fields, name and zip64 field. */
const LOCAL_SIZE = 30 + NAME.length + 20;
const DIRECTORY_SIZE = 46 + NAME.length + 28;
/** The directory, and the three records at the end. */
const TAIL_SIZE = DIRECTORY_SIZE + 56 + 20 + 22;

/**
 * A zip of any size of which only the ends exist: one stored file of zeros, in zip64. Source: PKWARE APPNOTE 4.3.
 *
 * @param size of the zip, in bytes; at least 300
 */
export function createSparseZip(size: number) {
  const data = size - LOCAL_SIZE - TAIL_SIZE;
  const directoryAt = LOCAL_SIZE + data;
  const local = [
    pack('42222244422', 0x04034b50, VERSION, 0, 0, 0, 0, 0, IN_ZIP64, IN_ZIP64, NAME.length, 20),
    NAME,
    pack('2288', 1, 16, data, data),
  ];
  const directory = [
    pack('422222244422222', 0x02014b50, VERSION, VERSION, 0, 0, 0, 0, 0, IN_ZIP64, IN_ZIP64, NAME.length, 28),
    pack('44', 0, IN_ZIP64),
    NAME,
    pack('22888', 1, 24, data, data, 0),
  ];
  const ends = [
    pack('4822448888', 0x06064b50, 44, VERSION, VERSION, 0, 0, 1, 1, DIRECTORY_SIZE, directoryAt),
    pack('4484', 0x07064b50, 0, directoryAt + DIRECTORY_SIZE, 1),
    pack('42222442', 0x06054b50, 0, 0, 1, 1, DIRECTORY_SIZE, IN_ZIP64),
  ];
  const pieces = [
    { at: 0, piece: Buffer.concat(local) },
    { at: directoryAt, piece: Buffer.concat([...directory, ...ends]) },
  ];
  return {
    /** Bytes. */
    size,
    /** @param from first byte. @param to last byte, included */
    read(from: number, to: number): Buffer {
      const bytes = Buffer.alloc(to - from + 1);
      for (const { at, piece } of pieces) {
        const [first, last] = [Math.max(from, at), Math.min(to, at + piece.length - 1)];
        if (first <= last) piece.copy(bytes, first - from, first - at, last - at + 1);
      }
      return bytes;
    },
  };
}

/** Little-endian numbers, each of as many bytes as its digit in the layout; 0 where no value is given. */
function pack(layout: string, ...values: readonly number[]): Buffer {
  const numbers = [...layout].map((bytes, index) => {
    const number = Buffer.alloc(8);
    number.writeBigUInt64LE(BigInt(values[index] ?? 0));
    return number.subarray(0, Number(bytes));
  });
  return Buffer.concat(numbers);
}
