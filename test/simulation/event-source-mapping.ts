import type { SQSBatchResponse } from 'aws-lambda';
import { between, type Random, type Range } from './random.ts';
import type { ReceivedMessage, SimulatedQueue } from './simulated-queue.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface EventSourceMappingOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly queue: SimulatedQueue;
  /** Messages per invocation, 1 to 10. */
  readonly batchSize: number;
  /** Invocations at once. */
  readonly maximumConcurrency: number;
  /** From a message's becoming visible to its receive by a poller that waits for one, in ms. */
  readonly wakeMs: Range;
  /** From the end of an invocation to the poller's next receive, in ms. */
  readonly nextPollMs: Range;
  /** `undefined`: the invocation failed, crashed or timed out. */
  readonly invoke: (messages: readonly ReceivedMessage[]) => Promise<SQSBatchResponse | undefined>;
}

/**
 * Hands a queue's messages to a function as Lambda does: so many pollers, each with one batch at a time. What the
 * answer does not call failed is deleted; what fails comes back when its visibility timeout ends.
 */
export function mapEventSource(options: EventSourceMappingOptions): void {
  const { time, random, queue, batchSize, invoke } = options;
  let waiting = options.maximumConcurrency;

  queue.onVisible = () => {
    if (waiting === 0) return;
    waiting -= 1;
    time.after(between(options.wakeMs, random), poll);
  };

  function poll(): void {
    const messages = queue.receive(batchSize);
    if (messages.length === 0) {
      waiting += 1;
      return;
    }
    void invoke(messages).then((response) => {
      const failed = new Set(response?.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const { id, receiptHandle } of response === undefined ? [] : messages) {
        if (!failed.has(id)) queue.delete(receiptHandle);
      }
      time.after(between(options.nextPollMs, random), poll);
    });
  }
}
