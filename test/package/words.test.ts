import { describe, expect, it } from 'vitest';
import { judgeFolder } from '../../functions/domain/package/judge.ts';
import { zipOf } from '../../local/start/sample-build.ts';
import { judged } from '../support/judged.ts';
import { type RawEntry, rawZip } from '../support/raw-zip.ts';
import { REFUSED, rawEntries, UE5 } from './corpus.ts';

const game = (...others: readonly (readonly [path: string, size: number])[]) =>
  [['A.exe', 1] as const, ['A/Content/a.pak', 1] as const, ...others].map(([path, size]) => ({ path, size }));

/** What is found in a zip, as its codes and sentences. */
async function found(...more: readonly RawEntry[]) {
  const { refusals, warnings } = (await judged(rawZip({ entries: [...rawEntries(UE5), ...more] }))).verdict;
  return [...refusals, ...warnings].map(({ code, detail }) => `${code}: ${detail}`);
}

describe('a folder that is still to be zipped', () => {
  it('is judged like the zip of it', async () => {
    const files = Object.entries(UE5).map(([path, content]) => ({
      path,
      size: typeof content === 'number' ? content : Buffer.byteLength(content),
    }));
    const manifest = UE5['Windows/Manifest_UFSFiles_Win64.txt'];
    const zip = (await judged(await zipOf(UE5))).verdict;
    expect(judgeFolder(files, 1_000, `${manifest}`)).toEqual(zip);
    expect(judgeFolder([], 0).refusals).toEqual([{ code: 'NotAPackage', detail: 'It is empty.' }]);
  });

  it.each([
    [23_999_999_999, []],
    [24e9, [{ code: 'LargeBuild', detail: 'The zip has 24.0 GB.' }]],
  ])('is large by the size of its zip: %d', (size, warnings) => {
    expect(judgeFolder(game(), size).warnings).toEqual(warnings);
  });

  it.each([
    [99_999_999, []],
    [100e6, [{ code: 'DebugSymbols', detail: '100.0 MB of .pdb files, such as A/Binaries/a.pdb.' }]],
  ])('has much for debuggers with %d bytes', (size, warnings) => {
    expect(judgeFolder(game(['A/Binaries/a.pdb', size]), 1).warnings).toEqual(warnings);
  });

  it.each([
    [['B.exe'], 'Besides A.exe there is B.exe.'],
    [['B.exe', 'C.exe', 'D.exe'], 'Besides A.exe there is B.exe, and 2 more of that kind.'],
  ])('names the first game of several: %j', (names, detail) => {
    const others = names.map((name) => [name, 1] as const);
    expect(judgeFolder(game(...others), 1).warnings).toEqual([{ code: 'SeveralGames', detail }]);
  });
});

describe('what is found in a zip', () => {
  it.each<[readonly RawEntry[], readonly string[]]>([
    [[{ name: 'a.bin', content: 'x', method: 9 }], ['Deflate64: It has a.bin.']],
    [
      [14, 77, 14].map((method, n) => ({ name: `${n}.bin`, content: 'x', method })),
      ['UnusualCompression: It has 0.bin (LZMA), and 2 more of that kind.'],
    ],
    [[{ name: '1.bin', content: 'x', method: 77 }], ['UnusualCompression: It has 1.bin (method 77).']],
    [[{ name: 'key', content: 'x', flags: 1 }], ['ZipEncrypted: key is encrypted.']],
    [
      ['k1', 'k2', 'k3'].map((name) => ({ name, content: 'x', flags: 1 })),
      ['ZipEncrypted: k1 is encrypted, and 2 more of that kind.'],
    ],
    [
      ['ä.txt', 'c:.txt', 'd?.txt', 'e?.txt'].map((name) => ({ name, content: 'x' })),
      [
        'NotAPackage: The name c:.txt names a drive: no tool should unpack that.',
        'NonAsciiNames: It has ä.txt.',
        'UnusualNames: It has d?.txt, and 1 more of that kind.',
      ],
    ],
  ])('is said with the first name and the number of the others: %j', async (entries, sentences) => {
    expect(await found(...entries)).toEqual(sentences);
  });

  it('is said of bytes in front that are those of a zip, too', async () => {
    const { warnings } = (await judged(rawZip({ entries: rawEntries(UE5), before: Buffer.from('PK00') }))).verdict;
    expect(warnings).toEqual([{ code: 'BytesOutside', detail: 'There are bytes before the first entry.' }]);
  });

  it.each(['7z', 'cut off by a byte', 'cut off behind a zip that it holds', 'too few entries counted', 'pictures'])(
    'is nothing but the refusal where there is no package to look at: %s',
    async (sample) => {
      const { make } =
        Object.values(REFUSED)
          .flat()
          .find(({ name }) => name === sample) ?? {};
      const { refusals, warnings } = (await judged((await make?.()) ?? Buffer.alloc(0))).verdict;
      expect([refusals.length, warnings]).toEqual([1, []]);
    },
  );
});
