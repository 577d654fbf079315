/** What is known of a project's webhook. All times in ms since the epoch. */
export interface WebhookRecord {
  /** When the dashboard's last test arrived. */
  readonly testedAt?: number;
  /** When the last webhook about a build arrived. */
  readonly lastWebhookAt?: number;
  /** When the last webhook arrived at the address before the last change. */
  readonly formerAt?: number;
  /** When people were notified that it has never sent anything. */
  readonly silenceNotifiedAt?: number;
}

/** Whether the project's webhook has ever sent anything: a test from the dashboard counts as much as news of a build. */
export function hasSentWebhook({ lastWebhookAt, testedAt }: WebhookRecord): boolean {
  return lastWebhookAt !== undefined || testedAt !== undefined;
}
