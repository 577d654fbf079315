/**
 * Names of metrics, their dimensions, and events. The functions emit them, the stack's alarms and dashboard use them, and the
 * documentation is checked against them.
 */

export const METRIC_NAMESPACE = 'StreampixelDrop';

/** CloudWatch metrics, written as EMF log lines, with their units. No build, key or id is a dimension: each value costs extra. */
export const METRICS = {
  /** Results of visits of builds, by `Outcome` and `Reason`. */
  Builds: 'Count',
  /** Since the drop of a build that keeps waiting. The maximum is the age of the oldest waiting build. */
  WaitingAge: 'Seconds',
  /** Until the slot of a build that goes to sleep. The maximum is how long the newest build waits. */
  SlotWait: 'Seconds',
  /** How long a call of upload-file took, by `Status`. */
  VendorLatency: 'Milliseconds',
  /** An API key version was refused for the first time. */
  ApiKeysRejected: 'Count',
  /** The answer to a submission was lost. */
  AnswersLost: 'Count',
  /** What became of submitted builds, by `Outcome`: approved, rejected, late, stuck, released, release-failed. */
  BuildsFollowed: 'Count',
  /** A download URL ended while its build was at Streampixel, not finished. */
  FileUrlsEnded: 'Count',
  /** From the submission to Streampixel's approval. */
  TimeToApproved: 'Seconds',
  /** Of the oldest dead letter, while there are any. SQS's own figure leaves out what was received three times. */
  OldestDeadLetterAge: 'Seconds',
  /** Least age of the session that signs fileUrls: that of the process. A URL expires with its session. */
  SessionAge: 'Seconds',
} as const;
export type MetricName = keyof typeof METRICS;

/** `Stack` is on every metric; the others where {@link METRICS} says so. */
export type Dimension = 'Stack' | 'Outcome' | 'Reason' | 'Status';

export const EVENT_SOURCE = 'streampixel-drop';

/** EventBridge detail types. Their JSON schemas are in docs/events. */
export const EVENTS = [
  'Build Submitted',
  'Build Skipped',
  'Build Dead-Lettered',
  'Build Approved',
  'Build Rejected',
  'Build Stuck',
  'Build Released',
  'Api Key Rejected',
  'Redrive Finished',
] as const;
export type EventName = (typeof EVENTS)[number];
