import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';

const { partitionKey, byState, byUploadId } = LEDGER_TABLE;

/** DynamoDB's wire protocol on loopback, and a client for it. */
export async function startDynamoDb() {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clients: DynamoDBClient[] = [];

  function newClient(): DynamoDBClient {
    const client = new DynamoDBClient({
      endpoint,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    clients.push(client);
    return client;
  }

  const client = newClient();
  return {
    client,
    newClient,
    /** Creates an empty table and answers its name. */
    async newTable(): Promise<string> {
      const TableName = `ledger-${randomUUID()}`;
      await client.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [
            { AttributeName: partitionKey, AttributeType: 'S' },
            { AttributeName: byState.partitionKey, AttributeType: 'S' },
            { AttributeName: byState.sortKey, AttributeType: 'N' },
            { AttributeName: byUploadId.partitionKey, AttributeType: 'S' },
          ],
          KeySchema: [{ AttributeName: partitionKey, KeyType: 'HASH' }],
          GlobalSecondaryIndexes: [
            {
              IndexName: byState.indexName,
              KeySchema: [
                { AttributeName: byState.partitionKey, KeyType: 'HASH' },
                { AttributeName: byState.sortKey, KeyType: 'RANGE' },
              ],
              Projection: { ProjectionType: 'ALL' },
            },
            {
              IndexName: byUploadId.indexName,
              KeySchema: [{ AttributeName: byUploadId.partitionKey, KeyType: 'HASH' }],
              Projection: { ProjectionType: 'ALL' },
            },
          ],
        }),
      );
      let status: string | undefined;
      // Even a table that takes no time to create is only there on a later turn of the event loop.
      while (status !== 'ACTIVE') {
        status = (await client.send(new DescribeTableCommand({ TableName }))).Table?.TableStatus;
      }
      return TableName;
    },
    async stop(): Promise<void> {
      for (const each of clients) each.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
