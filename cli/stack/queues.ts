import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';

/** The most messages that SQS takes in one call. */
export const BATCH_SIZE = 10;

export function batchesOf<T>(items: readonly T[]): readonly T[][] {
  return Array.from({ length: Math.ceil(items.length / BATCH_SIZE) }, (_, index) =>
    items.slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE),
  );
}

/** What SQS says about a queue. Its counts are estimates. */
export type Queue = Awaited<ReturnType<typeof readQueue>>;

export async function readQueue(sqs: SQSClient, QueueUrl: string) {
  const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] });
  const { Attributes: { RedrivePolicy = '{}', ...attributes } = {} } = await sqs.send(command);
  const { deadLetterTargetArn } = JSON.parse(RedrivePolicy) as { readonly deadLetterTargetArn?: string };
  return {
    arn: attributes.QueueArn,
    deadLetterArn: deadLetterTargetArn,
    visible: Number(attributes.ApproximateNumberOfMessages),
    /** Received and not deleted yet, or asleep until their slot. */
    hidden:
      Number(attributes.ApproximateNumberOfMessagesNotVisible) + Number(attributes.ApproximateNumberOfMessagesDelayed),
    retentionMs: Number(attributes.MessageRetentionPeriod) * 1_000,
    visibilityTimeoutS: Number(attributes.VisibilityTimeout),
  };
}
