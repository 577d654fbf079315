/** The state of one lane (one endpoint of Streampixel and one `userId`). All times in ms since the epoch. */
export interface RateLimitLane {
  /** The first free slot. */
  readonly nextSlot: number;
  /** How far the lane has been pushed back in total, in ms. */
  readonly pushed: number;
  /** No call is admitted before this. */
  readonly blockedUntil: number;
}

/** A slot in a lane, as the ledger remembers it for its build. */
export interface SlotReservation {
  readonly slot: number;
  /** `RateLimitLane.pushed` when the slot was reserved: what has been added since moves this slot too. */
  readonly pushed: number;
}

/** A lane without any call yet: the first call is admitted at once. */
export const NEW_LANE: RateLimitLane = { nextSlot: 0, pushed: 0, blockedUntil: 0 };

export type Admission =
  | { readonly kind: 'acquired'; readonly at: number }
  /** Not yet: come back at `until` with the same reservation. */
  | { readonly kind: 'blocked'; readonly until: number }
  /** The slot went by unused (crash, outage): reserve another. */
  | { readonly kind: 'missed' };

/** The lane of a user's uploads: Streampixel limits `upload-file` per `userId`, not per project or key. */
export function uploadLane(userId: string): string {
  return `upload-file/${userId}`;
}

/** The lane of a user's releases: `distribute-file` has a limit of its own beside that of `upload-file`. */
export function releaseLane(userId: string): string {
  return `distribute-file/${userId}`;
}
