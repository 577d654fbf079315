import { releaseChanged, requestRelease } from '../model/following-transitions.ts';
import { releaseLane } from '../model/lane.ts';
import type { LedgerEntry, Release } from '../model/ledger-entry.ts';
import { type GoLive, releasedGoLive, withGoLives } from '../model/live.ts';
import { type Disposition, unreachable } from '../model/outcome.ts';
import { keyParameterOf } from '../model/route.ts';
import type { ReleaseAnswer } from '../model/streampixel-answers.ts';
import { logFields } from '../notify/build-context.ts';
import { SENDING_ALLOWANCE_MS } from '../pacing/pacer.ts';
import { type AcquiredSlot, keepFirstInLane, takeSlot } from '../pacing/take-slot.ts';
import type { ApiKey } from '../ports.ts';
import type { FollowMessage } from './follow-message.ts';
import {
  failRelease,
  giveUpRelease,
  notifyReleased,
  notifyReleaseFailed,
  type ReleaseAttempt,
  recordRelease,
  sleepUntil,
  tryReleaseLater,
  waitOn,
} from './release-attempt.ts';
import { updateWithRetry } from './update-with-retry.ts';
import type { FollowPorts, FollowVisit } from './visit.ts';

/** Least time that must be left to use a slot, in ms: for the wait until the slot, the call and its record. */
const LEAST_TIME_MS = 30_000;

/** A request older than this is not carried out, in ms: its message has been in a dead-letter queue. */
const OLDEST_REQUEST_MS = 24 * 3_600_000;

/**
 * Takes one request to release an upload as far as it can go now: key, slot, call, record. It is called once: where the answer is
 * lost a person has to look, because a second call could bring back a build that a person has replaced since.
 *
 * @throws LedgerUnavailable: the message then stays in the queue
 */
export async function releaseBuild(
  message: Extract<FollowMessage, { kind: 'release' }>,
  visit: FollowVisit,
): Promise<Disposition> {
  const { clock, ledger, log } = visit.ports;
  const entry = await ledger.find(message.build);
  if (entry === undefined) {
    log.error('release-of-unknown-build', { uploadId: message.uploadId });
    return { kind: 'done' };
  }
  const { release } = entry;
  if (release?.requestId === message.requestId) return resumeRelease({ entry, release, ...visit });
  // One request at a time: the earlier one may be in flight.
  const busyUntil = release?.state === 'calling' ? (release.leaseUntil ?? 0) : 0;
  if (clock.now() < busyUntil) return { kind: 'hidden', until: busyUntil };
  const next = requestRelease(entry, message, clock.now());
  if (next === undefined) return { kind: 'done' };
  const saved = await ledger.save(next.entry);
  if (saved.kind === 'conflict') return { kind: 'hidden', until: clock.now() };
  return resumeRelease({ entry: saved.entry, release: next.release, ...visit });
}

async function resumeRelease(attempt: ReleaseAttempt): Promise<Disposition> {
  const { delivery, entry, ports, release } = attempt;
  const { by, detail = '', leaseUntil = 0, pendingNotification, requestedAt, state } = release;
  const now = ports.clock.now();
  switch (state) {
    case 'released':
      // The worker that recorded it may have crashed before it could notify.
      if (delivery.receiveCount > 1) await notifyReleased(attempt);
      return { kind: 'done' };
    case 'failed':
      return pendingNotification === undefined
        ? { kind: 'done' }
        : notifyReleaseFailed(attempt, detail, pendingNotification);
    case 'calling':
      if (now < leaseUntil) return { kind: 'hidden', until: leaseUntil };
      return failRelease(attempt, 'The worker ended between the call and the record of its answer.', 'unknown');
    case 'requested':
      if (isWithdrawn(entry, by)) {
        await giveUpRelease(attempt, 'Rejected after all.', 'refused');
        return { kind: 'done' };
      }
      if (now - requestedAt > OLDEST_REQUEST_MS) {
        return failRelease(attempt, 'The request is more than a day old.', 'refused');
      }
      return releaseInSlot(attempt);
    default:
      return unreachable(state);
  }
}

/** A rejection withdraws the request of an approval, but not that of a person. */
function isWithdrawn({ state }: LedgerEntry, by: Release['by']): boolean {
  return state === 'rejected' && by === 'approval';
}

/** Waits for the slot, in the queue or in the function, and calls `distribute-file` in it. */
async function releaseInSlot(attempt: ReleaseAttempt): Promise<Disposition> {
  const { delivery, entry, ports, release, settings } = attempt;
  const { apiKeys, clock } = ports;
  const { projectId = '', userId = '' } = entry;
  const keyParameter = keyParameterOf(settings.routes, entry);
  if (keyParameter === undefined)
    return failRelease(attempt, `No route has a key of user ${userId} any more.`, 'refused');
  const read = await apiKeys.read(keyParameter);
  if (read.kind === 'missing') return failRelease(attempt, read.detail, 'refused');
  if (read.kind === 'unavailable') return tryReleaseLater(attempt, read.detail);
  if (clock.now() + LEAST_TIME_MS > delivery.deadline) return { kind: 'hidden', until: clock.now() };

  const { key } = read;
  const keyed = { ...attempt, key };
  return takeSlot<ReleaseAttempt, ReleaseAttempt, Disposition>(
    {
      lane: releaseLane(userId),
      reservation: release.reservation,
      deadline: delivery.deadline,
      check: async () => {
        const newer = release.by === 'approval' ? await findNewerLive(entry, ports) : undefined;
        if (newer === undefined) return { checked: keyed };
        // No alert: a person who followed its command would put the older build in front of viewers.
        await giveUpRelease(keyed, `A newer build of the project has gone live: ${newer.build}.`, 'superseded');
        ports.log.info('release-superseded', { ...logFields(entry), by: newer.build });
        return { result: { kind: 'done' } };
      },
      sleep: (reservation, until) => sleepUntil(keyed, reservation, until),
      claim: async (checked, reservation) => {
        const { leaseUntil } = delivery;
        const claimed = await claim(checked, { ...release, reservation, state: 'calling', leaseUntil });
        // Another worker is processing the request, or it is withdrawn. The slot is wasted, the request is not.
        const result = { kind: 'hidden', until: clock.now() + settings.intervalMs } as const;
        return claimed === undefined ? { result } : { claim: claimed };
      },
      call: async (claimed, slot, deadline) => {
        const { by, uploadId } = release;
        ports.log.info('releasing', { ...logFields(claimed.entry), uploadId, by, apiKeyVersion: key.version });
        const request = { userId, projectId, uploadId, apiKey: key.secret };
        const answer = await ports.releases.distributeFile(request, deadline);
        return { sentAt: answer.sentAt, result: await settleRelease({ ...claimed, key }, answer, slot, keyParameter) };
      },
    },
    settings,
    ports,
  );
}

/** A late approval or a retried request must not bring back a build that a newer one has replaced. */
async function findNewerLive(
  { projectId = '', submittedAt = 0 }: LedgerEntry,
  { ledger }: FollowPorts,
): Promise<GoLive | undefined> {
  const { goLives } = await ledger.liveOf(projectId);
  return goLives.find((other) => (other.submittedAt ?? 0) > submittedAt);
}

/** Claims the request on top of what is saved meanwhile: the worker that notifies of the approval saves the same entry. */
async function claim(attempt: ReleaseAttempt, calling: Release): Promise<ReleaseAttempt | undefined> {
  const { entry, ports } = attempt;
  let isOurs = false;
  const stored = await updateWithRetry(entry.id, ports.ledger, (latest) => {
    const { release } = latest;
    isOurs =
      release?.requestId === calling.requestId && release.state === 'requested' && !isWithdrawn(latest, release.by);
    return isOurs ? releaseChanged(latest, calling, ports.clock.now(), 'calls distribute-file') : undefined;
  });
  return isOurs && stored !== undefined ? { ...attempt, entry: stored, release: calling } : undefined;
}

async function settleRelease(
  attempt: ReleaseAttempt & { readonly key: ApiKey },
  answer: ReleaseAnswer,
  slot: AcquiredSlot,
  keyParameter: string,
): Promise<Disposition> {
  const { key, ports, release, settings } = attempt;
  switch (answer.kind) {
    case 'released': {
      const attempts = release.attempts + 1;
      const goLive = releasedGoLive(attempt.entry, release, ports.clock.now());
      // Before the record: afterwards another request for the build may be taken, and a worker that crashed would not come back to this.
      await ports.ledger.updateLive(attempt.entry.projectId ?? '', (current) => withGoLives(current, [goLive]));
      await notifyReleased(await recordRelease(attempt, { state: 'released', attempts }, 'released'));
      return { kind: 'done' };
    }
    case 'rate-limited':
    case 'failed': {
      const isLimited = answer.kind === 'rate-limited';
      const { retryAfterMs = isLimited ? settings.intervalMs : 0 } = answer;
      if (!isLimited && retryAfterMs === 0) return tryReleaseLater(attempt, answer.detail);
      const notBefore = ports.clock.now() + retryAfterMs + SENDING_ALLOWANCE_MS;
      const waiting = await recordRelease(attempt, { state: 'requested' }, isLimited ? 'RateLimited' : 'VendorBusy');
      return waitOn(waiting, await keepFirstInLane(slot, notBefore, settings, ports));
    }
    case 'too-early':
      return tryReleaseLater(attempt, answer.detail);
    case 'refused': {
      const detail = `${answer.reason} (HTTP ${answer.status}): ${answer.detail}`;
      if (answer.reason !== 'InvalidApiKey') return failRelease(attempt, detail, 'refused');
      const again = await ports.apiKeys.readAgain(keyParameter);
      const isReplaced = again.kind === 'found' && again.key.version !== key.version;
      return isReplaced ? tryReleaseLater(attempt, detail) : failRelease(attempt, detail, 'refused');
    }
    case 'lost':
      return failRelease(attempt, answer.detail, 'unknown');
    default:
      return unreachable(answer);
  }
}
