import { PACKAGE_WARNINGS, type PackageFacts, type PackageWarning, type Plugin } from '../model/package-verdict.ts';
import { bytes } from '../model/size.ts';

const PLUGIN_TEXT = {
  PixelStreaming: 'Pixel Streaming',
  PixelStreaming2: 'Pixel Streaming 2',
  both: 'Pixel Streaming and Pixel Streaming 2',
  none: 'no Pixel Streaming',
  unknown: '',
} as const satisfies Readonly<Record<Plugin, string>>;

/** What a build is, in a line: `MyGame, Shipping, Unreal Engine 5, Pixel Streaming 2, 312 files, 4.2 GB unpacked`. */
export function packageText(facts: PackageFacts): string {
  const { configuration = '', debugSize, engine, files, game = '', plugin, unpackedSize } = facts;
  return [
    game,
    configuration,
    engine === undefined ? '' : `Unreal Engine ${engine}`,
    PLUGIN_TEXT[plugin],
    files === 1 ? '1 file' : `${files} files`,
    `${bytes(unpackedSize)} unpacked`,
    debugSize === 0 ? '' : `${bytes(debugSize)} of it debug symbols`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** A warning as people read it: what was found, what it means, and what to do. */
export function warningText({ code, detail }: PackageWarning): string {
  const { cause, remedy } = PACKAGE_WARNINGS[code];
  return `${detail} ${cause} ${remedy}`;
}
