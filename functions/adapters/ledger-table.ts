import { createHash } from 'node:crypto';
import type { Build } from '../domain/model/build.ts';
import type { LedgerEntry } from '../domain/model/ledger-entry.ts';

/**
 * The shape of the one table behind ledger and pacer: infra creates it, the adapters read and write it. Only builds have
 * the indexes' attributes, so lanes and routes are in neither.
 *
 * Types: `pk`, `state` and `uploadId` are strings, `updatedAt` (ms) and `expiresAt` (s) numbers. Both indexes project all.
 */
export const LEDGER_TABLE = {
  partitionKey: 'pk',
  timeToLive: 'expiresAt',
  byState: { indexName: 'by-state', partitionKey: field('state'), sortKey: field('updatedAt') },
  byUploadId: { indexName: 'by-upload-id', partitionKey: field('uploadId') },
} as const;

function field<Name extends keyof LedgerEntry>(name: Name): Name {
  return name;
}

/** DynamoDB's limit for a partition key, in bytes of UTF-8. */
const PARTITION_KEY_LIMIT_BYTES = 2_048;

export function buildItemKey(id: string): string {
  const key = `build#${id}`;
  if (Buffer.byteLength(key) <= PARTITION_KEY_LIMIT_BYTES) return key;
  // S3 allows 63 bytes of bucket, 1,024 of key and 1,024 of version id. No other id looks like this: buckets have no `#`.
  return `build#sha256#${createHash('sha256').update(id).digest('hex')}`;
}

/** The rate-limit lane of one endpoint and `userId`. */
export const laneItemKey = (lane: string) => `lane#${lane}`;
/** The version of an API key's parameter that Streampixel refused. */
export const apiKeyItemKey = (parameter: string) => `api-key#${parameter}`;
/** When a project's webhook last sent something. */
export const webhookItemKey = (projectId: string) => `webhook#${projectId}`;
/** What the viewers of a project get, and got before. */
export const liveItemKey = (projectId: string) => `live#${projectId}`;
/** The newest build of a route. */
export const routeItemKey = (route: string) => `route#${route}`;

/** The contents of the last builds of one object key. */
export function contentsItemKey({ bucket, key }: Pick<Build, 'bucket' | 'key'>): string {
  return `contents#${bucket}/${key}`;
}

/**
 * A duplicate or a redrive must still find its build: 7 days in the builds queue and 14 in the dead-letter queue, a few
 * times over. Counted from the last change.
 */
const BUILD_LIFETIME_DAYS = 90;

/**
 * When DynamoDB may delete a build, in s since the epoch; it deletes late.
 *
 * Nothing else expires. Lanes and routes have one small item each, and a lost lane would no longer be blocked, and its
 * reservations would be wrong. What is known of a key must be known for as long as its object may be rewritten, and a build may be
 * live for years.
 *
 * @param updatedAt ms since the epoch
 */
export function buildExpiry(updatedAt: number): number {
  return Math.ceil(updatedAt / 1_000) + BUILD_LIFETIME_DAYS * 24 * 60 * 60;
}
