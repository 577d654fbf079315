import { DEAD_LETTER_ATTRIBUTES } from '../model/message-attributes.ts';
import { unreachable } from '../model/outcome.ts';
import type { Reason } from '../model/reasons.ts';
import type { Route } from '../model/route.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import type { KeyChecks, Ledger, Ports } from '../ports.ts';
import {
  type BuildsQueue,
  collectLetters,
  type DeadLetterStore,
  reasonOf,
  redriveLetters,
  type StoredLetter,
} from './redrive.ts';

export interface RedrivePorts extends Pick<Ports, 'alerts' | 'apiKeys' | 'clock' | 'events' | 'log'> {
  readonly keyChecks: KeyChecks;
  readonly ledger: Pick<Ledger, 'refuseKey' | 'forgetRefusedKey'>;
  readonly deadLetters: DeadLetterStore;
  readonly buildsQueue: BuildsQueue;
}

/** What a changed API key parameter came to. */
export type KeyChangeOutcome =
  | { readonly kind: 'no-route' }
  | { readonly kind: 'key-missing'; readonly detail: string }
  | { readonly kind: 'key-refused' }
  | { readonly kind: 'redriven'; readonly moved: number; readonly left: number };

/** Reasons that a new key mends. */
const MENDED_BY_A_KEY: ReadonlySet<Reason | undefined> = new Set(['InvalidApiKey', 'ApiKeyMissing'] as const);

/**
 * A new value was put into an API key's parameter: checks it with the vendor, for every user whose routes read it, and sends
 * the builds that the old one stranded back in line, oldest first. A key that the vendor refuses moves nothing.
 *
 * @param deadline ms since the epoch
 * @throws Error where SSM or SQS does not answer: whoever called tries again
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

  const takenFor = new Set<string>();
  for (const userId of users) {
    const verdict = await ports.keyChecks.check(userId, secret, deadline);
    switch (verdict.kind) {
      case 'taken':
      // The check is a courtesy of another endpoint: what it leaves open the next upload will tell.
      case 'unclear':
        takenFor.add(userId);
        break;
      case 'refused': {
        const { detail, reason } = verdict;
        if (reason === 'InvalidApiKey') await ledger.refuseKey(parameter, { version, at: clock.now() });
        await sendAlert(ports, {
          kind: 'new-key-rejected',
          parameter,
          version,
          userId,
          reason,
          detail,
          at: clock.now(),
        });
        break;
      }
      default:
        unreachable(verdict);
    }
  }
  if (takenFor.size === 0) return { kind: 'key-refused' };
  await ledger.forgetRefusedKey(parameter, version);

  const stranded = await collectLetters(ports.deadLetters, (letter) => isMended(letter, parameter, routes, takenFor));
  const report = await redriveLetters(stranded, ports.deadLetters, ports.buildsQueue);
  if (stranded.length > 0) {
    await emitEvent(ports, { name: 'Redrive Finished', at: clock.now(), parameter, ...report });
    await sendAlert(ports, { kind: 'redrive-finished', parameter, ...report, at: clock.now() });
  }
  return { kind: 'redriven', ...report };
}

function isMended(
  letter: StoredLetter,
  parameter: string,
  routes: readonly Route[],
  users: ReadonlySet<string>,
): boolean {
  const project = letter.attributes[DEAD_LETTER_ATTRIBUTES.project];
  return (
    MENDED_BY_A_KEY.has(reasonOf(letter)) &&
    routes.some(
      ({ apiKeyParameter, projectId, userId }) =>
        apiKeyParameter === parameter && users.has(userId) && project === `${userId}/${projectId}`,
    )
  );
}
