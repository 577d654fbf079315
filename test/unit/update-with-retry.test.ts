import { describe, expect, it } from 'vitest';
import { updateWithRetry } from '../../functions/domain/follow/update-with-retry.ts';
import { MemoryLedger } from '../simulation/memory-ledger.ts';
import { atVendor } from '../support/follow-world.ts';

describe('changing a build’s entry', () => {
  it('fails where another worker is faster ten times: the message then stays in the queue', async () => {
    const ledger = new MemoryLedger();
    await ledger.save(atVendor());
    let rounds = 0;
    ledger.save = async () => {
      if (++rounds > 100) throw new Error('the rounds do not end');
      return { kind: 'conflict' };
    };
    const change = updateWithRetry(atVendor().id, ledger, (entry) => ({ ...entry, lateAt: 1 }));
    await expect(change).rejects.toThrow('Other workers changed the build 10 times');
    expect(rounds).toBe(10);
  });

  it('does nothing for a build that the ledger does not know', async () => {
    const decide = () => {
      throw new Error('there is nothing to decide');
    };
    expect(await updateWithRetry('drop/none.zip@v1', new MemoryLedger(), decide)).toBeUndefined();
  });
});
