import type { Labels, PackageFacts, PackageWarning, Plugin } from '../../functions/domain/model/package-verdict.ts';
import { bytes } from '../../functions/domain/model/size.ts';
import { labelText } from '../../functions/domain/package/labels.ts';
import { warningText } from '../../functions/domain/package/package-text.ts';
import { printable } from '../console.ts';
import { plural } from '../units.ts';

const PLUGIN = {
  PixelStreaming: 'Pixel Streaming',
  PixelStreaming2: 'Pixel Streaming 2',
  both: 'Pixel Streaming and Pixel Streaming 2',
  none: 'none',
  unknown: 'unknown: the package does not list its plugins',
} as const satisfies Readonly<Record<Plugin, string>>;

/** What a build is, as rows of a form; a value may be empty. */
export function packageRows(facts: PackageFacts | undefined, labels: Labels | undefined): [string, string][] {
  const label: [string, string] = ['Labels', labels === undefined ? '' : printable(labelText(labels))];
  if (facts === undefined) return [label];
  const { configuration = 'unknown', debugSize, engine, files, game = '', plugin, unpackedSize } = facts;
  return [
    ['Game', printable(game)],
    ['Engine', engine === undefined ? '' : `Unreal Engine ${engine}`],
    ['Configuration', configuration],
    ['Plugin', PLUGIN[plugin]],
    ['Unpacked', `${plural(files, 'file')}, ${bytes(unpackedSize)}`],
    ['Debug symbols', debugSize === 0 ? '' : bytes(debugSize)],
    label,
  ];
}

export function warningRows(warnings: readonly PackageWarning[]): [string, string][] {
  return warnings.map((warning) => [warning.code, printable(warningText(warning))]);
}
