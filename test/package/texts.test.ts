import { describe, expect, it } from 'vitest';
import type { PackageFacts } from '../../functions/domain/model/package-verdict.ts';
import { applyPackageCheck } from '../../functions/domain/package/applied.ts';
import { isFolder, isUnusual, shown } from '../../functions/domain/package/entry-names.ts';
import { knownKind, looksLike } from '../../functions/domain/package/first-bytes.ts';
import { whatIsThere } from '../../functions/domain/package/no-game.ts';
import { packageText } from '../../functions/domain/package/package-text.ts';

describe('a file that is no zip', () => {
  it.each([
    ['7z\xbc\xaf\x27\x1c', 'a 7z archive'],
    ['MZ\x90', 'a Windows program'],
    ['\x7fELF', 'a Linux program'],
    ['#!/bin/sh', 'a script'],
    ['\0\0\0', 'nothing but zeros, as an unfinished download is'],
    ['hello\r\n\tyou', 'plain text'],
    ['\x80hello', 'of an unknown format'],
    ['hello\x80', 'of an unknown format'],
    ['hello\0', 'of an unknown format'],
  ])('is called what it begins as: %j', (head, what) => {
    expect(looksLike(Buffer.from(head, 'latin1'))).toBe(what);
  });

  it('is a page also behind the mark of UTF-8 at its start, and nowhere else', () => {
    const kindOf = (text: string) => knownKind(Buffer.from(text, 'latin1'));
    expect(kindOf('\xef\xbb\xbf <html>')).toBe('an HTML page');
    expect(kindOf(' \xef\xbb\xbf<html>')).toBeUndefined();
  });
});

describe('the name of an entry', () => {
  it.each([
    ['', '(an entry without a name)'],
    ['a\nb\u202ec', 'a?b?c'],
    ['x'.repeat(100), 'x'.repeat(100)],
    [`${'x'.repeat(50)}🎮${'y'.repeat(50)}`, `${'x'.repeat(49)}…${'y'.repeat(49)}`],
    [`${'x'.repeat(30_000)}${'y'.repeat(30_000)}`, `${'x'.repeat(49)}…${'y'.repeat(49)}`],
  ])('is shown in at most 100 characters of one line', (name, text) => {
    expect(shown(name)).toBe(text);
  });

  it('is unusual where it is longer than Windows takes, or empty', () => {
    expect(['', 'a'.repeat(240), 'a'.repeat(241)].map(isUnusual)).toEqual([true, false, true]);
  });

  it('is that of a folder where it ends in a slash, or is empty', () => {
    expect(['', 'a/', 'a', '/a'].map(isFolder)).toEqual([true, true, false, false]);
  });
});

describe('a zip without a game', () => {
  const said = (files: Readonly<Record<string, number>>) =>
    whatIsThere(Object.entries(files).map(([path, size]) => ({ path, size })));

  it.each<[RegExp, Readonly<Record<string, number>>]>([
    [/project \(A\.uproject\)/, { 'A.uproject.bak': 1, 'A.uproject': 1, 'Source/A.cs': 1 }],
    [/only holds another archive, A\.zip/, { 'A.zip': 50, 'a.png': 50 }],
    [/no \.exe .*It has A\.zip, for example/, { 'A.zip': 49, 'a.png': 51 }],
    [/no \.exe .*It has a\/b\/c\.txt/, { 'a/b/c.txt': 1 }],
    [/no \.exe .*It has W\/Engine\/Extras\/Redist/, { 'W/Engine/Extras/Redist/en-us/UEPrereqSetup_x64.exe': 1 }],
    [/program x\/y\/Less\.exe is too deep/, { 'a/b/c/More.exe': 1, 'x/y/Less.exe': 1, 'd/e/f/Most.exe': 1 }],
    [
      /program B\/W\/A\.exe is too deep/,
      { 'B/W/Engine/Binaries/ThirdParty/x.exe': 1, 'B/W/readme.txt': 1, 'B/W/A.exe': 1 },
    ],
    [/has the program A\/Binaries\/Win64\/A\.exe, but not the launcher/, { 'A/Binaries/Win64/A.exe': 1 }],
  ])('is described by what is in it: %s', (text, files) => {
    expect(said(files)).toMatch(text);
  });
});

describe('the check of a package', () => {
  const warning = { code: 'PluginMissing', detail: 'x' } as const;

  it.each(['refuse', 'warn', 'off', 'unchecked'] as const)('refuses what is no zip: %s', (check) => {
    const refusals = [{ code: 'NotAZip', detail: 'x' }] as const;
    expect(applyPackageCheck({ refusals, warnings: [] }, check)).toStrictEqual({ refusals, warnings: [] });
  });

  it('keeps ten warnings, those that replace a refusal first', () => {
    const verdict = { refusals: [{ code: 'NotAPackage', detail: 'x' }], warnings: Array(20).fill(warning) } as const;
    const { warnings } = applyPackageCheck(verdict, 'warn');
    expect(warnings.map(({ code }) => code)).toEqual(['NotChecked', ...Array(9).fill('PluginMissing')]);
  });
});

describe('what a build is', () => {
  it.each<[Partial<PackageFacts>, string]>([
    [{}, '1 file, 7 bytes unpacked'],
    [
      {
        game: 'MyGame',
        configuration: 'Shipping',
        engine: '5',
        plugin: 'PixelStreaming2',
        files: 2,
        unpackedSize: 9,
        debugSize: 3,
      },
      'MyGame, Shipping, Unreal Engine 5, Pixel Streaming 2, 2 files, 9 bytes unpacked, 3 bytes of it debug symbols',
    ],
  ])('is said in a line, without what is not known', (known, text) => {
    const facts = { plugin: 'unknown', files: 1, unpackedSize: 7, debugSize: 0, ...known } as const;
    expect(packageText(facts)).toBe(text);
  });
});
