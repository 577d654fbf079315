import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

/** A zip laid out like a packaged Unreal Engine build, of about 1 MB that won't compress. */
export async function makeSampleBuild(): Promise<Buffer> {
  const zip = new ZipFile();
  const options = { compress: false };
  zip.addBuffer(Buffer.from('MZ, and nothing that runs'), 'Windows/Sample.exe', options);
  zip.addBuffer(randomBytes(1_000_000), 'Windows/Sample/Content/Paks/Sample-Windows.pak', options);
  zip.end();
  return buffer(zip.outputStream);
}
