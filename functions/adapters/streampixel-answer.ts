import { present } from '../domain/model/optional-fields.ts';
import type { Reason } from '../domain/model/reasons.ts';
import { redact } from '../domain/model/redaction.ts';
import type { Secret } from '../domain/model/secret.ts';
import type { ReleaseAnswer, UploadAnswer } from '../domain/model/streampixel-answers.ts';
import type { KeyVerdict } from '../domain/ports.ts';
import { decodeText } from './content-coding.ts';
import type { HttpAnswer } from './http-exchange.ts';

/** A project with its builds: some hundreds of bytes each. In bytes. */
export const PROJECT_LIMIT = 1024 * 1024;
/** With these statuses a gateway got no answer from the API; the API may have received the request. 52x and 530 are Cloudflare's. */
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([502, 504, 520, 521, 522, 523, 524, 527, 530, 598, 599]);

/** What came back, with Streampixel's message fit to be shown. */
export interface Answer {
  readonly status: number;
  /** More of the body may have been meant to come, and a message or a field of it may be missing. */
  readonly isCutOff: boolean;
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** As it came: not to be kept or shown. */
  readonly message: string;
  readonly detail: string;
}

/** No answer at all. */
export interface NoAnswer extends Pick<Answer, 'detail'> {
  readonly status?: undefined;
}

/** Reads an answer. Streampixel's message is in a field of its JSON; without one the whole text is the message. */
export function readAnswer(
  { body, extent, headers, status }: HttpAnswer,
  maxBytes: number,
  secrets: readonly Secret[],
): Answer {
  const { problem, text = '' } = decodeText(body, headers['content-encoding'], maxBytes);
  const json = parseObject(text);
  // A gateway's page says nothing that its status does not.
  const isUnproven = extent === 'unproven' && !/^\s*</.test(text);
  const isHalf = isUnproven || problem === 'broken or cut off' || /^\s*{/.test(text);
  const isCutOff = json === undefined && extent !== 'too-long' && isHalf;
  const message = typeof json?.message === 'string' ? json.message : text;
  const emptyBodyText = `HTTP ${status} ${problem === undefined ? 'without a body' : `with a body that is ${problem}`}`;
  return { status, isCutOff, json, message, detail: redact(message, secrets) || emptyBodyText };
}

/** The object in an answer of at most a megabyte. A cut-off one is none: it ends with its last brace. */
export function jsonOf({ body, headers }: HttpAnswer): Readonly<Record<string, unknown>> | undefined {
  return parseObject(decodeText(body, headers['content-encoding'], PROJECT_LIMIT).text ?? '');
}

export function isWhole(answer: HttpAnswer): boolean {
  return jsonOf(answer) !== undefined;
}

/** The two documented messages. They are fixed in different ways, so a third one is not guessed at. */
export function reasonFor401(message: string): Extract<KeyVerdict, { kind: 'refused' }>['reason'] {
  if (/invalid user/i.test(message)) return 'InvalidUser';
  if (/invalid api[\s_-]?key/i.test(message)) return 'InvalidApiKey';
  return 'Unauthorised';
}

function parseObject(text: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON, or not all of it.
  }
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

export function isOk({ status = 0 }: Answer | NoAnswer): boolean {
  return status >= 200 && status < 300;
}

/** Statuses with a special meaning for upload-file. */
export function uploadAnswer(answer: Answer): UploadAnswer | undefined {
  if (!isOk(answer)) return undefined;
  const { detail, isCutOff, json, status } = answer;
  const uploadId = json?.uploadId;
  if (typeof uploadId === 'string' && uploadId !== '') return { kind: 'accepted', uploadId, status };
  // It was probably accepted, and its upload id is not known.
  return { kind: 'lost', status, detail: `${isCutOff ? 'Cut-off' : 'No uploadId in'} answer: ${detail}` };
}

/** Statuses with a special meaning for distribute-file. The documentation's pages disagree on its body, so the body is not read. */
export function releaseAnswer(answer: Answer): ReleaseAnswer | undefined {
  const { detail, isCutOff, message, status } = answer;
  if (isOk(answer)) return { kind: 'released', status };
  // A 400 is "the file has no URL yet" or a missing field, and no field is missing here. A 404 that does not say what is missing
  // is asked again: nothing was released.
  if (status === 400 || (status === 404 && (isCutOff || /file/i.test(message))))
    return { kind: 'too-early', status, detail };
  return undefined;
}

/** Answers that mean the same at every endpoint. */
export type CommonAnswer = Extract<UploadAnswer, { readonly kind: 'rate-limited' | 'refused' | 'failed' | 'lost' }>;

/**
 * @param target where a redirect leads
 * @param retryAfterMs what the answer says about when to come back
 */
export function commonAnswer(
  { detail, isCutOff, message, status }: Answer,
  target: string,
  retryAfterMs?: number,
): CommonAnswer {
  const refused = (reason: Reason, why = detail) => ({ kind: 'refused', reason, status, detail: why }) as const;
  if (status < 300 || GATEWAY_STATUSES.has(status)) return { kind: 'lost', status, detail };
  if (status < 400) {
    return refused('RequestRejected', `A redirect to ${target}, which is not followed: check the base URL.`);
  }
  switch (status) {
    case 401:
      // Only its message says why, and half of it may say something else.
      return isCutOff ? { kind: 'lost', status, detail } : refused(reasonFor401(message));
    case 403:
      return refused('ProjectForbidden');
    case 404:
      return refused('ProjectNotFound');
    case 429:
      return { kind: 'rate-limited', status, detail, ...present({ retryAfterMs }) };
    default: {
      const mayPass = status === 408 || status === 425 || status >= 500;
      if (!mayPass) return refused('RequestRejected');
      return { kind: 'failed', cause: 'VendorError', status, detail, ...present({ retryAfterMs }) };
    }
  }
}
