import { type FileHandle, open, stat } from 'node:fs/promises';
import { readZip } from '../../functions/adapters/zip-content.ts';
import { whyNotABuild } from '../../functions/domain/model/build.ts';
import type { Verdict } from '../../functions/domain/model/package-verdict.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { applyPackageCheck, type PackageCheck } from '../../functions/domain/package/applied.ts';
import { HEAD_BYTES } from '../../functions/domain/package/first-bytes.ts';
import { warningText } from '../../functions/domain/package/package-text.ts';
import { TAIL_BYTES } from '../../functions/domain/package/zip-end.ts';
import { type Console, printable } from '../console.ts';
import { OperatorError, usageError } from '../operator-error.ts';
import { leftOutNotes, planFolder } from './folder-source.ts';
import { fileSource, nameOf, readFully, type UploadSource, unreadable } from './upload-source.ts';

/** A build that can be pushed, and whether Streampixel can run what is in it. */
export interface InspectedBuild {
  /** Name of the zip. */
  readonly fileName: string;
  readonly source: UploadSource;
  readonly verdict: Verdict;
  /** What else a person should know of it. */
  readonly notes: readonly string[];
}

/**
 * Looks at the files of a folder, or at the directory of a zip, which is at its end: that takes seconds, uploading a broken zip takes
 * an hour. The worker judges it in the same way.
 *
 * @param path of a zip, or of a packaged build's folder
 * @throws OperatorError where it is neither, or a file of the folder can't be in a zip
 */
export async function inspectBuild(path: string): Promise<InspectedBuild> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined) {
    throw usageError(`There is no file ${path}.`, remedyFor(path));
  }
  if (stats.isDirectory()) {
    const plan = await planFolder(path);
    return { ...plan, notes: leftOutNotes(plan) };
  }
  if (!stats.isFile()) throw usageError(`${path} is not a file.`, "Name a packaged build's folder, or the zip of one.");
  refuseOtherName(path);
  return { fileName: nameOf(path), source: fileSource(path, stats), verdict: await judgeZipFile(path), notes: [] };
}

function remedyFor(path: string): string {
  const usual = "Name a packaged build's folder, or the zip of one.";
  // Windows takes `\\"` at the end of a quoted path for a quote in it, and what follows for a part of the path.
  if (path.includes('"')) return `${usual} Leave out a backslash in front of the closing quote.`;
  // PowerShell, cmd and the action give the tool what sh would replace.
  return /[*?]/.test(path) ? `${usual} One name: wildcards are not replaced here.` : usual;
}

/** @throws OperatorError (usage) for a file that S3 would not announce */
export function refuseOtherName(path: string): void {
  if (whyNotABuild(path) === undefined) return;
  throw usageError(
    `${path} does not end in .zip.`,
    'The pipeline only takes zips whose names end in .zip, in lower case.',
  );
}

/** @throws OperatorError where it can't be read */
export async function judgeZipFile(path: string): Promise<Verdict> {
  const file = await open(path).catch((error) => {
    throw unreadable(path, error);
  });
  try {
    const { size } = await file.stat();
    const range = (start: number, end: number) => readRange(file, path, start, end);
    const head = await range(0, Math.min(size, HEAD_BYTES));
    const tail = await range(Math.max(0, size - TAIL_BYTES), size);
    return (await readZip(size, head, tail, range)).verdict;
  } finally {
    await file.close();
  }
}

async function readRange(file: FileHandle, path: string, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.alloc(end - start);
  return buffer.subarray(0, await readFully(file, path, buffer, start));
}

/**
 * Says what is to be said of a package before it is uploaded.
 *
 * @param check the setting of the stack
 * @throws OperatorError where the worker would refuse it
 */
export function sayVerdict(console: Console, path: string, verdict: Verdict, check: PackageCheck = 'refuse'): void {
  const { refusals, warnings } = applyPackageCheck(verdict, check);
  const [refusal] = refusals;
  if (refusal !== undefined) {
    const { cause } = REASONS[refusal.code];
    throw new OperatorError(
      refusal.code,
      printable(`${path}: ${cause} ${refusal.detail}`),
      'Package or zip the build again, then push it. If the check is wrong, upload the zip with aws s3 cp: its alert has the command that submits it without the check.',
    );
  }
  for (const warning of warnings)
    console.say(console.paint('yellow', printable(`${warning.code}: ${warningText(warning)}`)));
}
