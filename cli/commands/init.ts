import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import confirm from '@inquirer/confirm';
import input from '@inquirer/input';
import password from '@inquirer/password';
import { type Command, Option } from 'commander';
import * as v from 'valibot';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { RELEASE_MODES, type ReleaseMode, type Route } from '../../functions/domain/model/route.ts';
import { Secret } from '../../functions/domain/model/secret.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { DEFAULT_STACK_NAME } from '../../infra/outputs/outputs.ts';
import { settingsIn } from '../../infra/settings/app-settings.ts';
import { valueOfText } from '../../infra/settings/from-text.ts';
import { readSettings } from '../../infra/settings/read.ts';
import { SAMPLE_ROUTES } from '../../infra/settings/sample.ts';
import { routeSettings, settingsSchema } from '../../infra/settings/schema.ts';
import { SETTINGS_FILE, settingsName, settingsPath } from '../../infra/settings/settings-file.ts';
import type { Act, GlobalFlags } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT, OperatorError, usageError, WHERE_HELP_IS } from '../operator-error.ts';
import { checkKey, projectIds, verdictText } from '../stack/api-keys.ts';
import { createAgents } from '../stack/proxy.ts';
import { withSlashes } from '../stack/stack.ts';
import { schemaReference, takeOutOfCdkJson, writeWhole } from './settings-writer.ts';

/** Where the key for the check may be; it is that of `npm start`, too. */
const KEY_VARIABLE = 'STREAMPIXEL_API_KEY';

interface InitFlags extends GlobalFlags {
  readonly file?: string;
  readonly userId?: string;
  readonly projectId?: string;
  readonly email?: readonly string[];
  readonly release?: ReleaseMode;
  readonly keyParameter?: string;
  /** Absent with `--no-check`. */
  readonly check: boolean;
  readonly force?: boolean;
}

export function addInitCommand(program: Command, act: Act): void {
  program
    .command('init')
    .description(
      `Write the file of settings. Asks for what no flag gives, and checks the ids with Streampixel where it gets an API key: from ` +
        `${KEY_VARIABLE}, or from a hidden prompt; it stores no key. Takes over settings that are still in cdk.json.`,
    )
    .option('--file <file>', `the file to write (default: ${SETTINGS_FILE} in this directory)`)
    .option('--user-id <id>', 'your user id at Streampixel: dashboard > account menu > Copy User ID')
    .option('--project-id <id>', "the project: the last part of the address of the project's page on the dashboard")
    .option('--email <address...>', 'who gets alerts; several with spaces or commas between them')
    .addOption(
      new Option(
        '--release <mode>',
        'when a build goes live: as soon as Streampixel has approved it (on-approval, the default), when you release it (manual), or ' +
          'whenever Streampixel releases it (automatic)',
      ).choices(RELEASE_MODES),
    )
    .option('--key-parameter <name>', `the SSM parameter of the API key (default: ${KEY_PARAMETER})`)
    .option('--no-check', 'do not ask Streampixel whether the ids are right')
    .option('--force', 'replace a file that exists')
    .action(act(async ({ console, flags }) => init(console, flags)));
}

const KEY_PARAMETER = SAMPLE_ROUTES[0]?.apiKeyParameter ?? '';

type Values = Readonly<Record<string, unknown>>;

async function init(console: Console, flags: InitFlags): Promise<number> {
  const directory = process.cwd();
  const file = flags.file ?? flags.settings;
  const [path, name] = [settingsPath({ directory, file }), settingsName({ file })];
  if (!isFolder(dirname(path))) throw usageError(`There is no folder ${dirname(path)}.`, 'Make it first.');
  if (isFolder(path)) throw usageError(`${name} is a folder.`, 'Name a file: --file FILE.');
  if (existsSync(path) && flags.force !== true && !(await isAgreed(`${name} exists. Replace it?`))) {
    const remedy = 'Edit it, write another one (--file FILE), or replace it (--force).';
    throw new OperatorError('FileExists', `${name} exists. It was not changed.`, remedy);
  }
  const former = formerSettings(directory);
  const names = Object.keys(former);
  if (names.length > 0) console.say(`cdk.json has settings: ${names.join(', ')}. They are taken over.`);
  const isComplete = former.routes !== undefined && !isSample(former.routes);
  checkRouteFlags(flags, isComplete);
  if (!isComplete && isTerminal())
    console.say('The ids are on the Streampixel dashboard: https://dashboard.streampixel.io');
  const { checked, routes } = isComplete
    ? { checked: 'not-checked', routes: former.routes }
    : await askForRoute(
        console,
        flags,
        String(former.streampixelBaseUrl ?? settingsSchema.entries.streampixelBaseUrl.default),
      );
  const alertEmails = await askForEmails(flags, former);
  const stackName = await askForStackName(flags, former, path);
  const values = { routes, alertEmails, ...omit(former, 'routes', 'alertEmails', 'stackName'), ...stackName };
  readSettings({}, { file: { name: names.length > 0 ? 'cdk.json' : name, values, problems: [] } });

  writeWhole(path, { $schema: schemaReference(dirname(path)), ...values });
  if (names.length > 0) takeOutOfCdkJson(join(directory, 'cdk.json'), names);
  const commands = operatorCommands({ settings: path === settingsPath({ directory }) ? undefined : withSlashes(name) });
  const next = [commands.storeKey(), commands.deploy()];
  console.data({ file: path, checked, takenOver: names, next }, [console.paint('green', `${name} is written.`)]);
  if (names.length > 0) console.say(`Taken out of cdk.json: ${names.join(', ')}.`);
  if (!isClone(directory)) {
    console.say(
      'This folder is not a clone of streampixel-drop, which deploys the file. In a CDK app of your own, give the routes to StreampixelDrop as props.',
    );
  }
  console.say(`Next, store the API key: ${next[0]}\nThen deploy: ${next[1]}`);
  return EXIT.done;
}

/** Whether this project's app is here, by its cdk.json. */
function isClone(directory: string): boolean {
  const { app } = settingsIn(join(directory, 'cdk.json'), ({ app }) => ({ app }));
  return typeof app === 'string' && app.includes('infra/app.ts');
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/**
 * What is in cdk.json, where settings were up to version 0.1; text that is a number there is one now. Of another app's cdk.json nothing
 * is a setting.
 */
function formerSettings(directory: string): Values {
  const values = Object.entries(settingsIn(join(directory, 'cdk.json')));
  if (!values.some(([name]) => Object.hasOwn(settingsSchema.entries, name))) return {};
  return Object.fromEntries(
    values.map(([name, value]) => [name, typeof value === 'string' ? valueOfText(name, value) : value]),
  );
}

function omit(values: Values, ...names: readonly string[]): Values {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}

/** Whether no route is the studio's own. */
function isSample(routes: unknown): boolean {
  return Array.isArray(routes) && routes.every((route) => isOfSample(route?.userId) || isOfSample(route?.projectId));
}

/** @throws OperatorError (usage) where ids are missing, and no one can be asked, or where the routes are there already */
function checkRouteFlags({ keyParameter, projectId, release, userId }: InitFlags, isComplete: boolean): void {
  const ids = { '--user-id': userId, '--project-id': projectId };
  const given = Object.entries({ ...ids, '--release': release, '--key-parameter': keyParameter });
  const superfluous = given.flatMap(([flag, value]) => (isComplete && value !== undefined ? [flag] : []));
  if (superfluous.length > 0) {
    throw usageError('The routes in cdk.json are taken over as they are.', `Leave out ${superfluous.join(', ')}.`);
  }
  const missing = Object.entries(ids).flatMap(([flag, value]) => (value === undefined ? [flag] : []));
  if (!isComplete && !isTerminal() && missing.length > 0) {
    const message = `${missing.join(' and ')}: missing, and without a terminal it can't be asked for.`;
    throw usageError(message, WHERE_HELP_IS);
  }
}

function isOfSample(id: unknown): boolean {
  return SAMPLE_ROUTES.some(({ userId, projectId }) => id === userId || id === projectId);
}

/** Whether there is a person to ask. */
function isTerminal(): boolean {
  return process.stdin.isTTY === true;
}

/** Prompts are no data. */
const PROMPTS = { output: process.stderr };

async function isAgreed(message: string): Promise<boolean> {
  return isTerminal() && confirm({ message, default: false }, PROMPTS);
}

interface Question {
  readonly flag: string;
  readonly message: string;
  /** By the command line. */
  readonly given: string | undefined;
  readonly fallback?: string;
  /** @returns what is wrong, or `undefined` */
  readonly problem: (answer: string) => string | undefined;
}

/**
 * The flag's value, else the person's answer, else the default.
 *
 * @throws OperatorError (usage) where the flag's value is wrong
 */
async function answerTo({ flag, message, given, fallback, problem }: Question): Promise<string> {
  if (given !== undefined || !isTerminal()) {
    const value = given ?? fallback ?? '';
    const wrong = problem(value);
    if (wrong !== undefined) throw usageError(`${flag} ${wrong}.`, WHERE_HELP_IS);
    return value;
  }
  const answer = await input(
    {
      message,
      ...present({ default: fallback }),
      validate: (text) => problem(text.trim()) ?? true,
    },
    PROMPTS,
  );
  return answer.trim();
}

/** By the checks of the settings themselves. */
const problemBy = (schema: v.GenericSchema) => (answer: unknown) =>
  // Without how a list is written for CDK.
  v.safeParse(schema, answer).issues?.[0].message.replace(/; several as a list.*/s, '');
const { entries: ofRoute } = routeSettings;

function problemOfId(schema: v.GenericSchema) {
  return (answer: string) =>
    problemBy(schema)(answer) ?? (isOfSample(answer) ? 'is an id of the sample. Put in your own' : undefined);
}

/** Asks for the route that takes every build, again and again where Streampixel refuses the ids and there is a person. */
async function askForRoute(console: Console, flags: InitFlags, streampixelBaseUrl: string) {
  let [userId, projectId] = [flags.userId, flags.projectId];
  let checked = 'not-checked';
  for (let isFirst = true; ; isFirst = false) {
    const again = (given: string | undefined) => (isFirst ? { given } : { given: undefined, fallback: given ?? '' });
    userId = await answerTo({
      flag: '--user-id',
      message: 'User id (account menu > Copy User ID):',
      problem: problemOfId(ofRoute.userId),
      ...again(userId),
    });
    projectId = await answerTo({
      flag: '--project-id',
      message: 'Project id (end of the address of its page):',
      problem: problemOfId(ofRoute.projectId),
      ...again(projectId),
    });
    const apiKey = flags.check ? await keyForCheck(isFirst) : undefined;
    if (apiKey === undefined) break;
    console.say('Asking Streampixel ...');
    const refusal = await refusalOf(console, { userId, projectId, apiKey, streampixelBaseUrl });
    if (refusal === undefined || typeof refusal === 'string') {
      checked = refusal ?? 'accepted';
      break;
    }
    if (!isTerminal()) throw refusal;
    console.say(`${console.paint('red', refusal.message)} ${refusal.remedy}`);
  }
  if (flags.release === undefined && isTerminal()) {
    console.say(
      'on-approval: as soon as Streampixel has approved it. manual: when you release it. automatic: by Streampixel itself.',
    );
  }
  const mode = (await answerTo({
    flag: '--release',
    message: 'A build goes live (on-approval, manual, automatic):',
    given: flags.release,
    fallback: 'on-approval',
    problem: (answer) =>
      RELEASE_MODES.some((each) => each === answer) ? undefined : `must be one of ${RELEASE_MODES.join(', ')}`,
  })) as ReleaseMode;
  const apiKeyParameter = await answerTo({
    flag: '--key-parameter',
    message: 'SSM parameter for the API key:',
    given: flags.keyParameter,
    fallback: KEY_PARAMETER,
    problem: problemBy(ofRoute.apiKeyParameter),
  });
  const release = mode === 'automatic' ? { autoRelease: true } : { autoRelease: false, release: mode };
  const route: Route = {
    prefix: '',
    userId: userId.toLowerCase(),
    projectId: projectId.toLowerCase(),
    ...release,
    apiKeyParameter,
  };
  return { checked, routes: [route] };
}

/** @param isFirst whether it was not asked before: then the one in the environment is not tried again */
async function keyForCheck(isFirst: boolean): Promise<Secret | undefined> {
  const value = process.env[KEY_VARIABLE]?.trim() ?? '';
  if (value !== '' && isFirst) return new Secret(value);
  if (!isTerminal()) return undefined;
  const message = 'API key, to check the ids (hidden, not stored; empty: no check)';
  const typed = (await password({ message, toggleMask: false }, PROMPTS)).trim();
  return typed === '' ? undefined : new Secret(typed);
}

interface Ids {
  readonly userId: string;
  readonly projectId: string;
  readonly apiKey: Secret;
  readonly streampixelBaseUrl: string;
}

/** @returns why the ids can't be right; `unclear` where Streampixel does not say it; `undefined` where they are right */
async function refusalOf(
  console: Console,
  { userId, projectId, apiKey, streampixelBaseUrl }: Ids,
): Promise<OperatorError | 'unclear' | undefined> {
  const checker = { agents: createAgents(), settings: { streampixelBaseUrl } };
  const [answer] = await checkKey(checker, [userId], apiKey);
  if (answer === undefined) return 'unclear';
  switch (answer.verdict.kind) {
    case 'refused': {
      const remedy =
        'Check the user id and the key: only the newest key of an account works. --no-check does not ask Streampixel.';
      return new OperatorError(answer.verdict.reason, `Streampixel rejects this key for user ${userId}.`, remedy);
    }
    case 'unclear':
      console.say(`The ids ${verdictText(answer)}`);
      return 'unclear';
    case 'taken': {
      const projects = await projectIds(checker, userId, apiKey);
      if (projects === undefined) return 'unclear';
      if (projects.includes(projectId.toLowerCase())) {
        console.say(console.paint('green', 'Streampixel knows the user and the project.'));
        return undefined;
      }
      const remedy = projects.length === 0 ? 'The user has none.' : `The user has: ${projects.join(', ')}.`;
      return new OperatorError('ProjectNotFound', `Streampixel has no project ${projectId} for this user.`, remedy);
    }
  }
}

async function askForEmails({ email }: InitFlags, former: Values): Promise<unknown> {
  if (email === undefined && former.alertEmails !== undefined) return former.alertEmails;
  const list = (text: string) => valueOfText('alertEmails', text);
  const answer = await answerTo({
    flag: '--email',
    message: 'E-mail for alerts (several with commas, or empty):',
    given: email?.join(','),
    fallback: '',
    problem: (text) => problemBy(settingsSchema.entries.alertEmails)(list(text)),
  });
  return list(answer);
}

/** Two files without a name would deploy over each other: another file than the usual one is for another stack. */
async function askForStackName({ stack }: InitFlags, former: Values, path: string): Promise<{ stackName?: unknown }> {
  if (stack === undefined && former.stackName !== undefined) return { stackName: former.stackName };
  const isUsual = basename(path) === SETTINGS_FILE;
  if (stack === undefined && isUsual) return {};
  const part = basename(path, '.json').replaceAll(/[^A-Za-z0-9-]/g, '');
  const stackName = await answerTo({
    flag: '--stack',
    message: 'Name of the stack that is deployed with this file:',
    given: stack,
    fallback: `${DEFAULT_STACK_NAME}-${part}`,
    problem: problemBy(settingsSchema.entries.stackName),
  });
  return { stackName };
}
