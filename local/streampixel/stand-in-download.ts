import { createHash } from 'node:crypto';

/** What came of a download. */
export type Download =
  | { readonly kind: 'downloaded'; readonly size: number; readonly sha256: string }
  | { readonly kind: 'unusable'; readonly objection: string };

/** Downloads as the vendor does: no redirects, the bytes at first access. Reads them once and keeps nothing of them. */
export async function fetchBuild(fileUrl: string, signal: AbortSignal): Promise<Download> {
  try {
    const response = await fetch(fileUrl, { redirect: 'manual', signal });
    if (response.status !== 200) return unusable(`The fileUrl answered HTTP ${response.status}.`);
    const hash = createHash('sha256');
    let size = 0;
    let head = Buffer.alloc(0);
    // The last chunks, of which only so many are kept as the zip's ending may span.
    const ending: Buffer[] = [];
    let endingLength = 0;
    for await (const chunk of response.body ?? []) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      hash.update(bytes);
      size += bytes.length;
      if (head.length < LOCAL_FILE_HEADER.length)
        head = Buffer.concat([head, bytes.subarray(0, LOCAL_FILE_HEADER.length)]);
      ending.push(bytes);
      endingLength += bytes.length;
      while (endingLength - (ending[0]?.length ?? 0) >= LONGEST_ENDING) endingLength -= ending.shift()?.length ?? 0;
    }
    if (head.indexOf(LOCAL_FILE_HEADER) !== 0 || !endsAsZip(Buffer.concat(ending)))
      return unusable('The file is not a whole zip.');
    return { kind: 'downloaded', size, sha256: hash.digest('hex') };
  } catch (error) {
    // Not the error's message: it may quote the URL.
    return unusable(`The download broke off (${error instanceof Error ? error.name : 'unknown error'}).`);
  }
}

function unusable(objection: string): Download {
  return { kind: 'unusable', objection };
}

const LOCAL_FILE_HEADER = Buffer.from('PK\x03\x04', 'latin1');
const END_OF_CENTRAL_DIRECTORY = Buffer.from('PK\x05\x06', 'latin1');
/** The end record without its comment, in bytes. */
const END_RECORD_LENGTH = 22;
/** The end record with the longest comment its 16-bit length allows, in bytes. */
const LONGEST_ENDING = END_RECORD_LENGTH + 0xffff;

/** Whether the last bytes hold an end-of-central-directory record that ends where the file ends. */
function endsAsZip(tail: Buffer): boolean {
  for (
    let at = tail.lastIndexOf(END_OF_CENTRAL_DIRECTORY);
    at !== -1;
    at = tail.lastIndexOf(END_OF_CENTRAL_DIRECTORY, at - 1)
  ) {
    if (at + END_RECORD_LENGTH <= tail.length && at + END_RECORD_LENGTH + tail.readUInt16LE(at + 20) === tail.length) {
      return true;
    }
    if (at === 0) break;
  }
  return false;
}
