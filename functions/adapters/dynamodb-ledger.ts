import { randomUUID } from 'node:crypto';
import { buildId } from '../domain/model/build.ts';
import type { BuildState, LedgerEntry } from '../domain/model/ledger-entry.ts';
import { type LiveRecord, NOTHING_LIVE } from '../domain/model/live.ts';
import { present } from '../domain/model/optional-fields.ts';
import { usedAtField, type WebhookRecord } from '../domain/model/webhook-record.ts';
import {
  type KnownContent,
  type Ledger,
  LedgerUnavailable,
  type NewestBuild,
  type RefusedKey,
} from '../domain/ports.ts';
import type { Item, Table } from './dynamodb-table.ts';
import {
  apiKeyItemKey,
  buildExpiry,
  buildItemKey,
  contentsItemKey,
  LEDGER_TABLE,
  liveItemKey,
  routeItemKey,
  webhookItemKey,
} from './ledger-table.ts';
import { DEFAULT_PAGE_SIZE, type PagePosition, pageToken, positionOf } from './page-token.ts';

const { partitionKey: PK, timeToLive, byState, byUploadId } = LEDGER_TABLE;

/** Builds of one key that are remembered: one that was taken is among them, unless this many were rejected since. */
const CONTENTS_KEPT = 20;

/** Few workers write to one item at a time: more rounds than these mean trouble. */
const MAX_ROUNDS = 10;

/**
 * The ledger on DynamoDB. Calls of the table: `save` 1, and 2 on a conflict;
 * `announce` 1, and 2 where a newer build is known; `noteContent` and `updateLive` 2, and 1 where nothing is new; the others 1.
 */
export function createDynamoDbLedger(table: Table, newId: () => string = randomUUID): Ledger {
  /**
   * Changes an item; where another worker was faster, again from what that one has saved.
   *
   * @param decide returns what to store, or `undefined` to leave it as it is
   */
  async function change(key: string, decide: (stored: Item | undefined) => Item | undefined): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await table.get(key);
      const next = decide(stored);
      if (next === undefined) return;
      const revision = Number(stored?.revision ?? 0);
      const isUnchanged =
        stored === undefined
          ? { condition: `attribute_not_exists(${PK})` }
          : { condition: 'revision = :revision', values: { ':revision': revision } };
      if (await table.put(key, { ...next, revision: revision + 1 }, isUnchanged)) return;
    }
    throw new LedgerUnavailable(`Other workers changed an item ${MAX_ROUNDS} times while it was to be written.`);
  }

  return {
    async find(id) {
      const item = await table.get(buildItemKey(id));
      return item && toEntry(item);
    },

    async save(entry) {
      const saved: LedgerEntry = { ...entry, revision: entry.revision + 1 };
      const key = buildItemKey(entry.id);
      const savedBy = newId();
      const item = { ...saved, [timeToLive]: buildExpiry(entry.updatedAt), savedBy };
      const isUnchanged =
        entry.revision === 0
          ? { condition: `attribute_not_exists(${PK})` }
          : { condition: 'revision = :revision', values: { ':revision': entry.revision } };
      if (await table.put(key, item, isUnchanged)) return { kind: 'saved', entry: saved };
      // Where an answer is lost the client sends again, and its own first write breaks the condition. Taken for another
      // worker's write, it would look like a call of Streampixel whose result is unknown.
      const stored = await table.get(key);
      return stored?.savedBy === savedBy ? { kind: 'saved', entry: saved } : { kind: 'conflict' };
    },

    async refusedKeyOf(apiKeyParameter) {
      const item = (await table.get(apiKeyItemKey(apiKeyParameter))) as RefusedKey | undefined;
      return item && { version: item.version, at: item.at };
    },

    async refuseKey(apiKeyParameter, { at, version }) {
      // Not "lower than": a parameter that is deleted and made again starts over at version 1.
      const condition = `attribute_not_exists(${PK}) OR version <> :version`;
      const key = apiKeyItemKey(apiKeyParameter);
      const written = await table.put(key, { version, at }, { condition, values: { ':version': version } });
      return written ? 'first' : 'known';
    },

    async forgetRefusedKey(apiKeyParameter, version) {
      const isThisVersion = { condition: 'version = :version', values: { ':version': version } };
      await table.delete(apiKeyItemKey(apiKeyParameter), isThisVersion);
    },

    async webhookOf(projectId) {
      const { [PK]: _key, ...record } = (await table.get(webhookItemKey(projectId))) ?? {};
      return record as WebhookRecord;
    },

    async noteWebhook(projectId, what, at, address) {
      const names = { '#what': what, ...present({ '#used': address && usedAtField(address) }) };
      const change = Object.keys(names).map((name) => `${name} = :at`);
      await table.update(webhookItemKey(projectId), `SET ${change.join(', ')}`, { names, values: { ':at': at } });
    },

    async findByUploadId(uploadId) {
      const { items } = await table.query({
        IndexName: byUploadId.indexName,
        KeyConditionExpression: `${byUploadId.partitionKey} = :uploadId`,
        ExpressionAttributeValues: { ':uploadId': uploadId },
        Limit: 1,
      });
      return items[0] && toEntry(items[0]);
    },

    async countWaiting(userId) {
      let total = 0;
      let from: Item | undefined;
      do {
        const { count, lastKey } = await table.query({
          IndexName: byState.indexName,
          KeyConditionExpression: '#state = :state',
          FilterExpression: 'userId = :userId',
          ExpressionAttributeNames: { '#state': byState.partitionKey },
          ExpressionAttributeValues: { ':state': 'waiting' satisfies BuildState, ':userId': userId },
          Select: 'COUNT',
          ExclusiveStartKey: from,
        });
        total += count;
        from = lastKey;
      } while (from !== undefined);
      return total;
    },

    async list(state, { limit = DEFAULT_PAGE_SIZE, from } = {}) {
      const { items, lastKey } = await table.query({
        IndexName: byState.indexName,
        KeyConditionExpression: '#state = :state',
        ExpressionAttributeNames: { '#state': byState.partitionKey },
        ExpressionAttributeValues: { ':state': state },
        ScanIndexForward: false,
        // One more than asked for shows whether there is another page: DynamoDB gives a `LastEvaluatedKey` even after the last.
        Limit: limit + 1,
        ExclusiveStartKey: from === undefined ? undefined : startKey(state, positionOf(from)),
      });
      const entries = items.slice(0, limit).map(toEntry);
      const last = entries.at(-1);
      // A page also ends where its items reach 1 MB.
      const hasMore = items.length > limit || lastKey !== undefined;
      return { entries, ...present({ next: last && hasMore ? pageToken(last) : undefined }) };
    },

    async announce(route, build) {
      const newest: NewestBuild = { id: buildId(build), droppedAt: build.droppedAt };
      // Of two builds of one millisecond any may be the newer, as long as all workers agree.
      const isNewer = 'droppedAt < :droppedAt OR (droppedAt = :droppedAt AND id < :id)';
      const written = await table.put(
        routeItemKey(route),
        { ...newest },
        {
          condition: `attribute_not_exists(${PK}) OR ${isNewer}`,
          values: { ':droppedAt': newest.droppedAt, ':id': newest.id },
        },
      );
      if (written) return newest;
      // Between the two calls the item can only disappear where a person deletes it.
      const { droppedAt, id } = ((await table.get(routeItemKey(route))) as NewestBuild | undefined) ?? newest;
      return { id, droppedAt };
    },

    async contentsOf(build) {
      return contentsIn(await table.get(contentsItemKey(build)));
    },

    async noteContent(build, content) {
      const id = buildId(build);
      let contents: readonly KnownContent[] = [];
      await change(contentsItemKey(build), (stored) => {
        const known = contentsIn(stored);
        const isKnown = known.some((each) => each.id === id);
        contents = isKnown ? known : [...known, { id, content, droppedAt: build.droppedAt }].slice(-CONTENTS_KEPT);
        return isKnown ? undefined : { contents };
      });
      return contents;
    },

    async liveOf(projectId) {
      return liveIn(await table.get(liveItemKey(projectId)));
    },

    async updateLive(projectId, update) {
      await change(liveItemKey(projectId), (stored) => {
        const current = liveIn(stored);
        const next = update(current);
        return next === current ? undefined : { ...next };
      });
    },
  };
}

function contentsIn(item: Item | undefined): readonly KnownContent[] {
  return (item?.contents ?? []) as readonly KnownContent[];
}

function liveIn(item: Item | undefined): LiveRecord {
  const { former, goLives, rejected } = (item ?? NOTHING_LIVE) as Item & LiveRecord;
  return { former, goLives, rejected };
}

function toEntry(item: Item): LedgerEntry {
  const { [PK]: _key, [timeToLive]: _expiry, savedBy: _savedBy, ...entry } = item;
  return entry as unknown as LedgerEntry;
}

function startKey(state: BuildState, { id, updatedAt }: PagePosition): Item {
  return { [PK]: buildItemKey(id), [byState.partitionKey]: state, [byState.sortKey]: updatedAt };
}
