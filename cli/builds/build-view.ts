import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { LEDGER_TABLE, laneItemKey } from '../../functions/adapters/ledger-table.ts';
import { furthestStage } from '../../functions/domain/model/following-transitions.ts';
import {
  NEW_LANE,
  type RateLimitLane,
  releaseLane,
  type SlotReservation,
  uploadLane,
} from '../../functions/domain/model/lane.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { slotOf } from '../../functions/domain/pacing/pacer.ts';
import type { Difference } from '../../functions/domain/package/differences.ts';
import { printable } from '../console.ts';
import type { Stack } from '../stack/stack.ts';
import { iso } from '../units.ts';
import type { BuildStatus } from './build-status.ts';
import { type BuildLive, liveFacts } from './live.ts';

/** A build with what its ledger entry alone does not say. Times in ms since the epoch. */
export interface BuildView {
  readonly entry: LedgerEntry;
  readonly status: BuildStatus;
  /** When viewers got its uploads, or since when they do, as far as that was read. */
  readonly live?: BuildLive;
  /** How it differs from the build that viewers have, where that was read and may be a mistake. */
  readonly differences?: readonly Difference[];
  /** When it may be submitted, and when it may be released, where it waits for that. */
  readonly slot?: number | undefined;
  readonly releaseSlot?: number | undefined;
}

/** A build as `--json` prints it: times as ISO 8601; `JSON.stringify` leaves out what is undefined. */
export function buildFacts({ differences, entry, live = {}, releaseSlot, slot, status }: BuildView) {
  const { build, release, state } = entry;
  const liveSpan = live.earlier ?? live.own;
  return {
    build: entry.id,
    state,
    status,
    userId: entry.userId,
    projectId: entry.projectId,
    size: build.size,
    droppedAt: iso(build.droppedAt),
    changedAt: iso(entry.updatedAt),
    discardedAt: iso(entry.discardedAt),
    slot: iso(slot),
    attempts: entry.attempts,
    possiblyDoubled: entry.possiblyDoubled,
    package: entry.package,
    warnings: entry.warnings,
    differences,
    labels: entry.labels,
    ...problemOf(entry, status),
    uploadId: entry.uploadId,
    formerUploadIds: entry.formerUploadIds ?? [],
    releaseMode: entry.releaseMode,
    submittedAt: iso(entry.submittedAt),
    // The furthest stage that Streampixel has reported, and when it began by Streampixel's clock.
    stage: furthestStage(entry),
    stageSince: iso(entry.news?.at(-1)?.at),
    lastNewsAt: iso(entry.lastNewsAt),
    // Of the URL that Streampixel was given last. With `s3` it ends sooner if the session of the role that signed it does.
    delivery: entry.fileUrl?.delivery,
    fileUrlSignedUntil: iso(entry.fileUrl?.until),
    fileUrlEndedAt: iso(entry.fileUrlEndedAt),
    lateAt: iso(entry.lateAt),
    stuckAt: iso(entry.stuckAt),
    // Of its last upload, or of an earlier one that is live now. Without `until` viewers get it.
    live: liveSpan && liveFacts(liveSpan),
    objection: state === 'rejected' ? entry.objection : undefined,
    release: release && {
      requestId: release.requestId,
      uploadId: release.uploadId,
      by: release.by,
      requestedBy: release.requestedBy,
      state: release.state,
      attempts: release.attempts,
      detail: release.detail,
      requestedAt: iso(release.requestedAt),
      slot: iso(releaseSlot),
      endedAt: iso(release.endedAt),
    },
  };
}

/** A build's history as `--json` prints it. */
export function historyFacts({ history }: LedgerEntry) {
  return history.map(({ at, ...rest }) => ({ at: iso(at), ...rest }));
}

/** Why it was skipped or dead-lettered, or why its last attempt failed. What failed before Streampixel accepted it is over. */
function problemOf({ lastFailure, reason, skipCause }: LedgerEntry, status: BuildStatus) {
  if (status === 'skipped') return { reason: skipCause };
  if (status !== 'waiting' && status !== 'dead-lettered' && status !== 'discarded') return {};
  return { reason: reason ?? lastFailure?.code, detail: lastFailure?.detail };
}

type LaneTable = Pick<Stack, 'clients' | 'ledgerTable'>;
type Lanes = Awaited<ReturnType<typeof readLanes>>;

/** The rate-limit lanes of one user, as the pacer keeps them. */
export async function readLanes(table: LaneTable, userId: string) {
  const [upload, release] = await Promise.all([
    readLane(table, uploadLane(userId)),
    readLane(table, releaseLane(userId)),
  ]);
  return { upload, release };
}

async function readLane({ clients, ledgerTable }: LaneTable, name: string): Promise<RateLimitLane> {
  const Key = { [LEDGER_TABLE.partitionKey]: { S: laneItemKey(name) } };
  const { Item } = await clients.dynamoDb.send(new GetItemCommand({ TableName: ledgerTable, Key }));
  return { ...NEW_LANE, ...(Item && unmarshall(Item)) };
}

/** The build's slots, in ms since the epoch, as far as it has any. */
export function slotsOf(
  { release, state, reservation }: LedgerEntry,
  lanes: Lanes | undefined,
): Pick<BuildView, 'slot' | 'releaseSlot'> {
  const waits = state === 'waiting' || state === 'unknown';
  return {
    slot: waits ? slotIn(lanes?.upload, reservation) : undefined,
    releaseSlot: release?.state === 'requested' ? slotIn(lanes?.release, release.reservation) : undefined,
  };
}

/** The reserved slot, moved by as much as its lane has been pushed back since. */
function slotIn(lane: RateLimitLane | undefined, reservation: SlotReservation | undefined): number | undefined {
  if (lane === undefined || reservation === undefined) return undefined;
  return Math.max(slotOf(lane, reservation), lane.blockedUntil);
}

/** S3's own versions are longer, and random from the first character on. */
const LONGEST_WHOLE_VERSION = 20;
const SHORTEST_VERSION = 8;

/** The part of a line that a name may have, and the columns that it gets at least: behind it there is what is said of the build. */
const SHARE_OF_NAME = 0.4;
const LEAST_NAME = 20;

/**
 * Names of the builds in a list: without the bucket, and each version no longer than it needs to be unambiguous among those of its key
 * in the list. Commands take these names, unless they are cut because the terminal is too narrow.
 *
 * @param columns of the terminal
 */
export function shortNames(ids: readonly string[], columns = Number.POSITIVE_INFINITY): (id: string) => string {
  return (id) => fittedName(withShortVersion(id, ids), columns);
}

/** A name as a list on a terminal of so many columns shows it. */
export function fittedName(text: string, columns: number): string {
  const name = printable(text);
  const most = Math.max(LEAST_NAME, Math.floor(columns * SHARE_OF_NAME));
  // The end says more than the folders at the start.
  return name.length <= most ? name : `...${name.slice(3 - most)}`;
}

function withShortVersion(id: string, ids: readonly string[]): string {
  const start = id.lastIndexOf('@') + 1;
  if (id.length - start <= LONGEST_WHOLE_VERSION) return shortId(id);
  const others = ids.filter((other) => other !== id && other.startsWith(id.slice(0, start)));
  let end = start + SHORTEST_VERSION;
  while (end < id.length && others.some((other) => other.startsWith(id.slice(0, end)))) end += 1;
  return shortId(id.slice(0, end));
}

/** A build's id without the bucket, which is the same for all. Commands take it, as they take any part of an id. */
export function shortId(build: string): string {
  return build.slice(build.indexOf('/') + 1);
}
