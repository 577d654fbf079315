import { lstatSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SETTINGS_FILE } from '../../functions/domain/notify/operator-commands.ts';
import { parseJsonText } from './json-text.ts';

export { SETTINGS_FILE };

/** The name in CDK's context that is no setting, but the file of them. */
export const FILE_NAME = 'settings';

/** Where settings are looked for: in the directory's {@link SETTINGS_FILE}, or in the file that is named. */
export interface SettingsPlace {
  readonly directory: string;
  /** Relative to the directory, or absolute. Without it, or empty: {@link SETTINGS_FILE}, which may be missing. */
  readonly file?: string | undefined;
}

export interface SettingsFile {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** Why it could not be read, one line each; then there are no values. */
  readonly problems: readonly string[];
}

/**
 * Path of the file, whether or not there is one.
 *
 * @param resolved by the rules of the system
 */
export function settingsPath({ directory, file }: SettingsPlace, resolved = resolve): string {
  return resolved(directory, settingsName({ file }));
}

/** What messages call it. */
export function settingsName({ file }: Pick<SettingsPlace, 'file'>): string {
  return file || SETTINGS_FILE;
}

/** @returns `undefined` where there is none, and none was named */
export function readSettingsFile(place: SettingsPlace): SettingsFile | undefined {
  const path = settingsPath(place);
  const name = settingsName(place);
  const unusable = (...problems: string[]): SettingsFile => ({ name, values: {}, problems });
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT')
      return unusable(code === 'EISDIR' ? 'is a folder. Name a file' : `can't be read: ${message}`);
    if (place.file) return unusable(`there is no such file (${path})`);
    return isThere(path) ? unusable('is a link to a file that does not exist') : undefined;
  }
  const text = textOf(bytes);
  if (text === undefined) return unusable('is no text in UTF-8. Save it as UTF-8');
  if (text.trim() === '') return unusable('is empty. It needs at least one route: { "routes": [...] }');
  const { problems, value } = parseJsonText(text);
  if (problems.length > 0) return unusable(...problems);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return unusable('must be an object with settings: { "routes": [...] }');
  }
  // For editors.
  const { $schema, ...values } = value as Record<string, unknown>;
  return { name, values, problems: [] };
}

/** Whether there is a file, a folder, or a link that leads to nothing. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Text without a byte order mark. Windows PowerShell 5.1 writes UTF-16 with `>`.
 *
 * @returns `undefined` for what is no text in UTF-8, nor in UTF-16 with its mark
 */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8', { fatal: true }).decode(
      bytes,
    );
  } catch {
    return undefined;
  }
}
