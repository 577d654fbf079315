import type { Admission, RateLimitLane, SlotReservation } from '../model/lane.ts';

/**
 * Paces calls to an API that takes one request per interval and user: virtual scheduling (GCRA) with remembered slots, and a check
 * right before the call.
 *
 * The slots spread the waiting: a build reserves its slot once and sleeps until then. The check keeps the limit: a slot is only
 * acquired an interval after the last one was, even if a worker woke up late, crashed or tried again.
 */

export interface PacerSettings {
  /** Least distance between two calls of one endpoint for one user, in ms. */
  readonly intervalMs: number;
}

/** Streampixel's window per user and endpoint, in ms. Source: rate-limits-and-errors page of docs.streampixel.io. */
export const STREAMPIXEL_WINDOW_MS = 120_000;

/**
 * What the default interval adds to Streampixel's window: half for the clocks of two workers to differ, half for a request to take
 * longer to arrive than the one after it. A request that is later than its half blocks the lane for longer (take-slot.ts).
 */
export const MARGIN_MS = 1_000;

/** How long after its slot was acquired a request may be sent before the lane must be blocked for longer, in ms: part of the margin. */
export const SENDING_ALLOWANCE_MS = MARGIN_MS / 2;

/**
 * Until when the lane must stay blocked for a request that was sent later than the margin allows, in ms since the epoch;
 * `undefined` where the interval itself is enough, or nothing was sent.
 */
export function blockForLateSend(
  acquiredAt: number,
  sentAt: number | undefined,
  { intervalMs }: PacerSettings,
): number | undefined {
  if (sentAt === undefined || sentAt - acquiredAt <= SENDING_ALLOWANCE_MS) return undefined;
  return sentAt + intervalMs - SENDING_ALLOWANCE_MS;
}

/**
 * How much farther apart than the interval the slots are, in ms. Without it, one late build delays all builds after it for as
 * long as the lane is busy; with it, a second is made up for within two builds.
 */
const SLOT_SLACK_MS = 500;

/** The distance from one slot to the next, in ms. */
export function slotSpacing({ intervalMs }: PacerSettings): number {
  return intervalMs + SLOT_SLACK_MS;
}

/** Takes the next free slot. */
export function reserveSlot(
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

/** Where a reservation's slot is now, in ms since the epoch. */
export function slotOf(lane: RateLimitLane, reservation: SlotReservation): number {
  return reservation.slot + (lane.pushed - reservation.pushed);
}

/**
 * Whether the holder of `reservation` may call at `now`, and what that does to the lane.
 *
 * A holder that is late by less than an interval still has its slot to itself. One that is later has lost it: taking the slot of
 * another would make every build behind it late as well, so it reserves again (on an idle lane its new slot is now).
 */
export function tryAcquire(
  lane: RateLimitLane,
  reservation: SlotReservation,
  now: number,
  settings: PacerSettings,
): { lane: RateLimitLane; admission: Admission } {
  const slot = slotOf(lane, reservation);
  if (now < slot) return { lane, admission: { kind: 'blocked', until: Math.max(slot, lane.blockedUntil) } };
  const late = now - slot;
  if (late >= settings.intervalMs) return { lane, admission: { kind: 'missed' } };
  if (now < lane.blockedUntil) return { lane, admission: { kind: 'blocked', until: lane.blockedUntil } };
  const blockedUntil = now + settings.intervalMs;
  const admission: Admission = { kind: 'acquired', at: now };
  // A small delay: the next builds wait it out inside the function.
  if (late <= inProcessWait(settings)) return { lane: { ...lane, blockedUntil }, admission };
  // After a greater delay they would all wake at a time that is no longer their slot, so the whole lane moves.
  return { lane: { nextSlot: lane.nextSlot + late, pushed: lane.pushed + late, blockedUntil }, admission };
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
 * The same for a given interval, in ms. The function sleeps only what remains of a wait, not a whole interval of a fast lane; and
 * never less than a second, because SQS hides messages for whole seconds only.
 */
export function inProcessWait({ intervalMs }: PacerSettings): number {
  return Math.min(IN_PROCESS_WAIT_MS, Math.max(1_000, intervalMs / 2));
}
