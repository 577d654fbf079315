import { Aws, Duration, Stack } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { LEDGER_TABLE } from '../functions/adapters/ledger-table.ts';
import type { BuildsQueue } from './builds-queue.ts';
import type { Settings } from './config.ts';
import type { DropBucket } from './drop-bucket.ts';
import type { LedgerTable } from './ledger-table.ts';
import { type Permission, readApiKeys, tellOf } from './permissions.ts';
import { submitBuildEnvironment } from './submit-build-environment.ts';
import { WorkerFunction } from './worker-function.ts';
import { QUEUE_RETENTION } from './worker-queue.ts';

/** Time for a batch, whose builds are handled side by side: a few short AWS calls and one to the vendor each. */
export const SUBMIT_BUILD_TIMEOUT = Duration.seconds(60);

export interface SubmitBuildFunctionProps {
  readonly settings: Settings;
  readonly bucket: DropBucket;
  readonly buildsQueue: BuildsQueue;
  readonly ledger: LedgerTable;
  readonly topic: ITopic;
}

/** The function that takes builds from the queue to Streampixel, and its event source. */
export class SubmitBuildFunction extends WorkerFunction {
  constructor(scope: Construct, id: string, props: SubmitBuildFunctionProps) {
    const { settings, buildsQueue, ledger, topic } = props;
    super(scope, id, {
      settings,
      name: 'submit-build',
      description: 'Submits builds dropped in S3 to Streampixel',
      timeout: SUBMIT_BUILD_TIMEOUT,
      // Measured with bench/memory-size.ts: memory brings CPU, and the knee is here. A build on a cold start is done in 1.7 s at
      // 256 MB, 0.55 s at 512 and 0.33 s at 1,024; of these it costs least at 512, and a warm build, which mostly waits, costs by the
      // MB. The process itself needs 100 MB.
      memorySize: 512,
      environment: submitBuildEnvironment(settings, {
        buildsQueueUrl: buildsQueue.queue.queueUrl,
        messageRetentionS: QUEUE_RETENTION.toSeconds(),
        deadLetterQueueUrl: buildsQueue.deadLetterQueue.queueUrl,
        ledgerTable: ledger.table.tableName,
        alertTopicArn: topic.topicArn,
      }),
      permissions: permissions(Stack.of(scope), props),
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
}

/** What CDK does not grant by itself (it does X-Ray, the log and consuming the queue), each for one purpose. */
function permissions(
  stack: Stack,
  { settings, bucket, buildsQueue, ledger, topic }: SubmitBuildFunctionProps,
): Permission[] {
  const builds = `${settings.prefix}*`;
  return [
    {
      sid: 'SendDeadLetters',
      actions: ['sqs:SendMessage'],
      resources: [buildsQueue.deadLetterQueue.queueArn],
    },
    {
      sid: 'KeepLedger',
      actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
      resources: [ledger.table.tableArn],
    },
    {
      sid: 'CountWaitingBuilds',
      // How many builds a refused key has stopped, for the alert.
      actions: ['dynamodb:Query'],
      resources: [`${ledger.table.tableArn}/index/${LEDGER_TABLE.byState.indexName}`],
    },
    ...tellOf(stack, topic),
    ...readApiKeys(stack, settings),
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
    ...(settings.bucketKmsKeyArn === undefined
      ? []
      : [
          {
            sid: 'DecryptBuilds',
            // KMS asks whether the signer of a presigned URL may decrypt, not whoever fetches it.
            actions: ['kms:Decrypt'],
            resources: [settings.bucketKmsKeyArn],
            conditions: { StringEquals: { 'kms:ViaService': `s3.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
          },
        ]),
  ];
}
