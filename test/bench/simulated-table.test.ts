import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { defineLedgerContract } from '../contract/ledger-contract.ts';
import { definePacerContract } from '../contract/pacer-contract.ts';
import { SimulatedTable, type TableCommand } from '../simulation/simulated-table.ts';

// The adapters do on the simulated table what they do on DynamoDB's wire protocol: it may stand in for it in virtual time.
defineLedgerContract('DynamoDB ledger on the simulated table', () => createDynamoDbLedger(newClient(), 'table'), {
  runs: 50,
});
definePacerContract(
  'DynamoDB pacer on the simulated table',
  (settings) => createDynamoDbPacer(newClient(), 'table', settings),
  { runs: 200 },
);

function newClient(): DynamoDBClient {
  const table = new SimulatedTable();
  return { send: async (command: TableCommand) => table.execute(command) } as unknown as DynamoDBClient;
}
