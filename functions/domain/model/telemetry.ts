/**
 * Names of what the functions tell the world: metrics, their dimensions and events. The functions emit by them, the stack
 * alarms and draws by them, and the documentation is checked against them.
 */

export const METRIC_NAMESPACE = 'StreampixelDrop';

/** CloudWatch metrics, written as EMF log lines, with their units. Low cardinality: no build, key or id is a dimension. */
export const METRICS = {
  /** What visits of builds came to, by `Outcome` and `Reason`. */
  Builds: 'Count',
  /** Since the drop of a build that must wait on. The maximum is the age of the oldest waiting build. */
  WaitingAge: 'Seconds',
  /** Until the slot of a build that goes to sleep. The maximum is the length of the line. */
  SlotWait: 'Seconds',
  /** What a call of upload-file took, by `Status`. */
  VendorLatency: 'Milliseconds',
  /** An API key version was refused for the first time. */
  ApiKeysRejected: 'Count',
  /** The answer to a submission was lost. */
  AnswersLost: 'Count',
  /** What the vendor made of submitted builds, by `Outcome`: approved, rejected, late, stuck, released, release-failed. */
  BuildsFollowed: 'Count',
  /** From the submission to the vendor's approval. */
  TimeToApproved: 'Seconds',
  /** Of the oldest dead letter, while there are any. SQS's own figure leaves out what was received three times. */
  OldestDeadLetterAge: 'Seconds',
  /** How long the session that signs fileUrls has lived at least: since the process began. A URL dies with its session. */
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
