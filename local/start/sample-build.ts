import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

/** Content of a file of a package: text, or so many bytes that won't compress. */
export type PackagedFiles = Readonly<Record<string, string | Buffer | number>>;

/** Stands for every program: it runs nowhere. */
const PROGRAM = 'MZ, and nothing that runs';
const PLUGIN = 'Engine/Plugins/Media/PixelStreaming2/PixelStreaming2.uplugin';

/**
 * The files of a package as Unreal Engine 5 makes it: a launcher, the game in its Shipping configuration, packed content, and the
 * manifests, which say that Pixel Streaming 2 is in it.
 *
 * @param game its name
 */
export function samplePackage(game = 'Sample'): PackagedFiles {
  return {
    [`Windows/${game}.exe`]: PROGRAM,
    [`Windows/${game}/Binaries/Win64/${game}-Win64-Shipping.exe`]: PROGRAM,
    [`Windows/${game}/Content/Paks/${game}-Windows.pak`]: 300_000,
    [`Windows/${game}/Content/Paks/${game}-Windows.ucas`]: 690_000,
    [`Windows/${game}/Content/Paks/${game}-Windows.utoc`]: 4_000,
    [`Windows/${game}/Content/Paks/global.ucas`]: 4_000,
    [`Windows/${game}/Content/Paks/global.utoc`]: 1_000,
    'Windows/Engine/Extras/Redist/en-us/UEPrereqSetup_x64.exe': PROGRAM,
    'Windows/Manifest_UFSFiles_Win64.txt': `${game}/${game}.uproject\t2026-04-21T12:00:00.000Z\n${PLUGIN}\t2026-04-21T12:00:00.000Z\n`,
    'Windows/Manifest_NonUFSFiles_Win64.txt': `${game}.exe\t2026-04-21T12:00:00.000Z\n`,
  };
}

/** @param compress whether to compress them, as most tools do */
export async function zipOf(files: PackagedFiles, compress = false): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === 'number' ? randomBytes(content) : Buffer.from(content);
    zip.addBuffer(bytes, name, { compress });
  }
  zip.end();
  return buffer(zip.outputStream as Readable);
}

/** A zip of a packaged Unreal Engine build, of about 1 MB. */
export function makeSampleBuild(): Promise<Buffer> {
  return zipOf(samplePackage());
}
