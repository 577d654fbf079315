import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { listenOnLoopback } from '../../local/loopback-server.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import {
  type StandIn,
  type StandInEvent,
  type StandInOptions,
  startStandIn,
  type WebhookPayload,
} from '../../local/streampixel/streampixel-stand-in.ts';

export const KEY = 'the-valid-key';
export const ONE = { userId: '6650a1b2c3d4e5f60718293a', projectId: '664f0e1d2c3b4a5968778695' };
export const OTHER = { userId: '6650a1b2c3d4e5f60718293b', projectId: '664f0e1d2c3b4a5968778696' };

/** What arrived at the webhook's receiver. */
export interface Delivery {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly payload: WebhookPayload;
}

/** The stand-in between a bucket that has a build and a receiver of the webhooks of its first project. */
export interface StandInWorld {
  readonly standIn: StandIn;
  readonly events: readonly StandInEvent[];
  readonly deliveries: readonly Delivery[];
  /** Deliveries by their events' names, and the stand-in's own events as `stand-in: <kind>`, as they came. */
  readonly log: readonly string[];
  /** How often the bucket was asked for the build. */
  readonly downloads: number;
  readonly fileUrl: string;
  readonly webhookUrl: string;
  /** How the bucket answers. At first: with the build. */
  bucketAnswers(listener: RequestListener): void;
  /** The bucket keeps its next answer back. */
  holdBuild(): { readonly asked: Promise<unknown>; release(): void };
  /** How the receiver answers, once it has read a delivery. At first: 200. */
  receiverAnswers(listener: RequestListener): void;
  post(endpoint: string, fields: object): Promise<[number, unknown]>;
  get(endpoint: string): Promise<[number, unknown]>;
  /** Uploads a build of {@link ONE}'s. @returns its upload id */
  upload(fields?: object): Promise<string>;
  distribute(uploadId: string, fields?: object): Promise<[number, unknown]>;
  /** Resolves with the first event of the kind, past or to come. */
  seen(kind: StandInEvent['kind']): Promise<StandInEvent>;
  stop(): Promise<void>;
}

/** Starts a world without pauses: stages take no time, and doors stay open. */
export async function startStandInWorld(options: Partial<StandInOptions> = {}): Promise<StandInWorld> {
  const zip = await makeSampleBuild();
  const events: StandInEvent[] = [];
  const deliveries: Delivery[] = [];
  const log: string[] = [];
  let downloads = 0;
  let giveBuild: RequestListener = (_, response) => response.end(zip);
  let giveReceipt: RequestListener = (_, response) => response.end();
  let lookAgain = (): void => {};

  const bucket = await listenOnLoopback((request, response) => {
    downloads += 1;
    giveBuild(request, response);
  });
  const receiver = await listenOnLoopback(async (request, response) => {
    const payload: WebhookPayload = JSON.parse(await text(request));
    deliveries.push({ method: request.method, path: request.url, headers: request.headers, payload });
    log.push(payload.event);
    giveReceipt(request, response);
  });
  const standIn = await startStandIn({
    users: () => [ONE, OTHER].map(({ userId, projectId }) => ({ userId, projectIds: [projectId] })),
    apiKey: KEY,
    windowMs: () => 0,
    stageMs: () => 0,
    queueMs: () => 0,
    onEvent(event) {
      events.push(event);
      log.push(`stand-in: ${event.kind}`);
      lookAgain();
    },
    ...options,
  });
  const webhookUrl = `${receiver.url}/hook/t0ken`;
  standIn.setWebhook(ONE.projectId, webhookUrl);
  const fileUrl = `${bucket.url}/drop/build.zip?versionId=v1&X-Amz-Signature=c4nary`;

  async function post(endpoint: string, fields: object): Promise<[number, unknown]> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(fields);
    const response = await fetch(`${standIn.baseUrl}/${endpoint}`, { method: 'POST', headers, body });
    return [response.status, await response.json()];
  }
  return {
    standIn,
    events,
    deliveries,
    log,
    get downloads() {
      return downloads;
    },
    fileUrl,
    webhookUrl,
    bucketAnswers(listener) {
      giveBuild = listener;
    },
    holdBuild() {
      const answer = giveBuild;
      const asked = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      giveBuild = async (request, response) => {
        giveBuild = answer;
        asked.resolve();
        await released.promise;
        answer(request, response);
      };
      return { asked: asked.promise, release: released.resolve };
    },
    receiverAnswers(listener) {
      giveReceipt = listener;
    },
    post,
    async get(endpoint) {
      const response = await fetch(`${standIn.baseUrl}/${endpoint}`);
      return [response.status, await response.json()];
    },
    async upload(fields = {}) {
      const [status, body] = await post('projects/upload-file', { apiKey: KEY, ...ONE, fileUrl, ...fields });
      if (status !== 200) throw new Error(`upload-file answered ${status}`);
      return (body as { readonly uploadId: string }).uploadId;
    },
    distribute: (uploadId, fields = {}) =>
      post('projects/distribute-file', { apiKey: KEY, ...ONE, uploadId, ...fields }),
    seen(kind) {
      return new Promise((resolve) => {
        lookAgain = () => {
          const found = events.find((event) => event.kind === kind);
          if (found !== undefined) resolve(found);
        };
        lookAgain();
      });
    },
    async stop() {
      await standIn.stop();
      await Promise.all([bucket.close(), receiver.close()]);
    },
  };
}
