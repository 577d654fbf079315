import { type Build, hasDotSegment } from '../model/build.ts';
import { type SlotReservation, uploadLane } from '../model/lane.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { withFormerUpload } from '../model/live.ts';
import { present } from '../model/optional-fields.ts';
import { type Outcome, postponed, skippedAs, unreachable } from '../model/outcome.ts';
import { describeError } from '../model/redaction.ts';
import { findRoute, type Route } from '../model/route.ts';
import type { PresignedUrl } from '../model/secret.ts';
import type { UploadAnswer } from '../model/streampixel-answers.ts';
import { opened, reopened, routed, submittedAgain, submitting, waiting } from '../model/submission-transitions.ts';
import { iso } from '../model/time.ts';
import { notifySubmitted } from '../notify/submission-notices.ts';
import { inProcessWait } from '../pacing/pacer.ts';
import { takeSlot } from '../pacing/take-slot.ts';
import { type ApiKey, type ApiKeyRead, LedgerUnavailable, type Ports, type RefusedKey } from '../ports.ts';
import { checkAtSlot, checkBeforeSlot } from './check-build.ts';
import { deadLetter } from './dead-letter.ts';
import { retry, retryLostAnswer } from './retry.ts';
import { settleAnswer } from './settle-answer.ts';
import {
  type Delivery,
  failureOf,
  inProgress,
  isTooLate,
  retryWithoutCounting,
  type Step,
  type SubmitSettings,
  type Visit,
} from './visit.ts';

/**
 * Takes one build as far as it can go now: route, key, check of the object, slot, call, record. Safe to repeat at any point:
 * what happened before is in the ledger, and a crash leaves the message in its queue.
 *
 * Never throws. After an outcome other than `postponed` and `retried` the message is finished.
 */
export async function submitBuild(
  build: Build,
  delivery: Delivery,
  settings: SubmitSettings,
  ports: Ports,
): Promise<Outcome> {
  let visit: Visit = { delivery, settings, ports };
  let entry = opened(build, ports.clock.now(), delivery.requestedBy);
  try {
    const route = findRoute(settings.routes, build.key);
    const [known, refusedKey] = await Promise.all([
      ports.ledger.find(entry.id),
      route === undefined ? undefined : ports.ledger.refusedKeyOf(route.apiKeyParameter),
    ]);
    if (known !== undefined) {
      const resumed = await resume(known, visit);
      if (resumed.outcome !== undefined) return resumed.outcome;
      entry = resumed.entry;
    }
    // In the entry, because a redrive does not carry the attribute on: it keeps what a person has said last.
    entry = { ...entry, ...present({ isUnchecked: delivery.isUnchecked }) };
    if (hasDotSegment(build.key)) {
      const detail = `The key ${build.key} has a part that is "." or "..".`;
      return await deadLetter(entry, { reason: 'UnusableKey', detail }, visit);
    }
    if (route === undefined) {
      return await deadLetter(entry, { reason: 'NoRoute', detail: `No route for the key ${build.key}.` }, visit);
    }
    entry = routed(entry, route);
    const { reservation } = entry;
    // SQS hides a message for at most 12 h, so it may wake before its slot. A slot never becomes earlier, so the
    // message can sleep again.
    if (reservation !== undefined && reservation.slot - ports.clock.now() > inProcessWait(settings)) {
      return postponed('Slot', reservation.slot);
    }
    const read = await readKey(route, refusedKey, visit);
    if (read.kind === 'missing') {
      return await deadLetter(entry, { reason: 'ApiKeyMissing', detail: read.detail }, visit);
    }
    if (read.kind === 'unavailable') return await retry(entry, 'ApiKeyUnavailable', read.detail, visit);
    const keyed = { ...visit, key: read.key };
    visit = keyed;
    if (read.key.version === refusedKey?.version) {
      const detail = `Version ${read.key.version} of the key was rejected at ${iso(refusedKey.at)}. This build was not sent with it.`;
      // The build that was refused first has sent the alert.
      return await deadLetter(entry, { reason: 'InvalidApiKey', detail, isAlertSent: true }, keyed);
    }
    const checked: Step = reservation === undefined ? await checkBeforeSlot(entry, route, keyed) : { entry };
    return checked.outcome ?? (await submitInSlot(checked.entry, route, keyed));
  } catch (error) {
    return failedBeforeCall(entry, error, visit);
  }
}

/** What the ledger's state says about this delivery: an outcome if there is nothing to do now. */
async function resume(entry: LedgerEntry, visit: Visit): Promise<Step> {
  const { receiveCount, redriveOf, requestedBy, sentAt, submitAgain } = visit.delivery;
  const { leaseUntil = 0 } = entry;
  const now = visit.ports.clock.now();
  const duplicate = (detail: string): Step => ({ entry, outcome: skippedAs('Duplicate', detail) });
  if (isFinished(entry) && submitAgain !== undefined && submitAgain !== entry.submitAgainId) {
    // Viewers may have its upload, or get it now: the entry is about the new one from here on.
    const { projectId } = entry;
    if (projectId !== undefined)
      await visit.ports.ledger.updateLive(projectId, (live) => withFormerUpload(live, entry));
    return { entry: submittedAgain(entry, now, submitAgain, requestedBy) };
  }
  switch (entry.state) {
    case 'submitted':
      // If a worker crashed before it sent the event, no watch runs over the build: send the event again.
      if (receiveCount > 1 && !(await notifySubmitted(entry, visit.ports))) {
        const detail = `Accepted, upload id ${entry.uploadId}; the event that starts its watch is still to be sent.`;
        return { entry, outcome: retryWithoutCounting(visit, 'EventsUnavailable', detail) };
      }
      return duplicate(`Accepted before, upload id ${entry.uploadId}.`);
    case 'approved':
    case 'released':
    case 'rejected':
      return duplicate(`Accepted before, upload id ${entry.uploadId}, now ${entry.state}.`);
    case 'skipped':
      return duplicate(`Skipped before: ${entry.skipCause}.`);
    case 'dead-lettered':
      // A message that was sent after the dead-lettering is a request to try again, whatever tool has sent it. If we skipped it
      // here, the build could be lost: it may be in no queue. A message that was sent before is a late duplicate of the event.
      if (
        (redriveOf !== undefined && redriveOf === entry.deadLetterId) ||
        sentAt > (entry.lastFailure?.at ?? entry.updatedAt)
      ) {
        return { entry: reopened(entry, now, requestedBy) };
      }
      return duplicate(`Dead-lettered before: ${entry.reason}.`);
    case 'submitting':
      if (now < leaseUntil) return { entry, outcome: postponed('InProgress', leaseUntil) };
      return {
        entry,
        outcome: await retryLostAnswer(entry, 'The worker ended between the call and the record of its answer.', visit),
      };
    case 'waiting':
    case 'unknown':
      return { entry };
    default:
      return unreachable(entry.state);
  }
}

function isFinished({ state }: LedgerEntry): boolean {
  return state !== 'waiting' && state !== 'submitting' && state !== 'unknown';
}

/** A key that is known to be refused is read again past the cache, which may still hold it although it was replaced. */
async function readKey({ apiKeyParameter }: Route, refused: RefusedKey | undefined, visit: Visit): Promise<ApiKeyRead> {
  const { apiKeys } = visit.ports;
  const read = await apiKeys.read(apiKeyParameter);
  const isRefused = read.kind === 'found' && read.key.version === refused?.version;
  return isRefused ? apiKeys.readAgain(apiKeyParameter) : read;
}

/** Waits for the build's slot, in the queue or in the function, and calls `upload-file` in it. */
async function submitInSlot(
  entry: LedgerEntry,
  route: Route,
  visit: Visit & { readonly key: ApiKey },
): Promise<Outcome> {
  const { delivery, ports, settings } = visit;
  return takeSlot<LedgerEntry, { readonly entry: LedgerEntry; readonly fileUrl: PresignedUrl }, Outcome>(
    {
      lane: uploadLane(route.userId),
      reservation: entry.reservation,
      deadline: delivery.deadline,
      check: async () => {
        const { entry: checked, outcome } = await checkAtSlot(entry, route, visit);
        return outcome === undefined ? { checked } : { result: outcome };
      },
      sleep: (reservation, until) => sleep(entry, reservation, until, visit),
      claim: async (checked, reservation) => {
        const fileUrl = await ports.builds.presign(entry.build);
        const claimed = await claim(checked, fileUrl, reservation, visit);
        return claimed === undefined ? { result: inProgress(visit) } : { claim: { entry: claimed, fileUrl } };
      },
      call: async ({ entry: claimed, fileUrl }, slot, deadline) => {
        const answer = await callUploadFile(claimed, fileUrl, deadline, route, visit);
        return { sentAt: answer.sentAt, result: await settleAnswer(claimed, answer, slot, route, visit) };
      },
    },
    settings,
    ports,
  );
}

/**
 * Another worker may have the same message and have put it to sleep meanwhile. Then claim the newer entry, unless the other worker
 * has already called Streampixel, or tried to.
 */
async function claim(
  entry: LedgerEntry,
  url: PresignedUrl,
  reservation: SlotReservation,
  { delivery, ports }: Visit,
): Promise<LedgerEntry | undefined> {
  const { content, isUnchecked, labels, package: facts, releaseMode, warnings } = entry;
  const fileUrl = { delivery: url.delivery, until: url.expiresAt, host: new URL(url.toString()).host };
  const read = { ...present({ content, isUnchecked, labels, package: facts, releaseMode, warnings }), fileUrl };
  let latest: LedgerEntry | undefined = entry;
  while (latest !== undefined && latest.state === entry.state && latest.attempts === entry.attempts) {
    const claimed = submitting({ ...latest, ...read, reservation }, ports.clock.now(), delivery.leaseUntil);
    const saved = await ports.ledger.save(claimed);
    if (saved.kind === 'saved') return saved.entry;
    latest = await ports.ledger.find(entry.id);
  }
  return undefined;
}

/** The message goes back to sleep, and the ledger keeps its reservation. */
async function sleep(entry: LedgerEntry, reservation: SlotReservation, until: number, visit: Visit): Promise<Outcome> {
  const { ports } = visit;
  // A waiting build is dead-lettered only if its message would expire before its slot.
  if (isTooLate(until, visit)) {
    const detail = `Its slot is at ${iso(until)}; the message expires before.`;
    return deadLetter(entry, { reason: 'WaitTooLong', detail }, visit);
  }
  const next = waiting(entry, ports.clock.now(), `slot at ${iso(until)}`, reservation);
  const saved = await ports.ledger.save(next);
  return saved.kind === 'saved' ? postponed('Slot', until) : inProgress(visit);
}

async function callUploadFile(
  { build, id, releaseMode }: LedgerEntry,
  fileUrl: PresignedUrl,
  deadline: number,
  route: Route,
  { key, ports }: Visit & { readonly key: ApiKey },
): Promise<UploadAnswer> {
  const { clock, log, metrics, streampixel } = ports;
  const { bucket, key: objectKey } = build;
  // The date is what the signature says. A URL of S3 ends sooner if the session of the role that signed it does.
  const { delivery, expiresAt } = fileUrl;
  const facts = { apiKeyVersion: key.version, fileUrl, delivery, fileUrlSignedUntil: iso(expiresAt) };
  log.info('calling', { bucket, key: objectKey, build: id, ...facts });
  // A held-back build has releaseMode manual, so autoRelease comes from the entry, not from the route.
  const asRecorded = { ...route, autoRelease: releaseMode === 'automatic' };
  const calledAt = clock.now();
  const answer = await streampixel
    .uploadFile({ route: asRecorded, apiKey: key.secret, fileUrl }, deadline)
    // It does not throw by its contract. Where it does all the same, the request may have been sent.
    .catch((error: unknown): UploadAnswer => ({ kind: 'lost', detail: describeError(error) }));
  const status = 'status' in answer ? `${answer.status}` : 'none';
  metrics.put('VendorLatency', clock.now() - calledAt, { Status: status });
  return answer;
}

/** An exception before the call: nothing was sent. */
async function failedBeforeCall(entry: LedgerEntry, error: unknown, visit: Visit): Promise<Outcome> {
  const detail = describeError(error);
  // Not counted: where nothing can be written down, the queue's receive count is the safety net.
  if (error instanceof LedgerUnavailable) return retryWithoutCounting(visit, 'LedgerUnavailable', detail);
  visit.ports.log.error('unexpected-error', { build: entry.id, error: failureOf(visit, 'Unexpected', detail).detail });
  try {
    return await retry(entry, 'Unexpected', detail, visit);
  } catch (second) {
    return retryWithoutCounting(visit, 'Unexpected', `${detail}; then ${describeError(second)}`);
  }
}
