import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { openPromise } from 'yauzl';
import { whyNotABuild } from '../../functions/domain/model/build.ts';
import { OperatorError, usageError } from '../operator-error.ts';
import { bytes, plural } from '../units.ts';
import { planFolder } from './folder-source.ts';
import { fileSource, type UploadSource } from './upload-source.ts';

/** Streampixel's soft limit, in bytes; support raises it. */
const LARGE_BUILD = 24e9;

/** A build that can be pushed. */
export interface InspectedBuild {
  /** Name of the zip. */
  readonly fileName: string;
  readonly source: UploadSource;
  /** What may make the upload useless, and what is left out. */
  readonly warnings: readonly string[];
}

/**
 * Looks at the files of a folder, or at the directory of a zip, which is at its end: that takes seconds, uploading a broken zip takes
 * an hour.
 *
 * @param path of a zip, or of a packaged build's folder
 * @throws OperatorError where it is neither a complete zip nor a folder that a build can be made of
 */
export async function inspectBuild(path: string): Promise<InspectedBuild> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined) {
    throw usageError(`There is no file ${path}.`, "Name a packaged build's folder, or the zip of one.");
  }
  if (stats.isDirectory()) {
    const { fileName, leftOut, source } = await planFolder(path);
    const { count, bytes: size } = leftOut;
    const note = `Left out: ${plural(count, 'file')} with debug symbols (.pdb) under Binaries, ${bytes(size)}.`;
    return { fileName, source, warnings: [...sizeWarnings(source.size), ...(count > 0 ? [note] : [])] };
  }
  if (!stats.isFile()) throw usageError(`${path} is not a file.`, "Name a packaged build's folder, or the zip of one.");
  if (whyNotABuild(path) !== undefined) {
    throw usageError(`${path} does not end in .zip.`, 'The pipeline only takes files named .zip, in lower case.');
  }
  const { entries, hasProgram } = await readDirectory(path);
  if (entries === 0) throw notAZip(path, 'It is empty.');
  const source = fileSource(path, stats);
  const warnings = sizeWarnings(source.size);
  if (!hasProgram) {
    warnings.push('There is no .exe in it: Streampixel runs packaged Windows builds and rejects others.');
  }
  return { fileName: basename(path), source, warnings };
}

function sizeWarnings(size: number): string[] {
  if (size < LARGE_BUILD) return [];
  return [`${bytes(size)}: Streampixel may refuse 24 GB and more, unless its support has raised the limit.`];
}

async function readDirectory(path: string): Promise<{ entries: number; hasProgram: boolean }> {
  try {
    const zip = await openPromise(path, { lazyEntries: true });
    let hasProgram = false;
    for await (const { fileName } of zip.eachEntry()) hasProgram ||= /\.exe$/i.test(fileName);
    return { entries: zip.entryCount, hasProgram };
  } catch (error) {
    throw notAZip(path, error instanceof Error ? error.message : String(error));
  }
}

function notAZip(path: string, detail: string): OperatorError {
  const remedy = 'Package the build again, then push it.';
  return new OperatorError('NotAZip', `${path} is not a complete zip file: ${detail}`, remedy);
}
