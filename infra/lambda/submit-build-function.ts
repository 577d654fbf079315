import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';
import { ENV } from '../../functions/submit-build/environment.ts';
import { viaService } from '../access/kms-key.ts';
import {
  consumeMessages,
  keepLedger,
  onBuilds,
  readApiKeys,
  readParameters,
  sendNotifications,
} from '../access/permissions.ts';
import type { Resources } from '../resources.ts';
import { environmentOf } from './environment.ts';
import { type Permission, WorkerFunction } from './worker-function.ts';

/** Time for a batch, whose builds are handled side by side: a few short AWS calls and one to Streampixel each. */
export const SUBMIT_BUILD_TIMEOUT = Duration.seconds(60);

/** The function that takes builds from the queue to Streampixel. */
export class SubmitBuildFunction extends WorkerFunction {
  constructor(scope: Construct, id: string, resources: Resources) {
    const { settings, environment, buildsQueue } = resources;
    super(scope, id, {
      settings,
      name: 'submit-build',
      description: 'Submits builds dropped in S3 to Streampixel',
      timeout: SUBMIT_BUILD_TIMEOUT,
      // Memory brings CPU. A build on a cold start was measured to take 1.7 s at 256 MB, 0.55 s at 512 and 0.33 s at 1,024. Of these
      // 512 costs least; a warm build mostly waits and costs by the MB. The process itself needs 100 MB.
      memorySize: 512,
      environment: environmentOf(ENV, environment),
      routes: settings.routes,
      permissions: permissions(resources),
    });
    this.consume(buildsQueue.queue, settings.maxConcurrency);
  }
}

function permissions(resources: Resources): Permission[] {
  const { settings, bucket, buildsQueue, ledger, topic } = resources;
  return [
    consumeMessages(buildsQueue),
    { sid: 'SendDeadLetters', actions: ['sqs:SendMessage'], resources: [buildsQueue.deadLetterQueue.queueArn] },
    ...keepLedger(ledger),
    {
      sid: 'CountWaitingBuilds',
      // How many builds a refused key has stopped, for the alert.
      actions: ['dynamodb:Query'],
      resources: [`${ledger.table.tableArn}/index/${LEDGER_TABLE.byState.indexName}`],
    },
    ...sendNotifications(topic),
    ...readApiKeys(settings),
    // As long as there is a distribution: for the seconds of a change of delivery, workers of both kinds run.
    ...(settings.deliveryPublicKeys.length === 0 ? [] : readParameters('DeliveryKey', [settings.deliveryKeyParameter])),
    // With delivery cloudfront too, for the same seconds.
    onBuilds(resources, 'ReadBuilds', ['s3:GetObject', 's3:GetObjectVersion']),
    {
      sid: 'RecognizeMissingBuilds',
      // Nothing is listed. Without it S3 answers 403 instead of 404 for a key that does not exist, and a missing build would pass
      // for an unreadable one. The key that was asked for counts as the prefix here.
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: { StringLike: { 's3:prefix': `${settings.prefix}*` } },
    },
    ...(bucket.kmsKey === undefined
      ? []
      : [
          {
            sid: 'DecryptBuilds',
            // KMS asks whether the signer of a presigned URL may decrypt, not the client that fetches it.
            actions: ['kms:Decrypt'],
            resources: [bucket.kmsKey.keyArn],
            conditions: { StringEquals: viaService('s3') },
          },
        ]),
  ];
}
