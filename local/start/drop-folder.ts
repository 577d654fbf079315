import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

export interface DropFolderOptions {
  /** Exists. */
  readonly directory: string;
  /** Called with each new file once it is complete. Its name is relative to the directory, with `/` between folders. */
  readonly onFile: (path: string, name: string) => void;
  /** How often to look, in ms. */
  readonly intervalMs?: number;
}

/** A file that has not changed for so many looks is complete. */
const QUIET_LOOKS = 3;

/**
 * Watches a folder, and the folders in it, for files that are copied there. Those that were there before are ignored; a file that is overwritten
 * later counts as a new one. It polls, because file systems do not report when a file is complete.
 *
 * @returns stops watching
 */
export async function watchDropFolder({ directory, onFile, intervalMs = 500 }: DropFolderOptions): Promise<() => void> {
  /** What each file looked like last, and for how many looks since. */
  const seen = new Map<string, { state: string; quiet: number }>();
  for (const [name, state] of await fileStates(directory)) seen.set(name, { state, quiet: QUIET_LOOKS });
  let timer = setTimeout(poll, intervalMs);
  let stopped = false;

  async function poll(): Promise<void> {
    // A folder that is deleted during the look makes it fail: the next one counts.
    for (const [name, state] of await fileStates(directory).catch(() => [])) {
      const last = seen.get(name);
      const quiet = last?.state === state ? last.quiet + 1 : 0;
      seen.set(name, { state, quiet });
      if (quiet === QUIET_LOOKS && !stopped) onFile(join(directory, name), name);
    }
    if (!stopped) timer = setTimeout(poll, intervalMs);
  }

  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** Size and time of change of every file, without what is hidden: copying tools use such names while they work. */
async function fileStates(directory: string): Promise<Map<string, string>> {
  const states = new Map<string, string>();
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const parts = relative(directory, path).split(sep);
    if (!entry.isFile() || parts.some((part) => part.startsWith('.'))) continue;
    const file = await stat(path).catch(() => undefined);
    // Undefined: deleted between the two calls.
    if (file !== undefined) states.set(parts.join('/'), `${file.size} ${file.mtimeMs}`);
  }
  return states;
}
