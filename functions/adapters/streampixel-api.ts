import { present } from '../domain/model/optional-fields.ts';
import type { Reason } from '../domain/model/reasons.ts';
import { redact } from '../domain/model/redaction.ts';
import { type PresignedUrl, Secret } from '../domain/model/secret.ts';
import type { ReleaseAnswer, UploadAnswer } from '../domain/model/streampixel-answers.ts';
import type {
  Clock,
  KeyChecks,
  KeyVerdict,
  ProjectFile,
  ProjectFiles,
  Releases,
  StreampixelApi,
} from '../domain/ports.ts';
import { decodeText } from './content-coding.ts';
import { exchange, type HttpAnswer, isSafeForSecrets } from './http-exchange.ts';
import { parseRetryAfter } from './retry-after.ts';

/** Streampixel answers with a line of JSON; a proxy's page may be longer, and its first lines say enough. In bytes. */
const ANSWER_LIMIT = 64 * 1024;
/** A project with its builds: some hundreds of bytes each. In bytes. */
const PROJECT_LIMIT = 1024 * 1024;
/** Longest that a GET may take, in ms. */
const GET_TIMEOUT_MS = 10_000;
const HEADERS = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'streampixel-drop' };
/** With these statuses a gateway got no answer from the API; the API may have received the request. 52x and 530 are Cloudflare's. */
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([502, 504, 520, 521, 522, 523, 524, 527, 530, 598, 599]);

type Now = Pick<Clock, 'now'>;

/**
 * Submits builds. `baseUrl` is such as `https://api.streampixel.io/pixelStripeApi`; here and below an Error is thrown where it is
 * one that the key must not travel to: plain HTTP is for loopback only.
 */
export function createStreampixelApi(baseUrl: string, clock: Now): StreampixelApi {
  const url = endpointOf(baseUrl, 'upload-file');
  return {
    async uploadFile({ route: { userId, projectId, autoRelease }, apiKey, fileUrl }, deadline) {
      // `autoRelease` is always sent: Streampixel's default is true.
      const body = { apiKey: apiKey.reveal(), userId, projectId, fileUrl: fileUrl.reveal(), autoRelease };
      return post(url, body, [apiKey, ...secretsIn(fileUrl)], deadline, clock, uploadAnswer);
    },
  };
}

/** Releases builds: has Streampixel distribute an upload. */
export function createStreampixelReleases(baseUrl: string, clock: Now): Releases {
  const url = endpointOf(baseUrl, 'distribute-file');
  return {
    distributeFile: ({ apiKey, ...ids }, deadline) =>
      post(url, { apiKey: apiKey.reveal(), ...ids }, [apiKey], deadline, clock, releaseAnswer),
  };
}

/** Checks keys with the list of projects, for which no rate limit is documented. */
export function createStreampixelKeyChecks(baseUrl: string, clock: Now): KeyChecks {
  const url = endpointOf(baseUrl, 'projects-status');
  return {
    async check(userId, apiKey, deadline) {
      const answer = await get(url, userId, apiKey, deadline, ANSWER_LIMIT, clock);
      if (isOk(answer)) return { kind: 'taken' };
      if (answer.status !== 401 || answer.isCutOff) return unclear(answer);
      return { kind: 'refused', reason: reasonFor401(answer.message), detail: answer.detail };
    },
  };
}

/** Reads the builds of a project from an endpoint that only older pages of Streampixel's documentation have. */
export function createStreampixelProjectFiles(baseUrl: string, clock: Now): ProjectFiles {
  const projects = endpointOf(baseUrl, '');
  return {
    async read(userId, projectId, apiKey, deadline) {
      const url = `${projects}${encodeURIComponent(projectId)}`;
      const answer = await get(url, userId, apiKey, deadline, PROJECT_LIMIT, clock);
      if (answer.status !== 200) return unclear(answer);
      const files = answer.json?.files;
      if (!Array.isArray(files)) return { kind: 'unclear', detail: 'The project has no list of files.' };
      return { kind: 'read', files: files.flatMap(projectFile) };
    },
  };
}

/** One of `files`; none where it does not look like the documented entry. */
function projectFile(value: unknown): readonly ProjectFile[] {
  const { _id: uploadId, date, objection, status } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof uploadId !== 'string' || typeof status !== 'string') return [];
  const at = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  const optional = present({
    objection: typeof objection === 'string' && objection !== '' ? redact(objection) : undefined,
    at: Number.isNaN(at) ? undefined : at,
  });
  return [{ uploadId, status, ...optional }];
}

/** @throws Error for a base URL that the key must not travel to */
function endpointOf(baseUrl: string, name: string): string {
  if (!isSafeForSecrets(baseUrl)) throw new Error('The Streampixel base URL must be https, or http to loopback.');
  return `${baseUrl.replace(/\/+$/, '')}/projects/${name}`;
}

/** What came back, with Streampixel's message fit to be shown. */
interface Answer {
  readonly status: number;
  /** More of the body may have been meant to come, and a message or a field of it may be missing. */
  readonly isCutOff: boolean;
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** As it came: not to be kept or shown. */
  readonly message: string;
  readonly detail: string;
}
/** No answer at all. */
interface NoAnswer extends Pick<Answer, 'detail'> {
  readonly status?: undefined;
}

/** User and key are in the query because Streampixel wants them there; this URL is never printed. */
async function get(
  url: string,
  userId: string,
  apiKey: Secret,
  deadline: number,
  maxBytes: number,
  clock: Now,
): Promise<Answer | NoAnswer> {
  const query = new URLSearchParams({ userId, apikey: apiKey.reveal() });
  const result = await exchange(
    {
      method: 'GET',
      url: `${url}?${query}`,
      headers: HEADERS,
      deadline: Math.min(deadline, clock.now() + GET_TIMEOUT_MS),
      maxBytes,
      isWhole,
    },
    clock,
  );
  return result.kind === 'answered'
    ? readAnswer(result, maxBytes, [apiKey])
    : { detail: redact(result.detail, [apiKey]) };
}

function unclear({ detail, status }: Answer | NoAnswer) {
  return { kind: 'unclear', detail: status === undefined ? detail : `HTTP ${status}: ${detail}` } as const;
}

function isOk({ status }: Answer | NoAnswer): boolean {
  return status !== undefined && status >= 200 && status < 300;
}

/** Sends a request that changes something, and reads the answer: first the statuses that only this endpoint has. */
async function post<Own extends UploadAnswer | ReleaseAnswer>(
  url: string,
  fields: Readonly<Record<string, unknown>>,
  secrets: readonly Secret[],
  deadline: number,
  clock: Now,
  ownAnswer: (answer: Answer) => Own | undefined,
): Promise<Own | CommonAnswer> {
  const headers = { ...HEADERS, 'content-type': 'application/json' };
  const body = JSON.stringify(fields);
  const maxBytes = ANSWER_LIMIT;
  const result = await exchange({ method: 'POST', url, headers, body, deadline, maxBytes, isWhole }, clock);
  switch (result.kind) {
    case 'not-sent':
      return { kind: 'failed', cause: 'VendorUnreachable', detail: redact(result.detail, secrets) };
    case 'unanswered':
      return { kind: 'lost', detail: redact(result.detail, secrets), sentAt: result.sentAt };
    case 'answered': {
      const answer = readAnswer(result, maxBytes, secrets);
      const target = redact(result.headers.location ?? 'nowhere', secrets);
      // A cut-off message may contain a wrong wait time, so ignore it.
      const message = answer.isCutOff ? '' : answer.message;
      const wait = parseRetryAfter({ ...answer, message, headers: result.headers }, clock.now());
      return { ...(ownAnswer(answer) ?? commonAnswer(answer, target, wait)), sentAt: result.sentAt };
    }
  }
}

/** Statuses with a special meaning for upload-file. */
function uploadAnswer(answer: Answer): UploadAnswer | undefined {
  if (!isOk(answer)) return undefined;
  const { detail, isCutOff, json, status } = answer;
  const uploadId = json?.uploadId;
  if (typeof uploadId === 'string' && uploadId !== '') return { kind: 'accepted', uploadId, status };
  // It was probably accepted, and its upload id is not known.
  return { kind: 'lost', status, detail: `${isCutOff ? 'Cut-off' : 'No uploadId in'} answer: ${detail}` };
}

/** Statuses with a special meaning for distribute-file. The documentation's pages disagree on its body, so the body is not read. */
function releaseAnswer(answer: Answer): ReleaseAnswer | undefined {
  const { detail, isCutOff, message, status } = answer;
  if (isOk(answer)) return { kind: 'released', status };
  // A 400 is "the file has no URL yet" or a missing field, and no field is missing here. A 404 that does not say what is missing
  // is asked again: nothing was released.
  if (status === 400 || (status === 404 && (isCutOff || /file/i.test(message))))
    return { kind: 'too-early', status, detail };
  return undefined;
}

/** Answers that mean the same at every endpoint. */
type CommonAnswer = Extract<UploadAnswer, { readonly kind: 'rate-limited' | 'refused' | 'failed' | 'lost' }>;

/**
 * @param target where a redirect leads
 * @param retryAfterMs what the answer says about when to come back
 */
function commonAnswer(
  { detail, isCutOff, message, status }: Answer,
  target: string,
  retryAfterMs?: number,
): CommonAnswer {
  const refused = (reason: Reason, why = detail) => ({ kind: 'refused', reason, status, detail: why }) as const;
  if (status >= 300 && status < 400) {
    return refused('RequestRejected', `A redirect to ${target}, which is not followed: check the base URL.`);
  }
  if (status < 200 || GATEWAY_STATUSES.has(status)) return { kind: 'lost', status, detail };
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

/** Reads an answer. Streampixel's message is in a field of its JSON; without one the whole text is the message. */
function readAnswer(
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

function isWhole(answer: HttpAnswer): boolean {
  return jsonOf(answer) !== undefined;
}

/** The two documented messages. They are fixed in different ways, so a third one is not guessed at. */
function reasonFor401(message: string): Extract<KeyVerdict, { kind: 'refused' }>['reason'] {
  if (/invalid user/i.test(message)) return 'InvalidUser';
  if (/invalid api[\s_-]?key/i.test(message)) return 'InvalidApiKey';
  return 'Unauthorised';
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Everything of a presigned URL that must not come back in Streampixel's message: the signed query and its parts. */
function secretsIn(fileUrl: PresignedUrl): readonly Secret[] {
  const { search, searchParams } = new URL(fileUrl.reveal());
  const names = ['X-Amz-Signature', 'X-Amz-Security-Token', 'X-Amz-Credential'];
  const values = [search, ...names.map((name) => searchParams.get(name) ?? '')];
  return values.filter((value) => value !== '').map((value) => new Secret(value));
}
