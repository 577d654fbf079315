import { sep } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { openTable } from '../../functions/adapters/dynamodb-table.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { type CommandTarget, operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { readDeployedSettings } from '../../infra/outputs/deployed-settings.ts';
import { DEFAULT_STACK_NAME, dropsIn, OUTPUTS } from '../../infra/outputs/outputs.ts';
import { rehearsalName } from '../../infra/settings/rehearsal.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { OperatorError } from '../operator-error.ts';
import { callerName } from './caller.ts';
import { stackNameHere } from './project-settings.ts';
import { createAgents } from './proxy.ts';

/** Where to find the drop. */
export interface StackOptions {
  readonly stack?: string;
  readonly region?: string;
  /** Of a stack that holds several. */
  readonly drop?: string;
  /** The file of settings that names it. */
  readonly settings?: string;
  /** Port of the embedded stack. */
  readonly local?: number;
  /** The stack that rehearses the one that is meant. */
  readonly rehearsal?: true;
}

/** The endpoint of the clients, where it is not AWS's own. */
export function endpointOf({ local }: StackOptions): string | undefined {
  return local === undefined ? process.env.AWS_ENDPOINT_URL || undefined : `http://127.0.0.1:${local}`;
}

/**
 * The name that is meant: by default that of the stack that `cdk deploy` makes in this directory; on the embedded stack, which is
 * alone at its port, whatever there is.
 *
 * @throws OperatorError where the file of settings does not say it
 */
function nameOf({ local, rehearsal, settings, stack }: StackOptions): string | undefined {
  if (stack !== undefined || local !== undefined) return stack;
  const name = stackNameHere(settings) ?? DEFAULT_STACK_NAME;
  return rehearsal === true ? rehearsalName(name) : name;
}

/**
 * The stack that printed commands act on, as far as the command line says it.
 *
 * @param separator of the system's paths
 */
export function targetOf({ drop, local, region, settings: file, stack }: StackOptions, separator = sep): CommandTarget {
  const settings = file && withSlashes(file, separator);
  return local === undefined ? { stack, region, drop, settings } : { local };
}

/** A path for a printed command: a slash is good everywhere, and a backslash needs other quotes in each shell. */
export function withSlashes(path: string, separator = sep): string {
  return path.replaceAll(separator, '/');
}

/** Longest that a connection may take, in ms; by itself the SDK waits for ever. */
const CONNECTION_TIMEOUT_MS = 10_000;
/** Longest that nothing may come and go on a connection, in ms. Not the time of a whole request: a part of an upload may take minutes. */
const IDLE_TIMEOUT_MS = 60_000;

/** Where the SDK's clients find the services, and how they connect. */
export function clientConfig(options: StackOptions, agents = createAgents()) {
  const requestHandler = { ...agents, connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS };
  const connections = {
    requestHandler,
    // A sign-on by SSO has clients of its own.
    credentialDefaultProvider: (init: object) => defaultProvider({ ...init, clientConfig: { requestHandler } }),
  };
  if (options.local !== undefined) {
    const endpoint = endpointOf(options);
    return present({ ...connections, endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
  }
  // The JavaScript SDK does not read AWS_DEFAULT_REGION, which the AWS CLI reads.
  const region = options.region ?? (process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION || undefined);
  return present({ ...connections, region });
}

/** Code of the error where there is no such stack. */
export const NO_STACK = 'NoStack';

/** Of each call, with pauses that grow to 20 s. */
const S3_ATTEMPTS = 10;

/** A deployed stack: what its outputs say, and clients for its parts. */
export type Stack = Readonly<Awaited<ReturnType<typeof findStack>>>;

/**
 * Finds the stack by its outputs.
 *
 * @throws OperatorError where there is none, or one of an older version; otherwise the SDK's errors
 */
export async function findStack(options: StackOptions) {
  const agents = createAgents();
  const config = clientConfig(options, agents);
  const cloudFormation = new CloudFormationClient(config);
  const deployed = await readDeployed(cloudFormation, options);
  const clients = {
    cloudFormation,
    dynamoDb: new DynamoDBClient(config),
    lambda: new LambdaClient(config),
    // Emulators have no wildcard DNS for buckets. An upload of hours lives through more than two bad answers in a row.
    s3: new S3Client({ ...config, forcePathStyle: endpointOf(options) !== undefined, maxAttempts: S3_ATTEMPTS }),
    sns: new SNSClient(config),
    // By default the client prefers the host of the queue's URL to the endpoint.
    sqs: new SQSClient({ ...config, useQueueUrlAsEndpoint: false }),
    ssm: new SSMClient(config),
    sts: new STSClient(config),
  };
  return {
    ...deployed,
    /** How it was found. */
    options,
    /** For calls that are none of AWS's. */
    agents,
    ledger: createDynamoDbLedger(openTable(clients.dynamoDb, deployed.ledgerTable)),
    clients,
    /** Name of the person who runs the tool; `undefined` where AWS does not say. */
    caller: () => callerName(clients.sts),
  };
}

/**
 * The stack as it is deployed now, with the same clients.
 *
 * @throws as {@link findStack}
 */
export async function findStackAgain(stack: Stack): Promise<Stack> {
  const deployed = await readDeployed(stack.clients.cloudFormation, stack.options);
  return {
    ...stack,
    ...deployed,
    ledger: createDynamoDbLedger(openTable(stack.clients.dynamoDb, deployed.ledgerTable)),
  };
}

/** What a deployment has made, by its outputs. */
async function readDeployed(cloudFormation: CloudFormationClient, options: StackOptions) {
  const isLocal = options.local !== undefined;
  const { name, outputs, status } = await describeStack(cloudFormation, options);
  const region = await cloudFormation.config.region();
  const prefix = chosenDrop(dropsIn(outputs), options.drop, (drop) => targetIn(name, region, drop));
  const commands = operatorCommands(
    isLocal ? targetOf(options) : targetIn(name, region, prefix),
    options.settings && withSlashes(options.settings),
  );

  function output(id: string): string {
    const value = outputs.get(`${prefix}${id}`);
    if (value !== undefined) return value;
    throw new OperatorError(
      'OldStack',
      `The stack ${name} has no output ${prefix}${id}: it is another stack, or of an older version.`,
      `Name the right one: --stack NAME. Or deploy it again with this version of the project: ${commands.deploy()}`,
    );
  }

  return {
    name,
    /** The drop in the stack, where it has a name of its own there. */
    drop: prefix === '' ? undefined : prefix,
    region,
    /** Commands to print: each acts on this stack. */
    commands,
    /** On this machine: the embedded stack lacks some of AWS's services. */
    isLocal,
    /** On another emulator, which may lack some of AWS's events. */
    isEmulated: endpointOf(options) !== undefined && !isLocal,
    /** How its last change went, by CloudFormation. */
    status,
    bucket: output(OUTPUTS.dropBucketName),
    buildsQueueUrl: output(OUTPUTS.buildsQueueUrl),
    deadLetterQueueUrl: output(OUTPUTS.deadLetterQueueUrl),
    followQueueUrl: output(OUTPUTS.followQueueUrl),
    /** Where webhooks go, without `/<projectId>/<token>`. */
    webhookUrl: output(OUTPUTS.webhookUrl),
    ledgerTable: output(OUTPUTS.ledgerTableName),
    alertTopicArn: output(OUTPUTS.alertTopicArn),
    submitBuildFunction: output(OUTPUTS.submitBuildFunctionName),
    /** An output that not every stack has. */
    optionalOutput: (id: string) => outputs.get(`${prefix}${id}`),
    settings: readDeployedSettings(output),
  };
}

/** What `--drop` calls the drop whose outputs have nothing before their ids. */
const DEFAULT_DROP = 'Default';

function targetIn(stack: string, region: string, drop: string): CommandTarget {
  return drop === '' ? { stack, region } : { stack, region, drop };
}

/**
 * The drop that is meant: the one that is asked for, else the only one. Without either the one with no name of its own, so that
 * commands that were printed before there were others still act on it.
 *
 * @param target of the commands for a drop
 * @throws OperatorError where it is not clear which one is meant
 */
export function chosenDrop(
  drops: readonly string[],
  wanted: string | undefined,
  target: (drop: string) => CommandTarget,
): string {
  // As the outputs have it: a path in the stack, such as Team/Builds, without what is no letter or digit.
  const asked = wanted === DEFAULT_DROP ? '' : wanted?.replace(/[^A-Za-z0-9]/g, '');
  const [first = '', ...others] = drops;
  if (asked === undefined && (others.length === 0 || first === '')) return first;
  if (asked !== undefined && (drops.includes(asked) || (asked === '' && drops.length === 0))) return asked;
  const named = drops.map((drop) => drop || DEFAULT_DROP);
  const list = drops.map((drop, index) => `${named[index]}: ${operatorCommands(target(drop)).status()}`);
  if (asked === undefined) {
    throw new OperatorError(
      'SeveralDrops',
      `The stack has ${drops.length} drops: ${named.join(', ')}.`,
      ['Choose one with --drop:', ...list].join('\n'),
    );
  }
  throw new OperatorError(
    'NoDrop',
    `The stack has no drop ${wanted}.`,
    drops.length === 0 ? 'Leave --drop out, or name another stack: --stack NAME.' : ['There are:', ...list].join('\n'),
  );
}

/** By the stack's name or ARN; without it, the only one there is. */
async function describeStack(client: CloudFormationClient, options: StackOptions) {
  const wanted = nameOf(options);
  try {
    const { Stacks: [stack] = [] } = await client.send(new DescribeStacksCommand({ StackName: wanted }));
    if (stack === undefined) {
      throw new OperatorError(NO_STACK, 'There is no stack yet.', 'Wait until npm start has deployed it.');
    }
    const { Outputs = [], StackName: name = '', StackStatus: status = 'unknown' } = stack;
    const outputs = Outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue] as const);
    return { name, outputs: new Map(outputs), status };
  } catch (error) {
    if (!(error instanceof Error && /does not exist/.test(error.message))) throw error;
    const region = await client.config.region();
    const deploy = operatorCommands(targetOf(options)).deploy(options.rehearsal === true ? ['rehearsal=true'] : []);
    const remedy = `Name another one: --stack NAME, --region REGION, AWS_PROFILE. Or deploy it: ${deploy}`;
    throw new OperatorError(NO_STACK, `There is no stack ${wanted} in ${region}, in this AWS account.`, remedy);
  }
}
