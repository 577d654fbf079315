import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { present } from '../domain/model/optional-fields.ts';
import type { DeadLetterStore, StoredDeadLetter } from '../domain/ports.ts';

/** A short poll asks a few of SQS's servers and may miss messages; a long one asks all. In s. */
const LONG_POLL_S = 3;

/**
 * Reads and empties the dead-letter queue.
 *
 * @param hiddenS how long a dead letter stays hidden once received, in s: longer than a redrive of all of them takes; 0
 * hides none, and they may come again and again
 */
export function createSqsDeadLetterStore(client: SQSClient, queueUrl: string, hiddenS = 300): DeadLetterStore {
  return {
    async receive() {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: LONG_POLL_S,
          VisibilityTimeout: hiddenS,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['SentTimestamp', 'DeadLetterQueueSourceArn'],
        }),
      );
      return Messages.map((message) => ({
        messageId: message.MessageId ?? '',
        receiptHandle: message.ReceiptHandle ?? '',
        body: message.Body ?? '',
        sentAt: Number(message.Attributes?.SentTimestamp),
        ...present({ movedFrom: message.Attributes?.DeadLetterQueueSourceArn }),
        attributes: Object.fromEntries(
          Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue }]) => [name, StringValue ?? '']),
        ),
      }));
    },

    async release(deadLetters) {
      if (deadLetters.length === 0) return;
      const Entries = entriesOf(deadLetters).map((entry) => ({ ...entry, VisibilityTimeout: 0 }));
      await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
    },

    async delete(deadLetters) {
      if (deadLetters.length === 0) return [];
      const command = new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entriesOf(deadLetters) });
      const { Successful } = await client.send(command);
      return picked(deadLetters, Successful);
    },
  };
}

function entriesOf(deadLetters: readonly StoredDeadLetter[]) {
  return deadLetters.map(({ receiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle: receiptHandle }));
}

/** A batch call may answer 200 although some of its entries failed: only those that it names as successful count. */
export function picked(
  deadLetters: readonly StoredDeadLetter[],
  successful: readonly { readonly Id?: string | undefined }[] | undefined,
): readonly StoredDeadLetter[] {
  const ids = new Set(successful?.map(({ Id }) => Id));
  return deadLetters.filter((_, index) => ids.has(`${index}`));
}
