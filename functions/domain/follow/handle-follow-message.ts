import { type Disposition, unreachable } from '../model/outcome.ts';
import { applyWebhook, noteWebhookReceived } from './apply-webhook.ts';
import { parseFollowMessage } from './follow-message.ts';
import { releaseBuild } from './release-build.ts';
import type { FollowDelivery, FollowPorts, FollowSettings } from './visit.ts';
import { watchBuild } from './watch-build.ts';

/**
 * Handles one message of the follow queue. Safe to repeat at any point: what happened before is in the ledger.
 *
 * @throws LedgerUnavailable, or an unexpected error: the message then stays in the queue
 */
export async function handleFollowMessage(
  delivery: FollowDelivery,
  settings: FollowSettings,
  ports: FollowPorts,
): Promise<Disposition> {
  const visit = { delivery, settings, ports };
  const message = parseFollowMessage(delivery.body);
  // Only this stack may send here, so it belongs to no build. After its retries it waits in a dead-letter queue for a person.
  if (message === undefined) throw new Error('The message is not one of the follow queue.');
  switch (message.kind) {
    case 'webhook-test':
      await noteWebhookReceived(message.projectId, 'testedAt', message, ports);
      ports.log.info('webhook-tested', { projectId: message.projectId });
      return { kind: 'done' };
    case 'webhook':
      return applyWebhook(message, visit);
    case 'release':
      return releaseBuild(message, visit);
    case 'watch':
      return watchBuild(message, visit);
    default:
      return unreachable(message);
  }
}
