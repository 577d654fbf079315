import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { TestContext } from 'vitest';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { openTable } from '../../functions/adapters/dynamodb-table.ts';
import { type FollowMessage, parseFollowMessage } from '../../functions/domain/follow/follow-message.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import type { Ledger, Pacer } from '../../functions/domain/ports.ts';
import { DEFAULT_STACK_NAME, type DeployedSettings, OUTPUTS } from '../../infra/outputs/outputs.ts';
import { LOCAL_ACCOUNT_ID, LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { type Gateway, startGateway } from '../../local/aws/gateway.ts';
import { createLedgerTable } from '../support/ledger-table.ts';
import { ROUTE } from '../support/world.ts';

export const TOKEN_PARAMETER = '/drop/webhook-token';
export const WEBHOOK_URL = 'https://hooks.example/stack';

/** A stack without workers: builds stay as a test has put them, and what the tool sends stays where it has sent it. */
export interface QuietStack {
  readonly port: number;
  readonly ledger: Ledger;
  readonly pacer: Pacer;
  readonly gateway: Gateway;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  readonly ssm: SSMClient;
  /** Changes the settings of the stack, and its outputs by their ids. */
  deploy(settings: Partial<DeployedSettings>, outputs?: Readonly<Record<string, string>>): void;
  /** Makes another stack, with drops: what the outputs of each are, where they are not as those of this stack. */
  deployDrops(name: string, drops: Readonly<Record<string, Readonly<Record<string, string>>>>): void;
  urlOf(queue: string): string;
  /** Puts builds into the ledger as they are. */
  put(...entries: readonly LedgerEntry[]): Promise<void>;
  /** Changes a build as a worker would. */
  change(id: string, work: (entry: LedgerEntry) => LedgerEntry): Promise<void>;
  /** Messages in the follow queue. */
  requests(): readonly (FollowMessage | undefined)[];
  /** Puts a message into the follow queue's dead-letter queue. */
  failToFollow(body: string): Promise<void>;
  /** The value of the parameter with the webhooks' tokens. */
  token(): Promise<string | undefined>;
  storeToken(value: string, type?: 'String' | 'SecureString'): Promise<void>;
}

export const [BUILDS, DEAD_LETTERS] = ['builds', 'builds-dead-letters'] as const;
/** The drop bucket: that of the builds that tests make. */
export const BUCKET = 'drop';
/** After so many receives a message is moved to the dead-letter queue. */
export const MAX_RECEIVES = 100;
const [FOLLOW, FOLLOW_DEAD_LETTERS] = ['follow', 'follow-dead-letters'];

/** @param onTestFinished of the test's own context: beside others the imported one may belong to another test */
export async function openQuietStack(
  onTestFinished: TestContext['onTestFinished'],
  routes: readonly Route[] = [ROUTE],
  changes: Partial<DeployedSettings> = {},
): Promise<QuietStack> {
  const directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-test-'));
  const gateway = await startGateway({
    port: 0,
    region: LOCAL_REGION,
    objectsDirectory: directory,
    credentials: [LOCAL_CREDENTIALS],
    onObjectCreated() {},
    onPublished() {},
    onBusEvent() {},
  });
  const client = { endpoint: gateway.endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS };
  const [dynamoDb, sqs, ssm] = [new DynamoDBClient(client), new SQSClient(client), new SSMClient(client)];
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  onTestFinished(async () => {
    for (const each of [dynamoDb, s3, sqs, ssm]) each.destroy();
    await gateway.close();
    await rm(directory, { recursive: true });
  });

  const arnOf = (name: string) => `arn:aws:sqs:${LOCAL_REGION}:${LOCAL_ACCOUNT_ID}:${name}`;
  const urlOf = (name: string) => `${gateway.endpoint}/${LOCAL_ACCOUNT_ID}/${name}`;
  const redriveTo = (name: string) => ({
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arnOf(name), maxReceiveCount: MAX_RECEIVES }),
  });
  const kept = { MessageRetentionPeriod: '1209600' };
  for (const [QueueName, Attributes] of [
    [DEAD_LETTERS, kept],
    [BUILDS, redriveTo(DEAD_LETTERS)],
    [FOLLOW_DEAD_LETTERS, kept],
    [FOLLOW, redriveTo(FOLLOW_DEAD_LETTERS)],
  ] as const) {
    await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
  }
  const TableName = 'ledger';
  await createLedgerTable(dynamoDb, TableName);
  const settings: DeployedSettings = {
    routes,
    prefix: '',
    streampixelBaseUrl: gateway.endpoint,
    intervalSeconds: 121,
    webhookTokenParameter: TOKEN_PARAMETER,
    ...changes,
  };
  const { deliveryBucketPolicy, deliveryKmsKeyPolicy, distribution, ...always } = OUTPUTS;
  const outputs = {
    ...Object.fromEntries(Object.values(always).map((id) => [id, id])),
    [OUTPUTS.dropBucketName]: BUCKET,
    [OUTPUTS.buildsQueueUrl]: urlOf(BUILDS),
    [OUTPUTS.deadLetterQueueUrl]: urlOf(DEAD_LETTERS),
    [OUTPUTS.followQueueUrl]: urlOf(FOLLOW),
    [OUTPUTS.ledgerTableName]: TableName,
    [OUTPUTS.webhookUrl]: WEBHOOK_URL,
    [OUTPUTS.settings]: JSON.stringify(settings),
  };
  gateway.describeStack(DEFAULT_STACK_NAME, outputs);
  // It announces nothing: only the tool submits.
  gateway.createBucket({ name: BUCKET, notifications: [], eventPatterns: [] });
  const table = openTable(dynamoDb, TableName);
  const ledger = createDynamoDbLedger(table);

  return {
    port: gateway.port,
    ledger,
    pacer: createDynamoDbPacer(table, { intervalMs: settings.intervalSeconds * 1_000 }),
    gateway,
    sqs,
    s3,
    ssm,
    urlOf,
    deploy(changes, others = {}) {
      const deployed = JSON.stringify({ ...settings, ...changes });
      gateway.describeStack(DEFAULT_STACK_NAME, { ...outputs, [OUTPUTS.settings]: deployed, ...others });
    },
    deployDrops(name, drops) {
      const each = Object.entries(drops).flatMap(([drop, own]) =>
        Object.entries({ ...outputs, ...own }).map(([id, value]) => [`${drop}${id}`, value]),
      );
      gateway.describeStack(name, Object.fromEntries(each));
    },
    async put(...entries) {
      for (const entry of entries) await ledger.save(entry);
    },
    async change(id, work) {
      const entry = await ledger.find(id);
      if (entry === undefined) throw new Error(`the ledger does not know ${id}`);
      await ledger.save(work(entry));
    },
    requests: () => gateway.peek(FOLLOW).map(({ body }) => parseFollowMessage(body)),
    async failToFollow(MessageBody) {
      await sqs.send(new SendMessageCommand({ QueueUrl: urlOf(FOLLOW_DEAD_LETTERS), MessageBody }));
    },
    async token() {
      const command = new GetParameterCommand({ Name: TOKEN_PARAMETER, WithDecryption: true });
      return (await ssm.send(command)).Parameter?.Value;
    },
    async storeToken(Value, Type = 'SecureString') {
      await ssm.send(new PutParameterCommand({ Name: TOKEN_PARAMETER, Value, Type, Overwrite: true }));
    },
  };
}
