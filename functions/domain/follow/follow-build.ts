import { type Disposition, unreachable } from '../model/outcome.ts';
import { applyWebhook } from './apply-webhook.ts';
import { parseFollowMessage } from './follow-message.ts';
import { type FollowDelivery, type FollowPorts, type FollowSettings, noteWebhookReceived } from './followed-build.ts';
import { releaseBuild } from './release-build.ts';
import { watchBuild } from './watch-build.ts';

/**
 * Handles one message of the follow queue. Safe to repeat at any point: what happened before is in the ledger.
 *
 * @throws LedgerUnavailable, and what no one expected: the message then stays in the queue
 */
export async function handleFollowMessage(
  delivery: FollowDelivery,
  settings: FollowSettings,
  ports: FollowPorts,
): Promise<Disposition> {
  const message = parseFollowMessage(delivery.body);
  if (message === undefined) {
    // Only this stack may send here, so it is nobody's build: it waits in the dead-letter queue to be looked at.
    throw new Error('The message is none of the follow queue.');
  }
  switch (message.kind) {
    case 'webhook-test':
      await noteWebhookReceived(message.projectId, 'testedAt', message, ports);
      ports.log.info('webhook-tested', { projectId: message.projectId });
      return { kind: 'done' };
    case 'webhook':
      return applyWebhook(message, delivery, settings, ports);
    case 'release':
      return releaseBuild(message, delivery, settings, ports);
    case 'watch':
      return watchBuild(message, delivery, settings, ports);
    default:
      return unreachable(message);
  }
}
