import { Uint8ArrayReader, ZipReader } from '@zip.js/zip.js';
import { describe, expect, it } from 'vitest';
import { judged } from '../support/judged.ts';
import { GOOD, WARNED } from './corpus.ts';

/** What another library reads in a zip. */
async function readByOther(zip: Buffer) {
  const reader = new ZipReader(new Uint8ArrayReader(zip), { useWebWorkers: false });
  try {
    const files = (await reader.getEntries()).filter(({ directory }) => !directory);
    const total = files.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
    return { files: files.length, unpackedSize: total };
  } finally {
    await reader.close();
  }
}

/** What the other library takes for something else, and why this one does not. */
const TAKEN_OTHERWISE: Readonly<Record<string, string>> = {
  'the name "/"': 'an entry without a name is no file',
  'the name ""': 'an entry without a name is no file',
  'with folders, and what macOS and Windows leave': 'what an operating system adds is no file of the package',
  'with a comment that looks like an end': 'the end whose comment reaches the end of the file counts',
};

// What is not judged has no facts to compare.
const { NotJudged: _, ...compared } = WARNED;
const samples = [...GOOD, ...Object.values(compared).flat()].filter(({ name }) => !(name in TAKEN_OTHERWISE));

describe('another library finds the same in a zip', () => {
  it.each(samples)('$name', async ({ make }) => {
    const zip = await make();
    const { facts } = (await judged(zip)).verdict;
    expect(facts).toMatchObject(await readByOther(zip));
  });
});
