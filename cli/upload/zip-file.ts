import { stat } from 'node:fs/promises';
import { openPromise } from 'yauzl';
import { whyNotABuild } from '../../functions/domain/model/build.ts';
import { OperatorError, usageError } from '../operator-error.ts';
import { bytes } from '../units.ts';

/** Streampixel's soft limit, in bytes; support raises it. */
const LARGE_BUILD = 24e9;

/**
 * Reads the zip's directory, which is at its end: that takes seconds, uploading a broken zip takes an hour.
 *
 * @returns its size in bytes, its time in ms since the epoch, and what may make the upload useless
 * @throws OperatorError where it is not a file, or not a complete zip
 */
export async function inspectZip(path: string) {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) throw usageError(`There is no file ${path}.`, 'Name the zip of a packaged build.');
  if (!stats.isFile()) throw usageError(`${path} is not a file.`, 'Zip the folder first, then push the zip.');
  if (whyNotABuild(path) !== undefined) {
    throw usageError(`${path} does not end in .zip.`, 'The pipeline only takes files named .zip, in lower case.');
  }
  const { entries, hasProgram } = await readDirectory(path);
  if (entries === 0) throw notAZip(path, 'It is empty.');
  const warnings: string[] = [];
  if (stats.size >= LARGE_BUILD) {
    warnings.push(
      `${bytes(stats.size)}: Streampixel may refuse 24 GB and more, unless its support has raised the limit.`,
    );
  }
  if (!hasProgram) {
    warnings.push('There is no .exe in it: Streampixel runs packaged Windows builds and rejects others.');
  }
  return { size: stats.size, modifiedAt: stats.mtimeMs, warnings };
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
