import { type Attribute, AttributeType, BillingMode, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';
import { acknowledge } from '../acknowledge.ts';
import { propertiesOf } from '../properties-of.ts';
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

/** What a table of the app lacks to be a ledger, where each function would fail with its first call. */
function shapeProblems(table: ITable): string[] {
  const properties = propertiesOf(table);
  if (properties === undefined) return [];
  const { AttributeDefinitions = [], GlobalSecondaryIndexes = [], KeySchema = [] } = properties;
  const types = new Map<string, string>(AttributeDefinitions.map(Object.values));
  const keys = (schema: readonly { AttributeName: string }[]) =>
    schema.map(({ AttributeName }) => `${AttributeName} (${types.get(AttributeName)})`).join(', ');
  const { byState, byUploadId, partitionKey } = LEDGER_TABLE;
  const found = new Map<string, string>([['', keys(KeySchema)]]);
  for (const { IndexName, KeySchema, Projection } of GlobalSecondaryIndexes) {
    if (Projection.ProjectionType === 'ALL') found.set(IndexName, keys(KeySchema));
  }
  const needed = [
    ['', `${partitionKey} (S)`],
    [byState.indexName, `${byState.partitionKey} (S), ${byState.sortKey} (N)`],
    [byUploadId.indexName, `${byUploadId.partitionKey} (S)`],
  ] as const;
  const lacking = needed
    .filter(([name, its]) => found.get(name) !== its)
    .map(([name, its]) => (name === '' ? `the key ${its}` : `the index ${name} of all attributes with the key ${its}`));
  return lacking.length === 0
    ? []
    : [
        `the table ${table.node.path} is not the ledger of a drop: it lacks ${lacking.join(', ')}. Give the prop ledger of another drop, or ` +
          'leave ledgerTable out',
      ];
}
