import * as v from 'valibot';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { problemsBetween, sizeProblems, type Unchecked } from './checks.ts';
import { valueOfText } from './from-text.ts';
import { parseJsonText } from './json-text.ts';
import { rehearsalProblems } from './rehearsal.ts';
import { dependentDefaults, type Settings, settingsSchema } from './schema.ts';
import { FILE_NAME, type SettingsFile } from './settings-file.ts';
import { unknownName } from './unknown-name.ts';

/** The settings can't be used. */
export class SettingsError extends Error {
  override name = 'SettingsError';
  /** One line each, naming where the setting is from, the setting, and what to do. The message lists them all. */
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'A problem' : `${problems.length} problems`;
    const lines = problems.map((problem) => `  - ${problem}`);
    super([`${count} with the settings:`, ...lines].join('\n'));
    this.problems = problems;
  }
}

/** Where settings come from besides the context. With it, each problem names its source. */
export interface SettingsSources {
  readonly file: SettingsFile;
  /** What else is wrong, in the list with the rest. */
  readonly problems?: readonly string[];
}

/**
 * Reads the settings from CDK's context, and from a file where the context has none.
 *
 * @param context what `-c` sets, as text or as in the file; CDK's own keys are left alone
 * @throws SettingsError with every problem there is
 */
export function readSettings(context: Readonly<Record<string, unknown>>, sources?: SettingsSources): Settings {
  const { file, problems: others = [] } = sources ?? {};
  const own = Object.entries(context).filter(([name]) => !isKeyOfCdk(name));
  const fromContext = Object.fromEntries(
    own.map(([name, value]) => [name, typeof value === 'string' ? valueOfText(name, value) : value]),
  );
  const given = { ...file?.values, ...fromContext };
  const parsed = v.safeParse(settingsSchema, given, { abortPipeEarly: true });
  const issues = (parsed.issues ?? []).map((issue) => {
    const path = pathOf(issue);
    return { path, message: `${issue.message}${jsonProblem(fromContext[path])}` };
  });
  const output: Unchecked = parsed.output ?? {};
  const values: Unchecked = { ...dependentDefaults(output), ...present(output) };
  // A watched prefix that is wrong itself says nothing about the routes' prefixes.
  const comparable = issues.some(({ path }) => path === 'prefix') ? { ...values, prefix: '' } : values;
  const problems = [
    ...issues.map(({ path, message }) => `${path}: ${message}`),
    ...problemsBetween(comparable),
    ...rehearsalProblems(comparable),
    ...unknownSettings(given, sources === undefined ? {} : fromContext),
    ...(parsed.success ? sizeProblems(values as Settings) : []),
  ];
  const unreadable = file?.problems ?? [];
  // Of a file that can't be read, what is missing is not known.
  const isOfContext = (problem: string) => Object.keys(fromContext).some((name) => isAbout(problem, name));
  const isKnown = (problem: string) => unreadable.length === 0 || isOfContext(problem);
  function withSource(problem: string): string {
    // In process there is but one source.
    if (sources === undefined) return problem;
    return isOfContext(problem) ? `-c ${problem}` : `${sources.file.name}: ${problem}`;
  }
  const all = [
    ...others,
    ...unreadable.map((problem) => `${file?.name}: ${problem}`),
    ...problems.filter(isKnown).map(withSource),
  ];
  if (all.length > 0) throw new SettingsError(all);
  return values as Settings;
}

/** Whether a problem is about the value at a path, such as `routes[0]`, or about something in it. */
export function isAbout(problem: string, path: string): boolean {
  return problem.startsWith(path) && /^[:.[]/.test(problem.slice(path.length));
}

/** Shells take quotes away, which leaves a list of `-c` without them. */
function jsonProblem(value: unknown): string {
  const [problem] = typeof value === 'string' && /^\s*[[{]/.test(value) ? parseJsonText(value).problems : [];
  return problem === undefined ? '' : `. What has arrived is no JSON: ${problem}`;
}

function pathOf(issue: v.BaseIssue<unknown>): string {
  return (v.getDotPath(issue) ?? 'context').replace(/\.(\d+)/g, '[$1]');
}

/** Context keys of the CDK CLI that look like ours; its others have an "@" or a ":". */
const CLI_KEYS = new Set(['acknowledged-issue-numbers', 'cdk-migrate', 'cli-telemetry']);

/** Whether a name in CDK's context is CDK's own: a feature flag, or something that its CLI has looked up. */
export function isKeyOfCdk(name: string): boolean {
  return /[@:]/.test(name) || CLI_KEYS.has(name);
}

/** @param named by `-c`, which also knows the name of the file */
function unknownSettings(given: object, named: object): readonly string[] {
  const settings = Object.keys(settingsSchema.entries);
  return Object.keys(given)
    .filter((name) => !settings.includes(name))
    .map((name) => {
      if (isKeyOfCdk(name)) return `${name}: is a flag of CDK. Put it into the context of cdk.json`;
      const whole = settings.find((setting) => isAbout(name, setting));
      if (whole !== undefined) return `${name}: is a part of ${whole}, which can be given as a whole only`;
      return `${name}: ${unknownName(name, 'a setting', Object.hasOwn(named, name) ? [...settings, FILE_NAME] : settings)}`;
    });
}
