/**
 * Message attributes of a dead letter: all ten that SQS allows. Dead letters are listed, filtered and redriven by them. A message
 * without them was moved by the queue's own redrive policy.
 */
export const DEAD_LETTER_ATTRIBUTES = {
  /** Names the dead letter. A redriven message keeps it, so the worker can distinguish a redrive from a duplicate. */
  id: 'DeadLetterId',
  reason: 'Reason',
  detail: 'Detail',
  status: 'HttpStatus',
  attempts: 'Attempts',
  build: 'Build',
  /** `userId/projectId`. */
  project: 'Project',
  keyVersion: 'ApiKeyVersion',
  /** ISO 8601. */
  at: 'DeadLetteredAt',
  logPointer: 'LogPointer',
} as const;

/** How long SQS keeps a dead letter, in days: the longest it allows. */
export const DEAD_LETTER_RETENTION_DAYS = 14;

/**
 * Message attribute of a person's request to submit a build although it is finished. Its value names the request, so the worker can
 * distinguish a late duplicate of the message from another request.
 */
export const SUBMIT_AGAIN_ATTRIBUTE = 'SubmitAgain';

/** Message attribute with the name of the person who sent the message. */
export const REQUESTED_BY_ATTRIBUTE = 'RequestedBy';
/**
 * Message attribute of a person's submission: `true` where the build is to be submitted whatever the check of its package says,
 * `false` where the check counts. A message without it leaves that as it was.
 */
export const NO_CHECK_ATTRIBUTE = 'NoCheck';
