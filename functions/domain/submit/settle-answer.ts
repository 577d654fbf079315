import type { LedgerEntry } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import { type Outcome, unreachable } from '../model/outcome.ts';
import type { PostponeCause } from '../model/reasons.ts';
import { describeError } from '../model/redaction.ts';
import type { Route } from '../model/route.ts';
import type { UploadAnswer } from '../model/streampixel-answers.ts';
import { submitted, waiting } from '../model/submission-transitions.ts';
import { iso } from '../model/time.ts';
import { notifyKeyRejected, notifySubmitted } from '../notify/submission-notices.ts';
import { SENDING_ALLOWANCE_MS } from '../pacing/pacer.ts';
import { type AcquiredSlot, keepFirstInLane } from '../pacing/take-slot.ts';
import type { ApiKey } from '../ports.ts';
import { deadLetter } from './dead-letter.ts';
import { recordEntry } from './record-entry.ts';
import { retry, retryLostAnswer } from './retry.ts';
import { isTooLate, type Visit } from './visit.ts';

/** Records what came of a call of `upload-file`. `entry` is the claimed one. */
export async function settleAnswer(
  entry: LedgerEntry,
  answer: UploadAnswer,
  slot: AcquiredSlot,
  route: Route,
  visit: Visit & { readonly key: ApiKey },
): Promise<Outcome> {
  const { key, ports, settings } = visit;
  const { clock } = ports;
  const afterWait = (ms: number) => clock.now() + ms + SENDING_ALLOWANCE_MS;
  switch (answer.kind) {
    case 'accepted': {
      const { status, uploadId } = answer;
      const accepted = submitted(entry, clock.now(), uploadId);
      // If this record fails, Streampixel has the build anyway: finish the message, or it would be uploaded twice.
      await recordEntry(accepted, visit);
      const isNotified = await notifySubmitted(accepted, ports, status);
      const facts = { uploadId, status, attempt: entry.attempts + 1, possiblyDoubled: entry.possiblyDoubled };
      return { kind: 'submitted', ...facts, ...(isNotified ? {} : { isNotificationPending: true }) };
    }
    case 'rate-limited': {
      const { retryAfterMs = settings.intervalMs, status } = answer;
      return postponeAfterAnswer(entry, slot, afterWait(retryAfterMs), 'RateLimited', status, visit);
    }
    case 'refused': {
      if (answer.reason !== 'InvalidApiKey') return deadLetter(entry, answer, visit);
      const again = await ports.apiKeys.readAgain(route.apiKeyParameter);
      if (again.kind === 'found' && again.key.version !== key.version) {
        // Streampixel does not say whether a refused call uses up the slot, so it waits for another one.
        return postponeAfterAnswer(entry, slot, clock.now(), 'KeyChanged', answer.status, visit);
      }
      const isAlertSent = await recordRefusedKeyAndAlert(entry, route, answer.detail, visit);
      return deadLetter(entry, { ...answer, isAlertSent }, visit);
    }
    case 'failed': {
      const { cause, detail, retryAfterMs = 0, status } = answer;
      // Streampixel said when its maintenance ends: wait, and do not count an attempt.
      if (retryAfterMs === 0) return retry(entry, cause, detail, visit, status);
      return postponeAfterAnswer(entry, slot, afterWait(retryAfterMs), 'VendorBusy', status, visit);
    }
    case 'lost':
      return retryLostAnswer(entry, answer.detail, visit, answer.status);
    default:
      return unreachable(answer);
  }
}

/**
 * SQS gives a message up after 100 receives. A build that is postponed again and again waits twice as long after each ten,
 * so that they last until the message expires.
 */
const RECEIVES_PER_DOUBLING = 10;

/** The slot was used up through no fault of the build: it costs no attempt. */
async function postponeAfterAnswer(
  entry: LedgerEntry,
  slot: AcquiredSlot,
  notBefore: number,
  cause: PostponeCause,
  status: number | undefined,
  visit: Visit,
): Promise<Outcome> {
  const { delivery, ports, settings } = visit;
  const patience = settings.intervalMs * 2 ** Math.floor(delivery.receiveCount / RECEIVES_PER_DOUBLING);
  const next = Math.max(notBefore, slot.acquiredAt + patience);
  if (isTooLate(next, visit)) {
    await keepFirstInLane(slot, next, settings, ports);
    const detail = `${cause}: its next try is at ${iso(next)}; the message expires before.`;
    return deadLetter(entry, { reason: 'WaitTooLong', detail, status }, visit);
  }
  await recordEntry(waiting(entry, ports.clock.now(), cause, slot.reservation), visit);
  const until = await keepFirstInLane(slot, next, settings, ports);
  return { kind: 'postponed', cause, until, ...present({ status }) };
}

/**
 * Records a refused key, so that the next builds are not sent with it, and notifies people once per version.
 * @returns whether an alert has been sent for this cause
 */
async function recordRefusedKeyAndAlert(
  entry: LedgerEntry,
  { apiKeyParameter: parameter, userId }: Route,
  detail: string,
  { delivery, key, ports }: Visit & { readonly key: ApiKey },
): Promise<boolean> {
  const { ledger, log, metrics } = ports;
  const { version } = key;
  const at = ports.clock.now();
  try {
    if ((await ledger.refuseKey(parameter, { version, at })) === 'known') return true;
    metrics.put('ApiKeysRejected', 1);
    const facts = { parameter, version, userId, waiting: await ledger.countWaiting(userId) };
    const { logPointer } = delivery;
    return await notifyKeyRejected({ ...facts, detail, build: entry.build, at, logPointer }, ports);
  } catch (error) {
    // Then each build is refused by itself, and sends its own alert.
    log.warn('refused-key-not-remembered', { parameter, version, error: describeError(error) });
    return false;
  }
}
