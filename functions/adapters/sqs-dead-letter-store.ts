import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { DeadLetterStore, StoredLetter } from '../domain/redrive/redrive.ts';

/** A short poll asks a few of SQS's servers and may miss what is there; a long one asks all. In s. */
const LONG_POLL_S = 3;

/**
 * Reads and empties the dead-letter queue.
 *
 * @param hiddenS how long a letter stays hidden once received, in s: longer than it takes to deal with all of them
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
          MessageSystemAttributeNames: ['SentTimestamp'],
        }),
      );
      return Messages.map((message) => ({
        messageId: message.MessageId ?? '',
        receiptHandle: message.ReceiptHandle ?? '',
        body: message.Body ?? '',
        sentAt: Number(message.Attributes?.SentTimestamp),
        attributes: Object.fromEntries(
          Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue }]) => [name, StringValue ?? '']),
        ),
      }));
    },

    async release(letters) {
      if (letters.length === 0) return;
      const Entries = entriesOf(letters).map((entry) => ({ ...entry, VisibilityTimeout: 0 }));
      await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
    },

    async delete(letters) {
      if (letters.length === 0) return [];
      const command = new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entriesOf(letters) });
      const { Successful = [] } = await client.send(command);
      return picked(letters, Successful);
    },
  };
}

function entriesOf(letters: readonly StoredLetter[]) {
  return letters.map(({ receiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle: receiptHandle }));
}

/** A batch call answers 200 with some of its entries failed: only what it names as successful counts. */
export function picked(
  letters: readonly StoredLetter[],
  successful: readonly { readonly Id?: string | undefined }[],
): readonly StoredLetter[] {
  const ids = new Set(successful.map(({ Id }) => Id));
  return letters.filter((_, index) => ids.has(`${index}`));
}
