/**
 * Message attributes of a dead letter: all ten that SQS allows. Whoever lists, filters or redrives dead letters reads these;
 * a message without them came by the queue's own redrive policy.
 */
export const DEAD_LETTER_ATTRIBUTES = {
  /** Names the letter. A redriven message still carries it, which is how the worker knows the redrive from a duplicate. */
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

/** How long a dead letter waits: the most SQS allows, in days. */
export const DEAD_LETTER_RETENTION_DAYS = 14;
