import { HeadObjectCommand, S3ServiceException } from '@aws-sdk/client-s3';
import type { Command } from 'commander';
import { buildId } from '../../functions/domain/model/build.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { SKIP_CAUSES } from '../../functions/domain/model/reasons.ts';
import { bytes } from '../../functions/domain/model/size.ts';
import type { OperatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { type BuildView, buildFacts } from '../builds/build-view.ts';
import { createObjectLookup, type StoredObject } from '../builds/search.ts';
import { adviceOn, adviceText, STATUS_DISPLAY } from '../builds/status-display.ts';
import type { Act } from '../command.ts';
import { aligned, type Console, helpColumns, plainLines, printable } from '../console.ts';
import { interruptible } from '../interruption.ts';
import { type Labels, metadataOf, withLabel } from '../labels.ts';
import { EXIT, type Facts, FailedWithFacts, OperatorError, remedyText, usageError } from '../operator-error.ts';
import { followBuild } from '../screens/follow.ts';
import { EXIT_AFTER, resultLine } from '../screens/result.ts';
import { explained } from '../stack/aws-errors.ts';
import type { Stack } from '../stack/stack.ts';
import { inLocalTime, parseTimeout, rateText, span } from '../units.ts';
import { type UploadRequest, uploadInParts } from '../upload/multipart-upload.ts';
import { keyFor } from '../upload/upload-key.ts';
import { nameOf } from '../upload/upload-source.ts';
import { inspectBuild, sayVerdict } from '../upload/zip-file.ts';

interface PushFlags {
  readonly route?: string;
  readonly key?: string;
  readonly label?: Labels;
  readonly follow?: boolean;
  /** ms. */
  readonly timeout?: number;
}

/** The last line of `--json` always has these, `null` where they are not known. Build machines read them. */
const NOTHING_KNOWN = { build: null, key: null, versionId: null, uploadId: null, state: null, reason: null } as const;

/** Takes what becomes known about the build. @returns all of it */
type Note = (facts: Facts) => Facts;

export function addPushCommand(program: Command, act: Act): void {
  program
    .command('push')
    .argument('<file>', "zip of a packaged build, or the build's folder")
    .description(
      'Upload a build to the drop bucket. A folder is zipped on the way. After an interruption the same command continues where it stopped.',
    )
    .option('--route <prefix>', 'prefix of its route; needed where there are several routes')
    .option('--key <key>', "its key in the bucket (default: the route's prefix and the file's name)")
    .option('--label <name=value>', 'label the build, such as commit=abc; may be given several times', withLabel)
    .option('--follow', 'follow it until it is live, or approved where a person releases it')
    .option('--timeout <time>', 'with --follow: for how long after the upload, such as 90s, 30m, 1h30m', parseTimeout)
    .addHelpText('after', exitCodesHelp)
    .exitOverride((error) => {
      throw new FailedWithFacts(error, { ...NOTHING_KNOWN, reason: 'Usage' });
    })
    .action(
      act(async ({ console, stack, flags, args: [file = ''] }) => {
        let known: Facts = { ...NOTHING_KNOWN, file };
        const note: Note = (facts) => {
          known = { ...known, ...facts };
          return known;
        };
        try {
          return await push(console, stack, file, flags, note);
        } catch (error) {
          throw new FailedWithFacts(error, known);
        }
      }),
    );
}

/** What each exit code of `push` says: for its help and for docs/ci.md. */
export const EXIT_CODES: readonly (readonly [number, string])[] = [
  [EXIT.done, 'uploaded; with --follow: live, or approved where a person releases it'],
  [EXIT.failed, 'failed: not uploaded, dead-lettered, rejected, stuck, or not released'],
  [EXIT.usage, 'wrong usage: nothing was uploaded'],
  [EXIT.skipped, 'skipped, such as for a newer build, or because Streampixel has this content already'],
  [
    EXIT.underWay,
    'still under way when the time was over, AWS no longer says how it goes, or Streampixel reports nothing about the project',
  ],
  [EXIT.interrupted, 'interrupted'],
];

function exitCodesHelp(): string {
  const rows = aligned(
    EXIT_CODES.map(([code, text]) => [`${code}`, text]),
    2,
  );
  return ['', 'Exit codes:', ...rows.flatMap((row) => plainLines(row, helpColumns(process.stdout)))].join('\n');
}

async function push(
  console: Console,
  find: () => Promise<Stack>,
  path: string,
  flags: PushFlags,
  note: Note,
): Promise<number> {
  const { follow = false, label = {}, timeout } = flags;
  if (timeout !== undefined && !follow) {
    throw usageError('--timeout is the time to follow the build for.', 'Add --follow.');
  }
  const { fileName, notes, source, verdict } = await inspectBuild(path);
  const stack = await find();
  const { bucket } = stack;
  const key = keyFor(stack.settings, fileName, flags);
  note({ bucket, key, size: source.size, labels: label });
  for (const line of notes) console.say(line);
  sayVerdict(console, path, verdict, stack.settings.packageCheck);

  const signal = interruptible(() => console.say('\nStopping.'));
  const metadata = Object.keys(label).length === 0 ? undefined : metadataOf(label);
  const request = { source, bucket, key, ...present({ metadata }) };
  const { eTag, resumed, versionId: version } = await upload(console, stack, nameOf(path), request, signal);
  // A bucket that keeps no versions any more says so.
  const versionId = version === 'null' ? undefined : version;
  const object = { bucket, key, eTag, ...present({ versionId }) };
  const build = buildId(object);
  const facts = note({ build, versionId: versionId ?? null, eTag, resumedBytes: resumed });
  if (!follow) {
    console.data(facts, [`Dropped as ${build}.`]);
    console.say(`Follow it: ${console.commands.watch()}`);
    return EXIT.done;
  }

  console.say(`Dropped as ${printable(build)}. Following it. Ctrl-C only stops following: the build continues.`);
  let seen: StoredObject | undefined = versionId === undefined ? undefined : object;
  // A lookup caches what it has read, so each look needs a new one.
  const look = async () => {
    seen ??= await withTime(stack, object);
    const entry = await createObjectLookup(stack)(seen);
    if (entry !== undefined) note({ state: entry.state, uploadId: entry.uploadId ?? null });
    return entry;
  };
  const options = { find: look, signal, ...present({ timeoutMs: timeout }) };
  const followed = await followBuild(console, stack.ledger, options).catch((error: unknown) => {
    const { code, exitCode, message, remedy } = explained(error);
    // The build continues, and its result is not known yet.
    throw new OperatorError(code, message, remedy, exitCode === EXIT.interrupted ? exitCode : EXIT.underWay);
  });
  if (followed.view !== undefined) note(factsOf(followed.view));
  if (followed.kind === 'timed-out') throw stillUnderWay(object, timeout ?? 0, followed.view);
  const { view } = followed;
  const line = resultLine(console, key, view);
  console.data(note({}), [line]);
  const { entry, status } = view;
  if (entry.skipCause !== undefined && status === 'skipped') console.say(SKIP_CAUSES[entry.skipCause]);
  if (adviceOn(entry, status, console.commands) !== undefined) console.say(adviceText(entry, status, console.commands));
  return EXIT_AFTER[status];
}

/** A build for `--json`; what does not apply is left out, but for what the last line always has. */
function factsOf(view: BuildView): Facts {
  const { build, reason, state, uploadId, ...others } = buildFacts(view);
  return {
    ...others,
    build,
    state,
    uploadId: uploadId ?? null,
    reason: reason ?? STATUS_DISPLAY[view.status].failure ?? null,
  };
}

/** With S3's time of the object: without versions only that distinguishes a build from an earlier one with the same bytes. */
async function withTime({ clients }: Stack, object: StoredObject): Promise<StoredObject> {
  const { bucket: Bucket, key: Key } = object;
  try {
    const { ETag, LastModified } = await clients.s3.send(new HeadObjectCommand({ Bucket, Key }));
    // Another object may have taken its place.
    return ETag?.replaceAll('"', '') === object.eTag ? { ...object, droppedAt: LastModified?.getTime() } : object;
  } catch (error) {
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    // It is gone, or this profile may not read it.
    if (status === 403 || status === 404) return object;
    throw error;
  }
}

function stillUnderWay(object: StoredObject, timeoutMs: number, view: BuildView | undefined): OperatorError {
  const where =
    view === undefined
      ? 'the pipeline has not seen it yet'
      : inLocalTime(STATUS_DISPLAY[view.status].label(view), Date.now());
  return new OperatorError(
    'StillUnderWay',
    `${printable(object.key)} was not finished after ${span(timeoutMs)}: ${where}. It continues.`,
    (commands) => `Follow it: ${statusOf(commands, object, view)}`,
    EXIT.underWay,
  );
}

/** Without versions the ledger's name of a build has a sequencer, which is not known before the ledger has it. */
function statusOf(commands: OperatorCommands, object: StoredObject, view: BuildView | undefined): string {
  if (view !== undefined) return commands.status(view.entry.build);
  return object.versionId === undefined ? commands.statusNamed(object.key) : commands.status(object);
}

async function upload(console: Console, { clients }: Stack, name: string, request: UploadRequest, signal: AbortSignal) {
  const { size } = request.source;
  const startedAt = Date.now();
  try {
    return await console.progress(`Uploading ${printable(name)}`, size, { format: bytes }, (progress) =>
      uploadInParts(clients.s3, request, signal, (uploaded, resumed) => {
        progress.update(uploaded, rateText(uploaded - resumed, size - uploaded, Date.now() - startedAt));
      }),
    );
  } catch (error) {
    const again = 'Run the same command again: it continues where it stopped.';
    if (signal.aborted) throw new OperatorError('Interrupted', 'The upload was interrupted.', again, EXIT.interrupted);
    if (error instanceof OperatorError) throw error;
    const { code, message, remedy } = explained(error);
    throw new OperatorError(
      code,
      message,
      (commands) => `${remedyText(remedy, commands)}\nThe upload is kept. ${again}`,
    );
  }
}
