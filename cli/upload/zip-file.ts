import { type FileHandle, open, stat } from 'node:fs/promises';
import { readZip } from '../../functions/adapters/zip-content.ts';
import { whyNotABuild } from '../../functions/domain/model/build.ts';
import type { Verdict } from '../../functions/domain/model/package-verdict.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { applied, type PackageCheck } from '../../functions/domain/package/applied.ts';
import { HEAD_BYTES } from '../../functions/domain/package/first-bytes.ts';
import { warningText } from '../../functions/domain/package/package-text.ts';
import { TAIL_BYTES } from '../../functions/domain/package/zip-end.ts';
import { type Console, printable } from '../console.ts';
import { OperatorError, usageError } from '../operator-error.ts';

/**
 * Reads the zip's directory, which is at its end: that takes seconds, uploading a broken zip takes an hour. The worker judges it in the
 * same way.
 *
 * @returns its size in bytes, its time in ms since the epoch, and whether Streampixel can run what is in it
 * @throws OperatorError where it is not a file, or its name does not end in .zip
 */
export async function inspectZip(path: string) {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) throw usageError(`There is no file ${path}.`, 'Name the zip of a packaged build.');
  if (!stats.isFile()) throw usageError(`${path} is not a file.`, 'Zip the folder first, then push the zip.');
  if (whyNotABuild(path) !== undefined) {
    throw usageError(`${path} does not end in .zip.`, 'The pipeline only takes files named .zip, in lower case.');
  }
  return { size: stats.size, modifiedAt: stats.mtimeMs, verdict: await judgeZipFile(path) };
}

/** @throws the errors of the file system */
export async function judgeZipFile(path: string): Promise<Verdict> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const range = (start: number, end: number) => readRange(file, start, end);
    const head = await range(0, Math.min(size, HEAD_BYTES));
    const tail = await range(Math.max(0, size - TAIL_BYTES), size);
    return (await readZip(size, head, tail, range)).verdict;
  } finally {
    await file.close();
  }
}

async function readRange(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
  return buffer.subarray(0, bytesRead);
}

/**
 * Says what is to be said of a package before it is uploaded.
 *
 * @param check the setting of the stack
 * @throws OperatorError where the worker would refuse it
 */
export function sayVerdict(console: Console, path: string, verdict: Verdict, check: PackageCheck = 'refuse'): void {
  const { refusals, warnings } = applied(verdict, check);
  const [refusal] = refusals;
  if (refusal !== undefined) {
    const { cause } = REASONS[refusal.code];
    const message = printable(`${path}: ${refusal.detail}\n`).trimEnd();
    throw new OperatorError(refusal.code, `${message}\n${cause}`, 'Package or zip the build again, then push it.');
  }
  for (const warning of warnings)
    console.say(console.tint('yellow', printable(`${warning.code}: ${warningText(warning)}`)));
}
