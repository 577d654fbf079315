import { createHash } from 'node:crypto';

/** Result of a download. */
export type Download =
  | { readonly kind: 'downloaded'; readonly size: number; readonly sha256: string }
  | { readonly kind: 'unusable'; readonly objection: string };

const LOCAL_FILE_HEADER = Buffer.from('PK\x03\x04', 'latin1');
const END_OF_CENTRAL_DIRECTORY = Buffer.from('PK\x05\x06', 'latin1');
/** The end record without its comment, in bytes. */
const END_RECORD_LENGTH = 22;
/** The end record with the longest comment that its 16-bit length allows, in bytes. */
const LONGEST_END = END_RECORD_LENGTH + 0xffff;

/** Downloads as Streampixel does, without following redirects. Reads the bytes once and keeps none of them. */
export async function downloadBuild(fileUrl: string, signal: AbortSignal): Promise<Download> {
  try {
    const response = await fetch(fileUrl, { redirect: 'manual', signal });
    if (response.status !== 200) return unusable(`The fileUrl answered HTTP ${response.status}.`);
    const hash = createHash('sha256');
    let size = 0;
    let head: Buffer = Buffer.alloc(0);
    let tail: Buffer = Buffer.alloc(0);
    for await (const chunk of response.body ?? []) {
      hash.update(chunk);
      size += chunk.length;
      if (head.length < LOCAL_FILE_HEADER.length) head = Buffer.concat([head, chunk]);
      tail = Buffer.concat([tail, chunk]).subarray(-LONGEST_END);
    }
    if (head.indexOf(LOCAL_FILE_HEADER) !== 0 || !endsAsZip(tail)) return unusable('The file is not a whole zip.');
    return { kind: 'downloaded', size, sha256: hash.digest('hex') };
  } catch (error) {
    // Without the error's message: it may quote the URL.
    return unusable(`The download broke off (${error instanceof Error ? error.name : 'unknown error'}).`);
  }
}

function unusable(objection: string): Download {
  return { kind: 'unusable', objection };
}

/** Whether an end record is there that ends where the file ends. A comment may contain the bytes that such a record starts with. */
function endsAsZip(tail: Buffer): boolean {
  for (let end = tail.length - END_RECORD_LENGTH; end >= 0; end--) {
    const start = tail.lastIndexOf(END_OF_CENTRAL_DIRECTORY, end);
    if (start === -1) return false;
    if (start + END_RECORD_LENGTH + tail.readUInt16LE(start + 20) === tail.length) return true;
    end = start;
  }
  return false;
}
