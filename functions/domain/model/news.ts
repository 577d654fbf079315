/** Stages of an upload at Streampixel, in their order. */
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

/** What Streampixel has reported of one stage. Its own timestamps, in ms since the epoch. */
export interface News {
  readonly stage: Stage;
  /** Of the first report. */
  readonly at: number;
  /** Of the last report, where there was more than one. */
  readonly lastAt?: number;
}

/** What one webhook reports, made fit to be stored: no query, no signature, limited in length. It is a hint, not a proof. */
export interface WebhookNotice {
  /** From the address that it was sent to. */
  readonly projectId: string;
  readonly uploadId?: string;
  /** Origin and path only. */
  readonly fileUrl?: string;
  /** Absent for an event that this project does not know: it only shows that the build is being processed. */
  readonly stage?: Stage;
  readonly objection?: string;
  /** Streampixel's timestamp, or ours where it has none that makes sense; ms since the epoch. */
  readonly at: number;
}
