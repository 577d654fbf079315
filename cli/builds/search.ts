import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { BuildState, LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { printable } from '../../functions/domain/model/printable.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { OperatorError } from '../operator-error.ts';

/** Builds that Streampixel does not have yet, as far as is known. */
export const OPEN_STATES = ['submitting', 'unknown', 'waiting'] as const satisfies readonly BuildState[];
/** Builds that Streampixel has and that may still change there. */
export const STREAMPIXEL_STATES = ['submitted', 'approved'] as const satisfies readonly BuildState[];
export const FINAL_STATES = [
  'released',
  'rejected',
  'skipped',
  'dead-lettered',
] as const satisfies readonly BuildState[];

type ListedState = (typeof OPEN_STATES | typeof ENDED_STATES)[number];
/** Builds whose submission has ended, whether or not Streampixel has finished them. */
export const ENDED_STATES = [...STREAMPIXEL_STATES, ...FINAL_STATES] as const;
/** A search would miss builds in a state that is in none of the three lists: then this line does not compile. */
export const ALL_STATES: readonly (BuildState extends ListedState ? BuildState : never)[] = [
  ...OPEN_STATES,
  ...ENDED_STATES,
];

const PAGE_SIZE = 200;
/** Candidates that are named where a search finds several. */
const SHOWN_CANDIDATES = 10;

/**
 * All builds in some states, state by state, newest change first.
 *
 * @param since leaves out builds that have not changed since then; ms since the epoch
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
      const { entries, next } = await ledger.list(state, { limit: PAGE_SIZE, ...present({ from }) });
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
 * @param wanted its id, `s3://bucket/key` (then the newest version), or part of an id that matches only one build
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
    throw new OperatorError(
      'UnknownBuild',
      `The ledger has no build "${printable(wanted)}".`,
      'Either it was not dropped, or its message has not been processed yet. `streampixel-drop status` lists builds.',
    );
  }
  if (others.some(({ build }) => keyPath(build) !== keyPath(newest.build))) {
    const ids = found.slice(0, SHOWN_CANDIDATES).map(({ id }) => `\n  ${printable(id)}`);
    const more = found.length > ids.length ? `\n  and ${found.length - ids.length} more` : '';
    throw new OperatorError(
      'AmbiguousBuild',
      `Several builds match "${printable(wanted)}":${ids.join('')}${more}`,
      'Use one of these ids.',
    );
  }
  return newest;
}

/** `bucket/key`, without the version. */
function keyPath({ bucket, key }: Pick<Build, 'bucket' | 'key'>): string {
  return `${bucket}/${key}`;
}

/** An object as S3 names it: no sequencer, and a version only where the bucket keeps versions. */
export type StoredObject = Pick<Build, 'bucket' | 'key' | 'versionId' | 'eTag'>;

/**
 * Finds the ledger's entry of an object in the bucket. Without versions an object says less than its event did, so its build is
 * searched for: the newest one with the same key and bytes.
 */
export function createObjectLookup(ledger: Ledger): (object: StoredObject) => Promise<LedgerEntry | undefined> {
  let index: Promise<ReadonlyMap<string, LedgerEntry>> | undefined;
  const keyOf = ({ bucket, key, eTag }: StoredObject) => JSON.stringify([bucket, key, eTag]);

  async function readIndex(): Promise<ReadonlyMap<string, LedgerEntry>> {
    const newestFirst = (await entriesOf(ledger, ALL_STATES)).sort((a, b) => b.build.droppedAt - a.build.droppedAt);
    return new Map(newestFirst.reverse().map((entry) => [keyOf(entry.build), entry]));
  }

  return async (object) => {
    if (object.versionId !== undefined) return ledger.find(buildId(object));
    index ??= readIndex();
    return (await index).get(keyOf(object));
  };
}
