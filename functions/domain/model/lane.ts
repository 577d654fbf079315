/** The state of one lane (one vendor endpoint and `userId`). All times in ms since the epoch. */
export interface RateLimitLane {
  /** The first slot nobody has. */
  readonly nextSlot: number;
  /** How far the lane has been pushed back in all, in ms. A reservation remembers the value it was drawn at. */
  readonly pushed: number;
  /** The gate stays shut until then. */
  readonly blockedUntil: number;
}

/** A slot in a lane, as the ledger remembers it for its build. */
export interface SlotReservation {
  readonly slot: number;
  /** `RateLimitLane.pushed` when the reservation was drawn: what has been added since moves this slot too. */
  readonly pushed: number;
}

/** Lanes are born open. */
export const NEW_LANE: RateLimitLane = { nextSlot: 0, pushed: 0, blockedUntil: 0 };

export type Admission =
  | { readonly kind: 'acquired'; readonly at: number }
  /** Not yet: come back at `until` with the same reservation. */
  | { readonly kind: 'blocked'; readonly until: number }
  /** The turn went by unused (crash, outage): draw a new reservation. */
  | { readonly kind: 'missed' };

/** Names the pacer's line of a user: the vendor counts `upload-file` per `userId`, not per project or key. */
export function uploadLane(userId: string): string {
  return `upload-file/${userId}`;
}

/** Names the pacer's line of a user: the vendor lists `distribute-file` beside `upload-file`, each with a window of its own. */
export function releaseLane(userId: string): string {
  return `distribute-file/${userId}`;
}
