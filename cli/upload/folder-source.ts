import type { BigIntStats, Dirent } from 'node:fs';
import { constants } from 'node:fs';
import { access, lstat, readdir, readFile as readTextFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { Verdict } from '../../functions/domain/model/package-verdict.ts';
import { bytes } from '../../functions/domain/model/size.ts';
import { judgeFolder } from '../../functions/domain/package/judge.ts';
import { isManifest } from '../../functions/domain/package/zip-facts.ts';
import { printable } from '../console.ts';
import { OperatorError } from '../operator-error.ts';
import { plural } from '../units.ts';
import {
  fileChanged,
  isSameFile,
  nameOf,
  openFile,
  type Pass,
  readFully,
  type UploadSource,
  unreadable,
} from './upload-source.ts';

/** An entry that the zip of a folder is going to have, as a zip's directory describes it. */
export interface PlannedEntry {
  /** Path in the zip, with forward slashes. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** 0: stored. Unreal's containers are compressed already. */
  readonly method: 0;
  /** General purpose bits: sizes and CRC-32 follow the data (bit 3), names are UTF-8 (bit 11). Source: PKWARE APPNOTE 4.4.4. */
  readonly flags: number;
}

/** A packaged build's folder, and the zip that is made of it while it is uploaded. */
export interface FolderPlan {
  readonly entries: readonly PlannedEntry[];
  /** Debug symbols that the zip does not have. */
  readonly leftOut: { readonly count: number; readonly bytes: number };
  /** Whether Streampixel can run what is in it. */
  readonly verdict: Verdict;
  /** Name for the zip. */
  readonly fileName: string;
  /** The bytes of the zip. They only depend on names and contents of the files: not on the machine, its time zone, or file times. */
  readonly source: UploadSource;
}

/** A file of a packaged build, wherever it is. */
export interface FolderFile {
  /** Path in the zip, with forward slashes. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Reads it in order.
   *
   * @param idle buffers of `CHUNK` bytes that may be overwritten
   * @throws OperatorError where it is not what it was when it was planned
   */
  read(idle: Buffer[]): AsyncGenerator<Buffer>;
  /** All of it, as UTF-8. */
  text(): Promise<string>;
}

interface FoundFile extends FolderFile {
  readonly path: string;
  readonly stats: BigIntStats;
}

const FLAGS = (1 << 3) | (1 << 11);
/** Read at a time, in bytes. */
const CHUNK = 256 * 1024;
/** Packagers put debug symbols beside the program. Elsewhere a .pdb may be data of the game. */
const DEBUG_SYMBOLS = /(^|\/)Binaries\/.*\.pdb$/i;
/** What Windows, where the build is unpacked, can't have in a name or as one. Source: "Naming Files, Paths, and Namespaces" of Win32. */
const UNUSABLE = /[\\<>:"|?*\p{Cc}\uFFFD]|[. ]$|^(con|prn|aux|nul|(com|lpt)[\d¹²³])(\.|$)/iu;

/**
 * Looks at each file of a packaged build's folder, without reading it.
 *
 * @throws OperatorError where no build can be made of it
 */
export async function planFolder(folder: string): Promise<FolderPlan> {
  const found = await findFiles(folder);
  const files = found.filter(({ name }) => !DEBUG_SYMBOLS.test(name));
  return planFiles(nameOf(folder), found, async () => {
    const now = (await findFiles(folder)).filter(({ name }) => !DEBUG_SYMBOLS.test(name));
    const others = [[files, now] as const, [now, files] as const].flatMap(([some, rest]) => {
      const byName = new Map(rest.map((file) => [file.name, file]));
      return some.filter(({ name, stats }) => {
        const other = byName.get(name);
        return other === undefined || !isSameFile(stats, other.stats);
      });
    });
    if (others[0] !== undefined) throw fileChanged(others[0].path);
  });
}

/**
 * The zip that is made of a packaged build's files.
 *
 * @param folder its name
 * @param found all its files; the zip has them in the order of their names, which no machine's language decides
 * @param checkUnchanged of the source
 * @throws OperatorError where no build can be made of them
 */
export async function planFiles(
  folder: string,
  found: readonly FolderFile[],
  checkUnchanged: UploadSource['checkUnchanged'],
): Promise<FolderPlan> {
  const ordered = found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const files = ordered.filter(({ name }) => !DEBUG_SYMBOLS.test(name));
  const symbols = ordered.filter(({ name }) => DEBUG_SYMBOLS.test(name));
  refuseNamesThatDifferInCase(files);
  const entries = files.map(({ name, size }) => ({ name, size, method: 0, flags: FLAGS }) as const);
  const { size } = zipOf(entries, () => undefined);
  const verdict = judgeFolder(
    files.map(({ name, size }) => ({ path: name, size })),
    size,
    // The list of the package's files, from which its plugins are known.
    await files.find(({ name }) => isManifest(name))?.text(),
  );
  return {
    entries,
    leftOut: { count: symbols.length, bytes: symbols.reduce((total, each) => total + each.size, 0) },
    verdict,
    fileName: fileNameFor(folder, verdict),
    source: { size, open: (from) => openZip(files, entries, from), checkUnchanged },
  };
}

/** What to say of the files that the zip does not have. */
export function leftOutNotes({ leftOut: { bytes: size, count } }: FolderPlan): readonly string[] {
  return count === 0
    ? []
    : [`Left out: ${plural(count, 'file')} with debug symbols (.pdb) under Binaries, ${bytes(size)}.`];
}

/** @throws OperatorError where Windows, where the build is unpacked, can have no such file or folder */
export function refuseUnusableName(name: string, path: string): void {
  if (UNUSABLE.test(name)) throw unusableName(`Windows can have no file of the name ${path}.`);
}

/** All files. */
async function findFiles(folder: string, prefix = ''): Promise<FoundFile[]> {
  const unreadableIf = (path: string) => (error: NodeJS.ErrnoException) => {
    throw unreadable(path, error);
  };
  const files: FoundFile[] = [];
  const listed: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(unreadableIf(folder));
  for (const { name } of listed) {
    const path = join(folder, name);
    refuseUnusableName(name, path);
    const stats = await lstat(path, { bigint: true }).catch(unreadableIf(path));
    if (stats.isDirectory()) files.push(...(await findFiles(path, `${prefix}${name}/`)));
    else if (stats.isFile()) {
      await access(path, constants.R_OK).catch(unreadableIf(path));
      files.push(foundFile(`${prefix}${name}`, path, stats));
    } else {
      const remedy = 'Put the file itself in its place, or push the folder that Unreal has packaged.';
      throw new OperatorError('NotAFile', `${printable(path)} is a link, or something else that is no file.`, remedy);
    }
  }
  return files;
}

function foundFile(name: string, path: string, stats: BigIntStats): FoundFile {
  return {
    name,
    path,
    stats,
    size: Number(stats.size),
    read: (idle) => readFile(path, stats, idle),
    text: () =>
      readTextFile(path, 'utf8').catch((error) => {
        throw unreadable(path, error);
      }),
  };
}

/** Windows would unpack one over the other. */
function refuseNamesThatDifferInCase(files: readonly FolderFile[]): void {
  const names = new Map<string, string>();
  for (const { name } of files) {
    const other = names.get(name.toLowerCase());
    if (other !== undefined) throw unusableName(`${other} and ${name} are one file for Windows.`);
    names.set(name.toLowerCase(), name);
  }
}

function unusableName(message: string): OperatorError {
  return new OperatorError('UnusableName', printable(message), 'Rename it, then push again.');
}

/** Unreal calls the folder after the platform, whatever the game. */
function fileNameFor(folder: string, { facts }: Verdict): string {
  if (folder.endsWith('.zip')) return folder;
  const isPlatform = /^(Windows|WindowsNoEditor|)$/i.test(folder);
  return `${(isPlatform ? facts?.game : undefined) ?? folder}.zip`;
}

/**
 * A zip of the entries, stored.
 *
 * @param contentOf called once the entries before it are written; without a result the zip stops there
 * @returns the zip, and its size in bytes
 */
function zipOf(entries: readonly PlannedEntry[], contentOf: (index: number) => Readable | undefined) {
  const zip = new ZipFile();
  // Zips have local times, so this is the same in each time zone.
  const mtime = new Date(1980, 0, 1, 12);
  for (const [index, { name, size }] of entries.entries()) {
    const options = { size, mtime, forceDosTimestamp: true, mode: 0o100644, compress: false };
    zip.addReadStreamLazy(name, options, (callback) => {
      const content = contentOf(index);
      if (content !== undefined) callback(null, content);
    });
  }
  let size = 0;
  // yazl calls it before `end` returns. Always zip64: for a directory of 64 KB and more it counts that record, but may not write it.
  const counted = (total: number) => {
    size = total;
  };
  zip.end({ forceZip64Format: true, comment: '' }, counted as () => void);
  return { zip, output: zip.outputStream as Readable, size };
}

/** Makes the zip and reads it, from this byte on. */
async function openZip(files: readonly FolderFile[], entries: readonly PlannedEntry[], from: number): Promise<Pass> {
  let content: Readable | undefined;
  // Chunks that are read to their end are used again: the garbage collector takes longer than all the rest.
  const idle: Buffer[] = [];
  const { zip, output } = zipOf(entries, (index) => {
    const file = files[index];
    content =
      file && Readable.from(file.read(idle), { objectMode: false }).on('error', (error) => output.destroy(error));
    return content;
  });
  zip.on('error', (error) => output.destroy(error));
  // It reaches the reader by the iterator.
  output.on('error', () => {});
  const chunks = output[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  const pass: Pass = {
    async fill(buffer) {
      for (let filled = 0; filled < buffer.length; ) {
        if (rest.length === 0) {
          const { done, value } = await chunks.next();
          if (done === true) throw new Error('The zip is shorter than it was planned.');
          rest = value;
        }
        const copied = rest.copy(buffer, filled);
        filled += copied;
        rest = rest.subarray(copied);
        if (rest.length === 0 && rest.buffer.byteLength === CHUNK) idle.push(Buffer.from(rest.buffer));
      }
    },
    async close() {
      content?.destroy();
      output.destroy();
    },
  };
  const scratch = Buffer.alloc(Math.min(from, CHUNK));
  for (let left = from; left > 0; left -= scratch.length) await pass.fill(scratch.subarray(0, left));
  return pass;
}

/**
 * @param idle buffers of `CHUNK` bytes that may be overwritten
 * @throws OperatorError where it is not what it was when it was planned
 */
async function* readFile(path: string, stats: BigIntStats, idle: Buffer[]): AsyncGenerator<Buffer> {
  const size = Number(stats.size);
  const file = await openFile(path);
  try {
    for (let position = 0; position < size; position += CHUNK) {
      const chunk = (idle.pop() ?? Buffer.allocUnsafeSlow(CHUNK)).subarray(0, size - position);
      if ((await readFully(file, path, chunk, position)) < chunk.length) throw fileChanged(path);
      yield chunk;
    }
    if (!isSameFile(await file.stat({ bigint: true }), stats)) throw fileChanged(path);
  } finally {
    await file.close();
  }
}
