import { randomUUID } from 'node:crypto';
import { HeadObjectCommand, paginateListObjectsV2, S3ServiceException } from '@aws-sdk/client-s3';
import type { Command } from 'commander';
import { createSqsBuildsQueue } from '../../functions/adapters/sqs-builds-queue.ts';
import { type Build, buildId, whyNotABuild } from '../../functions/domain/model/build.ts';
import type { BuildState, LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import {
  DEAD_LETTER_ATTRIBUTES,
  NO_CHECK_ATTRIBUTE,
  REQUESTED_BY_ATTRIBUTE,
  SUBMIT_AGAIN_ATTRIBUTE,
} from '../../functions/domain/model/message-attributes.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Verdict } from '../../functions/domain/model/package-verdict.ts';
import { findRoute } from '../../functions/domain/model/route.ts';
import { shellWord } from '../../functions/domain/notify/operator-commands.ts';
import { applyPackageCheck } from '../../functions/domain/package/applied.ts';
import { collectDeadLetters, type StoredDeadLetter } from '../../functions/domain/redrive/redrive.ts';
import { fittedName, shortId, shortNames } from '../builds/build-view.ts';
import { BUILD_NAMES, createObjectLookup, findBuild, UNKNOWN_BUILD } from '../builds/search.ts';
import { afterSubmission } from '../builds/status-display.ts';
import { type Act, NOTHING_CHANGED, YES_FLAG } from '../command.ts';
import { aligned, type Console, printable } from '../console.ts';
import { interruptible } from '../interruption.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import { createdNotification } from '../stack/created-notification.ts';
import { isOnlyAbout, withDeadLetters } from '../stack/dead-letters.ts';
import { BATCH_SIZE, batchesOf } from '../stack/queues.ts';
import type { Stack } from '../stack/stack.ts';
import { judgeObject } from '../stack/zip-object.ts';
import { plural } from '../units.ts';

interface SubmitFlags {
  readonly prefix?: string;
  readonly again?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  /** `false` with --no-check. */
  readonly check?: boolean;
}

/** Which object: without a version the one that the key holds now. */
interface Target {
  readonly key: string;
  readonly versionId?: string;
}

/** What to do with an object of the bucket, and why. */
interface Plan {
  readonly id: string;
  readonly why: string;
  /** The message that submits it; absent where it is skipped. */
  readonly message?: { readonly build: Build; readonly attributes: Readonly<Record<string, string>> };
  /** What happens to it after that. */
  readonly afterwards?: string;
  /** The object could not be read: the command has failed for it. */
  readonly isUnreadable?: true;
  readonly state?: BuildState;
  /** With --dry-run: what the worker will find in it, and that as texts. */
  readonly verdict?: Pick<Verdict, 'refusals' | 'warnings'>;
  readonly found?: readonly string[];
}

export function addSubmitCommand(program: Command, act: Act): void {
  program
    .command('submit')
    .argument('[build]', `s3:// address of a build in the drop bucket; or ${BUILD_NAMES}`)
    .description(
      'Submit builds that are already in the drop bucket, unless Streampixel has accepted them before. Dead-lettered builds are included, ' +
        'and their dead letters deleted. One build that is not in the ledger yet is submitted at once; in all other cases the command ' +
        'shows its plan, and acts with --yes.',
    )
    .option('--prefix <prefix>', "all builds whose keys start with this; '' for all builds")
    .option('--again', 'also builds that were accepted, skipped or discarded before')
    .option('--no-check', 'submit them whatever the check of their packages says')
    .option('--dry-run', 'only say what would be done, and what is in the zips')
    .option(...YES_FLAG)
    .action(act(async ({ console, stack, flags, args: [name] }) => submit(console, stack, name, flags)));
}

async function submit(
  console: Console,
  find: () => Promise<Stack>,
  name: string | undefined,
  { again = false, check = true, dryRun = false, prefix, yes = false }: SubmitFlags,
): Promise<number> {
  if ((name === undefined) === (prefix === undefined)) {
    throw usageError('Give either a build or --prefix.', 'For example: submit s3://bucket/game.zip');
  }
  const stack = await find();
  const isNamed = name !== undefined;
  const targets = isNamed ? [await targetOf(stack, name)] : await targetsUnder(stack, prefix ?? '');
  const lookUp = createObjectLookup(stack.ledger);
  const plans: Plan[] = [];
  await console.progress('Reading the objects', targets.length, { least: 2 * BATCH_SIZE }, async (progress) => {
    for (const batch of batchesOf(targets)) {
      plans.push(...(await Promise.all(batch.map((target) => planFor(target, lookUp, stack, { again, isNamed })))));
      progress.update(plans.length);
    }
  });
  if (dryRun) await addVerdicts(stack, plans, check);
  const chosen = plans.filter(({ message }) => message !== undefined);
  const isPlan = dryRun || !(yes || (isNamed && !again && chosen.every(({ state }) => state === undefined)));
  const more = { [NO_CHECK_ATTRIBUTE]: check ? 'false' : 'true' };
  const { sent, settled } = isPlan ? { sent: 0, settled: 0 } : await sendAndSettle(console, stack, chosen, more);
  const failed = isPlan ? 0 : chosen.length - sent;
  const builds = plans.map(({ afterwards, id, isUnreadable, message, verdict, why }) => {
    return { build: id, submit: message !== undefined, why, ...present({ afterwards, isUnreadable, verdict }) };
  });
  const unreadable = plans.filter(({ isUnreadable }) => isUnreadable);
  const { columns } = console;
  const shortName = shortNames(
    plans.map(({ id }) => id),
    columns,
  );
  // Without its object the id of a build is not known.
  const nameOf = ({ id, isUnreadable }: Plan) => (isUnreadable ? fittedName(shortId(id), columns) : shortName(id));
  console.data({ dryRun: isPlan, sent, failed, settled, builds }, [
    ...aligned(plans.map((plan) => [action(console, plan), nameOf(plan), textOf(plan)])),
    plans.length === 0
      ? 'There is no build under that prefix.'
      : `${isPlan ? chosen.length : sent} of ${plural(plans.length, 'build')} ${isPlan ? 'would be ' : ''}sent to the builds queue.`,
    ...(settled > 0 ? [`${plural(settled, 'dead letter')} of these builds deleted: nothing is left to redrive.`] : []),
  ]);
  if (plans.some(({ message, why }) => message === undefined && why.startsWith(ACCEPTED))) {
    console.say('--again also submits builds that were accepted before.');
  }
  if (failed > 0) console.say(`SQS refused ${plural(failed, 'message')}. Run the same command again.`);
  if (unreadable.length > 0) console.say(`${plural(unreadable.length, 'object')} could not be read.`);
  if (isPlan && chosen.length > 0) console.say(NOTHING_CHANGED);
  return failed === 0 && unreadable.length === 0 ? EXIT.done : EXIT.failed;
}

/** What the worker will find in each build that is submitted. */
async function addVerdicts({ clients, settings }: Stack, plans: Plan[], check: boolean): Promise<void> {
  for (const [index, plan] of plans.entries()) {
    if (plan.message === undefined) continue;
    const { bucket: Bucket, key: Key, versionId: VersionId } = plan.message.build;
    const { verdict } = await judgeObject(clients.s3, { Bucket, Key, ...present({ VersionId }) });
    const { refusals, warnings } = applyPackageCheck(
      verdict,
      check ? (settings.packageCheck ?? 'refuse') : 'unchecked',
    );
    const found = [...refusals, ...warnings].map(({ code, detail }) => `${code}: ${detail}`);
    plans[index] = { ...plan, verdict: { refusals, warnings }, found };
  }
}

function action(console: Console, { isUnreadable, message }: Plan): string {
  if (isUnreadable) return console.paint('red', 'fail  ');
  return message === undefined ? console.paint('gray', 'skip  ') : console.paint('green', 'submit');
}

function textOf({ afterwards = '', found = [], why }: Plan): string {
  return printable([why, afterwards, ...found].filter((text) => text !== '').join('; '));
}

/**
 * The object that a person means: by its address, or by a name of a build in the ledger, or by its key.
 *
 * @throws OperatorError where it is none in the drop bucket, or the name fits several builds
 */
async function targetOf(stack: Stack, name: string): Promise<Target> {
  if (name.startsWith('s3://')) return targetAt(stack, name);
  try {
    const { build } = await findBuild(stack.ledger, name);
    if (build.bucket !== stack.bucket) return targetAt(stack, `s3://${build.bucket}/${build.key}`);
    return { key: build.key, ...present({ versionId: build.versionId }) };
  } catch (error) {
    // S3's event about it may have been lost.
    const isKey = error instanceof OperatorError && error.code === UNKNOWN_BUILD && whyNotABuild(name) === undefined;
    if (!isKey || (await readObject(stack, { key: name })).kind !== 'read') throw error;
    return { key: name };
  }
}

function targetAt({ bucket }: Stack, address: string): Target {
  const [, named, path = ''] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(address) ?? [];
  if (named === undefined) {
    throw usageError(`${printable(address)} is not the address of an object.`, `For example: s3://${bucket}/game.zip`);
  }
  if (named !== bucket) {
    throw usageError(
      `${named} is not the drop bucket: the pipeline is not allowed to read it.`,
      `Copy the object, which also submits it: aws s3 cp ${shellWord(address)} s3://${bucket}/`,
    );
  }
  // A key may itself contain such a text.
  const [, key = path, versionId] = (path.endsWith('.zip') ? null : /^(.+)\?versionId=([^?]+)$/s.exec(path)) ?? [];
  if (whyNotABuild(key) !== undefined) {
    throw usageError(`${printable(key)} does not end in .zip.`, 'Only zip files are builds.');
  }
  return { key, ...present({ versionId }) };
}

async function targetsUnder({ bucket, clients }: Stack, prefix: string): Promise<Target[]> {
  const targets: Target[] = [];
  const request = { Bucket: bucket, Prefix: prefix };
  for await (const { Contents = [] } of paginateListObjectsV2({ client: clients.s3 }, request)) {
    targets.push(
      ...Contents.flatMap(({ Key: key }) => (key === undefined || whyNotABuild(key) !== undefined ? [] : [{ key }])),
    );
  }
  return targets;
}

type ObjectRead =
  | { readonly kind: 'read'; readonly build: Build }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly status: number };

async function readObject({ bucket, clients, region }: Stack, { key, versionId }: Target): Promise<ObjectRead> {
  try {
    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
    const { ContentLength: size, ETag, LastModified, VersionId } = head;
    const build = {
      bucket,
      key,
      // The drop bucket is always in the stack's region.
      region,
      droppedAt: LastModified?.getTime() ?? Date.now(),
      ...present({
        size,
        eTag: ETag?.replaceAll('"', ''),
        versionId: VersionId === 'null' ? undefined : VersionId,
      }),
    };
    return { kind: 'read', build };
  } catch (error) {
    const status = error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? 0) : 0;
    if (status === 404) return { kind: 'missing' };
    // Other errors are not about this object alone.
    if (status < 400 || status >= 500) throw error;
    return { kind: 'unreadable', status };
  }
}

const ACCEPTED = 'accepted before';

async function planFor(
  target: Target,
  lookUp: ReturnType<typeof createObjectLookup>,
  stack: Stack,
  how: { readonly again: boolean; readonly isNamed: boolean },
): Promise<Plan> {
  const { bucket, settings } = stack;
  const { key, versionId } = target;
  const object = await readObject(stack, target);
  if (object.kind === 'missing' && how.isNamed) {
    const text = `There is no object s3://${bucket}/${printable(key)}${versionId === undefined ? '' : ` of version ${printable(versionId)}`}.`;
    throw new OperatorError('NoObject', text, `See: aws s3 ls s3://${bucket}/`);
  }
  if (object.kind !== 'read') {
    const why =
      object.kind === 'missing'
        ? 'it was deleted just now'
        : `it can't be read (HTTP ${object.status}): check your permissions, the bucket's policy and its KMS key`;
    return { id: `${bucket}/${key}`, why, isUnreadable: true };
  }
  const { build } = object;
  const route = findRoute(settings.routes, key);
  if (route === undefined) return { id: buildId(build), why: 'no route matches its key' };
  const entry = await lookUp(build);
  // With the ledger's fields: without versions the build's id has a sequencer, which the object does not have.
  const known = { ...build, ...entry?.build };
  const id = entry?.id ?? buildId(build);
  if (versionId !== undefined && route.everyVersion !== true) {
    const current = await readObject(stack, { key });
    if (current.kind !== 'read' || current.build.versionId !== versionId) {
      return { id, why: 'not the version that the key holds now, so it would be skipped as Superseded' };
    }
  }
  const { attributes, why } =
    entry === undefined ? { attributes: {}, why: 'not in the ledger yet' } : planForKnown(entry, how);
  return {
    id,
    why,
    ...present({ state: entry?.state }),
    ...(attributes === undefined ? {} : { message: { build: known, attributes }, afterwards: afterSubmission(route) }),
  };
}

/** What to do with a build that the ledger has. */
function planForKnown(
  entry: LedgerEntry,
  { again, isNamed }: { readonly again: boolean; readonly isNamed: boolean },
): { readonly why: string; readonly attributes?: Readonly<Record<string, string>> } {
  const attributes = { [SUBMIT_AGAIN_ATTRIBUTE]: randomUUID() };
  // The dead letter's id makes it a redrive for the worker, whether or not the dead letter still exists.
  const redrive = present({ [DEAD_LETTER_ATTRIBUTES.id]: entry.deadLetterId });
  if (entry.discardedAt !== undefined) {
    const why = 'discarded before by a person';
    return again || isNamed ? { attributes: redrive, why } : { why };
  }
  switch (entry.state) {
    case 'submitted':
    case 'approved':
    case 'released':
    case 'rejected': {
      if (again) return { attributes, why: 'again' };
      const since = entry.state === 'submitted' ? '' : `, ${entry.state}`;
      return { why: `${ACCEPTED}, upload id ${entry.uploadId}${since}` };
    }
    case 'skipped':
      return again
        ? { attributes, why: `again, skipped as ${entry.skipCause}` }
        : { why: `skipped before: ${entry.skipCause}` };
    case 'dead-lettered':
      return { attributes: redrive, why: `dead-lettered as ${entry.reason}; its dead letter is deleted` };
    case 'waiting':
    case 'submitting':
    case 'unknown':
      // A second message does no harm, as the ledger has the build, and it helps where the first one was lost.
      return again
        ? { attributes: {}, why: 'waiting already; sent once more' }
        : { why: 'waiting already; --again sends its message once more' };
  }
}

/**
 * Sends the messages, and deletes the dead letters that these builds had before: one that stayed could be redriven later, and a
 * reminder would go on about it. They are received before the messages are sent, so none of a new failure is among them, and deleted
 * after that, so a crash in between loses nothing.
 *
 * @param more attributes of each message
 * @returns how many messages SQS has accepted, and how many dead letters are deleted
 */
async function sendAndSettle(
  console: Console,
  stack: Stack,
  plans: readonly Plan[],
  more: Readonly<Record<string, string>>,
): Promise<{ readonly sent: number; readonly settled: number }> {
  const signal = interruptible(() => console.say('Stopping as soon as what is sent is recorded.'));
  return withDeadLetters(stack, signal, async ({ deadLetterQueue, store }) => {
    const all = new Set(plans.map(({ id }) => id));
    const isOf = (ids: ReadonlySet<string>) => (message: StoredDeadLetter) => isOnlyAbout(message, ids);
    const mayHave = deadLetterQueue.visible > 0 || plans.some(({ state }) => state === 'dead-lettered');
    const deadLetters = plans.length > 0 && mayHave ? await collectDeadLetters(store, isOf(all)) : [];
    if (signal.aborted) {
      throw new OperatorError('Interrupted', 'Nothing was sent.', 'Run the same command again.', EXIT.interrupted);
    }
    const sent = await send(stack, plans, more);
    let settled = 0;
    for (const batch of batchesOf(deadLetters.filter(isOf(sent)))) settled += (await store.delete(batch)).length;
    if (deadLetterQueue.hidden > 0) {
      console.say(
        `Another command reads dead letters right now. Those that it has stay: ${console.commands.deadLetters()}`,
      );
    }
    return { sent: sent.size, settled };
  });
}

/** @returns ids of the builds whose messages SQS has accepted */
async function send(
  { buildsQueueUrl, caller, clients }: Stack,
  plans: readonly Plan[],
  more: Readonly<Record<string, string>>,
): Promise<ReadonlySet<string>> {
  const name = plans.length === 0 ? undefined : await caller();
  const named = { ...more, ...present({ [REQUESTED_BY_ATTRIBUTE]: name }) };
  const queue = createSqsBuildsQueue(clients.sqs, buildsQueueUrl);
  const sent = new Set<string>();
  for (const batch of batchesOf(plans)) {
    const messages = batch.flatMap(({ id, message }) => {
      if (message === undefined) return [];
      const attributes = { ...message.attributes, ...named };
      return [{ messageId: id, receiptHandle: '', body: createdNotification(message.build), sentAt: 0, attributes }];
    });
    for (const { messageId } of await queue.send(messages)) sent.add(messageId);
  }
  return sent;
}
