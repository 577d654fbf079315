import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { DEAD_LETTER_ATTRIBUTES } from '../domain/dead-letter-attributes.ts';
import { type Disposition, handleMessage } from '../domain/handle-message.ts';
import type { Ports } from '../domain/ports.ts';
import { describeError } from '../domain/redaction.ts';
import type { Delivery, SubmitSettings } from '../domain/submit-build.ts';

/** Hides a received message for longer or shorter than the queue would. */
export interface MessageVisibility {
  /** @param seconds from now; 0 to 43,200 counted from the receive */
  change(receiptHandle: string, seconds: number): Promise<void>;
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
  await Promise.all(
    records.map(async (record) => {
      try {
        const disposition = await handleMessage(deliveryOf(record, budget, logPointer, settings), settings, ports);
        if (disposition.kind === 'done') failed.delete(record.messageId);
        else await hide(record, disposition, budget, ports);
      } catch (error) {
        ports.log.error('message-failed', { messageId: record.messageId, error: describeError(error) });
      }
    }),
  );
  return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
}

function deliveryOf(
  record: QueueRecord,
  { deadline, goneAt }: Budget,
  logPointer: string,
  { messageRetentionS }: BatchSettings,
): Delivery {
  const redriveOf = record.messageAttributes[DEAD_LETTER_ATTRIBUTES.id]?.stringValue;
  return {
    body: record.body,
    receiveCount: Number.parseInt(record.attributes.ApproximateReceiveCount, 10) || 1,
    deadline,
    goneAt,
    expiresAt: Number(record.attributes.SentTimestamp) + messageRetentionS * 1000,
    logPointer,
    ...(redriveOf === undefined ? {} : { redriveOf }),
  };
}

async function hide(
  record: QueueRecord,
  { until }: Extract<Disposition, { kind: 'hidden' }>,
  { startedAt }: Budget,
  { clock, log, visibility }: Ports & { readonly visibility: MessageVisibility },
): Promise<void> {
  const now = clock.now();
  const longest = LONGEST_VISIBILITY_S - Math.ceil((now - startedAt) / 1000);
  // Rounded down: the rest of the second is slept in the function, and the slot is met to the millisecond.
  const seconds = Math.min(longest, Math.max(0, Math.floor((until - now) / 1000)));
  try {
    await visibility.change(record.receiptHandle, seconds);
  } catch (error) {
    // It comes back after the queue's own visibility timeout then: at another time, but it comes back.
    log.warn('visibility-not-changed', { messageId: record.messageId, seconds, error: describeError(error) });
  }
}
