import { DEAD_LETTER_ATTRIBUTES } from '../model/message-attributes.ts';
import type { Reason } from '../model/reasons.ts';
import type { BuildsQueue, DeadLetterStore, StoredDeadLetter } from '../ports.ts';

/** After so many empty answers in a row the queue counts as read: one long poll may miss messages, two rarely do. */
const EMPTY_ANSWERS = 2;
/** The most SQS takes in one batch. */
const BATCH_SIZE = 10;

/**
 * Receives all dead letters and returns those that are `wanted`, oldest first; the others are released. One that is received twice
 * (its visibility timeout ended) is returned once, with its newest receipt.
 */
export async function collectDeadLetters(
  store: DeadLetterStore,
  wanted: (deadLetter: StoredDeadLetter) => boolean,
  onProgress: (found: number) => void = () => {},
): Promise<StoredDeadLetter[]> {
  const found = new Map<string, StoredDeadLetter>();
  try {
    for (let empty = 0; empty < EMPTY_ANSWERS; ) {
      const received = await store.receive();
      const fresh = received.filter(({ messageId }) => !found.has(messageId));
      for (const deadLetter of received) found.set(deadLetter.messageId, deadLetter);
      // An answer without a new one counts as empty, or a queue that repeats its messages would be read for ever.
      empty = fresh.length === 0 ? empty + 1 : 0;
      onProgress(found.size);
    }
  } catch (error) {
    await releaseIfPossible(store, [...found.values()]);
    throw error;
  }
  const all = [...found.values()];
  await eachBatch(
    all.filter((deadLetter) => !wanted(deadLetter)),
    (batch) => store.release(batch),
  );
  return all.filter(wanted).sort((a, b) => deadLetteredAt(a) - deadLetteredAt(b));
}

export interface RedriveReport {
  readonly moved: number;
  /** Dead letters that are still in the queue because SQS refused to send or delete them. */
  readonly left: number;
}

/**
 * Sends dead letters back to the builds queue in the given order, and deletes each only after it was sent. If it is interrupted, a
 * dead letter may be in both queues. The ledger knows it as one build, so nothing is lost and nothing is submitted twice.
 */
export async function redriveDeadLetters(
  deadLetters: readonly StoredDeadLetter[],
  store: DeadLetterStore,
  queue: BuildsQueue,
  onProgress: (moved: number) => void = () => {},
): Promise<RedriveReport> {
  let moved = 0;
  let handled = 0;
  try {
    await eachBatch(deadLetters, async (batch) => {
      const sent = await queue.send(batch);
      moved += (await store.delete(sent)).length;
      const unsent = batch.filter((deadLetter) => !sent.includes(deadLetter));
      if (unsent.length > 0) await store.release(unsent);
      handled += batch.length;
      onProgress(moved);
    });
  } catch (error) {
    await releaseIfPossible(store, deadLetters.slice(handled));
    throw error;
  }
  return { moved, left: deadLetters.length - moved };
}

/** So that the next redrive finds them at once. Where it fails, they become visible when their visibility timeout ends. */
async function releaseIfPossible(store: DeadLetterStore, deadLetters: readonly StoredDeadLetter[]): Promise<void> {
  await eachBatch(deadLetters, (batch) => store.release(batch)).catch(() => undefined);
}

async function eachBatch<T>(items: readonly T[], act: (batch: readonly T[]) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < items.length; from += BATCH_SIZE) await act(items.slice(from, from + BATCH_SIZE));
}

/** When the build was dead-lettered; for a message that SQS moved by itself, when it was first sent. In ms since the epoch. */
export function deadLetteredAt({ attributes, sentAt }: StoredDeadLetter): number {
  const at = Date.parse(attributes[DEAD_LETTER_ATTRIBUTES.at] ?? '');
  return Number.isNaN(at) ? sentAt : at;
}

/** Why the build was dead-lettered; absent for a message that SQS moved by itself after many crashes. */
export function reasonOf({ attributes }: StoredDeadLetter): Reason | undefined {
  return attributes[DEAD_LETTER_ATTRIBUTES.reason] as Reason | undefined;
}
