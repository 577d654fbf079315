import type { Log } from './ports.ts';
import { describeError } from './redaction.ts';

/**
 * Paces calls to an API that takes one request per interval and user: virtual scheduling (GCRA) with remembered slots, and
 * a gate at the moment of the call.
 *
 * The slots spread the waiting: each build learns once when its turn is and sleeps until then. The gate keeps the rule:
 * whatever woke late, crashed or was retried, nobody passes it before an interval has gone by since the last one did.
 */

/** The state of one line (one vendor endpoint and `userId`). All times in ms since the epoch. */
export interface Line {
  /** The first slot nobody has. */
  readonly nextSlot: number;
  /** How far the line has been pushed back in all, in ms. A ticket remembers the value it was drawn at. */
  readonly pushed: number;
  /** The gate stays shut until then. */
  readonly opensAt: number;
}

/** A slot in a line, as the ledger remembers it for its build. */
export interface Ticket {
  readonly slot: number;
  /** `Line.pushed` when the ticket was drawn: what has been added since moves this slot too. */
  readonly pushed: number;
}

export type Entry =
  | { readonly kind: 'entered'; readonly at: number }
  /** Not yet: come back at `until` with the same ticket. */
  | { readonly kind: 'early'; readonly until: number }
  /** The turn went by unused (crash, outage): draw a new ticket. */
  | { readonly kind: 'missed' };

export interface Pacer {
  /** Draws the next free slot of the line, never before `now`. First come first served. */
  reserve(line: string, now: number): Promise<Ticket>;
  /** Passes the gate, or says when to come again. Entering spends the slot. */
  enter(line: string, ticket: Ticket, now: number): Promise<Entry>;
  /**
   * The holder of `ticket` can't be served before `until` (a 429, a key replaced underway): everybody behind moves back by
   * as much, so that the order holds and no two wake for one slot.
   */
  pushBack(line: string, ticket: Ticket, until: number): Promise<void>;
  /** Keeps the gate shut until then at least: the last call went out later than it entered. */
  keepShut(line: string, until: number): Promise<void>;
}

export interface PacerSettings {
  /** Least distance between two submissions of one user, in ms. */
  readonly intervalMs: number;
}

/** The vendor's window per user and endpoint, in ms. Source: rate-limits-and-errors page of docs.streampixel.io. */
export const VENDOR_WINDOW_MS = 120_000;

/**
 * What the default interval adds to the vendor's window: half for the clocks of two workers to differ, half for a request to
 * be on its way longer than the one after it. Whoever needs more than its half says so with `keepShut`.
 */
export const MARGIN_MS = 1_000;

/** Part of the margin that a request may take from the gate to the wire before the gate must be kept shut for longer, in ms. */
export const SENDING_ALLOWANCE_MS = MARGIN_MS / 2;

/**
 * Until when the gate must stay shut for a request that went onto the wire later than the margin allows, in ms since the epoch;
 * `undefined` where the interval itself is enough.
 */
export function shutUntil(
  enteredAt: number,
  sentAt: number | undefined,
  { intervalMs }: PacerSettings,
): number | undefined {
  if (sentAt === undefined || sentAt - enteredAt <= SENDING_ALLOWANCE_MS) return undefined;
  return sentAt + intervalMs - SENDING_ALLOWANCE_MS;
}

/**
 * Keeps the gate shut for longer where a request was slower to get onto the wire than the margin of the interval covers. Never
 * throws.
 */
export async function keepShutAfter(
  line: string,
  enteredAt: number,
  sentAt: number | undefined,
  settings: PacerSettings,
  { log, pacer }: { readonly log: Log; readonly pacer: Pacer },
): Promise<void> {
  const until = shutUntil(enteredAt, sentAt, settings);
  if (until === undefined) return;
  try {
    await pacer.keepShut(line, until);
  } catch (error) {
    // The worst that comes of it is a 429, which costs nobody anything.
    log.warn('gate-not-kept-shut', { line, error: describeError(error) });
  }
}

/** Lines are born open. */
export const NEW_LINE: Line = { nextSlot: 0, pushed: 0, opensAt: 0 };

/**
 * How much wider than the gate demands the slots lie, in ms. With no slack every build would inherit the greatest lateness
 * before it, for as long as the line is busy; with this much, lateness of a second dies out over two builds.
 */
const SLOT_SLACK_MS = 500;

/** The distance from one slot to the next, in ms. */
export function slotSpacing({ intervalMs }: PacerSettings): number {
  return intervalMs + SLOT_SLACK_MS;
}

/** Takes the next free slot. */
export function drawTicket(line: Line, now: number, settings: PacerSettings): { line: Line; ticket: Ticket } {
  const slot = Math.max(now, line.nextSlot);
  return {
    line: { ...line, nextSlot: slot + slotSpacing(settings) },
    ticket: { slot, pushed: line.pushed },
  };
}

/** Where a ticket's slot lies now, in ms since the epoch. */
export function slotOf(line: Line, ticket: Ticket): number {
  return ticket.slot + (line.pushed - ticket.pushed);
}

/**
 * Whether the holder of `ticket` may go at `now`, and what that does to the line.
 *
 * A turn that is late by less than an interval still has its slot to itself. One that is later has lost it: taking another's
 * would make every build behind it late as well, so it draws a new ticket (on an idle line that one's turn is now). Nobody
 * enters on an old slot, therefore: what is pushed back later is reckoned from it.
 */
export function passGate(
  line: Line,
  ticket: Ticket,
  now: number,
  settings: PacerSettings,
): { line: Line; entry: Entry } {
  const slot = slotOf(line, ticket);
  if (now < slot) return { line, entry: { kind: 'early', until: Math.max(slot, line.opensAt) } };
  const late = now - slot;
  if (late >= settings.intervalMs) return { line, entry: { kind: 'missed' } };
  if (now < line.opensAt) return { line, entry: { kind: 'early', until: line.opensAt } };
  const opensAt = now + settings.intervalMs;
  const entry: Entry = { kind: 'entered', at: now };
  // Small lateness stays with the gate: those behind sleep it off in the function.
  if (late <= inProcessWait(settings)) return { line: { ...line, opensAt }, entry };
  // More of it would wake everyone behind at a time that is no longer theirs, so the line itself moves.
  return { line: { nextSlot: line.nextSlot + late, pushed: line.pushed + late, opensAt }, entry };
}

/** See {@link Pacer.pushBack}. */
export function pushLineBack(line: Line, ticket: Ticket, until: number): Line {
  const push = Math.max(0, until - slotOf(line, ticket));
  return {
    nextSlot: line.nextSlot + push,
    pushed: line.pushed + push,
    opensAt: Math.max(line.opensAt, until),
  };
}

/** A wait up to this long is slept in the function: another receive costs more than the seconds do. In ms. */
export const IN_PROCESS_WAIT_MS = 5_000;

/**
 * The same for a given interval, in ms. Sleeping in the function is for what remains of a wait, not for a turn of a line that
 * moves fast; and never less than the second that SQS's whole seconds leave over.
 */
export function inProcessWait({ intervalMs }: PacerSettings): number {
  return Math.min(IN_PROCESS_WAIT_MS, Math.max(1_000, intervalMs / 2));
}
