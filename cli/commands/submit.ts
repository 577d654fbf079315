import { randomUUID } from 'node:crypto';
import { HeadObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import type { Command } from 'commander';
import { createSqsBuildsQueue } from '../../functions/adapters/sqs-builds-queue.ts';
import { type Build, buildId, whyNotABuild } from '../../functions/domain/model/build.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import { findRoute } from '../../functions/domain/model/route.ts';
import { SUBMIT_AGAIN_ATTRIBUTE } from '../../functions/domain/model/submit-again.ts';
import type { StoredLetter } from '../../functions/domain/redrive/redrive.ts';
import type { Act } from '../command.ts';
import { aligned, type Console } from '../console.ts';
import { createdNotification } from '../created-notification.ts';
import { createObjectLookup } from '../ledger-search.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import type { Stack } from '../stack.ts';
import { plural } from '../units.ts';

interface SubmitFlags {
  readonly prefix?: string;
  readonly again?: boolean;
  readonly dryRun?: boolean;
}

/** What is to become of an object of the bucket. */
type Plan = { readonly build: Build } & (
  | { readonly kind: 'submit'; readonly attributes: Readonly<Record<string, string>>; readonly why: string }
  | { readonly kind: 'leave'; readonly why: string }
);

/** The most SQS takes in one batch. */
const BATCH_SIZE = 10;

export function addSubmitCommand(program: Command, act: Act): void {
  program
    .command('submit')
    .argument('[address]', 's3://bucket/key of a build that lies in the drop bucket')
    .description('Put builds that already lie in the drop bucket in line, unless they have been accepted.')
    .option('--prefix <prefix>', "all builds whose keys start with this; '' for all there are")
    .option('--again', 'also those that were accepted before, or skipped')
    .option('--dry-run', 'only say what would be done')
    .action(act(async ({ console, stack, flags, args: [address] }) => submit(console, stack, address, flags)));
}

async function submit(
  console: Console,
  find: () => Promise<Stack>,
  address: string | undefined,
  flags: SubmitFlags,
): Promise<number> {
  if ((address === undefined) === (flags.prefix === undefined)) {
    throw usageError('One of the two is needed: an address, or --prefix.', 'Such as: submit s3://bucket/game.zip');
  }
  const stack = await find();
  const keys = address === undefined ? await keysUnder(stack, flags.prefix ?? '') : [keyOf(stack, address)];
  const lookUp = createObjectLookup(stack.ledger);
  const bar = console.bar('Looking at the objects', keys.length, { least: 2 * BATCH_SIZE });
  const plans: Plan[] = [];
  try {
    for (let from = 0; from < keys.length; from += BATCH_SIZE) {
      const batch = keys.slice(from, from + BATCH_SIZE);
      plans.push(
        ...(await Promise.all(batch.map(async (key) => planFor(await objectAt(stack, key), lookUp, stack, flags)))),
      );
      bar.update(plans.length);
    }
  } finally {
    bar.stop();
  }
  const chosen = plans.filter((plan) => plan.kind === 'submit');
  const sent = flags.dryRun === true ? [] : await send(stack, chosen);
  const failed = flags.dryRun === true ? 0 : chosen.length - sent.length;
  const verb = flags.dryRun === true ? 'would be' : 'were';
  console.data(
    {
      dryRun: flags.dryRun === true,
      sent: sent.length,
      failed,
      builds: plans.map(({ build, kind, why }) => ({ build: buildId(build), submit: kind === 'submit', why })),
    },
    [
      ...aligned(
        plans.map(({ build, kind, why }) => [
          kind === 'submit' ? console.paint('green', 'submit') : console.paint('gray', 'leave'),
          buildId(build),
          why,
        ]),
      ),
      plans.length === 0
        ? 'There is no build under that prefix.'
        : `${flags.dryRun === true ? chosen.length : sent.length} of ${plural(plans.length, 'build')} ${verb} put in line.`,
    ],
  );
  if (plans.some(({ kind, why }) => kind === 'leave' && why.startsWith(ACCEPTED))) {
    console.say('--again submits those, too, that were accepted before.');
  }
  if (failed > 0) console.say(`SQS refused ${plural(failed, 'message')}. Run the same command again.`);
  return failed === 0 ? EXIT.done : EXIT.failed;
}

/** @throws OperatorError (usage) for an address that is none, or of another bucket */
function keyOf({ bucket }: Stack, address: string): string {
  const [, named, key = ''] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(address) ?? [];
  if (named === undefined)
    throw usageError(`${address} is no address of an object.`, `Such as s3://${bucket}/game.zip.`);
  if (named !== bucket) {
    throw usageError(
      `${named} is not the drop bucket: the pipeline may not read it.`,
      `Copy it first: aws s3 cp ${address} s3://${bucket}/. That alone submits it.`,
    );
  }
  if (whyNotABuild(key) !== undefined) throw usageError(`${key} does not end in .zip.`, 'Only zips are builds.');
  return key;
}

async function keysUnder({ bucket, clients }: Stack, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2(
    { client: clients.s3 },
    { Bucket: bucket, Prefix: prefix },
  )) {
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
      // The stack takes buckets of its own region only.
      region,
      droppedAt: LastModified?.getTime() ?? Date.now(),
      ...(size === undefined ? {} : { size }),
      ...(ETag === undefined ? {} : { eTag: ETag.replaceAll('"', '') }),
      ...(VersionId === undefined || VersionId === 'null' ? {} : { versionId: VersionId }),
    };
  } catch (error) {
    if (!(error instanceof Error && /NotFound|NoSuchKey/.test(error.name))) throw error;
    throw new OperatorError('NoObject', `There is no object s3://${bucket}/${key}.`, `See: aws s3 ls s3://${bucket}/`);
  }
}

const ACCEPTED = 'accepted before';

async function planFor(
  object: Build,
  lookUp: ReturnType<typeof createObjectLookup>,
  { settings }: Stack,
  { again }: SubmitFlags,
): Promise<Plan> {
  if (findRoute(settings.routes, object.key) === undefined)
    return { kind: 'leave', build: object, why: 'no route takes its key' };
  const entry = await lookUp(object);
  if (entry === undefined) return { kind: 'submit', build: object, attributes: {}, why: 'not known yet' };
  // As the ledger has it: without versions its id has a sequencer, which the object does not tell.
  return planForKnown({ ...object, ...entry.build }, entry, again === true);
}

/** What to do about a build that the ledger knows. */
function planForKnown(build: Build, entry: LedgerEntry, again: boolean): Plan {
  const submit = (why: string, attributes: Record<string, string> = {}): Plan => ({
    kind: 'submit',
    build,
    why,
    attributes,
  });
  const leave = (why: string): Plan => ({ kind: 'leave', build, why });
  const asked = { [SUBMIT_AGAIN_ATTRIBUTE]: randomUUID() };
  switch (entry.state) {
    case 'submitted':
    case 'approved':
    case 'released':
    case 'rejected': {
      const since = entry.state === 'submitted' ? '' : `, ${entry.state}`;
      return again ? submit('again', asked) : leave(`${ACCEPTED}, upload id ${entry.uploadId}${since}`);
    }
    case 'skipped':
      return again
        ? submit(`again, skipped as ${entry.skipCause}`, asked)
        : leave(`skipped before: ${entry.skipCause}`);
    case 'dead-lettered':
      // By the letter's id the worker takes it for the redrive of the letter, whether or not that is still there.
      return submit(
        `dead-lettered as ${entry.reason}`,
        entry.deadLetterId === undefined ? {} : { [DEAD_LETTER_ATTRIBUTES.id]: entry.deadLetterId },
      );
    case 'waiting':
    case 'submitting':
    case 'unknown':
      // A second message does no harm: the ledger knows it for the same build. It helps where the first was lost.
      return again ? submit('in line already; asked for once more') : leave('in line already');
  }
}

/** @returns those that SQS has taken */
async function send(
  { buildsQueueUrl, clients }: Stack,
  plans: readonly Extract<Plan, { kind: 'submit' }>[],
): Promise<readonly StoredLetter[]> {
  const queue = createSqsBuildsQueue(clients.sqs, buildsQueueUrl);
  const messages = plans.map(({ attributes, build }): StoredLetter => {
    return { messageId: '', receiptHandle: '', body: createdNotification(build), sentAt: 0, attributes };
  });
  const sent: StoredLetter[] = [];
  for (let from = 0; from < messages.length; from += BATCH_SIZE) {
    sent.push(...(await queue.send(messages.slice(from, from + BATCH_SIZE))));
  }
  return sent;
}
