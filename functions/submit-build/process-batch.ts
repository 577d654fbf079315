import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { DEAD_LETTER_ATTRIBUTES } from '../domain/dead-letter-attributes.ts';
import { handleMessage } from '../domain/handle-message.ts';
import type { Ports } from '../domain/ports.ts';
import { describeError } from '../domain/redaction.ts';
import { SUBMIT_AGAIN_ATTRIBUTE } from '../domain/submit-again.ts';
import type { Delivery, SubmitSettings } from '../domain/submit-build.ts';

/** Hides received messages for longer or shorter than the queue would. */
export interface MessageVisibility {
  /** @throws Error where one of the changes, or all, were not made */
  change(changes: readonly VisibilityChange[]): Promise<void>;
}
export interface VisibilityChange {
  readonly receiptHandle: string;
  /** From now; 0 to 43,200 counted from the receive. */
  readonly seconds: number;
}

/** How long this invocation may take. All in ms since the epoch. */
export interface Budget {
  readonly startedAt: number;
  readonly deadline: number;
  readonly goneAt: number;
}

/** Kept back from the function's remaining time to write down what happened, in ms. */
const RECORDING_RESERVE_MS = 5_000;
/** What a worker's clock may differ from that of the next, in ms: its lease ends that much later. */
const LEASE_MARGIN_MS = 1_000;

/**
 * @param startedAt when the invocation began, in ms since the epoch
 * @param remainingMs what Lambda says is left of the function's time
 */
export function budgetOf(startedAt: number, remainingMs: number): Budget {
  const end = startedAt + remainingMs;
  return { startedAt, deadline: end - RECORDING_RESERVE_MS, goneAt: end + LEASE_MARGIN_MS };
}

/** What SQS reads of a record: the rest of `SQSRecord` is not used. */
export type QueueRecord = Pick<SQSRecord, 'messageId' | 'receiptHandle' | 'body'> & {
  readonly attributes: Pick<SQSRecord['attributes'], 'ApproximateReceiveCount' | 'SentTimestamp'>;
  readonly messageAttributes: Readonly<Record<string, { readonly stringValue?: string | undefined }>>;
};

export interface BatchSettings extends SubmitSettings {
  /** The builds queue's message retention, in s. */
  readonly messageRetentionS: number;
}

/** SQS counts a message's visibility from its receive and allows 12 h in all; a minute is left for the time gone since. */
const LONGEST_VISIBILITY_S = 12 * 3600 - 60;

/**
 * Handles a batch side by side. The failure list starts with every message and loses what is proven done: an error nobody
 * expected means another receive, never a deleted message.
 */
export async function processBatch(
  records: readonly QueueRecord[],
  budget: Budget,
  logPointer: string,
  settings: BatchSettings,
  ports: Ports & { readonly visibility: MessageVisibility },
): Promise<SQSBatchResponse> {
  const failed = new Set(records.map(({ messageId }) => messageId));
  const hidden: Hidden[] = [];
  await Promise.all(
    records.map(async (record) => {
      try {
        const disposition = await handleMessage(deliveryOf(record, budget, logPointer, settings), settings, ports);
        if (disposition.kind === 'done') failed.delete(record.messageId);
        else hidden.push({ record, until: disposition.until });
      } catch (error) {
        ports.log.error('message-failed', { messageId: record.messageId, error: describeError(error) });
      }
    }),
  );
  // Together and last: one call for a batch in which everybody waits. None is late for it, as the queue still hides them all.
  if (hidden.length > 0) await hide(hidden, budget, ports);
  return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
}

function deliveryOf(
  record: QueueRecord,
  { deadline, goneAt }: Budget,
  logPointer: string,
  { messageRetentionS }: BatchSettings,
): Delivery {
  const redriveOf = record.messageAttributes[DEAD_LETTER_ATTRIBUTES.id]?.stringValue;
  const submitAgain = record.messageAttributes[SUBMIT_AGAIN_ATTRIBUTE]?.stringValue;
  return {
    body: record.body,
    receiveCount: Number.parseInt(record.attributes.ApproximateReceiveCount, 10) || 1,
    deadline,
    goneAt,
    expiresAt: Number(record.attributes.SentTimestamp) + messageRetentionS * 1000,
    logPointer,
    ...(redriveOf === undefined ? {} : { redriveOf }),
    ...(submitAgain === undefined ? {} : { submitAgain }),
  };
}

/** A message that is to come back. */
interface Hidden {
  readonly record: QueueRecord;
  /** ms since the epoch. */
  readonly until: number;
}

async function hide(
  hidden: readonly Hidden[],
  { startedAt }: Budget,
  { clock, log, visibility }: Ports & { readonly visibility: MessageVisibility },
): Promise<void> {
  try {
    const now = clock.now();
    const longest = LONGEST_VISIBILITY_S - Math.ceil((now - startedAt) / 1000);
    const changes = hidden.map(({ record: { receiptHandle }, until }) => ({
      receiptHandle,
      // Rounded down: the rest of the second is slept in the function, and the slot is met to the millisecond.
      seconds: Math.min(longest, Math.max(0, Math.floor((until - now) / 1000))),
    }));
    await visibility.change(changes);
  } catch (error) {
    // They come back after the queue's own visibility timeout then: at another time, but they come back.
    const messageIds = hidden.map(({ record }) => record.messageId);
    log.warn('visibility-not-changed', { messageIds, error: describeError(error) });
  }
}
