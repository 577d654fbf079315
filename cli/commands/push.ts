import { basename } from 'node:path';
import type { Command } from 'commander';
import { buildId, whyNotABuild } from '../../functions/domain/model/build.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { findRoute } from '../../functions/domain/model/route.ts';
import { TOOL } from '../../functions/domain/notify/operator-commands.ts';
import type { DeployedSettings } from '../../infra/outputs.ts';
import { buildFacts } from '../builds/build-view.ts';
import { createObjectLookup } from '../builds/search.ts';
import { adviceOn, adviceText } from '../builds/status-display.ts';
import type { Act } from '../command.ts';
import type { Console } from '../console.ts';
import { interruptible } from '../interruption.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import { followBuild } from '../screens/follow.ts';
import { resultLine } from '../screens/result.ts';
import type { Stack } from '../stack/stack.ts';
import { bytes, span } from '../units.ts';
import { type UploadRequest, uploadInParts } from '../upload/multipart-upload.ts';
import { inspectZip, sayVerdict } from '../upload/zip-file.ts';

interface PushFlags {
  readonly route?: string;
  readonly key?: string;
  readonly follow?: boolean;
}

export function addPushCommand(program: Command, act: Act): void {
  program
    .command('push')
    .argument('<file>', 'zip of a packaged build')
    .description(
      'Upload a build to the drop bucket. After an interruption the same command continues where it stopped.',
    )
    .option('--route <prefix>', 'prefix of its route; needed where there are several routes')
    .option('--key <key>', "its key in the bucket (default: the route's prefix and the file's name)")
    .option('--follow', 'follow it until it is live or waits for you to release it; exit code 1 if it fails')
    .action(act(async ({ console, stack, flags, args: [file = ''] }) => push(console, stack, file, flags)));
}

async function push(console: Console, find: () => Promise<Stack>, path: string, flags: PushFlags): Promise<number> {
  const zip = await inspectZip(path);
  const stack = await find();
  const { bucket } = stack;
  const key = keyFor(stack.settings, basename(path), flags);
  sayVerdict(console, path, zip.verdict, stack.settings.packageCheck);

  const signal = interruptible(() => console.say('\nStopping.'));
  const { eTag, resumed, versionId } = await upload(console, stack, { path, bucket, key, ...zip }, signal);
  const object = { bucket, key, eTag, ...present({ versionId }) };
  const facts = { bucket, key, versionId, eTag, size: zip.size, resumedBytes: resumed };
  if (flags.follow !== true) {
    console.data(facts, [`Dropped as ${buildId(object)}.`]);
    console.say(`Follow it: ${TOOL} status --watch`);
    return EXIT.done;
  }

  console.say(`Dropped as ${buildId(object)}. Following it. Ctrl-C only stops following: the build continues.`);
  // A lookup caches what it has read, so each look needs a new one.
  const look = () => createObjectLookup(stack.ledger)(object);
  const view = await followBuild(console, stack.ledger, look, signal);
  const line = resultLine(console, key, view);
  console.data({ ...facts, ...buildFacts(view) }, [line]);
  const { entry, status } = view;
  if (adviceOn(entry, status) !== undefined) console.say(adviceText(entry, status));
  return EXIT.done;
}

/** @throws OperatorError (usage) where no route matches such a key, or it is unclear which one is meant */
function keyFor(
  { routes, prefix }: Pick<DeployedSettings, 'routes' | 'prefix'>,
  fileName: string,
  { key, route }: PushFlags,
): string {
  const prefixes = [...new Set(routes.map((each) => each.prefix))];
  const list = prefixes.map((each) => `--route '${each}'`).join(', ');
  if (route !== undefined && !prefixes.includes(route)) {
    throw usageError(`There is no route '${route}'.`, `There are: ${list}.`);
  }
  if (route === undefined && key === undefined && prefixes.length > 1) {
    throw usageError('There are several routes.', `Add one of: ${list}.`);
  }
  const chosen = key ?? `${route ?? prefixes[0] ?? ''}${fileName}`;
  const remedy = 'Choose another --key.';
  if (whyNotABuild(chosen) !== undefined) throw usageError(`The key ${chosen} does not end in .zip.`, remedy);
  if (!chosen.startsWith(prefix)) {
    throw usageError(`The pipeline only takes keys that start with '${prefix}', and ${chosen} does not.`, remedy);
  }
  if (findRoute(routes, chosen) === undefined) {
    throw usageError(`No route matches the key ${chosen}.`, `Choose another --key, or a route: ${list}.`);
  }
  return chosen;
}

async function upload(console: Console, { clients }: Stack, request: UploadRequest, signal: AbortSignal) {
  const startedAt = Date.now();
  try {
    return await console.progress(`Uploading ${basename(request.path)}`, request.size, { format: bytes }, (progress) =>
      uploadInParts(clients.s3, request, signal, (uploaded, resumed) => {
        const rate = ((uploaded - resumed) / (Date.now() - startedAt + 1)) * 1_000;
        const left = span(((request.size - uploaded) / rate) * 1_000);
        progress.update(uploaded, rate === 0 ? '' : `${bytes(rate)}/s, ${left} left`);
      }),
    );
  } catch (error) {
    if (!signal.aborted) throw error;
    const remedy = 'Run the same command again: it continues where it stopped.';
    throw new OperatorError('Interrupted', 'The upload was interrupted.', remedy, EXIT.interrupted);
  }
}
