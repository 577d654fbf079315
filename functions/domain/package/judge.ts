import type { PackageWarning, Refusal, Verdict, WarningCode } from '../model/package-verdict.ts';
import { bytes } from '../model/size.ts';
import { dangerOf, isFolder, isJunk, isUnusual, shown } from './entry-names.ts';
import { beginsAsSplit, beginsAsZip, knownKind, looksLike } from './first-bytes.ts';
import { type Layout, layoutOf, type PackagedFile } from './layout.ts';
import { whatIsThere } from './no-game.ts';
import type { ZipEnd } from './zip-end.ts';
import {
  contradictionIn,
  isCutOff,
  isEncrypted,
  isWrapped,
  pathOf,
  shiftOf,
  type ZipEntry,
  type ZipFacts,
} from './zip-facts.ts';

/** Streampixel's soft limit for a zip, in bytes; support raises it. */
const LARGE_BUILD = 24e9;
/** Debug symbols from this size on are worth a word, in bytes. */
const LARGE_DEBUG = 100e6;

/** Compression methods that not every tool knows. Source: PKWARE APPNOTE 4.4.5. */
const METHODS: Readonly<Record<number, string>> = { 12: 'BZIP2', 14: 'LZMA', 93: 'zstd', 95: 'XZ', 98: 'PPMd' };
const STORED = 0;
const DEFLATED = 8;
const DEFLATE64 = 9;

/**
 * Says whether Streampixel can run what is in a zip, before the build costs a slot. It refuses only what can't be unpacked or has no
 * game for Windows to start; it warns of everything else.
 */
export function judgeZip(zip: ZipFacts): Verdict {
  const unreadable = refusalOfFile(zip);
  if (unreadable !== undefined) return { refusals: [unreadable], warnings: [] };
  const { directory, end } = zip;
  if (directory === undefined || end === undefined) return { refusals: [], warnings: [] };
  switch (directory.kind) {
    case 'encrypted':
      return refused('ZipEncrypted', 'The directory of the zip is encrypted.');
    case 'damaged':
      return refused('ZipDamaged', `The directory of the zip is damaged: ${directory.detail}`);
    case 'not-read':
      return { refusals: [], warnings: [{ code: 'NotJudged', detail: directory.detail }] };
    case 'read': {
      const { entries, start } = directory;
      if (isCutOff(zip, end, start)) {
        return refused('ZipDamaged', 'It was cut off: what is at its end is another zip that was in it.');
      }
      const contradiction = contradictionIn(entries, end, start);
      if (contradiction !== undefined) {
        return refused('ZipDamaged', `${shown(contradiction.entry.name)} ${contradiction.why}.`);
      }
      return judgeEntries(zip, entries, [...warningsOfFile(zip, end, start), ...warningsOfEntries(entries)]);
    }
  }
}

/**
 * Says the same of a folder that is still to be zipped.
 *
 * @param files with paths that are relative to the folder, with slashes
 * @param size of the zip that is made of it, in bytes
 * @param manifest text of the manifest in it, where there is one
 */
export function judgeFolder(files: readonly PackagedFile[], size: number, manifest?: string): Verdict {
  return judgeFiles(files, size, [], [], manifest);
}

function refused(code: Refusal['code'], detail: string): Verdict {
  return { refusals: [{ code, detail }], warnings: [] };
}

function refusalOfFile({ end, head, size }: ZipFacts): Refusal | undefined {
  if (size === 0) return { code: 'NotAZip', detail: 'It is empty: it has no bytes.' };
  const known = knownKind(head);
  if (known !== undefined) return { code: 'NotAZip', detail: `It is ${known}, not a zip.` };
  if (end === undefined) {
    if (!beginsAsZip(head))
      return {
        code: 'NotAZip',
        detail: `It is ${looksLike(head)}. The directory that a zip has at its end is missing.`,
      };
    const why = beginsAsSplit(head)
      ? 'It is the first part of a split zip, and the other parts are missing.'
      : 'It begins as a zip, but its end is missing: it was cut off, or was still being written when it was copied.';
    return { code: 'ZipDamaged', detail: why };
  }
  if (end.isSplit)
    return { code: 'ZipDamaged', detail: 'It is one part of a split zip. Streampixel needs one whole zip.' };
  return undefined;
}

function warningsOfFile({ head, size }: ZipFacts, end: ZipEnd, start: number): PackageWarning[] {
  const isCut = isWrapped(end, start);
  const before = isCut ? 0 : shiftOf(end, start);
  const outside = [
    before > 0 || !beginsAsZip(head) ? 'before the first entry' : '',
    end.behind > 0 ? `behind the end (${end.behind})` : '',
    end.isAmbiguous ? 'that look like another end' : '',
  ].filter((where) => where !== '');
  return [
    ...(outside.length > 0 ? [warning('BytesOutside', `There are bytes ${outside.join(' and ')}.`)] : []),
    ...(isCut ? [warning('WrappedSizes', `The file has ${size} bytes, and no 64-bit sizes (zip64).`)] : []),
  ];
}

function warning(code: WarningCode, detail: string): PackageWarning {
  return { code, detail };
}

function warningsOfEntries(entries: readonly ZipEntry[]): PackageWarning[] {
  const isOdd = ({ method }: ZipEntry) => method !== STORED && method !== DEFLATED && method !== DEFLATE64;
  return [
    ...namedWarning('Deflate64', entries, ({ method }) => method === DEFLATE64),
    ...namedWarning('UnusualCompression', entries, (entry) => isOdd(entry) && !isEncrypted(entry), methodOf),
    ...namedWarning('Backslashes', entries, ({ name }) => name.includes('\\')),
  ];
}

function methodOf({ method }: ZipEntry): string {
  return ` (${METHODS[method] ?? `method ${method}`})`;
}

/** One warning for all entries of a kind: it names the first of them. */
function namedWarning(
  code: WarningCode,
  entries: readonly ZipEntry[],
  isOne: (entry: ZipEntry) => boolean,
  more: (entry: ZipEntry) => string = () => '',
): PackageWarning[] {
  const found = entries.filter(isOne);
  const [first] = found;
  return first === undefined
    ? []
    : [warning(code, `It has ${shown(first.name)}${more(first)}${others(found.length - 1)}`)];
}

function others(count: number): string {
  return count === 0 ? '.' : `, and ${count} more of that kind.`;
}

function judgeEntries(zip: ZipFacts, entries: readonly ZipEntry[], warnings: readonly PackageWarning[]): Verdict {
  const refusals: Refusal[] = [];
  const encrypted = entries.filter(isEncrypted);
  if (encrypted[0] !== undefined) {
    const detail = `${shown(encrypted[0].name)} is encrypted${others(encrypted.length - 1)}`;
    refusals.push({ code: 'ZipEncrypted', detail });
  }
  const files = entries.map((entry) => ({ path: pathOf(entry), size: entry.size }));
  return judgeFiles(files, zip.size, refusals, warnings, zip.manifest);
}

/** @param size of the zip, in bytes; 0 where there is none yet */
function judgeFiles(
  all: readonly PackagedFile[],
  size: number,
  before: readonly Refusal[],
  warningsBefore: readonly PackageWarning[],
  manifest: string | undefined,
): Verdict {
  const files = all.filter(({ path }) => !isFolder(path) && !isJunk(path));
  const layout = layoutOf(files, manifest);
  const refusals = [...before, ...refusalsOfNames(all)];
  if (files.length === 0) {
    refusals.push({ code: 'NotAPackage', detail: all.length === 0 ? 'It is empty.' : 'It only holds folders.' });
  } else if (layout.launcher === undefined) {
    refusals.push({ code: 'NotAPackage', detail: whatIsThere(files) });
  }
  const warnings = [...warningsBefore, ...warningsOfNames(all)];
  // Of what is no package there is nothing to say but that.
  if (layout.launcher !== undefined) warnings.push(...warningsOfLayout(layout));
  if (size >= LARGE_BUILD) warnings.push(warning('LargeBuild', `The zip has ${bytes(size)}.`));
  return { refusals, warnings, facts: layout.facts };
}

function refusalsOfNames(files: readonly PackagedFile[]): Refusal[] {
  for (const { path } of files) {
    const danger = dangerOf(path);
    if (danger !== undefined) {
      return [{ code: 'NotAPackage', detail: `The name ${shown(path)} ${danger}: no tool should unpack that.` }];
    }
  }
  return [];
}

function warningsOfNames(files: readonly PackagedFile[]): PackageWarning[] {
  const paths = files.map(({ path }) => path);
  const named = (code: WarningCode, found: readonly string[]) =>
    found[0] === undefined ? [] : [warning(code, `It has ${shown(found[0])}${others(found.length - 1)}`)];
  const seen = new Set<string>();
  const doubled = paths.filter((path) => {
    const name = path.toLowerCase();
    if (!seen.has(name)) seen.add(name);
    else return !isFolder(path);
    return false;
  });
  return [
    ...named(
      'NonAsciiNames',
      paths.filter((path) => /[^\p{ASCII}]/u.test(path)),
    ),
    ...named('UnusualNames', [...paths.filter((path) => isUnusual(path) && dangerOf(path) === undefined), ...doubled]),
  ];
}

function warningsOfLayout(layout: Layout): PackageWarning[] {
  const { debugFile = '', editorProgram, facts, hasContent, launcher = '', rivals } = layout;
  const { configuration, debugSize, plugin } = facts;
  const warnings: PackageWarning[] = [];
  if (plugin === 'none')
    warnings.push(warning('PluginMissing', 'No PixelStreaming plugin is in the list of its files.'));
  if (plugin === 'both') warnings.push(warning('BothPlugins', 'PixelStreaming and PixelStreaming2 are both in it.'));
  if (configuration !== undefined && configuration !== 'Shipping') {
    warnings.push(warning('NotShipping', `It is a ${configuration} build.`));
  }
  if (editorProgram !== undefined) warnings.push(warning('EditorBinaries', `${shown(editorProgram)} is in it.`));
  if (debugSize >= LARGE_DEBUG) {
    warnings.push(warning('DebugSymbols', `${bytes(debugSize)} of .pdb files, such as ${shown(debugFile)}.`));
  }
  if (rivals[0] !== undefined) {
    warnings.push(
      warning('SeveralGames', `Besides ${shown(launcher)} there is ${shown(rivals[0])}${others(rivals.length - 1)}`),
    );
  }
  if (!hasContent)
    warnings.push(warning('NoContent', `There is only ${shown(launcher)} and files without game content.`));
  return warnings;
}
