import { type MessageAttributeValue, SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { BuildsQueue } from '../domain/ports.ts';
import { picked } from './sqs-dead-letter-store.ts';

/** Sends dead letters back to the builds queue. Bodies are S3 notifications, at most 64 KB, so ten always fit in one call. */
export function createSqsBuildsQueue(client: SQSClient, queueUrl: string): BuildsQueue {
  return {
    async send(deadLetters) {
      if (deadLetters.length === 0) return [];
      const Entries = deadLetters.map(({ body, attributes }, index) => ({
        Id: `${index}`,
        MessageBody: body,
        MessageAttributes: stringAttributes(attributes),
      }));
      const { Successful } = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      return picked(deadLetters, Successful);
    },
  };
}

export function stringAttributes(values: Readonly<Record<string, string>>): Record<string, MessageAttributeValue> {
  const attributes = Object.entries(values).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]);
  return Object.fromEntries(attributes);
}
