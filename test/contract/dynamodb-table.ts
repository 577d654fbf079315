import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { createLedgerTable } from '../support/ledger-table.ts';

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
      await createLedgerTable(client, TableName);
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
