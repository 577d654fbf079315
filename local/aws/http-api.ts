import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf, eventOf, type HttpAnswer } from './http-api-event.ts';
import { decodePath, findRoute, type RouteKey } from './http-api-routes.ts';
import type { FunctionSpec, InvocationResult } from './lambda-process.ts';

/** An HTTP API of API Gateway with its `$default` stage, as the template describes them. */
export interface HttpApiSpec {
  readonly id: string;
  readonly routes: readonly HttpRouteSpec[];
  /** Of each route. */
  readonly throttle: Throttle;
}

export interface HttpRouteSpec {
  readonly key: RouteKey;
  readonly function: FunctionSpec;
  /** Longest wait for the function, in ms. */
  readonly timeoutMs: number;
}

/** A token bucket: a request takes a token, and without one it is refused. */
export interface Throttle {
  /** Tokens that come each second. */
  readonly ratePerS: number;
  /** Tokens there are at most, and at first. */
  readonly burst: number;
}

export type InvokeFunction = (spec: FunctionSpec, event: unknown) => Promise<InvocationResult>;

export interface HttpApisOptions {
  readonly accountId: string;
  /** How long a client may take to send a request, and to take the answer, in ms. */
  readonly patienceMs: number;
  /** ms since the epoch. Default: the system's. */
  readonly now?: () => number;
}

export interface HttpApis {
  /** Whether the request is for one, deployed or not. */
  takes(request: IncomingMessage): boolean;
  /** Never rejects. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Serves these from now on instead of those before. */
  deploy(apis: readonly HttpApiSpec[], invoke: InvokeFunction): void;
}

const PREFIX = '/_aws/execute-api/';

/** Under what path of the gateway an HTTP API is: emulators can't give it a host name of its own. */
export function httpApiPath(apiId: string): string {
  return `${PREFIX}${apiId}`;
}

/** Largest body, in bytes. */
const BODY_LIMIT = 10 * 1024 * 1024;

/** Largest sum of the request line and the headers' values, in bytes. */
const HEAD_LIMIT = 10_240;

/** API Gateway's own answers, in its words. */
const REFUSALS = {
  400: 'Bad Request',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Request Entity Too Large',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const;

interface DeployedRoute extends HttpRouteSpec {
  /** Takes a token, if there is one. */
  readonly admit: () => boolean;
}

/** API Gateway's HTTP APIs: hands requests to functions and their answers back, within its limits of size, rate and time. */
export function createHttpApis({ accountId, patienceMs, now = Date.now }: HttpApisOptions): HttpApis {
  let deployed: ReadonlyMap<string, readonly DeployedRoute[]> = new Map();
  let invoke: InvokeFunction | undefined;

  async function undefinedIfConditionFailed(request: IncomingMessage, requestId: string): Promise<HttpAnswer> {
    if (headSize(request) > HEAD_LIMIT) return refusal(431);
    const { apiId, rawPath, rawQuery } = addressed(request.url ?? '');
    const path = decodePath(rawPath);
    if (path === undefined) return refusal(400);
    const found = findRoute(deployed.get(apiId) ?? [], request.method ?? '', path);
    if (found === undefined || invoke === undefined) return refusal(404);
    const { route, pathParameters } = found;
    if (!route.admit()) return refusal(429);

    const receivedAt = now();
    const reading = await within(patienceMs, readBody(request));
    if (reading === 'late') return refusal(408, { connection: 'close' });
    if (reading === 'too large') return refusal(413);
    const event = eventOf({
      accountId,
      apiId,
      requestId,
      receivedAt,
      routeKey: route.key.text,
      path: path.text,
      pathParameters,
      rawQuery,
      body: reading,
      request,
    });
    const result = await within(route.timeoutMs, invoke(route.function, event));
    if (result === 'late') return refusal(503);
    return (result.kind === 'answered' ? answerOf(result.payload) : undefined) ?? refusal(500);
  }

  return {
    takes: ({ url = '' }) => url.startsWith(PREFIX),
    async serve(request, response) {
      const { socket } = request;
      const requestId = randomBytes(11).toString('base64');
      // It fails where the client has hung up.
      const answer = await undefinedIfConditionFailed(request, requestId).catch(() => refusal(500));
      send(response, { ...answer, headers: { ...answer.headers, 'apigw-requestid': requestId } });
      // What is left of a refused body is let in and dropped: a client that sends on does not miss the answer.
      request.resume();
      const impatience = setTimeout(() => socket.destroy(), patienceMs);
      await Promise.allSettled([finished(request), finished(response)]);
      clearTimeout(impatience);
    },
    deploy(apis, invokeFunction) {
      invoke = invokeFunction;
      deployed = new Map(
        apis.map(({ id, routes, throttle }) => [
          id,
          routes.map((route) => ({ ...route, admit: createBucket(throttle, now) })),
        ]),
      );
    },
  };
}

/** @returns function that takes a token and says whether there was one */
function createBucket({ ratePerS, burst }: Throttle, now: () => number): () => boolean {
  let tokens = burst;
  let filledAt = now();
  return () => {
    const elapsedS = Math.max(0, now() - filledAt) / 1000;
    tokens = Math.min(burst, tokens + elapsedS * ratePerS);
    filledAt = now();
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

function headSize({ method = '', url = '', httpVersion, rawHeaders }: IncomingMessage): number {
  const values = rawHeaders.filter((_, index) => index % 2 === 1);
  return [`${method} ${url} HTTP/${httpVersion}`, ...values].reduce((sum, text) => sum + text.length, 0);
}

function addressed(url: string): { apiId: string; rawPath: string; rawQuery: string } {
  const [path = '', ...query] = url.slice(PREFIX.length).split('?');
  const [apiId = '', ...segments] = path.split('/');
  return { apiId, rawPath: `/${segments.join('/')}`, rawQuery: query.join('?') };
}

async function readBody(request: IncomingMessage): Promise<Buffer | 'too large'> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_LIMIT) return 'too large';
  const chunks: Buffer[] = [];
  let size = 0;
  // Destroying the request would take the connection with it, and the answer has yet to go that way.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) return 'too large';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @param timeMs after which it is `late`, whatever still comes of it */
async function within<T>(timeMs: number, promise: Promise<T>): Promise<T | 'late'> {
  const settled = new AbortController();
  try {
    return await Promise.race([promise, sleep(timeMs, 'late' as const, { signal: settled.signal })]);
  } finally {
    settled.abort();
  }
}

function refusal(status: keyof typeof REFUSALS, headers: HttpAnswer['headers'] = {}): HttpAnswer {
  const body = JSON.stringify({ message: REFUSALS[status] });
  return { status, headers: { 'content-type': 'application/json', ...headers }, body };
}

function send(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(body);
}
