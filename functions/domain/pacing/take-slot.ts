import type { SlotReservation } from '../model/lane.ts';
import { describeError } from '../model/redaction.ts';
import type { Clock, Log, Pacer } from '../ports.ts';
import { blockForLateSend, inProcessWait, type PacerSettings, SENDING_ALLOWANCE_MS } from './pacer.ts';

/** Longest that a call of Streampixel may take, in ms. It only queues the work, so an answer takes a second or two. */
export const CALL_TIMEOUT_MS = 20_000;

/** The slot that a call is made in. */
export interface AcquiredSlot {
  readonly lane: string;
  readonly reservation: SlotReservation;
  /** ms since the epoch. */
  readonly acquiredAt: number;
}

/**
 * One attempt to make a call in a slot of a lane. `Checked` is what the last look gives the claim, `Claim` what the claim gives the
 * call, `Result` what the attempt comes to.
 */
export interface SlotAttempt<Checked, Claim, Result> {
  readonly lane: string;
  /** The slot that an earlier visit has reserved. */
  readonly reservation: SlotReservation | undefined;
  /** When every call of this worker must have ended, in ms since the epoch. */
  readonly deadline: number;
  /** A last look while the slot is near. A result ends the attempt: the slot stays unused. */
  readonly check: () => Promise<{ readonly checked: Checked } | { readonly result: Result }>;
  /** The slot is too far away to wait for it in the function: comes back at `until` (ms since the epoch) with the reservation. */
  readonly sleep: (reservation: SlotReservation, until: number) => Promise<Result>;
  /**
   * Records, before the call, that a request may be in flight from now on: a crash after it is known to be ambiguous.
   * A result ends the attempt: another worker was faster.
   */
  readonly claim: (
    checked: Checked,
    reservation: SlotReservation,
  ) => Promise<{ readonly claim: Claim } | { readonly result: Result }>;
  /**
   * Calls once and records what came of it. Must not throw once the request may have been sent.
   * @param deadline ms since the epoch
   * @returns when the request was sent, in ms since the epoch; no `sentAt` where it never was
   */
  readonly call: (
    claim: Claim,
    slot: AcquiredSlot,
    deadline: number,
  ) => Promise<{ readonly sentAt?: number | undefined; readonly result: Result }>;
}

interface SlotPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly pacer: Pacer;
}

/**
 * Reserves a slot, waits for it, acquires it, claims, and calls: for uploads and releases alike. The claim comes right before the
 * call, so only a crash during the call itself leaves anything in doubt.
 *
 * @throws LedgerUnavailable before the claim; the request has not been sent then
 */
export async function takeSlot<Checked, Claim, Result>(
  attempt: SlotAttempt<Checked, Claim, Result>,
  settings: PacerSettings,
  ports: SlotPorts,
): Promise<Result> {
  const { deadline, lane } = attempt;
  const { clock, pacer } = ports;
  let reservation = attempt.reservation ?? (await pacer.reserve(lane, clock.now()));
  if (reservation.slot - clock.now() > inProcessWait(settings)) return attempt.sleep(reservation, reservation.slot);
  const look = await attempt.check();
  if ('result' in look) return look.result;
  const early = reservation.slot - clock.now();
  if (early > 0) await clock.sleep(early);

  for (;;) {
    const admission = await pacer.acquire(lane, reservation, clock.now());
    if (admission.kind === 'acquired') {
      return callInSlot(look.checked, { lane, reservation, acquiredAt: admission.at });
    }
    if (admission.kind === 'missed') reservation = await pacer.reserve(lane, clock.now());
    const until = admission.kind === 'missed' ? reservation.slot : admission.until;
    const wait = Math.max(0, until - clock.now());
    if (wait > inProcessWait(settings) || clock.now() + wait + CALL_TIMEOUT_MS > deadline) {
      return attempt.sleep(reservation, until);
    }
    await clock.sleep(wait);
  }

  async function callInSlot(checked: Checked, slot: AcquiredSlot): Promise<Result> {
    const claimed = await attempt.claim(checked, slot.reservation);
    if ('result' in claimed) return claimed.result;
    const startedAt = clock.now();
    // The table was slow: the interval counts from now for those behind, even if this worker ends during the call.
    if (startedAt - slot.acquiredAt > SENDING_ALLOWANCE_MS) {
      await blockLane(slot.lane, startedAt + settings.intervalMs, ports);
    }
    const callUntil = Math.min(clock.now() + CALL_TIMEOUT_MS, deadline);
    const { result, sentAt } = await attempt.call(claimed.claim, slot, callUntil);
    const until = blockForLateSend(slot.acquiredAt, sentAt, settings);
    if (until !== undefined) await blockLane(slot.lane, until, ports);
    return result;
  }
}

/** Never throws. */
async function blockLane(lane: string, until: number, { log, pacer }: SlotPorts): Promise<void> {
  try {
    await pacer.blockUntil(lane, until);
  } catch (error) {
    // The worst that follows is a 429 for the next call, which costs it no attempt.
    log.warn('lane-not-blocked', { lane, error: describeError(error) });
  }
}

/**
 * The slot was used up through no fault of its holder (a 429, a key that was replaced): it stays first in its lane, and those
 * behind move back by as much. Never throws.
 *
 * @param notBefore ms since the epoch
 * @returns when to come back, in ms since the epoch: an interval after the slot was acquired at least
 */
export async function keepFirstInLane(
  { acquiredAt, lane, reservation }: AcquiredSlot,
  notBefore: number,
  { intervalMs }: PacerSettings,
  { log, pacer }: Pick<SlotPorts, 'log' | 'pacer'>,
): Promise<number> {
  const until = Math.max(notBefore, acquiredAt + intervalMs);
  try {
    await pacer.pushBack(lane, reservation, until);
  } catch (error) {
    // It comes back late for its slot then, and reserves another.
    log.warn('lane-not-pushed-back', { lane, error: describeError(error) });
  }
  return until;
}
