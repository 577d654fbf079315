import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { createSqsFollowQueue } from '../../functions/adapters/sqs-follow-queue.ts';
import { isAtStreampixel, RELEASE_PATIENCE_MS } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import { keyParameterOf } from '../../functions/domain/model/route.ts';
import { releaseCommand, shellWord, statusCommand } from '../../functions/domain/notify/operator-commands.ts';
import { statusOf } from '../builds/build-status.ts';
import { shortId } from '../builds/build-view.ts';
import { entriesOf, findBuild } from '../builds/search.ts';
import { adviceText, STATUS_DISPLAY } from '../builds/status-display.ts';
import { type Act, NOTHING_CHANGED, YES_FLAG } from '../command.ts';
import { type Console, printable } from '../console.ts';
import { interruptible, pause } from '../interruption.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import { POLL_MS } from '../screens/follow.ts';
import { createFollowLines } from '../screens/follow-lines.ts';
import type { Stack } from '../stack/stack.ts';
import { iso, span } from '../units.ts';

interface ReleaseFlags {
  readonly uploadId?: string;
  readonly wait: boolean;
  readonly yes?: boolean;
}

/** Where no worker has taken the request by then, something may be wrong with the follow queue; in ms. */
const UNTAKEN_FOR_MS = 60_000;

export function addReleaseCommand(program: Command, act: Act): void {
  program
    .command('release')
    .argument(
      '[build]',
      'id of a build, its s3:// address, or part of an id that matches only one build; it may be an older one',
    )
    .description('Put a build live: requests that Streampixel distributes it to the viewers of its project.')
    .option('--upload-id <id>', 'release an earlier upload of the build instead of its last one')
    .option('--no-wait', 'only send the request')
    .option(...YES_FLAG)
    .action(act(async ({ console, stack, flags, args: [build] }) => release(console, await stack(), build, flags)));
}

async function release(
  console: Console,
  stack: Stack,
  wanted: string | undefined,
  { uploadId: wantedUpload, wait, yes }: ReleaseFlags,
): Promise<number> {
  if (wanted === undefined) throw await whichBuild(stack);
  const entry = await findBuild(stack.ledger, wanted);
  const uploadId = releasableUpload(entry, wantedUpload);
  const { id: build, projectId, releaseMode, state, userId } = entry;
  if (keyParameterOf(stack.settings.routes, entry) === undefined) {
    const remedy = 'Add the route to cdk.json and deploy, or release the build on the dashboard.';
    throw new OperatorError('NoRoute', `No route has a key of user ${userId} any more.`, remedy);
  }
  if (state === 'submitted' && uploadId === entry.uploadId) {
    const text = `It is not approved yet: until it is, the request is tried again, for up to ${span(RELEASE_PATIENCE_MS)}.`;
    console.say(console.paint('yellow', text));
  }
  const facts = { build, projectId, userId, uploadId, state, releaseMode };
  if (yes !== true) {
    console.data({ dryRun: true, ...facts }, [
      `Would put ${build} live, upload id ${uploadId}.`,
      `It replaces what viewers of project ${projectId} get now.`,
    ]);
    console.say(NOTHING_CHANGED);
    return EXIT.done;
  }

  // From before the request on: where Ctrl-C ended the command in between, it would be unknown whether it was sent.
  const signal = interruptible(() => console.say('\nStopping.'));
  const requestId = await sendRequest(console, stack, entry, uploadId);
  if (!wait) {
    console.data({ ...facts, requestId, release: 'requested' }, [`Requested: ${build}, upload id ${uploadId}.`]);
    console.say(`See its status: ${statusCommand(build)}`);
    return EXIT.done;
  }
  console.say('Waiting for Streampixel to accept it. Ctrl-C only stops waiting: the request stays.');
  const { attempts, endedAt } = await waitForRelease(console, stack, entry, requestId, signal);
  console.data({ ...facts, requestId, release: 'released', attempts, endedAt: iso(endedAt ?? Date.now()) }, [
    console.paint('green', `${shortId(build)} is released: live within minutes. Upload id ${uploadId}.`),
  ]);
  return EXIT.done;
}

async function whichBuild({ ledger }: Stack): Promise<OperatorError> {
  const approved = await entriesOf(ledger, ['approved']);
  const waiting = approved.filter((entry) => statusOf(entry, true) === 'waits-for-person');
  const commands = waiting.map((entry) => `\n  ${printable(releaseCommand(entry.id))}`);
  const remedy =
    waiting.length === 0
      ? 'None waits for its release. Name one that was live before by its id, its s3:// address or a part of it.'
      : `These wait for their release:${commands.join('')}`;
  return usageError('Say which build to release.', remedy);
}

/**
 * The upload that is to be released.
 *
 * @throws OperatorError where Streampixel does not have it, or has rejected it
 */
function releasableUpload(entry: LedgerEntry, wanted: string | undefined): string {
  const { formerUploadIds = [], id, uploadId } = entry;
  if (wanted !== undefined && wanted !== uploadId) {
    if (formerUploadIds.includes(wanted)) return wanted;
    const all = [uploadId ?? [], formerUploadIds].flat().map((each) => `--upload-id ${each}`);
    const remedy = all.length === 0 ? 'It has none yet.' : `It has: ${all.join(', ')}`;
    throw new OperatorError('UnknownUpload', `${printable(id)} has no upload id ${printable(wanted)}.`, remedy);
  }
  const status = statusOf(entry, true);
  const earlier = formerUploadIds.at(-1);
  const remedy = `${adviceText(entry, status)}${earlier === undefined ? '' : `\nIts upload before: --upload-id ${earlier}`}`;
  if (!isAtStreampixel(entry)) {
    throw new OperatorError(
      'NotAtStreampixel',
      `Streampixel does not have ${printable(id)}: it is ${entry.state}.`,
      remedy,
    );
  }
  if (status === 'rejected') {
    const message = STATUS_DISPLAY.rejected.message?.(entry).join(': ') ?? '';
    const text = `Streampixel has rejected ${printable(id)} and does not distribute rejected builds.\n${printable(message)}`;
    throw new OperatorError('Rejected', text, remedy);
  }
  return entry.uploadId;
}

/** @returns the request's id: that of the earlier request where that is still in progress */
async function sendRequest(
  console: Console,
  { clients, followQueueUrl }: Stack,
  { id: build, release: last }: LedgerEntry,
  uploadId: string,
): Promise<string> {
  const requestedAt = Date.now();
  if (last?.uploadId === uploadId && isInProgress(last, requestedAt)) {
    const by = last.by === 'person' ? 'by a person' : 'after its approval';
    console.say(`It was requested ${span(requestedAt - last.requestedAt)} ago ${by}: no second request is sent.`);
    return last.requestId;
  }
  const requestId = `person/${randomUUID()}`;
  const queue = createSqsFollowQueue(clients.sqs, followQueueUrl);
  await queue.send({ kind: 'release', build, uploadId, requestId, by: 'person', requestedAt });
  console.say('Requested.');
  return requestId;
}

/** A request is tried for some time and then fails. One that is older and has not ended has lost its message. */
function isInProgress({ requestedAt, state }: Release, now: number): boolean {
  return (state === 'requested' || state === 'calling') && now - requestedAt < 2 * RELEASE_PATIENCE_MS;
}

/**
 * Prints the progress of the request, until Streampixel has accepted it.
 *
 * @throws OperatorError where it fails, or once the signal is aborted
 */
async function waitForRelease(
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
      throw new OperatorError('Replaced', 'A later request has replaced this one.', statusCommand(entry.id));
    } else if (!isWarned && Date.now() - startedAt > UNTAKEN_FOR_MS) {
      isWarned = true;
      console.say('The pipeline has not taken the request yet. `streampixel-drop doctor` looks for the cause.');
    }
    if (!(await pause(POLL_MS, signal))) {
      const remedy = `See its status: ${statusCommand(entry.id)}`;
      throw new OperatorError('Interrupted', 'Stopped waiting; the request stays.', remedy, EXIT.interrupted);
    }
  }
}

function failedRelease(entry: LedgerEntry, { detail = '', uploadId }: Release): OperatorError {
  const flag = uploadId === entry.uploadId ? '' : ` --upload-id ${shellWord(uploadId)}`;
  const text = `${printable(entry.id)} was not released.\nStreampixel's message: ${printable(detail)}`;
  return new OperatorError('ReleaseFailed', text, `${adviceText(entry, 'release-failed')}${flag}`);
}
