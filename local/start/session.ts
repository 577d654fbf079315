import { statSync, watchFile } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findRoute, type Route, releaseMode } from '../../functions/domain/model/route.ts';
import { bytes } from '../../functions/domain/model/size.ts';
import { type SettingsPlace, settingsName, settingsPath } from '../../infra/settings/settings-file.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../aws/account.ts';
import { watchDropFolder } from './drop-folder.ts';
import type { DroppedBuild, EmbeddedStack } from './embedded-stack.ts';
import type { LocalEvent } from './events.ts';
import { type Flags, placeOf } from './flags.ts';
import { makeSampleBuild } from './sample-build.ts';

/** Prints a line of text for people. */
type Say = (line?: string) => void;

/** The hints wait for the first builds to finish, but no longer than this: a build may be retried for long. In ms. */
const HINTS_AFTER_MS = 20_000;
/** Builds from this size on, in bytes, take seconds to upload. */
const WORTH_MENTIONING = 200_000_000;
/** How often it is checked, by its time, in ms: editors replace a file in different ways. */
const SETTINGS_INTERVAL_MS = 500;

/** Drops what the flags name and waits until all builds are finished. @returns the exit code */
export async function runOnce(stack: EmbeddedStack, flags: Flags, say: Say): Promise<number> {
  const results = await Promise.all(await dropAll(stack, flags, say));
  const good = results.filter(Boolean).length;
  const builds = results.length === 1 ? 'build' : 'builds';
  const ends = new Set(stack.environment.routes.map(wantedEnd));
  const how = stack.standIn === undefined ? 'submitted' : `downloaded byte for byte, now ${[...ends].join(' or ')}`;
  say(`\n${good} of ${results.length} ${builds} ${how}.`);
  return good === results.length ? 0 : 1;
}

/** Drops what the flags name, then says how to drop more builds, and accepts them. */
export async function keepRunning(
  stack: EmbeddedStack,
  flags: Flags,
  directory: string | undefined,
  say: Say,
): Promise<never> {
  deployWhenSaved(stack, placeOf(flags), say);
  const results = await dropAll(stack, flags, say);
  const dropFolder = directory && join(directory, 'drop');
  if (dropFolder !== undefined) {
    await mkdir(dropFolder, { recursive: true });
    await watchDropFolder({
      directory: dropFolder,
      onFile: (path, name) =>
        void stack
          .drop(path, keyOf(stack, name))
          .catch((error) => say(`${name} could not be uploaded: ${error.message}`)),
    });
  }
  await Promise.race([Promise.all(results), sleep(HINTS_AFTER_MS)]);
  sayHints(stack, flags, dropFolder, say);
  return new Promise<never>(() => {});
}

/** For the shells of a system: on Windows `cmd` and PowerShell both know it. */
export function copyCommand(file: string, folder: string, platform = process.platform): string {
  return platform === 'win32' ? `copy ${file} "${folder}"` : `cp ${file} ${folder}/`;
}

/**
 * A command with environment variables of its own, for the shell that is usual on a system: PowerShell on Windows.
 *
 * @returns its lines
 */
export function withVariables(
  variables: Readonly<Record<string, string>>,
  command: string,
  platform = process.platform,
): readonly string[] {
  const all = Object.entries(variables);
  if (platform === 'win32') return [all.map(([name, value]) => `$env:${name}='${value}'`).join('; '), command];
  return [`${all.map(([name, value]) => `${name}=${value}`).join(' ')} \\`, `  ${command}`];
}

function sayHints(stack: EmbeddedStack, flags: Flags, dropFolder: string | undefined, say: Say): void {
  const { accessKeyId, secretAccessKey } = LOCAL_CREDENTIALS;
  say('\nStill running; Ctrl-C stops it. To drop your own build, copy it into the folder or upload it:\n');
  if (dropFolder !== undefined) say(`  ${copyCommand('MyGame.zip', relative(process.cwd(), dropFolder))}\n`);
  const lines = withVariables(
    { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_DEFAULT_REGION: LOCAL_REGION },
    `aws --endpoint-url ${stack.endpoint} s3 cp MyGame.zip s3://${stack.bucket}/${keyOf(stack, '')}`,
  );
  for (const line of lines) say(`  ${line}`);
  say();
  if (stack.environment.routes.some((route) => releaseMode(route) === 'manual')) {
    say('An approved build waits until you release it:\n');
    say(`  ${stack.commands.releaseNamed('NAME.zip')}\n`);
  }
  if (flags.standInKey !== undefined) {
    say('The stand-in accepts another key than the one in SSM. Store it, and the failed builds are submitted again:\n');
    const names = new Set(stack.environment.routes.map(({ apiKeyParameter }) => apiKeyParameter));
    for (const name of names) say(`  ${stack.commands.storeKey(names.size === 1 ? undefined : name)}\n`);
  }
}

/** Does after each edit of the settings what `cdk deploy` does: a wrong one can be fixed without losing the builds. */
function deployWhenSaved(stack: EmbeddedStack, place: SettingsPlace, say: Say): void {
  let last = Promise.resolve();
  watchFile(settingsPath(place), { interval: SETTINGS_INTERVAL_MS }, (now, before) => {
    // Without a time there is no file: some editors save by making it anew.
    if (now.mtimeMs === before.mtimeMs || now.mtimeMs === 0) return;
    last = last.then(async () => {
      say(`\n${settingsName(place)} was saved. Deploying it ...`);
      try {
        await stack.deploy();
        const still =
          stack.standIn === undefined ? '' : ' The stand-in still knows only the users and projects of the start.';
        say(`Deployed: the functions use it now.${still}\n`);
      } catch (error) {
        say(`Not deployed: nothing has changed. ${error instanceof Error ? error.message : error}\n`);
      }
    });
  });
}

/** Drops one build after the other. @returns for each whether it succeeds */
async function dropAll(stack: EmbeddedStack, { drop }: Flags, say: Say): Promise<Promise<boolean>[]> {
  const contents: [string | Uint8Array, string][] =
    drop.length === 0 ? [[await makeSampleBuild(), 'sample-build.zip']] : drop.map((path) => [path, basename(path)]);
  const results: Promise<boolean>[] = [];
  for (const [content, name] of contents) {
    const size = typeof content === 'string' ? statSync(content).size : content.length;
    if (size > WORTH_MENTIONING) say(`Uploading ${name} (${bytes(size)}) ...`);
    results.push(succeeds(stack, await stack.drop(content, keyOf(stack, name))));
  }
  return results;
}

/** A key that has a route: the name as it is where it lies in a folder that a route takes, else below the first route. */
function keyOf({ environment: { routes } }: EmbeddedStack, name: string): string {
  const ofFolder = name.includes('/') ? findRoute(routes, name) : undefined;
  return ofFolder === undefined ? `${routes[0]?.prefix ?? ''}${name}` : name;
}

/**
 * Waits until the build is finished: whether it was submitted and, at the stand-in, downloaded byte for byte and made live
 * (or approved, where a person releases it).
 */
async function succeeds(stack: EmbeddedStack, { build, key, size, sha256 }: DroppedBuild): Promise<boolean> {
  const first = (...names: LocalEvent['event'][]) =>
    stack.seen((event) => event.build === build && names.includes(event.event));
  const submission = await first('submitted', 'skipped', 'dead-lettered');
  if (submission.event !== 'submitted') return false;
  if (stack.standIn === undefined) return true;
  const downloaded = await first('downloaded', 'rejected');
  if (downloaded.size !== size || downloaded.sha256 !== sha256) return false;
  const route = findRoute(stack.environment.routes, key);
  const wanted = route === undefined ? 'live' : wantedEnd(route);
  const end = await first(wanted, 'rejected', 'stuck', 'silent', 'release-failed');
  return end.event === wanted;
}

/** The last event of a build that succeeds. */
function wantedEnd(route: Route): 'live' | 'approved' {
  return releaseMode(route) === 'manual' ? 'approved' : 'live';
}
