import type { LedgerEntry } from '../model/ledger-entry.ts';
import { describeError } from '../model/redaction.ts';
import type { LogFields } from '../ports.ts';
import type { Visit } from './visit.ts';

/** How long to retry a write that the next visit could repeat, in ms. */
const RECORD_PATIENCE_MS = 5_000;

/**
 * Writes down what has happened and can't be taken back; a table that does not answer for a moment does not stop it. An acceptance
 * overrides what another worker has written meanwhile. Nothing else does: this worker may have read the entry before the other
 * one called, and would delete its claim or its mark of a lost answer.
 *
 * @returns the entry as it is stored; `undefined` where the ledger does not know it
 */
export async function recordEntry(next: LedgerEntry, { delivery, ports }: Visit): Promise<LedgerEntry | undefined> {
  const { clock, ledger, log } = ports;
  // An acceptance or a dead letter is retried for all the time that is left: without the record the build would be sent again.
  const isFinal = next.state === 'submitted' || next.state === 'dead-lettered';
  const giveUpAt = isFinal ? delivery.deadline : Math.min(delivery.deadline, clock.now() + RECORD_PATIENCE_MS);
  let entry = next;
  let why: LogFields = {};
  for (let pause = 100; ; pause *= 2) {
    try {
      const saved = await ledger.save(entry);
      if (saved.kind === 'saved') return saved.entry;
      const stored = await ledger.find(entry.id);
      // The write of the round before, whose answer was lost.
      if (stored !== undefined && isSameWrite(stored, next)) return stored;
      if (next.state !== 'submitted') {
        log.warn('overtaken', { build: next.id, state: next.state, by: stored?.state });
        return undefined;
      }
      entry = { ...next, revision: stored?.revision ?? 0 };
      why = { by: stored?.state };
    } catch (error) {
      why = { error: describeError(error) };
    }
    if (clock.now() + pause > giveUpAt) break;
    await clock.sleep(pause);
  }
  const { id: build, state, uploadId } = next;
  log.error('not-recorded', { build, state, uploadId, ...why });
  return undefined;
}

function isSameWrite(stored: LedgerEntry, next: LedgerEntry): boolean {
  return (
    stored.state === next.state &&
    stored.updatedAt === next.updatedAt &&
    stored.deadLetterId === next.deadLetterId &&
    stored.uploadId === next.uploadId
  );
}
