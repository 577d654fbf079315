import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import { BUILD_EVENTS, type Course, createLifecycle, type StandInEvent } from './stand-in-lifecycle.ts';
import { createWebhooks, fixedRandom } from './stand-in-webhooks.ts';

export type { Course, OpenStage, ReleasedBy, Stage, StandInEvent } from './stand-in-lifecycle.ts';
export type { Deliveries, WebhookPayload } from './stand-in-webhooks.ts';

/**
 * A server that plays Streampixel as its documentation describes it: the endpoints are here, what becomes of an
 * accepted build is in stand-in-lifecycle.ts, and the webhooks that tell of it are in stand-in-webhooks.ts. Answers and
 * courses that are not documented can be scripted.
 */
export interface StandInOptions {
  /** Who may upload where; asked at each request. */
  readonly users: () => readonly StandInUser[];
  /** The one valid key; {@link StandIn.rotateKey} replaces it at once, as the vendor does. */
  readonly apiKey: string;
  /**
   * An accepted upload closes the door to further ones of its user for this long, in ms; asked at each request. So does
   * an order to distribute, by a door of its own.
   */
  readonly windowMs: () => number;
  /** How long a build is in one stage, in ms; asked at each. A download that takes longer takes longer. Default 50. */
  readonly stageMs?: () => number;
  /**
   * Shortest time that an accepted build is queued, in ms, however short a stage is: by its end the answer to the
   * upload has long arrived. Default 300.
   */
  readonly queueMs?: () => number;
  /** Longest a webhook waits for its answer, in ms. Default: the documented 10 s. */
  readonly webhookTimeoutMs?: number;
  /** In [0, 1), for deliveries that are to be shuffled. Default: the same numbers in every run. */
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
      readonly headers?: http.OutgoingHttpHeaders;
    }
  /** Reads the request, then resets the connection. */
  | { readonly kind: 'reset' }
  /** Reads the request and never answers. */
  | { readonly kind: 'hang' }
  /** Announces the documented answer and closes the connection half-way through it. */
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

export interface StandIn {
  /** What the client is configured with: `http://127.0.0.1:<port>/pixelStripeApi`. */
  readonly baseUrl: string;
  readonly requests: readonly RecordedRequest[];
  /** Lines up behaviours for the next calls of `upload-file`, first come first served. */
  script(...behaviours: Behaviour[]): void;
  /** Likewise for `distribute-file`. */
  scriptDistribute(...behaviours: Behaviour[]): void;
  /** Lines up what becomes of the next uploads that are accepted, first come first served. */
  plan(...courses: Course[]): void;
  rotateKey(apiKey: string): void;
  /**
   * Does what a person does on the dashboard, where every event is ticked; `undefined` empties the field.
   *
   * @throws TypeError for what is no URL
   */
  setWebhook(projectId: string, url: string | undefined): void;
  /** The dashboard's "Test Webhook" button. @returns whether a receiver is set and answered with a 2xx */
  testWebhook(projectId: string): Promise<boolean>;
  /** Upload id of the build that the project's viewers get. */
  live(projectId: string): string | undefined;
  /** Resolves when no build is on its way and no webhook is being delivered. A stuck build is not on its way. */
  settled(): Promise<void>;
  /** Ends builds on their way and deliveries at once. Once, however often it is called. */
  stop(): Promise<void>;
}

const BASE_PATH = '/pixelStripeApi';
const PROJECT_ENDPOINT = new RegExp(`^GET ${BASE_PATH}/projects/([^/]+)$`);

/** Required fields of the documented requests, in the order they are complained about. */
const UPLOAD_FIELDS = ['apiKey', 'userId', 'projectId', 'fileUrl'] as const;
const DISTRIBUTE_FIELDS = ['apiKey', 'userId', 'projectId', 'uploadId'] as const;

/** What a request says, as far as answers go by it. */
interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** An answer other than 2xx, in the vendor's words. */
class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Starts the stand-in on a free port of the loopback interface. */
export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  const {
    stageMs = () => 50,
    queueMs = () => 300,
    webhookTimeoutMs = 10_000,
    random = fixedRandom(1),
    onEvent,
  } = options;
  let { apiKey } = options;
  const uploadBehaviours: Behaviour[] = [];
  const distributeBehaviours: Behaviour[] = [];
  const requests: RecordedRequest[] = [];
  const passUploadDoor = createDoor(options.windowMs);
  const passDistributeDoor = createDoor(options.windowMs);

  const underWay = new Set<Promise<unknown>>();
  function track(work: Promise<unknown>): void {
    const tracked: Promise<unknown> = work.finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  }
  const stopping = new AbortController();
  const { signal } = stopping;
  const webhooks = createWebhooks({ timeoutMs: webhookTimeoutMs, random, track, signal });
  const lifecycle = createLifecycle({ stageMs, queueMs, webhooks, onEvent, track, signal });

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

  /** @param denial to say of another user's project: each endpoint has its own words for it */
  function projectOf(userId: string, projectId: string, denial: string): { readonly name: string } {
    if (!options.users().some(({ projectIds }) => projectIds.includes(projectId))) {
      throw new Refusal(404, 'Project not found');
    }
    const project = projectsOf(userId).find(({ id }) => id === projectId);
    if (project === undefined) throw new Refusal(403, denial);
    return project;
  }

  function uploadFile(call: Call): Answer {
    const { autoRelease = true, ...fields } = logFields(call, UPLOAD_FIELDS);
    if (typeof autoRelease !== 'boolean') throw new Refusal(400, 'Invalid field: autoRelease');
    const { userId, projectId, fileUrl } = fields;
    authenticate(userId, fields.apiKey);
    projectOf(userId, projectId, 'Forbidden: project does not belong to this user');
    if (!URL.canParse(fileUrl) || !new URL(fileUrl).pathname.endsWith('.zip')) {
      throw new Refusal(400, 'Invalid fileUrl: must be a direct link to a .zip file');
    }
    passUploadDoor(userId);
    const { uploadId } = lifecycle.accept({ projectId, fileUrl, autoRelease });
    return { status: 200, body: { message: 'Build queued for processing', uploadId } };
  }

  function distributeFile(call: Call): Answer {
    const { apiKey: key, userId, projectId, uploadId } = logFields(call, DISTRIBUTE_FIELDS);
    authenticate(userId, key);
    projectOf(userId, projectId, 'Access denied');
    const upload = lifecycle.uploadsOf(projectId).find((candidate) => candidate.uploadId === uploadId);
    if (upload === undefined) throw new Refusal(404, 'File not found in project');
    if (!upload.isReleasable) throw new Refusal(400, 'File has no URL yet');
    passDistributeDoor(userId);
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

  /** Of an earlier generation of the vendor's documentation, which no longer mentions it. */
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

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const body = await text(request);
    const { method = '', headers } = request;
    requests.push({ method, path: url.pathname, headers, body, at: Date.now() });
    const call: Call = { headers, query: url.searchParams, body };
    const endpoint = `${method} ${url.pathname}`;
    switch (endpoint) {
      case `POST ${BASE_PATH}/projects/upload-file`:
        return behave(response, () => uploadFile(call), uploadBehaviours.shift());
      case `POST ${BASE_PATH}/projects/distribute-file`:
        return behave(response, () => distributeFile(call), distributeBehaviours.shift());
      case `GET ${BASE_PATH}/projects/projects-status`:
        return send(
          response,
          answered(() => projectsStatus(call)),
        );
      default: {
        const projectId = PROJECT_ENDPOINT.exec(endpoint)?.[1];
        if (projectId === undefined) return send(response, { status: 404, body: { message: 'Not Found' } });
        return send(
          response,
          answered(() => getProject(projectId, call)),
        );
      }
    }
  }

  const server = http.createServer((request, response) => {
    route(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    stopping.abort();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    await Promise.allSettled(underWay);
  }
  return {
    baseUrl: `http://127.0.0.1:${port}${BASE_PATH}`,
    requests,
    script: (...next) => void uploadBehaviours.push(...next),
    scriptDistribute: (...next) => void distributeBehaviours.push(...next),
    plan: (...next) => lifecycle.plan(next),
    rotateKey(next) {
      apiKey = next;
    },
    setWebhook: (projectId, url) => webhooks.set(projectId, url),
    testWebhook: (projectId) => webhooks.test(projectId),
    live: (projectId) => lifecycle.live(projectId),
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Lets one call of each user through in a window. @returns what throws a {@link Refusal} for any other */
function createDoor(windowMs: () => number): (userId: string) => void {
  const lastPassed = new Map<string, number>();
  return (userId) => {
    const now = Date.now();
    if (now - (lastPassed.get(userId) ?? Number.NEGATIVE_INFINITY) < windowMs()) {
      throw new Refusal(429, `Rate limit exceeded. Try again in ${inWords(windowMs())}.`);
    }
    lastPassed.set(userId, now);
  };
}

/**
 * The fields of a JSON body, of which the named ones are there.
 *
 * @throws Refusal
 */
function logFields<Name extends string>(
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

function answered(answer: () => Answer): Answer {
  try {
    return answer();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, body: { message: error.message } };
  }
}

/** @param documented makes the documented answer, with all that comes of it */
function behave(
  response: ServerResponse,
  documented: () => Answer,
  behaviour: Behaviour = { kind: 'documented' },
): void {
  switch (behaviour.kind) {
    case 'documented':
      send(response, answered(documented));
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
      const whole = JSON.stringify(answered(documented).body);
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(whole) });
      response.write(whole.slice(0, whole.length / 2), () => response.destroy());
      break;
    }
    default:
      unreachable(behaviour);
  }
}

function send(response: ServerResponse, answer: Answer, headers: http.OutgoingHttpHeaders = {}): void {
  const asText = typeof answer.body === 'string';
  response.writeHead(answer.status, { 'Content-Type': asText ? 'text/html' : 'application/json', ...headers });
  response.end(asText ? answer.body : JSON.stringify(answer.body));
}

/** The vendor's sentence says "2 minutes"; a shorter window needs a smaller unit. */
function inWords(windowMs: number): string {
  const minutes = windowMs / 60_000;
  if (Number.isInteger(minutes)) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const seconds = Math.ceil(windowMs / 1000);
  return seconds === 1 ? '1 second' : `${seconds} seconds`;
}
