import { CreateTableCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';

/** Creates an empty table in the shape that the adapters define, and waits until it is there. */
export async function createLedgerTable(client: DynamoDBClient, TableName: string): Promise<void> {
  const { byState, byUploadId, partitionKey } = LEDGER_TABLE;
  const Projection = { ProjectionType: 'ALL' } as const;
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
          Projection,
        },
        {
          IndexName: byUploadId.indexName,
          KeySchema: [{ AttributeName: byUploadId.partitionKey, KeyType: 'HASH' }],
          Projection,
        },
      ],
    }),
  );
  let status: string | undefined;
  // Even a table that takes no time to create is only there on a later turn of the event loop.
  while (status !== 'ACTIVE') {
    status = (await client.send(new DescribeTableCommand({ TableName }))).Table?.TableStatus;
  }
}
