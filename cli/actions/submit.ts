import { randomUUID } from 'node:crypto';
import { HeadObjectCommand, paginateListObjectsV2, S3ServiceException } from '@aws-sdk/client-s3';
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
import type { StoredDeadLetter } from '../../functions/domain/ports.ts';
import { collectDeadLetters } from '../../functions/domain/redrive/redrive.ts';
import { createObjectLookup, findBuild, UNKNOWN_BUILD } from '../builds/search.ts';
import { afterSubmission } from '../builds/status-display.ts';
import { printable } from '../console.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import { createdNotification } from '../stack/created-notification.ts';
import { isOnlyAbout, withDeadLetters } from '../stack/dead-letters.ts';
import { batchesOf } from '../stack/queues.ts';
import type { Stack } from '../stack/stack.ts';
import { judgeObject } from '../stack/zip-object.ts';
import { plural } from '../units.ts';

/** Which object: without a version the one that the key holds now. */
export interface SubmitTarget {
  readonly key: string;
  readonly versionId?: string;
}

/** What to do with an object of the bucket, and why. */
export interface SubmitPlan {
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

/** What is to be submitted. */
export type SubmitChoice = { readonly again: boolean } & (
  | { readonly name: string }
  /** All builds whose keys start with this. */
  | { readonly prefix: string }
);

/**
 * What would be done with each build, and why. Nothing is sent.
 *
 * @param shown shows how far the reading is
 * @throws OperatorError where a name fits no object of the drop bucket, or several builds
 */
export async function planSubmit(
  stack: Stack,
  choice: SubmitChoice,
  shown: Read = (_, read) => read(() => {}),
): Promise<SubmitPlan[]> {
  const isNamed = 'name' in choice;
  const targets = isNamed ? [await targetOf(stack, choice.name)] : await targetsUnder(stack, choice.prefix);
  const lookUp = createObjectLookup(stack);
  const plans: SubmitPlan[] = [];
  await shown(targets.length, async (onRead) => {
    for (const batch of batchesOf(targets)) {
      const how = { again: choice.again, isNamed };
      plans.push(...(await Promise.all(batch.map((target) => planFor(target, lookUp, stack, how)))));
      onRead(plans.length);
    }
  });
  return plans;
}

/** Reads so many objects, and calls back with how many were read so far. */
type Read = (total: number, read: (onRead: (count: number) => void) => Promise<void>) => Promise<void>;

/** Why a build is submitted or not, what happens then, and what is in its zip where that was read. */
export function planText({ afterwards = '', found = [], why }: SubmitPlan): string {
  return printable([why, afterwards, ...found].filter((text) => text !== '').join('; '));
}

/** How many of the builds are submitted, in a sentence. */
export function submittedText(count: number, all: number, isPlan: boolean): string {
  if (all === 0) return 'There is no build under that prefix.';
  return `${count} of ${plural(all, 'build')} ${isPlan ? 'would be ' : ''}sent to the builds queue.`;
}

export function settledText(count: number): readonly string[] {
  return count > 0 ? [`${plural(count, 'dead letter')} of these builds deleted: nothing is left to redrive.`] : [];
}

/** What the worker will find in each build that is submitted. */
export async function addVerdicts({ clients, settings }: Stack, plans: SubmitPlan[], check: boolean): Promise<void> {
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

/**
 * The object that a person means: by its address, or by a name of a build in the ledger, or by its key.
 *
 * @throws OperatorError where it is none in the drop bucket, or the name fits several builds
 */
async function targetOf(stack: Stack, name: string): Promise<SubmitTarget> {
  if (name.startsWith('s3://')) return targetAt(stack, name);
  try {
    const { build } = await findBuild(stack, name);
    if (build.bucket !== stack.bucket) return targetAt(stack, `s3://${build.bucket}/${build.key}`);
    return { key: build.key, ...present({ versionId: build.versionId }) };
  } catch (error) {
    // S3's event about it may have been lost.
    const isKey = error instanceof OperatorError && error.code === UNKNOWN_BUILD && whyNotABuild(name) === undefined;
    if (!isKey || (await readObject(stack, { key: name })).kind !== 'read') throw error;
    return { key: name };
  }
}

function targetAt({ bucket }: Stack, address: string): SubmitTarget {
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

async function targetsUnder({ bucket, clients }: Stack, prefix: string): Promise<SubmitTarget[]> {
  const targets: SubmitTarget[] = [];
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

async function readObject({ bucket, clients, region }: Stack, { key, versionId }: SubmitTarget): Promise<ObjectRead> {
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

export const ACCEPTED = 'accepted before';

async function planFor(
  target: SubmitTarget,
  lookUp: ReturnType<typeof createObjectLookup>,
  stack: Stack,
  how: { readonly again: boolean; readonly isNamed: boolean },
): Promise<SubmitPlan> {
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
    ...present({
      state: entry?.state,
      message: attributes && { build: known, attributes },
      afterwards: attributes && afterSubmission(route),
    }),
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
 * @param plans those with a message
 * @param check whether the check of the packages counts
 * @returns how many messages SQS has accepted, how many dead letters are deleted, and whether another command has some in its hands
 * @throws OperatorError where the signal is aborted before anything was sent
 */
export async function submitPlanned(
  stack: Stack,
  plans: readonly SubmitPlan[],
  check: boolean,
  signal: AbortSignal,
): Promise<{ readonly sent: number; readonly settled: number; readonly isReadByOthers: boolean }> {
  const more = { [NO_CHECK_ATTRIBUTE]: check ? 'false' : 'true' };
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
    return { sent: sent.size, settled, isReadByOthers: deadLetterQueue.hidden > 0 };
  });
}

/** @returns ids of the builds whose messages SQS has accepted */
async function send(
  { buildsQueueUrl, caller, clients }: Stack,
  plans: readonly SubmitPlan[],
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
