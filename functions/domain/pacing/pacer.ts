import type { Admission, RateLimitLane, SlotReservation } from '../model/lane.ts';
import { describeError } from '../model/redaction.ts';
import type { Log, Pacer } from '../ports.ts';

/**
 * Paces calls to an API that takes one request per interval and user: virtual scheduling (GCRA) with remembered slots, and
 * a gate at the moment of the call.
 *
 * The slots spread the waiting: each build learns once when its turn is and sleeps until then. The gate keeps the rule:
 * whatever woke late, crashed or was retried, nobody passes it before an interval has gone by since the last one did.
 */

export interface PacerSettings {
  /** Least distance between two submissions of one user, in ms. */
  readonly intervalMs: number;
}

/** The vendor's window per user and endpoint, in ms. Source: rate-limits-and-errors page of docs.streampixel.io. */
export const VENDOR_WINDOW_MS = 120_000;

/**
 * What the default interval adds to the vendor's window: half for the clocks of two workers to differ, half for a request to
 * be on its way longer than the one after it. Whoever needs more than its half says so with `blockUntil`.
 */
export const MARGIN_MS = 1_000;

/** Part of the margin that a request may take from the gate to the wire before the gate must be kept shut for longer, in ms. */
export const SENDING_ALLOWANCE_MS = MARGIN_MS / 2;

/**
 * Until when the gate must stay shut for a request that went onto the wire later than the margin allows, in ms since the epoch;
 * `undefined` where the interval itself is enough.
 */
export function blockedUntilAfter(
  acquiredAt: number,
  sentAt: number | undefined,
  { intervalMs }: PacerSettings,
): number | undefined {
  if (sentAt === undefined || sentAt - acquiredAt <= SENDING_ALLOWANCE_MS) return undefined;
  return sentAt + intervalMs - SENDING_ALLOWANCE_MS;
}

/**
 * Keeps the gate shut for longer where a request was slower to get onto the wire than the margin of the interval covers. Never
 * throws.
 */
export async function blockAfterLateSend(
  lane: string,
  acquiredAt: number,
  sentAt: number | undefined,
  settings: PacerSettings,
  { log, pacer }: { readonly log: Log; readonly pacer: Pacer },
): Promise<void> {
  const until = blockedUntilAfter(acquiredAt, sentAt, settings);
  if (until === undefined) return;
  try {
    await pacer.blockUntil(lane, until);
  } catch (error) {
    // The worst that comes of it is a 429, which costs nobody anything.
    log.warn('gate-not-kept-shut', { lane, error: describeError(error) });
  }
}

/**
 * How much wider than the gate demands the slots lie, in ms. With no slack every build would inherit the greatest lateness
 * before it, for as long as the lane is busy; with this much, lateness of a second dies out over two builds.
 */
const SLOT_SLACK_MS = 500;

/** The distance from one slot to the next, in ms. */
export function slotSpacing({ intervalMs }: PacerSettings): number {
  return intervalMs + SLOT_SLACK_MS;
}

/** Takes the next free slot. */
export function drawTicket(
  lane: RateLimitLane,
  now: number,
  settings: PacerSettings,
): { lane: RateLimitLane; reservation: SlotReservation } {
  const slot = Math.max(now, lane.nextSlot);
  return {
    lane: { ...lane, nextSlot: slot + slotSpacing(settings) },
    reservation: { slot, pushed: lane.pushed },
  };
}

/** Where a reservation's slot lies now, in ms since the epoch. */
export function slotOf(lane: RateLimitLane, reservation: SlotReservation): number {
  return reservation.slot + (lane.pushed - reservation.pushed);
}

/**
 * Whether the holder of `reservation` may go at `now`, and what that does to the lane.
 *
 * A turn that is late by less than an interval still has its slot to itself. One that is later has lost it: taking another's
 * would make every build behind it late as well, so it draws a new reservation (on an idle lane that one's turn is now). Nobody
 * enters on an old slot, therefore: what is pushed back later is reckoned from it.
 */
export function tryAcquire(
  lane: RateLimitLane,
  reservation: SlotReservation,
  now: number,
  settings: PacerSettings,
): { lane: RateLimitLane; entry: Admission } {
  const slot = slotOf(lane, reservation);
  if (now < slot) return { lane, entry: { kind: 'blocked', until: Math.max(slot, lane.blockedUntil) } };
  const late = now - slot;
  if (late >= settings.intervalMs) return { lane, entry: { kind: 'missed' } };
  if (now < lane.blockedUntil) return { lane, entry: { kind: 'blocked', until: lane.blockedUntil } };
  const blockedUntil = now + settings.intervalMs;
  const entry: Admission = { kind: 'acquired', at: now };
  // Small lateness stays with the gate: those behind sleep it off in the function.
  if (late <= inProcessWait(settings)) return { lane: { ...lane, blockedUntil }, entry };
  // More of it would wake everyone behind at a time that is no longer theirs, so the lane itself moves.
  return { lane: { nextSlot: lane.nextSlot + late, pushed: lane.pushed + late, blockedUntil }, entry };
}

/** See {@link Pacer.pushBack}. */
export function pushLaneBack(lane: RateLimitLane, reservation: SlotReservation, until: number): RateLimitLane {
  const push = Math.max(0, until - slotOf(lane, reservation));
  return {
    nextSlot: lane.nextSlot + push,
    pushed: lane.pushed + push,
    blockedUntil: Math.max(lane.blockedUntil, until),
  };
}

/** A wait up to this long is slept in the function: another receive costs more than the seconds do. In ms. */
export const IN_PROCESS_WAIT_MS = 5_000;

/**
 * The same for a given interval, in ms. Sleeping in the function is for what remains of a wait, not for a turn of a lane that
 * moves fast; and never less than the second that SQS's whole seconds leave over.
 */
export function inProcessWait({ intervalMs }: PacerSettings): number {
  return Math.min(IN_PROCESS_WAIT_MS, Math.max(1_000, intervalMs / 2));
}
