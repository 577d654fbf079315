import { deflateSync, gzipSync } from 'node:zlib';
import type { RefusalReason, WarningCode } from '../../functions/domain/model/package-verdict.ts';
import { type PackagedFiles, samplePackage, zipOf } from '../../local/start/sample-build.ts';
import { type RawEntry, rawZip } from '../support/raw-zip.ts';

/** Zips of every kind that the judge knows, each made here: hand-made byte by byte, or by another library. */
export interface Sample {
  readonly name: string;
  readonly make: () => Buffer | Promise<Buffer>;
}

const sample = (name: string, make: Sample['make']): Sample => ({ name, make });

/** The files as hand-made entries. */
export function rawEntries(files: PackagedFiles, change: Partial<RawEntry> = {}): RawEntry[] {
  return Object.entries(files).map(([name, content]) => {
    return { name, content: typeof content === 'number' ? Buffer.alloc(Math.min(content, 1_000)) : content, ...change };
  });
}

/** The same package without the folder around it. */
export function contentsOnly(files: PackagedFiles): PackagedFiles {
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [name.replace(/^[^/]+\//, ''), content]));
}

const PS1 = 'Engine/Plugins/Media/PixelStreaming/PixelStreaming.uplugin';
const PS2 = 'Engine/Plugins/Media/PixelStreaming2/PixelStreaming2.uplugin';
const manifest = (...files: string[]) => files.map((file) => `${file}\t2026-04-21T12:00:00.000Z\n`).join('');

/** A small package of UE 5 without bytes that matter. */
export const UE5: PackagedFiles = {
  ...samplePackage('MyGame'),
  'Windows/MyGame/Content/Paks/MyGame-Windows.pak': 'pak',
  'Windows/MyGame/Content/Paks/MyGame-Windows.ucas': 'ucas',
  'Windows/MyGame/Content/Paks/MyGame-Windows.utoc': 'utoc',
  'Windows/MyGame/Content/Paks/global.ucas': 'ucas',
  'Windows/MyGame/Content/Paks/global.utoc': 'utoc',
};

/** As UE 4.27 packages it, with the web servers of its Pixel Streaming plugin. */
export const UE4: PackagedFiles = {
  'WindowsNoEditor/MyGame.exe': 'MZ',
  'WindowsNoEditor/Manifest_NonUFSFiles_Win64.txt': 'MyGame.exe',
  'WindowsNoEditor/Manifest_UFSFiles_Win64.txt': manifest('Engine/Config/Base.ini', PS1),
  'WindowsNoEditor/Engine/Binaries/Win64/CrashReportClient.exe': 'MZ',
  'WindowsNoEditor/Engine/Extras/Redist/en-us/UE4PrereqSetup_x64.exe': 'MZ',
  'WindowsNoEditor/MyGame/Binaries/Win64/MyGame-Win64-Shipping.exe': 'MZ',
  'WindowsNoEditor/MyGame/Content/Paks/MyGame-WindowsNoEditor.pak': 'pak',
  'WindowsNoEditor/MyGame/Samples/PixelStreaming/WebServers/SignallingWebServer/run.bat': 'node',
};

export const without = (files: PackagedFiles, pattern: RegExp): PackagedFiles =>
  Object.fromEntries(Object.entries(files).filter(([name]) => !pattern.test(name)));

const GAME_PROGRAM = 'Windows/MyGame/Binaries/Win64/MyGame';
const withManifest = (...files: string[]): PackagedFiles => ({
  ...UE5,
  'Windows/Manifest_UFSFiles_Win64.txt': manifest('MyGame/MyGame.uproject', ...files),
});

/** Packages that Streampixel runs: none may be refused, and there is nothing to warn of. */
export const GOOD: readonly Sample[] = [
  sample('UE 5, with its folder', () => zipOf(UE5)),
  sample('UE 5, compressed', () => zipOf(UE5, true)),
  sample('UE 5, without its folder', () => zipOf(contentsOnly(UE5))),
  sample('UE 4.27', () => zipOf(UE4)),
  sample('UE 4.27, without its folder', () => rawZip({ entries: rawEntries(contentsOnly(UE4)) })),
  sample('zip64', () => rawZip({ entries: rawEntries(UE5), zip64: true })),
  sample('deflated by hand', () => rawZip({ entries: rawEntries(UE5, { method: 8 }) })),
  sample('with a comment', () => rawZip({ entries: rawEntries(UE5), comment: Buffer.from('Made by hand') })),
  sample('with folders, and what macOS and Windows leave', () =>
    rawZip({
      entries: [
        { name: 'Windows/' },
        { name: '__MACOSX/Windows/._MyGame.exe', content: 'x' },
        { name: 'Windows/.DS_Store', content: 'x' },
        { name: 'Windows/Thumbs.db', content: 'x' },
        ...rawEntries(UE5),
      ],
    }),
  ),
  sample('names that begin with ./', () =>
    rawZip({ entries: rawEntries(Object.fromEntries(Object.entries(UE5).map(([n, c]) => [`./${n}`, c]))) }),
  ),
  sample('without manifests, which some packagers delete', () => zipOf(without(UE5, /Manifest/))),
  sample('without redistributables', () => zipOf(without(UE5, /Redist/))),
  sample('with other redistributables at the top', () =>
    zipOf({
      ...UE5,
      'Windows/vc_redist.x64.exe': 'MZ',
      'UEPrereqSetup_x64.exe': 'MZ',
      'Windows/CrashReportClient.exe': 'MZ',
    }),
  ),
  sample('with the first plugin', () => zipOf(withManifest(PS1))),
  sample('whose content is named like a plugin', () =>
    zipOf(withManifest(PS2, 'MyGame/Content/PixelStreaming/Map.umap')),
  ),
  sample('with loose files, as Unreal packages without .pak', () =>
    zipOf({
      ...without(UE5, /Paks/),
      'Windows/MyGame/MyGame.uproject': '{}',
      'Windows/MyGame/Content/Maps/Start.umap': 'x',
      [`Windows/${PS2}`]: '{}',
    }),
  ),
  sample('of a project without code, as UE 4 names its program', () =>
    zipOf({
      ...without(UE4, /Shipping/),
      'WindowsNoEditor/Engine/Binaries/Win64/UE4Game-Win64-Shipping.exe': 'MZ',
    }),
  ),
  sample('with debug files of a few bytes', () => zipOf({ ...UE5, [`${GAME_PROGRAM}-Win64-Shipping.pdb`]: 'x' })),
  sample('of a game in capitals', () => zipOf({ ...without(UE5, /MyGame.exe/), 'Windows/MyGame.EXE': 'MZ' })),
  sample('with the mark of a split zip that needed no split', () =>
    rawZip({ entries: rawEntries(UE5), before: Buffer.from('PK00'), isAdjusted: true }),
  ),
];

/** What is packaged for other systems, or is no package at all: packed correctly. */
const noPackage =
  (files: PackagedFiles): Sample['make'] =>
  () =>
    zipOf(files);

const html = '<!DOCTYPE html><html><body>Sign in</body></html>';
const good = () => rawZip({ entries: rawEntries(UE5) });
const tar = () => {
  const block = Buffer.alloc(1024);
  block.write('MyGame.exe');
  block.write('ustar', 257);
  return block;
};
const cut = (bytes: number): Buffer => good().subarray(0, -bytes);

export const REFUSED: Readonly<Record<RefusalReason, readonly Sample[]>> = {
  NotAZip: [
    sample('nothing', () => Buffer.alloc(0)),
    sample('7z', () => Buffer.from('377abcaf271c0004', 'hex')),
    sample('7z that holds a zip', () => Buffer.concat([Buffer.from('377abcaf271c0004', 'hex'), good()])),
    sample('RAR 4', () => Buffer.from('Rar!\x1a\x07\0', 'latin1')),
    sample('RAR 5', () => Buffer.from('Rar!\x1a\x07\x01\0', 'latin1')),
    sample('gzip', () => gzipSync('MyGame.exe')),
    sample('tar', tar),
    sample('tar with a zip in it', () => Buffer.concat([tar(), good(), Buffer.alloc(1024)])),
    sample('HTML', () => Buffer.from(html)),
    sample('HTML with a mark and blanks in front', () => Buffer.from(`\ufeff\n  ${html.toLowerCase()}`)),
    sample('an error of S3', () => Buffer.from('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>')),
    sample('JSON', () => Buffer.from('{"message": "Not Found"}')),
    sample('Git LFS', () => Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n')),
    sample('text', () => Buffer.from('hello')),
    sample('zeros', () => Buffer.alloc(100_000)),
    sample('a program', () => Buffer.from('MZ\x90\0\x03', 'latin1')),
    sample('xz', () => Buffer.from('fd377a585a00', 'hex')),
    sample('zlib', () => deflateSync('MyGame.exe')),
  ],
  ZipDamaged: [
    sample('cut off by a byte', () => cut(1)),
    sample('cut off in the end record', () => cut(15)),
    sample('cut off in the directory', () => cut(500)),
    sample('cut off in the first file', () => good().subarray(0, 40)),
    sample('followed by zeros for the rest', () => Buffer.concat([cut(100), Buffer.alloc(100_000)])),
    sample('cut off behind a zip that it holds', () => {
      const inner = { name: 'Windows/MyGame/Content/Tools.zip', content: rawZip({ entries: rawEntries(UE5) }) };
      const outer = rawZip({
        entries: [...rawEntries(UE5), inner, { name: 'Windows/last.txt', content: 'x'.repeat(500) }],
      });
      return outer.subarray(0, outer.indexOf('Windows/last.txt') + 200);
    }),
    sample('two zips, one behind the other', () => Buffer.concat([good(), good()])),
    sample('without its first part', () => good().subarray(100)),
    sample('the first part of a split zip', () => Buffer.concat([Buffer.from('PK\x07\x08', 'latin1'), cut(500)])),
    sample('the last part of a split zip', () => rawZip({ entries: rawEntries(UE5), end: { disk: 3 } })),
    sample('the last part of a split zip64', () => rawZip({ entries: rawEntries(UE5), zip64: true, end: { disk: 3 } })),
    sample('too many entries counted', () => rawZip({ entries: rawEntries(UE5), end: { entries: 11 } })),
    sample('too few entries counted', () => rawZip({ entries: rawEntries(UE5), end: { entries: 3 } })),
    sample('too few entries counted, zip64', () =>
      rawZip({ entries: rawEntries(UE5), zip64: true, end: { entries: 3 } }),
    ),
    sample('entries beyond 64 bits counted', () =>
      rawZip({ entries: rawEntries(UE5), zip64: true, end: { entries: 2 ** 63 } }),
    ),
    sample('a directory outside of the file', () =>
      rawZip({ entries: rawEntries(UE5), end: { directoryOffset: 4e9 } }),
    ),
    sample('a directory longer than the file', () => rawZip({ entries: rawEntries(UE5), end: { directorySize: 4e9 } })),
    sample('a directory shorter than it is', () => rawZip({ entries: rawEntries(UE5), end: { directorySize: 600 } })),
    sample('a directory that begins elsewhere', () =>
      rawZip({ entries: rawEntries(UE5), end: { directorySize: 700, directoryOffset: 7 } }),
    ),
    ...[{ offset: 2 ** 32 - 2 }, { packedSize: 2 ** 32 - 2, size: 2 ** 32 - 2 }, { size: 2 ** 31 }, { offset: 0 }].map(
      (said) =>
        sample(`an entry that lies: ${JSON.stringify(said)}`, () =>
          rawZip({ entries: [...rawEntries(UE5), { name: 'Windows/x.txt', content: 'x', said }] }),
        ),
    ),
    sample('a compressed entry that would fill a disk', () =>
      rawZip({
        entries: [...rawEntries(UE5), { name: 'Windows/x.txt', content: 'x', method: 8, said: { size: 2 ** 31 } }],
      }),
    ),
    sample('sizes beyond 64 bits', () =>
      rawZip({
        entries: [
          ...rawEntries(UE5),
          {
            name: 'Windows/x.txt',
            said: { size: 0xffffffff, packedSize: 0xffffffff, extra: Buffer.from(`01001000${'ff'.repeat(16)}`, 'hex') },
          },
        ],
      }),
    ),
    sample('sizes that are said to be elsewhere, and are not', () =>
      rawZip({
        entries: [
          ...rawEntries(UE5),
          { name: 'Windows/x.txt', said: { size: 0xffffffff, extra: Buffer.from('01000000', 'hex') } },
        ],
      }),
    ),
    sample('all entries at one place', () => rawZip({ entries: rawEntries(UE5, { said: { offset: 0 } }) })),
  ],
  ZipEncrypted: [
    sample('a password', () => rawZip({ entries: rawEntries(UE5, { flags: 0x801 }) })),
    sample('a password for one file', () =>
      rawZip({ entries: [...rawEntries(UE5), { name: 'Windows/key.txt', flags: 1, content: 'x' }] }),
    ),
    sample('AES', () => rawZip({ entries: rawEntries(UE5, { flags: 1, method: 99 }) })),
    sample('strong encryption', () => rawZip({ entries: rawEntries(UE5, { flags: 0x41 }) })),
    sample('hidden names', () => rawZip({ entries: rawEntries(UE5, { flags: 0x2001 }) })),
  ],
  NotAPackage: [
    sample('no entry', () => rawZip({ entries: [] })),
    sample('no entry, by another library', () => zipOf({})),
    sample('only folders', () => rawZip({ entries: [{ name: 'Windows/' }, { name: 'Windows/MyGame/' }] })),
    sample('only what macOS leaves', () =>
      rawZip({ entries: [{ name: '__MACOSX/._x', content: 'x' }, { name: '.DS_Store' }] }),
    ),
    sample(
      'a project with sources',
      noPackage({ 'MyGame/MyGame.uproject': '{}', 'MyGame/Source/MyGame.Build.cs': '' }),
    ),
    sample(
      'a project with assets, at the top',
      noPackage({ 'MyGame.uproject': '{}', 'Content/Maps/Start.umap': '', 'Config/DefaultEngine.ini': '' }),
    ),
    sample(
      'a project with a program beside it',
      noPackage({ 'MyGame/MyGame.uproject': '{}', 'MyGame/Content/A.uasset': '', 'MyGame/Setup.exe': 'MZ' }),
    ),
    sample(
      'Linux',
      noPackage({
        'Linux/MyGame.sh': '',
        'Linux/MyGame/Binaries/Linux/MyGame-Linux-Shipping': '',
        'Linux/MyGame/Content/Paks/MyGame-Linux.pak': '',
      }),
    ),
    sample(
      'Linux of UE 4',
      noPackage({ 'LinuxNoEditor/MyGame.sh': '', 'LinuxNoEditor/MyGame/Content/Paks/MyGame-LinuxNoEditor.pak': '' }),
    ),
    sample('macOS', noPackage({ 'Mac/MyGame.app/Contents/MacOS/MyGame': '' })),
    sample('Android', noPackage({ 'Android_ASTC/MyGame-arm64.apk': '', 'Android_ASTC/Install_MyGame.bat': '' })),
    sample('an .apk', noPackage({ 'AndroidManifest.xml': '', 'classes.dex': '' })),
    sample('iOS', noPackage({ 'Payload/MyGame.app/MyGame': '' })),
    sample('an .ipa', noPackage({ 'IOS/MyGame.ipa': '' })),
    sample('another zip', noPackage({ 'MyGame.zip': 'PK', 'readme.txt': '' })),
    sample('a 7z in a folder', noPackage({ 'Upload/MyGame.7z': '7z' })),
    sample('pictures', noPackage({ 'a.png': '', 'b/c.png': '' })),
    sample(
      'a program that is too deep',
      noPackage(Object.fromEntries(Object.entries(UE5).map(([n, c]) => [`Builds/${n}`, c]))),
    ),
    sample('no launcher', () => zipOf(without(UE5, /^Windows\/MyGame\.exe$/))),
    sample(
      'only redistributables',
      noPackage({ 'vc_redist.x64.exe': 'MZ', 'Engine/Extras/Redist/en-us/UEPrereqSetup_x64.exe': 'MZ' }),
    ),
    ...[
      '/etc/MyGame.ini',
      '\\Windows\\MyGame.ini',
      'C:\\MyGame.ini',
      'c:MyGame.ini',
      'Windows/../../MyGame.ini',
      '..\\MyGame.ini',
      '\\\\server\\share\\x',
      '..',
    ].map((name) =>
      sample(`the name ${name}`, () => rawZip({ entries: [...rawEntries(UE5), { name, content: 'x' }] })),
    ),
  ],
};

const cp =
  (name: Buffer): Sample['make'] =>
  () =>
    rawZip({ entries: [...rawEntries(UE5), { name, content: 'x', flags: 0 }] });
/** Entries that are said to have so many bytes, whose zip is said to be cut to 32 bits: none of them is there. */
const sizesOf = (files: Readonly<Record<string, number>>): RawEntry[] =>
  Object.entries(files).map(([name, size]) => ({ name, method: 14, said: { size } }));

export const WARNED: Readonly<Partial<Record<WarningCode, readonly Sample[]>>> = {
  NotJudged: [
    sample('extra fields that are none', () =>
      rawZip({ entries: rawEntries(UE5, { said: { extra: Buffer.from('7777ffff00', 'hex') } }) }),
    ),
  ],
  PluginMissing: [
    sample('no plugin', () => zipOf(withManifest('Engine/Plugins/A/A.uplugin'))),
    sample('only one with a similar name', () =>
      zipOf(withManifest('Engine/Plugins/Media/PixelStreamingPlayer/PixelStreamingPlayer.uplugin'), true),
    ),
  ],
  BothPlugins: [
    sample('both in the manifest', () => zipOf(withManifest(PS1, PS2))),
    sample('one in the manifest, one as a file', () => zipOf({ ...withManifest(PS1), [`Windows/${PS2}`]: '{}' })),
  ],
  NotShipping: [
    sample('Development', () => zipOf({ ...without(UE5, /Shipping/), [`${GAME_PROGRAM}.exe`]: 'MZ' })),
    sample('DebugGame', () => zipOf({ ...without(UE5, /Shipping/), [`${GAME_PROGRAM}-Win64-DebugGame.exe`]: 'MZ' })),
    sample('Test', () => zipOf({ ...without(UE5, /Shipping/), [`${GAME_PROGRAM}-Win64-Test.exe`]: 'MZ' })),
    sample('Development of UE 4, without code', () =>
      zipOf({ ...without(UE4, /Shipping/), 'WindowsNoEditor/Engine/Binaries/Win64/UE4Game.exe': 'MZ' }),
    ),
  ],
  EditorBinaries: [
    sample('the editor', () => zipOf({ ...UE5, 'Windows/Engine/Binaries/Win64/UnrealEditor.exe': 'MZ' })),
    sample('a module of the editor of UE 4', () =>
      zipOf({ ...UE4, 'WindowsNoEditor/MyGame/Binaries/Win64/UE4Editor-MyGame.dll': 'MZ' }),
    ),
  ],
  DebugSymbols: [
    sample('of the game', () =>
      rawZip({ entries: [...rawEntries(UE5), ...sizesOf({ [`${GAME_PROGRAM}-Win64-Shipping.pdb`]: 200e6 })] }),
    ),
    sample('of several', () =>
      rawZip({
        entries: [
          ...rawEntries(UE5),
          ...sizesOf({ [`${GAME_PROGRAM}.pdb`]: 60e6, 'Windows/Engine/Binaries/ThirdParty/A/a.PDB': 60e6 }),
        ],
      }),
    ),
  ],
  SeveralGames: [
    sample('two launchers', () => zipOf({ ...UE5, 'Windows/Other.exe': 'MZ' })),
    sample('a stale Development program', () => zipOf({ ...UE5, [`${GAME_PROGRAM}.exe`]: 'MZ' })),
    sample('two packages', () => zipOf({ ...UE5, ...UE4 })),
  ],
  NoContent: [
    sample('only the launcher', () => zipOf({ 'MyGame.exe': 'MZ' })),
    sample('Unity', () => zipOf({ 'MyGame.exe': 'MZ', 'UnityPlayer.dll': 'MZ', 'MyGame_Data/level0': '' })),
  ],
  Deflate64: [
    sample('all of it', () => rawZip({ entries: rawEntries(UE5, { method: 9 }) })),
    sample('one file', () =>
      rawZip({ entries: [...rawEntries(UE5), { name: 'Windows/x.bin', content: 'x', method: 9 }] }),
    ),
  ],
  UnusualCompression: [12, 14, 93, 95, 98, 77].map((method) =>
    sample(`method ${method}`, () => rawZip({ entries: rawEntries(UE5, { method }) })),
  ),
  NonAsciiNames: [
    sample('UTF-8', () => zipOf({ ...UE5, 'Windows/MyGame/Größe.txt': '' })),
    sample('UTF-8 that is not marked', cp(Buffer.from('Windows/ä.txt'))),
    sample('a code page', cp(Buffer.from([0x57, 0x84, 0x2e, 0x74]))),
  ],
  UnusualNames: [
    ...[
      '/',
      'Windows/a:b.txt',
      'Windows/what?.txt',
      'Windows/NUL',
      'Windows/com1.txt',
      'Windows/LPT².txt',
      'Windows/a./b',
      'Windows/a\tb',
      '',
    ].map((name) =>
      sample(`the name "${name}"`, () => rawZip({ entries: [...rawEntries(UE5), { name, content: 'x' }] })),
    ),
    sample('the same name twice', () =>
      rawZip({ entries: [...rawEntries(UE5), { name: 'WINDOWS/MyGame.exe', content: 'x' }] }),
    ),
  ],
  Backslashes: [
    sample('everywhere', () =>
      rawZip({
        entries: rawEntries(Object.fromEntries(Object.entries(UE5).map(([n, c]) => [n.replaceAll('/', '\\'), c]))),
      }),
    ),
    sample('in one name', () => rawZip({ entries: [...rawEntries(UE5), { name: 'Windows\\x.txt', content: 'x' }] })),
  ],
  BytesOutside: [
    sample('with a comment that looks like an end', () => {
      const fake = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18, 0xff), Buffer.from('text')]);
      return rawZip({ entries: rawEntries(UE5), comment: fake });
    }),
    sample('behind the end', () => rawZip({ entries: rawEntries(UE5), behind: Buffer.from('\n') })),
    sample('much behind the end', () => rawZip({ entries: rawEntries(UE5), behind: Buffer.alloc(60_000) })),
    sample('a program in front', () =>
      rawZip({ entries: rawEntries(UE5), before: Buffer.from(`MZ${'x'.repeat(1_000)}`) }),
    ),
    sample('a program in front that is counted', () =>
      rawZip({ entries: rawEntries(UE5), before: Buffer.from(`MZ${'x'.repeat(1_000)}`), isAdjusted: true }),
    ),
    sample('in front of a zip64', () =>
      rawZip({ entries: rawEntries(UE5), zip64: true, before: Buffer.from('#!/bin/sh\n') }),
    ),
  ],
};
