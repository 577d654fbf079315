import { exchange } from '../adapters/http-exchange.ts';
import type { WebhookPayload } from './lifecycle.ts';

/** How long Streampixel waits for the answer to a webhook, in ms. Source: the webhooks page of docs.streampixel.io. */
export const WEBHOOK_TIMEOUT_MS = 10_000;

/** Sends a webhook once, whatever the answer. Never rejects. @returns whether the receiver answered with a 2xx */
export async function deliverWebhook(
  url: string,
  payload: WebhookPayload,
  timeoutMs = WEBHOOK_TIMEOUT_MS,
  signal: AbortSignal = new AbortController().signal,
): Promise<boolean> {
  const answer = await exchange(
    {
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(payload),
      deadline: Date.now() + timeoutMs,
      // What it says beside its status does not matter.
      maxBytes: 0,
      signal,
    },
    { now: Date.now },
  );
  return answer.kind === 'answered' && answer.status >= 200 && answer.status < 300;
}
