import { sendableText } from '../../functions/adapters/sendable-text.ts';
import { createSqsBuildsQueue } from '../../functions/adapters/sqs-builds-queue.ts';
import { createSqsDeadLetterStore } from '../../functions/adapters/sqs-dead-letter-store.ts';
import { updateWithRetry } from '../../functions/domain/follow/update-with-retry.ts';
import { type Build, buildId } from '../../functions/domain/model/build.ts';
import { DEAD_LETTER_ATTRIBUTES, REQUESTED_BY_ATTRIBUTE } from '../../functions/domain/model/message-attributes.ts';
import type { Reason } from '../../functions/domain/model/reasons.ts';
import { type NotificationRecord, parseNotification } from '../../functions/domain/model/s3-notification.ts';
import { discarded, opened } from '../../functions/domain/model/submission-transitions.ts';
import type { OperatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import type { BuildsQueue, DeadLetterStore, Ledger, StoredDeadLetter } from '../../functions/domain/ports.ts';
import { deadLetteredAt, reasonOf } from '../../functions/domain/redrive/redrive.ts';
import { findBuild, pickNamed, UNKNOWN_BUILD } from '../builds/search.ts';
import { printable } from '../console.ts';
import { OperatorError } from '../operator-error.ts';
import { iso } from '../units.ts';
import { batchesOf, type Queue, readQueue } from './queues.ts';
import type { Stack } from './stack.ts';

/** The reason of a dead letter that SQS or EventBridge put there: no worker got as far as giving one. */
export const NO_REASON = 'none';
export type DeadLetterReason = Reason | typeof NO_REASON;

/** Ages in ms. */
export interface DeadLetterFilter {
  readonly reason?: readonly DeadLetterReason[];
  /** `userId/projectId`, or either. */
  readonly project?: string;
  /** Any part of the build's id. */
  readonly build?: string;
  readonly olderThan?: number;
  readonly newerThan?: number;
}

/** @param now for the ages, in ms since the epoch */
export function matches(filter: DeadLetterFilter, now: number): (message: StoredDeadLetter) => boolean {
  const { reason, project, build, olderThan = 0, newerThan = Number.POSITIVE_INFINITY } = filter;
  return (message) => {
    const age = now - deadLetteredAt(message);
    const ids = message.attributes[DEAD_LETTER_ATTRIBUTES.project] ?? '';
    return (
      (reason === undefined || reason.includes(reasonOf(message) ?? NO_REASON)) &&
      (project === undefined || ids === project || ids.split('/').includes(project)) &&
      (build === undefined || buildsOf(message).some((id) => id.includes(build.replace(/^s3:\/\//, '')))) &&
      age >= olderThan &&
      age <= newerThan
    );
  };
}

/** Ids of the builds that a dead letter is about; none for a message that is no build. */
function buildsOf(message: StoredDeadLetter): string[] {
  const ids = buildsIn(message).map(buildId);
  const named = message.attributes[DEAD_LETTER_ATTRIBUTES.build];
  if (named === undefined) return ids;
  // SQS does not take every character of a key in an attribute.
  return [ids.find((id) => sendableText(id) === named) ?? named];
}

/** The builds in the body. */
function buildsIn(message: StoredDeadLetter): Build[] {
  return recordsIn(message).flatMap((record) => (record.kind === 'build' ? [record.build] : []));
}

function recordsIn({ body }: StoredDeadLetter): readonly NotificationRecord[] {
  const notification = parseNotification(body);
  return notification.kind === 'records' ? notification.records : [];
}

/**
 * Whether a dead letter is about these builds alone. One with a record that cannot be read is not, although {@link buildsOf} names
 * only the builds beside that record: it may be all that is left of another drop.
 */
export function isOnlyAbout(message: StoredDeadLetter, builds: ReadonlySet<string>): boolean {
  const about = buildsOf(message);
  return about.length > 0 && about.every((id) => builds.has(id)) && !hasUnreadable(message);
}

/** A worker's dead letter of one build says nothing of the other records in its body: each has a dead letter of its own. */
function hasUnreadable(message: StoredDeadLetter): boolean {
  if (message.attributes[DEAD_LETTER_ATTRIBUTES.build] !== undefined) return false;
  return reasonOf(message) === 'UnrecognisedMessage' || recordsIn(message).some(({ kind }) => kind === 'unrecognised');
}

/**
 * The dead letters that are named: by any name of their build (see {@link pickNamed}), by the id of their message or by their own.
 *
 * @throws OperatorError where a name fits none or several builds, or a dead letter is also about a build that is not named
 */
export async function namedAmong(
  messages: readonly StoredDeadLetter[],
  names: readonly string[],
  drop: Pick<Stack, 'bucket' | 'ledger' | 'settings'>,
): Promise<readonly StoredDeadLetter[]> {
  const candidates = messages.flatMap((message) =>
    buildsOf(message).map((id) => ({ id, at: deadLetteredAt(message) })),
  );
  const distinct = [...new Map(candidates.map((each) => [each.id, each])).values()];
  const chosen = new Set<StoredDeadLetter>();
  const builds = new Set<string>();
  for (const name of names) {
    const own = messages.filter(
      ({ attributes, messageId }) => messageId === name || attributes[DEAD_LETTER_ATTRIBUTES.id] === name,
    );
    for (const message of own) chosen.add(message);
    if (own.length > 0) continue;
    // The ledger also knows its upload ids.
    const id = pickNamed(distinct, name)?.id ?? (await findBuild(drop, name).catch(undefinedIfUnknown))?.id;
    if (id === undefined || !distinct.some((each) => each.id === id)) throw noDeadLetter(name);
    builds.add(id);
  }
  for (const message of messages) {
    const about = buildsOf(message);
    if (!about.some((id) => builds.has(id))) continue;
    const others = about.filter((id) => !builds.has(id));
    if (!isOnlyAbout(message, builds) && !chosen.has(message)) {
      const also = others.length > 0 ? printable(others.join(', ')) : 'an object whose record cannot be read';
      throw new OperatorError(
        'OtherBuilds',
        `The message ${message.messageId} is also about ${also}.`,
        others.length > 0 ? 'Name these builds, too, or the message.' : 'Name the message to act on both.',
      );
    }
    chosen.add(message);
  }
  return messages.filter((message) => chosen.has(message));
}

function noDeadLetter(name: string): OperatorError {
  const remedy = (commands: OperatorCommands) =>
    `All dead letters: ${commands.deadLetters()}\nThe result of each build: ${commands.allBuilds()}`;
  return new OperatorError('NoDeadLetter', `No dead letter is about "${printable(name)}".`, remedy);
}

function undefinedIfUnknown(error: unknown): undefined {
  if (!(error instanceof OperatorError && error.code === UNKNOWN_BUILD)) throw error;
}

/**
 * Records that a person discards a dead letter, where nothing else is left of its builds. Do it before the deletion: a crash in
 * between then leaves a dead letter that can be discarded again, and not a build whose end is unknown.
 *
 * @param now ms since the epoch
 * @param by the person's name, where it is known
 * @throws LedgerUnavailable
 */
export async function recordDiscarded(
  message: StoredDeadLetter,
  ledger: Ledger,
  now: number,
  by: string | undefined,
): Promise<void> {
  const deadLetterId = message.attributes[DEAD_LETTER_ATTRIBUTES.id];
  const isMoved = message.movedFrom !== undefined;
  const ids = buildsOf(message);
  for (const build of buildsIn(message).filter((each) => ids.includes(buildId(each)))) {
    const known = await updateWithRetry(buildId(build), ledger, (entry) => {
      // An earlier dead letter of it may be left over, or its redrive may have been interrupted after it was sent. One that SQS
      // has moved was redriven, and is all that is left.
      const isLast =
        entry.state === 'dead-lettered'
          ? entry.deadLetterId === deadLetterId
          : (entry.state === 'waiting' || entry.state === 'unknown') && (isMoved || deadLetterId === undefined);
      return isLast ? discarded(entry, now, by) : undefined;
    });
    // No function has got as far as recording it.
    if (known === undefined) await ledger.save(discarded(opened(build, now), now, by));
  }
}

/** Message attributes of an event that EventBridge could not deliver to the builds queue. */
const [RULE, ERROR_CODE, ERROR_MESSAGE] = ['RULE_ARN', 'ERROR_CODE', 'ERROR_MESSAGE'] as const;

/** Who put a dead letter into the queue. A redriven one keeps EventBridge's attributes, but then it is SQS that moves it. */
function sentBy(message: StoredDeadLetter): 'worker' | 'SQS' | 'EventBridge' {
  if (reasonOf(message) !== undefined) return 'worker';
  const { attributes, movedFrom } = message;
  const isUndelivered = [RULE, ERROR_CODE, ERROR_MESSAGE].some((name) => attributes[name] !== undefined);
  return movedFrom === undefined && isUndelivered ? 'EventBridge' : 'SQS';
}

function detailOf(message: StoredDeadLetter): string | undefined {
  const { attributes } = message;
  if (sentBy(message) !== 'EventBridge') return attributes[DEAD_LETTER_ATTRIBUTES.detail];
  return [attributes[ERROR_CODE], attributes[ERROR_MESSAGE]].filter(Boolean).join(': ') || undefined;
}

/** A dead letter as `--json` prints it: times as ISO 8601; `JSON.stringify` leaves out what is undefined. */
export type DeadLetterFacts = ReturnType<typeof deadLetterFacts>;

/** @param retentionMs how long the dead-letter queue keeps a message */
export function deadLetterFacts(message: StoredDeadLetter, retentionMs: number) {
  const { attributes } = message;
  const reason: DeadLetterReason = reasonOf(message) ?? NO_REASON;
  const number = (name: string) => (attributes[name] === undefined ? undefined : Number(attributes[name]));
  return {
    messageId: message.messageId,
    reason,
    sentBy: sentBy(message),
    builds: buildsOf(message),
    project: attributes[DEAD_LETTER_ATTRIBUTES.project],
    detail: detailOf(message),
    status: number(DEAD_LETTER_ATTRIBUTES.status),
    attempts: number(DEAD_LETTER_ATTRIBUTES.attempts),
    at: iso(deadLetteredAt(message)),
    // SQS counts from when the message first came into any queue.
    expiresAt: iso(message.sentAt + retentionMs),
    log: attributes[DEAD_LETTER_ATTRIBUTES.logPointer],
  };
}

/**
 * The builds queue as this person sends to it: the history of each build then names the person.
 *
 * A message has at most ten attributes, and a dead letter may have all of them: then the pointer to its old log line is left out.
 */
export function asSentBy(person: string | undefined, queue: BuildsQueue): BuildsQueue {
  if (person === undefined) return queue;
  const named = ({ attributes, ...message }: StoredDeadLetter): StoredDeadLetter => {
    const { [DEAD_LETTER_ATTRIBUTES.logPointer]: _, ...kept } = attributes;
    return { ...message, attributes: { ...kept, [REQUESTED_BY_ATTRIBUTE]: person } };
  };
  return {
    async send(messages) {
      const originals = new Map(messages.map((message) => [named(message), message]));
      const sent = await queue.send([...originals.keys()]);
      return sent.flatMap((message) => originals.get(message) ?? []);
    },
  };
}

export interface OpenedQueue {
  readonly store: DeadLetterStore;
  readonly queue: BuildsQueue;
  readonly deadLetterQueue: Queue;
}

/** How long dead letters stay hidden, and how much longer for each one, in s: two calls for ten of them take less than a second. */
const HIDDEN_S = 30;
const HIDDEN_PER_MESSAGE_S = 0.2;
const LONGEST_HIDDEN_S = 12 * 3600;

/**
 * Opens the dead-letter queue for `work`. What `work` has received and neither deleted nor released becomes visible again when it
 * ends, also where it throws. Once `signal` is aborted, nothing more is received or sent, so that the work ends soon.
 */
export async function withDeadLetters<Result>(
  { buildsQueueUrl, clients: { sqs }, deadLetterQueueUrl }: Stack,
  signal: AbortSignal,
  work: (opened: OpenedQueue) => Promise<Result>,
): Promise<Result> {
  const deadLetterQueue = await readQueue(sqs, deadLetterQueueUrl);
  const expected = deadLetterQueue.visible;
  // Long enough for all of them and no longer: after a kill they stay hidden until it has passed.
  const hiddenS = Math.min(LONGEST_HIDDEN_S, HIDDEN_S + Math.ceil(expected * HIDDEN_PER_MESSAGE_S));
  const plain = createSqsDeadLetterStore(sqs, deadLetterQueueUrl, hiddenS);
  const plainQueue = createSqsBuildsQueue(sqs, buildsQueueUrl);
  const held = new Map<string, StoredDeadLetter>();
  let received = 0;
  let sawEnd = false;

  const store: DeadLetterStore = {
    async receive() {
      // The count and one empty long poll agree that this was all: a second poll would only take time.
      if (signal.aborted || (sawEnd && received >= expected)) return [];
      const messages = await plain.receive();
      sawEnd = messages.length === 0;
      received += messages.length;
      for (const message of messages) held.set(message.messageId, message);
      return messages;
    },
    async release(messages) {
      await plain.release(messages);
      for (const { messageId } of messages) held.delete(messageId);
    },
    async delete(messages) {
      const deleted = await plain.delete(messages);
      for (const { messageId } of deleted) held.delete(messageId);
      return deleted;
    },
  };
  const queue: BuildsQueue = { send: async (messages) => (signal.aborted ? [] : plainQueue.send(messages)) };
  try {
    return await work({ store, queue, deadLetterQueue });
  } finally {
    for (const batch of batchesOf([...held.values()])) {
      // They become visible again in any case. The error that ended the work says more than this one.
      await plain.release(batch).catch(() => {});
    }
  }
}
