import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBoard } from '../../cli/board/server.ts';
import { findStack, type Stack } from '../../cli/stack/stack.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { printableJson } from '../../functions/domain/model/printable.ts';
import type { Settings } from '../../infra/settings/schema.ts';
import { settingsName, settingsPath } from '../../infra/settings/settings-file.ts';
import type { Course } from '../streampixel/streampixel-stand-in.ts';
import { type EmbeddedStack, startEmbeddedStack } from './embedded-stack.ts';
import type { LocalEvent } from './events.ts';
import { type CourseName, DEFAULT_INTERVAL_S, type Flags, placeOf } from './flags.ts';
import { lineOf, printableLines, troubleOf } from './screen.ts';
import { keepRunning, runOnce } from './session.ts';

/** The terminal, npm and the launcher each pass a Ctrl-C on: signals within this time are one press. In ms. */
const ONE_PRESS_MS = 1_000;
/** Exit code that shells give to a command that Ctrl-C ended. */
const INTERRUPTED = 130;

/** The default of two hours is too long to wait here. */
const SHORT_PATIENCE: Partial<Settings> = { lateAfterMinutes: 1, stuckAfterMinutes: 1 };
/** What the stand-in does with each build. */
const COURSES: Readonly<Record<CourseName, Course>> = {
  live: { kind: 'documented' },
  // The only example in Streampixel's documentation.
  rejected: { kind: 'rejected', at: 'extracting', objection: 'Build contains unsupported file formats.' },
  stuck: { kind: 'stuck', after: 'extracting' },
  silent: { kind: 'silent' },
  disorder: { kind: 'documented', deliveries: { times: 2, order: 'shuffled' } },
};
/** More builds than are dropped in one run. */
const MOST_BUILDS = 1_000;

/** @returns the exit code; without `--once` not before Ctrl-C */
export async function run(flags: Flags): Promise<number> {
  // Text for people goes to stdout, unless that is for JSON only.
  const say = (line = '') => void (flags.json ? process.stderr : process.stdout).write(`${printableLines(line)}\n`);
  // Not the system's temporary directory, which is in memory on some machines: builds are large. Runs on different ports have
  // different directories; a run whose port the system chooses has no fixed one.
  const directory =
    flags.port === 0 ? undefined : fileURLToPath(new URL(`../../.local/${flags.port}`, import.meta.url));
  const objectsDirectory = directory && join(directory, 'objects');

  const place = placeOf(flags);

  // Before everything else: what a newcomer can look at.
  const found = Promise.withResolvers<Stack>();
  const board =
    flags.once || !flags.board
      ? undefined
      : await startBoard(found.promise, {
          port: flags.boardPort,
          onAddress(url, isFirst) {
            const event: LocalEvent = { time: new Date().toISOString(), event: 'board', url };
            if (flags.json) process.stdout.write(`${printableJson(event)}\n`);
            else say(`  Board         ${url}  (${isFirst ? 'open it: all builds, live' : 'for another browser'})\n`);
          },
        });

  let stack: EmbeddedStack | undefined;
  let interruptedAt: number | undefined;
  const interrupted = new Promise<number>((resolve) => {
    const onSignal = () => {
      const now = Date.now();
      if (interruptedAt !== undefined && now - interruptedAt < ONE_PRESS_MS) return;
      if (interruptedAt !== undefined || stack === undefined) {
        if (objectsDirectory !== undefined) rmSync(objectsDirectory, { recursive: true, force: true });
        process.exit(INTERRUPTED);
      }
      interruptedAt = now;
      say('\nStopping as soon as running work is finished. Press Ctrl-C again to stop at once.');
      const ended = Promise.all([board?.close(), stack.stop()]);
      ended.then(() => resolve(flags.once ? INTERRUPTED : 0));
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
    // Where the reader closes the pipe (`| head`), the run ends as if it had pressed Ctrl-C.
    process.stdout.once('error', onSignal);
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  });

  const isLocal = flags.streampixelUrl === undefined || isLoopback(flags.streampixelUrl);
  const isSlow = flags.course === 'stuck' || flags.course === 'silent';
  stack = await startEmbeddedStack({
    port: flags.port,
    stageMs: flags.stage * 1000,
    settingsPlace: place,
    settings: {
      ...(isSlow ? SHORT_PATIENCE : {}),
      ...present({
        // The real Streampixel keeps its limit: there the interval is that of the settings.
        intervalSeconds: flags.interval ?? (isLocal ? DEFAULT_INTERVAL_S : undefined),
        streampixelBaseUrl: flags.streampixelUrl,
        delivery: flags.delivery,
      }),
    },
    ...present({ apiKey: flags.apiKey, standInKey: flags.standInKey, objectsDirectory }),
    onEvent: (event) => void process.stdout.write(`${flags.json ? printableJson(event) : lineOf(event)}\n`),
    onLog(line) {
      const trouble = troubleOf(line);
      if (trouble !== undefined) say(trouble);
    },
    onNotice: say,
  });
  const { endpoint, environment, standIn, stop } = stack;
  if (board !== undefined) found.resolve(findStack({ local: stack.port }));
  if (flags.course !== 'live') {
    standIn?.plan(...Array.from({ length: MOST_BUILDS }, () => COURSES[flags.course]));
  }

  say();
  say(`  AWS endpoint  ${endpoint}  (S3, SQS, SNS, SSM, DynamoDB, EventBridge, API Gateway, CloudFormation)`);
  say(`  Streampixel   ${standIn === undefined ? environment.streampixelBaseUrl : `${standIn.baseUrl}  (a stand-in)`}`);
  say(`  Interval      ${environment.intervalMs / 1000} s between two uploads of a user (--interval)`);
  const { fileUrls } = environment;
  if (fileUrls.delivery === 'cloudfront') say(`  CloudFront    http://${fileUrls.domain}  (downloads by signed URLs)`);
  const isSample = !existsSync(settingsPath(place));
  const settings = isSample ? `a sample; yours go into ${settingsName(place)}` : settingsName(place);
  if (!flags.once) say(`  Settings      ${settings}: save it while this runs, and it is deployed`);
  else if (!isSample) say(`  Settings      ${settings}`);
  if (!isLocal) say("\nStreampixel can't download from this machine: it accepts builds, and rejects them later.");
  say();

  const work = flags.once ? runOnce(stack, flags, say) : keepRunning(stack, flags, directory, say);
  try {
    const code = await Promise.race([interrupted, work]);
    await stop();
    return code;
  } catch (error) {
    // An upload that stopping has cut off is no failure.
    if (interruptedAt !== undefined) return interrupted;
    await stop();
    throw error;
  }
}

function isLoopback(url: string): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(url).hostname);
}
