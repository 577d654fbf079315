import { randomUUID } from 'node:crypto';
import { HeadObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import type { Command } from 'commander';
import { createSqsBuildsQueue } from '../../functions/adapters/sqs-builds-queue.ts';
import { type Build, buildId, whyNotABuild } from '../../functions/domain/model/build.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import {
  DEAD_LETTER_ATTRIBUTES,
  NO_CHECK_ATTRIBUTE,
  SUBMIT_AGAIN_ATTRIBUTE,
} from '../../functions/domain/model/message-attributes.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { findRoute } from '../../functions/domain/model/route.ts';
import { createObjectLookup } from '../builds/search.ts';
import type { Act } from '../command.ts';
import { aligned, type Console } from '../console.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import { createdNotification } from '../stack/created-notification.ts';
import { BATCH_SIZE, batchesOf } from '../stack/queues.ts';
import type { Stack } from '../stack/stack.ts';
import { plural } from '../units.ts';

interface SubmitFlags {
  readonly prefix?: string;
  readonly again?: boolean;
  readonly dryRun?: boolean;
  /** `false` with --no-check. */
  readonly check?: boolean;
}

/** What to do with an object of the bucket, and why. */
interface Plan {
  readonly build: Build;
  readonly why: string;
  /** Attributes of the message that submits it; absent where it is skipped. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export function addSubmitCommand(program: Command, act: Act): void {
  program
    .command('submit')
    .argument('[address]', 's3://bucket/key of a build that is in the drop bucket')
    .description('Submit builds that are already in the drop bucket, unless Streampixel has accepted them before.')
    .option('--prefix <prefix>', "all builds whose keys start with this; '' for all builds")
    .option('--again', 'also builds that were accepted or skipped before')
    .option('--no-check', 'submit them whatever the check of their packages says')
    .option('--dry-run', 'only say what would be done')
    .action(act(async ({ console, stack, flags, args: [address] }) => submit(console, stack, address, flags)));
}

async function submit(
  console: Console,
  find: () => Promise<Stack>,
  address: string | undefined,
  { again = false, check = true, dryRun = false, prefix }: SubmitFlags,
): Promise<number> {
  if ((address === undefined) === (prefix === undefined)) {
    throw usageError('Give either an address or --prefix.', 'For example: submit s3://bucket/game.zip');
  }
  const stack = await find();
  const keys = address === undefined ? await keysUnder(stack, prefix ?? '') : [keyOf(stack, address)];
  const lookUp = createObjectLookup(stack.ledger);
  const plans: Plan[] = [];
  await console.progress('Reading the objects', keys.length, { least: 2 * BATCH_SIZE }, async (progress) => {
    for (const batch of batchesOf(keys)) {
      const planned = batch.map(async (key) => planFor(await objectAt(stack, key), lookUp, stack, again));
      plans.push(...(await Promise.all(planned)));
      progress.update(plans.length);
    }
  });
  const chosen = plans.filter(({ attributes }) => attributes !== undefined);
  const sent = dryRun ? 0 : await send(stack, chosen, check ? {} : { [NO_CHECK_ATTRIBUTE]: 'true' });
  const failed = dryRun ? 0 : chosen.length - sent;
  const builds = plans.map(({ attributes, build, why }) => {
    return { build: buildId(build), submit: attributes !== undefined, why };
  });
  const [count, verb] = dryRun ? [chosen.length, 'would be'] : [sent, 'were'];
  console.data({ dryRun, sent, failed, builds }, [
    ...aligned(
      builds.map(({ build, submit: isSubmitted, why }) => [
        isSubmitted ? console.paint('green', 'submit') : console.paint('gray', 'skip'),
        build,
        why,
      ]),
    ),
    plans.length === 0
      ? 'There is no build under that prefix.'
      : `${count} of ${plural(plans.length, 'build')} ${verb} sent to the builds queue.`,
  ]);
  if (builds.some(({ submit: isSubmitted, why }) => !isSubmitted && why.startsWith(ACCEPTED))) {
    console.say('--again also submits builds that were accepted before.');
  }
  if (failed > 0) console.say(`SQS refused ${plural(failed, 'message')}. Run the same command again.`);
  return failed === 0 ? EXIT.done : EXIT.failed;
}

/** @throws OperatorError (usage) where it is not the address of a build in the drop bucket */
function keyOf({ bucket }: Stack, address: string): string {
  const [, named, key = ''] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(address) ?? [];
  if (named === undefined) {
    throw usageError(`${address} is not the address of an object.`, `For example: s3://${bucket}/game.zip`);
  }
  if (named !== bucket) {
    throw usageError(
      `${named} is not the drop bucket: the pipeline is not allowed to read it.`,
      `Copy the object, which also submits it: aws s3 cp ${address} s3://${bucket}/`,
    );
  }
  if (whyNotABuild(key) !== undefined) throw usageError(`${key} does not end in .zip.`, 'Only zip files are builds.');
  return key;
}

async function keysUnder({ bucket, clients }: Stack, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  const request = { Bucket: bucket, Prefix: prefix };
  for await (const { Contents = [] } of paginateListObjectsV2({ client: clients.s3 }, request)) {
    keys.push(...Contents.flatMap(({ Key }) => (Key === undefined || whyNotABuild(Key) !== undefined ? [] : [Key])));
  }
  return keys;
}

async function objectAt({ bucket, clients, region }: Stack, key: string): Promise<Build> {
  try {
    const head = await clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    const { ContentLength: size, ETag, LastModified, VersionId } = head;
    return {
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
  } catch (error) {
    if (!(error instanceof Error && /NotFound|NoSuchKey/.test(error.name))) throw error;
    throw new OperatorError('NoObject', `There is no object s3://${bucket}/${key}.`, `See: aws s3 ls s3://${bucket}/`);
  }
}

const ACCEPTED = 'accepted before';

async function planFor(
  build: Build,
  lookUp: ReturnType<typeof createObjectLookup>,
  { settings }: Stack,
  again: boolean,
): Promise<Plan> {
  if (findRoute(settings.routes, build.key) === undefined) return { build, why: 'no route matches its key' };
  const entry = await lookUp(build);
  if (entry === undefined) return { build, attributes: {}, why: 'not in the ledger yet' };
  // With the ledger's fields: without versions the build's id has a sequencer, which the object does not have.
  return { build: { ...build, ...entry.build }, ...planForKnown(entry, again) };
}

/** What to do with a build that the ledger has. */
function planForKnown(entry: LedgerEntry, again: boolean): Omit<Plan, 'build'> {
  const attributes = { [SUBMIT_AGAIN_ATTRIBUTE]: randomUUID() };
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
      // The dead letter's id makes it a redrive for the worker, whether or not the dead letter still exists.
      return {
        attributes: entry.deadLetterId === undefined ? {} : { [DEAD_LETTER_ATTRIBUTES.id]: entry.deadLetterId },
        why: `dead-lettered as ${entry.reason}`,
      };
    case 'waiting':
    case 'submitting':
    case 'unknown':
      // A second message does no harm, as the ledger has the build, and it helps where the first one was lost.
      return again ? { attributes: {}, why: 'waiting already; sent once more' } : { why: 'waiting already' };
  }
}

/** @returns how many of them SQS has accepted */
async function send(
  { buildsQueueUrl, clients }: Stack,
  plans: readonly Plan[],
  more: Readonly<Record<string, string>>,
): Promise<number> {
  const queue = createSqsBuildsQueue(clients.sqs, buildsQueueUrl);
  let sent = 0;
  for (const batch of batchesOf(plans)) {
    const messages = batch.map(({ attributes = {}, build }) => {
      return {
        messageId: '',
        receiptHandle: '',
        body: createdNotification(build),
        sentAt: 0,
        attributes: { ...attributes, ...more },
      };
    });
    sent += (await queue.send(messages)).length;
  }
  return sent;
}
