import { redact } from '../domain/model/redaction.ts';
import { type PresignedUrl, Secret } from '../domain/model/secret.ts';
import type { ReleaseAnswer, UploadAnswer } from '../domain/model/streampixel-answers.ts';
import type { Clock, Releases, StreampixelApi } from '../domain/ports.ts';
import { exchange, isSafeForSecrets } from './http-exchange.ts';
import { parseRetryAfter } from './retry-after.ts';
import {
  type Answer,
  type CommonAnswer,
  commonAnswer,
  isWhole,
  readAnswer,
  releaseAnswer,
  uploadAnswer,
} from './streampixel-answer.ts';

/** Streampixel answers with a line of JSON; a proxy's page may be longer, and its first lines say enough. In bytes. */
export const ANSWER_LIMIT = 64 * 1024;
export const HEADERS = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'streampixel-drop' };

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

/**
 * @param name of the endpoint below `projects/`
 * @throws Error for a base URL that the key must not travel to
 */
export function endpointOf(baseUrl: string, name: string): string {
  if (!isSafeForSecrets(baseUrl)) throw new Error('The Streampixel base URL must be https, or http to loopback.');
  return `${baseUrl.replace(/\/+$/, '')}/projects/${name}`;
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
