import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { LOCAL_ACCOUNT_ID } from './account.ts';
import type { FunctionSpec, InvocationResult } from './lambda-process.ts';

/** An HTTP API of API Gateway with its `$default` stage, as the template describes it. */
export interface HttpApiSpec {
  readonly id: string;
  readonly routes: readonly HttpRouteSpec[];
  readonly throttle: Throttle;
}

export interface HttpRouteSpec {
  /** Method and path, such as `POST /{projectId}/{token}`. */
  readonly key: string;
  readonly function: FunctionSpec;
}

/** A token bucket: a request takes a token, and is refused where there is none. */
export interface Throttle {
  /** Tokens that are added each second. */
  readonly ratePerS: number;
  /** Tokens there are at most, and at first. */
  readonly burst: number;
}

export type InvokeFunction = (spec: FunctionSpec, event: unknown) => Promise<InvocationResult>;

const PREFIX = '/_aws/execute-api/';

/** The path of an HTTP API on the gateway: locally it has no host name of its own. */
export function httpApiPath(apiId: string): string {
  return `${PREFIX}${apiId}`;
}

/** API Gateway's own limit, in bytes. */
const LONGEST_BODY = 10 * 1024 * 1024;

/** Content types whose bodies reach the function as text; others are base64. */
const TEXT = /^(text\/|application\/(json|xml|javascript)\s*(;|$))/i;

/** API Gateway's own answers, in its words. */
const REFUSALS = {
  404: 'Not Found',
  413: 'Request Entity Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
} as const;

interface DeployedRoute extends HttpRouteSpec {
  readonly method: string;
  readonly pattern: URLPattern;
  readonly takeToken: () => boolean;
}

/** Hands requests to the functions behind the routes, and their answers back. */
export function createHttpApis() {
  let routes: readonly DeployedRoute[] = [];
  let invoke: InvokeFunction | undefined;

  async function answerTo(request: IncomingMessage): Promise<APIGatewayProxyStructuredResultV2> {
    const url = new URL(request.url ?? '', 'http://gateway');
    const body = await buffer(request);
    const route = routes.find(({ method, pattern }) => method === request.method && pattern.test(url));
    if (route === undefined || invoke === undefined) return refusal(404);
    if (body.length > LONGEST_BODY) return refusal(413);
    if (!route.takeToken()) return refusal(429);
    const { groups = {} } = route.pattern.exec(url)?.pathname ?? {};
    const result = await invoke(route.function, eventOf(request, route.key, url, groups, body));
    const answer = result.kind === 'answered' ? (result.payload as APIGatewayProxyStructuredResultV2 | null) : null;
    return typeof answer?.statusCode === 'number' ? answer : refusal(500);
  }

  return {
    /** Whether the request is for an HTTP API, whether or not it exists. */
    takes: ({ url = '' }: IncomingMessage): boolean => url.startsWith(PREFIX),
    async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const { statusCode = 200, headers = {}, body = '' } = await answerTo(request);
      response.writeHead(statusCode, headers as Record<string, string>).end(body);
    },
    /** Replaces the APIs of an earlier deployment. */
    deploy(apis: readonly HttpApiSpec[], invokeFunction: InvokeFunction): void {
      invoke = invokeFunction;
      routes = apis.flatMap(({ id, routes: specs, throttle }) => specs.map((spec) => deployed(spec, id, throttle)));
    },
  };
}

function deployed(spec: HttpRouteSpec, apiId: string, throttle: Throttle): DeployedRoute {
  const [method = '', path = ''] = spec.key.split(' ');
  const pattern = new URLPattern({ pathname: `${httpApiPath(apiId)}${path.replaceAll(/\{(\w+)\}/g, ':$1')}` });
  return { ...spec, method, pattern, takeToken: createBucket(throttle) };
}

/** @returns function that takes a token and says whether there was one */
function createBucket({ ratePerS, burst }: Throttle): () => boolean {
  let tokens = burst;
  let filledAt = Date.now();
  return () => {
    const now = Date.now();
    tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * ratePerS);
    filledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

/** The event of a request in payload format 2.0, with the fields that a function may need. */
function eventOf(
  request: IncomingMessage,
  routeKey: string,
  url: URL,
  pathParameters: Readonly<Record<string, string | undefined>>,
  body: Buffer,
): object {
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const { 'user-agent': userAgent = '', 'content-type': contentType = '' } = headers;
  // JSON as gzip, say, is not text whatever its type.
  const isText = TEXT.test(contentType) && isUtf8(body);
  const [, , , apiId = '', ...path] = url.pathname.split('/');
  const rawPath = `/${path.join('/')}`;
  return {
    version: '2.0',
    routeKey,
    rawPath,
    rawQueryString: url.search.slice(1),
    headers,
    queryStringParameters: Object.fromEntries(url.searchParams),
    pathParameters,
    requestContext: {
      accountId: LOCAL_ACCOUNT_ID,
      apiId,
      http: { method: request.method ?? '', path: rawPath, sourceIp: request.socket.remoteAddress ?? '', userAgent },
      requestId: randomUUID(),
      routeKey,
      stage: '$default',
      timeEpoch: Date.now(),
    },
    body: body.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  };
}

function refusal(statusCode: keyof typeof REFUSALS): APIGatewayProxyStructuredResultV2 {
  const body = JSON.stringify({ message: REFUSALS[statusCode] });
  return { statusCode, headers: { 'content-type': 'application/json' }, body };
}
