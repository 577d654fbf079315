import { type AttributeValue, BatchGetItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LedgerUnavailable } from '../domain/ledger.ts';
import { answerTo } from './dynamodb-answer.ts';
import { LEDGER_TABLE } from './ledger-table.ts';

const { partitionKey: PK } = LEDGER_TABLE;

/** What DynamoDB takes in one call, in keys. */
const LARGEST_BATCH = 100;

type Item = Record<string, AttributeValue>;

/** Gives the item under a key, read consistently. */
export type ReadItem = (key: string) => Promise<Item | undefined>;

/**
 * Reads of one turn of the event loop go out as one call: the builds of a batch look themselves up at the same moment.
 *
 * The reads throw LedgerUnavailable where the table did not answer for their key.
 */
export function createBatchedReads(client: DynamoDBClient, tableName: string): ReadItem {
  let next: Batch | undefined;

  async function send(batch: Batch): Promise<void> {
    if (next === batch) next = undefined;
    try {
      const Keys = [...batch.keys()].map((key) => ({ [PK]: { S: key } }));
      const command = new BatchGetItemCommand({ RequestItems: { [tableName]: { Keys, ConsistentRead: true } } });
      const answer = await answerTo('BatchGetItem', client.send(command));
      for (const item of answer?.Responses?.[tableName] ?? []) settle(batch, item, (read) => read.resolve(item));
      // A throttled table answers in part: a build must not pass for unknown because of it.
      const unprocessed = new LedgerUnavailable('The ledger table answered BatchGetItem in part (throttled).');
      for (const key of answer?.UnprocessedKeys?.[tableName]?.Keys ?? []) {
        settle(batch, key, (read) => read.reject(unprocessed));
      }
      for (const read of batch.values()) read.resolve(undefined);
    } catch (error) {
      for (const read of batch.values()) read.reject(error);
    }
  }

  return (key) => {
    if (next === undefined || next.size === LARGEST_BATCH) {
      const batch: Batch = new Map();
      next = batch;
      queueMicrotask(() => void send(batch));
    }
    let read = next.get(key);
    if (read === undefined) {
      read = Promise.withResolvers();
      next.set(key, read);
    }
    return read.promise;
  };
}

type Batch = Map<string, PromiseWithResolvers<Item | undefined>>;

function settle(batch: Batch, item: Item, how: (read: PromiseWithResolvers<Item | undefined>) => void): void {
  const read = batch.get(item[PK]?.S ?? '');
  if (read !== undefined) how(read);
}
