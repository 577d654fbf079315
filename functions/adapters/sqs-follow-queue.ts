import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { FollowQueue } from '../domain/ports.ts';
import { sendableJson } from './sendable-text.ts';

/** Sends messages about builds that are at Streampixel, of a few KB at most. */
export function createSqsFollowQueue(client: SQSClient, queueUrl: string): FollowQueue {
  return {
    async send(message) {
      await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: sendableJson(message) }));
    },
  };
}
