import { createHash, randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type {
  ChangeMessageVisibilityBatchRequest,
  CreateQueueRequest,
  DeleteMessageBatchRequest,
  DeleteMessageRequest,
  GetQueueAttributesRequest,
  GetQueueUrlRequest,
  Message,
  MessageAttributeValue,
  ReceiveMessageRequest,
  SendMessageBatchRequest,
  SendMessageRequest,
  SendMessageResult,
} from '@aws-sdk/client-sqs';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { AwsError } from './aws-error.ts';

/** A message in a queue, read without receiving it. */
export interface PeekedMessage {
  readonly messageId: string;
  readonly body: string;
  /** The string values of its attributes. */
  readonly attributes: Readonly<Record<string, string | undefined>>;
  /** Of its last receive. */
  readonly receiptHandle: string | undefined;
}

interface StoredMessage {
  readonly id: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
  /** ms since the epoch; likewise below. */
  readonly sentAt: number;
  firstReceivedAt: number | undefined;
  receiveCount: number;
  /** ARN of the queue whose redrive policy moved it here. */
  movedFrom?: string;
  /** It can't be received before. */
  visibleAt: number;
  receiptHandle: string | undefined;
}

/** What is read of a message that is sent. */
type Sent = Pick<SendMessageRequest, 'MessageBody' | 'MessageAttributes' | 'DelaySeconds'>;

interface Queue {
  readonly arn: string;
  readonly attributes: Readonly<Record<string, string>>;
  messages: StoredMessage[];
  /** Emits `change` when a message may have become receivable: long polls look again. */
  readonly changes: EventEmitter;
}

const DEFAULT_ATTRIBUTES = {
  VisibilityTimeout: '30',
  MessageRetentionPeriod: '345600',
  ReceiveMessageWaitTimeSeconds: '0',
};

/** SQS's own limits: entries of a batch and bytes of a message. */
const MOST_ENTRIES = 10;
const LONGEST_BODY = 1024 * 1024;

/** What SQS takes in no message. */
const INVALID_CHARACTER = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

/** SQS's standard queues in memory: long polls, visibility timeouts, receive counts and redrive policies. */
export function createSqs(arnOf: (queueName: string) => string, urlOf: (queueName: string) => string) {
  const queues = new Map<string, Queue>();

  /** @param address the queue's name, URL or ARN */
  function queueAt(address = ''): Queue {
    const queue = queues.get(address.split(/[/:]/).at(-1) ?? '');
    if (queue === undefined) throw new AwsError(400, 'QueueDoesNotExist', 'The specified queue does not exist.');
    return queue;
  }

  function send(queue: Queue, entry: Sent): SendMessageResult {
    const { MessageBody: body = '', MessageAttributes: attributes = {}, DelaySeconds = 0 } = entry;
    const texts = [body, ...Object.values(attributes).map(({ StringValue = '' }) => StringValue)];
    if (texts.some((text) => INVALID_CHARACTER.test(text))) {
      throw new AwsError(400, 'InvalidMessageContents', 'Invalid characters found.');
    }
    if (body === '' || Buffer.byteLength(body) > LONGEST_BODY) {
      throw new AwsError(400, 'InvalidParameterValue', `A message must have 1 to ${LONGEST_BODY} bytes.`);
    }
    const now = Date.now();
    const message = { id: randomUUID(), body, attributes, sentAt: now, visibleAt: now + DelaySeconds * 1000 };
    queue.messages.push({ ...message, firstReceivedAt: undefined, receiveCount: 0, receiptHandle: undefined });
    queue.changes.emit('change');
    return { MessageId: message.id, MD5OfMessageBody: md5(body) };
  }

  function remove(queue: Queue, handle: string | undefined): void {
    queue.messages = queue.messages.filter(({ receiptHandle }) => receiptHandle !== handle);
  }

  /** Receives what is visible now. */
  function take(queue: Queue, request: ReceiveMessageRequest): Message[] {
    const now = Date.now();
    const { MaxNumberOfMessages = 1, VisibilityTimeout = Number(queue.attributes.VisibilityTimeout) } = request;
    const { deadLetterTargetArn, maxReceiveCount = Number.POSITIVE_INFINITY } = JSON.parse(
      queue.attributes.RedrivePolicy ?? '{}',
    ) as { deadLetterTargetArn?: string; maxReceiveCount?: number };
    const taken: StoredMessage[] = [];
    for (const message of queue.messages.filter(({ visibleAt }) => visibleAt <= now)) {
      if (taken.length >= MaxNumberOfMessages) break;
      queue.messages = queue.messages.filter((each) => each !== message);
      message.receiveCount += 1;
      if (message.receiveCount > maxReceiveCount) {
        const deadLetters = queueAt(deadLetterTargetArn);
        message.movedFrom = queue.arn;
        deadLetters.messages.push(message);
        deadLetters.changes.emit('change');
        continue;
      }
      message.firstReceivedAt ??= now;
      message.visibleAt = now + VisibilityTimeout * 1000;
      message.receiptHandle = randomUUID();
      // Behind the others: when it is visible again, those that have not been received go first.
      queue.messages.push(message);
      taken.push(message);
    }
    return taken.map((message) => toReceived(message, request));
  }

  async function receive(request: ReceiveMessageRequest, closed: AbortSignal): Promise<{ Messages?: Message[] }> {
    const queue = queueAt(request.QueueUrl);
    const waitS = request.WaitTimeSeconds ?? Number(queue.attributes.ReceiveMessageWaitTimeSeconds);
    const until = Date.now() + waitS * 1000;
    while (!closed.aborted) {
      const Messages = take(queue, request);
      if (Messages.length > 0 || Date.now() >= until) return { Messages };
      const next = Math.min(until, ...queue.messages.map(({ visibleAt }) => visibleAt));
      const timer = AbortSignal.timeout(Math.max(0, next - Date.now()));
      await once(queue.changes, 'change', { signal: AbortSignal.any([closed, timer]) }).catch(() => {});
    }
    return {};
  }

  return {
    operations: {
      CreateQueue({ QueueName = '', Attributes }: CreateQueueRequest) {
        if (!queues.has(QueueName)) {
          const changes = new EventEmitter().setMaxListeners(0);
          const attributes = { ...DEFAULT_ATTRIBUTES, ...(Attributes as Record<string, string>) };
          queues.set(QueueName, { arn: arnOf(QueueName), attributes, messages: [], changes });
        }
        return { QueueUrl: urlOf(QueueName) };
      },
      GetQueueUrl({ QueueName = '' }: GetQueueUrlRequest) {
        queueAt(QueueName);
        return { QueueUrl: urlOf(QueueName) };
      },
      GetQueueAttributes({ QueueUrl, AttributeNames }: GetQueueAttributesRequest) {
        const { arn, attributes, messages } = queueAt(QueueUrl);
        const visible = messages.filter(({ visibleAt }) => visibleAt <= Date.now()).length;
        const counts = {
          ApproximateNumberOfMessagesDelayed: '0',
          ApproximateNumberOfMessages: `${visible}`,
          ApproximateNumberOfMessagesNotVisible: `${messages.length - visible}`,
        };
        return { Attributes: pick({ ...attributes, ...counts, QueueArn: arn }, AttributeNames) };
      },
      SendMessage: (request: SendMessageRequest) => send(queueAt(request.QueueUrl), request),
      SendMessageBatch({ QueueUrl, Entries }: SendMessageBatchRequest) {
        const queue = queueAt(QueueUrl);
        return batch(Entries, (entry) => send(queue, entry));
      },
      ReceiveMessage: receive,
      DeleteMessage({ QueueUrl, ReceiptHandle }: DeleteMessageRequest) {
        remove(queueAt(QueueUrl), ReceiptHandle);
        return {};
      },
      DeleteMessageBatch({ QueueUrl, Entries }: DeleteMessageBatchRequest) {
        const queue = queueAt(QueueUrl);
        return batch(Entries, ({ ReceiptHandle }) => remove(queue, ReceiptHandle));
      },
      ChangeMessageVisibilityBatch({ QueueUrl, Entries }: ChangeMessageVisibilityBatchRequest) {
        const queue = queueAt(QueueUrl);
        return batch(Entries, ({ ReceiptHandle, VisibilityTimeout = 0 }) => {
          const message = queue.messages.find(({ receiptHandle }) => receiptHandle === ReceiptHandle);
          if (message === undefined) throw new AwsError(400, 'ReceiptHandleIsInvalid', 'It is not valid.');
          if (message.visibleAt <= Date.now()) throw new AwsError(400, 'MessageNotInflight', 'It is not in flight.');
          message.visibleAt = Date.now() + VisibilityTimeout * 1000;
          queue.changes.emit('change');
        });
      },
    },
    /** Puts a message into a queue, as other AWS services do. */
    enqueue: (queueArn: string, body: string): void => void send(queueAt(queueArn), { MessageBody: body }),
    /** Messages that wait to be received or, with `hidden`, that were received and are hidden until their timeout ends. */
    peek(queueName: string, hidden?: 'hidden'): readonly PeekedMessage[] {
      const wanted = queueAt(queueName).messages.filter(
        ({ visibleAt }) => visibleAt > Date.now() === (hidden !== undefined),
      );
      return wanted.map(({ id, body, attributes, receiptHandle }) => ({
        messageId: id,
        body,
        attributes: Object.fromEntries(
          Object.entries(attributes).map(([name, { StringValue }]) => [name, StringValue]),
        ),
        receiptHandle,
      }));
    },
  };
}

function toReceived(message: StoredMessage, request: ReceiveMessageRequest): Message {
  const { id, body, attributes, sentAt, firstReceivedAt, movedFrom, receiveCount, receiptHandle } = message;
  const system = {
    SentTimestamp: `${sentAt}`,
    ApproximateReceiveCount: `${receiveCount}`,
    ApproximateFirstReceiveTimestamp: `${firstReceivedAt}`,
    ...present({ DeadLetterQueueSourceArn: movedFrom }),
  };
  return {
    MessageId: id,
    ReceiptHandle: receiptHandle,
    Body: body,
    MD5OfBody: md5(body),
    Attributes: pick(system, request.MessageSystemAttributeNames),
    MessageAttributes: pick(attributes, request.MessageAttributeNames),
  };
}

/** The named fields; `All` names all of them. */
function pick<T>(fields: Readonly<Record<string, T>>, names: readonly string[] = []): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes('All') || names.includes(name)));
}

/** Does the work for each entry. One that fails is an entry of the answer, and leaves the others alone. */
function batch<Entry extends { readonly Id: string | undefined }>(
  entries: readonly Entry[] = [],
  work: (entry: Entry) => unknown,
): { Successful: object[]; Failed: object[] } {
  if (entries.length === 0 || entries.length > MOST_ENTRIES) {
    throw new AwsError(400, 'TooManyEntriesInBatchRequest', `There must be 1 to ${MOST_ENTRIES} entries.`);
  }
  const answer = { Successful: [] as object[], Failed: [] as object[] };
  for (const entry of entries) {
    try {
      answer.Successful.push({ Id: entry.Id, ...(work(entry) as object | undefined) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      answer.Failed.push({ Id: entry.Id, Code: error.code, Message: error.message, SenderFault: true });
    }
  }
  return answer;
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
