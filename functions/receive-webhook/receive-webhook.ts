import { readWebhook, WEBHOOK_BODY_LIMIT } from '../domain/follow/read-webhook.ts';
import { LONGEST_TOKEN } from '../domain/follow/webhook-tokens.ts';
import type { Clock, FollowQueue, Log, WebhookTokens } from '../domain/ports.ts';

/** A request as it came to the public address. */
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
 * The one answer to everything that is not a webhook of this stack: whoever guesses learns nothing. Word for word API Gateway's
 * own answer to a path or method without a route.
 */
export const MISS: Answer = answer(404, 'Not Found');
const RECEIVED: Answer = answer(200, 'Received');

/**
 * Takes a delivery: checks the address, stores what it says, answers. What it means is found out later, from the queue; the vendor
 * waits for 10 s and never sends again.
 *
 * @param projectIds of the routes, in lower case
 * @throws Error where SSM has not told which tokens count, or the queue does not take it
 */
export async function receiveWebhook(
  { body, contentType, method, projectId, token }: WebhookRequest,
  projectIds: ReadonlySet<string>,
  { clock, followQueue, log, tokens }: ReceivePorts,
): Promise<Answer> {
  if (method !== 'POST' || !isJson(contentType) || body === undefined || token.length > LONGEST_TOKEN) return MISS;
  const verdict = await tokens.check(token);
  // Nobody sends it again, so somebody has to hear of it: the alarm on the function's errors does.
  if (verdict === 'unavailable') throw new Error('SSM has not told which tokens count.');
  const project = projectId.toLowerCase();
  if (verdict === 'unknown' || !projectIds.has(project)) return MISS;

  const receivedAt = clock.now();
  const received = { receivedAt, ...(verdict === 'former' ? { isFormer: true as const } : {}) };
  const reading = readWebhook(body, project, receivedAt);
  switch (reading.kind) {
    case 'test':
      await followQueue.send({ kind: 'webhook-test', projectId: project, ...received });
      return RECEIVED;
    case 'notice':
      await followQueue.send({ kind: 'webhook', notice: reading.notice, ...received });
      return RECEIVED;
    case 'unreadable':
      // Answered all the same: a kind of event that is new to us is no reason for the vendor to give the webhook up.
      log.warn('webhook-unreadable', { projectId: project, detail: reading.detail });
      return RECEIVED;
  }
}

function isJson(contentType: string): boolean {
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType.trim());
}

/** The request's body as text, unless it is too long to be one of the vendor's. */
export function bodyOf(body: string, isBase64Encoded: boolean): string | undefined {
  // Four characters of base64 are three bytes, so nothing longer than this can fit.
  if (body.length > (WEBHOOK_BODY_LIMIT * 4) / 3 + 4) return undefined;
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  return bytes.length > WEBHOOK_BODY_LIMIT ? undefined : bytes.toString('utf8');
}

function answer(statusCode: number, message: string): Answer {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message }) };
}
