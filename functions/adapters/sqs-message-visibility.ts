import { ChangeMessageVisibilityBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { MessageVisibility } from '../domain/ports.ts';

/** What SQS takes in one call. */
const LARGEST_BATCH = 10;

/** @throws the client's error where SQS does not answer; an Error with SQS's codes where it refused some of the changes */
export function createSqsMessageVisibility(client: SQSClient, queueUrl: string): MessageVisibility {
  return {
    async change(changes) {
      const refused: string[] = [];
      for (let from = 0; from < changes.length; from += LARGEST_BATCH) {
        const Entries = changes.slice(from, from + LARGEST_BATCH).map(({ receiptHandle, seconds }, index) => ({
          Id: `${index}`,
          ReceiptHandle: receiptHandle,
          VisibilityTimeout: seconds,
        }));
        const answer = await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
        refused.push(...(answer.Failed ?? []).map(({ Code }) => Code ?? 'unknown'));
      }
      if (refused.length > 0)
        throw new Error(`SQS refused ${refused.length} of ${changes.length}: ${refused.join(', ')}.`);
    },
  };
}
