import { present } from '../domain/model/optional-fields.ts';
import { redact } from '../domain/model/redaction.ts';
import type { Secret } from '../domain/model/secret.ts';
import type { Clock, KeyChecks, ProjectFile, ProjectFiles } from '../domain/ports.ts';
import { type ExchangeContext, exchange } from './http-exchange.ts';
import {
  type Answer,
  isOk,
  isWhole,
  type NoAnswer,
  PROJECT_LIMIT,
  readAnswer,
  reasonFor401,
} from './streampixel-answer.ts';
import { ANSWER_LIMIT, endpointOf, HEADERS } from './streampixel-api.ts';

/** Longest that a GET may take, in ms. */
const GET_TIMEOUT_MS = 10_000;

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
export function createStreampixelProjectFiles(baseUrl: string, clock: Pick<Clock, 'now'>): ProjectFiles {
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
