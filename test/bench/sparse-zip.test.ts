import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import yauzl from 'yauzl';
import { createSparseZip } from '../../bench/sparse-zip.ts';

class SparseReader extends yauzl.RandomAccessReader {
  readonly #zip: ReturnType<typeof createSparseZip>;
  constructor(zip: ReturnType<typeof createSparseZip>) {
    super();
    this.#zip = zip;
  }
  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from([this.#zip.read(start, end - 1)]);
  }
}

it.each([1_024, 30 * 1024 ** 3])('makes %i bytes look like a zip with one file to any reader', async (size) => {
  const zip = createSparseZip(size);

  const entry = await new Promise<yauzl.Entry>((resolve, reject) => {
    yauzl.fromRandomAccessReader(new SparseReader(zip), size, {}, (error, file) => {
      if (error !== null) return reject(error);
      file.once('error', reject);
      file.once('entry', resolve);
    });
  });

  expect(entry.fileName).toBe('MyGame.exe');
  expect(entry.uncompressedSize).toBeGreaterThan(size - 400);
  expect(zip.read(0, 3)).toEqual(Buffer.from('PK\x03\x04', 'latin1'));
  expect(zip.read(size - 22, size - 1)).toHaveLength(22);
});
