import type { BuildState, LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { ALL_STATES, type DropOfBuilds, entriesOf, isOwn, OPEN_STATES } from '../builds/search.ts';

/** Builds that have not changed for longer are on no start page: SQS deletes their dead letters, too. In ms. */
export const KEPT_MS = 14 * 86_400_000;
/** What may come into the index behind what is there already, in ms: workers' clocks differ, and the index is updated a little later. */
const OVERLAP_MS = 30_000;
/** Builds of a state that are read to see whether any has changed. */
const FIRST_LOOK = 5;
/** How often everything is read again, in ms: an entry that the ledger has deleted would stay for ever. */
const WHOLE_EVERY_MS = 120_000;

type Drop = DropOfBuilds & { readonly ledger: Pick<Ledger, 'list'> };

export type LedgerMirror = ReturnType<typeof createLedgerMirror>;

/**
 * The ledger's builds in memory, so that looking at them every two seconds costs the same for a thousand as for ten: only those that
 * have changed are read.
 */
export function createLedgerMirror(drop: Drop) {
  let builds: ReadonlyMap<string, LedgerEntry> = new Map();
  let readWholeAt = Number.NEGATIVE_INFINITY;

  return {
    /**
     * Reads what has changed.
     *
     * @param now ms since the epoch
     * @returns ids of the builds that have changed since the last call; of the first call none
     */
    async refresh(now: number): Promise<readonly string[]> {
      const isFirst = builds.size === 0 && readWholeAt < 0;
      const isWhole = now - readWholeAt >= WHOLE_EVERY_MS;
      const newest = [...builds.values()].reduce((latest, { updatedAt }) => Math.max(latest, updatedAt), 0);
      const read = isWhole
        ? await Promise.all(ALL_STATES.map((state) => entriesOf(drop, [state], isOpen(state) ? 0 : now - KEPT_MS)))
        : await Promise.all(ALL_STATES.map((state) => changedSince(drop, state, newest - OVERLAP_MS)));
      const next = new Map(isWhole ? [] : builds);
      for (const entry of read.flat()) {
        // While the states are read one after the other, a build may be found in two.
        if ((next.get(entry.id)?.revision ?? 0) <= entry.revision) next.set(entry.id, entry);
      }
      const changed = [...next.values()].filter(({ id, revision }) => builds.get(id)?.revision !== revision);
      builds = next;
      if (isWhole) readWholeAt = now;
      return isFirst ? [] : changed.map(({ id }) => id);
    },
    /** As the ledger's own; all of a state are on one page. */
    async list(state: BuildState): Promise<{ readonly entries: readonly LedgerEntry[] }> {
      const entries = [...builds.values()].filter((entry) => entry.state === state);
      return { entries: entries.sort((a, b) => b.updatedAt - a.updatedAt) };
    },
    all: (): readonly LedgerEntry[] => [...builds.values()],
  };
}

/** Most of the time nothing has: then it is one small page. */
async function changedSince(drop: Drop, state: BuildState, since: number): Promise<LedgerEntry[]> {
  const { entries, next } = await drop.ledger.list(state, { limit: FIRST_LOOK });
  const recent = entries.filter(({ updatedAt }) => updatedAt >= since);
  if (recent.length === entries.length && next !== undefined) return entriesOf(drop, [state], since);
  return recent.filter((entry) => isOwn(drop, entry));
}

function isOpen(state: BuildState): boolean {
  return OPEN_STATES.some((each) => each === state);
}
