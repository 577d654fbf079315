import { Annotations, Aws, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  BucketNotificationDestinationType,
  type CfnBucket,
  EventType,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { BuildsQueue } from './builds-queue.ts';
import type { Settings } from './settings/schema.ts';

/** S3's filter is case-sensitive, as is Streampixel's rule that the URL's path must end so. */
const BUILD_SUFFIX = '.zip';

/** The bucket that builds are dropped in. It announces each `.zip` under the prefix to the builds queue. */
export class DropBucket extends Construct {
  readonly bucketName: string;
  readonly bucketArn: string;

  constructor(scope: Construct, id: string, { bucketName, prefix }: Settings, buildsQueue: BuildsQueue) {
    super(scope, id);
    // Named here rather than by CloudFormation: the queue's policy has to name the bucket before the bucket exists.
    this.bucketName = bucketName ?? `${Stack.of(this).stackName.toLowerCase()}-${Aws.ACCOUNT_ID}-${Aws.REGION}`;
    this.bucketArn = `arn:${Aws.PARTITION}:s3:::${this.bucketName}`;
    if (bucketName === undefined) this.createBucket(prefix, buildsQueue);
    else this.adoptBucket(prefix, buildsQueue);
  }

  private createBucket(prefix: string, buildsQueue: BuildsQueue): void {
    const bucket = new Bucket(this, 'Bucket', {
      bucketName: this.bucketName,
      // Keeps each drop apart: the presigned URL names the version that was announced, even if another is dropped over it meanwhile.
      versioned: true,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [
        {
          id: 'AbortStalledUploads',
          // The parts of an abandoned upload cost as much as a build; one of 30 GB may pause over a weekend.
          abortIncompleteMultipartUploadAfter: Duration.days(7),
        },
        {
          id: 'ExpireReplacedVersions',
          // Longer than a build can wait: 7 days in the builds queue and 14 in the dead-letter queue. Current versions stay.
          noncurrentVersionExpiration: Duration.days(30),
        },
      ],
      // The bucket outlives the stack under its name: a later stack takes it over with the setting bucketName.
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions::AwsSolutions-S1',
      reason:
        'Server access logs record request URIs with their query, and so the signatures of presigned URLs: ' +
        'the log would be a store of credentials. What was dropped is in the ledger; who did it, where wanted, in CloudTrail data events.',
    });
    const notified = buildsQueue.allowNotificationsFrom(this.bucketArn);
    const suffix = { name: 'suffix', value: BUILD_SUFFIX };
    const resource = bucket.node.defaultChild as CfnBucket;
    // On the resource itself: the L2's addEventNotification would bring a custom resource with a function and a wide role.
    resource.notificationConfiguration = {
      queueConfigurations: [
        {
          // Not only Put: a zip over 5 GB arrives as CompleteMultipartUpload.
          event: EventType.OBJECT_CREATED,
          queue: buildsQueue.queue.queueArn,
          filter: { s3Key: { rules: prefix === '' ? [suffix] : [{ name: 'prefix', value: prefix }, suffix] } },
        },
      ],
    };
    resource.node.addDependency(notified);
  }

  /** CloudFormation can't change an existing bucket, so CDK's custom resource adds the notification. */
  private adoptBucket(prefix: string, buildsQueue: BuildsQueue): void {
    const bucket = Bucket.fromBucketName(this, 'Bucket', this.bucketName);
    const notified = buildsQueue.allowNotificationsFrom(this.bucketArn);
    bucket.addEventNotification(
      EventType.OBJECT_CREATED,
      // Not CDK's SqsDestination: it adds a permission of its own that leaves out the account.
      {
        bind: () => ({
          arn: buildsQueue.queue.queueArn,
          type: BucketNotificationDestinationType.QUEUE,
          dependencies: [notified],
        }),
      },
      { ...(prefix === '' ? {} : { prefix }), suffix: BUILD_SUFFIX },
    );
    const handler = Stack.of(this).node.children.find(({ node }) => node.id.startsWith('BucketNotificationsHandler'));
    if (handler !== undefined) {
      Validations.of(handler).acknowledge({
        id: 'AwsSolutions::AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]',
        reason:
          "CDK's own function for bucket notifications: it runs at deployments only, and the managed policy lets it write its log. " +
          'What else it may do is limited to the notifications of this bucket.',
      });
    }
    Annotations.of(this).addInfo(
      `The notification is added to those that ${this.bucketName} has, by reading and writing them all without a lock. ` +
        'Do not deploy two stacks for one bucket at the same time, and let no other tool own its notifications.',
    );
  }
}
