import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import { listenOnLoopback } from '../loopback-server.ts';
import { BUILD_EVENTS, createLifecycle, type StandInEvent } from './stand-in-lifecycle.ts';
import { createWebhooks, fixedRandom } from './stand-in-webhooks.ts';

export type { Course, OpenStage, ReleasedBy, Stage, StandInEvent } from './stand-in-lifecycle.ts';
export type { Deliveries, WebhookPayload } from './stand-in-webhooks.ts';

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

export interface StandInUser {
  readonly userId: string;
  readonly projectIds: readonly string[];
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

const BASE_PATH = '/pixelStripeApi';

/** Required fields of the documented requests, in the order in which they are checked. */
const UPLOAD_FIELDS = ['apiKey', 'userId', 'projectId', 'fileUrl'] as const;
const DISTRIBUTE_FIELDS = ['apiKey', 'userId', 'projectId', 'uploadId'] as const;

interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** An answer other than 2xx, in Streampixel's words. */
class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Starts a server on the loopback interface that behaves like Streampixel as its documentation describes it. Answers and
 * courses that are not documented can be scripted.
 */
export async function startStandIn(options: StandInOptions) {
  const { stageMs = () => 50, queueMs = () => 300, webhookTimeoutMs = 10_000, random = fixedRandom(1) } = options;
  let { apiKey } = options;
  const uploadBehaviours: Behaviour[] = [];
  const distributeBehaviours: Behaviour[] = [];
  const requests: RecordedRequest[] = [];
  const limitUploads = createRateLimit(options.windowMs);
  const limitDistributions = createRateLimit(options.windowMs);

  const running = new Set<Promise<unknown>>();
  function track(work: Promise<unknown>): void {
    const tracked: Promise<unknown> = work.finally(() => running.delete(tracked));
    running.add(tracked);
  }
  const stopping = new AbortController();
  const { signal } = stopping;
  const webhooks = createWebhooks({ timeoutMs: webhookTimeoutMs, random, track, signal });
  const lifecycle = createLifecycle({ stageMs, queueMs, webhooks, onEvent: options.onEvent, track, signal });

  function authenticate(userId: string, key: string): void {
    if (!options.users().some((user) => user.userId === userId)) throw new Refusal(401, 'Invalid User');
    if (key !== apiKey) throw new Refusal(401, 'Unauthorized: Invalid API Key');
  }

  function authenticateByQuery(query: URLSearchParams): string {
    const userId = query.get('userId');
    const key = query.get('apikey');
    if (!userId || !key) throw new Refusal(400, 'userId and apikey are required');
    authenticate(userId, key);
    return userId;
  }

  function projectsOf(userId: string): readonly { readonly id: string; readonly name: string }[] {
    const ids = options.users().flatMap((user) => (user.userId === userId ? user.projectIds : []));
    return ids.map((id, index) => ({ id, name: `Project ${index + 1}` }));
  }

  /** @param denial the message for another user's project: each endpoint has its own */
  function projectOf(userId: string, projectId: string, denial: string): { readonly name: string } {
    if (!options.users().some(({ projectIds }) => projectIds.includes(projectId))) {
      throw new Refusal(404, 'Project not found');
    }
    const project = projectsOf(userId).find(({ id }) => id === projectId);
    if (project === undefined) throw new Refusal(403, denial);
    return project;
  }

  function uploadFile(call: Call): Answer {
    const { autoRelease = true, ...fields } = readFields(call, UPLOAD_FIELDS);
    if (typeof autoRelease !== 'boolean') throw new Refusal(400, 'Invalid field: autoRelease');
    const { userId, projectId, fileUrl } = fields;
    authenticate(userId, fields.apiKey);
    projectOf(userId, projectId, 'Forbidden: project does not belong to this user');
    if (!URL.canParse(fileUrl) || !new URL(fileUrl).pathname.endsWith('.zip')) {
      throw new Refusal(400, 'Invalid fileUrl: must be a direct link to a .zip file');
    }
    limitUploads(userId);
    const { uploadId } = lifecycle.accept({ projectId, fileUrl, autoRelease });
    return { status: 200, body: { message: 'Build queued for processing', uploadId } };
  }

  function distributeFile(call: Call): Answer {
    const { apiKey: key, userId, projectId, uploadId } = readFields(call, DISTRIBUTE_FIELDS);
    authenticate(userId, key);
    projectOf(userId, projectId, 'Access denied');
    const upload = lifecycle.uploadsOf(projectId).find((candidate) => candidate.uploadId === uploadId);
    if (upload === undefined) throw new Refusal(404, 'File not found in project');
    if (!upload.isReleasable) throw new Refusal(400, 'File has no URL yet');
    limitDistributions(userId);
    lifecycle.distribute(upload);
    return { status: 200, body: { message: 'Distribution triggered' } };
  }

  function projectsStatus({ query }: Call): Answer {
    const projects = projectsOf(authenticateByQuery(query)).map(({ id, name }) => ({
      _id: id,
      name,
      status: true,
      subscriptionStatus: 'active',
    }));
    return { status: 200, body: { totalProjects: projects.length, projects } };
  }

  /** The documentation had this endpoint once; now it does not mention it. */
  function getProject(projectId: string, { query }: Call): Answer {
    const { name } = projectOf(authenticateByQuery(query), projectId, 'Access denied');
    const files = lifecycle.uploadsOf(projectId).map(({ uploadId, fileUrl, status, acceptedAt, objection = null }) => {
      const { origin, pathname } = new URL(fileUrl);
      return { _id: uploadId, url: `${origin}${pathname}`, status, date: acceptedAt.toISOString(), objection };
    });
    const webhook = { webhookUrl: webhooks.urlOf(projectId) ?? null, webhookEvents: BUILD_EVENTS };
    // Newest first, as in the documented example.
    return {
      status: 200,
      body: { id: projectId, name, ...webhook, files: files.reverse(), liveUsers: 0, usersInQueue: 0 },
    };
  }

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
    const call: Call = { headers, query: url.searchParams, body };
    const [, endpoint = ''] = `${method} ${url.pathname}`.split(`${BASE_PATH}/projects/`);
    if (method === 'POST' && endpoint === 'upload-file') {
      return behave(response, () => uploadFile(call), uploadBehaviours.shift());
    }
    if (method === 'POST' && endpoint === 'distribute-file') {
      return behave(response, () => distributeFile(call), distributeBehaviours.shift());
    }
    behave(response, () => {
      if (method !== 'GET' || endpoint === '' || endpoint.includes('/')) throw new Refusal(404, 'Not Found');
      return endpoint === 'projects-status' ? projectsStatus(call) : getProject(endpoint, call);
    });
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
    script: (...next: Behaviour[]): void => void uploadBehaviours.push(...next),
    /** Likewise for `distribute-file`. */
    scriptDistribute: (...next: Behaviour[]): void => void distributeBehaviours.push(...next),
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

/** Accepts one call of each user in a window. @returns function that throws a {@link Refusal} for any other */
function createRateLimit(windowMs: () => number): (userId: string) => void {
  const lastAccepted = new Map<string, number>();
  return (userId) => {
    const now = Date.now();
    if (now - (lastAccepted.get(userId) ?? Number.NEGATIVE_INFINITY) < windowMs()) {
      throw new Refusal(429, `Rate limit exceeded. Try again in ${inWords(windowMs())}.`);
    }
    lastAccepted.set(userId, now);
  };
}

/**
 * The fields of a JSON body that has the named ones.
 *
 * @throws Refusal
 */
function readFields<Name extends string>(
  { headers, body }: Call,
  required: readonly Name[],
): Record<Name, string> & { readonly autoRelease?: unknown } {
  if (headers['content-type']?.split(';')[0] !== 'application/json') throw new Refusal(415, 'Unsupported Media Type');
  let fields: Record<Name, string>;
  try {
    fields = JSON.parse(body) ?? {};
  } catch {
    throw new Refusal(400, 'Invalid JSON');
  }
  for (const name of required) {
    if (typeof fields[name] !== 'string' || fields[name] === '') {
      throw new Refusal(400, `Missing required field: ${name}`);
    }
  }
  return fields;
}

/** @param documented makes the documented answer, with all its effects */
function behave(
  response: ServerResponse,
  documented: () => Answer,
  behaviour: Behaviour = { kind: 'documented' },
): void {
  switch (behaviour.kind) {
    case 'documented':
      send(response, answerOf(documented));
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
      const whole = JSON.stringify(answerOf(documented).body);
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(whole) });
      response.write(whole.slice(0, whole.length / 2), () => response.destroy());
      break;
    }
    default:
      unreachable(behaviour);
  }
}

function answerOf(documented: () => Answer): Answer {
  try {
    return documented();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, body: { message: error.message } };
  }
}

function send(response: ServerResponse, answer: Answer, headers: OutgoingHttpHeaders = {}): void {
  const isText = typeof answer.body === 'string';
  response.writeHead(answer.status, { 'Content-Type': isText ? 'text/html' : 'application/json', ...headers });
  response.end(isText ? answer.body : JSON.stringify(answer.body));
}

/** Streampixel's message says "2 minutes"; a shorter window needs a smaller unit. */
function inWords(windowMs: number): string {
  const minutes = windowMs / 60_000;
  if (Number.isInteger(minutes)) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const seconds = Math.ceil(windowMs / 1000);
  return seconds === 1 ? '1 second' : `${seconds} seconds`;
}
