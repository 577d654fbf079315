import { describe, expect, it } from 'vitest';
import { opened } from '../../functions/domain/model/submission-transitions.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { MemoryLedger } from '../simulation/memory-ledger.ts';
import { MemoryPacer } from '../simulation/memory-pacer.ts';
import { defineLedgerContract } from './ledger-contract.ts';
import { definePacerContract } from './pacer-contract.ts';

defineLedgerContract('MemoryLedger', () => new MemoryLedger(), { runs: 200 });
definePacerContract('MemoryPacer', (settings) => new MemoryPacer(settings), { runs: 1_000 });

const build = { bucket: 'drop', key: 'a.zip', versionId: '1', region: 'eu-central-1', droppedAt: 1 };

describe('the memory implementations', () => {
  it('change nothing where the table call fails', async () => {
    const ledger = new MemoryLedger(unavailable);
    const pacer = new MemoryPacer({ intervalMs: 121_000 }, unavailable);
    const before = pacer.lane('lane');

    await expect(ledger.save(opened(build, 1))).rejects.toThrow(LedgerUnavailable);
    await expect(ledger.announce('r', build)).rejects.toThrow(LedgerUnavailable);
    await expect(ledger.noteWebhook('p', 'lastWebhookAt', 1)).rejects.toThrow(LedgerUnavailable);
    await expect(pacer.reserve('lane', 1)).rejects.toThrow(LedgerUnavailable);
    await expect(pacer.blockUntil('lane', 1)).rejects.toThrow(LedgerUnavailable);

    expect(ledger.entries()).toEqual([]);
    expect(pacer.lane('lane')).toEqual(before);
  });

  it('stay atomic while table calls take time', async () => {
    const pacer = new MemoryPacer({ intervalMs: 10 }, () => Promise.resolve());

    const reservations = await Promise.all(Array.from({ length: 20 }, () => pacer.reserve('lane', 1)));

    expect(new Set(reservations.map(({ slot }) => slot)).size).toBe(20);
  });
});

function unavailable(): never {
  throw new LedgerUnavailable('The ledger table did not answer (injected).');
}
