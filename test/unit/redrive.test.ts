import { describe, expect, it } from 'vitest';
import { collectDeadLetters, deadLetteredAt, redriveDeadLetters } from '../../functions/domain/redrive/redrive.ts';
import { aDeadLetter, TwoQueues } from '../support/dead-letters.ts';
import { fc } from '../support/fast-check.ts';

const ids = (messages: readonly { readonly messageId: string }[]) => messages.map(({ messageId }) => messageId);

describe('collecting dead letters', () => {
  it('returns those that are wanted, oldest first, and releases the others', async () => {
    const queues = new TwoQueues(
      aDeadLetter('late', { at: '2026-04-21T12:00:00Z' }),
      aDeadLetter('other', { reason: 'NotAZip' }),
      aDeadLetter('blocked', { at: '2026-04-21T11:00:00Z' }),
    );
    const wanted = await collectDeadLetters(queues, ({ attributes }) => attributes.Reason === 'InvalidApiKey');
    expect(ids(wanted)).toEqual(['blocked', 'late']);
    expect(ids(queues.visible)).toEqual(['other']);
  });

  it('asks again after one empty answer', async () => {
    const queues = new TwoQueues(aDeadLetter('a'));
    const receive = queues.receive.bind(queues);
    let calls = 0;
    queues.receive = async () => (++calls === 1 ? [] : receive());
    expect(ids(await collectDeadLetters(queues, () => true))).toEqual(['a']);
  });

  it('counts only empty answers that come in a row, and says how far it is', async () => {
    const answers = [[], [aDeadLetter('a')], [], [aDeadLetter('b')]];
    const queues = new TwoQueues();
    queues.receive = async () => answers.shift() ?? [];
    const progress: number[] = [];
    expect(
      ids(
        await collectDeadLetters(
          queues,
          () => true,
          (found) => progress.push(found),
        ),
      ),
    ).toEqual(['a', 'b']);
    expect(progress).toEqual([0, 1, 1, 2, 2, 2]);
  });

  it('ends on a queue that repeats its messages, with the newest receipt of each', async () => {
    const queues = new TwoQueues();
    let receives = 0;
    queues.receive = async () => [{ ...aDeadLetter('a'), receiptHandle: `r-${++receives}` }];
    const [found] = await collectDeadLetters(queues, () => true);
    expect(found?.receiptHandle).toBe(`r-${receives}`);
  });

  it('fails where the queue can’t be read to its end, and releases what it has: nothing is known of the rest', async () => {
    const queues = new TwoQueues(aDeadLetter('a'));
    const receive = queues.receive.bind(queues);
    let calls = 0;
    queues.receive = async () => {
      if (++calls === 2) throw new Error('SQS is down');
      return receive();
    };
    await expect(collectDeadLetters(queues, () => true)).rejects.toThrow('SQS is down');
    expect(ids(queues.visible)).toEqual(['a']);
  });

  it('takes a message that SQS moved by itself for as old as it is', () => {
    expect(deadLetteredAt({ ...aDeadLetter('a'), sentAt: 7 })).toBe(7);
    expect(deadLetteredAt({ ...aDeadLetter('a', { at: '1970-01-01T00:00:05Z' }), sentAt: 7 })).toBe(5_000);
  });
});

describe('redriving dead letters', () => {
  it('sends them in order with body and attributes unchanged, and empties the dead-letter queue', async () => {
    const deadLetters = Array.from({ length: 25 }, (_, n) => aDeadLetter(`${n}`));
    const queues = new TwoQueues(...deadLetters);
    const found = await collectDeadLetters(queues, () => true);
    const calls: string[] = [];
    const progress: number[] = [];
    queues.onCall = (call) => calls.push(call);
    const report = await redriveDeadLetters(found, queues, queues, (moved) => progress.push(moved));
    expect(report).toEqual({ moved: 25, left: 0 });
    expect(queues.sent).toEqual(deadLetters);
    // SQS takes ten in a batch at most, and no empty one.
    expect(calls).toEqual(['send', 'delete', 'send', 'delete', 'send', 'delete']);
    expect(progress).toEqual([10, 20, 25]);
    expect([queues.visible, queues.hidden]).toEqual([[], []]);
  });

  it('leaves in the dead-letter queue what the builds queue refuses', async () => {
    const queues = new TwoQueues(aDeadLetter('a'), aDeadLetter('b'));
    queues.refuses = ({ messageId }) => messageId === 'b';
    const found = await collectDeadLetters(queues, () => true);
    expect(await redriveDeadLetters(found, queues, queues)).toEqual({ moved: 1, left: 1 });
    expect(ids(queues.visible)).toEqual(['b']);
  });

  it('releases only what it has not handled, and reports the first error', async () => {
    const deadLetters = Array.from({ length: 15 }, (_, n) => aDeadLetter(`${n}`));
    const queues = new TwoQueues();
    const released: string[][] = [];
    let sends = 0;
    queues.delete = async (sent) => sent;
    queues.onCall = () => {
      if (++sends === 2) throw new Error('the first error');
    };
    queues.release = async (batch) => {
      released.push(ids(batch));
      throw new Error('the second error');
    };
    await expect(redriveDeadLetters(deadLetters, queues, queues)).rejects.toThrow('the first error');
    expect(released).toEqual([['10', '11', '12', '13', '14']]);
  });

  it('loses nothing, wherever it is interrupted: every dead letter is in one of the queues, or in both', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 45 }), fc.integer({ min: 1, max: 20 }), async (count, failingCall) => {
        const deadLetters = Array.from({ length: count }, (_, n) => aDeadLetter(`${n}`));
        const queues = new TwoQueues(...deadLetters);
        let calls = 0;
        queues.onCall = () => {
          if (++calls === failingCall) throw new Error('interrupted');
        };
        await collectDeadLetters(queues, () => true)
          .then((found) => redriveDeadLetters(found, queues, queues))
          .catch(() => {});

        // The next redrive finds at once what was not moved.
        if (failingCall > 0)
          expect(queues.hidden.filter(({ messageId }) => !ids(queues.sent).includes(messageId))).toEqual([]);
        const somewhere = new Set(ids([...queues.visible, ...queues.hidden, ...queues.sent]));
        expect(somewhere.size).toBe(count);
        expect(new Set(ids(queues.sent)).size).toBe(queues.sent.length);
      }),
    );
  });
});
