import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { buildId } from '../domain/model/build.ts';
import type { DeadLetter } from '../domain/model/dead-letter.ts';
import { DEAD_LETTER_ATTRIBUTES } from '../domain/model/message-attributes.ts';
import type { DeadLetterQueue } from '../domain/ports.ts';
import { stringAttributes } from './sqs-builds-queue.ts';

/**
 * Sends dead letters: the original body untouched, everything else as attributes.
 *
 * Such a message has no "source queue" for the console's default redrive; a redrive has to name the builds queue itself.
 */
export function createSqsDeadLetterQueue(client: SQSClient, queueUrl: string): DeadLetterQueue {
  return {
    async send(deadLetter) {
      await client.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          MessageBody: deadLetter.body,
          MessageAttributes: attributesOf(deadLetter),
        }),
      );
    },
  };
}

function attributesOf(deadLetter: DeadLetter) {
  const { userId, projectId } = deadLetter;
  const values: Readonly<Record<string, string | number | undefined>> = {
    [DEAD_LETTER_ATTRIBUTES.id]: deadLetter.id,
    [DEAD_LETTER_ATTRIBUTES.reason]: deadLetter.reason,
    [DEAD_LETTER_ATTRIBUTES.detail]: deadLetter.detail,
    [DEAD_LETTER_ATTRIBUTES.status]: deadLetter.status,
    [DEAD_LETTER_ATTRIBUTES.attempts]: deadLetter.attempts,
    [DEAD_LETTER_ATTRIBUTES.build]: deadLetter.build && buildId(deadLetter.build),
    [DEAD_LETTER_ATTRIBUTES.project]: userId && projectId && `${userId}/${projectId}`,
    [DEAD_LETTER_ATTRIBUTES.keyVersion]: deadLetter.keyVersion,
    [DEAD_LETTER_ATTRIBUTES.at]: new Date(deadLetter.at).toISOString(),
    [DEAD_LETTER_ATTRIBUTES.logPointer]: deadLetter.logPointer,
  };
  // SQS takes no empty value.
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== '');
  return stringAttributes(Object.fromEntries(given.map(([name, value]) => [name, allowed(`${value}`)])));
}

/** SQS refuses a message with a character outside XML 1.0; an object key or Streampixel's message may hold one. */
function allowed(text: string): string {
  return text.replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
}
