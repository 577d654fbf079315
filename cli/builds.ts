import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { LEDGER_TABLE, laneItemKey } from '../functions/adapters/ledger-table.ts';
import { furthestStage } from '../functions/domain/model/following-transitions.ts';
import {
  NEW_LANE,
  type RateLimitLane,
  releaseLane,
  type SlotReservation,
  uploadLane,
} from '../functions/domain/model/lane.ts';
import type { LedgerEntry, Release } from '../functions/domain/model/ledger-entry.ts';
import type { Stage } from '../functions/domain/model/news.ts';
import type { ReleaseMode } from '../functions/domain/model/route.ts';
import { slotOf } from '../functions/domain/pacing/pacer.ts';
import type { Stack } from './stack.ts';
import { type Standing, standingOf } from './standing.ts';
import { iso } from './units.ts';

/** A build as commands tell it: times as ISO 8601, what is not known left out. */
export interface BuildFacts {
  readonly build: string;
  readonly state: LedgerEntry['state'];
  readonly standing: Standing;
  readonly userId: string | undefined;
  readonly projectId: string | undefined;
  readonly size: number | undefined;
  readonly droppedAt: string;
  readonly changedAt: string;
  /** When its turn is; absent for a build that has none yet, or is out of the line. */
  readonly slot: string | undefined;
  readonly attempts: number;
  readonly possiblyDoubled: boolean;
  /** Why it was skipped or dead-lettered, or why its last try failed. */
  readonly reason: string | undefined;
  readonly detail: string | undefined;
  readonly uploadId: string | undefined;
  readonly formerUploadIds: readonly string[];
  readonly releaseMode: ReleaseMode | undefined;
  readonly submittedAt: string | undefined;
  /** The furthest that Streampixel has told of, and when that began by its clock. */
  readonly stage: Stage | undefined;
  readonly stageSince: string | undefined;
  readonly lastNewsAt: string | undefined;
  /** When the watchdog found it late, and when stuck. */
  readonly lateAt: string | undefined;
  readonly stuckAt: string | undefined;
  /** Why Streampixel rejected it, in its words. */
  readonly objection: string | undefined;
  /** The last order to release it. */
  readonly release: ReleaseFacts | undefined;
}

export interface ReleaseFacts extends Pick<Release, 'requestId' | 'uploadId' | 'by' | 'state' | 'attempts' | 'detail'> {
  readonly requestedAt: string;
  /** When its turn is. */
  readonly slot: string | undefined;
  readonly endedAt: string | undefined;
}

/** What beside the ledger's entry tells of a build. */
export interface Circumstances {
  /** Whether anybody hears, or has heard, what becomes of it at Streampixel. */
  readonly isHeard: boolean;
  /** Turns in ms since the epoch: to be submitted, and to be released. */
  readonly turn?: number | undefined;
  readonly releaseTurn?: number | undefined;
}

export function buildFacts(entry: LedgerEntry, { isHeard, releaseTurn, turn }: Circumstances): BuildFacts {
  const { build, release } = entry;
  return {
    build: entry.id,
    state: entry.state,
    standing: standingOf(entry, isHeard),
    userId: entry.userId,
    projectId: entry.projectId,
    size: build.size,
    droppedAt: iso(build.droppedAt),
    changedAt: iso(entry.updatedAt),
    slot: isoOf(turn),
    attempts: entry.attempts,
    possiblyDoubled: entry.possiblyDoubled,
    ...troubleOf(entry),
    uploadId: entry.uploadId,
    formerUploadIds: entry.formerUploadIds ?? [],
    releaseMode: entry.releaseMode,
    submittedAt: isoOf(entry.submittedAt),
    stage: furthestStage(entry),
    stageSince: isoOf(entry.news?.at(-1)?.at),
    lastNewsAt: isoOf(entry.lastNewsAt),
    lateAt: isoOf(entry.lateAt),
    stuckAt: isoOf(entry.stuckAt),
    objection: entry.state === 'rejected' ? entry.objection : undefined,
    release: release && releaseFacts(release, releaseTurn),
  };
}

function releaseFacts(release: Release, turn: number | undefined): ReleaseFacts {
  const { attempts, by, detail, endedAt, requestId, requestedAt, state, uploadId } = release;
  return {
    requestId,
    uploadId,
    by,
    state,
    attempts,
    ...(detail === undefined ? {} : { detail }),
    requestedAt: iso(requestedAt),
    slot: isoOf(turn),
    endedAt: isoOf(endedAt),
  };
}

function troubleOf(entry: LedgerEntry): Pick<BuildFacts, 'reason' | 'detail'> {
  const { lastFailure, reason, skipCause, state } = entry;
  switch (state) {
    case 'waiting':
    case 'submitting':
    case 'unknown':
    case 'dead-lettered':
      return { reason: reason ?? lastFailure?.code, detail: lastFailure?.detail };
    case 'skipped':
      return { reason: skipCause, detail: undefined };
    case 'submitted':
    case 'approved':
    case 'released':
    case 'rejected':
      // What failed before Streampixel took it is over.
      return { reason: undefined, detail: undefined };
  }
}

function isoOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : iso(ms);
}

/** The lines of one user, as the pacer keeps them. */
export interface Lines {
  readonly upload: RateLimitLane;
  readonly release: RateLimitLane;
}

export async function readLines(stack: Pick<Stack, 'clients' | 'ledgerTable'>, userId: string): Promise<Lines> {
  const [upload, release] = await Promise.all([
    readLine(stack, uploadLane(userId)),
    readLine(stack, releaseLane(userId)),
  ]);
  return { upload, release };
}

async function readLine(
  { clients, ledgerTable }: Pick<Stack, 'clients' | 'ledgerTable'>,
  name: string,
): Promise<RateLimitLane> {
  const Key = { [LEDGER_TABLE.partitionKey]: { S: laneItemKey(name) } };
  const { Item } = await clients.dynamoDb.send(new GetItemCommand({ TableName: ledgerTable, Key }));
  return { ...NEW_LANE, ...(Item === undefined ? {} : unmarshall(Item)) };
}

/** When its turns are, in ms since the epoch, as far as it has any. */
export function turnsOf(
  { release, state, reservation }: LedgerEntry,
  lines: Lines | undefined,
): Pick<Circumstances, 'turn' | 'releaseTurn'> {
  const waits = state === 'waiting' || state === 'unknown';
  return {
    turn: waits ? turnIn(lines?.upload, reservation) : undefined,
    releaseTurn: release?.state === 'requested' ? turnIn(lines?.release, release.reservation) : undefined,
  };
}

/** The slot that was drawn, moved by as much as its line has been pushed back since. */
function turnIn(line: RateLimitLane | undefined, reservation: SlotReservation | undefined): number | undefined {
  return line === undefined || reservation === undefined
    ? undefined
    : Math.max(slotOf(line, reservation), line.blockedUntil);
}

/** A build's id without the bucket, which is the same for all. Commands take it so, as they take any part of an id. */
export function shortId(build: string): string {
  return build.slice(build.indexOf('/') + 1);
}
