import * as v from 'valibot';
import { STAGES, type WebhookNotice } from '../model/news.ts';
import { EVENT_SOURCE } from '../model/telemetry.ts';

/** A message of the follow queue. It stays in the queue until it is done; SQS hides it while it sleeps. */
export type FollowMessage =
  /** The dashboard's test of the project's webhook. */
  | ({ readonly kind: 'webhook-test'; readonly projectId: string } & Received)
  /** A webhook about a build. */
  | ({ readonly kind: 'webhook'; readonly notice: WebhookNotice } & Received)
  /** A request to distribute an upload. */
  | {
      readonly kind: 'release';
      /** Names the build in the ledger. */
      readonly build: string;
      readonly uploadId: string;
      /** A late duplicate of the request has the same id, another request has another. */
      readonly requestId: string;
      readonly by: 'approval' | 'person';
      /** Name of the person. */
      readonly requestedBy?: string;
      /** The person goes back to what was live before. */
      readonly stepsBack?: true;
      /** ms since the epoch. */
      readonly requestedAt: number;
    }
  /** The watch over a build until its outcome. */
  | { readonly kind: 'watch'; readonly build: string; readonly uploadId: string };

interface Received {
  /** ms since the epoch. */
  readonly receivedAt: number;
  /** Id of the address at which it arrived. */
  readonly address?: string;
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
const received = { receivedAt: ms, address: v.exactOptional(v.string()) };
const message: v.GenericSchema<unknown, FollowMessage> = v.variant('kind', [
  v.object({ kind: v.literal('webhook-test'), projectId: v.string(), ...received }),
  v.object({ kind: v.literal('webhook'), notice, ...received }),
  v.object({
    kind: v.literal('release'),
    build: v.string(),
    uploadId: v.string(),
    requestId: v.string(),
    by: v.picklist(['approval', 'person']),
    requestedBy: v.exactOptional(v.string()),
    stepsBack: v.exactOptional(v.literal(true)),
    requestedAt: ms,
  }),
  v.object({ kind: v.literal('watch'), build: v.string(), uploadId: v.string() }),
]);

/** The event of a submission, which EventBridge puts into the queue to start the watch over the build. */
const submittedEvent = v.object({
  source: v.literal(EVENT_SOURCE),
  'detail-type': v.literal('Build Submitted'),
  detail: v.object({ uploadId: v.string(), build: v.object({ id: v.string() }) }),
});

/** @returns `undefined` for a body that is not a message of this queue */
export function parseFollowMessage(body: string): FollowMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // Not JSON: no message either.
  }
  const own = v.safeParse(message, value);
  if (own.success) return own.output;
  const event = v.safeParse(submittedEvent, value);
  if (!event.success) return undefined;
  const { build, uploadId } = event.output.detail;
  return { kind: 'watch', build: build.id, uploadId };
}
