import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Verdict } from '../../functions/domain/model/package-verdict.ts';
import { judgeFolder } from '../../functions/domain/package/judge.ts';
import { isManifest } from '../../functions/domain/package/zip-facts.ts';

/**
 * Judges a folder as the zip of it would be judged.
 *
 * @returns the verdict, and the bytes of all files
 * @throws the errors of the file system
 */
export async function judgePackageFolder(
  folder: string,
): Promise<{ readonly verdict: Verdict; readonly size: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files: { readonly path: string; readonly size: number }[] = [];
  let manifest: string | undefined;
  for (const entry of entries) {
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = relative(folder, file).replaceAll(sep, '/');
    files.push({ path, size: (await stat(file)).size });
    if (isManifest(path)) manifest = await readFile(file, 'utf8');
  }
  return { verdict: judgeFolder(files, manifest), size: files.reduce((total, { size }) => total + size, 0) };
}
