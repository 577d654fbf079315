import { rmSync, statSync, watchFile } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import { findRoute, releaseMode } from '../../functions/domain/model/route.ts';
import type { Settings } from '../../infra/settings/schema.ts';
import { DEFAULT_PORT, LOCAL_CREDENTIALS, LOCAL_REGION } from '../aws/account.ts';
import type { Course } from '../streampixel/streampixel-stand-in.ts';
import { watchDropFolder } from './drop-folder.ts';
import { type DroppedBuild, type EmbeddedStack, startEmbeddedStack } from './embedded-stack.ts';
import type { LocalEvent } from './events.ts';
import { type CourseName, DEFAULT_INTERVAL_S, type Flags, readFlags } from './flags.ts';
import { makeSampleBuild } from './sample-build.ts';
import { bytes, lineOf, troubleOf } from './screen.ts';

/** Signals that come within this are one press of Ctrl-C: the terminal, npm and the launcher each pass it on. In ms. */
const ONE_PRESS_MS = 1_000;
/** What a shell reports for a command that Ctrl-C ended. */
const INTERRUPTED = 130;
/** What was asked for makes no sense. */
const USAGE = 2;
/** The hints at the end don't wait longer than this for the first drops: they may be retried for long. In ms. */
const HINTS_AFTER_MS = 20_000;

/** Where builds get stuck nobody wants to wait for two hours to hear of it. */
const IMPATIENT: Partial<Settings> = { lateAfterMinutes: 1, stuckAfterMinutes: 1 };
/** More builds than anybody drops in one run. */
const MOST_PLANNED = 1_000;

/** Builds from this size on, in bytes, take seconds to upload. */
const WORTH_MENTIONING = 200_000_000;

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What belongs to one run: what it was asked for, and where it keeps things. */
interface Run {
  readonly flags: Flags;
  /** Talk: on stdout, unless that is for JSON only. */
  readonly say: (line?: string) => void;
  /** Not the system's temporary directory, which is memory on some machines: builds are large. */
  readonly objectsDirectory: string | undefined;
  readonly dropFolder: string | undefined;
}

function prepare(flags: Flags): Run {
  // By port, so that two runs keep out of each other's way. One that lets the system choose has no place of its own.
  const directory = flags.port === 0 ? undefined : join(root, '.local', String(flags.port));
  return {
    flags,
    say: (line = '') => void (flags.json ? process.stderr : process.stdout).write(`${line}\n`),
    objectsDirectory: directory && join(directory, 'objects'),
    dropFolder: directory && join(directory, 'drop'),
  };
}

/** @returns the exit code, once all is over; without `--once` it does not come to that by itself */
async function run({ flags, say, objectsDirectory, dropFolder }: Run): Promise<number> {
  let stack: EmbeddedStack | undefined;
  let firstSignalAt: number | undefined;
  const interrupted = new Promise<number>((resolve) => {
    const onSignal = () => {
      const now = Date.now();
      if (firstSignalAt !== undefined && now - firstSignalAt < ONE_PRESS_MS) return;
      if (firstSignalAt !== undefined || stack === undefined) {
        if (objectsDirectory !== undefined) rmSync(objectsDirectory, { recursive: true, force: true });
        process.exit(INTERRUPTED);
      }
      firstSignalAt = now;
      say('\nStopping when what is in hand is done. Ctrl-C again stops at once.');
      stack.stop().then(() => resolve(flags.once ? INTERRUPTED : 0));
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  });

  const isLocal = flags.streampixelUrl === undefined || isLoopback(flags.streampixelUrl);
  // A real vendor keeps its limit whatever the machine: there the interval is that of the settings.
  const intervalSeconds = flags.interval ?? (isLocal ? DEFAULT_INTERVAL_S : undefined);
  stack = await startEmbeddedStack({
    port: flags.port,
    stageMs: flags.stage * 1000,
    settings: {
      ...(flags.course === 'stuck' || flags.course === 'silent' ? IMPATIENT : {}),
      ...(intervalSeconds === undefined ? {} : { intervalSeconds }),
      ...(flags.streampixelUrl === undefined ? {} : { streampixelBaseUrl: flags.streampixelUrl }),
    },
    ...(flags.apiKey === undefined ? {} : { apiKey: flags.apiKey }),
    ...(flags.standInKey === undefined ? {} : { standInKey: flags.standInKey }),
    ...(objectsDirectory === undefined ? {} : { objectsDirectory }),
    onEvent: (event) => void process.stdout.write(`${flags.json ? JSON.stringify(event) : lineOf(event)}\n`),
    onLog(line) {
      const trouble = troubleOf(line);
      if (trouble !== undefined) say(trouble);
    },
    onNotice: say,
  });
  const { endpoint, environment, standIn, stop } = stack;
  if (flags.course !== 'live') {
    const every = Array.from({ length: MOST_PLANNED }, () => courseOf(flags.course));
    standIn?.plan(...every);
  }

  say();
  say(`  AWS endpoint  ${endpoint}  (S3, SQS, SNS, SSM, DynamoDB, EventBridge, API Gateway, STS)`);
  say(`  Streampixel   ${standIn === undefined ? environment.streampixelBaseUrl : `${standIn.baseUrl}  (a stand-in)`}`);
  say(`  Interval      ${environment.intervalMs / 1000} s between two uploads of a user (--interval)`);
  if (!flags.once) say('  Settings      cdk.json; what is saved there is deployed while this runs');
  if (!isLocal) say('\nStreampixel can not download from this machine: it will accept builds, and reject them later.');
  say();

  const work = flags.once ? once(stack, flags, say) : stay(stack, flags, dropFolder, say);
  try {
    const code = await Promise.race([interrupted, work]);
    await stop();
    return code;
  } catch (error) {
    // An upload that was cut short by stopping is no failure.
    if (firstSignalAt !== undefined) return interrupted;
    await stop();
    throw error;
  }
}

type Say = Run['say'];

/** Drops what was asked for, waits for the end of each, and says whether all arrived. */
async function once(stack: EmbeddedStack, flags: Flags, say: Say): Promise<number> {
  const arrived = await Promise.all(await dropAll(stack, flags, say));
  const good = arrived.filter(Boolean).length;
  const were = arrived.length === 1 ? 'build was' : 'builds were';
  const how = stack.standIn === undefined ? 'submitted' : 'downloaded byte for byte, and brought to a good end';
  say(`\n${good} of ${arrived.length} ${were} ${how}.`);
  return good === arrived.length ? 0 : 1;
}

/** Drops what was asked for, then says how to drop more, and takes it. */
async function stay(stack: EmbeddedStack, flags: Flags, dropFolder: string | undefined, say: Say): Promise<never> {
  deployWhenSaved(stack, say);
  const arrivals = await dropAll(stack, flags, say);
  if (dropFolder !== undefined) {
    await mkdir(dropFolder, { recursive: true });
    await watchDropFolder({
      directory: dropFolder,
      onFile: (path, name) =>
        void stack
          .drop(path, keyOf(stack, name))
          .catch((error) => say(`${name} could not be dropped: ${error.message}`)),
    });
  }
  await Promise.race([Promise.all(arrivals), sleep(HINTS_AFTER_MS)]);
  const { accessKeyId, secretAccessKey } = LOCAL_CREDENTIALS;
  say('\nStill running; Ctrl-C stops it. To drop your own build, copy it into the folder or upload it:\n');
  if (dropFolder !== undefined) say(`  cp MyGame.zip ${relative(process.cwd(), dropFolder)}/\n`);
  say(
    `  AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey} AWS_DEFAULT_REGION=${LOCAL_REGION} \\`,
  );
  say(`    aws --endpoint-url ${stack.endpoint} s3 cp MyGame.zip s3://${stack.bucket}/${keyOf(stack, '')}\n`);
  const port = stack.port === DEFAULT_PORT ? '' : ` ${stack.port}`;
  if (stack.environment.routes.some((route) => releaseMode(route) === 'manual')) {
    say('An approved build waits until you release it:\n');
    say(`  npx streampixel-drop release NAME.zip --yes --local${port}\n`);
  }
  if (flags.standInKey !== undefined) {
    say('The stand-in takes another key than the one in SSM. Store it, and the builds that failed go by themselves:\n');
    say(`  npx streampixel-drop key set --local${port}\n`);
  }
  return new Promise<never>(() => {});
}

/** Looks at cdk.json this often, in ms: by its time, since editors replace a file in ways of their own. */
const SETTINGS_INTERVAL_MS = 500;

/** Does after each edit of cdk.json what `cdk deploy` would, so that a wrong setting can be mended without losing the builds. */
function deployWhenSaved(stack: EmbeddedStack, say: Say): void {
  let last = Promise.resolve();
  watchFile(join(root, 'cdk.json'), { interval: SETTINGS_INTERVAL_MS }, (now, before) => {
    if (now.mtimeMs === before.mtimeMs) return;
    last = last.then(async () => {
      say('\ncdk.json was saved. Deploying it ...');
      try {
        await stack.deploy();
        const still =
          stack.standIn === undefined ? '' : ' The stand-in still knows the users and projects of the start.';
        say(`Deployed: the functions go by it now.${still}\n`);
      } catch (error) {
        say(`Not deployed; all goes on as before. ${error instanceof Error ? error.message : error}\n`);
      }
    });
  });
}

/** One promise for each drop, of whether it arrived. The drops themselves are made one after the other, in their order. */
async function dropAll(stack: EmbeddedStack, { drop }: Flags, say: Say): Promise<Promise<boolean>[]> {
  const contents: [string | Uint8Array, string][] =
    drop.length === 0 ? [[await makeSampleBuild(), 'sample-build.zip']] : drop.map((path) => [path, basename(path)]);
  const arrivals: Promise<boolean>[] = [];
  for (const [content, name] of contents) {
    const size = typeof content === 'string' ? statSync(content).size : content.length;
    if (size > WORTH_MENTIONING) say(`Uploading ${name} (${bytes(size)}) ...`);
    arrivals.push(arrives(stack, await stack.drop(content, keyOf(stack, name))));
  }
  return arrivals;
}

/** Where a build of this name has a route. */
function keyOf({ environment }: EmbeddedStack, name: string): string {
  return `${environment.routes[0]?.prefix ?? ''}${name}`;
}

/**
 * Waits for a build's end: whether it was submitted and, at the stand-in, downloaded as it was dropped and made live (or approved,
 * where a person is to release it).
 */
async function arrives(stack: EmbeddedStack, { build, key, size, sha256 }: DroppedBuild): Promise<boolean> {
  const first = (...names: LocalEvent['event'][]) =>
    stack.seen((event) => event.build === build && names.includes(event.event));
  const submission = await first('submitted', 'skipped', 'dead-lettered');
  if (submission.event !== 'submitted') return false;
  if (stack.standIn === undefined) return true;
  const fetched = await first('downloaded', 'rejected');
  if (fetched.size !== size || fetched.sha256 !== sha256) return false;
  const route = findRoute(stack.environment.routes, key);
  const good = route !== undefined && releaseMode(route) === 'manual' ? 'approved' : 'live';
  const end = await first(good, 'rejected', 'stuck', 'silent', 'release-failed');
  return end.event === good;
}

/** What the stand-in is told to make of a build. */
function courseOf(name: CourseName): Course {
  switch (name) {
    case 'live':
      return { kind: 'documented' };
    case 'rejected':
      // The only concrete words that the vendor's documentation shows.
      return { kind: 'rejected', at: 'extracting', objection: 'Build contains unsupported file formats.' };
    case 'stuck':
      return { kind: 'stuck', after: 'extracting' };
    case 'silent':
      return { kind: 'silent' };
    case 'disorder':
      return { kind: 'documented', deliveries: { times: 2, order: 'shuffled' } };
    default:
      return unreachable(name);
  }
}

function isLoopback(url: string): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(url).hostname);
}

function explain(error: unknown, { port }: Flags): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'EADDRINUSE'
    ? `Port ${port} is taken, perhaps by another local stack. Choose another: npm start -- --port ${port + 1}`
    : message;
}

let flags: Flags | undefined;
let exitCode: number;
try {
  flags = readFlags(process.argv.slice(2));
  exitCode = await run(prepare(flags));
} catch (error) {
  if (error instanceof CommanderError) {
    // It has said what is wrong, or shown its help.
    exitCode = error.exitCode === 0 ? 0 : USAGE;
  } else {
    process.stderr.write(`${flags === undefined ? error : explain(error, flags)}\n`);
    exitCode = 1;
  }
}
process.exit(exitCode);
