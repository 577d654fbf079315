import { Duration, Stack } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { LEDGER_TABLE } from '../functions/adapters/ledger-table.ts';
import { ENV, type EnvName } from '../functions/follow-builds/environment.ts';
import type { Settings } from './config.ts';
import type { DropBucket } from './drop-bucket.ts';
import type { FollowQueue } from './follow-queue.ts';
import type { LedgerTable } from './ledger-table.ts';
import { type Permission, readApiKeys, tellOf } from './permissions.ts';
import { WorkerFunction } from './worker-function.ts';

/** Time for a batch, whose messages are handled side by side: a few short AWS calls, a wait for a slot, a call to the vendor. */
export const FOLLOW_BUILDS_TIMEOUT = Duration.seconds(60);

export interface FollowBuildsFunctionProps {
  readonly settings: Settings;
  readonly bucket: DropBucket;
  readonly followQueue: FollowQueue;
  readonly ledger: LedgerTable;
  readonly topic: ITopic;
}

/** The function that follows builds at Streampixel to their end and releases them, and its event source. */
export class FollowBuildsFunction extends WorkerFunction {
  constructor(scope: Construct, id: string, props: FollowBuildsFunctionProps) {
    const { settings, followQueue, ledger, topic } = props;
    const environment: Record<EnvName, string> = {
      [ENV.routes]: JSON.stringify(settings.routes),
      [ENV.streampixelBaseUrl]: settings.streampixelBaseUrl,
      [ENV.intervalMs]: String(Math.round(settings.intervalSeconds * 1000)),
      [ENV.lateAfterMs]: String(settings.lateAfterMinutes * 60_000),
      [ENV.stuckAfterMs]: String(settings.stuckAfterMinutes * 60_000),
      [ENV.reconcile]: String(settings.reconcile),
      [ENV.tagObjects]: String(settings.tagObjects),
      [ENV.followQueueUrl]: followQueue.queue.queueUrl,
      [ENV.ledgerTable]: ledger.table.tableName,
      [ENV.alertTopicArn]: topic.topicArn,
      [ENV.alertFormat]: settings.alertFormat,
      [ENV.stackName]: settings.stackName,
    };
    super(scope, id, {
      settings,
      name: 'follow-builds',
      description: 'Follows builds at Streampixel to their end and releases them',
      timeout: FOLLOW_BUILDS_TIMEOUT,
      // As submit-build, whose work is of the same kind.
      memorySize: 512,
      environment,
      // Many short runs, each told in the log: traces would cost as much as all the rest.
      traced: false,
      permissions: permissions(Stack.of(scope), props),
    });
    this.function.addEventSource(
      new SqsEventSource(followQueue.queue, {
        batchSize: 10,
        reportBatchItemFailures: true,
        // The least there is: releases are paced, and nothing else waits for anything.
        maxConcurrency: 2,
      }),
    );
  }
}

/** What CDK does not grant by itself (it does X-Ray, the log and consuming the queue), each for one purpose. */
function permissions(
  stack: Stack,
  { settings, bucket, followQueue, ledger, topic }: FollowBuildsFunctionProps,
): Permission[] {
  const { byState, byUploadId } = LEDGER_TABLE;
  return [
    {
      sid: 'KeepLedger',
      actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
      resources: [ledger.table.tableArn],
    },
    {
      sid: 'FindBuilds',
      // By upload id; and by state, for the one whose answer was lost.
      actions: ['dynamodb:Query'],
      resources: [byState, byUploadId].map(({ indexName }) => `${ledger.table.tableArn}/index/${indexName}`),
    },
    {
      sid: 'OrderReleases',
      actions: ['sqs:SendMessage'],
      resources: [followQueue.queue.queueArn],
    },
    ...tellOf(stack, topic),
    ...readApiKeys(stack, settings),
    ...(settings.tagObjects
      ? [
          {
            sid: 'TagBuilds',
            actions: [
              's3:GetObjectTagging',
              's3:GetObjectVersionTagging',
              's3:PutObjectTagging',
              's3:PutObjectVersionTagging',
            ],
            resources: [`${bucket.bucketArn}/${settings.prefix}*`],
            why: 'Keys are chosen by whoever drops a build: all that is known of them is the watched prefix.',
          },
        ]
      : []),
  ];
}
