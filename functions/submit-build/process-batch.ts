import type { SQSBatchResponse } from 'aws-lambda';
import { DEAD_LETTER_ATTRIBUTES } from '../domain/dead-letter-attributes.ts';
import { handleMessage } from '../domain/handle-message.ts';
import type { Ports } from '../domain/ports.ts';
import { SUBMIT_AGAIN_ATTRIBUTE } from '../domain/submit-again.ts';
import type { Delivery, SubmitSettings } from '../domain/submit-build.ts';
import {
  type Budget,
  handleBatch,
  type MessageVisibility,
  type QueueRecord,
  receiveCountOf,
} from '../message-batch.ts';

export interface BatchSettings extends SubmitSettings {
  /** The builds queue's message retention, in s. */
  readonly messageRetentionS: number;
}

/** Handles a batch of the builds queue. */
export async function processBatch(
  records: readonly QueueRecord[],
  budget: Budget,
  logPointer: string,
  settings: BatchSettings,
  ports: Ports & { readonly visibility: MessageVisibility },
): Promise<SQSBatchResponse> {
  const handle = (record: QueueRecord) =>
    handleMessage(deliveryOf(record, budget, logPointer, settings), settings, ports);
  return handleBatch(records, budget, handle, ports);
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
    receiveCount: receiveCountOf(record),
    deadline,
    goneAt,
    expiresAt: Number(record.attributes.SentTimestamp) + messageRetentionS * 1000,
    logPointer,
    ...(redriveOf === undefined ? {} : { redriveOf }),
    ...(submitAgain === undefined ? {} : { submitAgain }),
  };
}
