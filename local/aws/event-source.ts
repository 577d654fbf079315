import {
  DeleteMessageBatchCommand,
  type Message,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSMessageAttribute, SQSRecord } from 'aws-lambda';
import type { InvocationResult } from './lambda-process.ts';

/** An event source mapping of an SQS queue, as the template describes it. */
export interface EventSourceSpec {
  readonly queueUrl: string;
  readonly queueArn: string;
  /** Messages per invocation, 1 to 10. */
  readonly batchSize: number;
  /** Invocations at a time. */
  readonly maximumConcurrency: number;
  readonly reportBatchItemFailures: boolean;
}

export interface EventSourceOptions {
  readonly sqs: SQSClient;
  readonly region: string;
  readonly invoke: (event: SQSEvent) => Promise<InvocationResult>;
  /** What went wrong with polling, or with an invocation: for people. */
  readonly onProblem: (problem: string) => void;
}

export interface EventSource {
  /** Takes no more messages and waits until those in hand are dealt with. */
  stop(): Promise<void>;
}

/** Longest wait that SQS allows, in s. */
const LONG_POLL_S = 20;

/** A queue that does not answer is asked again after this, in ms. */
const POLL_RETRY_MS = 1_000;

/**
 * Polls a queue as Lambda's event source mapping does: long polls, hands each batch to the function, and deletes what the
 * answer proves done. What is not deleted comes back when its visibility timeout ends; receive counts and the redrive
 * policy are the queue's own business.
 */
export function startEventSource(spec: EventSourceSpec, options: EventSourceOptions): EventSource {
  const { sqs, invoke, onProblem } = options;
  const stopping = new AbortController();

  async function poll(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const { Messages: messages = [] } = await sqs.send(
          new ReceiveMessageCommand({
            QueueUrl: spec.queueUrl,
            MaxNumberOfMessages: spec.batchSize,
            WaitTimeSeconds: LONG_POLL_S,
            MessageSystemAttributeNames: ['All'],
            MessageAttributeNames: ['All'],
          }),
          { abortSignal: stopping.signal },
        );
        if (messages.length > 0) await handle(messages);
      } catch (error) {
        if (stopping.signal.aborted) return;
        onProblem(`The queue ${spec.queueUrl} did not answer: ${error instanceof Error ? error.message : error}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_RETRY_MS));
      }
    }
  }

  async function handle(messages: readonly Message[]): Promise<void> {
    const records = messages.map((message) => toRecord(message, spec, options.region));
    const result = await invoke({ Records: records });
    if (result.kind === 'failed') onProblem(`The function failed: ${result.errorType}: ${result.errorMessage}`);
    const done = provenDone(
      result,
      records.map((record) => record.messageId),
      spec.reportBatchItemFailures,
    );
    const entries = records
      .filter((record) => done.has(record.messageId))
      .map((record, index) => ({ Id: String(index), ReceiptHandle: record.receiptHandle }));
    if (entries.length > 0) {
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: spec.queueUrl, Entries: entries }));
    }
  }

  // A poller takes the next batch only when its last is dealt with, so nothing is received that has no process to go to.
  const pollers = Array.from({ length: spec.maximumConcurrency }, poll);
  return {
    async stop() {
      stopping.abort();
      await Promise.all(pollers);
    },
  };
}

/**
 * The message ids that the function's answer proves done; the others go back.
 *
 * As the Lambda guide has it: nothing, null, an empty object and an empty or null list mean that all are done; an error, an
 * answer of another shape, and an identifier that is empty, null, misnamed or not in the batch mean that none is.
 */
export function provenDone(
  result: InvocationResult,
  messageIds: readonly string[],
  reportBatchItemFailures: boolean,
): Set<string> {
  const all = new Set(messageIds);
  const none = new Set<string>();
  if (result.kind === 'failed') return none;
  if (!reportBatchItemFailures || result.payload === null || result.payload === undefined) return all;
  if (typeof result.payload !== 'object' || Array.isArray(result.payload)) return none;
  const { batchItemFailures: failures } = result.payload as { batchItemFailures?: unknown };
  if (failures === null || failures === undefined) return all;
  if (!Array.isArray(failures)) return none;
  const done = new Set(all);
  for (const failure of failures) {
    const id: unknown = failure?.itemIdentifier;
    if (typeof id !== 'string' || !all.has(id)) return none;
    done.delete(id);
  }
  return done;
}

function toRecord(message: Message, spec: EventSourceSpec, region: string): SQSRecord {
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: (message.Attributes ?? {}) as unknown as SQSRecord['attributes'],
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, toMessageAttribute(value)]),
    ),
    md5OfBody: message.MD5OfBody ?? '',
    ...(message.MD5OfMessageAttributes === undefined ? {} : { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    eventSource: 'aws:sqs',
    eventSourceARN: spec.queueArn,
    awsRegion: region,
  };
}

function toMessageAttribute(value: MessageAttributeValue): SQSMessageAttribute {
  return {
    ...(value.StringValue === undefined ? {} : { stringValue: value.StringValue }),
    // In the event, binary values are base64.
    ...(value.BinaryValue === undefined ? {} : { binaryValue: Buffer.from(value.BinaryValue).toString('base64') }),
    stringListValues: [],
    binaryListValues: [],
    dataType: value.DataType as SQSMessageAttribute['dataType'],
  };
}
