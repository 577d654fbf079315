import type { LedgerEntry } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import type { Outcome } from '../model/outcome.ts';
import type { Reason } from '../model/reasons.ts';
import { describeError } from '../model/redaction.ts';
import { deadLettered, waiting } from '../model/submission-transitions.ts';
import { notifyDeadLettered } from '../notify/submission-notices.ts';
import { recordEntry } from './record-entry.ts';
import { failureOf, retryWithoutCounting, type Visit } from './visit.ts';

/** Why a build is dead-lettered. `detail` is redacted here. */
export interface DeadLetterCause {
  readonly reason: Reason;
  readonly detail: string;
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  /** An alert has been sent for this cause already: one cause is one alert. */
  readonly isAlertSent?: boolean;
}

/**
 * Sends the build to the dead-letter queue and notifies people and pipelines.
 *
 * The message is sent first and recorded then: a crash between the two sends a second one, which its redrive drops as a duplicate.
 * The other order would lose the build.
 */
export async function deadLetter(entry: LedgerEntry, cause: DeadLetterCause, visit: Visit): Promise<Outcome> {
  const { delivery, key, ports } = visit;
  const { isAlertSent = false, reason, status } = cause;
  const { attempts, build, projectId, userId } = entry;
  const { body, logPointer } = delivery;
  const failure = { ...failureOf(visit, reason, cause.detail, status), code: reason };
  const { at, detail } = failure;
  const about = { build, ...present({ status, userId, projectId, keyVersion: key?.version }) };
  const sent = { id: ports.newId(), body, reason, detail, attempts, at, logPointer, ...about };
  try {
    await ports.deadLetters.send(sent);
  } catch (error) {
    ports.log.error('dead-letter-not-sent', { build: entry.id, reason, error: describeError(error) });
    await freeClaim(entry, visit);
    return retryWithoutCounting(visit, 'DeadLetterQueueUnavailable', `Could not dead-letter it as ${reason}.`);
  }
  if ((await recordEntry(deadLettered(entry, ports.clock.now(), failure, sent.id), visit)) === undefined) {
    // If the ledger does not know this dead letter, its redrive is skipped as a duplicate. So the next visit sends another one.
    return retryWithoutCounting(visit, 'LedgerUnavailable', `Dead-lettered as ${reason}, which could not be recorded.`);
  }
  await notifyDeadLettered(sent, entry, isAlertSent, ports);
  return { kind: 'dead-lettered', reason, detail, attempt: attempts, ...present({ status }) };
}

/** Sends a message, or a record in one, that is no S3 event to the dead-letter queue. No ledger entry is about it. */
export async function deadLetterUnrecognised(detail: string, visit: Visit): Promise<Outcome> {
  const { delivery, ports } = visit;
  const { body, logPointer } = delivery;
  const reason = 'UnrecognisedMessage' as const;
  const sent = { id: ports.newId(), body, reason, detail, attempts: 0, at: ports.clock.now(), logPointer };
  try {
    await ports.deadLetters.send(sent);
  } catch (error) {
    return retryWithoutCounting(visit, 'DeadLetterQueueUnavailable', describeError(error));
  }
  await notifyDeadLettered(sent, undefined, false, ports);
  return { kind: 'dead-lettered', reason, detail, attempt: 0 };
}

/**
 * The call did not lead to a dead letter, so the claim ends here, or the next worker takes it for a lost answer. If the answer
 * really was lost, keep the state `unknown`: without it the build would be submitted again, whatever the settings say.
 */
async function freeClaim(entry: LedgerEntry, visit: Visit): Promise<void> {
  const freed =
    entry.state === 'submitting' ? waiting(entry, visit.ports.clock.now(), 'DeadLetterQueueUnavailable') : entry;
  if (freed.state === 'waiting') await recordEntry(freed, visit);
}
