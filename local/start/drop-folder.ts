import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface DropFolderOptions {
  /** Exists. */
  readonly directory: string;
  /** A file has arrived and is complete. */
  readonly onFile: (path: string, name: string) => void;
  /** How often to look, in ms. */
  readonly intervalMs?: number;
}

/** A file that has been the same for so many looks in a row is taken for complete. */
const QUIET_LOOKS = 3;

/**
 * Watches a folder for files that are copied into it. What was there before is left alone; a file that is overwritten later
 * counts as a new one. By polling, because a file's completeness is not an event that file systems report.
 *
 * @returns stops watching
 */
export async function watchDropFolder({ directory, onFile, intervalMs = 500 }: DropFolderOptions): Promise<() => void> {
  /** What each file looked like last, and for how many looks: `Infinity` once it has been reported. */
  const seen = new Map<string, { look: string; quiet: number }>();
  for (const [name, look] of await takeStock(directory)) seen.set(name, { look, quiet: Number.POSITIVE_INFINITY });
  let timer = setTimeout(poll, intervalMs);
  let stopped = false;

  async function poll(): Promise<void> {
    for (const [name, look] of await takeStock(directory)) {
      const last = seen.get(name);
      const quiet = last?.look === look ? last.quiet + 1 : 0;
      seen.set(name, { look, quiet: quiet >= QUIET_LOOKS ? Number.POSITIVE_INFINITY : quiet });
      if (quiet >= QUIET_LOOKS && last?.quiet !== Number.POSITIVE_INFINITY && !stopped)
        onFile(join(directory, name), name);
    }
    if (!stopped) timer = setTimeout(poll, intervalMs);
  }

  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** Size and time of change of every plain file in the folder; hidden ones are a copying tool's own. */
async function takeStock(directory: string): Promise<Map<string, string>> {
  const looks = new Map<string, string>();
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFile() || entry.name.startsWith('.')) continue;
    try {
      const { size, mtimeMs } = await stat(join(directory, entry.name));
      looks.set(entry.name, `${size} ${mtimeMs}`);
    } catch {
      // Gone between the two calls.
    }
  }
  return looks;
}
