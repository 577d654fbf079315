import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { buildId } from '../domain/model/build.ts';
import { DEAD_LETTER_ATTRIBUTES } from '../domain/model/message-attributes.ts';
import type { DeadLetter, DeadLetterQueue } from '../domain/ports.ts';

/**
 * Sends dead letters: the original body untouched, everything else as attributes.
 *
 * Such a message has no "source queue" for the console's default redrive; a redrive has to name the builds queue itself.
 */
export function createSqsDeadLetterQueue(client: SQSClient, queueUrl: string): DeadLetterQueue {
  return {
    async send(letter) {
      await client.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          MessageBody: letter.body,
          MessageAttributes: Object.fromEntries(
            Object.entries(attributesOf(letter)).flatMap(([name, value]) =>
              value === undefined || value === ''
                ? []
                : [[name, { DataType: 'String', StringValue: allowed(`${value}`) }]],
            ),
          ),
        }),
      );
    },
  };
}

function attributesOf(letter: DeadLetter): Record<string, string | number | undefined> {
  const { userId, projectId } = letter;
  return {
    [DEAD_LETTER_ATTRIBUTES.id]: letter.id,
    [DEAD_LETTER_ATTRIBUTES.reason]: letter.reason,
    [DEAD_LETTER_ATTRIBUTES.detail]: letter.detail,
    [DEAD_LETTER_ATTRIBUTES.status]: letter.status,
    [DEAD_LETTER_ATTRIBUTES.attempts]: letter.attempts,
    [DEAD_LETTER_ATTRIBUTES.build]: letter.build && buildId(letter.build),
    [DEAD_LETTER_ATTRIBUTES.project]: userId && projectId && `${userId}/${projectId}`,
    [DEAD_LETTER_ATTRIBUTES.keyVersion]: letter.keyVersion,
    [DEAD_LETTER_ATTRIBUTES.at]: new Date(letter.at).toISOString(),
    [DEAD_LETTER_ATTRIBUTES.logPointer]: letter.logPointer,
  };
}

/** SQS refuses a message with a character outside XML 1.0; an object key or the vendor's words may hold one. */
function allowed(text: string): string {
  return text.replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
}
