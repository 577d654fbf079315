import type { LedgerEntry } from '../model/ledger-entry.ts';
import type { Ledger } from '../ports.ts';

/** More rounds than these mean trouble: more than two workers rarely write to one build at a time. */
const MAX_ROUNDS = 10;

/**
 * Changes a build's entry and saves it; where another worker was faster, again from what that one has saved.
 *
 * @param decide returns the next entry, or `undefined` to leave it as it is
 * @returns what is stored then; `undefined` where the ledger does not know the build
 * @throws Error where other workers were faster in every round
 */
export async function updateWithRetry(
  id: string,
  ledger: Ledger,
  decide: (current: LedgerEntry) => LedgerEntry | undefined,
): Promise<LedgerEntry | undefined> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const current = await ledger.find(id);
    if (current === undefined) return undefined;
    const next = decide(current);
    if (next === undefined) return current;
    const saved = await ledger.save(next);
    if (saved.kind === 'saved') return saved.entry;
  }
  throw new Error(`Other workers changed the build ${MAX_ROUNDS} times while it was being changed.`);
}
