import { buffer } from 'node:stream/consumers';
import { SSMClient } from '@aws-sdk/client-ssm';
import password from '@inquirer/password';
import type { Command } from 'commander';
import { sampleIds } from '../../infra/settings/checks.ts';
import type { Settings } from '../../infra/settings/schema.ts';
import { settingsName, textOf } from '../../infra/settings/settings-file.ts';
import {
  AFTER_FORCED_KEY,
  AFTER_NEW_KEY,
  checkNewKey,
  type KeyPlace,
  keyIn,
  storeCheckedKey,
} from '../actions/store-key.ts';
import type { Act, GlobalFlags } from '../command.ts';
import { concurrently } from '../concurrently.ts';
import { aligned, type Console } from '../console.ts';
import { EXIT, OperatorError } from '../operator-error.ts';
import {
  checkKey,
  chosenParameter,
  keyParameters,
  storedKey,
  type UserVerdict,
  verdictText,
} from '../stack/api-keys.ts';
import { settingsHere } from '../stack/project-settings.ts';
import { createAgents } from '../stack/proxy.ts';
import { clientConfig, NO_STACK, type Stack } from '../stack/stack.ts';

export function addKeyCommands(program: Command, act: Act): void {
  const key = program.command('key').description('Store a new API key, or check the stored ones.');
  key
    .command('set')
    .description(
      'Store a new API key, from a hidden prompt or from stdin. Asks Streampixel first whether it is valid. Before the first ' +
        'deployment it stores it for the routes in the file of settings.',
    )
    .option('--parameter <name>', 'the SSM parameter; needed where the routes use several')
    .option('--force', 'store it even if Streampixel rejects it')
    .action(act(async ({ console, stack, flags }) => setKey(console, await keyStore(stack, flags), flags)));
  key
    .command('check')
    .description('Ask Streampixel whether the stored API keys are valid. Uses no upload slot.')
    .option('--parameter <name>', 'only this SSM parameter')
    .action(act(async ({ console, stack, flags }) => checkKeys(console, await keyStore(stack, flags), flags)));
}

interface KeyFlags extends GlobalFlags {
  readonly parameter?: string;
  readonly force?: boolean;
}

interface KeyStore extends KeyPlace {
  readonly isDeployed: boolean;
}

/**
 * That of the stack; before its first deployment, which needs the key, that of the file of settings.
 *
 * @throws OperatorError where neither says what keys there are
 */
async function keyStore(find: () => Promise<Stack>, flags: KeyFlags): Promise<KeyStore> {
  try {
    return { ...(await find()), isDeployed: true };
  } catch (error) {
    // A stack that is named is meant to exist.
    if (!(error instanceof OperatorError) || error.code !== NO_STACK || flags.stack !== undefined) throw error;
    const agents = createAgents();
    const ssm = new SSMClient(clientConfig(flags, agents));
    return { agents, settings: settingsToDeploy(flags), clients: { ssm }, isDeployed: false };
  }
}

function settingsToDeploy({ settings: file }: KeyFlags): Settings {
  const settings = settingsHere(file);
  if (settings === undefined) {
    const message = `There is neither a stack yet nor a ${settingsName({ file })} in this directory.`;
    throw new OperatorError('NoSettings', message, (commands) => `Make the file first: ${commands.init()}`);
  }
  const samples = sampleIds(settings);
  if (samples.length === 0) return settings;
  const message = `${settingsName({ file })} still has ids of the sample: ${samples.join(', ')}.`;
  throw new OperatorError('SampleSettings', message, 'Put your own there first: a key belongs to a user.');
}

async function setKey(console: Console, stack: KeyStore, { parameter, force = false }: KeyFlags): Promise<number> {
  const name = chosenParameter(stack.settings.routes, parameter);
  const apiKey = keyIn(await readKey(name));
  console.say('Asking Streampixel ...');
  const checked = await checkNewKey(stack, name, apiKey);
  for (const line of aligned(verdictRows(console, checked.verdicts), 2)) console.say(line);
  const version = await storeCheckedKey(stack, checked, force);
  const forced = checked.refusal !== undefined;
  const checks = checked.verdicts.map(({ userId, verdict }) => ({ userId, verdict: verdict.kind }));
  console.data({ parameter: name, version, checks, forced }, [
    console.paint('green', `Stored as version ${version} of ${name}.`),
  ]);
  if (!stack.isDeployed) {
    console.say(`There is no stack yet. Deploy it: ${console.commands.deploy()}`);
    return EXIT.done;
  }
  console.say(forced ? AFTER_FORCED_KEY : `${AFTER_NEW_KEY}. Watch them: ${console.commands.watch()}`);
  return EXIT.done;
}

/** From a prompt that shows nothing, or from stdin: an argument would be in the process list and in the shell's history. */
async function readKey(parameter: string): Promise<string> {
  return process.stdin.isTTY
    ? password(
        // Without this the prompt shows on Ctrl-T what was typed.
        { message: `New API key for ${parameter} (hidden)`, toggleMask: false },
        { output: process.stderr },
      )
    : // What is no text is no key either.
      (textOf(await buffer(process.stdin)) ?? '\0');
}

async function checkKeys(console: Console, stack: KeyStore, { parameter }: KeyFlags): Promise<number> {
  const { routes } = stack.settings;
  const wanted = parameter === undefined ? undefined : chosenParameter(routes, parameter);
  const chosen = [...keyParameters(routes)].filter(([name]) => wanted === undefined || name === wanted);
  const keys = await concurrently(chosen, async ([name, userIds]) => {
    const stored = await storedKey(stack.clients.ssm, name);
    const users = stored === undefined ? [] : await checkKey(stack, userIds, stored.apiKey);
    return { parameter: name, version: stored?.version, users };
  });
  const lines = keys.flatMap(({ parameter: name, version, users }) =>
    version === undefined
      ? [`${name}  ${console.paint('red', 'no key')}`, `  Store one: ${console.commands.storeKey(name)}`]
      : [
          `${name}  version ${version}`,
          ...aligned(verdictRows(console, users), 2),
          ...(users.some(({ verdict }) => verdict.kind === 'refused')
            ? [`  Store one that works: ${console.commands.storeKey(name)}`]
            : []),
        ],
  );
  console.data({ keys }, lines);
  const isGood = keys.every(({ users }) => users.length > 0 && users.every(({ verdict }) => verdict.kind === 'taken'));
  return isGood ? EXIT.done : EXIT.failed;
}

function verdictRows(console: Console, verdicts: readonly UserVerdict[]): string[][] {
  const colours = { taken: 'green', refused: 'red', unclear: 'yellow' } as const;
  return verdicts.map((each) => [`user ${each.userId}`, console.paint(colours[each.verdict.kind], verdictText(each))]);
}
