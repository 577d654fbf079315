import { describe, expect, it } from 'vitest';
import { layoutOf, projectsIn } from '../../functions/domain/package/layout.ts';

type Files = readonly (string | readonly [path: string, size: number])[];
const filesOf = (files: Files) =>
  files.map((file) => (typeof file === 'string' ? { path: file, size: 1 } : { path: file[0], size: file[1] }));
const layout = (files: Files, manifest?: string) => layoutOf(filesOf(files), manifest);

describe('the version of Unreal Engine', () => {
  it.each([
    ['4', 'WindowsNoEditor/readme.txt'],
    ['4', 'A/Content/Paks/A-WindowsNoEditor.pak'],
    ['4', 'A/Content/Paks/A-WindowsNoEditor_0_P.ucas'],
    ['4', 'UE4PrereqSetup_x64.exe'],
    ['4', 'W/Engine/Binaries/Win64/UE4Game-Win64-Shipping.exe'],
    ['5', 'A/Content/Paks/pakchunk0-Windows.pak'],
    ['5', 'A/Content/Paks/pakchunk0-Windows_0_P.ucas'],
    ['5', 'W/Engine/Extras/Redist/en-us/UEPrereqSetup_x64.exe'],
    ['5', 'UnrealGame.exe'],
    [undefined, 'A/WindowsNoEditor/readme.txt'],
    [undefined, 'A-WindowsNoEditor.pak.txt'],
    [undefined, 'A-WindowsNoEditor_0-1.pak'],
    [undefined, 'W/MyUE4Game.exe'],
    [undefined, 'W/UE4Game/readme.txt'],
    [undefined, 'W/UE4Game.exe.config'],
    [undefined, 'A-Windows.pak.txt'],
    [undefined, 'A-Windows_0-1.pak'],
    [undefined, 'W/MyUnrealGame.exe'],
    [undefined, 'W/UnrealGame/a.exe'],
    [undefined, 'W/UnrealGame.exe.config'],
  ])('is %s by the file %s', (engine, path) => {
    expect(layout([path]).facts.engine).toBe(engine);
  });

  it('is that of Unreal Engine 4 where both have left a file', () => {
    expect(layout(['A-Windows.pak', 'A-WindowsNoEditor.pak']).facts.engine).toBe('4');
  });
});

describe('the plugin', () => {
  it.each<[string, Files, string?]>([
    ['PixelStreaming', ['PixelStreaming.uplugin']],
    ['PixelStreaming', ['x'], 'Engine/Plugins/PixelStreaming.uplugin\t2026'],
    ['PixelStreaming', ['Samples/PixelStreaming/run.bat']],
    ['PixelStreaming', ['W/A/Programs/PixelStreaming/run.bat']],
    ['PixelStreaming2', ['W/Plugins/PixelStreaming2.uplugin']],
    ['PixelStreaming2', ['x'], 'Engine/Plugins/PixelStreaming2.uplugin\t2026'],
    ['both', ['W/Plugins/PixelStreaming2.uplugin'], 'Engine/Plugins/PixelStreaming.uplugin'],
    ['none', ['x'], 'Engine/Plugins/MyPixelStreaming.uplugin'],
    ['none', ['x'], 'Engine/Plugins/PixelStreaming.uplugins.txt\nA.uplugin'],
    ['none', ['x'], 'Engine/Plugins/PixelStreaming2.uplugins.txt\nA.uplugin'],
    ['unknown', ['x'], 'A.uplugins'],
    ['unknown', ['MySamples/PixelStreaming/run.bat', 'Samples/PixelStreaming.txt']],
    ['unknown', ['x']],
  ])('is %s: %j %j', (plugin, files, manifest) => {
    expect(layout(files, manifest).facts.plugin).toBe(plugin);
  });
});

describe('the game', () => {
  const WIN64 = 'W/A/Binaries/Win64';

  it.each<[Files, string | undefined, string | undefined]>([
    [['W/A.exe', `${WIN64}/A-Win64-Shipping.exe`], 'A', 'Shipping'],
    [['W/A.exe', 'W/A/Binaries/Win32/A-Win32-Test.exe'], 'A', 'Test'],
    [['W/A.exe', `${WIN64}/A-Win64-Debug.exe`], 'A', 'Debug'],
    [['W/A.exe', `${WIN64}/A-win64-debuggame.exe`], 'A', 'DebugGame'],
    [['W/A.exe', `${WIN64}/a.exe`], 'a', 'Development'],
    [['W/Start.exe', `${WIN64}/A.exe`], 'A', 'Development'],
    [['W/A.exe', 'W/Other/Binaries/Win64/A.exe'], 'A', 'Development'],
    [['W/A.exe', `${WIN64}/Tool.exe`], 'A', undefined],
    [['W/A.exe', `${WIN64}/Deep/A-Win64-Shipping.exe`], 'A', undefined],
    [['W/A.exe', 'W/x/A/Binaries/Win64/A-Win64-Shipping.exe'], 'A', undefined],
    [['W/A.exe', 'V/A/Binaries/Win64/A-Win64-Shipping.exe'], 'A', undefined],
    [['W/A.exe', `${WIN64}/A-Win64-Shipping.exe.bak`], 'A', undefined],
    [['W/A.exe', `${WIN64}/CrashReportClient-Win64-Shipping.exe`], 'A', undefined],
    [['W/A.exe', `${WIN64}/A-Win64-Test.exe`, `${WIN64}/A-Win64-Shipping.exe`], 'A', 'Shipping'],
    [['A-Win64-Shipping.exe'], 'A', undefined],
    [['A.EXE'], 'A', undefined],
    [['A.exe2.exe'], 'A.exe2', undefined],
    [
      ['W/DXSetup.exe', 'W/DXSetup/Binaries/Win64/DXSETUP-Win64-Shipping.exe', 'W/DXSetup/Content/a.pak'],
      'DXSETUP',
      'Shipping',
    ],
    [['W/A.exe', 'W/Engine/Binaries/Win64/UE4Game-Win64-Shipping.exe'], 'A', 'Shipping'],
    [['W/A.exe', 'W/Engine/Binaries/Win64/UnrealGame.exe'], 'A', 'Development'],
    [['W/A/A.exe'], undefined, undefined],
    [[], undefined, undefined],
  ])('of %j is %s, %s', (files, game, configuration) => {
    const { facts } = layout(files);
    expect([facts.game, facts.configuration]).toEqual([game, configuration]);
    expect(Object.values(facts)).not.toContain(undefined);
  });

  it.each<[Files, string | undefined, readonly string[]]>([
    [['Zed.exe', 'Ann.exe', 'ann/x'], 'Ann.exe', ['Zed.exe']],
    [['Win/Zed.exe', 'Win/Ann.exe', 'Win/ann/x'], 'Win/Ann.exe', ['Win/Zed.exe']],
    [['Zed.exe', 'Ann.exe2.exe', 'ann.exe2/x'], 'Ann.exe2.exe', ['Zed.exe']],
    [['W/Z.exe', 'W/A.exe', 'W/x/A/y'], 'W/Z.exe', ['W/A.exe']],
    [['W/Z.exe', 'W/A.exe'], 'W/Z.exe', ['W/A.exe']],
    [['A.exe', 'a/Tool.exe'], 'A.exe', []],
    [['A.exe', 'B/Tool.exe'], 'A.exe', ['B/Tool.exe']],
    [['A.exe', 'Engine/Tool.exe'], 'A.exe', []],
    [['A.exe', 'x/y/B.exe', 'B.exe.bak'], 'A.exe', []],
    [['W/A.exe', 'W/A.uproject', 'W/Source/a.cs'], undefined, []],
    [
      ['W/A.exe', `${WIN64}/A-Win64-Shipping.exe`, `${WIN64}/A.exe`, `${WIN64}/A-Win64-Test.exe`],
      'W/A.exe',
      [`${WIN64}/A.exe`, `${WIN64}/A-Win64-Test.exe`],
    ],
    [['W/A.exe', `${WIN64}/A-Win64-Shipping.exe`, 'W/B/Binaries/Win64/B-Win64-Shipping.exe'], 'W/A.exe', []],
  ])('of %j is started by %s, beside %j', (files, launcher, rivals) => {
    expect(layout(files)).toMatchObject({ launcher, rivals });
  });
});

describe('what else is in a package', () => {
  it('is counted', () => {
    const files = [
      ['A.exe', 5],
      ['W/Binaries/a.pdb', 2],
      ['Binaries/B.PDB', 3],
      ['pdb/c.pdb', 7],
    ] as const;
    expect(layout(files)).toMatchObject({
      facts: { files: 4, unpackedSize: 17, debugSize: 5 },
      debugFile: 'Binaries/B.PDB',
      hasContent: false,
    });
    expect(layout([]).debugFile).toBeUndefined();
  });

  it.each(['a.pak', 'a.UCAS', 'a.utoc', 'x/a.uasset', 'x/a.umap'])('is content: %s', (path) => {
    expect(layout([path, 'A.exe']).hasContent).toBe(true);
    expect(layout([`${path}.txt`]).hasContent).toBe(false);
  });

  it.each<[string | undefined, string]>([
    ['Binaries/Win64/UnrealEditor.exe', 'Binaries/Win64/UnrealEditor.exe'],
    ['W/Binaries/Win64/UE4Editor-A.dll', 'W/Binaries/Win64/UE4Editor-A.dll'],
    [undefined, 'W/MyBinaries/Win64/UnrealEditor.exe'],
    [undefined, 'W/Binaries/Win64/UnrealEditor.txt'],
  ])('is a program of the editor, %s: %s', (program, path) => {
    expect(layout(['x', path]).editorProgram).toBe(program);
  });
});

describe('a project that was zipped', () => {
  it.each<[readonly string[], readonly string[]]>([
    [[''], ['A.uproject', 'Source/A.cs']],
    [['A/'], ['A/A.UPROJECT', 'A/source/A.cs', 'A/Source/B.cs']],
    [[''], ['A.uproject', 'Content/Maps/a.umap']],
    [['A/'], ['A/A.uproject', 'A/Content/a.uasset']],
    [[], ['A.uproject', 'Content/readme.txt']],
    [[], ['A.uproject', 'MySource/A.cs']],
    [[], ['A/A.uproject', 'B/Source/A.cs']],
    [[], ['A/B/A.uproject', 'A/B/Source/A.cs']],
    [[], ['A/B/A.uproject', 'B/Source/A.cs']],
    [[], ['A.uproject', 'Content/Source/a.txt', 'Content/a.umap.txt']],
    [[], ['A.uproject.bak', 'Source/A.cs']],
    [[], ['Source/A.cs']],
    [[], ['A.uproject']],
    [[], ['A.uproject', 'Source/A.cs', 'x/a.pak']],
  ])('is in %j: %j', (folders, files) => {
    expect(projectsIn(filesOf(files))).toEqual(folders);
  });
});
