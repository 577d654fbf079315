import { basename } from 'node:path';
import type { Command } from 'commander';
import { buildId, whyNotABuild } from '../../functions/domain/model/build.ts';
import { findRoute } from '../../functions/domain/model/route.ts';
import type { DeployedSettings } from '../../infra/outputs.ts';
import { adviceOn, adviceText } from '../advice.ts';
import { buildFacts } from '../builds.ts';
import type { Act } from '../command.ts';
import type { Console } from '../console.ts';
import { endLine } from '../ending.ts';
import { followBuild } from '../follow.ts';
import { interruptible } from '../interruption.ts';
import { createObjectLookup } from '../ledger-search.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import type { Stack } from '../stack.ts';
import { bytes, span } from '../units.ts';
import { type Uploaded, uploadInParts } from '../upload.ts';
import { inspectZip } from '../zip-file.ts';

interface PushFlags {
  readonly route?: string;
  readonly key?: string;
  readonly follow?: boolean;
}

export function addPushCommand(program: Command, act: Act): void {
  program
    .command('push')
    .argument('<file>', 'zip of a packaged build')
    .description('Upload a build to the drop bucket. Interrupted, the same command goes on where it stopped.')
    .option('--route <prefix>', 'prefix of the route it belongs to; needed where there are several')
    .option('--key <key>', "its key in the bucket; the route's prefix and the file's name by default")
    .option('--follow', 'then follow it until it is live, or waits for you to release it: exit code 1 if it fails')
    .action(act(async ({ console, stack, flags, args: [file = ''] }) => push(console, stack, file, flags)));
}

async function push(console: Console, find: () => Promise<Stack>, path: string, flags: PushFlags): Promise<number> {
  const zip = await inspectZip(path);
  const stack = await find();
  const { bucket } = stack;
  const key = keyFor(stack.settings, basename(path), flags);
  for (const warning of zip.warnings) console.say(console.tint('yellow', warning));

  const signal = interruptible(() => console.say('\nStopping.'));
  const uploaded = await upload(console, stack, { path, bucket, key, ...zip }, signal);
  const { eTag, versionId } = uploaded;
  const object = { bucket, key, eTag, ...(versionId === undefined ? {} : { versionId }) };
  const facts = { bucket, key, versionId, eTag, size: zip.size, resumedBytes: uploaded.resumed };
  if (flags.follow !== true) {
    console.data(facts, [`Dropped as ${buildId(object)}.`]);
    console.say(`Follow it: npx streampixel-drop status --watch`);
    return EXIT.done;
  }

  console.say(`Dropped as ${buildId(object)}. Following it; Ctrl-C stops looking, not the build.`);
  // A lookup remembers, so each look needs one of its own.
  const look = () => createObjectLookup(stack.ledger)(object);
  const followed = await followBuild(console, stack.ledger, look, signal);
  const { entry, standing } = followed;
  const line = endLine(console, key, followed);
  console.data({ ...facts, ...buildFacts(entry, { isHeard: standing !== 'unheard' }) }, [line]);
  const advice = adviceOn(entry, standing);
  if (advice !== undefined) console.say(adviceText(advice));
  return EXIT.done;
}

/** @throws OperatorError (usage) where the settings have no place for such a key, or more than one */
export function keyFor(
  { routes, prefix }: Pick<DeployedSettings, 'routes' | 'prefix'>,
  fileName: string,
  { key, route }: PushFlags,
): string {
  const prefixes = [...new Set(routes.map((each) => each.prefix))];
  const list = prefixes.map((each) => `--route '${each}'`).join(', ');
  if (route !== undefined && !prefixes.includes(route))
    throw usageError(`There is no route '${route}'.`, `There are: ${list}.`);
  if (route === undefined && key === undefined && prefixes.length > 1) {
    throw usageError('There are several routes.', `Say which it belongs to: ${list}.`);
  }
  const chosen = key ?? `${route ?? prefixes[0] ?? ''}${fileName}`;
  if (whyNotABuild(chosen) !== undefined)
    throw usageError(`The key ${chosen} does not end in .zip.`, 'Choose another --key.');
  if (!chosen.startsWith(prefix)) {
    throw usageError(
      `Keys have to start with '${prefix}' to be taken, and ${chosen} does not.`,
      'Choose another --key.',
    );
  }
  if (findRoute(routes, chosen) === undefined) {
    throw usageError(`No route takes the key ${chosen}.`, `Choose another --key, or a route: ${list}.`);
  }
  return chosen;
}

type Upload = Parameters<typeof uploadInParts>[1];

async function upload(console: Console, { clients }: Stack, request: Upload, signal: AbortSignal): Promise<Uploaded> {
  const startedAt = Date.now();
  const bar = console.bar(`Uploading ${basename(request.path)}`, request.size, { format: bytes });
  try {
    return await uploadInParts(clients.s3, request, signal, (there, resumed) => {
      const rate = ((there - resumed) / (Date.now() - startedAt + 1)) * 1_000;
      bar.update(there, rate === 0 ? '' : `${bytes(rate)}/s, ${span(((request.size - there) / rate) * 1_000)} left`);
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    const remedy = 'Run the same command again: it goes on where it stopped.';
    throw new OperatorError('Interrupted', 'The upload was interrupted.', remedy, EXIT.interrupted);
  } finally {
    bar.stop();
  }
}
