import { describe, expect, it } from 'vitest';
import { oldestDeadLetter } from '../../functions/remind-of-dead-letters/oldest-dead-letter.ts';

/** A queue that hides nothing: each receive gives some of its messages, the same ones again among them. */
function queueOf(count: number, next: (receive: number) => readonly number[]) {
  let receives = 0;
  const receive = async () =>
    next(receives++)
      .filter((index) => index < count)
      .map((index) => ({ messageId: `m-${index}`, sentAt: 1_000 + index }));
  return { receive, receives: () => receives };
}

describe('the oldest dead letter', () => {
  it('is found behind others, however often those come again', async () => {
    const order = [[5, 6], [6, 5], [5], [4, 6], [5], [6, 4], [0, 5]];
    const { receive } = queueOf(7, (n) => order[n] ?? [5, 6]);
    expect(await oldestDeadLetter(receive)).toBe(1_000);
  });

  it('is not known where none can be received', async () => {
    const { receive, receives } = queueOf(0, () => []);
    expect(await oldestDeadLetter(receive)).toBeUndefined();
    // One empty answer is not enough: SQS may miss what is there.
    expect(receives()).toBeGreaterThan(1);
  });

  it('of a queue without end is one of a thousand', async () => {
    const { receive, receives } = queueOf(Number.POSITIVE_INFINITY, (n) =>
      Array.from({ length: 10 }, (_, index) => n * 10 + index),
    );
    expect(await oldestDeadLetter(receive)).toBe(1_000);
    expect(receives()).toBe(100);
  });
});
