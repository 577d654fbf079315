/** What is known of a project's webhook. All times in ms since the epoch. */
export interface WebhookRecord {
  /** When the dashboard's test arrived last. */
  readonly testedAt?: number;
  /** When it last told of a build. */
  readonly lastWebhookAt?: number;
  /** When it last came to the address before the last change. */
  readonly formerAt?: number;
  /** When somebody was told that it has never spoken. */
  readonly silenceNotifiedAt?: number;
}

/** Whether the project's webhook has ever spoken: a test from the dashboard counts as much as a word on a build. */
export function hasSentWebhook({ lastWebhookAt, testedAt }: WebhookRecord): boolean {
  return lastWebhookAt !== undefined || testedAt !== undefined;
}
