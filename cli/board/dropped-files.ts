import { readZip } from '../../functions/adapters/zip-content.ts';
import { HEAD_BYTES } from '../../functions/domain/package/first-bytes.ts';
import { TAIL_BYTES } from '../../functions/domain/package/zip-end.ts';
import { OperatorError, usageError } from '../operator-error.ts';
import { type FolderFile, leftOutNotes, planFiles, refuseUnusableName } from '../upload/folder-source.ts';
import type { UploadSource } from '../upload/upload-source.ts';
import { type InspectedBuild, refuseOtherName } from '../upload/zip-file.ts';
import type { NewUpload } from './board-api.ts';

/** The files that a person has dropped on the page: the browser has their bytes, and gives those that are asked for. */
export interface DroppedFiles {
  /**
   * Fills the whole buffer with bytes of a file.
   *
   * @param file its index
   * @throws OperatorError where it has changed, or the page is gone
   */
  read(file: number, from: number, buffer: Buffer): Promise<void>;
  /** @throws OperatorError where a file is no longer what it was */
  checkUnchanged(): Promise<void>;
}

/** Asked for at once, in bytes; a part of an upload is as large or larger. */
const LARGEST_SLICE = 8 * 1024 * 1024;

/**
 * Judges what was dropped as {@link InspectedBuild} does with files of this machine.
 *
 * @throws OperatorError where it is no build, or a file of the folder can't be in a zip
 */
export async function inspectDropped({ files, kind, name }: NewUpload, dropped: DroppedFiles): Promise<InspectedBuild> {
  if (kind === 'zip') return inspectZip(files, dropped);
  for (const { path } of files) for (const part of path.split('/')) refuseUnusable(part, path);
  const found = files.map(({ path, size }, index) => folderFile(path, size, index, dropped));
  if (found.length === 0) throw usageError(`${name} is empty.`, "Drop a packaged build's folder, or the zip of one.");
  const plan = await planFiles(name, found, () => dropped.checkUnchanged());
  return { fileName: plan.fileName, source: plan.source, verdict: plan.verdict, notes: leftOutNotes(plan) };
}

function refuseUnusable(part: string, path: string): void {
  if (part === '') throw usageError(`${path} is no path within a folder.`, 'Drop the folder again.');
  refuseUnusableName(part, path);
}

async function inspectZip([file, ...others]: NewUpload['files'], dropped: DroppedFiles): Promise<InspectedBuild> {
  if (file === undefined || others.length > 0) throw usageError('A zip is one file.', 'Drop one zip, or a folder.');
  const { path, size } = file;
  if (path.includes('/')) throw usageError(`${path} is no name of a file.`, 'Drop the zip again.');
  refuseOtherName(path);
  const range = async (start: number, end: number): Promise<Buffer> => {
    const buffer = Buffer.alloc(Math.max(0, end - start));
    await readAll(dropped, 0, start, buffer);
    return buffer;
  };
  const head = await range(0, Math.min(size, HEAD_BYTES));
  const tail = await range(Math.max(0, size - TAIL_BYTES), size);
  const { verdict } = await readZip(size, head, tail, range);
  return { fileName: path, source: zipSource(size, dropped), verdict, notes: [] };
}

function zipSource(size: number, dropped: DroppedFiles): UploadSource {
  return {
    size,
    async open(from) {
      let position = from;
      return {
        async fill(buffer) {
          await readAll(dropped, 0, position, buffer);
          position += buffer.length;
        },
        async close() {},
      };
    },
    checkUnchanged: () => dropped.checkUnchanged(),
  };
}

async function readAll(dropped: DroppedFiles, file: number, from: number, buffer: Buffer): Promise<void> {
  for (let done = 0; done < buffer.length; done += LARGEST_SLICE) {
    await dropped.read(file, from + done, buffer.subarray(done, done + LARGEST_SLICE));
  }
}

function folderFile(name: string, size: number, index: number, dropped: DroppedFiles): FolderFile {
  return {
    name,
    size,
    async *read() {
      for (let from = 0; from < size; from += LARGEST_SLICE) {
        const slice = Buffer.allocUnsafeSlow(Math.min(LARGEST_SLICE, size - from));
        await dropped.read(index, from, slice);
        yield slice;
      }
    },
    async text() {
      const buffer = Buffer.alloc(size);
      await readAll(dropped, index, 0, buffer);
      return buffer.toString('utf8');
    },
  };
}

export function droppedFileChanged(): OperatorError {
  const remedy = 'Nothing was dropped in the bucket. Wait until it is packaged, then drop it on the page again.';
  return new OperatorError('FileChanged', 'A file changed during the upload, or it can no longer be read.', remedy);
}
