import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { BuildState, LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { printable } from '../../functions/domain/model/printable.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { OperatorError, usageError } from '../operator-error.ts';

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

/** A drop, as far as it matters for which builds of its ledger are its own: another drop may share the ledger. */
export interface DropOfBuilds {
  readonly bucket: string;
  readonly settings: { readonly prefix: string; readonly routes: readonly { readonly projectId: string }[] };
}

/** Whether a build was dropped here, or is of a project of this drop: its bucket or prefix may have been another one then. */
export function isOwn({ bucket, settings }: DropOfBuilds, { build, projectId }: LedgerEntry): boolean {
  const isDroppedHere = build.bucket === bucket && build.key.startsWith(settings.prefix);
  return isDroppedHere || settings.routes.some((route) => route.projectId === projectId);
}

/**
 * All builds of a drop in some states, state by state, newest change first.
 *
 * @param since leaves out builds that have not changed since then; ms since the epoch
 */
export async function entriesOf(
  drop: DropOfBuilds & { readonly ledger: Pick<Ledger, 'list'> },
  states: readonly BuildState[],
  since = 0,
): Promise<LedgerEntry[]> {
  const found: LedgerEntry[] = [];
  for (const state of states) {
    let from: string | undefined;
    do {
      const { entries, next } = await drop.ledger.list(state, { limit: PAGE_SIZE, ...present({ from }) });
      const recent = entries.filter(({ updatedAt }) => updatedAt >= since);
      found.push(...recent.filter((entry) => isOwn(drop, entry)));
      from = recent.length < entries.length ? undefined : next;
    } while (from !== undefined);
  }
  return found;
}

/** What a command says about an argument that names a build. */
export const BUILD_NAMES =
  'id of a build, its s3:// address, upload id or version, its key, or a part that fits only one build';

/** What a build can be named by. */
export interface Named {
  readonly id: string;
  /** When it was dropped: of several versions of one key the newest is meant. In ms since the epoch. */
  readonly at: number;
  /** The present one and those of earlier submissions. */
  readonly uploadIds?: readonly string[];
}

/**
 * The build that a person means, by the first of these that fits: its id or `s3://bucket/key?versionId=version`; an upload id of it;
 * its key, with or without `s3://bucket/` (then the newest version); its version; a part of its key (the newest version) or of its
 * id.
 *
 * @returns `undefined` where none fits
 * @throws OperatorError (AmbiguousBuild) where several fit, (Usage) where nothing is named
 */
export function pickNamed<Build extends Named>(all: readonly Build[], wanted: string): Build | undefined {
  refuseNothing(wanted);
  const isAddress = wanted.startsWith('s3://');
  const text = isAddress ? wanted.slice('s3://'.length).replace(/\?versionId=([^?]*)$/, '@$1') : wanted;
  const any = () => true;
  /** @param isByKey whether it fits by its key alone, and so as one of several versions */
  function among(isWanted: (build: Build) => boolean, isByKey: (build: Build) => boolean = () => false) {
    const [newest, ...others] = all.filter(isWanted).sort((a, b) => b.at - a.at);
    if (newest === undefined) return undefined;
    const isOneKey = others.every(({ id }) => pathOf(id) === pathOf(newest.id));
    if (others.length > 0 && !(isOneKey && [newest, ...others].every(isByKey)))
      throw ambiguous([newest, ...others], wanted);
    return newest;
  }
  const named =
    among(({ id }) => id === text) ??
    among(({ uploadIds }) => uploadIds?.includes(text) === true) ??
    // The address as it is: a key may itself end like a version.
    among(({ id }) => pathOf(id) === text || `s3://${pathOf(id)}` === wanted, any);
  if (named !== undefined || isAddress) return named;
  return (
    among(({ id }) => keyOf(id) === text, any) ??
    among(({ id }) => versionOf(id) === text) ??
    among(
      ({ id }) => id.includes(text),
      ({ id }) => pathOf(id).includes(text),
    )
  );
}

/** A variable of a script that is not set is in every id: with only one build, a command would act on that. */
function refuseNothing(wanted: string): void {
  if (wanted.trim() === '')
    throw usageError('The name of the build is empty.', 'Is a variable not set? Name the build.');
}

function ambiguous(found: readonly Named[], wanted: string): OperatorError {
  const ids = found.slice(0, SHOWN_CANDIDATES).map(({ id }) => `\n  ${printable(id)}`);
  const more = found.length > ids.length ? `\n  and ${found.length - ids.length} more` : '';
  const text = `Several builds match "${printable(wanted)}":${ids.join('')}${more}`;
  return new OperatorError('AmbiguousBuild', text, 'Use one of these ids.');
}

/** `bucket/key` of a build's id. A key may contain an `@`, a version does not. */
function pathOf(id: string): string {
  return id.slice(0, id.lastIndexOf('@'));
}

/** The key in a build's id. */
export function keyOf(id: string): string {
  const path = pathOf(id);
  return path.slice(path.indexOf('/') + 1);
}

function versionOf(id: string): string {
  return id.slice(id.lastIndexOf('@') + 1);
}

/**
 * The build of a drop that a person means: see {@link pickNamed}.
 *
 * @throws OperatorError where there is none, or more than one
 */
export async function findBuild(
  drop: DropOfBuilds & { readonly ledger: Ledger },
  wanted: string,
): Promise<LedgerEntry> {
  refuseNothing(wanted);
  const { ledger } = drop;
  // These two need no search. DynamoDB refuses to look for a very long text.
  const isShort = wanted.length < 200;
  const exact = (await ledger.find(wanted)) ?? (isShort ? await ledger.findByUploadId(wanted) : undefined);
  if (exact !== undefined) return exact;
  const named = pickNamed((await entriesOf(drop, ALL_STATES)).map(namesOf), wanted);
  if (named !== undefined) return named.entry;
  throw new OperatorError(
    UNKNOWN_BUILD,
    `The ledger has no build "${printable(wanted)}".`,
    (commands) =>
      `Either it was not dropped, or its message has not been processed yet. This lists builds: ${commands.allBuilds()}`,
  );
}

/** Error code of {@link findBuild}. */
export const UNKNOWN_BUILD = 'UnknownBuild';

function namesOf(entry: LedgerEntry) {
  const { build, formerUploadIds = [], id, uploadId } = entry;
  return {
    id,
    at: build.droppedAt,
    uploadIds: [...formerUploadIds, ...(uploadId === undefined ? [] : [uploadId])],
    entry,
  };
}

/** An object as S3 names it: no sequencer, and a version only where the bucket keeps versions. */
export interface StoredObject extends Pick<Build, 'bucket' | 'key' | 'versionId' | 'eTag'> {
  /** Its `LastModified`, in ms since the epoch; absent where it is not known. */
  readonly droppedAt?: number | undefined;
}

/** `LastModified` and the time of an event come from one clock; either may be rounded to a second. In ms. */
const ROUNDED_MS = 1_000;

/**
 * Finds the ledger's entry of an object in the bucket. Without versions an object says less than its event did, so its build is
 * searched for: the newest one with the same key and bytes, unless it is older than the object. Then the same bytes were dropped
 * again, and the ledger does not have that build yet.
 */
export function createObjectLookup(
  drop: DropOfBuilds & { readonly ledger: Ledger },
): (object: StoredObject) => Promise<LedgerEntry | undefined> {
  let index: Promise<ReadonlyMap<string, LedgerEntry>> | undefined;
  const keyOf = ({ bucket, key, eTag }: StoredObject) => JSON.stringify([bucket, key, eTag]);

  async function readIndex(): Promise<ReadonlyMap<string, LedgerEntry>> {
    const newestFirst = (await entriesOf(drop, ALL_STATES)).sort((a, b) => b.build.droppedAt - a.build.droppedAt);
    return new Map(newestFirst.reverse().map((entry) => [keyOf(entry.build), entry]));
  }

  return async (object) => {
    if (object.versionId !== undefined) return drop.ledger.find(buildId(object));
    index ??= readIndex();
    const entry = (await index).get(keyOf(object));
    const isOlder = entry !== undefined && entry.build.droppedAt + ROUNDED_MS < (object.droppedAt ?? 0);
    return isOlder ? undefined : entry;
  };
}

/** Reads once for each project, build or the like. */
export function once<Read>(read: (key: string) => Promise<Read>): (key: string) => Promise<Read> {
  const known = new Map<string, Promise<Read>>();
  return (key) => {
    const answer = known.get(key) ?? read(key);
    known.set(key, answer);
    return answer;
  };
}
