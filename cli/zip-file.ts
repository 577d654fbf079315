import { stat } from 'node:fs/promises';
import { openPromise } from 'yauzl';
import { whyNotABuild } from '../functions/domain/model/build.ts';
import { OperatorError, usageError } from './operator-error.ts';
import { bytes } from './units.ts';

/** Streampixel's soft limit, in bytes; support raises it. */
const LARGE_BUILD = 24e9;

/** A zip on this machine, fit to be dropped. */
export interface ZipFile {
  /** Bytes. */
  readonly size: number;
  /** ms since the epoch. */
  readonly modifiedAt: number;
  /** What to tell the person before an upload that may be in vain. */
  readonly warnings: readonly string[];
}

/**
 * Reads the zip's directory, which is at its end: seconds here save the hour that uploading a broken one would take.
 *
 * @throws OperatorError where it is no file, or no whole zip
 */
export async function inspectZip(path: string): Promise<ZipFile> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) throw usageError(`There is no file ${path}.`, 'Name the zip of a packaged build.');
  if (!stats.isFile()) throw usageError(`${path} is not a file.`, 'Zip the folder first, then push the zip.');
  if (whyNotABuild(path) !== undefined) {
    throw usageError(
      `${path} does not end in .zip.`,
      'Builds are .zip files, in small letters: S3 takes no notice of others.',
    );
  }
  const { entries, hasProgram } = await readDirectory(path);
  const warnings = [
    ...(stats.size < LARGE_BUILD
      ? []
      : [`${bytes(stats.size)}: from 24 GB on Streampixel may refuse it, unless support has raised the limit.`]),
    ...(hasProgram ? [] : ['There is no .exe in it: Streampixel runs packaged Windows builds, and rejects others.']),
  ];
  if (entries === 0) throw notAZip(path, 'It is empty.');
  return { size: stats.size, modifiedAt: stats.mtimeMs, warnings };
}

async function readDirectory(path: string): Promise<{ entries: number; hasProgram: boolean }> {
  try {
    const zip = await openPromise(path, { lazyEntries: true });
    let hasProgram = false;
    const read = Promise.withResolvers<void>();
    zip.on('entry', ({ fileName }: { fileName: string }) => {
      hasProgram ||= /\.exe$/i.test(fileName);
      zip.readEntry();
    });
    zip.once('end', read.resolve);
    zip.once('error', read.reject);
    zip.readEntry();
    await read.promise.finally(() => zip.close());
    return { entries: zip.entryCount, hasProgram };
  } catch (error) {
    throw notAZip(path, error instanceof Error ? error.message : String(error));
  }
}

function notAZip(path: string, detail: string): OperatorError {
  return new OperatorError(
    'NotAZip',
    `${path} is not a whole zip: ${detail}`,
    'Package the build again, then push it.',
  );
}
