import type { Reason } from '../domain/model/reasons.ts';
import { redact } from '../domain/model/redaction.ts';
import { Secret } from '../domain/model/secret.ts';
import type { ReleaseAnswer, UploadAnswer } from '../domain/model/streampixel-answers.ts';
import type {
  Clock,
  KeyChecks,
  KeyVerdict,
  ProjectFile,
  ProjectFiles,
  Releases,
  StreampixelApi,
  UploadRequest,
} from '../domain/ports.ts';
import { exchange, type HttpExchange, isSafeForSecrets } from './http-exchange.ts';

/** The vendor's answers are a line of JSON; more than this is a proxy's page, of which the first lines say enough. In bytes. */
const ANSWER_LIMIT = 64 * 1024;

/** A project with its builds: some hundreds of bytes each. In bytes. */
const PROJECT_LIMIT = 1024 * 1024;

/** Longest a question may take, in ms. */
const QUESTION_TIMEOUT_MS = 10_000;
const HEADERS = { accept: 'application/json', 'user-agent': 'streampixel-drop' };
const JSON_HEADERS = { ...HEADERS, 'content-type': 'application/json' };

/** Longest wait the vendor can ask for in a 429, in ms: its documented window is two minutes. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/**
 * The Streampixel REST API.
 *
 * @param baseUrl such as `https://api.streampixel.io/pixelStripeApi`
 * @throws Error for a base URL the key must not travel to: plain HTTP is for loopback only
 */
export function createStreampixelApi(baseUrl: string, clock: Pick<Clock, 'now'>): StreampixelApi {
  const url = endpointOf(baseUrl, 'upload-file');
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
      const request = { method: 'POST', url, headers: JSON_HEADERS, body, deadline, maxBytes: ANSWER_LIMIT } as const;
      const result = await exchange(request, clock);
      return interpret(result, secretsOf({ apiKey, fileUrl }), clock.now(), uploadTaken);
    },
  };
}

/**
 * Orders of the vendor to distribute an upload.
 *
 * @throws Error for a base URL the key must not travel to
 */
export function createStreampixelReleases(baseUrl: string, clock: Pick<Clock, 'now'>): Releases {
  const url = endpointOf(baseUrl, 'distribute-file');
  return {
    async distributeFile({ apiKey, ...ids }, deadline) {
      const body = JSON.stringify({ apiKey: apiKey.reveal(), ...ids });
      const request = { method: 'POST', url, headers: JSON_HEADERS, body, deadline, maxBytes: ANSWER_LIMIT } as const;
      const result = await exchange(request, clock);
      return interpret(result, [apiKey], clock.now(), releaseTaken);
    },
  };
}

/**
 * Checks keys with the vendor's list of projects, which has no rate limit to speak of.
 *
 * @throws Error for a base URL the key must not travel to
 */
export function createStreampixelKeyChecks(baseUrl: string, clock: Pick<Clock, 'now'>): KeyChecks {
  const url = endpointOf(baseUrl, 'projects-status');
  return {
    async check(userId, apiKey, deadline) {
      const result = await ask(url, userId, apiKey, { deadline, maxBytes: ANSWER_LIMIT }, clock);
      if (result.kind !== 'answered') return { kind: 'unclear', detail: redact(result.detail, [apiKey]) };
      const { status } = result;
      if (status >= 200 && status < 300) return { kind: 'taken' };
      const { detail, message } = wordsOf(status, result.body.toString('utf8'), [apiKey]);
      if (status === 401) return { kind: 'refused', reason: reasonFor401(message), detail };
      return { kind: 'unclear', detail: `HTTP ${status}: ${detail}` };
    },
  };
}

/**
 * Reads the builds of a project from the endpoint that older pages of the vendor's documentation have.
 *
 * @throws Error for a base URL the key must not travel to
 */
export function createStreampixelProjectFiles(baseUrl: string, clock: Pick<Clock, 'now'>): ProjectFiles {
  const projects = endpointOf(baseUrl, '');
  return {
    async read(userId, projectId, apiKey, deadline) {
      const url = `${projects}${encodeURIComponent(projectId)}`;
      const result = await ask(url, userId, apiKey, { deadline, maxBytes: PROJECT_LIMIT }, clock);
      if (result.kind !== 'answered') return { kind: 'unclear', detail: redact(result.detail, [apiKey]) };
      const { answer, detail } = wordsOf(result.status, result.body.toString('utf8'), [apiKey]);
      if (result.status !== 200) return { kind: 'unclear', detail: `HTTP ${result.status}: ${detail}` };
      if (!Array.isArray(answer?.files)) return { kind: 'unclear', detail: 'The project has no list of files.' };
      return { kind: 'read', files: answer.files.flatMap(projectFile) };
    },
  };
}

/** One of `files`; whatever does not look like the documented entry is passed over. */
function projectFile(value: unknown): readonly ProjectFile[] {
  const { _id: uploadId, date, objection, status } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof uploadId !== 'string' || typeof status !== 'string') return [];
  const at = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return [
    {
      uploadId,
      status,
      ...(typeof objection === 'string' && objection !== '' ? { objection: redact(objection) } : {}),
      ...(Number.isNaN(at) ? {} : { at }),
    },
  ];
}

/** @throws Error for a base URL the key must not travel to */
function endpointOf(baseUrl: string, name: string): string {
  if (!isSafeForSecrets(baseUrl)) throw new Error('The Streampixel base URL must be https, or http to loopback.');
  return `${baseUrl.replace(/\/+$/, '')}/projects/${name}`;
}

/** A GET, with user and key in its query because the vendor wants them there; nothing here ever prints the URL. */
function ask(
  url: string,
  userId: string,
  apiKey: Secret,
  { deadline, maxBytes }: { readonly deadline: number; readonly maxBytes: number },
  clock: Pick<Clock, 'now'>,
): Promise<HttpExchange> {
  const query = new URLSearchParams({ userId, apikey: apiKey.reveal() });
  return exchange(
    {
      method: 'GET',
      url: `${url}?${query}`,
      headers: HEADERS,
      deadline: Math.min(deadline, clock.now() + QUESTION_TIMEOUT_MS),
      maxBytes,
    },
    clock,
  );
}

/** A whole answer, with the vendor's words in it. */
interface Words {
  readonly status: number;
  readonly complete: boolean;
  readonly answer: Record<string, unknown> | undefined;
  readonly detail: string;
  readonly message: string;
}

/** What upload-file alone says by a status. */
function uploadTaken({ answer, complete, detail, status }: Words): UploadAnswer | undefined {
  if (status < 200 || status >= 300) return undefined;
  const { uploadId } = answer ?? {};
  if (typeof uploadId === 'string' && uploadId !== '') return { kind: 'accepted', uploadId, status };
  // It was probably accepted, and nothing says under which id.
  return { kind: 'lost', status, detail: `${complete ? 'No uploadId in' : 'Cut-off'} answer: ${detail}` };
}

/** What distribute-file alone says by a status. Its body differs between pages of the documentation, so it is not looked at. */
function releaseTaken({ detail, message, status }: Words): ReleaseAnswer | undefined {
  if (status >= 200 && status < 300) return { kind: 'released', status };
  // "The file has no URL yet" and a field that is missing are both a 400, and no field is.
  if (status === 400 || (status === 404 && /file/i.test(message))) return { kind: 'too-early', status, detail };
  return undefined;
}

/** Answers that mean the same at every endpoint. */
type CommonAnswer = Extract<UploadAnswer, { readonly kind: 'rate-limited' | 'refused' | 'failed' | 'lost' }>;

function interpret<Own extends UploadAnswer | ReleaseAnswer>(
  result: HttpExchange,
  secrets: readonly Secret[],
  now: number,
  own: (words: Words) => Own | undefined,
): Own | CommonAnswer {
  switch (result.kind) {
    case 'not-sent':
      return { kind: 'failed', cause: 'VendorUnreachable', detail: redact(result.detail, secrets) };
    case 'unanswered':
      return { kind: 'lost', detail: redact(result.detail, secrets), sentAt: result.sentAt };
    case 'answered': {
      const { complete, sentAt, status } = result;
      const words = { status, complete, ...wordsOf(status, result.body.toString('utf8'), secrets) };
      return { ...(own(words) ?? interpretStatus(result, words, secrets, now)), sentAt };
    }
  }
}

function interpretStatus(
  { headers }: Extract<HttpExchange, { kind: 'answered' }>,
  { detail, message, status }: Words,
  secrets: readonly Secret[],
  now: number,
): CommonAnswer {
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

function refused(reason: Reason, status: number, detail: string): CommonAnswer {
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
