import { type Attribute, AttributeType, BillingMode, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';
import { acknowledge } from '../acknowledge.ts';
import { templateProperties } from '../template-properties.ts';
import { removalPolicyOf } from './removal-policy.ts';

const text = (name: string): Attribute => ({ name, type: AttributeType.STRING });
const number = (name: string): Attribute => ({ name, type: AttributeType.NUMBER });

/** The table behind ledger and pacer, in the shape that their adapters define: a new one, or that of another or a former drop. */
export class LedgerTable extends Construct {
  readonly table: ITable;

  /** @param isRehearsal of which nothing is left */
  constructor(scope: Construct, id: string, isRehearsal: boolean, existing?: ITable) {
    super(scope, id);
    this.table = existing ?? (this.createTable(isRehearsal) as ITable);
    if (existing !== undefined) this.node.addValidation({ validate: () => shapeProblems(existing) });
  }

  private createTable(isRehearsal: boolean): Table {
    const { partitionKey, timeToLive, byState, byUploadId } = LEDGER_TABLE;
    // Not TableV2: a global table even in one region, which emulators know less well.
    const table = new Table(this, 'Table', {
      partitionKey: text(partitionKey),
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: !isRehearsal },
      timeToLiveAttribute: timeToLive,
      // Only it knows which builds were accepted: if it went with the stack, late duplicates would be submitted again. A later
      // stack adopts it with the setting ledgerTableName or the prop ledgerTable.
      removalPolicy: removalPolicyOf(isRehearsal),
    });
    if (isRehearsal) {
      const why = 'With it AWS would keep a backup of the table for 35 days after its deletion.';
      acknowledge(table, 'AwsSolutions-DDB3', why);
    }
    table.addGlobalSecondaryIndex({
      indexName: byState.indexName,
      partitionKey: text(byState.partitionKey),
      sortKey: number(byState.sortKey),
    });
    const { indexName } = byUploadId;
    table.addGlobalSecondaryIndex({ indexName, partitionKey: text(byUploadId.partitionKey) });
    return table;
  }
}

/** Of a table of the app: another shape would fail each build. */
function shapeProblems(table: ITable): string[] {
  const properties = templateProperties(table.node.defaultChild);
  if (properties === undefined) return [];
  const { byState, byUploadId, partitionKey } = LEDGER_TABLE;
  const keys = JSON.stringify(properties.KeySchema);
  const indexes = JSON.stringify(properties.GlobalSecondaryIndexes ?? []);
  const isLedger =
    keys === JSON.stringify([{ AttributeName: partitionKey, KeyType: 'HASH' }]) &&
    [byState, byUploadId].every(({ indexName }) => indexes.includes(`"${indexName}"`));
  return isLedger ? [] : [`${table.node.path} is no ledger: give the \`ledger\` of another StreampixelDrop`];
}
