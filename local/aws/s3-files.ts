import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { crc32 as computeCrc32 } from 'node:zlib';
import { AwsError } from './aws-error.ts';

/** Bytes on disk. A file never changes once it is written, so objects may share it. */
export interface StoredFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly md5: string;
  /** Base64, where the sender gave one. */
  readonly crc32: string | undefined;
}

/**
 * Writes the body of a request to a file of its own, without holding it in memory: builds have up to 30 GB.
 *
 * @throws AwsError for a body that is not what its headers say
 */
export async function storeBody(request: IncomingMessage, directory: string): Promise<StoredFile> {
  const path = join(directory, randomUUID());
  const hash = createHash('md5');
  let size = 0;
  let crc = 0;
  const isChunked = request.headers['content-encoding']?.includes('aws-chunked');
  const crc32 = request.headers['x-amz-checksum-crc32']?.toString();
  await pipeline(
    isChunked ? decodeAwsChunked(request) : request,
    async function* measure(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        if (crc32 !== undefined) crc = computeCrc32(chunk, crc);
        size += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(path),
  );
  const announced = request.headers['x-amz-decoded-content-length'];
  if (announced !== undefined && Number(announced) !== size) {
    throw new AwsError(400, 'IncompleteBody', 'You did not provide the number of bytes specified by the header');
  }
  if (crc32 !== undefined && Buffer.from(crc32, 'base64').readUInt32BE() !== crc) {
    throw new AwsError(400, 'BadDigest', 'The CRC32 you specified did not match the calculated checksum.');
  }
  return { path, size, md5: hash.digest('hex'), crc32 };
}

/** The bytes of an object that is made of these files, both ends included. */
export async function* readBytes(files: readonly StoredFile[], start: number, end: number): AsyncGenerator<Buffer> {
  let offset = 0;
  for (const { path, size } of files) {
    const [from, to] = [Math.max(start - offset, 0), Math.min(end - offset, size - 1)];
    if (from <= to) yield* createReadStream(path, { start: from, end: to });
    offset += size;
  }
}

/** Takes the framing off a body that a client sends in signed or checksummed chunks: `<hex size>[;...]CRLF<bytes>CRLF`. */
async function* decodeAwsChunked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  /** Bytes of the current chunk that are still to come. */
  let left = 0;
  let isDone = false;
  for await (const piece of source) {
    // Checksums follow the last chunk; over loopback they are not needed.
    if (isDone) continue;
    rest = Buffer.concat([rest, piece]);
    while (rest.length > 0 && !isDone) {
      if (left > 0) {
        const data = rest.subarray(0, left);
        left -= data.length;
        rest = rest.subarray(data.length);
        yield data;
        continue;
      }
      const lineEnd = rest.indexOf('\r\n');
      if (lineEnd === -1) break;
      const line = rest.toString('latin1', 0, lineEnd);
      rest = rest.subarray(lineEnd + 2);
      // Empty: the line break behind a chunk's bytes.
      if (line === '') continue;
      left = Number.parseInt(line, 16);
      isDone = left === 0;
    }
  }
}
