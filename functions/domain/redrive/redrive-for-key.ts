import { DEAD_LETTER_ATTRIBUTES } from '../model/message-attributes.ts';
import { unreachable } from '../model/outcome.ts';
import type { Reason } from '../model/reasons.ts';
import type { Route } from '../model/route.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import type { BuildsQueue, DeadLetterStore, KeyChecks, Ledger, Ports, StoredDeadLetter } from '../ports.ts';
import { collectDeadLetters, reasonOf, redriveDeadLetters } from './redrive.ts';

export interface RedrivePorts extends Pick<Ports, 'alerts' | 'apiKeys' | 'clock' | 'events' | 'log'> {
  readonly keyChecks: KeyChecks;
  readonly ledger: Pick<Ledger, 'refuseKey' | 'forgetRefusedKey'>;
  readonly deadLetters: DeadLetterStore;
  readonly buildsQueue: BuildsQueue;
}

/** The result of a change of an API key parameter. */
export type KeyChangeOutcome =
  | { readonly kind: 'no-route' }
  | { readonly kind: 'key-missing'; readonly detail: string }
  | { readonly kind: 'key-refused' }
  | { readonly kind: 'redriven'; readonly moved: number; readonly left: number };

/** Reasons that a new key fixes. */
const FIXED_BY_A_KEY: ReadonlySet<Reason | undefined> = new Set(['InvalidApiKey', 'ApiKeyMissing'] as const);

/**
 * Checks the new value of an API key's parameter with Streampixel, for every user whose routes read it, and redrives the builds that
 * were dead-lettered because of the old one, oldest first. For a user whose key Streampixel refuses nothing is redriven.
 *
 * @param deadline ms since the epoch
 * @throws Error where SSM or SQS does not answer: the caller must try again
 */
export async function redriveForKey(
  parameter: string,
  routes: readonly Route[],
  deadline: number,
  ports: RedrivePorts,
): Promise<KeyChangeOutcome> {
  const { apiKeys, clock, ledger } = ports;
  const users = [...new Set(routes.filter((route) => route.apiKeyParameter === parameter).map(({ userId }) => userId))];
  if (users.length === 0) return { kind: 'no-route' };

  const read = await apiKeys.readAgain(parameter);
  if (read.kind === 'missing') return { kind: 'key-missing', detail: read.detail };
  if (read.kind === 'unavailable') throw new Error(read.detail);
  const { secret, version } = read.key;

  const acceptedFor = new Set<string>();
  for (const userId of users) {
    const verdict = await ports.keyChecks.check(userId, secret, deadline);
    switch (verdict.kind) {
      case 'taken':
      // If the check gave no clear answer, the next upload shows whether the key works.
      case 'unclear':
        acceptedFor.add(userId);
        break;
      case 'refused': {
        const { detail, reason } = verdict;
        if (reason === 'InvalidApiKey') await ledger.refuseKey(parameter, { version, at: clock.now() });
        const at = clock.now();
        await sendAlert(ports, { kind: 'new-key-rejected', parameter, version, userId, reason, detail, at });
        break;
      }
      default:
        unreachable(verdict);
    }
  }
  if (acceptedFor.size === 0) return { kind: 'key-refused' };
  await ledger.forgetRefusedKey(parameter, version);

  const fixed = await collectDeadLetters(ports.deadLetters, (each) => isFixed(each, parameter, routes, acceptedFor));
  const report = await redriveDeadLetters(fixed, ports.deadLetters, ports.buildsQueue);
  if (fixed.length > 0) {
    await emitEvent(ports, { name: 'Redrive Finished', at: clock.now(), parameter, ...report });
    await sendAlert(ports, { kind: 'redrive-finished', parameter, ...report, at: clock.now() });
  }
  return { kind: 'redriven', ...report };
}

/** Whether the new key, accepted for these users, fixes what the build was dead-lettered for. */
function isFixed(
  deadLetter: StoredDeadLetter,
  parameter: string,
  routes: readonly Route[],
  users: ReadonlySet<string>,
): boolean {
  const project = deadLetter.attributes[DEAD_LETTER_ATTRIBUTES.project];
  return (
    FIXED_BY_A_KEY.has(reasonOf(deadLetter)) &&
    routes.some(
      ({ apiKeyParameter, projectId, userId }) =>
        apiKeyParameter === parameter && users.has(userId) && project === `${userId}/${projectId}`,
    )
  );
}
