import * as v from 'valibot';
import { STAGES, type WebhookNotice } from '../model/news.ts';
import { EVENT_SOURCE } from '../model/telemetry.ts';

/** What lies in the follow queue. Each is handled until it is done with; sleeping is by visibility timeout. */
export type FollowMessage =
  /** The project's webhook was tried out. */
  | ({ readonly kind: 'webhook-test'; readonly projectId: string } & Received)
  /** The vendor's word on a build. */
  | ({ readonly kind: 'webhook'; readonly notice: WebhookNotice } & Received)
  /** Order to distribute an upload. */
  | {
      readonly kind: 'release';
      /** Names the build in the ledger. */
      readonly build: string;
      readonly uploadId: string;
      /** Names the order, so that a late duplicate is told apart from another. */
      readonly requestId: string;
      readonly by: 'approval' | 'person';
      /** ms since the epoch. */
      readonly requestedAt: number;
    }
  /** Keep an eye on a build until its end. */
  | { readonly kind: 'watch'; readonly build: string; readonly uploadId: string };

interface Received {
  /** ms since the epoch. */
  readonly receivedAt: number;
  /** It came to the address before the last change, which is good until somebody ends the change. */
  readonly isFormer?: true;
}

const ms = v.pipe(v.number(), v.integer(), v.minValue(0));
const notice: v.GenericSchema<unknown, WebhookNotice> = v.object({
  projectId: v.string(),
  uploadId: v.exactOptional(v.string()),
  fileUrl: v.exactOptional(v.string()),
  stage: v.exactOptional(v.picklist(STAGES)),
  objection: v.exactOptional(v.string()),
  at: ms,
});
const received = { receivedAt: ms, isFormer: v.exactOptional(v.literal(true)) };
const message: v.GenericSchema<unknown, FollowMessage> = v.variant('kind', [
  v.object({ kind: v.literal('webhook-test'), projectId: v.string(), ...received }),
  v.object({ kind: v.literal('webhook'), notice, ...received }),
  v.object({
    kind: v.literal('release'),
    build: v.string(),
    uploadId: v.string(),
    requestId: v.string(),
    by: v.picklist(['approval', 'person']),
    requestedAt: ms,
  }),
  v.object({ kind: v.literal('watch'), build: v.string(), uploadId: v.string() }),
]);

/** The event by which submit-build tells of a submission, as EventBridge puts it into the queue: the build is to be watched. */
const submittedEvent = v.object({
  source: v.literal(EVENT_SOURCE),
  'detail-type': v.literal('Build Submitted'),
  detail: v.object({ uploadId: v.string(), build: v.object({ id: v.string() }) }),
});

/** @returns `undefined` for a body that is no message of this queue */
export function parseFollowMessage(body: string): FollowMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const own = v.safeParse(message, value);
  if (own.success) return own.output;
  const event = v.safeParse(submittedEvent, value);
  if (!event.success) return undefined;
  const { build, uploadId } = event.output.detail;
  return { kind: 'watch', build: build.id, uploadId };
}
