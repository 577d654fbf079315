import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { createSqsFollowQueue } from '../../functions/adapters/sqs-follow-queue.ts';
import { isAtStreampixel, RELEASE_PATIENCE_MS } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import { liveSpans } from '../../functions/domain/model/live.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { keyParameterOf } from '../../functions/domain/model/route.ts';
import type { OperatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { statusOf } from '../builds/build-status.ts';
import { shortId } from '../builds/build-view.ts';
import { differencesFromLive, liveFacts, nameOfLive, readLive, whenLive } from '../builds/live.ts';
import { BUILD_NAMES, entriesOf, findBuild } from '../builds/search.ts';
import { adviceOn, adviceText, STATUS_DISPLAY } from '../builds/status-display.ts';
import { type Act, NOTHING_CHANGED, YES_FLAG } from '../command.ts';
import { type Console, printable } from '../console.ts';
import { interruptible, pause } from '../interruption.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import { POLL_MS } from '../screens/follow.ts';
import { createFollowLines } from '../screens/follow-lines.ts';
import type { Stack } from '../stack/stack.ts';
import { iso, listed, span } from '../units.ts';

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
  const target = previous ? await previousBuild(stack, project) : await namedBuild(stack, wanted ?? '', wantedUpload);
  const { entry } = target;
  const uploadId = releasableUpload(entry, target.uploadId);
  const { id: build, projectId, releaseMode, state, userId } = entry;
  if (keyParameterOf(stack.settings.routes, entry) === undefined) {
    const remedy = 'Add the route to streampixel-drop.json and deploy, or release the build on the dashboard.';
    throw new OperatorError('NoRoute', `No route has a key of user ${userId} any more.`, remedy);
  }
  if (state === 'submitted' && uploadId === entry.uploadId) {
    const text = `It is not approved yet: until it is, the request is tried again, for up to ${span(RELEASE_PATIENCE_MS)}.`;
    console.say(console.paint('yellow', text));
  }
  const facts = { build, projectId, userId, uploadId, state, releaseMode };
  if (yes !== true) {
    const different = await differencesFromLive(stack.ledger, entry);
    const live = liveSpans(await stack.ledger.liveOf(projectId ?? '')).at(-1);
    const now = live && `${nameOfLive(live)}, live ${whenLive(live, Date.now())}, upload id ${live.uploadId}`;
    console.data({ dryRun: true, ...facts, replaces: live && liveFacts(live), differences: different }, [
      printable(`Would put ${build} live, upload id ${uploadId}.`),
      printable(`It replaces what viewers of project ${projectId} get now${now === undefined ? '.' : `: ${now}.`}`),
      ...different.map(({ text }) => console.paint('yellow', text)),
    ]);
    console.say(NOTHING_CHANGED);
    return EXIT.done;
  }

  // From before the request on: where Ctrl-C ended the command in between, it would be unknown whether it was sent.
  const signal = interruptible(() => console.say('\nStopping.'));
  const stepsBack = previous ? true : undefined;
  const requestId = await sendRequest(console, stack, entry, uploadId, stepsBack);
  if (!wait) {
    console.data({ ...facts, requestId, release: 'requested' }, [`Requested: ${build}, upload id ${uploadId}.`]);
    console.say(`See its status: ${console.commands.status(entry.build)}`);
    return EXIT.done;
  }
  console.say('Waiting for Streampixel to accept it. Ctrl-C only stops waiting: the request stays.');
  const { attempts, endedAt } = await waitForRelease(console, stack, entry, requestId, signal);
  console.data({ ...facts, requestId, release: 'released', attempts, endedAt: iso(endedAt ?? Date.now()) }, [
    console.paint('green', `${shortId(build)} is released: live within minutes. Upload id ${uploadId}.`),
  ]);
  return EXIT.done;
}

/** The build that a person names, and its upload: where the name is the id of an earlier upload, that one is meant. */
async function namedBuild({ ledger }: Stack, name: string, wantedUpload: string | undefined) {
  const entry = await findBuild(ledger, name);
  return { entry, uploadId: wantedUpload ?? entry.formerUploadIds?.find((each) => each === name) };
}

async function whichBuild({ commands, ledger }: Stack): Promise<OperatorError> {
  const approved = await entriesOf(ledger, ['approved']);
  const waiting = approved.filter((entry) => statusOf(entry, true) === 'waits-for-person');
  const each = waiting.map(({ build }) => `\n  ${printable(commands.release(build))}`);
  const remedy =
    waiting.length === 0
      ? 'None waits for its release. Name one that was live before by its id, its s3:// address or a part of it.'
      : `These wait for their release:${each.join('')}`;
  return usageError('Say which build to release.', remedy);
}

/**
 * What was live before in a project.
 *
 * @param wanted the project, where the routes have several
 * @throws OperatorError where nothing is known to have been live before, or the ledger has forgotten it
 */
async function previousBuild(stack: Stack, wanted: string | undefined) {
  const projects = await readLive(stack, wanted);
  const [project, ...others] = projects;
  if (project === undefined || others.length > 0) {
    const each = projects.map(({ projectId }) => stack.commands.releasePrevious(projectId));
    throw usageError(
      'Say which project goes back: --project ID.',
      `These are in the routes:\n  ${listed(each, '\n  ')}`,
    );
  }
  const { live, previous, projectId } = project;
  if (previous === undefined) {
    const known =
      live === undefined ? 'nothing is known to be live' : `nothing is known from before ${nameOfLive(live)}`;
    const text = printable(`Project ${projectId} can't go back: ${known}.`);
    throw new OperatorError(
      'NothingBefore',
      text,
      `Release another build by its id, or on the dashboard.\nSee: ${stack.commands.live()}`,
    );
  }
  const { build, uploadId } = previous;
  const entry = build === undefined ? undefined : await stack.ledger.find(build);
  if (entry === undefined) {
    const why = build === undefined ? '' : ' The ledger no longer has it: it keeps builds for 90 days.';
    const remedy = `Put the upload ${uploadId} of project ${projectId} live on the dashboard.`;
    throw new OperatorError(
      'ForgottenBuild',
      printable(`What was live before is ${nameOfLive(previous)}.${why}`),
      printable(remedy),
    );
  }
  return { entry, uploadId };
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
    const all = [uploadId ?? [], formerUploadIds].flat();
    const remedy = all.length === 0 ? 'It has none yet.' : `It has: ${all.join(', ')}`;
    throw new OperatorError('UnknownUpload', `${printable(id)} has no upload id ${printable(wanted)}.`, remedy);
  }
  const status = statusOf(entry, true);
  const earlier = formerUploadIds.at(-1);
  const remedy = (commands: OperatorCommands) =>
    `${adviceText(entry, status, commands)}${earlier === undefined ? '' : `\nIts upload before: ${commands.release(entry.build, earlier)}`}`;
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
  { caller, clients, followQueueUrl }: Stack,
  { id: build, release: last }: LedgerEntry,
  uploadId: string,
  stepsBack: true | undefined,
): Promise<string> {
  const requestedAt = Date.now();
  if (last?.uploadId === uploadId && isInProgress(last, requestedAt)) {
    const by = last.by === 'person' ? `by ${printable(last.requestedBy ?? 'a person')}` : 'after its approval';
    console.say(`It was requested ${span(requestedAt - last.requestedAt)} ago ${by}: no second request is sent.`);
    return last.requestId;
  }
  const requestId = `person/${randomUUID()}`;
  const queue = createSqsFollowQueue(clients.sqs, followQueueUrl);
  const requester = present({ requestedBy: await caller(), stepsBack });
  await queue.send({ kind: 'release', build, uploadId, requestId, by: 'person', ...requester, requestedAt });
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
