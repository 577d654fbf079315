import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { BuildsQueue } from '../domain/redrive/redrive.ts';
import { picked } from './sqs-dead-letter-store.ts';

/** Sends letters back to the builds queue. Bodies are S3 notifications, at most 64 KB, so ten always fit in one call. */
export function createSqsBuildsQueue(client: SQSClient, queueUrl: string): BuildsQueue {
  return {
    async send(letters) {
      if (letters.length === 0) return [];
      const Entries = letters.map(({ body, attributes }, index) => ({
        Id: `${index}`,
        MessageBody: body,
        MessageAttributes: Object.fromEntries(
          Object.entries(attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
        ),
      }));
      const { Successful = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      return picked(letters, Successful);
    },
  };
}
