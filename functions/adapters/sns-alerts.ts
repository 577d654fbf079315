import { type AlertText, alertText } from '../domain/notify/alert-text.ts';
import type { Alerts } from '../domain/ports.ts';
import { createSignedCall, type SignedCallOptions } from './signed-call.ts';

/** How alerts are worded: for e-mail, or as Amazon Q Developer in chat applications (Slack, Teams) renders them. */
export type AlertFormat = 'email' | 'chat';

/**
 * Publishes alerts to the SNS topic.
 *
 * @throws Error from `send` where SNS does not take the message
 */
export function createSnsAlerts(topicArn: string, format: AlertFormat, options: SignedCallOptions): Alerts {
  const call = createSignedCall('sns', options);
  return {
    async send(alert) {
      const text = alertText(alert);
      const form = new URLSearchParams({
        Action: 'Publish',
        Version: '2010-03-31',
        TopicArn: topicArn,
        Subject: text.subject,
        Message: format === 'chat' ? chatMessage(text) : text.body,
      });
      await call({ 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }, form.toString());
    },
  };
}

/** Source: "Custom notifications" in the Amazon Q Developer in chat applications administrator guide. */
function chatMessage({ subject, body }: AlertText): string {
  return JSON.stringify({
    version: '1.0',
    source: 'custom',
    content: { textType: 'client-markdown', title: subject, description: `\`\`\`\n${body}\n\`\`\`` },
  });
}
