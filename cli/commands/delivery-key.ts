import type { Command } from 'commander';
import { newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import type { Secret } from '../../functions/domain/model/secret.ts';
import { type Act, NOTHING_CHANGED } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT, OperatorError } from '../operator-error.ts';
import {
  distributionOf,
  ensureDeliveryKey,
  isDeployed,
  readDeliveryKeys,
  writeDeliveryKeys,
} from '../stack/delivery.ts';
import type { Stack } from '../stack/stack.ts';
import { iso } from '../units.ts';

/** The function that signs may use keys that it has read for so long, in ms. */
const KEYS_CACHED_MS = 5 * 60_000;

interface DeliveryKeyFlags {
  readonly finish?: boolean;
  readonly yes?: boolean;
}

export function addDeliveryKeyCommands(program: Command, act: Act): void {
  const key = program
    .command('delivery-key')
    .description('Make or replace the key that signs download URLs of CloudFront.');
  key
    .command('create')
    .description(
      'Make the key if there is none: stores the private half in SSM, prints the public half for the setting deliveryPublicKeys.',
    )
    .action(act(async ({ console, stack }) => create(console, await stack())));
  key
    .command('rotate')
    .description('Make a second key beside the first; both work until --finish.')
    .option('--finish', 'end the rotation: delete the old private key')
    .option('--yes', 'with --finish: do it; without it the command says what it would do')
    .action(
      act(async ({ console, stack, flags }) =>
        (flags as DeliveryKeyFlags).finish === true
          ? finish(console, await stack(), flags)
          : rotate(console, await stack()),
      ),
    );
}

async function create(console: Console, stack: Stack): Promise<number> {
  const parameter = parameterOf(stack);
  const { isNew, privateKeys, version } = await ensureDeliveryKey(stack.clients.ssm, parameter);
  const stored = `version ${version} of the SSM parameter ${parameter}`;
  console.say(isNew ? `The private key is stored as ${stored}.` : `There is a key: ${stored}. It stays.`);
  printSetting(console, { parameter, version, isNew }, publicKeysWith(privateKeys, stack));
  console.say(`${putInto(stack)}\nThen check it: ${stack.commands.doctor()}`);
  return EXIT.done;
}

async function rotate(console: Console, stack: Stack): Promise<number> {
  const parameter = parameterOf(stack);
  const { clients, commands } = stack;
  const stored = await readDeliveryKeys(clients.ssm, parameter);
  const [current, old] = stored?.privateKeys ?? [];
  if (stored === undefined || current === undefined) {
    const message = 'There is no key to replace yet.';
    throw new OperatorError('NoDeliveryKey', message, `Make the first one: ${commands.createDeliveryKey()}`);
  }
  // Until the new public half is deployed the old key signs, so this may be run again.
  const isNew = old === undefined;
  const privateKeys = isNew ? [newPrivateKey(), current] : stored.privateKeys;
  const version = isNew ? await writeDeliveryKeys(clients.ssm, parameter, privateKeys) : stored.version;
  console.say(
    isNew ? 'A second key is stored. The first one signs until this is deployed:' : 'A rotation is in progress.',
  );
  printSetting(console, { parameter, version, isNew }, publicKeysWith(privateKeys, stack));
  console.say(`${putInto(stack)}\nThen end the rotation: ${commands.finishDeliveryKeyRotation()}`);
  return EXIT.done;
}

async function finish(console: Console, stack: Stack, { yes }: DeliveryKeyFlags): Promise<number> {
  const parameter = parameterOf(stack);
  const { clients, commands, settings } = stack;
  const [current, ...old] = (await readDeliveryKeys(clients.ssm, parameter))?.privateKeys ?? [];
  if (current === undefined || old.length === 0) {
    console.data({ dropped: false }, ['No rotation is in progress: there is nothing to end.']);
    return EXIT.done;
  }
  if (!isDeployed(current, distributionOf(stack))) {
    const message = 'The new public key is not deployed yet: without the old key no URL could be signed.';
    throw new OperatorError(
      'NotDeployed',
      message,
      `This prints it again, and says where to put it: ${commands.rotateDeliveryKey()}`,
    );
  }
  const until = Date.now() + KEYS_CACHED_MS + (settings.fileUrlLifetimeSeconds ?? 0) * 1000;
  const dropped = new Set(old.map(publicHalfOf));
  const facts = { parameter, urlsEndAt: iso(until) };
  if (yes !== true) {
    console.data({ dryRun: true, ...facts }, ['Would delete the old private key. URLs that it has signed stay valid.']);
    console.say(NOTHING_CHANGED);
    return EXIT.done;
  }
  const version = await writeDeliveryKeys(clients.ssm, parameter, [current]);
  const publicKeys = (settings.deliveryPublicKeys ?? []).filter((publicKey) => !dropped.has(publicKey));
  console.say(`The old private key is deleted. URLs that it has signed end at ${iso(until)} at the latest.`);
  printSetting(console, { ...facts, dropped: true, version }, publicKeys);
  console.say(`After that time, this ends every URL that the old key has signed. ${putInto(stack)}`);
  return EXIT.done;
}

function putInto({ commands }: Stack): string {
  return `Put this into ${commands.settingsPlace()}, and deploy it: ${commands.deploy()}`;
}

function parameterOf({ commands, settings }: Stack): string {
  const { deliveryKeyParameter } = settings;
  if (deliveryKeyParameter !== undefined) return deliveryKeyParameter;
  const message = 'The stack was deployed with a version of the project that does not know CloudFront.';
  throw new OperatorError('OldStack', message, `Deploy it again with this version: ${commands.deploy()}`);
}

/** Public halves of these keys, and those that are deployed: former keys may have signed URLs that are still in use. */
function publicKeysWith(privateKeys: readonly Secret[], { settings }: Stack): readonly string[] {
  return [...new Set([...privateKeys.map(publicHalfOf), ...(settings.deliveryPublicKeys ?? [])])];
}

function printSetting(console: Console, facts: object, deliveryPublicKeys: readonly string[]): void {
  console.data({ ...facts, deliveryPublicKeys }, [`"deliveryPublicKeys": ${JSON.stringify(deliveryPublicKeys)}`]);
}
