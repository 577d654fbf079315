import { present } from '../model/optional-fields.ts';
import type { Configuration, PackageFacts, Plugin } from '../model/package-verdict.ts';

export interface PackagedFile {
  /** With slashes. */
  readonly path: string;
  /** Bytes, unpacked. */
  readonly size: number;
}

/** How a package is laid out. */
export interface Layout {
  readonly facts: PackageFacts;
  /** The program that starts the game; `undefined` where there is none at the top or in the first folder. */
  readonly launcher: string | undefined;
  /** Other programs that could be the game. */
  readonly rivals: readonly string[];
  readonly hasContent: boolean;
  readonly editorProgram: string | undefined;
  /** The largest file with debug symbols. */
  readonly debugFile: string | undefined;
}

/**
 * Programs that come with Unreal Engine or Windows, or that install something, by their whole first word: `CrashReporterVR` is none.
 * One that has a game's folder of its own name is the game all the same.
 */
const HELPER =
  /(?:^|\/)(?:UE[45]?Prereq(?:Setup)?|vc_?redist|dx(?:web)?setup|CrashReport(?:er|Client(?:Editor)?)?|crashpad|UnrealCEFSubProcess|EpicWebHelper|unins\d+|EasyAntiCheat(?:Setup)?|start_protected_game|oalinst|dotnet(?:fx)?)(?:x64|x86)?(?![a-z])[^/]*$/i;
/** A file of a game, in the folder that has its name. */
const IN_GAME_FOLDER = /^((?:[^/]+\/)?[^/]+\/)(?:Binaries\/Win[^/]*|Content)\//i;
/** Unreal's own names for the program of a game without code. */
const GENERIC_GAME = /^(?:UE4|Unreal)Game$/i;
const EDITOR = /\/Binaries\/Win64\/(?:UE4|Unreal)Editor[^/]*\.(?:exe|dll)$/i;
const CONTENT = /\.(?:pak|ucas|utoc|uasset|umap)$/i;
const PAKS = /\.(?:pak|ucas)$/i;
const CONFIGURATION = /-Win(?:64|32)-(Shipping|Test|DebugGame|Debug)$/i;

/** @param manifest text of the manifest of what is in the package's archives, where there is one */
export function layoutOf(files: readonly PackagedFile[], manifest?: string): Layout {
  const candidates = launchersIn(files);
  const folders = foldersIn(files);
  const launcher =
    candidates.find((path) => folders.has(`${path.replace(/\.exe$/i, '')}/`.toLowerCase())) ?? candidates[0];
  const root = launcher === undefined ? undefined : folderOf(launcher);
  const games = root === undefined ? [] : gamesIn(files, root, stemOf(launcher ?? ''));
  const configurations = games.map(({ configuration }) => configuration);
  const debug = files.filter(({ path }) => isDebugFile(path));
  const best = games.find(({ configuration }) => configuration === 'Shipping') ?? games[0];
  const game = best?.game ?? (launcher === undefined ? undefined : stemOf(launcher).replace(CONFIGURATION, ''));
  const engine = engineOf(files);
  return {
    facts: {
      ...present({ game, engine, configuration: best?.configuration }),
      plugin: pluginOf(files, manifest),
      files: files.length,
      unpackedSize: sum(files),
      debugSize: sum(debug),
    },
    launcher,
    rivals: [
      ...candidates.filter((path) => path !== launcher),
      ...(new Set(configurations).size > 1 ? games.filter((each) => each !== best).map(({ path }) => path) : []),
    ],
    hasContent: files.some(({ path }) => CONTENT.test(path)),
    editorProgram: files.find(({ path }) => EDITOR.test(`/${path}`))?.path,
    debugFile: debug.toSorted((a, b) => b.size - a.size)[0]?.path,
  };
}

/** Programs at the top or in the first folder, without those in the folders of a game and of the engine beside it. */
function launchersIn(files: readonly PackagedFile[]): string[] {
  const programs = files.map(({ path }) => path).filter((path) => /^(?:[^/]+\/)?[^/]+\.exe$/i.test(path));
  const games = new Set(programs.filter((path) => !path.includes('/')).map((path) => stemOf(path).toLowerCase()));
  const projects = new Set(projectsIn(files));
  const gameFolders = new Set(files.map(({ path }) => IN_GAME_FOLDER.exec(path)?.[1]?.toLowerCase()));
  return programs.filter((path) => {
    const folder = folderOf(path);
    const name = folder.slice(0, -1).toLowerCase();
    const isGame = gameFolders.has(`${folder}${stemOf(path)}/`.toLowerCase());
    const isTool = HELPER.test(path) || name === 'engine';
    return (isGame || !isTool) && !games.has(name) && !projects.has(folder);
  });
}

/**
 * Folders of projects that were zipped rather than packaged: their sources are beside their .uproject, and nothing is packed. In a
 * package that is not packed into .pak files, the .uproject is a folder below the launcher.
 */
export function projectsIn(files: readonly PackagedFile[]): string[] {
  if (files.some(({ path }) => PAKS.test(path))) return [];
  const projects = new Set(files.flatMap(({ path }) => /^((?:[^/]+\/)?)[^/]+\.uproject$/i.exec(path)?.[1] ?? []));
  const sources = files.flatMap(({ path }) => {
    const [, folder = '', rest = ''] = /^((?:[^/]+\/)?)((?:Source|Content)\/.*)/i.exec(path) ?? [];
    const isSource = /^Source\//i.test(rest) || /\.(?:uasset|umap)$/i.test(rest);
    return isSource ? [folder] : [];
  });
  return [...new Set(sources)].filter((folder) => projects.has(folder));
}

/** The folders at the top and those in them, in lower case. */
function foldersIn(files: readonly PackagedFile[]): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const { path } of files) {
    const [, top = '', second = ''] = /^([^/]+\/)([^/]+\/)?/.exec(path.toLowerCase()) ?? [];
    folders.add(top).add(`${top}${second}`);
  }
  return folders;
}

function isDebugFile(path: string): boolean {
  const name = `/${path}`.toLowerCase();
  return name.endsWith('.pdb') && name.includes('/binaries/');
}

interface Game {
  readonly game: string;
  readonly path: string;
  readonly configuration: Configuration;
}

/** The games' own programs, which the launcher starts. */
function gamesIn(files: readonly PackagedFile[], root: string, launcher: string): Game[] {
  return files.flatMap(({ path }) => {
    if (!path.startsWith(root)) return [];
    const [, folder = '', stem] =
      /^([^/]+)\/Binaries\/Win(?:64|32)\/([^/]+)\.exe$/i.exec(path.slice(root.length)) ?? [];
    if (stem === undefined) return [];
    const name = stem.replace(CONFIGURATION, '');
    if (HELPER.test(path) && name.toLowerCase() !== folder.toLowerCase()) return [];
    const game = GENERIC_GAME.test(name) ? launcher : name;
    if (name !== stem) return [{ game, path, configuration: configurationOf(stem) }];
    const isGame = [folder, launcher].some((each) => each.toLowerCase() === stem.toLowerCase());
    return isGame || GENERIC_GAME.test(name) ? [{ game, path, configuration: 'Development' as const }] : [];
  });
}

function configurationOf(stem: string): Configuration {
  const found = CONFIGURATION.exec(stem)?.[1]?.toLowerCase();
  const named = ['Shipping', 'Test', 'DebugGame', 'Debug'] as const;
  return named.find((each) => each.toLowerCase() === found) ?? 'Development';
}

/** By what Unreal names its files: since version 5, without `NoEditor`. */
function engineOf(files: readonly PackagedFile[]): '4' | '5' | undefined {
  const has = (pattern: RegExp) => files.some(({ path }) => pattern.test(path));
  if (
    has(/(?:^|\/)(?:UE4PrereqSetup|UE4Game)[^/]*\.exe$|-WindowsNoEditor(?:_\w+)?\.(?:pak|ucas)$|^WindowsNoEditor\//i)
  ) {
    return '4';
  }
  if (has(/(?:^|\/)(?:UEPrereqSetup|UnrealGame)[^/]*\.exe$|-Windows(?:_\w+)?\.(?:pak|ucas)$/i)) return '5';
  return undefined;
}

/** `none` only where the plugins of the package are listed: a manifest may be missing, or be another program's. */
function pluginOf(files: readonly PackagedFile[], manifest = ''): Plugin {
  const has = (pattern: RegExp) => pattern.test(manifest) || files.some(({ path }) => pattern.test(`/${path}`));
  const first =
    has(/\/PixelStreaming\.uplugin\b/i) ||
    // The web servers of the first plugin are beside the package's archives.
    files.some(({ path }) => /(?:^|\/)(?:Samples|Programs)\/PixelStreaming\//i.test(path));
  const second = has(/\/PixelStreaming2\.uplugin\b/i);
  if (first && second) return 'both';
  if (first) return 'PixelStreaming';
  if (second) return 'PixelStreaming2';
  return /\.uplugin\b/i.test(manifest) ? 'none' : 'unknown';
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

function stemOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.exe$/i, '');
}

function sum(files: readonly PackagedFile[]): number {
  return files.reduce((total, { size }) => total + size, 0);
}
