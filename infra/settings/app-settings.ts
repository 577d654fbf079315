import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { isKeyOfCdk, readSettings } from './read.ts';
import { SAMPLE_ROUTES } from './sample.ts';
import { type Settings, settingsSchema } from './schema.ts';
import { FILE_NAME, readSettingsFile, SETTINGS_FILE } from './settings-file.ts';
import { unknownName } from './unknown-name.ts';

type Values = Readonly<Record<string, unknown>>;

/**
 * The settings of the app: those of the file in the directory, or of the one that `-c settings=FILE` names, with what `-c name=value`
 * sets on top. Where there is no file, and no `-c routes=`, the routes are the sample's.
 *
 * @param context of CDK, where its CLI has put together what `-c`, cdk.json, cdk.context.json and ~/.cdk.json have
 * @param home where the last of them is
 * @returns `warnings` of settings that are not used
 * @throws SettingsError with every problem there is
 */
export function appSettings(
  context: Values,
  directory: string,
  home = homedir(),
): { readonly settings: Settings; readonly warnings: readonly string[] } {
  const ofProject: Readonly<Record<string, Values>> = {
    'cdk.json': settingsIn(join(directory, 'cdk.json')),
    'cdk.context.json': settingsIn(join(directory, 'cdk.context.json'), ({ ...all }) => all),
  };
  const ofHome = settingsIn(join(home, '.cdk.json'));
  const misplaced = Object.assign({}, ofHome, ...Object.values(ofProject).toReversed());
  const { settings: named, ...fromCommandLine } = Object.fromEntries(
    Object.entries(context).filter(([name, value]) => !isDeepStrictEqual(misplaced[name], value)),
  );
  const file = readSettingsFile({ directory, file: named === undefined ? undefined : String(named) });
  const problems = Object.entries(ofProject).flatMap(([name, values]) =>
    problemsOf(name, Object.keys(values), file === undefined),
  );
  const known = Object.keys(ofHome).filter((name) => isSetting(name) && !Object.hasOwn(fromCommandLine, name));
  const sample = { name: 'the sample settings', values: { routes: SAMPLE_ROUTES }, problems: [] };
  return {
    settings: readSettings(fromCommandLine, { file: file ?? sample, problems }),
    warnings: known.map(
      (name) => `${name} in ~/.cdk.json is not used. Settings are in ${SETTINGS_FILE}, and in -c ${name}=...`,
    ),
  };
}

/** What a file of the CDK CLI has in its context, without CDK's own. Another tool's business is what is wrong with that file. */
export function settingsIn(path: string, contextOf = ({ context }: Values): unknown => context): Values {
  try {
    const context = contextOf(JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/, ''))) ?? {};
    return Object.fromEntries(Object.entries(context).filter(([name]) => !isKeyOfCdk(name)));
  } catch {
    return {};
  }
}

/** Up to version 0.1 settings were in cdk.json. */
function problemsOf(name: string, names: readonly string[], isFirstFile: boolean): readonly string[] {
  const settings = names.filter((each) => each !== FILE_NAME && isSetting(each));
  const others = names.filter((each) => !isSetting(each));
  const how =
    name === 'cdk.json' && isFirstFile
      ? `Move them: ${operatorCommands({}).init()}`
      : 'Move those that you need by hand';
  return [
    ...(settings.length === 0
      ? []
      : [`${name}: has settings (${settings.join(', ')}), which belong in ${SETTINGS_FILE} now. ${how}`]),
    ...(names.includes(FILE_NAME) ? [`${name}: ${FILE_NAME}: can be named with -c only: -c ${FILE_NAME}=FILE`] : []),
    ...others.map((each) => `${name}: ${each}: ${unknownName(each, 'a setting', Object.keys(settingsSchema.entries))}`),
  ];
}

function isSetting(name: string): boolean {
  return name === FILE_NAME || Object.hasOwn(settingsSchema.entries, name);
}
