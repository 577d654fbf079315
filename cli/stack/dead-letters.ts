import { createSqsBuildsQueue } from '../../functions/adapters/sqs-builds-queue.ts';
import { createSqsDeadLetterStore } from '../../functions/adapters/sqs-dead-letter-store.ts';
import { buildId } from '../../functions/domain/model/build.ts';
import { DEAD_LETTER_ATTRIBUTES, REQUESTED_BY_ATTRIBUTE } from '../../functions/domain/model/message-attributes.ts';
import type { Reason } from '../../functions/domain/model/reasons.ts';
import {
  type BuildsQueue,
  type DeadLetterStore,
  deadLetteredAt,
  reasonOf,
  type StoredDeadLetter,
} from '../../functions/domain/redrive/redrive.ts';
import { parseNotification } from '../../functions/domain/submit/s3-notification.ts';
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
function buildsOf({ attributes, body }: StoredDeadLetter): string[] {
  const id = attributes[DEAD_LETTER_ATTRIBUTES.build];
  if (id !== undefined) return [id];
  const notification = parseNotification(body);
  const records = notification.kind === 'records' ? notification.records : [];
  return records.flatMap((record) => (record.kind === 'build' ? [buildId(record.build)] : []));
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
 * A message has at most ten attributes, and a dead letter may have all of them: the pointer to its old log line gives way.
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
