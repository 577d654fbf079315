import { readZip, type ZipRead } from '../../functions/adapters/zip-content.ts';
import { CountedFile } from './raw-zip.ts';

/** Reads and judges a file as the worker does. */
export async function judged(file: Buffer | CountedFile): Promise<ZipRead> {
  const counted = file instanceof CountedFile ? file : CountedFile.of(file);
  const head = await counted.head();
  return readZip(counted.size, head, await counted.tail(), counted.range);
}

/** Codes of what was found, refusals first. */
export async function codesOf(file: Buffer | CountedFile): Promise<string[]> {
  const { refusals, warnings } = (await judged(file)).verdict;
  return [...refusals, ...warnings].map(({ code }) => code);
}
