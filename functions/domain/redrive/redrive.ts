import { DEAD_LETTER_ATTRIBUTES } from '../model/message-attributes.ts';
import type { Reason } from '../model/reasons.ts';

/** A message of the dead-letter queue, as received: hidden from others for as long as the port says. */
export interface StoredLetter {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  /** When it came into the queue, in ms since the epoch. */
  readonly sentAt: number;
  /** String values by name. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Port: the dead-letter queue from its other end. */
export interface DeadLetterStore {
  /** Up to 10 letters by long polling, hidden while they are dealt with. */
  receive(): Promise<readonly StoredLetter[]>;
  /** Makes letters visible again at once. */
  release(letters: readonly StoredLetter[]): Promise<void>;
  /** @returns the letters that are really gone */
  delete(letters: readonly StoredLetter[]): Promise<readonly StoredLetter[]>;
}

/** Port: the builds queue, to send letters back to. */
export interface BuildsQueue {
  /**
   * Sends bodies and attributes as they are. The attributes tell the worker that this is a redrive.
   * @returns the letters that were really sent
   */
  send(letters: readonly StoredLetter[]): Promise<readonly StoredLetter[]>;
}

/** Empty answers in a row before the queue counts as read: a long poll may miss what is there, two rarely do. */
const EMPTY_ANSWERS = 2;
/** The most SQS takes in one batch. */
const BATCH_SIZE = 10;

/**
 * Takes all letters out of sight and gives back those that `wanted` picks, oldest first; the others are released.
 * A letter that comes twice (its hiding ran out) is given once, with its newest receipt.
 */
export async function collectLetters(
  store: DeadLetterStore,
  wanted: (letter: StoredLetter) => boolean,
  onProgress: (found: number) => void = () => {},
): Promise<StoredLetter[]> {
  const found = new Map<string, StoredLetter>();
  try {
    for (let empty = 0; empty < EMPTY_ANSWERS; ) {
      const letters = await store.receive();
      const fresh = letters.filter(({ messageId }) => !found.has(messageId));
      for (const letter of letters) found.set(letter.messageId, letter);
      // Nothing new counts as empty: a queue that keeps giving back what was seen is read as well.
      empty = fresh.length === 0 ? empty + 1 : 0;
      onProgress(found.size);
    }
  } catch (error) {
    await releaseIfPossible(store, [...found.values()]);
    throw error;
  }
  const all = [...found.values()];
  await eachBatch(
    all.filter((letter) => !wanted(letter)),
    (batch) => store.release(batch),
  );
  return all.filter(wanted).sort((a, b) => deadLetteredAt(a) - deadLetteredAt(b));
}

export interface RedriveReport {
  readonly moved: number;
  /** Letters that stayed in the dead-letter queue because SQS refused to send or delete them. */
  readonly left: number;
}

/**
 * Sends letters back to the builds queue in their order, and deletes each only after it was sent. Interrupted at any point it
 * leaves at worst a letter in both queues, which the ledger knows for one build: nothing is lost, nothing submitted twice.
 */
export async function redriveLetters(
  letters: readonly StoredLetter[],
  store: DeadLetterStore,
  queue: BuildsQueue,
  onProgress: (moved: number) => void = () => {},
): Promise<RedriveReport> {
  let moved = 0;
  let handled = 0;
  try {
    await eachBatch(letters, async (batch) => {
      const sent = await queue.send(batch);
      moved += (await store.delete(sent)).length;
      const unsent = batch.filter((letter) => !sent.includes(letter));
      if (unsent.length > 0) await store.release(unsent);
      handled += batch.length;
      onProgress(moved);
    });
  } catch (error) {
    await releaseIfPossible(store, letters.slice(handled));
    throw error;
  }
  return { moved, left: letters.length - moved };
}

/** Whoever tries again soon must find the letters; if it can't be done, their hiding runs out by itself. */
async function releaseIfPossible(store: DeadLetterStore, letters: readonly StoredLetter[]): Promise<void> {
  await eachBatch(letters, (batch) => store.release(batch)).catch(() => undefined);
}

async function eachBatch<T>(items: readonly T[], act: (batch: readonly T[]) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < items.length; from += BATCH_SIZE) await act(items.slice(from, from + BATCH_SIZE));
}

/** When the letter was written; for one that SQS moved by itself, when it came into a queue. In ms since the epoch. */
export function deadLetteredAt({ attributes, sentAt }: StoredLetter): number {
  const at = Date.parse(attributes[DEAD_LETTER_ATTRIBUTES.at] ?? '');
  return Number.isNaN(at) ? sentAt : at;
}

/** The letter's reason; absent for one that SQS moved by itself after many crashes. */
export function reasonOf({ attributes }: StoredLetter): Reason | undefined {
  return attributes[DEAD_LETTER_ATTRIBUTES.reason] as Reason | undefined;
}
