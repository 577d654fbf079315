import { join } from 'node:path';
import * as v from 'valibot';
import { settingsIn } from '../../infra/settings/app-settings.ts';
import { readSettings } from '../../infra/settings/read.ts';
import { type Settings, settingsSchema } from '../../infra/settings/schema.ts';
import { readSettingsFile, type SettingsFile } from '../../infra/settings/settings-file.ts';
import { OperatorError } from '../operator-error.ts';

/**
 * The settings that `cdk deploy` would deploy from this directory.
 *
 * @param file the one that is named, else that of the directory
 * @returns `undefined` where there is no file
 * @throws SettingsError with what is wrong with it
 */
export function settingsHere(file?: string): Settings | undefined {
  const found = fileHere(file);
  return found && readSettings({}, { file: found });
}

/**
 * The stack's name in the file of settings, whatever is wrong with the rest.
 *
 * @returns `undefined` where it is not set
 * @throws OperatorError where the file can't be read, or its name can't be used
 */
export function stackNameHere(file?: string): string | undefined {
  const found = fileHere(file);
  const problem = found?.problems[0];
  if (problem !== undefined) throw unusable(`${found?.name}: ${problem}`, found?.name);
  const name = found?.values.stackName;
  if (name === undefined) return undefined;
  const parsed = v.safeParse(settingsSchema.entries.stackName, name);
  if (parsed.success) return parsed.output;
  throw unusable(`${found?.name}: stackName: ${parsed.issues[0].message}`, found?.name);
}

function unusable(message: string, name = ''): OperatorError {
  return new OperatorError(
    'Settings',
    message,
    `Correct ${name}, name another file (--settings FILE), or name the stack: --stack NAME.`,
  );
}

function fileHere(file?: string): SettingsFile | undefined {
  const directory = process.cwd();
  const found = readSettingsFile({ directory, file });
  // By default the tool would act on another stack than before the upgrade.
  const former = found === undefined ? settingsIn(join(directory, 'cdk.json')).routes : undefined;
  if (JSON.stringify(former ?? '').includes('apiKeyParameter')) {
    const message = 'The settings are still in cdk.json.';
    throw new OperatorError('Settings', message, (commands) => `Move them to a file of their own: ${commands.init()}`);
  }
  return found;
}
