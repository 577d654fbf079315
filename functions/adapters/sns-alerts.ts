import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import { type AlertText, alertText } from '../domain/notify/alert-text.ts';
import type { OperatorCommands } from '../domain/notify/operator-commands.ts';
import type { Alerts } from '../domain/ports.ts';
import { answerOf } from './aws-errors.ts';
import { sendableJson, sendableText } from './sendable-text.ts';

/** How alerts are worded: for e-mail, or as Amazon Q Developer in chat applications (Slack, Teams) renders them. */
export type AlertFormat = 'email' | 'chat';

/**
 * Publishes alerts to the SNS topic.
 *
 * @param commands for the stack that the alerts are about
 */
export function createSnsAlerts(
  client: SNSClient,
  topicArn: string,
  format: AlertFormat,
  commands: OperatorCommands,
): Alerts {
  return {
    async send(alert) {
      const text = alertText(alert, commands);
      const Message = format === 'chat' ? chatMessage(text) : sendableText(text.body);
      await answerOf('SNS', client.send(new PublishCommand({ TopicArn: topicArn, Subject: text.subject, Message })));
    },
  };
}

/** Source: "Custom notifications" in the Amazon Q Developer in chat applications administrator guide. */
function chatMessage({ subject, body }: AlertText): string {
  return sendableJson({
    version: '1.0',
    source: 'custom',
    content: { textType: 'client-markdown', title: subject, description: `\`\`\`\n${body}\n\`\`\`` },
  });
}
