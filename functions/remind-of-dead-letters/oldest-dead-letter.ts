import type { StoredDeadLetter } from '../domain/ports.ts';

/** Receives in a row without a message that is new before the queue counts as read. */
const NOTHING_NEW = 3;
/** A thousand messages. Of more than that a sample does: the function runs each hour, and the alarm goes by the most of some hours. */
const MOST_RECEIVES = 100;

/**
 * When the oldest message came into the queue, in ms since the epoch; `undefined` where none was received.
 *
 * @param receive gives some of the messages and hides none of them, so it may give the same ones again
 */
export async function oldestDeadLetter(
  receive: () => Promise<readonly Pick<StoredDeadLetter, 'messageId' | 'sentAt'>[]>,
): Promise<number | undefined> {
  const sentAt = new Map<string, number>();
  for (let receives = 0, nothingNew = 0; receives < MOST_RECEIVES && nothingNew < NOTHING_NEW; receives++) {
    const known = sentAt.size;
    for (const deadLetter of await receive()) sentAt.set(deadLetter.messageId, deadLetter.sentAt);
    nothingNew = sentAt.size === known ? nothingNew + 1 : 0;
  }
  return sentAt.size === 0 ? undefined : Math.min(...sentAt.values());
}
