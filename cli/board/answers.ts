import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OperatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { EXIT, type OperatorError, remedyText, usageError } from '../operator-error.ts';
import type { ApiError } from './board-api.ts';

/** An answer that is not 200 with JSON. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

export function apiError({ code, message, remedy }: OperatorError, commands: OperatorCommands): ApiError {
  return { error: { code, message, remedy: remedyText(remedy, commands) } };
}

/** Errors that say that it can't be done as the world is, and not that something has failed. */
const CONFLICTS: ReadonlySet<string> = new Set([
  'NotAtStreampixel',
  'Rejected',
  'NoRoute',
  'NothingBefore',
  'ForgottenBuild',
  'UnknownUpload',
  'NotReady',
  'KeyInUse',
  'TooManyUploads',
  'TooManyPages',
  'OtherBuilds',
]);
const MISSING: ReadonlySet<string> = new Set([
  'UnknownBuild',
  'NoDeadLetter',
  'NoObject',
  'UnknownProject',
  'NoUpload',
]);

export function statusFor({ code, exitCode }: OperatorError): number {
  if (exitCode === EXIT.usage || code === 'AmbiguousBuild') return 400;
  if (MISSING.has(code)) return 404;
  return CONFLICTS.has(code) ? 409 : 502;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(text);
}

export class BodyTooLarge extends Error {
  override name = 'BodyTooLarge';
}

/**
 * The JSON in the body of a request.
 *
 * @param limit in bytes
 * @throws BodyTooLarge; OperatorError (usage) where it is none
 */
export async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw usageError('The body is no JSON.', 'Reload the page.');
  }
}
