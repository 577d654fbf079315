import { ChangeMessageVisibilityCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { MessageVisibility } from '../submit-build/process-batch.ts';

/** @throws the client's error where the change is refused or SQS does not answer */
export function createSqsMessageVisibility(client: SQSClient, queueUrl: string): MessageVisibility {
  return {
    async change(receiptHandle, seconds) {
      const input = { QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout: seconds };
      await client.send(new ChangeMessageVisibilityCommand(input));
    },
  };
}
