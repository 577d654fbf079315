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
}

export interface EventSourceOptions {
  readonly sqs: SQSClient;
  readonly region: string;
  readonly invoke: (event: SQSEvent) => Promise<InvocationResult>;
  /** What went wrong with polling or with an invocation, in a sentence. */
  readonly onProblem: (problem: string) => void;
}

export type EventSource = ReturnType<typeof startEventSource>;

/** Longest wait that SQS allows, in s. */
const LONG_POLL_S = 20;

/** Wait before the next poll of a queue that did not answer, in ms. */
const POLL_RETRY_MS = 1_000;

/**
 * Polls a queue as Lambda's event source mapping does: it hands each batch to the function, and deletes the messages that
 * the function's answer reports as processed. The others come back when their visibility timeout ends.
 */
export function startEventSource(spec: EventSourceSpec, options: EventSourceOptions) {
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
    const ids = records.map((record) => record.messageId);
    const processed = processedMessages(result, ids);
    const entries = records
      .filter((record) => processed.has(record.messageId))
      .map((record, index) => ({ Id: String(index), ReceiptHandle: record.receiptHandle }));
    if (entries.length > 0) {
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: spec.queueUrl, Entries: entries }));
    }
  }

  // A poller receives again only when its last batch is processed: no message is received that has no process to run in.
  const pollers = Array.from({ length: spec.maximumConcurrency }, poll);
  return {
    /** Receives no more messages, and waits until the function has processed those it has. */
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(pollers);
    },
  };
}

/**
 * The messages that the function's answer reports as processed.
 *
 * As the Lambda guide has it: nothing, null, an empty object and an empty or null list report all of them; an error, an
 * answer of another shape, and an identifier that is empty, null, misnamed or not in the batch report none.
 */
export function processedMessages(result: InvocationResult, messageIds: readonly string[]): Set<string> {
  const all = new Set(messageIds);
  const none = new Set<string>();
  if (result.kind === 'failed') return none;
  if (result.payload === null || result.payload === undefined) return all;
  if (typeof result.payload !== 'object' || Array.isArray(result.payload)) return none;
  const { batchItemFailures: failures } = result.payload as { batchItemFailures?: unknown };
  if (failures === null || failures === undefined) return all;
  if (!Array.isArray(failures)) return none;
  const failed = failures.map((failure) => failure?.itemIdentifier);
  return failed.every((id) => all.has(id)) ? new Set(messageIds.filter((id) => !failed.includes(id))) : none;
}

function toRecord(message: Message, spec: EventSourceSpec, region: string): SQSRecord {
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: message.Attributes as unknown as SQSRecord['attributes'],
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, toMessageAttribute(value)]),
    ),
    md5OfBody: message.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN: spec.queueArn,
    awsRegion: region,
  };
}

function toMessageAttribute({ StringValue = '', DataType }: MessageAttributeValue): SQSMessageAttribute {
  const dataType = DataType as SQSMessageAttribute['dataType'];
  return { stringValue: StringValue, stringListValues: [], binaryListValues: [], dataType };
}
