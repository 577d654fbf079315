import { beginsWithEntry } from './first-bytes.ts';
import type { ZipEnd } from './zip-end.ts';

/** An entry of a zip's directory. Sizes and offsets in bytes, as the directory says them: they need not be true. */
export interface ZipEntry {
  /** As it is stored; folders end in a slash. */
  readonly name: string;
  /** Bytes of the name: with the fixed part of 30, what its local header takes at least. */
  readonly nameBytes: number;
  readonly size: number;
  readonly packedSize: number;
  /** Compression method. Source: PKWARE APPNOTE 4.4.5. */
  readonly method: number;
  /** General purpose bits. Source: PKWARE APPNOTE 4.4.4. */
  readonly flags: number;
  readonly crc32: number;
  /** Of its local header. */
  readonly offset: number;
}

/** What came of reading the directory. */
export type ZipDirectory =
  | {
      readonly kind: 'read';
      readonly entries: readonly ZipEntry[];
      /** Where it is in the file. */
      readonly start: number;
    }
  /** It has a password of its own. */
  | { readonly kind: 'encrypted' }
  /** No reader could make sense of it. */
  | { readonly kind: 'damaged'; readonly detail: string }
  /** Other readers may make sense of it. */
  | { readonly kind: 'not-read'; readonly detail: string };

/** All that is read of a zip to judge it. */
export interface ZipFacts {
  /** Bytes. */
  readonly size: number;
  /** Its first bytes. */
  readonly head: Uint8Array;
  /** `undefined` where there is no end of a zip. */
  readonly end: ZipEnd | undefined;
  /** `undefined` where there is no end, or it says already that there is nothing to read. */
  readonly directory?: ZipDirectory;
  /** Text of the entry that {@link manifestIn} finds, if any. */
  readonly manifest?: string;
}

const LOCAL_HEADER_BYTES = 30;
/** The most that Deflate makes of a byte. Source: zlib's technical details. */
const DEFLATE_RATIO = 1_032;
const STORED = 0;
const DEFLATED = 8;

/** An entry's name as a path of Unreal: with slashes, and without `./` in front. */
export function pathOf({ name }: ZipEntry): string {
  return name.replaceAll('\\', '/').replace(/^(?:\.\/)+/, '');
}

/** How far everything is from where the directory says it is: bytes in front of the zip. */
export function shiftOf({ directoryOffset }: Pick<ZipEnd, 'directoryOffset'>, start: number): number {
  return start - directoryOffset;
}

/** Whether a packer cut sizes and offsets beyond 4 GB to 32 bits: then they mean nothing. */
export function isWrapped(end: ZipEnd, start: number): boolean {
  const shift = shiftOf(end, start);
  return !end.isZip64 && shift > 0 && shift % 2 ** 32 === 0;
}

/** Whether it was cut off, and what is at its end is another zip that was in it: that one's directory says nothing of it. */
export function isCutOff({ head }: Pick<ZipFacts, 'head'>, end: ZipEnd, start: number): boolean {
  return beginsWithEntry(head) && !isWrapped(end, start) && shiftOf(end, start) > 0;
}

export const isEncrypted = ({ flags }: ZipEntry) => (flags & 0x2041) !== 0;

/** @returns the first entry whose numbers can't be true, and why; `undefined` where all agree with each other and the file */
export function contradictionIn(
  entries: readonly ZipEntry[],
  end: ZipEnd,
  start: number,
): { readonly entry: ZipEntry; readonly why: string } | undefined {
  if (isWrapped(end, start)) return undefined;
  const shift = shiftOf(end, start);
  const endOf = ({ nameBytes, offset, packedSize }: ZipEntry) => offset + LOCAL_HEADER_BYTES + nameBytes + packedSize;
  for (const entry of entries) {
    const isOutside = entry.offset + shift < 0 || endOf(entry) + shift > start;
    if (isOutside) return { entry, why: 'is said to lie outside of the file' };
    if (isEncrypted(entry)) continue;
    const { method, packedSize, size } = entry;
    const isTooLarge = method === DEFLATED && size > packedSize * DEFLATE_RATIO;
    if ((method === STORED && size !== packedSize) || isTooLarge || !Number.isSafeInteger(size)) {
      return { entry, why: 'has two sizes that contradict each other' };
    }
  }
  const byOffset = entries.toSorted((a, b) => a.offset - b.offset);
  for (const [index, entry] of byOffset.entries()) {
    const next = byOffset[index + 1];
    if (next !== undefined && endOf(entry) > next.offset) {
      return { entry: next, why: `is said to lie within the bytes of another entry` };
    }
  }
  return undefined;
}

const MANIFEST = /^(?:[^/]+\/)?Manifest_UFSFiles_Win64\.txt$/i;

/** @param path with slashes */
export const isManifest = (path: string) => MANIFEST.test(path);

/** The list of what Unreal has packaged into its archives, which says the plugins. Some packagers delete it. */
export function manifestIn(entries: readonly ZipEntry[]): ZipEntry | undefined {
  return entries.find((entry) => isManifest(pathOf(entry)));
}
