import type { LedgerEntry } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import type { Failure, Outcome } from '../model/outcome.ts';
import type { RetryCause } from '../model/reasons.ts';
import { answerLost, failed } from '../model/submission-transitions.ts';
import { retryDelay } from '../pacing/retry-delay.ts';
import { deadLetter } from './dead-letter.ts';
import { recordEntry } from './record-entry.ts';
import { failureOf, type Visit } from './visit.ts';

/** An attempt failed and Streampixel has certainly not accepted the build: it is tried again later, or dead-lettered. */
export async function retry(
  entry: LedgerEntry,
  cause: RetryCause,
  detail: string,
  visit: Visit,
  status?: number,
): Promise<Outcome> {
  const failure = failureOf(visit, cause, detail, status);
  return scheduleRetry(failed(entry, failure.at, failure), cause, failure, visit);
}

/** The answer to a submission was lost: the build may have been accepted. */
export async function retryLostAnswer(
  entry: LedgerEntry,
  detail: string,
  visit: Visit,
  status?: number,
): Promise<Outcome> {
  const failure = failureOf(visit, 'AnswerLost', detail, status);
  const next = answerLost(entry, failure.at, failure);
  visit.ports.metrics.put('AnswersLost', 1);
  if (visit.settings.onLostAnswer === 'dead-letter') {
    return deadLetter(next, { reason: 'SubmissionUnknown', detail, status }, visit);
  }
  return scheduleRetry(next, 'AnswerLost', failure, visit);
}

async function scheduleRetry(next: LedgerEntry, cause: RetryCause, failure: Failure, visit: Visit): Promise<Outcome> {
  const { ports, settings } = visit;
  const { detail, status } = failure;
  const { attempts } = next;
  if (attempts >= settings.maxAttempts) {
    return deadLetter(next, { reason: 'RetriesExhausted', detail: `${cause}: ${detail}`, status }, visit);
  }
  await recordEntry(next, visit);
  const until = ports.clock.now() + retryDelay(attempts, settings.intervalMs, ports.random);
  return { kind: 'retried', cause, detail, until, attempt: attempts, ...present({ status }) };
}
