import type { ChangeMessageVisibilityBatchRequestEntry } from '@aws-sdk/client-sqs';
import { between, type Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Message attributes as Lambda hands them out. */
export type MessageAttributes = Readonly<Record<string, { readonly stringValue?: string | undefined }>>;

export interface QueueOptions {
  /** How long a received message is hidden, in ms. */
  readonly visibilityTimeoutMs: number;
  /** How long a message is kept, in ms. A message that is not handled by then is lost. */
  readonly retentionMs: number;
  /** Receives after which SQS itself moves a message to the dead-letter queue. */
  readonly redrive?: { readonly maxReceiveCount: number; readonly deadLetterQueue: SimulatedQueue };
}

export interface ReceivedMessage {
  readonly id: string;
  /** Good until the message is received again. */
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: MessageAttributes;
  readonly receiveCount: number;
  /** ms since the epoch. */
  readonly sentAt: number;
}

interface StoredMessage {
  readonly id: string;
  readonly body: string;
  readonly attributes: MessageAttributes;
  readonly sentAt: number;
  visibleAt: number;
  receivedAt: number;
  receiveCount: number;
}

/** The longest SQS hides a message, counted from its receive, in s. */
const LONGEST_VISIBILITY_S = 12 * 3600;

/** A standard queue of SQS in virtual time. Hands messages out in any order, as SQS may. */
export class SimulatedQueue {
  /** Messages handed out so far, all of them together. */
  receives = 0;
  /** Messages that outlived their retention: no worker has handled them. */
  readonly expired: string[] = [];
  /** Called when a message has become visible: a poller should receive. */
  onVisible: () => void = () => {};
  readonly #messages = new Map<string, StoredMessage>();
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #options: QueueOptions;
  #sent = 0;

  constructor(time: VirtualTime, random: Random, options: QueueOptions) {
    this.#time = time;
    this.#random = random;
    this.#options = options;
  }

  /** Messages in the queue, hidden ones included. */
  get size(): number {
    return this.#messages.size;
  }

  get messages(): readonly Readonly<StoredMessage>[] {
    return [...this.#messages.values()];
  }

  send(body: string, attributes: MessageAttributes = {}): void {
    const now = this.#time.now();
    const id = `message-${this.#sent++}`;
    const message = { id, body, attributes, sentAt: now, visibleAt: now, receivedAt: now, receiveCount: 0 };
    this.#messages.set(id, message);
    this.#announce(message);
  }

  /** @param limit messages at most, 1 to 10 */
  receive(limit: number): ReceivedMessage[] {
    const now = this.#time.now();
    this.#expire(now);
    const visible = [...this.#messages.values()].filter(({ visibleAt }) => visibleAt <= now);
    const received: ReceivedMessage[] = [];
    while (received.length < limit && visible.length > 0) {
      const [message] = visible.splice(between([0, visible.length - 1], this.#random), 1) as [StoredMessage];
      const { redrive } = this.#options;
      if (redrive !== undefined && message.receiveCount >= redrive.maxReceiveCount) {
        this.#messages.delete(message.id);
        redrive.deadLetterQueue.send(message.body, message.attributes);
        continue;
      }
      message.receiveCount += 1;
      message.receivedAt = now;
      this.receives += 1;
      this.#hideUntil(message, now + this.#options.visibilityTimeoutMs);
      const { id, body, attributes, receiveCount, sentAt } = message;
      received.push({ id, receiptHandle: handleOf(message), body, attributes, receiveCount, sentAt });
    }
    return received;
  }

  /** @throws Error where SQS refuses: no whole seconds, more than 12 h since the receive, or a message that is not in flight */
  changeVisibility(receiptHandle: string, seconds: number): void {
    const now = this.#time.now();
    const message = this.#inFlight(receiptHandle);
    if (message === undefined || message.visibleAt <= now) throw new Error('MessageNotInflight');
    if (!Number.isInteger(seconds) || seconds < 0) throw new Error('InvalidParameterValue: whole seconds only');
    if (now + seconds * 1000 > message.receivedAt + LONGEST_VISIBILITY_S * 1000) {
      throw new Error('InvalidParameterValue: total visibility timeout is beyond 12 hours');
    }
    this.#hideUntil(message, now + seconds * 1000);
  }

  /** The same for a batch, as `ChangeMessageVisibilityBatch` answers: what is refused is named, and the others are changed. */
  changeVisibilities(entries: readonly ChangeMessageVisibilityBatchRequestEntry[] = []) {
    return {
      Failed: entries.flatMap(({ Id, ReceiptHandle: handle = '', VisibilityTimeout: seconds = 0 }) => {
        try {
          this.changeVisibility(handle, seconds);
          return [];
        } catch (error) {
          return [{ Id, Code: String(error) }];
        }
      }),
    };
  }

  /** An old receipt handle deletes nothing, and there is no error. */
  delete(receiptHandle: string): void {
    const message = this.#inFlight(receiptHandle);
    if (message !== undefined) this.#messages.delete(message.id);
  }

  /** Hands a message out once more although it is in flight: "at least once" allows it. */
  exposeAgain(id: string): void {
    const message = this.#messages.get(id);
    if (message !== undefined) this.#hideUntil(message, this.#time.now());
  }

  /** Takes everything out at once, as a redrive does. */
  drain(): ReceivedMessage[] {
    const drained = this.messages.map((message) => ({ ...message, receiptHandle: handleOf(message) }));
    this.#messages.clear();
    return drained;
  }

  #expire(now: number): void {
    for (const { id, body, sentAt } of this.#messages.values()) {
      if (sentAt + this.#options.retentionMs > now) continue;
      this.#messages.delete(id);
      this.expired.push(body);
    }
  }

  #inFlight(receiptHandle: string): StoredMessage | undefined {
    const message = this.#messages.get(receiptHandle.split('/', 1)[0] ?? '');
    return message !== undefined && handleOf(message) === receiptHandle ? message : undefined;
  }

  #hideUntil(message: StoredMessage, at: number): void {
    message.visibleAt = at;
    this.#announce(message);
  }

  #announce(message: StoredMessage): void {
    const { visibleAt } = message;
    this.#time.after(visibleAt - this.#time.now(), () => {
      if (message.visibleAt === visibleAt && this.#messages.has(message.id)) this.onVisible();
    });
  }
}

function handleOf({ id, receiveCount }: Pick<StoredMessage, 'id' | 'receiveCount'>): string {
  return `${id}/${receiveCount}`;
}
