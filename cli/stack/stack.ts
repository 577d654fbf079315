import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { openTable } from '../../functions/adapters/dynamodb-table.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { DEFAULT_STACK_NAME, type DeployedSettings, OUTPUTS } from '../../infra/outputs.ts';
import { projectContext } from '../../infra/settings/project-context.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { OperatorError } from '../operator-error.ts';

/** Where to find the stack. */
export interface StackOptions {
  readonly stack?: string;
  readonly region?: string;
  /** Port of the embedded stack. */
  readonly local?: number;
}

/** The endpoint of the clients, where it is not AWS's own. */
export function endpointOf({ local }: StackOptions): string | undefined {
  return local === undefined ? process.env.AWS_ENDPOINT_URL : `http://127.0.0.1:${local}`;
}

/** A deployed stack: what its outputs say, and clients for its parts. */
export type Stack = Readonly<Awaited<ReturnType<typeof findStack>>>;

/**
 * Finds the stack by its outputs.
 *
 * @throws OperatorError where there is none, or one of an older version; otherwise the SDK's errors
 */
export async function findStack(options: StackOptions) {
  const isLocal = options.local !== undefined;
  const endpoint = endpointOf(options);
  // The JavaScript SDK does not read AWS_DEFAULT_REGION, which the AWS CLI reads.
  const region = options.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  const config = isLocal
    ? present({ endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS })
    : present({ region });
  const cloudFormation = new CloudFormationClient(config);
  // By default the one that `cdk deploy` makes in this clone.
  const name = options.stack ?? String(projectContext().stackName ?? DEFAULT_STACK_NAME);
  const { outputs, status } = await describeStack(cloudFormation, name);

  function output(id: string): string {
    const value = outputs.get(id);
    if (value !== undefined) return value;
    const remedy = 'Deploy it again with this version of the project: npx cdk deploy.';
    throw new OperatorError('OldStack', `The stack ${name} has no output ${id}.`, remedy);
  }

  const clients = {
    cloudFormation,
    dynamoDb: new DynamoDBClient(config),
    lambda: new LambdaClient(config),
    // Emulators have no wildcard DNS for buckets.
    s3: new S3Client({ ...config, forcePathStyle: endpoint !== undefined }),
    sns: new SNSClient(config),
    // By default the client prefers the host of the queue's URL to the endpoint.
    sqs: new SQSClient({ ...config, useQueueUrlAsEndpoint: false }),
    ssm: new SSMClient(config),
  };
  const ledgerTable = output(OUTPUTS.ledgerTableName);
  return {
    name,
    region: await cloudFormation.config.region(),
    /** On this machine: the embedded stack lacks some of AWS's services. */
    isLocal,
    /** How its last change went, by CloudFormation. */
    status,
    bucket: output(OUTPUTS.dropBucketName),
    buildsQueueUrl: output(OUTPUTS.buildsQueueUrl),
    deadLetterQueueUrl: output(OUTPUTS.deadLetterQueueUrl),
    followQueueUrl: output(OUTPUTS.followQueueUrl),
    /** Where webhooks go, without `/<projectId>/<token>`. */
    webhookUrl: output(OUTPUTS.webhookUrl),
    ledgerTable,
    alertTopicArn: output(OUTPUTS.alertTopicArn),
    submitBuildFunction: output(OUTPUTS.submitBuildFunctionName),
    /** An output that not every stack has. */
    optionalOutput: (id: string) => outputs.get(id),
    /** What people are asked to run: for this stack. */
    commands: operatorCommands(
      options.local === undefined ? { stack: options.stack, region: options.region } : { local: options.local },
    ),
    settings: JSON.parse(output(OUTPUTS.settings)) as DeployedSettings,
    ledger: createDynamoDbLedger(openTable(clients.dynamoDb, ledgerTable)),
    clients,
  };
}

async function describeStack(client: CloudFormationClient, name: string) {
  try {
    const { Stacks: [stack] = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
    const outputs = stack?.Outputs?.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue] as const);
    return { outputs: new Map(outputs), status: stack?.StackStatus ?? 'unknown' };
  } catch (error) {
    if (!(error instanceof Error && /does not exist/.test(error.message))) throw error;
    const region = await client.config.region();
    const remedy = 'Deploy it (npx cdk deploy), or name another one: --stack NAME, --region REGION, AWS_PROFILE.';
    throw new OperatorError('NoStack', `There is no stack ${name} in ${region}, in this AWS account.`, remedy);
  }
}
