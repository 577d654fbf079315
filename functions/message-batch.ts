import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import type { Disposition } from './domain/model/outcome.ts';
import { describeError } from './domain/model/redaction.ts';
import type { MessageVisibility, Ports } from './domain/ports.ts';

/** How long this invocation may take. All in ms since the epoch. */
export interface InvocationDeadline {
  readonly startedAt: number;
  readonly deadline: number;
  readonly leaseUntil: number;
}

/** Kept back from the function's remaining time to write down what happened, in ms. */
const RECORDING_RESERVE_MS = 5_000;
/** What the clocks of two workers may differ, in ms: a lease ends that much later. */
const LEASE_MARGIN_MS = 1_000;

/**
 * @param startedAt when the invocation began, in ms since the epoch
 * @param remainingMs what Lambda says is left of the function's time
 */
export function invocationDeadline(startedAt: number, remainingMs: number): InvocationDeadline {
  const end = startedAt + remainingMs;
  return { startedAt, deadline: end - RECORDING_RESERVE_MS, leaseUntil: end + LEASE_MARGIN_MS };
}

/** What is read of a record of SQS. */
export type QueueRecord = Pick<SQSRecord, 'messageId' | 'receiptHandle' | 'body'> & {
  readonly attributes: Pick<SQSRecord['attributes'], 'ApproximateReceiveCount' | 'SentTimestamp'>;
  readonly messageAttributes: Readonly<Record<string, { readonly stringValue?: string | undefined }>>;
};

/** How often SQS has delivered the message. */
export function receiveCountOf({ attributes }: QueueRecord): number {
  return Number.parseInt(attributes.ApproximateReceiveCount, 10) || 1;
}

/** SQS counts a message's visibility from its receive and allows 12 h in all; a minute is left for the time that has passed since. */
const LONGEST_VISIBILITY_S = 12 * 3600 - 60;

export type BatchPorts = Pick<Ports, 'clock' | 'log'> & { readonly visibility: MessageVisibility };

/**
 * Handles the messages of a batch at the same time. Only those that are done leave `unfinished`, so an unexpected error means
 * another receive, never a deleted message.
 */
export async function handleBatch(
  records: readonly QueueRecord[],
  invocation: InvocationDeadline,
  handle: (record: QueueRecord) => Promise<Disposition>,
  ports: BatchPorts,
): Promise<SQSBatchResponse> {
  const unfinished = new Set(records.map(({ messageId }) => messageId));
  const hidden: Hidden[] = [];
  await Promise.all(
    records.map(async (record) => {
      try {
        const disposition = await ports.log.within({ messageId: record.messageId }, () => handle(record));
        if (disposition.kind === 'done') unfinished.delete(record.messageId);
        else hidden.push({ record, until: disposition.until });
      } catch (error) {
        ports.log.error('message-failed', { messageId: record.messageId, error: describeError(error) });
      }
    }),
  );
  // After all builds, in one call. Until then the queue's visibility timeout hides the messages.
  if (hidden.length > 0) await hide(hidden, invocation, ports);
  return { batchItemFailures: [...unfinished].map((itemIdentifier) => ({ itemIdentifier })) };
}

/** A message that must come back. */
interface Hidden {
  readonly record: QueueRecord;
  /** ms since the epoch. */
  readonly until: number;
}

async function hide(
  hidden: readonly Hidden[],
  { startedAt }: InvocationDeadline,
  { clock, log, visibility }: BatchPorts,
) {
  try {
    const now = clock.now();
    const longest = LONGEST_VISIBILITY_S - Math.ceil((now - startedAt) / 1000);
    const changes = hidden.map(({ record: { receiptHandle }, until }) => ({
      receiptHandle,
      seconds: until <= now ? 0 : Math.min(longest, wholeSeconds(until - now)),
    }));
    await visibility.change(changes);
  } catch (error) {
    // They come back after the queue's own visibility timeout then, which is later or sooner than wanted.
    const messageIds = hidden.map(({ record }) => record.messageId);
    log.warn('visibility-not-changed', { messageIds, error: describeError(error) });
  }
}

/**
 * Rounded down: the function sleeps the rest of the second, so that a slot is met to the millisecond. But never to 0: a message
 * that is a moment early would be received again and again, and use up its receives within that moment.
 */
function wholeSeconds(ms: number): number {
  return Math.max(1, Math.floor(ms / 1000));
}
