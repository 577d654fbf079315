import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectDeadLetters, redriveDeadLetters } from '../../functions/domain/redrive/redrive.ts';
import { aDeadLetter, TwoQueues } from '../support/dead-letters.ts';

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

  it('ends on a queue that repeats its messages', async () => {
    const queues = new TwoQueues(aDeadLetter('a'));
    const again = aDeadLetter('a');
    queues.receive = async () => [again];
    expect(await collectDeadLetters(queues, () => true)).toEqual([again]);
  });
});

describe('redriving dead letters', () => {
  it('sends them in order with body and attributes unchanged, and empties the dead-letter queue', async () => {
    const deadLetters = Array.from({ length: 25 }, (_, n) => aDeadLetter(`${n}`));
    const queues = new TwoQueues(...deadLetters);
    const found = await collectDeadLetters(queues, () => true);
    expect(await redriveDeadLetters(found, queues, queues)).toEqual({ moved: 25, left: 0 });
    expect(queues.sent).toEqual(deadLetters);
    expect([queues.visible, queues.hidden]).toEqual([[], []]);
  });

  it('leaves in the dead-letter queue what the builds queue refuses', async () => {
    const queues = new TwoQueues(aDeadLetter('a'), aDeadLetter('b'));
    queues.refuses = ({ messageId }) => messageId === 'b';
    const found = await collectDeadLetters(queues, () => true);
    expect(await redriveDeadLetters(found, queues, queues)).toEqual({ moved: 1, left: 1 });
    expect(ids(queues.visible)).toEqual(['b']);
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
