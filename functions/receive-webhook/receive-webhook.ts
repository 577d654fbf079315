import { readWebhook, WEBHOOK_BODY_LIMIT } from '../domain/follow/read-webhook.ts';
import { LONGEST_TOKEN } from '../domain/follow/webhook-tokens.ts';
import { present } from '../domain/model/optional-fields.ts';
import type { Clock, FollowQueue, Log, WebhookTokens } from '../domain/ports.ts';

/** A request to the public address. */
export interface WebhookRequest {
  readonly method: string;
  readonly contentType: string;
  readonly projectId: string;
  readonly token: string;
  /** Absent where it is longer than {@link WEBHOOK_BODY_LIMIT}. */
  readonly body: string | undefined;
}

export interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ReceivePorts {
  readonly tokens: WebhookTokens;
  readonly followQueue: FollowQueue;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

/**
 * The one answer to everything that is not a webhook of this stack, so that guessing an address shows nothing. Word for word API
 * Gateway's own answer to a path or method without a route.
 */
export const MISS: Answer = answer(404, 'Not Found');
const RECEIVED: Answer = answer(200, 'Received');

/**
 * Receives a webhook: checks the address, stores the content in the queue, answers. follow-builds applies it later, because
 * Streampixel only waits for 10 s and never sends it again.
 *
 * @param projectIds of the routes, in lower case
 * @throws Error where SSM gives no tokens, or the queue does not take the message
 */
export async function receiveWebhook(
  { body, contentType, method, projectId, token }: WebhookRequest,
  projectIds: ReadonlySet<string>,
  { clock, followQueue, log, tokens }: ReceivePorts,
): Promise<Answer> {
  if (method !== 'POST' || !isJson(contentType) || body === undefined || token.length > LONGEST_TOKEN) return MISS;
  const verdict = await tokens.check(token);
  // Streampixel never sends it again: the error lets the alarm on the function's errors fire.
  if (verdict === 'unavailable') throw new Error('SSM gave no webhook tokens.');
  const project = projectId.toLowerCase();
  if (verdict === 'unknown' || !projectIds.has(project)) return MISS;

  const receivedAt = clock.now();
  const received = { receivedAt, ...present({ isFormer: verdict === 'former' ? (true as const) : undefined }) };
  const reading = readWebhook(body, project, receivedAt);
  switch (reading.kind) {
    case 'test':
      await followQueue.send({ kind: 'webhook-test', projectId: project, ...received });
      return RECEIVED;
    case 'notice':
      await followQueue.send({ kind: 'webhook', notice: reading.notice, ...received });
      return RECEIVED;
    case 'unreadable':
      // Answered all the same, so that Streampixel does not give the webhook up because of a new kind of event.
      log.warn('webhook-unreadable', { projectId: project, detail: reading.detail });
      return RECEIVED;
  }
}

function isJson(contentType: string): boolean {
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType.trim());
}

/** The request's body as text, unless it is too long to be one of Streampixel's. */
export function bodyOf(body: string, isBase64Encoded: boolean): string | undefined {
  // Four characters of base64 are three bytes, so nothing longer than this can fit.
  if (body.length > (WEBHOOK_BODY_LIMIT * 4) / 3 + 4) return undefined;
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  return bytes.length > WEBHOOK_BODY_LIMIT ? undefined : bytes.toString('utf8');
}

function answer(statusCode: number, message: string): Answer {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message }) };
}
