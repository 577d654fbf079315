import { present } from '../domain/model/optional-fields.ts';
import { redact } from '../domain/model/redaction.ts';
import { type PresignedUrl, Secret } from '../domain/model/secret.ts';
import type { ReleaseAnswer, UploadAnswer } from '../domain/model/streampixel-answers.ts';
import type { Clock, KeyChecks, ProjectFile, ProjectFiles, Releases, StreampixelApi } from '../domain/ports.ts';
import { type ExchangeContext, exchange, isSafeForSecrets } from './http-exchange.ts';
import { parseRetryAfter } from './retry-after.ts';
import {
  type Answer,
  type CommonAnswer,
  commonAnswer,
  isOk,
  isWhole,
  type NoAnswer,
  PROJECT_LIMIT,
  readAnswer,
  reasonFor401,
  releaseAnswer,
  uploadAnswer,
} from './streampixel-answer.ts';

/** Streampixel answers with a line of JSON; a proxy's page may be longer, and its first lines say enough. In bytes. */
const ANSWER_LIMIT = 64 * 1024;
/** Longest that a GET may take, in ms. */
const GET_TIMEOUT_MS = 10_000;
const HEADERS = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'streampixel-drop' };

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
export function createStreampixelKeyChecks(baseUrl: string, context: ExchangeContext): KeyChecks {
  const url = endpointOf(baseUrl, 'projects-status');
  return {
    async check(userId, apiKey, deadline) {
      const answer = await get(url, userId, apiKey, deadline, ANSWER_LIMIT, context);
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

/** User and key are in the query because Streampixel wants them there; this URL is never printed. */
async function get(
  url: string,
  userId: string,
  apiKey: Secret,
  deadline: number,
  maxBytes: number,
  context: ExchangeContext,
): Promise<Answer | NoAnswer> {
  const query = new URLSearchParams({ userId, apikey: apiKey.reveal() });
  const until = Math.min(deadline, context.now() + GET_TIMEOUT_MS);
  const request = {
    method: 'GET',
    url: `${url}?${query}`,
    headers: HEADERS,
    deadline: until,
    maxBytes,
    isWhole,
  } as const;
  const result = await exchange(request, context);
  return result.kind === 'answered'
    ? readAnswer(result, maxBytes, [apiKey])
    : { detail: redact(result.detail, [apiKey]) };
}

function unclear({ detail, status }: Answer | NoAnswer) {
  return { kind: 'unclear', detail: status === undefined ? detail : `HTTP ${status}: ${detail}` } as const;
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

/** Everything of a presigned URL that must not come back in Streampixel's message: the signed query and its parts. */
function secretsIn(fileUrl: PresignedUrl): readonly Secret[] {
  const { search, searchParams } = new URL(fileUrl.reveal());
  const names = ['X-Amz-Signature', 'X-Amz-Security-Token', 'X-Amz-Credential'];
  const values = [search, ...names.map((name) => searchParams.get(name) ?? '')];
  return values.map((value) => new Secret(value));
}
