import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { createSqsFollowQueue } from '../../functions/adapters/sqs-follow-queue.ts';
import { RELEASE_PATIENCE_MS } from '../../functions/domain/follow/release-build.ts';
import { isAtVendor } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import { routeTo } from '../../functions/domain/model/route.ts';
import { releaseCommand, statusCommand } from '../../functions/domain/notify/operator-commands.ts';
import { adviceOn, adviceText } from '../advice.ts';
import { createBuildNews } from '../build-news.ts';
import { shortId } from '../builds.ts';
import type { Act } from '../command.ts';
import { type Console, printable } from '../console.ts';
import { objectionOf } from '../ending.ts';
import { POLL_MS } from '../follow.ts';
import { interruptible, pause } from '../interruption.ts';
import { entriesOf, findBuild } from '../ledger-search.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import type { Stack } from '../stack.ts';
import { standingOf } from '../standing.ts';
import { iso, span } from '../units.ts';

interface ReleaseFlags {
  readonly uploadId?: string;
  readonly wait: boolean;
  readonly yes?: boolean;
}

/** An order that nobody has taken by then has perhaps nobody to take it, in ms. */
const UNTAKEN_FOR_MS = 60_000;

export function addReleaseCommand(program: Command, act: Act): void {
  program
    .command('release')
    .argument('[build]', 'id of a build, its s3:// address, or a part that no other has; an older one for the way back')
    .description('Put a build live: orders Streampixel to distribute it to the viewers of its project.')
    .option('--upload-id <id>', 'one of its earlier submissions instead of the last')
    .option('--no-wait', 'only give the order')
    .option('--yes', 'do it; without it the command says what it would do')
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
  if (routeTo(stack.settings.routes, entry) === undefined) {
    const remedy = 'Add the route to cdk.json and deploy, or release it on the dashboard.';
    throw new OperatorError('NoRoute', `No route leads to project ${projectId} of user ${userId} any more.`, remedy);
  }
  if (state === 'submitted' && uploadId === entry.uploadId) {
    const twoHours = span(RELEASE_PATIENCE_MS);
    const text = `It is not approved yet: Streampixel will say "not yet", and the order is tried again for ${twoHours}.`;
    console.say(console.tint('yellow', text));
  }
  const facts = { build, projectId, userId, uploadId, state, releaseMode };
  if (yes !== true) {
    console.data({ dryRun: true, ...facts }, [
      `Would put ${build} live, upload id ${uploadId}.`,
      `It takes the place of what viewers of project ${projectId} get now.`,
    ]);
    console.say('Nothing was changed. Add --yes to do it.');
    return EXIT.done;
  }

  // From before the order on: Ctrl-C is not to end the command where nobody can say whether it was given.
  const signal = interruptible(() => console.say('\nStopping.'));
  const requestId = await giveOrder(console, stack, entry, uploadId);
  if (!wait) {
    console.data({ ...facts, requestId, release: 'requested' }, [`Ordered: ${build}, upload id ${uploadId}.`]);
    console.say(`See what becomes of it: ${statusCommand(entry.id)}`);
    return EXIT.done;
  }
  console.say('Waiting for Streampixel to take it; Ctrl-C stops looking, not the requestId.');
  const { attempts, endedAt } = await endOfOrder(console, stack, entry, requestId, signal);
  console.data({ ...facts, requestId, release: 'released', attempts, endedAt: iso(endedAt ?? Date.now()) }, [
    console.paint('green', `${shortId(build)} is released: live within minutes. Upload id ${uploadId}.`),
  ]);
  return EXIT.done;
}

async function whichBuild({ ledger }: Stack): Promise<OperatorError> {
  const approved = await entriesOf(ledger, ['approved']);
  const waiting = approved.filter((entry) => standingOf(entry, true) === 'waits-for-person');
  const commands = waiting.map((entry) => `\n  ${releaseCommand(entry.id)}`);
  const remedy =
    waiting.length === 0
      ? 'None waits for it; one that was live before is named by its id, its s3:// address or a part of it.'
      : `These wait for it:${commands.join('')}`;
  return usageError('Say which build to release.', remedy);
}

/**
 * The upload that is to be released.
 *
 * @throws OperatorError where Streampixel does not have it, or won't
 */
function releasableUpload(entry: LedgerEntry, wanted: string | undefined): string {
  const { formerUploadIds = [], id, uploadId } = entry;
  if (wanted !== undefined && wanted !== uploadId) {
    if (formerUploadIds.includes(wanted)) return wanted;
    const all = [...(uploadId === undefined ? [] : [uploadId]), ...formerUploadIds];
    const remedy =
      all.length === 0 ? 'It has none yet.' : `It has: ${all.map((each) => `--upload-id ${each}`).join(', ')}`;
    throw new OperatorError('UnknownUpload', `${id} has no upload id ${wanted}.`, remedy);
  }
  const advice = adviceOn(entry, standingOf(entry, true)) ?? {
    act: 'See what becomes of it.',
    run: statusCommand(entry.id),
  };
  const former = formerUploadIds.at(-1);
  const wayBack = former === undefined ? '' : `\nIts submission before: --upload-id ${former}`;
  if (!isAtVendor(entry)) {
    const message = `Streampixel does not have ${id}: it is ${entry.state}.`;
    throw new OperatorError('NotAtStreampixel', message, `${adviceText(advice)}${wayBack}`);
  }
  if (entry.state === 'rejected') {
    const message = `Streampixel has rejected ${id}, and distributes no rejected build.\nThey said: ${objectionOf(entry)}`;
    throw new OperatorError('Rejected', message, `${adviceText(advice)}${wayBack}`);
  }
  return entry.uploadId;
}

/** @returns the order's name: that of the one before where it is still under way */
async function giveOrder(
  console: Console,
  { clients, followQueueUrl }: Stack,
  entry: LedgerEntry,
  uploadId: string,
): Promise<string> {
  const { id: build, release: last } = entry;
  const requestedAt = Date.now();
  if (last !== undefined && last.uploadId === uploadId && isUnderWay(last, requestedAt)) {
    const who = last.by === 'person' ? 'a person' : 'its approval';
    console.say(`It was ordered ${span(requestedAt - last.requestedAt)} ago by ${who}: no second order is given.`);
    return last.requestId;
  }
  const requestId = `person/${randomUUID()}`;
  const queue = createSqsFollowQueue(clients.sqs, followQueueUrl);
  await queue.send({ kind: 'release', build, uploadId, requestId, by: 'person', requestedAt });
  console.say('Ordered.');
  return requestId;
}

/** An order is tried for some time and then fails; one that is older and has no end has lost its message. */
function isUnderWay({ requestedAt, state }: Release, now: number): boolean {
  return (state === 'requested' || state === 'calling') && now - requestedAt < 2 * RELEASE_PATIENCE_MS;
}

/**
 * Tells what becomes of the order, until Streampixel has taken it.
 *
 * @throws OperatorError where it fails, or once the signal is aborted
 */
async function endOfOrder(
  console: Console,
  { ledger }: Pick<Stack, 'ledger'>,
  entry: LedgerEntry,
  requestId: string,
  signal: AbortSignal,
): Promise<Release> {
  const begun = Date.now();
  const tell = createBuildNews(console, entry);
  let warned = false;
  for (;;) {
    const current = (await ledger.find(entry.id)) ?? entry;
    tell(current);
    const { release: last, releaseRequests = [] } = current;
    if (last?.requestId === requestId) {
      switch (last.state) {
        case 'released':
          return last;
        case 'failed':
          throw failedOrder(current, last);
        case 'requested':
        case 'calling':
          break;
      }
    } else if (releaseRequests.includes(requestId)) {
      throw new OperatorError('Replaced', 'A later order has taken the place of this one.', statusCommand(entry.id));
    } else if (!warned && Date.now() - begun > UNTAKEN_FOR_MS) {
      warned = true;
      console.say('Nobody has taken the order yet. `streampixel-drop doctor` looks for the cause.');
    }
    if (!(await pause(POLL_MS, signal))) {
      const remedy = `See what becomes of it: ${statusCommand(entry.id)}`;
      throw new OperatorError('Interrupted', 'Stopped looking; the order stands.', remedy, EXIT.interrupted);
    }
  }
}

function failedOrder(entry: LedgerEntry, { detail = '', uploadId }: Release): OperatorError {
  const own =
    uploadId === entry.uploadId ? releaseCommand(entry.id) : `${releaseCommand(entry.id)} --upload-id ${uploadId}`;
  return new OperatorError(
    'ReleaseFailed',
    `${entry.id} was not released.\nThey said: ${printable(detail)}`,
    `Look at the dashboard which build is live; mend what they name, then order it again.\nThen run: ${own}`,
  );
}
