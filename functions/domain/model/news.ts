/** Stages of an upload at the vendor, in their order. */
export const STAGES = [
  'uploaded',
  'downloading',
  'extracting',
  'saving',
  'distributing',
  'approved',
  'rejected',
] as const;
export type Stage = (typeof STAGES)[number];

/** What the vendor has told of one stage. Its own timestamps, in ms since the epoch. */
export interface News {
  readonly stage: Stage;
  /** Of the first time. */
  readonly at: number;
  /** Of the last time, where it told more than once. */
  readonly lastAt?: number;
}

/** What a delivery says, made fit to be stored: no query, no signature, bounded. It is a hint, not a proof. */
export interface WebhookNotice {
  /** From the address it was sent to. */
  readonly projectId: string;
  readonly uploadId?: string;
  /** Origin and path only. */
  readonly fileUrl?: string;
  /** Absent for what is not known here: something was said, no more. */
  readonly stage?: Stage;
  readonly objection?: string;
  /** The vendor's timestamp, or our clock's where it has none that makes sense; ms since the epoch. */
  readonly at: number;
}
