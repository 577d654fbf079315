import type { Clock, KeyChecks, KeyVerdict, StreampixelApi, UploadAnswer, UploadRequest } from '../domain/ports.ts';
import type { Reason } from '../domain/reasons.ts';
import { redact } from '../domain/redaction.ts';
import { Secret } from '../domain/secret.ts';
import { exchange, type HttpExchange, isSafeForSecrets } from './http-exchange.ts';

/** The vendor's answers are a line of JSON; more than this is a proxy's page, of which the first lines say enough. In bytes. */
const ANSWER_LIMIT = 64 * 1024;

/** Longest a check of a key may take, in ms. */
const KEY_CHECK_TIMEOUT_MS = 10_000;
const HEADERS = { accept: 'application/json', 'user-agent': 'streampixel-drop' };

/** Longest wait the vendor can ask for in a 429, in ms: its documented window is two minutes. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/**
 * The Streampixel REST API.
 *
 * @param baseUrl such as `https://api.streampixel.io/pixelStripeApi`
 * @throws Error for a base URL the key must not travel to: plain HTTP is for loopback only
 */
export function createStreampixelApi(baseUrl: string, clock: Pick<Clock, 'now'>): StreampixelApi {
  assertSafe(baseUrl);
  const url = `${baseUrl.replace(/\/+$/, '')}/projects/upload-file`;
  return {
    async uploadFile({ route, apiKey, fileUrl }, deadline) {
      const body = JSON.stringify({
        apiKey: apiKey.reveal(),
        userId: route.userId,
        projectId: route.projectId,
        fileUrl: fileUrl.reveal(),
        // Always sent: the vendor's default is true.
        autoRelease: route.autoRelease,
      });
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json',
        'user-agent': 'streampixel-drop',
      };
      const result = await exchange({ method: 'POST', url, headers, body, deadline, maxBytes: ANSWER_LIMIT }, clock);
      return interpret(result, secretsOf({ apiKey, fileUrl }), clock.now());
    },
  };
}

/**
 * Checks keys with the vendor's list of projects, which has no rate limit to speak of.
 *
 * @throws Error for a base URL the key must not travel to
 */
export function createStreampixelKeyChecks(baseUrl: string, clock: Pick<Clock, 'now'>): KeyChecks {
  assertSafe(baseUrl);
  return {
    async check(userId, apiKey, deadline) {
      // The key is in the URL because the vendor wants it there; nothing here ever prints the URL.
      const query = new URLSearchParams({ userId, apikey: apiKey.reveal() });
      const result = await exchange(
        {
          method: 'GET',
          url: `${baseUrl.replace(/\/+$/, '')}/projects/projects-status?${query}`,
          headers: HEADERS,
          deadline: Math.min(deadline, clock.now() + KEY_CHECK_TIMEOUT_MS),
          maxBytes: ANSWER_LIMIT,
        },
        clock,
      );
      if (result.kind !== 'answered') return { kind: 'unclear', detail: redact(result.detail, [apiKey]) };
      const { status } = result;
      if (status >= 200 && status < 300) return { kind: 'taken' };
      const { detail, message } = wordsOf(status, result.body.toString('utf8'), [apiKey]);
      if (status === 401) return { kind: 'refused', reason: reasonFor401(message), detail };
      return { kind: 'unclear', detail: `HTTP ${status}: ${detail}` };
    },
  };
}

function assertSafe(baseUrl: string): void {
  if (!isSafeForSecrets(baseUrl)) throw new Error('The Streampixel base URL must be https, or http to loopback.');
}

function interpret(result: HttpExchange, secrets: readonly Secret[], now: number): UploadAnswer {
  switch (result.kind) {
    case 'not-sent':
      return { kind: 'failed', cause: 'VendorUnreachable', detail: redact(result.detail, secrets) };
    case 'unanswered':
      return { kind: 'lost', detail: redact(result.detail, secrets), sentAt: result.sentAt };
    case 'answered':
      return { ...interpretAnswer(result, secrets, now), sentAt: result.sentAt };
  }
}

function interpretAnswer(
  { status, headers, body, complete }: Extract<HttpExchange, { kind: 'answered' }>,
  secrets: readonly Secret[],
  now: number,
): UploadAnswer {
  const { answer, detail, message } = wordsOf(status, body.toString('utf8'), secrets);

  if (status >= 200 && status < 300) {
    const { uploadId } = answer ?? {};
    if (typeof uploadId === 'string' && uploadId !== '') return { kind: 'accepted', uploadId, status };
    // It was probably accepted, and nothing says under which id.
    return { kind: 'lost', status, detail: `${complete ? 'No uploadId in' : 'Cut-off'} answer: ${detail}` };
  }
  if (status >= 300 && status < 400) {
    const target = redact(String(headers.location ?? 'nowhere'), secrets);
    return refused('RequestRejected', status, `A redirect to ${target}, which is not followed: check the base URL.`);
  }
  switch (status) {
    case 401:
      return refused(reasonFor401(message), status, detail);
    case 403:
      return refused('ProjectForbidden', status, detail);
    case 404:
      return refused('ProjectNotFound', status, detail);
    case 429: {
      const retryAfterMs = retryAfter(headers['retry-after'], message, now);
      return { kind: 'rate-limited', status, detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
    case 408:
    case 425:
      return { kind: 'failed', cause: 'VendorError', status, detail };
    case 502:
    case 504:
      // A gateway's word for "I don't know": the API behind it may have taken the request.
      return { kind: 'lost', status, detail };
    default:
      if (status >= 400 && status < 500) return refused('RequestRejected', status, detail);
      return { kind: 'failed', cause: 'VendorError', status, detail };
  }
}

/** The vendor's own words where the body has any, fit to be shown. */
function wordsOf(status: number, text: string, secrets: readonly Secret[]) {
  const answer = parseObject(text);
  const message = typeof answer?.message === 'string' ? answer.message : text;
  return { answer, message, detail: redact(message, secrets) || `HTTP ${status} without a body` };
}

function refused(reason: Reason, status: number, detail: string): UploadAnswer {
  return { kind: 'refused', reason, status, detail };
}

/** The two documented messages; their remedies differ, so a third one is not guessed at. */
function reasonFor401(message: string): Extract<KeyVerdict, { kind: 'refused' }>['reason'] {
  if (/invalid user/i.test(message)) return 'InvalidUser';
  if (/invalid api[\s_-]?key/i.test(message)) return 'InvalidApiKey';
  return 'Unauthorised';
}

/** From the header (seconds or a date), else from words like "Try again in 2 minutes." In ms. */
function retryAfter(header: string | undefined, message: string, now: number): number | undefined {
  const words = /(\d{1,6})\s*(second|minute|hour)/i.exec(message);
  let ms: number;
  if (header !== undefined && /^\d{1,9}$/.test(header)) ms = Number(header) * 1000;
  else if (header !== undefined && !Number.isNaN(Date.parse(header))) ms = Date.parse(header) - now;
  else if (words !== null) ms = Number(words[1]) * (UNIT_MS[words[2]?.toLowerCase() ?? ''] ?? 1_000);
  else return undefined;
  return Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, ms));
}

const UNIT_MS: Readonly<Record<string, number>> = { second: 1_000, minute: 60_000, hour: 3_600_000 };

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Everything of a request that must not come back in the vendor's words: the key, the signed query and its parts. */
function secretsOf({ apiKey, fileUrl }: Pick<UploadRequest, 'apiKey' | 'fileUrl'>): Secret[] {
  const { search, searchParams } = new URL(fileUrl.reveal());
  const signed = ['X-Amz-Signature', 'X-Amz-Security-Token', 'X-Amz-Credential'].map(
    (name) => searchParams.get(name) ?? '',
  );
  return [apiKey, ...[search, ...signed].filter((value) => value !== '').map((value) => new Secret(value))];
}
