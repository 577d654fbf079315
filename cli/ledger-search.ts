import { type Build, buildId } from '../functions/domain/model/build.ts';
import type { BuildState, LedgerEntry } from '../functions/domain/model/ledger-entry.ts';
import type { Ledger } from '../functions/domain/ports.ts';
import { OperatorError } from './operator-error.ts';

/** Builds that Streampixel does not have yet, as far as is known. */
export const OPEN_STATES = ['submitting', 'unknown', 'waiting'] as const satisfies readonly BuildState[];
/** Builds that Streampixel has, and that may get further there. */
export const VENDOR_STATES = ['submitted', 'approved'] as const satisfies readonly BuildState[];
export const END_STATES = ['released', 'rejected', 'skipped', 'dead-lettered'] as const satisfies readonly BuildState[];

type ListedState = (typeof OPEN_STATES | typeof VENDOR_STATES | typeof END_STATES)[number];
/** A state that is in none of the three is a build that no search finds: this does not compile then. */
export const ALL_STATES: readonly (BuildState extends ListedState ? BuildState : never)[] = [
  ...OPEN_STATES,
  ...VENDOR_STATES,
  ...END_STATES,
];

const PAGE_SIZE = 200;
/** More candidates than this are no help. */
const SHOWN_CANDIDATES = 10;

/**
 * All builds of some states, state by state, newest change first.
 *
 * @param since leaves out what has not changed since then; ms since the epoch
 */
export async function entriesOf(
  ledger: Pick<Ledger, 'list'>,
  states: readonly BuildState[],
  since = 0,
): Promise<LedgerEntry[]> {
  const found: LedgerEntry[] = [];
  for (const state of states) {
    let from: string | undefined;
    do {
      const { entries, next } = await ledger.list(state, { limit: PAGE_SIZE, ...(from === undefined ? {} : { from }) });
      const recent = entries.filter(({ updatedAt }) => updatedAt >= since);
      found.push(...recent);
      from = recent.length < entries.length ? undefined : next;
    } while (from !== undefined);
  }
  return found;
}

/**
 * The build that a person means.
 *
 * @param wanted its id, `s3://bucket/key` (the newest version then), or any part of its id that no other has
 * @throws OperatorError where there is none, or more than one
 */
export async function findBuild(ledger: Ledger, wanted: string): Promise<LedgerEntry> {
  const exact = await ledger.find(wanted);
  if (exact !== undefined) return exact;
  const path = wanted.startsWith('s3://') ? wanted.slice('s3://'.length) : undefined;
  const found = (await entriesOf(ledger, ALL_STATES)).filter((entry) =>
    path === undefined ? entry.id.includes(wanted) : keyPath(entry.build) === path || entry.id === path,
  );
  const [newest, ...others] = found.sort((a, b) => b.build.droppedAt - a.build.droppedAt);
  if (newest === undefined) {
    const remedy = 'It may not have been dropped, or its message waits unread. `streampixel-drop status` lists builds.';
    throw new OperatorError('UnknownBuild', `The ledger knows no build "${wanted}".`, remedy);
  }
  if (others.length > 0 && others.some(({ build }) => keyPath(build) !== keyPath(newest.build))) {
    const ids = found.slice(0, SHOWN_CANDIDATES).map(({ id }) => `\n  ${id}`);
    const more = found.length > ids.length ? `\n  and ${found.length - ids.length} more` : '';
    throw new OperatorError('AmbiguousBuild', `"${wanted}" is part of several:${ids.join('')}${more}`, 'Name one.');
  }
  return newest;
}

/** `bucket/key`, without the version. */
function keyPath({ bucket, key }: Pick<Build, 'bucket' | 'key'>): string {
  return `${bucket}/${key}`;
}

/** An object as S3 names it: no sequencer, and a version only where the bucket keeps any. */
export type StoredObject = Pick<Build, 'bucket' | 'key' | 'versionId' | 'eTag'>;

/**
 * What the ledger knows of objects of the bucket. Without versions an object says less than the event did that announced it,
 * so that its build has to be looked for: the newest of the same key and bytes.
 */
export function createObjectLookup(ledger: Ledger): (object: StoredObject) => Promise<LedgerEntry | undefined> {
  let index: Promise<ReadonlyMap<string, LedgerEntry>> | undefined;
  const keyOf = ({ bucket, key, eTag }: StoredObject) => JSON.stringify([bucket, key, eTag]);

  async function indexed(): Promise<ReadonlyMap<string, LedgerEntry>> {
    const newest = new Map<string, LedgerEntry>();
    for (const entry of await entriesOf(ledger, ALL_STATES)) {
      const known = newest.get(keyOf(entry.build));
      if (known === undefined || known.build.droppedAt < entry.build.droppedAt) newest.set(keyOf(entry.build), entry);
    }
    return newest;
  }

  return async (object) => {
    if (object.versionId !== undefined) return ledger.find(buildId(object));
    index ??= indexed();
    return (await index).get(keyOf(object));
  };
}
