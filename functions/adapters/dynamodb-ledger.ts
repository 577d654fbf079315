import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { buildId } from '../domain/model/build.ts';
import type { BuildState, LedgerEntry } from '../domain/model/ledger-entry.ts';
import type { WebhookRecord } from '../domain/model/webhook-record.ts';
import type { Ledger, NewestBuild, RefusedKey } from '../domain/ports.ts';
import { undefinedIfConditionFailed } from './dynamodb-answer.ts';
import {
  apiKeyItemKey,
  buildExpiry,
  buildItemKey,
  LEDGER_TABLE,
  routeItemKey,
  webhookItemKey,
} from './ledger-table.ts';
import { DEFAULT_PAGE_SIZE, type PagePosition, pageToken, positionOf } from './page-token.ts';

const { partitionKey: PK, timeToLive, byState, byUploadId } = LEDGER_TABLE;

type Item = Record<string, AttributeValue>;

/**
 * The ledger on DynamoDB. Calls of the table: `save` 1, and 2 on a conflict;
 * `announce` 1, and 2 where a newer build is known; the others 1.
 */
export function createDynamoDbLedger(
  client: DynamoDBClient,
  tableName: string,
  newId: () => string = randomUUID,
): Ledger {
  async function get(key: string): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName: tableName, Key: { [PK]: { S: key } }, ConsistentRead: true });
    return (await undefinedIfConditionFailed('GetItem', client.send(command)))?.Item;
  }

  async function newestOf(route: string): Promise<NewestBuild | undefined> {
    const item = await get(routeItemKey(route));
    if (item === undefined) return undefined;
    const { id, droppedAt } = unmarshall(item) as NewestBuild;
    return { id, droppedAt };
  }

  return {
    async find(id) {
      const item = await get(buildItemKey(id));
      return item === undefined ? undefined : toEntry(item);
    },

    async save(entry) {
      const saved: LedgerEntry = { ...entry, revision: entry.revision + 1 };
      const key = buildItemKey(entry.id);
      const savedBy = newId();
      const command = new PutItemCommand({
        TableName: tableName,
        Item: marshall(
          { ...saved, [PK]: key, [timeToLive]: buildExpiry(entry.updatedAt), savedBy },
          { removeUndefinedValues: true },
        ),
        ...(entry.revision === 0
          ? { ConditionExpression: `attribute_not_exists(${PK})` }
          : {
              ConditionExpression: 'revision = :revision',
              ExpressionAttributeValues: marshall({ ':revision': entry.revision }),
            }),
      });
      if ((await undefinedIfConditionFailed('PutItem', client.send(command))) !== undefined)
        return { kind: 'saved', entry: saved };
      // The client sends again when an answer is lost, and then finds its own first write in the way. Taken for another
      // worker's, it would look like a call to the vendor that nobody knows the end of.
      const stored = await get(key);
      return stored?.savedBy?.S === savedBy ? { kind: 'saved', entry: saved } : { kind: 'conflict' };
    },

    async refusedKeyOf(apiKeyParameter) {
      const item = await get(apiKeyItemKey(apiKeyParameter));
      if (item === undefined) return undefined;
      const { version, at } = unmarshall(item) as RefusedKey;
      return { version, at };
    },

    async refuseKey(apiKeyParameter, key) {
      const command = new PutItemCommand({
        TableName: tableName,
        Item: marshall({ [PK]: apiKeyItemKey(apiKeyParameter), version: key.version, at: key.at }),
        // Not "lower than": a parameter that is deleted and made again starts over at version 1.
        ConditionExpression: `attribute_not_exists(${PK}) OR version <> :version`,
        ExpressionAttributeValues: marshall({ ':version': key.version }),
      });
      return (await undefinedIfConditionFailed('PutItem', client.send(command))) === undefined ? 'known' : 'first';
    },

    async forgetRefusedKey(apiKeyParameter, version) {
      const command = new DeleteItemCommand({
        TableName: tableName,
        Key: marshall({ [PK]: apiKeyItemKey(apiKeyParameter) }),
        ConditionExpression: 'version = :version',
        ExpressionAttributeValues: marshall({ ':version': version }),
      });
      await undefinedIfConditionFailed('DeleteItem', client.send(command));
    },

    async webhookOf(projectId) {
      const item = await get(webhookItemKey(projectId));
      if (item === undefined) return {};
      const { [PK]: _key, ...record } = unmarshall(item);
      return record as WebhookRecord;
    },

    async noteWebhook(projectId, what, at) {
      const command = new UpdateItemCommand({
        TableName: tableName,
        Key: marshall({ [PK]: webhookItemKey(projectId) }),
        UpdateExpression: 'SET #what = :at',
        ExpressionAttributeNames: { '#what': what },
        ExpressionAttributeValues: marshall({ ':at': at }),
      });
      await undefinedIfConditionFailed('UpdateItem', client.send(command));
    },

    // The queries read indexes: what was saved in the last second or so may be missing.
    async findByUploadId(uploadId) {
      const command = new QueryCommand({
        TableName: tableName,
        IndexName: byUploadId.indexName,
        KeyConditionExpression: `${byUploadId.partitionKey} = :uploadId`,
        ExpressionAttributeValues: marshall({ ':uploadId': uploadId }),
        Limit: 1,
      });
      const item = (await undefinedIfConditionFailed('Query', client.send(command)))?.Items?.[0];
      return item === undefined ? undefined : toEntry(item);
    },

    async countWaiting(userId) {
      let count = 0;
      let from: Item | undefined;
      do {
        const command = new QueryCommand({
          TableName: tableName,
          IndexName: byState.indexName,
          KeyConditionExpression: '#state = :state',
          FilterExpression: 'userId = :userId',
          ExpressionAttributeNames: { '#state': byState.partitionKey },
          ExpressionAttributeValues: marshall({ ':state': 'waiting' satisfies BuildState, ':userId': userId }),
          Select: 'COUNT',
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        });
        const answer = await undefinedIfConditionFailed('Query', client.send(command));
        count += answer?.Count ?? 0;
        from = answer?.LastEvaluatedKey;
      } while (from !== undefined);
      return count;
    },

    async list(state, { limit = DEFAULT_PAGE_SIZE, from } = {}) {
      const command = new QueryCommand({
        TableName: tableName,
        IndexName: byState.indexName,
        KeyConditionExpression: '#state = :state',
        ExpressionAttributeNames: { '#state': byState.partitionKey },
        ExpressionAttributeValues: marshall({ ':state': state }),
        ScanIndexForward: false,
        // One more than asked for tells whether there is another page: DynamoDB gives a key to go on from even after the
        // last.
        Limit: limit + 1,
        ...(from === undefined ? {} : { ExclusiveStartKey: startKey(state, positionOf(from)) }),
      });
      const answer = await undefinedIfConditionFailed('Query', client.send(command));
      const items = answer?.Items ?? [];
      const entries = items.slice(0, limit).map(toEntry);
      const last = entries.at(-1);
      // A page also ends where its items reach 1 MB.
      const more = items.length > limit || answer?.LastEvaluatedKey !== undefined;
      return last !== undefined && more ? { entries, next: pageToken(last) } : { entries };
    },

    async announce(route, build) {
      const newest: NewestBuild = { id: buildId(build), droppedAt: build.droppedAt };
      const command = new PutItemCommand({
        TableName: tableName,
        Item: marshall({ [PK]: routeItemKey(route), ...newest }),
        // Of two builds of one millisecond any may be the newer, as long as all workers agree.
        ConditionExpression: `attribute_not_exists(${PK}) OR droppedAt < :droppedAt OR (droppedAt = :droppedAt AND id < :id)`,
        ExpressionAttributeValues: marshall({ ':droppedAt': newest.droppedAt, ':id': newest.id }),
      });
      if ((await undefinedIfConditionFailed('PutItem', client.send(command))) !== undefined) return newest;
      // Gone between the two calls only if somebody deletes items by hand.
      return (await newestOf(route)) ?? newest;
    },

    newestOf,
  };
}

function toEntry(item: Item): LedgerEntry {
  const { [PK]: _key, [timeToLive]: _expiry, savedBy: _savedBy, ...entry } = unmarshall(item);
  return entry as LedgerEntry;
}

function startKey(state: BuildState, { id, updatedAt }: PagePosition): Item {
  return marshall({ [PK]: buildItemKey(id), [byState.partitionKey]: state, [byState.sortKey]: updatedAt });
}
