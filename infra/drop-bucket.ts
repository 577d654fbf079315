import { Annotations, Aws, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketPolicy,
  type CfnBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { BucketNotification } from './bucket-notification.ts';
import type { BuildsQueue } from './builds-queue.ts';
import type { Settings } from './settings/schema.ts';

/** S3's filter is case-sensitive, as is Streampixel's rule that the URL's path must end so. */
const BUILD_SUFFIX = '.zip';

/** The bucket that builds are dropped in. Each `.zip` under the prefix is announced to the builds queue. */
export class DropBucket extends Construct {
  readonly bucketName: string;
  readonly bucketArn: string;
  private readonly bucket: Bucket | undefined;

  constructor(scope: Construct, id: string, settings: Settings, buildsQueue: BuildsQueue) {
    super(scope, id);
    const { bucketEvents, bucketName } = settings;
    // Named here rather than by CloudFormation: the queue's policy has to name the bucket before the bucket exists.
    this.bucketName = bucketName ?? `${Stack.of(this).stackName.toLowerCase()}-${Aws.ACCOUNT_ID}-${Aws.REGION}`;
    this.bucketArn = `arn:${Aws.PARTITION}:s3:::${this.bucketName}`;
    this.bucket = bucketName === undefined ? this.createBucket() : undefined;
    if (bucketEvents === 'eventbridge') this.followEvents(settings, buildsQueue, this.bucket);
    else this.addNotification(settings, buildsQueue, this.bucket);
  }

  /** @returns the policy; `undefined` for an existing bucket, whose policy belongs to its owner */
  addToPolicy(statements: readonly PolicyStatement[]): BucketPolicy | undefined {
    for (const statement of statements) this.bucket?.addToResourcePolicy(statement);
    return this.bucket?.policy;
  }

  private createBucket(): Bucket {
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
      // The bucket outlives the stack under its name: a later stack adopts it with the setting bucketName. Where the first
      // deployment fails it goes, or its name would make the second one fail.
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    // It refuses plain HTTP, and has to do so for as long as the bucket exists.
    bucket.policy?.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions::AwsSolutions-S1',
      reason:
        'Server access logs record request URIs with their query, and so the signatures of presigned URLs: ' +
        'the log would be a store of credentials. What was dropped is in the ledger; who did it, where wanted, in CloudTrail data events.',
    });
    return bucket;
  }

  /** S3 sends to the queue by itself. */
  private addNotification(settings: Settings, buildsQueue: BuildsQueue, bucket: Bucket | undefined): void {
    const permission = buildsQueue.allowNotificationsFrom(this.bucketArn);
    new BucketNotification(this, 'Notification', {
      settings,
      bucketArn: this.bucketArn,
      notification: {
        BucketName: this.bucketName,
        QueueArn: buildsQueue.queue.queueArn,
        Prefix: settings.prefix,
        Suffix: BUILD_SUFFIX,
      },
      dependencies: bucket === undefined ? [permission] : [permission, bucket],
    });
    if (bucket !== undefined) return;
    Annotations.of(this).addInfo(
      `The notification is added to those that ${this.bucketName} has, by reading and writing them all without a lock. Do not ` +
        'deploy two stacks for one bucket at the same time. If another tool owns its notifications, set bucketEvents to eventbridge.',
    );
  }

  /** S3 sends to EventBridge, which sends to the queue. The bucket's notifications to others stay as they are. */
  private followEvents({ prefix }: Settings, buildsQueue: BuildsQueue, bucket: Bucket | undefined): void {
    const rule = new Rule(this, 'Dropped', {
      description: 'A build was dropped: it goes to the builds queue',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [this.bucketName] },
          // One condition: several of a list are alternatives. Settings allow neither `*` nor a backslash in the prefix.
          object: { key: [{ wildcard: `${prefix}*${BUILD_SUFFIX}` }] },
        },
      },
    });
    buildsQueue.takeEventsOf(rule);
    if (bucket === undefined) {
      Annotations.of(this).addInfo(
        `${this.bucketName} has to send its events to EventBridge: S3 console > the bucket > Properties > Amazon EventBridge > On.`,
      );
      return;
    }
    const resource = bucket.node.defaultChild as CfnBucket;
    // On the resource itself: the L2's eventBridgeEnabled would bring a custom resource with a function.
    resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
    // In a deployed stack this replaces the bucket's notifications, so the rule has to be there first.
    resource.node.addDependency(rule);
  }
}
