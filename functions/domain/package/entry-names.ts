/** Files that macOS and Windows leave in every zip. */
const JUNK = /(?:^|\/)(?:__MACOSX\/.*|\.DS_Store|Thumbs\.db|desktop\.ini)$/i;

/** Names that Windows can't store. Source: Microsoft's "Naming Files, Paths, and Namespaces". */
const UNUSUAL =
  /[<>:"|?*\p{Cc}]|[. ](?:\/|$)|(?:^|\/)(?:CON|PRN|AUX|NUL|(?:COM|LPT)[\d¹²³])(?:\.[^/]*)?(?:\/|$)|\/\/|^\/+$/iu;

/** Longer paths than this do not fit into what Windows takes by default, together with a folder. In characters. */
const LONGEST_PATH = 240;

/** @param path with slashes */
export const isFolder = (path: string) => path.endsWith('/') || path === '';
export const isJunk = (path: string) => JUNK.test(path);
export const isUnusual = (path: string) => path === '' || path.length > LONGEST_PATH || UNUSUAL.test(path);

/** Why an entry of that name would be unpacked outside of its folder; `undefined` for a harmless one. */
export function dangerOf(path: string): string | undefined {
  if (/^[a-z]:/i.test(path)) return 'names a drive';
  // One that is nothing but slashes names no file.
  if (/^\/+[^/]/.test(path)) return 'is absolute';
  return path.split('/').includes('..') ? 'leads out of its folder (..)' : undefined;
}

/** The longest that is shown of a name, in characters. */
const SHOWN_LENGTH = 100;

/** The name of an entry, which comes from outside, fit to be shown: on one line, not too long, and without characters that change how it looks. */
export function shown(name: string): string {
  const ends = 2 * SHOWN_LENGTH;
  const plain = (name.length > 2 * ends ? `${name.slice(0, ends)}${name.slice(-ends)}` : name)
    .toWellFormed()
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  const characters = [...plain];
  if (plain === '') return '(an entry without a name)';
  if (characters.length <= SHOWN_LENGTH) return plain;
  const half = SHOWN_LENGTH / 2 - 1;
  return `${characters.slice(0, half).join('')}…${characters.slice(-half).join('')}`;
}
