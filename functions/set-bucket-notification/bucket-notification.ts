import {
  GetBucketNotificationConfigurationCommand,
  type NotificationConfiguration,
  PutBucketNotificationConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3';

/** What the template says about the bucket's notification: the properties of the custom resource. */
export interface BucketNotification {
  readonly BucketName: string;
  readonly QueueArn: string;
  /** Only keys that start with it; `''` for all. */
  readonly Prefix: string;
  readonly Suffix: string;
}

/**
 * Has the bucket announce its builds to the queue. S3 only replaces all notifications of a bucket together, so those to other
 * destinations are read and written back. One to the same queue was left by an earlier deployment and is replaced: S3 takes no
 * two rules for the same keys.
 *
 * @throws Error that says what to do where S3 refuses
 */
export async function announceBuilds(client: S3Client, notification: BucketNotification): Promise<void> {
  const { BucketName: Bucket, Prefix, QueueArn, Suffix } = notification;
  const others = await notificationsToOthers(client, notification);
  const rules = [
    { Name: 'prefix' as const, Value: Prefix },
    { Name: 'suffix' as const, Value: Suffix },
  ];
  const own = {
    Id: QueueArn.split(':').at(-1),
    QueueArn,
    // Not only Put: a zip over 5 GB arrives as CompleteMultipartUpload.
    Events: ['s3:ObjectCreated:*' as const],
    Filter: { Key: { FilterRules: rules.filter(({ Value }) => Value !== '') } },
  };
  const NotificationConfiguration = { ...others, QueueConfigurations: [...(others.QueueConfigurations ?? []), own] };
  try {
    await client.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
  } catch (error) {
    if (!(error instanceof Error && error.name === 'InvalidArgument')) throw error;
    const cause = 'Another notification of the bucket is for the same keys, or its destination does not exist.';
    throw new Error(`${cause} Remove it, or set bucketEvents to eventbridge. S3: ${error.message}`);
  }
}

/** Takes the notification away and leaves the others: where the bucket outlives the stack, another stack can announce its builds. */
export async function stopAnnouncing(client: S3Client, notification: BucketNotification): Promise<void> {
  try {
    const NotificationConfiguration = await notificationsToOthers(client, notification);
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: notification.BucketName,
        NotificationConfiguration,
        // Whether the others' destinations still exist must not keep a stack from being destroyed.
        SkipDestinationValidation: true,
      }),
    );
  } catch (error) {
    if (!(error instanceof Error && error.name === 'NoSuchBucket')) throw error;
  }
}

async function notificationsToOthers(
  client: S3Client,
  { BucketName: Bucket, QueueArn }: BucketNotification,
): Promise<NotificationConfiguration> {
  const { $metadata: _, ...all } = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  const { QueueConfigurations = [] } = all;
  return { ...all, QueueConfigurations: QueueConfigurations.filter((each) => each.QueueArn !== QueueArn) };
}
