import { Annotations, Aspects, Aws, Duration, Stack, Token } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketPolicy,
  type CfnBucket,
  type IBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';
import { propertiesOf } from '../properties-of.ts';
import type { BuildsQueue } from '../queues/builds-queue.ts';
import type { Settings } from '../settings/schema.ts';
import { BucketNotification } from './bucket-notification.ts';
import { removalPolicyOf } from './removal-policy.ts';

/** An existing bucket, and the key that it is encrypted with. */
export interface ExistingBucket {
  readonly bucket?: IBucket | undefined;
  readonly kmsKey?: IKey | undefined;
}

/** S3's filter is case-sensitive, as is Streampixel's rule that the URL's path must end so. */
export const BUILD_SUFFIX = '.zip';

/** The bucket that builds are dropped in. Each `.zip` under the prefix is announced to the builds queue. */
export class DropBucket extends Construct {
  readonly bucket: IBucket;
  readonly bucketName: string;
  readonly bucketArn: string;
  /** The customer managed key that an existing bucket is encrypted with. */
  readonly kmsKey: IKey | undefined;

  constructor(scope: Construct, id: string, settings: Settings, buildsQueue: BuildsQueue, existing: ExistingBucket) {
    super(scope, id);
    // Named here rather than by CloudFormation: the queue's policy has to name the bucket before the bucket exists.
    this.bucketName =
      existing.bucket?.bucketName ?? `${settings.stackName.toLowerCase()}-${Aws.ACCOUNT_ID}-${Aws.REGION}`;
    this.bucketArn = existing.bucket?.bucketArn ?? `arn:${Aws.PARTITION}:s3:::${this.bucketName}`;
    this.kmsKey = existing.kmsKey;
    const created = existing.bucket === undefined ? this.createBucket(settings) : undefined;
    this.bucket = existing.bucket ?? (created as IBucket);
    if (created === undefined) this.warnWithoutVersions();
    if (settings.bucketEvents === 'eventbridge') this.followEvents(settings, buildsQueue, created);
    else this.addNotification(settings, buildsQueue, created);
  }

  /** @returns the policy; `undefined` for a bucket of another stack, whose policy belongs to its owner */
  addToPolicy(statements: readonly PolicyStatement[]): BucketPolicy | undefined {
    // Those of another stack of the app are left alone too: each of the two stacks would need the other first.
    if (Stack.of(this.bucket) !== Stack.of(this)) return undefined;
    const results = statements.map((statement) => this.bucket.addToResourcePolicy(statement));
    return results.every(({ statementAdded }) => statementAdded) ? this.bucket.policy : undefined;
  }

  /** Of a bucket of the app, when all of the app has said what it is. */
  private warnWithoutVersions(): void {
    Aspects.of(this).add({
      visit: (node) => {
        const properties = node === this ? propertiesOf(this.bucket) : undefined;
        if (properties === undefined || properties.VersioningConfiguration?.Status === 'Enabled') return;
        Annotations.of(this).addWarningV2(
          'streampixel-drop:bucket-without-versions',
          `${this.shownName} keeps no versions: a build that is overwritten while it waits is lost. Set versioned: true on it`,
        );
      },
    });
  }

  /** For a person: a name that CloudFormation makes is none yet. */
  private get shownName(): string {
    return Token.isUnresolved(this.bucketName) ? this.bucket.node.path : this.bucketName;
  }

  private createBucket({ rehearsal }: Settings): Bucket {
    const removalPolicy = removalPolicyOf(rehearsal);
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
      // The bucket outlives the stack under its name: a later stack adopts it with the setting bucketName or the prop bucket. Where the first
      // deployment fails it goes, or its name would make the second one fail.
      removalPolicy,
    });
    // It refuses plain HTTP, and has to do so for as long as the bucket exists.
    bucket.policy?.applyRemovalPolicy(removalPolicy);
    acknowledge(
      bucket,
      'AwsSolutions-S1',
      'Server access logs record request URIs with their query, and so the signatures of presigned URLs: ' +
        'the log would be a store of credentials. What was dropped is in the ledger; who did it, where wanted, in CloudTrail data events.',
    );
    return bucket;
  }

  /** S3 sends to the queue by itself. */
  private addNotification(settings: Settings, buildsQueue: BuildsQueue, created: Bucket | undefined): void {
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
      dependencies: [permission, this.bucket],
    });
    // What the app says of the bucket's notifications replaces all others whenever it changes.
    this.node.addValidation({
      validate: () =>
        this.notificationsOfApp() === undefined
          ? []
          : [
              'the bucket has notifications that CDK sets, and they would replace the one that announces builds. Set bucketEvents to ' +
                'eventbridge, and call enableEventBridgeNotification() of the bucket',
            ],
    });
    if (created !== undefined) return;
    Annotations.of(this).addInfo(
      `The notification is added to those that ${this.shownName} has, by reading and writing them all without a lock. Do not ` +
        'deploy two stacks for one bucket at the same time. If another tool owns its notifications, set bucketEvents to eventbridge.',
    );
  }

  /** S3 sends to EventBridge, which sends to the queue. The bucket's notifications to others stay as they are. */
  private followEvents({ prefix }: Settings, buildsQueue: BuildsQueue, created: Bucket | undefined): void {
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
    this.requireEvents();
    if (created === undefined) return;
    const resource = created.node.defaultChild as CfnBucket;
    // On the resource itself: the L2's eventBridgeEnabled would bring a custom resource with a function.
    resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
    // In a deployed stack this replaces the bucket's notifications, so the rule has to be there first.
    resource.node.addDependency(rule);
  }

  /** Without its events no build would be announced, and no one would know. */
  private requireEvents(): void {
    if (this.bucket.node.defaultChild === undefined) {
      Annotations.of(this).addInfo(
        `${this.shownName} has to send its events to EventBridge: S3 console > the bucket > Properties > Amazon EventBridge > On.`,
      );
      return;
    }
    this.node.addValidation({
      validate: () => {
        const events = this.notificationsOfApp()?.EventBridgeConfiguration;
        return events !== undefined && events.EventBridgeEnabled !== false
          ? []
          : [
              `${this.shownName} does not send its events to EventBridge, so that no build would be announced. Call its ` +
                "enableEventBridgeNotification(); where it is another drop's, set that drop's bucketEvents to eventbridge",
            ];
      },
    });
  }

  /** How the app sets the bucket's notifications: by CDK's function, or as properties of the bucket. */
  private notificationsOfApp() {
    const byFunction = this.bucket.node.tryFindChild('Notifications');
    const ofBucket = propertiesOf(this.bucket);
    if (ofBucket === undefined) return undefined;
    return (byFunction && propertiesOf(byFunction)?.NotificationConfiguration) ?? ofBucket.NotificationConfiguration;
  }
}
