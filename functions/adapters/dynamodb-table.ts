import { ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { present } from '../domain/model/optional-fields.ts';
import { LedgerUnavailable } from '../domain/ports.ts';
import { errorName } from './aws-errors.ts';
import { LEDGER_TABLE } from './ledger-table.ts';

const { partitionKey: PK } = LEDGER_TABLE;

export type Item = Readonly<Record<string, unknown>>;

/** What has to be true of the stored item for a write to happen, and the values and names in the write's expressions. */
export interface Expressions {
  readonly condition?: string;
  readonly values?: Record<string, unknown>;
  readonly names?: Record<string, string>;
}

export type TableQuery = Omit<QueryCommandInput, 'TableName'>;

/** A table of plain values, with one call of DynamoDB for each method. Every method throws `LedgerUnavailable`. */
export interface Table {
  /** A consistent read. */
  get(key: string): Promise<Item | undefined>;
  /** @returns whether the condition held, and the item is written */
  put(key: string, item: Item, expressions: Expressions): Promise<boolean>;
  /** @returns the item after the update, or `undefined` where the condition did not hold */
  update(key: string, change: string, expressions: Expressions): Promise<Item | undefined>;
  delete(key: string, expressions: Expressions): Promise<void>;
  query(query: TableQuery): Promise<{
    readonly items: readonly Item[];
    readonly count: number;
    readonly lastKey: Item | undefined;
  }>;
}

export function openTable(client: DynamoDBClient, TableName: string): Table {
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  return {
    async get(key) {
      const command = new GetCommand({ TableName, Key: { [PK]: key }, ConsistentRead: true });
      return (await answerOf('GetItem', documents.send(command)))?.Item;
    },
    async put(key, item, expressions) {
      const command = new PutCommand({ TableName, Item: { ...item, [PK]: key }, ...inputOf(expressions) });
      return (await answerOf('PutItem', documents.send(command))) !== undefined;
    },
    async update(key, UpdateExpression, expressions) {
      const input = { TableName, Key: { [PK]: key }, UpdateExpression, ...inputOf(expressions) };
      const command = new UpdateCommand({ ...input, ReturnValues: 'ALL_NEW' });
      return (await answerOf('UpdateItem', documents.send(command)))?.Attributes;
    },
    async delete(key, expressions) {
      const command = new DeleteCommand({ TableName, Key: { [PK]: key }, ...inputOf(expressions) });
      await answerOf('DeleteItem', documents.send(command));
    },
    async query(query) {
      const answer = await answerOf('Query', documents.send(new QueryCommand({ TableName, ...query })));
      return { items: answer?.Items ?? [], count: answer?.Count ?? 0, lastKey: answer?.LastEvaluatedKey };
    },
  };
}

function inputOf({ condition, names, values }: Expressions) {
  return present({
    ConditionExpression: condition,
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  });
}

/**
 * The table's answer, or `undefined` where the command's condition did not hold.
 *
 * @throws LedgerUnavailable for every other error, after the client's own retries. It names operation and error only: the
 * SDK's messages may quote items, and its error objects hold the request.
 */
async function answerOf<Answer>(operation: string, sent: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await sent;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw new LedgerUnavailable(`The ledger table did not answer ${operation} (${errorName(error)}).`);
  }
}
