import type { Stage, WebhookNotice } from '../model/news.ts';
import { redact } from '../model/redaction.ts';

export type WebhookReading =
  | { readonly kind: 'test' }
  | { readonly kind: 'notice'; readonly notice: WebhookNotice }
  | { readonly kind: 'unreadable'; readonly detail: string };

/** Longest body that is looked at, in bytes. The documented payload is half a kilobyte, with a presigned URL three. */
export const WEBHOOK_BODY_LIMIT = 16 * 1024;

/** Longest text worth reading, in characters: a presigned URL with all that a session adds to it. */
const TEXT_LIMIT = 8_192;
/** Longest URL worth keeping, in characters: the longest key of S3 is 1,024 bytes, each of which may be written as three. */
const URL_LIMIT = 4_096;
/** A timestamp this much ahead of our clock is none, in ms. */
const CLOCK_ALLOWANCE_MS = 24 * 3_600_000;

const STAGE_BY_EVENT: ReadonlyMap<string, Stage> = new Map([
  ['build.uploaded', 'uploaded'],
  ['build.downloading', 'downloading'],
  ['build.extracting', 'extracting'],
  ['build.saving', 'saving'],
  ['build.distributing', 'distributing'],
  ['build.approved', 'approved'],
  ['build.rejected', 'rejected'],
]);

/** Raw pipeline statuses, in lower case. Source: the build-lifecycle page of docs.streampixel.io. */
const STAGE_BY_STATUS: ReadonlyMap<string, Stage> = new Map([
  ['pending', 'uploaded'],
  ['downloading files', 'downloading'],
  ['extracting & scanning', 'extracting'],
  ['saving to repository', 'saving'],
  ['distribute', 'distributing'],
  ['approved', 'approved'],
  ['reject', 'rejected'],
]);

/** The stage that a raw status names, or `undefined`. */
export function stageOfStatus(status: string): Stage | undefined {
  return STAGE_BY_STATUS.get(status.trim().toLowerCase());
}

/**
 * Reads a delivery leniently: unknown events and statuses, nulls, missing fields and additional ones are all taken.
 *
 * @param text the body as it came
 * @param projectId from the address it was sent to; a body that names another project is unreadable
 * @param receivedAt ms since the epoch
 */
export function readWebhook(text: string, projectId: string, receivedAt: number): WebhookReading {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Not the parser's words: they quote what it could not read.
    return { kind: 'unreadable', detail: 'not JSON' };
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { kind: 'unreadable', detail: 'not an object' };
  }
  const textAt = (name: string): string | undefined => {
    const value: unknown = Object.hasOwn(body, name) ? (body as Record<string, unknown>)[name] : undefined;
    return typeof value === 'string' && value !== '' && value.length <= TEXT_LIMIT ? value : undefined;
  };
  const event = textAt('event');
  if (event === 'webhook.test') return { kind: 'test' };
  const named = textAt('projectId')?.toLowerCase();
  if (named !== undefined && named !== projectId) return { kind: 'unreadable', detail: 'of another project' };
  const uploadId = textAt('uploadId')?.slice(0, 128);
  const fileUrl = withoutQuery(textAt('fileUrl'));
  if (uploadId === undefined && fileUrl === undefined) return { kind: 'unreadable', detail: 'names no build' };
  const stage = STAGE_BY_EVENT.get(event ?? '') ?? stageOfStatus(textAt('status') ?? '');
  const objection = textAt('objection');
  return {
    kind: 'notice',
    notice: {
      projectId,
      at: instant(textAt('timestamp'), receivedAt),
      ...(uploadId === undefined ? {} : { uploadId }),
      ...(fileUrl === undefined ? {} : { fileUrl }),
      ...(stage === undefined ? {} : { stage }),
      ...(objection === undefined ? {} : { objection: redact(objection) }),
    },
  };
}

function withoutQuery(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { origin, pathname, protocol } = new URL(url);
  return protocol === 'https:' || protocol === 'http:' ? `${origin}${pathname}`.slice(0, URL_LIMIT) : undefined;
}

function instant(timestamp: string | undefined, receivedAt: number): number {
  const at = Date.parse(timestamp ?? '');
  return Number.isNaN(at) || at > receivedAt + CLOCK_ALLOWANCE_MS || at < 0 ? receivedAt : at;
}
