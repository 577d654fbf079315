import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { defineLedgerContract } from '../contract/ledger-contract.ts';
import { definePacerContract } from '../contract/pacer-contract.ts';
import { SimulatedTable } from '../simulation/simulated-table.ts';

// The adapters do on the simulated table what they do on DynamoDB's wire protocol: it may stand in for it in virtual time.
defineLedgerContract('DynamoDB ledger on the simulated table', () => createDynamoDbLedger(new SimulatedTable()), {
  runs: 50,
});
definePacerContract(
  'DynamoDB pacer on the simulated table',
  (settings) => createDynamoDbPacer(new SimulatedTable(), settings),
  { runs: 200 },
);
