import type { Command } from 'commander';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import {
  earlyReleaseNote,
  findReleaseTarget,
  previewRelease,
  releaseFacts,
  sendReleaseRequest,
} from '../actions/release.ts';
import { statusOf } from '../builds/build-status.ts';
import { shortId } from '../builds/build-view.ts';
import { liveFacts } from '../builds/live.ts';
import { BUILD_NAMES, entriesOf } from '../builds/search.ts';
import { adviceOn } from '../builds/status-display.ts';
import { type Act, NOTHING_CHANGED, YES_FLAG } from '../command.ts';
import { type Console, printable } from '../console.ts';
import { interruptible, pause } from '../interruption.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import { POLL_MS } from '../screens/follow.ts';
import { createFollowLines } from '../screens/follow-lines.ts';
import type { Stack } from '../stack/stack.ts';
import { inLocalTime, iso } from '../units.ts';

interface ReleaseFlags {
  readonly previous?: boolean;
  readonly project?: string;
  readonly uploadId?: string;
  readonly wait: boolean;
  readonly yes?: boolean;
}

/** Where no worker has taken the request by then, something may be wrong with the follow queue; in ms. */
const UNTAKEN_FOR_MS = 60_000;

export function addReleaseCommand(program: Command, act: Act): void {
  program
    .command('release')
    .argument('[build]', `${BUILD_NAMES}; it may be an older one`)
    .description('Put a build live: requests that Streampixel distributes it to the viewers of its project.')
    .option('--upload-id <id>', 'release an earlier upload of the build instead of its last one')
    .option(
      '--previous',
      'instead of a build: what was live before. Each time one step further back; a build that goes live afterwards is the new start',
    )
    .option('--project <id>', 'the project that goes back, where the routes have several')
    .option('--no-wait', 'only send the request')
    .option(...YES_FLAG)
    .action(act(async ({ console, stack, flags, args: [build] }) => release(console, await stack(), build, flags)));
}

async function release(
  console: Console,
  stack: Stack,
  wanted: string | undefined,
  { previous = false, project, uploadId: wantedUpload, wait, yes }: ReleaseFlags,
): Promise<number> {
  if (previous ? wanted !== undefined || wantedUpload !== undefined : project !== undefined) {
    throw usageError('--previous takes no build, and --project belongs to --previous.', 'See: release --help');
  }
  if (wanted === undefined && !previous) throw await whichBuild(stack);
  const target = await findReleaseTarget(
    stack,
    previous ? { previousOf: project } : { build: wanted ?? '', ...present({ uploadId: wantedUpload }) },
  );
  const { entry, uploadId } = target;
  const early = earlyReleaseNote(target);
  if (early !== undefined) console.say(console.paint('yellow', early));
  const facts = releaseFacts(target);
  if (yes !== true) {
    const { differences, lines, replaces } = await previewRelease(stack, target);
    console.data({ dryRun: true, ...facts, replaces: replaces && liveFacts(replaces), differences }, [
      ...lines.map((line) => inLocalTime(line, Date.now())),
      ...differences.map(({ text }) => console.paint('yellow', text)),
    ]);
    console.say(NOTHING_CHANGED);
    return EXIT.done;
  }

  // From before the request on: where Ctrl-C ended the command in between, it would be unknown whether it was sent.
  const signal = interruptible(() => console.say('\nStopping.'));
  const { note, requestId } = await sendReleaseRequest(stack, target);
  console.say(note);
  if (!wait) {
    console.data({ ...facts, requestId, release: 'requested' }, [`Requested: ${entry.id}, upload id ${uploadId}.`]);
    console.say(`See its status: ${console.commands.status(entry.build)}`);
    return EXIT.done;
  }
  console.say('Waiting for Streampixel to accept it. Ctrl-C only stops waiting: the request stays.');
  const { attempts, endedAt } = await waitForRelease(console, stack, entry, requestId, signal);
  console.data({ ...facts, requestId, release: 'released', attempts, endedAt: iso(endedAt ?? Date.now()) }, [
    console.paint('green', `${shortId(entry.id)} is released: live within minutes. Upload id ${uploadId}.`),
  ]);
  return EXIT.done;
}

async function whichBuild(stack: Stack): Promise<OperatorError> {
  const approved = await entriesOf(stack, ['approved']);
  const waiting = approved.filter((entry) => statusOf(entry, true) === 'waits-for-person');
  const each = waiting.map(({ build }) => `\n  ${printable(stack.commands.release(build))}`);
  const remedy =
    waiting.length === 0
      ? 'None waits for its release. Name one that was live before by its id, its s3:// address or a part of it.'
      : `These wait for their release:${each.join('')}`;
  return usageError('Say which build to release.', remedy);
}

/**
 * Prints the progress of the request, until Streampixel has accepted it.
 *
 * @throws OperatorError where it fails, or once the signal is aborted
 */
export async function waitForRelease(
  console: Console,
  { ledger }: Stack,
  entry: LedgerEntry,
  requestId: string,
  signal: AbortSignal,
): Promise<Release> {
  const startedAt = Date.now();
  const print = createFollowLines(console, entry);
  let isWarned = false;
  for (;;) {
    const current = (await ledger.find(entry.id)) ?? entry;
    print(current);
    const { release: last, releaseRequests = [] } = current;
    if (last?.requestId === requestId) {
      if (last.state === 'released') return last;
      if (last.state === 'failed') throw failedRelease(current, last);
    } else if (releaseRequests.includes(requestId)) {
      throw new OperatorError(
        'Replaced',
        'A later request has replaced this one.',
        console.commands.status(entry.build),
      );
    } else if (!isWarned && Date.now() - startedAt > UNTAKEN_FOR_MS) {
      isWarned = true;
      console.say(`The pipeline has not taken the request yet. This looks for the cause: ${console.commands.doctor()}`);
    }
    if (!(await pause(POLL_MS, signal))) {
      const remedy = `See its status: ${console.commands.status(entry.build)}`;
      throw new OperatorError('Interrupted', 'Stopped waiting; the request stays.', remedy, EXIT.interrupted);
    }
  }
}

function failedRelease(entry: LedgerEntry, { detail = '', uploadId }: Release): OperatorError {
  const text = `${printable(entry.id)} was not released.\nStreampixel's message: ${printable(detail)}`;
  return new OperatorError('ReleaseFailed', text, (commands) => {
    const act = adviceOn(entry, 'release-failed', commands)?.act;
    const earlier = uploadId === entry.uploadId ? undefined : uploadId;
    return `${act}\nThen run: ${commands.release(entry.build, earlier)}`;
  });
}
