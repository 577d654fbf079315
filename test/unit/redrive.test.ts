import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectLetters, redriveLetters } from '../../functions/domain/redrive/redrive.ts';
import { aLetter, TwoQueues } from '../support/letters.ts';

const ids = (letters: readonly { readonly messageId: string }[]) => letters.map(({ messageId }) => messageId);

describe('collecting letters', () => {
  it('gives those that are wanted, oldest first, and releases the others', async () => {
    const queues = new TwoQueues(
      aLetter('late', { at: '2026-04-21T12:00:00Z' }),
      aLetter('other', { reason: 'NotAZip' }),
      aLetter('blocked', { at: '2026-04-21T11:00:00Z' }),
    );
    const letters = await collectLetters(queues, ({ attributes }) => attributes.Reason === 'InvalidApiKey');
    expect(ids(letters)).toEqual(['blocked', 'late']);
    expect(ids(queues.visible)).toEqual(['other']);
  });

  it('takes one empty answer for what it is and asks again', async () => {
    const queues = new TwoQueues(aLetter('a'));
    const receive = queues.receive.bind(queues);
    let calls = 0;
    queues.receive = async () => (++calls === 1 ? [] : receive());
    expect(ids(await collectLetters(queues, () => true))).toEqual(['a']);
  });

  it('ends on a queue that keeps giving back what was seen', async () => {
    const queues = new TwoQueues(aLetter('a'));
    const again = aLetter('a');
    queues.receive = async () => [again];
    expect(await collectLetters(queues, () => true)).toEqual([again]);
  });
});

describe('redriving letters', () => {
  it('sends them in their order with body and attributes as they were, and empties the dead-letter queue', async () => {
    const letters = Array.from({ length: 25 }, (_, n) => aLetter(`${n}`));
    const queues = new TwoQueues(...letters);
    const found = await collectLetters(queues, () => true);
    expect(await redriveLetters(found, queues, queues)).toEqual({ moved: 25, left: 0 });
    expect(queues.sent).toEqual(letters);
    expect([queues.visible, queues.hidden]).toEqual([[], []]);
  });

  it('leaves in the dead-letter queue what the builds queue refuses', async () => {
    const queues = new TwoQueues(aLetter('a'), aLetter('b'));
    queues.refuses = ({ messageId }) => messageId === 'b';
    const found = await collectLetters(queues, () => true);
    expect(await redriveLetters(found, queues, queues)).toEqual({ moved: 1, left: 1 });
    expect(ids(queues.visible)).toEqual(['b']);
  });

  it('loses nothing, wherever it is interrupted: every letter is in one of the queues, and in both at worst', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 45 }), fc.integer({ min: 1, max: 20 }), async (count, failingCall) => {
        const letters = Array.from({ length: count }, (_, n) => aLetter(`${n}`));
        const queues = new TwoQueues(...letters);
        let calls = 0;
        queues.onCall = () => {
          if (++calls === failingCall) throw new Error('killed');
        };
        await collectLetters(queues, () => true)
          .then((found) => redriveLetters(found, queues, queues))
          .catch(() => {});

        // Whoever tries again finds at once what was not moved.
        if (failingCall > 0)
          expect(queues.hidden.filter(({ messageId }) => !ids(queues.sent).includes(messageId))).toEqual([]);
        const somewhere = new Set(ids([...queues.visible, ...queues.hidden, ...queues.sent]));
        expect(somewhere.size).toBe(count);
        expect(new Set(ids(queues.sent)).size).toBe(queues.sent.length);
      }),
    );
  });
});
