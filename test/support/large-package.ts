import { crc32 } from 'node:zlib';
import { samplePackage } from '../../local/start/sample-build.ts';
import { CountedFile, pack } from './raw-zip.ts';

/** A zip64 of 30 GB: files of zeros, of which only the directory exists, and a manifest of 900 KB. */
export function largePackage(count: number): CountedFile {
  const manifest = `${samplePackage()['Windows/Manifest_UFSFiles_Win64.txt']}${'x'.repeat(60_000)}`;
  const packed = (31 * 1024 ** 3) / count;
  const size = Math.ceil(packed);
  const names = [
    'Windows/MyGame.exe',
    'Windows/MyGame/Binaries/Win64/MyGame-Win64-Shipping.exe',
    ...Array.from({ length: count }, (_, n) => {
      return `Windows/MyGame/Content/Some/Folder/That/Is/Deep/Asset_${n}.uasset`
        .padEnd(92, '_')
        .replace(/_+$/, '.uasset');
    }),
  ];
  const manifestName = 'Windows/Manifest_UFSFiles_Win64.txt';
  const local = Buffer.concat([
    pack(
      '42222244422',
      0x04034b50,
      20,
      0,
      0,
      0,
      0,
      crc32(manifest),
      manifest.length,
      manifest.length,
      manifestName.length,
      0,
    ),
    Buffer.from(manifestName),
    Buffer.from(manifest),
  ]);
  const each = size + 30 + 200;
  const extra = (offset: number) => pack('228', 1, 8, offset);
  const entry = (name: string, bytes: number, sum: number, offset: number) =>
    Buffer.concat([
      pack('42222224442', 0x02014b50, 45, 45, 0, 0, 0, 0, sum, bytes, bytes, name.length),
      pack('222244', 12, 0, 0, 0, 0, 0xffffffff),
      Buffer.from(name),
      extra(offset),
    ]);
  const directory = Buffer.concat([
    entry(manifestName, manifest.length, crc32(manifest), 0),
    ...names.map((name, index) => entry(name, size, index, local.length + index * each)),
  ]);
  const directoryAt = local.length + names.length * each;
  const total = names.length + 1;
  const tail = Buffer.concat([
    directory,
    pack('4822448888', 0x06064b50, 44, 45, 45, 0, 0, total, total, directory.length, directoryAt),
    pack('4484', 0x07064b50, 0, directoryAt + directory.length, 1),
    pack('42222442', 0x06054b50, 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0),
  ]);
  const parts = [
    { at: 0, bytes: local },
    { at: directoryAt, bytes: tail },
  ];
  return new CountedFile(directoryAt + tail.length, (start, end) => {
    const bytes = Buffer.alloc(end - start);
    for (const part of parts) {
      const [from, to] = [Math.max(start, part.at), Math.min(end, part.at + part.bytes.length)];
      if (from < to) part.bytes.copy(bytes, from - start, from - part.at, to - part.at);
    }
    return bytes;
  });
}
