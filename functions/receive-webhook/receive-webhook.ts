import { type DecodedText, decodeText } from '../adapters/content-coding.ts';
import { addressId } from '../adapters/ssm-webhook-tokens.ts';
import { readWebhook, WEBHOOK_BODY_LIMIT } from '../domain/follow/read-webhook.ts';
import { LONGEST_TOKEN } from '../domain/follow/webhook-tokens.ts';
import { present } from '../domain/model/optional-fields.ts';
import type { Clock, FollowQueue, Log, WebhookTokens } from '../domain/ports.ts';

/** A request to the public address. */
export interface WebhookRequest {
  readonly method: string;
  readonly projectId: string;
  readonly token: string;
  /** As API Gateway hands it over: as text or, where it takes it for binary, as base64. */
  readonly body: string;
  readonly isBase64Encoded: boolean;
  readonly contentEncoding: string | undefined;
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

/** Of Streampixel, in lower case. */
const PROJECT_ID = /^[0-9a-f]{24}$/;

/**
 * The one answer to everything that is not a webhook of this stack, so that guessing an address shows nothing. Word for word API
 * Gateway's own answer to a path or method without a route.
 */
export const MISS: Answer = answer(404, 'Not Found');
const RECEIVED: Answer = answer(200, 'Received');

/**
 * Receives a webhook: checks the address, stores the content in the queue, answers. follow-builds applies it later, because
 * Streampixel only waits for 10 s and never sends it again. A webhook is known by its body: its content type can say anything.
 *
 * @throws Error where SSM gives no tokens, or the queue does not take the message
 */
export async function receiveWebhook(
  request: WebhookRequest,
  { clock, followQueue, log, tokens }: ReceivePorts,
): Promise<Answer> {
  if (request.token.length > LONGEST_TOKEN) return MISS;
  const verdict = await tokens.check(request.token);
  // Streampixel never sends it again: the error lets the alarm on the function's errors fire.
  if (verdict === 'unavailable') throw new Error('SSM gave no webhook tokens.');
  if (verdict === 'unknown') return MISS;

  // From here on the sender knows the address: what is not stored is logged, with nothing else of the path and nothing of the body.
  const project = request.projectId.toLowerCase();
  const isProject = PROJECT_ID.test(project);
  const notStored = (detail: string, answer: Answer) => {
    const known = present({ projectId: isProject ? project : undefined });
    log.warn(answer === MISS ? 'webhook-refused' : 'webhook-unreadable', {
      ...known,
      detail,
      status: answer.statusCode,
    });
    return answer;
  };
  if (request.method !== 'POST') return notStored('not a POST', MISS);
  // Not only projects of routes: builds may be under way for one that has left the settings. follow-builds knows them.
  if (!isProject) return notStored('not the id of a project', MISS);
  const { problem, text = '' } = textOf(request);
  if (problem === 'too long') return notStored(`longer than ${WEBHOOK_BODY_LIMIT} bytes`, MISS);

  const receivedAt = clock.now();
  const received = { receivedAt, address: addressId(request.token) };
  const reading = readWebhook(fromForm(text), project, receivedAt);
  switch (reading.kind) {
    case 'test':
      await followQueue.send({ kind: 'webhook-test', projectId: project, ...received });
      return RECEIVED;
    case 'notice':
      await followQueue.send({ kind: 'webhook', notice: reading.notice, ...received });
      return RECEIVED;
    case 'unreadable':
      // Answered all the same, so that Streampixel does not give the webhook up because of a new kind of event.
      return notStored(problem ?? reading.detail, RECEIVED);
  }
}

function textOf({ body, contentEncoding, isBase64Encoded }: WebhookRequest): DecodedText {
  // Four characters of base64 are three bytes, so nothing longer than this can fit.
  if (body.length > (WEBHOOK_BODY_LIMIT * 4) / 3 + 4) return { problem: 'too long' };
  return decodeText(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'), contentEncoding, WEBHOOK_BODY_LIMIT);
}

/** Some senders wrap their JSON in a form, as the value or as the name of a field. */
function fromForm(text: string): string {
  const isObject = (part: string) => part.trimStart().startsWith('{');
  if (isObject(text)) return text;
  return [...new URLSearchParams(text)].flatMap(([name, value]) => [value, name]).find(isObject) ?? text;
}

function answer(statusCode: number, message: string): Answer {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message }) };
}
