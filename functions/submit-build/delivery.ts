import type { SQSBatchResponse } from 'aws-lambda';
import {
  DEAD_LETTER_ATTRIBUTES,
  NO_CHECK_ATTRIBUTE,
  REQUESTED_BY_ATTRIBUTE,
  SUBMIT_AGAIN_ATTRIBUTE,
} from '../domain/model/message-attributes.ts';
import { present } from '../domain/model/optional-fields.ts';
import { personName } from '../domain/model/person.ts';
import type { MessageVisibility, Ports } from '../domain/ports.ts';
import { handleMessage } from '../domain/submit/handle-message.ts';
import type { Delivery, SubmitSettings } from '../domain/submit/visit.ts';
import { handleBatch, type InvocationDeadline, type QueueRecord, receiveCountOf } from '../message-batch.ts';

export interface BatchSettings extends SubmitSettings {
  /** The builds queue's message retention, in s. */
  readonly messageRetentionS: number;
}

/** Handles a batch of the builds queue. */
export async function processBatch(
  records: readonly QueueRecord[],
  invocation: InvocationDeadline,
  logPointer: string,
  settings: BatchSettings,
  ports: Ports & { readonly visibility: MessageVisibility },
): Promise<SQSBatchResponse> {
  const handle = (record: QueueRecord) =>
    handleMessage(deliveryOf(record, invocation, logPointer, settings), settings, ports);
  return handleBatch(records, invocation, handle, ports);
}

function deliveryOf(
  record: QueueRecord,
  { deadline, leaseUntil }: InvocationDeadline,
  logPointer: string,
  { messageRetentionS }: BatchSettings,
): Delivery {
  const attribute = (name: string) => record.messageAttributes[name]?.stringValue;
  const noCheck = attribute(NO_CHECK_ATTRIBUTE);
  const requests = {
    redriveOf: attribute(DEAD_LETTER_ATTRIBUTES.id),
    submitAgain: attribute(SUBMIT_AGAIN_ATTRIBUTE),
    requestedBy: personName(attribute(REQUESTED_BY_ATTRIBUTE) ?? ''),
    isUnchecked: noCheck === undefined ? undefined : noCheck === 'true',
  };
  const sentAt = Number(record.attributes.SentTimestamp);
  return {
    body: record.body,
    receiveCount: receiveCountOf(record),
    deadline,
    leaseUntil,
    sentAt,
    expiresAt: sentAt + messageRetentionS * 1000,
    logPointer,
    ...present(requests),
  };
}
