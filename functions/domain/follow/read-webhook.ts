import type { Stage, WebhookNotice } from '../model/news.ts';
import { present } from '../model/optional-fields.ts';
import { redact } from '../model/redaction.ts';

export type WebhookReading =
  | { readonly kind: 'test' }
  | { readonly kind: 'notice'; readonly notice: WebhookNotice }
  | { readonly kind: 'unreadable'; readonly detail: string };

/** Longest body that is read, in bytes. The documented payload has half a kilobyte, and three with a presigned URL. */
export const WEBHOOK_BODY_LIMIT = 16 * 1024;

/** Longest text that is read, in characters: enough for a presigned URL with a session token. */
const TEXT_LIMIT = 8_192;
/** Longest URL that is kept, in characters: the longest key of S3 has 1,024 bytes, each encoded as up to three characters. */
const URL_LIMIT = 4_096;
/** A timestamp that is farther ahead of our clock than this is ignored, in ms. */
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
 * Reads a webhook leniently: unknown events and statuses, nulls, missing fields and additional ones are all accepted.
 *
 * @param text the body as it arrived
 * @param projectId from the address it was sent to; a body that names another project is unreadable
 * @param receivedAt ms since the epoch
 */
export function readWebhook(text: string, projectId: string, receivedAt: number): WebhookReading {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Without the parser's message, which quotes the body.
    return { kind: 'unreadable', detail: 'not JSON' };
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { kind: 'unreadable', detail: 'not an object' };
  }
  const textAt = (name: string): string | undefined => {
    const value = (body as Readonly<Record<string, unknown>>)[name];
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
      ...present({ uploadId, fileUrl, stage, objection: objection && redact(objection) }),
    },
  };
}

function withoutQuery(url = ''): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { origin, pathname, protocol } = new URL(url);
  return protocol === 'https:' || protocol === 'http:' ? `${origin}${pathname}`.slice(0, URL_LIMIT) : undefined;
}

function instant(timestamp: string | undefined, receivedAt: number): number {
  const at = Date.parse(timestamp ?? '');
  return Number.isNaN(at) || at > receivedAt + CLOCK_ALLOWANCE_MS || at < 0 ? receivedAt : at;
}
