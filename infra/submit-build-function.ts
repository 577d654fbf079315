import { join } from 'node:path';
import { Arn, ArnFormat, Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { LEDGER_TABLE } from '../functions/adapters/ledger-table.ts';
import { EVENT_SOURCE } from '../functions/domain/telemetry.ts';
import { acknowledgeWildcard } from './acknowledge.ts';
import { BUILDS_RETENTION, type BuildsQueue } from './builds-queue.ts';
import type { Settings } from './config.ts';
import type { DropBucket } from './drop-bucket.ts';
import type { LedgerTable } from './ledger-table.ts';
import { submitBuildEnvironment } from './submit-build-environment.ts';

/** Time for a batch, whose builds are handled side by side: a few short AWS calls and one to the vendor each. */
export const SUBMIT_BUILD_TIMEOUT = Duration.seconds(60);

const PROJECT_ROOT = join(import.meta.dirname, '..');

export interface SubmitBuildFunctionProps {
  readonly settings: Settings;
  readonly bucket: DropBucket;
  readonly buildsQueue: BuildsQueue;
  readonly ledger: LedgerTable;
  readonly topic: ITopic;
}

interface Permission {
  readonly sid: string;
  readonly actions: string[];
  readonly resources: string[];
  readonly conditions?: Record<string, Record<string, string | string[]>>;
  /** Where a resource is a wildcard: the reason, for cdk-nag and for whoever reviews the role. */
  readonly why?: string;
}

/** The function that takes builds from the queue to Streampixel, its log, its role and its event source. */
export class SubmitBuildFunction extends Construct {
  readonly function: NodejsFunction;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: SubmitBuildFunctionProps) {
    super(scope, id);
    const { settings, buildsQueue, ledger, topic } = props;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: settings.logRetentionDays,
      // What has to outlive the stack is in the ledger.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Made here because the one CDK would make gets an AWS managed policy that allows writing to every log group.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup.grantWrite(role);
    acknowledgeWildcard(
      role,
      '*',
      'X-Ray knows no resources: the two actions that tracing needs can only be allowed on "*".',
    );
    for (const { why, ...statement } of this.permissions(props)) {
      role.addToPolicy(new PolicyStatement(statement));
      if (why !== undefined) for (const resource of statement.resources) acknowledgeWildcard(role, resource, why);
    }

    this.function = new NodejsFunction(this, 'Function', {
      description: 'Submits builds dropped in S3 to Streampixel',
      entry: join(PROJECT_ROOT, 'functions', 'submit-build', 'handler.ts'),
      projectRoot: PROJECT_ROOT,
      depsLockFilePath: join(PROJECT_ROOT, 'package-lock.json'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      bundling: {
        format: OutputFormat.ESM,
        target: 'node24',
        // The SDK that was tested, and 330 KB less of it than the packages' CommonJS builds would bring.
        bundleAwsSDK: true,
        mainFields: ['module', 'main'],
        // Without source maps: they would be larger than the code, and every cold start would load them.
        minify: true,
      },
      timeout: SUBMIT_BUILD_TIMEOUT,
      // Assumed, not measured: a bundle of half a MB and no payload in memory. CPU grows with it, and so the cold start shrinks.
      memorySize: 512,
      // No reserved concurrency: an account that is new has 10 in all and may reserve none, so the deployment would fail.
      environment: submitBuildEnvironment(settings, {
        buildsQueueUrl: buildsQueue.queue.queueUrl,
        messageRetentionS: BUILDS_RETENTION.toSeconds(),
        deadLetterQueueUrl: buildsQueue.deadLetterQueue.queueUrl,
        ledgerTable: ledger.table.tableName,
        alertTopicArn: topic.topicArn,
      }),
      tracing: Tracing.ACTIVE,
      // The function writes its own JSON lines; Lambda's JSON format would wrap them in a second layer.
      loggingFormat: LoggingFormat.TEXT,
      logGroup: this.logGroup,
      role,
    });
    this.function.addEventSource(
      new SqsEventSource(buildsQueue.queue, {
        batchSize: 10,
        reportBatchItemFailures: true,
        maxConcurrency: settings.maxConcurrency,
        // No filters: Lambda deletes the messages that don't match, and nothing may be lost unseen.
      }),
    );
  }

  /** What CDK does not grant by itself (it does X-Ray, the log and consuming the queue), each for one purpose. */
  private permissions({ settings, bucket, buildsQueue, ledger, topic }: SubmitBuildFunctionProps): Permission[] {
    const stack = Stack.of(this);
    const builds = `${settings.prefix}*`;
    const parameterArns = apiKeyParameters(settings).map((name) =>
      // The slash that separates name and type in the ARN is the name's first.
      Arn.format({ service: 'ssm', resource: `parameter${name}`, arnFormat: ArnFormat.NO_RESOURCE_NAME }, stack),
    );
    const permissions: Permission[] = [
      {
        sid: 'SendDeadLetters',
        actions: ['sqs:SendMessage'],
        resources: [buildsQueue.deadLetterQueue.queueArn],
      },
      {
        sid: 'KeepLedger',
        actions: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
        resources: [ledger.table.tableArn],
      },
      {
        sid: 'CountWaitingBuilds',
        // How many builds a refused key has stopped, for the alert.
        actions: ['dynamodb:Query'],
        resources: [`${ledger.table.tableArn}/index/${LEDGER_TABLE.byState.indexName}`],
      },
      {
        sid: 'SendAlerts',
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
      },
      {
        sid: 'EmitEvents',
        actions: ['events:PutEvents'],
        resources: [Arn.format({ service: 'events', resource: 'event-bus', resourceName: 'default' }, stack)],
        conditions: { StringEquals: { 'events:source': EVENT_SOURCE } },
      },
      {
        sid: 'ReadApiKeys',
        // Not what grantRead gives: GetParameterHistory would show former keys.
        actions: ['ssm:GetParameter'],
        resources: parameterArns,
      },
      {
        sid: 'DecryptApiKeys',
        actions: ['kms:Decrypt'],
        resources: [Arn.format({ service: 'kms', resource: 'key', resourceName: '*' }, stack)],
        conditions: {
          StringEquals: {
            'kms:ViaService': `ssm.${Aws.REGION}.${Aws.URL_SUFFIX}`,
            'kms:EncryptionContext:PARAMETER_ARN': parameterArns,
          },
        },
        why:
          'For an API key under a customer managed KMS key, of which the stack is not told. The conditions leave what SSM decrypts ' +
          "for these parameters. (Under the default key aws/ssm it is not used: that key's policy lets the whole account decrypt through SSM.)",
      },
      {
        sid: 'ReadBuilds',
        actions: ['s3:GetObject', 's3:GetObjectVersion'],
        resources: [`${bucket.bucketArn}/${builds}`],
        why: 'Keys are chosen by whoever drops a build: all that is known of them is the watched prefix.',
      },
      {
        sid: 'TellMissingBuilds',
        // Nothing is listed. Without it S3 answers 403 instead of 404 for a key that is gone, and a missing build would pass for
        // an unreadable one. The key that was asked for counts as the prefix here.
        actions: ['s3:ListBucket'],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': builds } },
      },
    ];
    if (settings.bucketKmsKeyArn !== undefined) {
      permissions.push({
        sid: 'DecryptBuilds',
        // KMS asks whether the signer of a presigned URL may decrypt, not whoever fetches it.
        actions: ['kms:Decrypt'],
        resources: [settings.bucketKmsKeyArn],
        conditions: { StringEquals: { 'kms:ViaService': `s3.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
      });
    }
    return permissions;
  }
}

/** The distinct parameters that the routes name, in their order. */
export function apiKeyParameters(settings: Settings): readonly string[] {
  return [...new Set(settings.routes.map(({ apiKeyParameter }) => apiKeyParameter))];
}
