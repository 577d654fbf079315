/** What is known of a project's webhook. All times in ms since the epoch. */
export interface WebhookRecord {
  /** When the dashboard's last test arrived. */
  readonly testedAt?: number;
  /** When the last webhook about a build arrived. */
  readonly lastWebhookAt?: number;
  /** When people were notified that it has never sent anything. */
  readonly silenceNotifiedAt?: number;
  /** When the last webhook arrived at an address, by the address's id. Webhooks from before this was recorded are in none. */
  readonly [usedAt: UsedAt]: number;
}

/** One moment of a project's webhook as a whole. */
export type WebhookMoment = Exclude<keyof WebhookRecord, UsedAt>;

type UsedAt = `usedAt#${string}`;

/** @param address id of an address: a digest of the token in it */
export function usedAtField(address: string): UsedAt {
  return `usedAt#${address}`;
}

/** Whether the project's webhook has ever sent anything: a test from the dashboard counts as much as news of a build. */
export function hasSentWebhook({ lastWebhookAt, testedAt }: WebhookRecord): boolean {
  return lastWebhookAt !== undefined || testedAt !== undefined;
}
