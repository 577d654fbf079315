/**
 * The record at the end of a zip, which says where its directory is. Source: PKWARE APPNOTE 4.3.14 to 4.3.16. Sizes and offsets in
 * bytes; a 64-bit number beyond 2^53 is not exact, and always larger than any file.
 */
export interface ZipEnd {
  /** Where the records at the end begin: the directory ends here. */
  readonly at: number;
  /** Entries that the directory is said to have. */
  readonly entries: number;
  readonly directorySize: number;
  /** Where the directory begins, by the record. Bytes before the zip, or sizes that a packer has cut to 32 bits, make it wrong. */
  readonly directoryOffset: number;
  /** Part of a split archive: the rest is in other files. */
  readonly isSplit: boolean;
  readonly isZip64: boolean;
  /** Bytes of the file behind the record and its comment. */
  readonly behind: number;
  /** Whether bytes further behind look like another end record, which some tools take for this one. */
  readonly isAmbiguous: boolean;
}

/** The longest comment and the records before it. In bytes, and as much as is read of the end of a file. */
export const TAIL_BYTES = 66 * 1024;
/** The records of zip64: its end record, and the locator that says where that is. */
const ZIP64_RECORD_BYTES = 56;
const LOCATOR_BYTES = 20;
const END_BYTES = 22;

const END_SIGNATURE = 0x06054b50;
const LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_SIGNATURE = 0x06064b50;
/** The number of a disk that is in the record of zip64 instead. */
const IN_ZIP64 = 0xffff;
/** A directory's entry without its name. */
const CENTRAL_HEADER_BYTES = 46;

/**
 * Finds the end record. A comment may hold bytes that look like one, so the last one that fits is taken: it points into the file,
 * and rather one whose comment ends where the file ends.
 *
 * @param tail the last {@link TAIL_BYTES} of the file, or all of it
 * @param size of the file, in bytes
 * @returns the record; one that points nowhere where there is no better one; `undefined` where there is none
 */
export function findZipEnd(tail: Uint8Array, size: number): ZipEnd | undefined {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  let loose: ZipEnd | undefined;
  let wrong: ZipEnd | undefined;
  let isAmbiguous = false;
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) !== END_SIGNATURE) continue;
    const end = { ...readEnd(view, at, size), isAmbiguous };
    isAmbiguous = true;
    if (!pointsIntoFile(end)) wrong ??= end;
    else if (end.behind === 0) return end;
    else if (end.behind > 0) loose ??= end;
  }
  return loose ?? wrong;
}

/** Whether there can be such a directory in front of the record. */
export function pointsIntoFile({ at, directoryOffset, directorySize, entries }: ZipEnd): boolean {
  return directorySize <= at && directoryOffset <= at && entries * CENTRAL_HEADER_BYTES <= directorySize;
}

function readEnd(view: DataView, at: number, size: number): Omit<ZipEnd, 'isAmbiguous'> {
  const start = size - view.byteLength;
  const short = (offset: number) => view.getUint16(at + offset, true);
  const behind = view.byteLength - at - END_BYTES - short(20);
  const zip64 = readZip64(view, at, start);
  if (zip64 !== undefined) return { ...zip64, isZip64: true, behind };
  return {
    at: start + at,
    entries: short(10),
    directorySize: view.getUint32(at + 12, true),
    directoryOffset: view.getUint32(at + 16, true),
    isSplit: [short(4), short(6)].some((disk) => disk !== 0 && disk !== IN_ZIP64),
    isZip64: false,
    behind,
  };
}

/** The record of zip64 right before the end record and its locator. One with further fields is longer, and found by the locator. */
function readZip64(
  view: DataView,
  endAt: number,
  start: number,
): Omit<ZipEnd, 'isZip64' | 'behind' | 'isAmbiguous'> | undefined {
  const locatorAt = endAt - LOCATOR_BYTES;
  if (locatorAt < 0 || view.getUint32(locatorAt, true) !== LOCATOR_SIGNATURE) return undefined;
  const recorded = number64(view, locatorAt + 8) - start;
  const at = [recorded, locatorAt - ZIP64_RECORD_BYTES].find(
    (each) => each >= 0 && each + ZIP64_RECORD_BYTES <= locatorAt && view.getUint32(each, true) === ZIP64_SIGNATURE,
  );
  if (at === undefined) return undefined;
  return {
    at: start + at,
    entries: number64(view, at + 32),
    directorySize: number64(view, at + 40),
    directoryOffset: number64(view, at + 48),
    isSplit: view.getUint32(at + 16, true) !== 0 || view.getUint32(at + 20, true) !== 0,
  };
}

function number64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}
