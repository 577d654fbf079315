import { Aws, CustomResource, Duration, Stack } from 'aws-cdk-lib';
import { Construct, type IDependable } from 'constructs';
import type { BucketNotification as Properties } from '../../functions/set-bucket-notification/bucket-notification.ts';
import { WorkerFunction } from '../lambda/worker-function.ts';
import type { Settings } from '../settings/schema.ts';

export interface BucketNotificationProps {
  readonly settings: Settings;
  readonly bucketArn: string;
  readonly notification: Properties;
  /** What has to exist before: S3 checks at once whether it may send. */
  readonly dependencies: readonly IDependable[];
}

/**
 * The notification by which S3 announces builds, for as long as the stack exists. CloudFormation can't add one to an existing
 * bucket, and one in the properties of the stack's own bucket would stay when the bucket outlives the stack. Not CDK's
 * `addEventNotification`: its function needs Python, logs outside the stack, and adds a second rule where one is left.
 */
export class BucketNotification extends Construct {
  private readonly bucketName: string;

  constructor(scope: Construct, id: string, props: BucketNotificationProps) {
    super(scope, id);
    const { settings, bucketArn, dependencies, notification } = props;
    this.bucketName = notification.BucketName;
    const announceBuilds = new WorkerFunction(this, 'AnnounceBuilds', {
      settings,
      name: 'set-bucket-notification',
      description: 'Runs at deployments: has the bucket announce its builds to the queue',
      // A few short calls and their retries.
      timeout: Duration.minutes(1),
      memorySize: 256,
      environment: {},
      traced: false,
      permissions: [
        {
          sid: 'ChangeNotifications',
          actions: ['s3:GetBucketNotification', 's3:PutBucketNotification'],
          resources: [bucketArn],
        },
        { sid: 'RecognizeRollback', actions: ['cloudformation:DescribeStacks'], resources: [Aws.STACK_ID] },
      ],
    });
    const resource = new CustomResource(this, 'Resource', {
      resourceType: 'Custom::BucketNotification',
      serviceToken: announceBuilds.function.functionArn,
      // A function that can't answer would stop the deployment for an hour.
      serviceTimeout: Duration.minutes(5),
      properties: notification,
    });
    resource.node.addDependency(...dependencies, ...this.earlierOnes());
  }
  /** Those of other drops of the stack on the same bucket: each reads and writes all notifications, so they go one after another. */
  private earlierOnes(): readonly BucketNotification[] {
    const stack = Stack.of(this);
    const bucket = JSON.stringify(stack.resolve(this.bucketName));
    return stack.node
      .findAll()
      .filter((each): each is BucketNotification => each instanceof BucketNotification && each !== this)
      .filter(({ bucketName }) => JSON.stringify(stack.resolve(bucketName)) === bucket);
  }
}
