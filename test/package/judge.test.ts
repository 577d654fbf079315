import { describe, expect, it } from 'vitest';
import {
  PACKAGE_WARNINGS,
  type PackageFacts,
  type RefusalReason,
  type WarningCode,
} from '../../functions/domain/model/package-verdict.ts';
import { zipOf } from '../../local/start/sample-build.ts';
import { judged } from '../support/judged.ts';
import { CountedFile, rawZip } from '../support/raw-zip.ts';
import { contentsOnly, GOOD, REFUSED, rawEntries, type Sample, UE4, UE5, WARNED, without } from './corpus.ts';

const rows = <Code extends string>(table: Readonly<Partial<Record<Code, readonly Sample[]>>>) =>
  (Object.entries(table) as [Code, readonly Sample[]][]).flatMap(([code, samples]) =>
    samples.map(({ make, name }) => [code, name, make] as const),
  );

describe('a good package', () => {
  it.each(GOOD)('is neither refused nor warned of: $name', async ({ make }) => {
    const { content, verdict } = await judged(await make());
    expect(verdict).toMatchObject({ refusals: [], warnings: [], facts: { game: 'MyGame' } });
    expect(content).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('a program', () => {
  const facts = async (...names: string[]) =>
    (await judged(rawZip({ entries: names.map((name) => ({ name, content: 'x' })) }))).verdict;
  const HELPERS = [
    'UEPrereqSetup_x64',
    'UE4PrereqSetup_x64',
    'vc_redist.x64',
    'vcredist_x86',
    'vcredistx64',
    'DXSETUP',
    'dxwebsetup',
    'CrashReportClient',
    'CrashReportClient-Win64-Shipping',
    'CrashReportClientEditor',
    'crashpad_handler',
    'UnrealCEFSubProcess',
    'EpicWebHelper',
    'unins000',
    'EasyAntiCheat_EOS_Setup',
    'start_protected_game',
    'oalinst',
    'dotnet-runtime-8.0.1-win-x64',
    'dotNetFx45_Full_setup',
  ];

  it.each(HELPERS)('%s is no game, alone or beside one', async (name) => {
    expect((await facts(`${name}.exe`, 'a.pak')).refusals).toMatchObject([{ code: 'NotAPackage' }]);
    expect((await facts('Windows/AA.exe', `Windows/${name}.exe`, 'Windows/AA/Content/a.pak')).warnings).toEqual([]);
  });

  it.each([...HELPERS.filter((name) => !/-Win64-/.test(name)), 'Engine'])(
    '%s is the game where a folder of that name is one',
    async (name) => {
      for (const folder of ['', 'Windows/', 'Engine/']) {
        const program = `${folder}${name}.exe`;
        const shipping = `${folder}${name}/Binaries/Win64/${name}-Win64-Shipping.exe`;
        const verdict = await facts(program, shipping, `${folder}${name}/Content/Paks/a.pak`);
        expect(verdict).toMatchObject({ refusals: [], warnings: [], facts: { game: name } });
      }
    },
  );

  it.each(['DotNetRacer', 'CrashReporterVR', 'DXSetupper', 'UnrealCEFSubProcessor', 'EasyAntiCheating'])(
    '%s only begins like one that is no game',
    async (name) => {
      expect(await facts(`${name}.exe`, 'data/a.pak')).toMatchObject({ refusals: [], facts: { game: name } });
    },
  );

  it('of the engine is no game', async () => {
    const { refusals } = await facts('Engine/Tool.exe', 'Engine/Binaries/Win64/Tool.exe', 'Engine/Content/a.pak');
    expect(refusals).toMatchObject([{ code: 'NotAPackage' }]);
  });
});

describe('a zip that Streampixel can not run', () => {
  it.each(rows(REFUSED))('is refused as %s: %s', async (code: RefusalReason, _, make) => {
    const { refusals } = (await judged(await make())).verdict;
    expect(refusals[0]).toMatchObject({ code, detail: expect.stringMatching(/^[A-Z\d].{10,280}[.)]$/s) });
  });

  it.each<[string, RegExp]>([
    ['7z', /7z archive/],
    ['RAR 5', /RAR/],
    ['gzip', /gzip/],
    ['tar with a zip in it', /tar archive/],
    ['HTML with a mark and blanks in front', /HTML/],
    ['Git LFS', /Git LFS/],
    ['nothing', /empty/],
    ['zeros', /zeros/],
    ['cut off by a byte', /cut off/],
    ['the first part of a split zip', /split/],
    ['the last part of a split zip64', /split/],
    ['a password for one file', /Windows\/key\.txt/],
    ['Linux', /Linux package \(Linux\/MyGame/],
    ['Android', /Android package \(Android_ASTC\/MyGame-arm64\.apk\)/],
    ['macOS', /macOS/],
    ['iOS', /iOS/],
    ['another zip', /another archive, MyGame\.zip/],
    ['a project with sources', /project \(MyGame\/MyGame\.uproject\)/],
    ['a program that is too deep', /Builds\/Windows\/MyGame\.exe is too deep/],
    ['no launcher', /launcher/],
    ['the name Windows/../../MyGame.ini', /Windows\/\.\.\/\.\.\/MyGame\.ini leads out/],
    ['only folders', /folders/],
  ])('says what it is: %s', async (name, words) => {
    const [, , make] = rows(REFUSED).find(([, each]) => each === name) ?? [];
    if (make === undefined) throw new Error(`there is no sample ${name}`);
    expect((await judged(await make())).verdict.refusals[0]?.detail).toMatch(words);
  });
});

describe('a zip that Streampixel may not like', () => {
  it.each(rows(WARNED))('gets the warning %s: %s', async (code: WarningCode, _, make) => {
    const { refusals, warnings } = (await judged(await make())).verdict;
    expect(refusals).toEqual([]);
    expect(warnings).toContainEqual({ code, detail: expect.stringMatching(/^.{3,250}\.$/s) });
  });

  it('knows every warning there is', () => {
    const elsewhere = ['NotChecked', 'LargeBuild', 'WrappedSizes'];
    expect([...Object.keys(WARNED), ...elsewhere].sort()).toEqual(Object.keys(PACKAGE_WARNINGS).sort());
  });

  it('of 24 GB is warned of', async () => {
    expect(await codesBehind(23.9e9)).not.toContain('LargeBuild');
    expect(await codesBehind(24e9)).toContain('LargeBuild');
  });

  it('of macOS, with sizes cut to 32 bits, is warned of', async () => {
    const codes = await codesBehind(2 ** 32, 'PK\x03\x04');
    expect(codes).toContain('WrappedSizes');
    expect(codes).not.toContain('BytesOutside');
  });

  /** Of a zip without 64-bit numbers behind so many other bytes. */
  async function codesBehind(gap: number, mark = 'MZ'): Promise<string[]> {
    const zip = rawZip({ entries: rawEntries(UE5) });
    const file = new CountedFile(gap + zip.length, (start, end) => {
      const bytes = Buffer.alloc(end - start);
      if (end > gap) zip.copy(bytes, Math.max(0, gap - start), Math.max(0, start - gap), end - gap);
      if (start === 0) bytes.write(mark, 'latin1');
      return bytes;
    });
    const { verdict } = await judged(file);
    expect(verdict.refusals).toEqual([]);
    return verdict.warnings.map(({ code }) => code);
  }
});

describe('what a build is', () => {
  const FACTS: PackageFacts = {
    game: 'MyGame',
    engine: '5',
    configuration: 'Shipping',
    plugin: 'PixelStreaming2',
    files: 10,
    unpackedSize: expect.any(Number),
    debugSize: 0,
  };
  it.each<[string, Parameters<typeof zipOf>[0], Partial<PackageFacts>]>([
    ['UE 5', UE5, {}],
    ['UE 5 without its folder', contentsOnly(UE5), {}],
    ['UE 4', UE4, { engine: '4', plugin: 'PixelStreaming', files: 8 }],
    ['UE 4 without its manifest', without(UE4, /UFS/), { engine: '4', plugin: 'PixelStreaming', files: 6 }],
    ['UE 5 without its manifest', without(UE5, /Manifest/), { plugin: 'unknown', files: 8 }],
    [
      'a Development build with debug symbols',
      {
        ...without(UE5, /Shipping/),
        'Windows/MyGame/Binaries/Win64/MyGame.exe': 'MZ',
        'Windows/MyGame/Binaries/Win64/MyGame.pdb': 'x'.repeat(500),
        'Windows/MyGame/Content/Proteins/1abc.pdb': 'x',
      },
      { configuration: 'Development', files: 12, debugSize: 500 },
    ],
  ])('is said of %s', async (_, files, changes) => {
    expect((await judged(await zipOf(files))).verdict.facts).toEqual({ ...FACTS, ...changes });
  });

  it('says no engine and no configuration where nothing shows them', async () => {
    const { facts } = (await judged(await zipOf({ 'Viewer.exe': 'MZ', 'data/x.pak': '' }))).verdict;
    expect(facts).toEqual({ game: 'Viewer', plugin: 'unknown', files: 2, unpackedSize: 2, debugSize: 0 });
  });

  it('counts what is unpacked', async () => {
    const { facts } = (await judged(await zipOf({ 'A.exe': 'x'.repeat(10_000), 'A/A.pak': 'y' }, true))).verdict;
    expect(facts?.unpackedSize).toBe(10_001);
  });
});

describe('a name that was chosen to confuse', () => {
  it('is shown on one line, not too long, and without tricks', async () => {
    const name = `Windows/../${'x'.repeat(50_000)}\n\u001b[31m\u202egnp.exe`;
    const { refusals } = (await judged(rawZip({ entries: [...rawEntries(UE5), { name, content: 'x' }] }))).verdict;
    expect(refusals[0]?.detail.length).toBeLessThan(250);
    expect(refusals[0]?.detail).toMatch(/^[\x20-\x7e…]+$/);
  });
});
