/** Files that macOS and Windows leave in every zip. */
const JUNK = /(?:^|\/)(?:__MACOSX\/.*|\.DS_Store|Thumbs\.db|desktop\.ini)$/i;

/** Names that Windows can't store. Source: Microsoft's "Naming Files, Paths, and Namespaces". */
const UNUSUAL = /[<>:"|?*\p{Cc}]|[. ](?:\/|$)|(?:^|\/)(?:CON|PRN|AUX|NUL|COM\d|LPT\d)(?:\.[^/]*)?(?:\/|$)|\/\/|^\/+$/iu;

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
