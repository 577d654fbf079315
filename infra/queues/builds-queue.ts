import { Aws, type Duration } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct, IDependable } from 'constructs';
import { WorkerQueue } from './worker-queue.ts';

/** The queue that S3 announces dropped builds to, and its dead-letter queue. */
export class BuildsQueue extends WorkerQueue {
  /** @param name of the drop */
  constructor(scope: Construct, id: string, name: string, consumerTimeout: Duration) {
    super(scope, id, `${name}-builds`, consumerTimeout);
  }

  /**
   * Lets S3 announce the objects of one bucket.
   *
   * @returns what has to exist before the bucket's notification is set: S3 checks the permission at once
   */
  allowNotificationsFrom(bucketArn: string): IDependable {
    const { policyDependable } = this.queue.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowS3Notifications',
        principals: [new ServicePrincipal('s3.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.queue.queueArn],
        conditions: {
          ArnEquals: { 'aws:SourceArn': bucketArn },
          // A bucket's ARN carries no account: once deleted, its name could belong to another account.
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
        },
      }),
    );
    if (policyDependable === undefined) throw new Error('the builds queue has no policy of its own');
    return policyDependable;
  }
}
