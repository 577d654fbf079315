import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { printable } from '../console.ts';
import { OperatorError } from '../operator-error.ts';

/** What is uploaded. */
export interface UploadSource {
  /** Bytes. */
  readonly size: number;
  /** Starts to read in order, from this byte on. */
  open(from: number): Promise<Pass>;
  /** @throws OperatorError where it is no longer what it was when it was inspected */
  checkUnchanged(): Promise<void>;
}

/** One reading of a source, in order. */
export interface Pass {
  /**
   * Fills the whole buffer with the next bytes.
   *
   * @throws OperatorError where the source has changed, or ends before the buffer is full
   */
  fill(buffer: Buffer): Promise<void>;
  close(): Promise<void>;
}

/**
 * The last part of a path, whatever is at its end: `Windows` of `C:\\Builds\\Windows\\`.
 *
 * @param by the rules of a system
 */
export function nameOf(file: string, { basename, resolve }: Pick<path.PlatformPath, 'basename' | 'resolve'> = path) {
  return basename(resolve(file));
}

/** @param stats of the file when it was inspected */
export function fileSource(path: string, stats: BigIntStats): UploadSource {
  return {
    size: Number(stats.size),
    async open(from) {
      const file = await openFile(path);
      let position = from;
      return {
        async fill(buffer) {
          const filled = await readFully(file, path, buffer, position);
          position += filled;
          if (filled < buffer.length || !isSameFile(await file.stat({ bigint: true }), stats)) throw fileChanged(path);
        },
        close: () => file.close(),
      };
    },
    async checkUnchanged() {
      // By its name: another file may have taken its place, while this one is still open.
      const now = await stat(path, { bigint: true }).catch(() => undefined);
      if (now === undefined || !isSameFile(now, stats)) throw fileChanged(path);
    },
  };
}

/** @throws OperatorError */
export function openFile(path: string): Promise<FileHandle> {
  return open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw fileChanged(path);
    throw unreadable(path, error);
  });
}

/**
 * Reads on until the buffer is full or the file ends: network file systems and FUSE answer a read in part.
 *
 * @returns bytes that were read
 * @throws OperatorError where it can't be read
 */
export async function readFully(file: FileHandle, path: string, buffer: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const read = file.read(buffer, filled, buffer.length - filled, position + filled);
    const { bytesRead } = await read.catch((error) => {
      throw unreadable(path, error);
    });
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** A program that writes into a file changes its time; one that replaces it, its inode. */
export function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino;
}

export function fileChanged(path: string): OperatorError {
  const remedy = 'Nothing was dropped. Wait until it is packaged, then push it again.';
  return new OperatorError('FileChanged', `${printable(path)} changed during the upload.`, remedy);
}

export function unreadable(path: string, { code, message }: NodeJS.ErrnoException): OperatorError {
  const remedy = 'Check its permissions and its disk, and that no other program has it open. Then try again.';
  return new OperatorError('Unreadable', `${printable(path)} cannot be read: ${code ?? message}`, remedy);
}
