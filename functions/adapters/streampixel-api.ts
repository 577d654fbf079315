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
import { exchange, type HttpExchange, isSafeForSecrets } from './http-exchange.ts';

/** Streampixel answers with a line of JSON; a proxy's page may be longer, and its first lines say enough. In bytes. */
const ANSWER_LIMIT = 64 * 1024;
/** A project with its builds: some hundreds of bytes each. In bytes. */
const PROJECT_LIMIT = 1024 * 1024;
/** Longest that a GET may take, in ms. */
const GET_TIMEOUT_MS = 10_000;
/** Longest wait that a 429 can ask for, in ms: the documented window is two minutes. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;
const HEADERS = { accept: 'application/json', 'user-agent': 'streampixel-drop' };

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
      if (answer.status !== 401) return unclear(answer);
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
  readonly complete: boolean;
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
    },
    clock,
  );
  return result.kind === 'answered' ? readAnswer(result, [apiKey]) : { detail: redact(result.detail, [apiKey]) };
}

function unclear({ detail, status }: Answer | NoAnswer) {
  return { kind: 'unclear', detail: status === undefined ? detail : `HTTP ${status}: ${detail}` } as const;
}

function isOk({ status }: Answer | NoAnswer): boolean {
  return status !== undefined && status >= 200 && status < 300;
}

/** Sends a request that changes something, and reads the answer: what the endpoint alone knows of it first. */
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
  const result = await exchange({ method: 'POST', url, headers, body, deadline, maxBytes: ANSWER_LIMIT }, clock);
  switch (result.kind) {
    case 'not-sent':
      return { kind: 'failed', cause: 'VendorUnreachable', detail: redact(result.detail, secrets) };
    case 'unanswered':
      return { kind: 'lost', detail: redact(result.detail, secrets), sentAt: result.sentAt };
    case 'answered': {
      const answer = readAnswer(result, secrets);
      const { location, 'retry-after': retryAfter } = result.headers;
      const target = redact(location ?? 'nowhere', secrets);
      const wait = retryAfterMs(retryAfter, answer.message, clock.now());
      return { ...(ownAnswer(answer) ?? commonAnswer(answer, target, wait)), sentAt: result.sentAt };
    }
  }
}

/** What only upload-file means by a status. */
function uploadAnswer(answer: Answer): UploadAnswer | undefined {
  if (!isOk(answer)) return undefined;
  const { complete, detail, json, status } = answer;
  const uploadId = json?.uploadId;
  if (typeof uploadId === 'string' && uploadId !== '') return { kind: 'accepted', uploadId, status };
  // It was probably accepted, and its upload id is not known.
  return { kind: 'lost', status, detail: `${complete ? 'No uploadId in' : 'Cut-off'} answer: ${detail}` };
}

/** What only distribute-file means by a status. The documentation's pages disagree on its body, so the body is not read. */
function releaseAnswer(answer: Answer): ReleaseAnswer | undefined {
  const { detail, message, status } = answer;
  if (isOk(answer)) return { kind: 'released', status };
  // A 400 is "the file has no URL yet" or a missing field, and no field is missing here.
  if (status === 400 || (status === 404 && /file/i.test(message))) return { kind: 'too-early', status, detail };
  return undefined;
}

/** Answers that mean the same at every endpoint. */
type CommonAnswer = Extract<UploadAnswer, { readonly kind: 'rate-limited' | 'refused' | 'failed' | 'lost' }>;

/**
 * @param target where a redirect leads
 * @param retryAfterMs what the answer says about when to come back
 */
function commonAnswer({ detail, message, status }: Answer, target: string, retryAfterMs?: number): CommonAnswer {
  const refused = (reason: Reason, why = detail) => ({ kind: 'refused', reason, status, detail: why }) as const;
  if (status >= 300 && status < 400) {
    return refused('RequestRejected', `A redirect to ${target}, which is not followed: check the base URL.`);
  }
  switch (status) {
    case 401:
      return refused(reasonFor401(message));
    case 403:
      return refused('ProjectForbidden');
    case 404:
      return refused('ProjectNotFound');
    case 429:
      return { kind: 'rate-limited', status, detail, ...present({ retryAfterMs }) };
    case 502:
    case 504:
      // A gateway had no answer from the API behind it, which may have taken the request.
      return { kind: 'lost', status, detail };
    default: {
      const mayPass = status === 408 || status === 425 || status < 400 || status >= 500;
      return mayPass ? { kind: 'failed', cause: 'VendorError', status, detail } : refused('RequestRejected');
    }
  }
}

/** Reads an answer. Streampixel's message is in a field of its JSON; without one the whole text is the message. */
function readAnswer(
  { body, complete, status }: Extract<HttpExchange, { kind: 'answered' }>,
  secrets: readonly Secret[],
): Answer {
  const text = body.toString('utf8');
  const json = parseObject(text);
  const message = typeof json?.message === 'string' ? json.message : text;
  return { status, complete, json, message, detail: redact(message, secrets) || `HTTP ${status} without a body` };
}

/** The two documented messages. They are fixed in different ways, so a third one is not guessed at. */
function reasonFor401(message: string): Extract<KeyVerdict, { kind: 'refused' }>['reason'] {
  if (/invalid user/i.test(message)) return 'InvalidUser';
  if (/invalid api[\s_-]?key/i.test(message)) return 'InvalidApiKey';
  return 'Unauthorised';
}

const UNIT_MS: Readonly<Record<string, number>> = { second: 1_000, minute: 60_000, hour: 3_600_000 };

/** From the header (seconds or a date), else from words like "Try again in 2 minutes." In ms. */
function retryAfterMs(header: string | undefined, message: string, now: number): number | undefined {
  const words = /(\d{1,6})\s*(second|minute|hour)/i.exec(message);
  let ms: number;
  if (header !== undefined && /^\d{1,9}$/.test(header)) ms = Number(header) * 1000;
  else if (header !== undefined && !Number.isNaN(Date.parse(header))) ms = Date.parse(header) - now;
  else if (words !== null) ms = Number(words[1]) * (UNIT_MS[words[2]?.toLowerCase() ?? ''] ?? 1_000);
  else return undefined;
  return Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, ms));
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
