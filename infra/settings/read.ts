import * as v from 'valibot';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { problemsBetween, sizeProblems, type Unchecked } from './checks.ts';
import { dependentDefaults, type Settings, settingsSchema } from './schema.ts';
import { unknownName } from './unknown-name.ts';

/** The settings can't be used. */
export class SettingsError extends Error {
  override name = 'SettingsError';
  /** One line each, naming the setting and what to do. The message lists them all. */
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'A problem' : `${problems.length} problems`;
    const lines = problems.map((problem) => `  - ${problem}`);
    super([`${count} with the settings (context in cdk.json, or -c name=value):`, ...lines].join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads the settings from CDK's context.
 *
 * @throws SettingsError with every problem there is
 */
export function readSettings(context: Readonly<Record<string, unknown>>): Settings {
  const parsed = v.safeParse(settingsSchema, context, { abortPipeEarly: true });
  const issues = (parsed.issues ?? []).map((issue) => ({ path: pathOf(issue), message: issue.message }));
  const output: Unchecked = parsed.output ?? {};
  const values: Unchecked = { ...dependentDefaults(output), ...present(output) };
  // A watched prefix that is wrong itself says nothing about the routes' prefixes.
  const comparable = issues.some(({ path }) => path === 'prefix') ? { ...values, prefix: '' } : values;
  const problems = [
    ...issues.map(({ path, message }) => `${path}: ${message}`),
    ...problemsBetween(comparable),
    ...unknownSettings(context),
    ...(parsed.success ? sizeProblems(values as Settings) : []),
  ];
  if (problems.length > 0 || !parsed.success) throw new SettingsError(problems);
  return values as Settings;
}

function pathOf(issue: v.BaseIssue<unknown>): string {
  return (v.getDotPath(issue) ?? 'context').replace(/\.(\d+)/g, '[$1]');
}

/** Context keys of the CDK CLI that look like ours; its others have an "@" or a ":". */
const CLI_KEYS = new Set(['acknowledged-issue-numbers', 'cdk-migrate', 'cli-telemetry']);

function unknownSettings(context: Readonly<Record<string, unknown>>): readonly string[] {
  const known = Object.keys(settingsSchema.entries);
  return Object.keys(context)
    .filter((key) => !/[@:]/.test(key) && !CLI_KEYS.has(key) && !known.includes(key))
    .map((key) => `${key}: ${unknownName(key, 'a setting', known)}`);
}
