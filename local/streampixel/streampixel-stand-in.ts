import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import {
  type Answer,
  answerTo,
  BASE_PATH,
  type Call,
  endpointOf,
  type LimitedEndpoint,
  type StandInUser,
  type Streampixel,
} from '../../functions/streampixel-stand-in/api.ts';
import { WEBHOOK_TIMEOUT_MS } from '../../functions/streampixel-stand-in/webhook-delivery.ts';
import { listenOnLoopback } from '../loopback-server.ts';
import { createLifecycle, type StandInEvent } from './stand-in-lifecycle.ts';
import { createWebhooks, fixedRandom } from './stand-in-webhooks.ts';

export type { StandInUser } from '../../functions/streampixel-stand-in/api.ts';
export type { OpenStage, Stage, WebhookPayload } from '../../functions/streampixel-stand-in/lifecycle.ts';
export type { Course, ReleasedBy, StandInEvent } from './stand-in-lifecycle.ts';
export type { Deliveries } from './stand-in-webhooks.ts';

export interface StandInOptions {
  /** Who may upload where; asked at each request. */
  readonly users: () => readonly StandInUser[];
  /** The only valid key; {@link StandIn.rotateKey} replaces it at once, as Streampixel does. */
  readonly apiKey: string;
  /**
   * How long an accepted upload blocks further ones of its user, in ms; asked at each request. An accepted `distribute-file`
   * blocks further ones in the same way, independently of uploads.
   */
  readonly windowMs: () => number;
  /** How long a build is in one stage, in ms; asked at each. A slow download takes longer. Default 50. */
  readonly stageMs?: () => number;
  /**
   * Shortest time that an accepted build is queued, in ms, however short a stage is: the answer to the upload arrives before
   * the first webhooks. Default 300.
   */
  readonly queueMs?: () => number;
  /** Longest wait for the answer to a webhook, in ms. Default: the documented 10 s. */
  readonly webhookTimeoutMs?: number;
  /** In [0, 1), for deliveries that are shuffled. Default: the same numbers in every run. */
  readonly random?: () => number;
  readonly onEvent: (event: StandInEvent) => void;
}

/** What to do with one call of an endpoint instead of what is documented. */
export type Behaviour =
  | { readonly kind: 'documented' }
  /** A string is sent as it is, anything else as JSON. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body: unknown;
      readonly headers?: OutgoingHttpHeaders;
    }
  /** Reads the request, then resets the connection. */
  | { readonly kind: 'reset' }
  /** Reads the request and never answers. */
  | { readonly kind: 'hang' }
  /** Does what is documented, and closes the connection in the middle of the answer. */
  | { readonly kind: 'cut-off' };

/** A request as it arrived. Bodies hold API keys and signed URLs: for assertions, not for logs. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** ms since the epoch. */
  readonly at: number;
}

export type StandIn = Awaited<ReturnType<typeof startStandIn>>;

/**
 * Starts a server on the loopback interface that behaves like Streampixel as its documentation describes it. Answers and
 * courses that are not documented can be scripted.
 */
export async function startStandIn(options: StandInOptions) {
  const {
    stageMs = () => 50,
    queueMs = () => 300,
    webhookTimeoutMs = WEBHOOK_TIMEOUT_MS,
    random = fixedRandom(1),
  } = options;
  let { apiKey } = options;
  const behaviours: Readonly<Record<LimitedEndpoint, Behaviour[]>> = { 'upload-file': [], 'distribute-file': [] };
  const requests: RecordedRequest[] = [];
  /** When the last call was accepted, by endpoint and user; ms since the epoch. */
  const lastAccepted = new Map<string, number>();

  const running = new Set<Promise<unknown>>();
  function track(work: Promise<unknown>): void {
    const tracked: Promise<unknown> = work.finally(() => running.delete(tracked));
    running.add(tracked);
  }
  const stopping = new AbortController();
  const { signal } = stopping;
  const webhooks = createWebhooks({ timeoutMs: webhookTimeoutMs, random, track, signal });
  const lifecycle = createLifecycle({ stageMs, queueMs, webhooks, onEvent: options.onEvent, track, signal });

  const streampixel: Streampixel = {
    get users() {
      return options.users();
    },
    get apiKey() {
      return apiKey;
    },
    get windowMs() {
      return options.windowMs();
    },
    async acquire(endpoint, userId) {
      const lane = `${endpoint} ${userId}`;
      const now = Date.now();
      if (now - (lastAccepted.get(lane) ?? Number.NEGATIVE_INFINITY) < options.windowMs()) return false;
      lastAccepted.set(lane, now);
      return true;
    },
    accept: async (request) => lifecycle.accept(request),
    distribute: async (upload) => lifecycle.distribute(upload),
    uploadsOf: async (projectId) => lifecycle.uploadsOf(projectId),
    webhookOf: webhooks.urlOf,
  };

  /** What a person does on the dashboard. */
  async function dashboard(method: string, projectId: string, address: string): Promise<Answer> {
    if (!options.users().some(({ projectIds }) => projectIds.includes(projectId))) {
      return { status: 404, body: { message: 'Project not found' } };
    }
    if (method === 'PUT' && URL.canParse(address)) {
      webhooks.set(projectId, address);
      return { status: 200, body: { message: 'Saved' } };
    }
    if (method !== 'POST') return { status: 400, body: { message: 'Not an address' } };
    const isReceived = await webhooks.test(projectId);
    return isReceived
      ? { status: 200, body: { message: 'The receiver answered with a 2xx' } }
      : { status: 502, body: { message: 'No receiver, or it did not answer with a 2xx' } };
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const body = await text(request);
    const { method = '', headers } = request;
    requests.push({ method, path: url.pathname, headers, body, at: Date.now() });
    const [, projectId] = /^\/dashboard\/projects\/(\w+)\/webhook$/.exec(url.pathname) ?? [];
    if (projectId !== undefined) return send(response, await dashboard(method, projectId, body));
    const call: Call = { contentType: headers['content-type'], query: url.searchParams, body };
    const endpoint = endpointOf(url.pathname);
    const isLimited = endpoint === 'upload-file' || endpoint === 'distribute-file';
    const behaviour = method === 'POST' && isLimited ? behaviours[endpoint].shift() : undefined;
    await behave(response, () => answerTo(method, endpoint, call, streampixel), behaviour);
  }

  const server = await listenOnLoopback(route);

  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    stopping.abort();
    await server.close();
    await Promise.allSettled(running);
  }
  return {
    /** For the setting `streampixelBaseUrl`: `http://127.0.0.1:<port>/pixelStripeApi`. */
    baseUrl: `${server.url}${BASE_PATH}`,
    requests: requests as readonly RecordedRequest[],
    /** Queues behaviours for the next calls of `upload-file`. */
    script: (...next: Behaviour[]): void => void behaviours['upload-file'].push(...next),
    /** Likewise for `distribute-file`. */
    scriptDistribute: (...next: Behaviour[]): void => void behaviours['distribute-file'].push(...next),
    /** Queues what happens to the next uploads that are accepted. */
    plan: lifecycle.plan,
    rotateKey(next: string): void {
      apiKey = next;
    },
    /**
     * Sets the webhook as a person does on the dashboard, for all events; `undefined` removes it.
     *
     * @throws TypeError for what is no URL
     */
    setWebhook: webhooks.set,
    /** The dashboard's "Test Webhook" button. @returns whether a receiver is set and answered with a 2xx */
    testWebhook: webhooks.test,
    /** Upload id of the build that the project's viewers get. */
    live: lifecycle.live,
    /** Resolves when no build is in progress (a stuck one is not) and no webhook is being delivered. */
    async settled(): Promise<void> {
      while (running.size > 0) await Promise.all(running);
    },
    /** Ends builds and deliveries at once. Further calls wait for the same end. */
    stop(): Promise<void> {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** @param documented makes the documented answer, with all its effects */
async function behave(
  response: ServerResponse,
  documented: () => Promise<Answer>,
  behaviour: Behaviour = { kind: 'documented' },
): Promise<void> {
  switch (behaviour.kind) {
    case 'documented':
      send(response, await documented());
      break;
    case 'answer':
      send(response, behaviour, behaviour.headers);
      break;
    case 'reset':
      response.socket?.resetAndDestroy();
      break;
    case 'hang':
      break;
    case 'cut-off': {
      const whole = JSON.stringify((await documented()).body);
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(whole) });
      response.write(whole.slice(0, whole.length / 2), () => response.destroy());
      break;
    }
    default:
      unreachable(behaviour);
  }
}

function send(response: ServerResponse, answer: Answer, headers: OutgoingHttpHeaders = {}): void {
  const isText = typeof answer.body === 'string';
  response.writeHead(answer.status, { 'Content-Type': isText ? 'text/html' : 'application/json', ...headers });
  response.end(isText ? answer.body : JSON.stringify(answer.body));
}
