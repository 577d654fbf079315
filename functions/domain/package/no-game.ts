import { shown } from './entry-names.ts';
import { type PackagedFile, projectsIn } from './layout.ts';

const FOR_WINDOWS = 'Package the project for Windows (64-bit) and zip that.';

/** Packages for other systems, by a file that only they have. */
const OTHER_SYSTEMS: readonly (readonly [what: string, file: RegExp])[] = [
  ['an Android package', /\.(?:apk|aab|obb)$|^AndroidManifest\.xml$/i],
  ['an iOS package', /\.ipa$|^Payload\/[^/]+\.app\//i],
  ['a macOS package', /\.app\/Contents\/|\.dmg$/i],
  ['a Linux package', /(?:^|\/)Binaries\/Linux[^/]*\/|^Linux(?:NoEditor|Server|Client)?\/[^/]+\.sh$/i],
  ['a package for the web', /\.wasm$/i],
];

const ARCHIVE = /\.(?:zip|7z|rar|tar|t?gz|xz|bz2|zst|iso)$/i;
const PROGRAM = /\.exe$/i;
const GAME = /^(?:[^/]+\/)?[^/]+\/Binaries\/Win(?:64|32)\/[^/]+\.exe$/i;
const TOOLS = /(?:^|\/)(?:Engine|Redist|Extras|ThirdParty|Prerequisites)\//i;

/** What a zip is that has no game to start: a sentence or two that name a file and say what to do. */
export function whatIsThere(files: readonly PackagedFile[]): string {
  const [project] = projectsIn(files);
  if (project !== undefined) {
    const { path = project } = files.find((each) => /\.uproject$/i.test(each.path)) ?? {};
    return `It is an Unreal project (${shown(path)}), not a package. ${FOR_WINDOWS}`;
  }
  for (const [what, pattern] of OTHER_SYSTEMS) {
    const file = files.find(({ path }) => pattern.test(path));
    if (file !== undefined) return `It is ${what} (${shown(file.path)}). ${FOR_WINDOWS}`;
  }
  const archive = files.find(({ path, size }) => ARCHIVE.test(path) && 2 * size >= total(files));
  if (archive !== undefined) {
    return `It only holds another archive, ${shown(archive.path)}. Drop that one, if it is the zip of the package.`;
  }
  const games = files.filter(({ path }) => PROGRAM.test(path) && !TOOLS.test(path));
  const own = games.find(({ path }) => GAME.test(path));
  if (own !== undefined) {
    return `It has the program ${shown(own.path)}, but not the launcher that Unreal puts beside that folder. ${WHOLE_FOLDER}`;
  }
  const [deep] = games.toSorted((a, b) => depth(a) - depth(b));
  if (deep !== undefined) {
    return `Its program ${shown(deep.path)} is too deep: it must be at the top of the zip or in the first folder. ${WHOLE_FOLDER}`;
  }
  const [{ path = '' } = {}] = files;
  return `There is no game for Windows: no .exe at the top of the zip or in its first folder. It has ${shown(path)}, for example. ${FOR_WINDOWS}`;
}

const WHOLE_FOLDER = 'Zip the whole folder that Unreal packages into (Windows).';

function total(files: readonly PackagedFile[]): number {
  return files.reduce((all, { size }) => all + size, 0);
}

function depth({ path }: PackagedFile): number {
  return path.split('/').length;
}
