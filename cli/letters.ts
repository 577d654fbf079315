import type { SQSClient } from '@aws-sdk/client-sqs';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { createSqsBuildsQueue } from '../functions/adapters/sqs-builds-queue.ts';
import { createSqsDeadLetterStore } from '../functions/adapters/sqs-dead-letter-store.ts';
import { buildId } from '../functions/domain/model/build.ts';
import { DEAD_LETTER_ATTRIBUTES } from '../functions/domain/model/message-attributes.ts';
import type { Reason } from '../functions/domain/model/reasons.ts';
import {
  type BuildsQueue,
  type DeadLetterStore,
  deadLetteredAt,
  reasonOf,
  type StoredLetter,
} from '../functions/domain/redrive/redrive.ts';
import { parseNotification } from '../functions/domain/submit/s3-notification.ts';

/** What a letter is filed under that SQS moved by itself: no worker came to the point of giving a reason. */
export const NO_REASON = 'none';

export interface LetterFilter {
  readonly reasons?: readonly (Reason | typeof NO_REASON)[] | undefined;
  /** `userId/projectId`, or either. */
  readonly project?: string | undefined;
  /** Any part of the build's id. */
  readonly build?: string | undefined;
  /** ms. */
  readonly olderThan?: number | undefined;
  /** ms. */
  readonly newerThan?: number | undefined;
}

/** @param now ms since the epoch, which ages are counted to */
export function letterFilter(filter: LetterFilter, now: number): (letter: StoredLetter) => boolean {
  const { reasons, project, build, olderThan = 0, newerThan = Number.POSITIVE_INFINITY } = filter;
  return (letter) => {
    const age = now - deadLetteredAt(letter);
    const ids = letter.attributes[DEAD_LETTER_ATTRIBUTES.project] ?? '';
    return (
      (reasons === undefined || reasons.includes(reasonOf(letter) ?? NO_REASON)) &&
      (project === undefined || ids === project || ids.split('/').includes(project)) &&
      (build === undefined || buildsOf(letter).some((id) => id.includes(build.replace(/^s3:\/\//, '')))) &&
      age >= olderThan &&
      age <= newerThan
    );
  };
}

/** Ids of the builds that a letter is about; none for a message that is no build. */
export function buildsOf({ attributes, body }: StoredLetter): string[] {
  const id = attributes[DEAD_LETTER_ATTRIBUTES.build];
  if (id !== undefined) return [id];
  const notification = parseNotification(body);
  const records = notification.kind === 'records' ? notification.records : [];
  return records.flatMap((record) => (record.kind === 'build' ? [buildId(record.build)] : []));
}

/** A letter as it is told: times as ISO 8601, what is not known left out. */
export interface LetterFacts {
  readonly messageId: string;
  readonly reason: Reason | typeof NO_REASON;
  readonly builds: readonly string[];
  readonly project: string | undefined;
  readonly detail: string | undefined;
  readonly status: number | undefined;
  readonly attempts: number | undefined;
  readonly at: string;
  readonly expiresAt: string;
  readonly log: string | undefined;
}

/** @param retentionMs how long the dead-letter queue keeps what comes in */
export function letterFacts(letter: StoredLetter, retentionMs: number): LetterFacts {
  const { attributes } = letter;
  const number = (name: string) => (attributes[name] === undefined ? undefined : Number(attributes[name]));
  return {
    messageId: letter.messageId,
    reason: reasonOf(letter) ?? NO_REASON,
    builds: buildsOf(letter),
    project: attributes[DEAD_LETTER_ATTRIBUTES.project],
    detail: attributes[DEAD_LETTER_ATTRIBUTES.detail],
    status: number(DEAD_LETTER_ATTRIBUTES.status),
    attempts: number(DEAD_LETTER_ATTRIBUTES.attempts),
    at: new Date(deadLetteredAt(letter)).toISOString(),
    // SQS counts from when a message first came into any queue.
    expiresAt: new Date(letter.sentAt + retentionMs).toISOString(),
    log: attributes[DEAD_LETTER_ATTRIBUTES.logPointer],
  };
}

/** What SQS says of a queue, roughly: it counts by estimate. */
export interface QueueNumbers {
  readonly visible: number;
  /** Received and not yet dealt with, or asleep until their turn. */
  readonly hidden: number;
  readonly retentionMs: number;
}

export async function queueNumbers(sqs: SQSClient, queueUrl: string): Promise<QueueNumbers> {
  const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] });
  const { Attributes = {} } = await sqs.send(command);
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages),
    hidden:
      Number(Attributes.ApproximateNumberOfMessagesNotVisible) + Number(Attributes.ApproximateNumberOfMessagesDelayed),
    retentionMs: Number(Attributes.MessageRetentionPeriod) * 1_000,
  };
}

export interface OpenedLetters {
  readonly store: DeadLetterStore;
  readonly queue: BuildsQueue;
  readonly numbers: QueueNumbers;
}

interface QueueUrls {
  readonly deadLetterQueueUrl: string;
  readonly buildsQueueUrl: string;
}

/** The most SQS takes in one batch. */
const BATCH_SIZE = 10;

/** How long letters stay hidden at least, and for each further one, in s: two calls for ten of them take less than a second. */
const HIDDEN_S = 30;
const HIDDEN_PER_LETTER_S = 0.2;
const LONGEST_HIDDEN_S = 12 * 3600;

/**
 * Opens the dead-letter queue for `work`. Whatever it has received and neither deleted nor released by its end is released,
 * also where it throws. Once `signal` is aborted, nothing more is received or sent: the work runs out, and no letter with it.
 */
export async function withLetters<Result>(
  sqs: SQSClient,
  { deadLetterQueueUrl, buildsQueueUrl }: QueueUrls,
  signal: AbortSignal,
  work: (opened: OpenedLetters) => Promise<Result>,
): Promise<Result> {
  const numbers = await queueNumbers(sqs, deadLetterQueueUrl);
  const expected = numbers.visible;
  // Long enough for all of them, and no longer: after a kill nobody sees them until it has passed.
  const hiddenS = Math.min(LONGEST_HIDDEN_S, HIDDEN_S + Math.ceil(expected * HIDDEN_PER_LETTER_S));
  const plain = createSqsDeadLetterStore(sqs, deadLetterQueueUrl, hiddenS);
  const plainQueue = createSqsBuildsQueue(sqs, buildsQueueUrl);
  const held = new Map<string, StoredLetter>();
  let received = 0;
  let sawEnd = false;

  const store: DeadLetterStore = {
    async receive() {
      // The count and a long poll agree that this was all: a second poll would only take time.
      if (signal.aborted || (sawEnd && received >= expected)) return [];
      const letters = await plain.receive();
      sawEnd = letters.length === 0;
      received += letters.length;
      for (const letter of letters) held.set(letter.messageId, letter);
      return letters;
    },
    async release(letters) {
      await plain.release(letters);
      for (const { messageId } of letters) held.delete(messageId);
    },
    async delete(letters) {
      const deleted = await plain.delete(letters);
      for (const { messageId } of deleted) held.delete(messageId);
      return deleted;
    },
  };
  const queue: BuildsQueue = { send: async (letters) => (signal.aborted ? [] : plainQueue.send(letters)) };
  try {
    return await work({ store, queue, numbers });
  } finally {
    const left = [...held.values()];
    for (let from = 0; from < left.length; from += BATCH_SIZE) {
      // They show themselves again in any case; the error that ended the work says more than this one.
      await plain.release(left.slice(from, from + BATCH_SIZE)).catch(() => {});
    }
  }
}
