const LOCAL_FILE_HEADER = Buffer.from('PK\x03\x04', 'latin1');
const END_OF_CENTRAL_DIRECTORY = Buffer.from('PK\x05\x06', 'latin1');
/** The end record without its comment, in bytes. */
const END_RECORD_LENGTH = 22;

/** How many of a zip's first bytes say that it is one. */
export const ZIP_HEAD_BYTES = LOCAL_FILE_HEADER.length;
/** How many of its last bytes say that nothing is missing: the end record with the longest comment that its 16-bit length allows. */
export const ZIP_TAIL_BYTES = END_RECORD_LENGTH + 0xffff;

export function beginsAsZip(head: Buffer): boolean {
  return head.indexOf(LOCAL_FILE_HEADER) === 0;
}

/** Whether an end record is there that ends where the file ends. A comment may contain the bytes that such a record starts with. */
export function endsAsZip(tail: Buffer): boolean {
  for (let end = tail.length - END_RECORD_LENGTH; end >= 0; end--) {
    const start = tail.lastIndexOf(END_OF_CENTRAL_DIRECTORY, end);
    if (start === -1) return false;
    if (start + END_RECORD_LENGTH + tail.readUInt16LE(start + 20) === tail.length) return true;
    end = start;
  }
  return false;
}

/** The objections of a download, which begin alike however much of the file is read. */
export const OBJECTIONS = {
  status: (status: number) => `The fileUrl answered HTTP ${status}.`,
  notWhole: 'The file is not a whole zip.',
  /** @param why with nothing of the URL in it */
  brokenOff: (why: string) => `The download broke off (${why}).`,
} as const;
