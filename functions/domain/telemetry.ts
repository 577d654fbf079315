/**
 * Names of what the functions tell the world: metrics, their dimensions and events. The functions emit by them, the stack
 * alarms and draws by them, and the documentation is checked against them.
 */

export const METRIC_NAMESPACE = 'StreampixelDrop';

/** CloudWatch metrics, written as EMF log lines. Low cardinality: no build, key or id is ever a dimension. */
export const METRICS = {
  /** Count, by `Outcome` and `Reason`: what visits of builds came to. */
  builds: 'Builds',
  /** Seconds since the drop of a build that was visited and must wait. The maximum is the oldest waiting build. */
  waitingAge: 'WaitingAge',
  /** Seconds until a waiting build's slot: how long the line is. */
  slotWait: 'SlotWait',
  /** Milliseconds that a call of upload-file took, by `Status`. */
  vendorLatency: 'VendorLatency',
  /** Count: an API key version was found rejected for the first time. */
  apiKeyRejected: 'ApiKeyRejected',
  /** Count: the answer to a submission was lost. */
  answersLost: 'AnswersLost',
} as const;
export type MetricName = (typeof METRICS)[keyof typeof METRICS];

export const DIMENSIONS = { stack: 'Stack', outcome: 'Outcome', reason: 'Reason', status: 'Status' } as const;

export const EVENT_SOURCE = 'streampixel-drop';

/** EventBridge detail types. Their JSON schemas are in docs/events. */
export const EVENTS = {
  submitted: 'Build Submitted',
  skipped: 'Build Skipped',
  deadLettered: 'Build Dead-Lettered',
  apiKeyRejected: 'Api Key Rejected',
  redriveFinished: 'Redrive Finished',
} as const;
export type EventName = (typeof EVENTS)[keyof typeof EVENTS];
