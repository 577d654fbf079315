import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { LEDGER_TABLE, lineItemKey } from '../functions/adapters/ledger-table.ts';
import type { LedgerEntry } from '../functions/domain/ledger.ts';
import { type Line, NEW_LINE, slotOf } from '../functions/domain/pacer.ts';
import { uploadLine } from '../functions/domain/submit-build.ts';
import type { Stack } from './stack.ts';

/** A build as `status` tells it: times as ISO 8601, what is not known left out. */
export interface BuildFacts {
  readonly build: string;
  readonly state: LedgerEntry['state'];
  readonly userId: string | undefined;
  readonly projectId: string | undefined;
  readonly size: number | undefined;
  readonly droppedAt: string;
  readonly changedAt: string;
  /** When its turn is; absent for a build that has none yet, or has ended. */
  readonly slot: string | undefined;
  readonly attempts: number;
  readonly possiblyDoubled: boolean;
  readonly uploadId: string | undefined;
  /** Why it ended, or why its last try failed. */
  readonly reason: string | undefined;
  readonly detail: string | undefined;
}

/** @param slotAt when its turn is, in ms since the epoch */
export function buildFacts(entry: LedgerEntry, slotAt: number | undefined): BuildFacts {
  const { build, lastFailure } = entry;
  return {
    build: entry.id,
    state: entry.state,
    userId: entry.userId,
    projectId: entry.projectId,
    size: build.size,
    droppedAt: new Date(build.droppedAt).toISOString(),
    changedAt: new Date(entry.updatedAt).toISOString(),
    slot: slotAt === undefined ? undefined : new Date(slotAt).toISOString(),
    attempts: entry.attempts,
    possiblyDoubled: entry.possiblyDoubled,
    uploadId: entry.uploadId,
    reason: entry.reason ?? entry.skipCause ?? lastFailure?.code,
    detail: entry.state === 'submitted' || entry.state === 'skipped' ? undefined : lastFailure?.detail,
  };
}

/** Reads the line of a user as the pacer keeps it. */
export async function readLine({ clients, ledgerTable }: Stack, userId: string): Promise<Line> {
  const Key = { [LEDGER_TABLE.partitionKey]: { S: lineItemKey(uploadLine(userId)) } };
  const { Item } = await clients.dynamoDb.send(new GetItemCommand({ TableName: ledgerTable, Key }));
  return { ...NEW_LINE, ...(Item === undefined ? {} : unmarshall(Item)) };
}

/** When a build's turn is, in ms since the epoch: the slot it drew, moved by as much as its line has been pushed back since. */
export function turnOf({ state, ticket }: LedgerEntry, line: Line): number | undefined {
  const waits = state === 'waiting' || state === 'unknown';
  return waits && ticket !== undefined ? Math.max(slotOf(line, ticket), line.opensAt) : undefined;
}

/** A build's id without the bucket, which is the same for all. Commands take it so, as they take any part of an id. */
export function shortId(build: string): string {
  return build.slice(build.indexOf('/') + 1);
}
