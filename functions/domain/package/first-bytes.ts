/** How many of a file's first bytes say what it is: the mark of a tar is at byte 257. */
export const HEAD_BYTES = 512;

/** Formats by their mark at the start of a file: one character for each byte. */
const MARKS: readonly (readonly [what: string, mark: string])[] = [
  ['a 7z archive', '7z\xbc\xaf\x27\x1c'],
  ['a RAR archive', 'Rar!\x1a\x07'],
  ['a gzip file', '\x1f\x8b'],
  ['a bzip2 file', 'BZh'],
  ['an xz file', '\xfd7zXZ\0'],
  ['a zstd file', '\x28\xb5\x2f\xfd'],
  ['an LZ4 file', '\x04\x22\x4d\x18'],
  ['a Windows cabinet', 'MSCF\0'],
  ['a Windows image', 'MSWIM\0'],
  ['a PDF', '%PDF-'],
  ['a Git LFS pointer, not the file itself', 'version https://git-lfs.github.com/spec'],
];
const TAR = { mark: 'ustar', at: 257 };
/** Programs, which may have a zip behind them: self-extracting archives. */
const PROGRAMS: typeof MARKS = [
  ['a Windows program', 'MZ'],
  ['a Linux program', '\x7fELF'],
  ['a script', '#!'],
];
const TEXTS: readonly (readonly [what: string, text: RegExp])[] = [
  ['an HTML page', /^<(?:!doctype html|html|head|body|script|title)\b/i],
  ['an XML document, such as an error message', /^<\?xml\b|^<Error>/],
  ['JSON, such as an error message', /^[{[]\s*["{[\]}]/],
];

/** What a file is that is certainly no zip, although a zip may be somewhere in it; `undefined` where that is not certain. */
export function knownKind(head: Uint8Array): string | undefined {
  const bytes = latin1(head);
  if (bytes.startsWith(TAR.mark, TAR.at)) return 'a tar archive';
  const text = bytes.replace(/^\xef\xbb\xbf/, '').trimStart();
  return MARKS.find(([, mark]) => bytes.startsWith(mark))?.[0] ?? TEXTS.find(([, start]) => start.test(text))?.[0];
}

/** What a file looks like that has no end of a zip. */
export function looksLike(head: Uint8Array): string {
  const bytes = latin1(head);
  const known = knownKind(head) ?? PROGRAMS.find(([, mark]) => bytes.startsWith(mark))?.[0];
  if (known !== undefined) return known;
  if (head.every((byte) => byte === 0)) return 'nothing but zeros, as an unfinished download is';
  return /^[\t\n\r\x20-\x7e]*$/.test(bytes) ? 'plain text' : 'of an unknown format';
}

/** Whether it begins as a zip: with an entry, with the end of an empty one, or with the mark of a split one. */
export function beginsAsZip(head: Uint8Array): boolean {
  const bytes = latin1(head);
  return [ENTRY, 'PK\x05\x06', SPLIT, 'PK00'].some((mark) => bytes.startsWith(mark));
}

const ENTRY = 'PK\x03\x04';
/** Whether the first bytes are an entry's. */
export function beginsWithEntry(head: Uint8Array): boolean {
  return latin1(head).startsWith(ENTRY);
}

const SPLIT = 'PK\x07\x08';
/** Whether it begins with the first part of a split archive. */
export function beginsAsSplit(head: Uint8Array): boolean {
  return latin1(head).startsWith(SPLIT);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, HEAD_BYTES));
}
