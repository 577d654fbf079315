import { isUtf8 } from 'node:buffer';
import { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';

/** A request to an HTTP API, with what API Gateway knows of it besides. */
export interface ApiRequest {
  readonly accountId: string;
  readonly apiId: string;
  readonly requestId: string;
  /** ms since the epoch. */
  readonly receivedAt: number;
  readonly routeKey: string;
  /** Decoded. */
  readonly path: string;
  readonly pathParameters: Readonly<Record<string, string>>;
  /** As it came, without the question mark. */
  readonly rawQuery: string;
  readonly body: Buffer;
  readonly request: IncomingMessage;
}

/** What the client is sent. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Buffer;
}

/** The event that the function is invoked with, in payload format 2.0. */
export function eventOf(api: ApiRequest): APIGatewayProxyEventV2 {
  const { body, path, pathParameters, rawQuery, request, routeKey } = api;
  const { cookie, ...headers } = request.headersDistinct;
  // What is no text, such as JSON as gzip, can't be handed over as one.
  const isText = TEXT.test(request.headers['content-type'] ?? '') && isUtf8(body);
  const domainName = (request.headers.host ?? '').split(':')[0] ?? '';
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: rawQuery,
    ...(cookie === undefined ? {} : { cookies: cookie.flatMap((line) => line.split(/; */)) }),
    headers: joined(headers),
    ...(rawQuery === '' ? {} : { queryStringParameters: joined(valuesOf(rawQuery)) }),
    ...(Object.keys(pathParameters).length === 0 ? {} : { pathParameters }),
    requestContext: {
      accountId: api.accountId,
      apiId: api.apiId,
      domainName,
      domainPrefix: domainName.split('.')[0] ?? '',
      http: {
        method: request.method ?? '',
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId: api.requestId,
      routeKey,
      stage: '$default',
      time: logTime(new Date(api.receivedAt)),
      timeEpoch: api.receivedAt,
    },
    ...(body.length === 0 ? {} : { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

/**
 * Content types whose bodies reach the function as text; a form's does not, and neither does one without a type. AWS does
 * not list them; seen by the authors of github.com/ministackorg/ministack, pull request 766.
 */
const TEXT = /^(text\/|application\/(json|xml|javascript)\s*(;|$))/i;

/** What stands more than once is one text, with commas. */
function joined(values: Readonly<Record<string, readonly string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, each = []]) => [name, each.join(',')]));
}

function valuesOf(rawQuery: string): Record<string, string[]> {
  const query = new URLSearchParams(rawQuery);
  return Object.fromEntries([...query.keys()].map((name) => [name, query.getAll(name)]));
}

/** Such as `10/Jul/2026:19:19:05 +0000`. */
function logTime(date: Date): string {
  const [, day, month, year, time] = date.toUTCString().split(' ');
  return `${day}/${month}/${year}:${time} +0000`;
}

/** Headers that are about one connection, or about a body in the form that it had before. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * What API Gateway makes of a function's answer. One without a status is the body itself.
 *
 * @returns `undefined` for one that makes no sense
 */
export function answerOf(payload: unknown): HttpAnswer | undefined {
  if (typeof payload !== 'object' || payload === null || !('statusCode' in payload)) {
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload ?? null);
    return { status: 200, headers: { 'content-type': 'application/json' }, body };
  }
  const { statusCode, headers = {}, cookies = [], body = '', isBase64Encoded } = payload as Record<string, unknown>;
  // 1xx is no answer but the announcement of one.
  if (typeof statusCode !== 'number' || !Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) {
    return undefined;
  }
  if (typeof headers !== 'object' || headers === null || !Array.isArray(cookies) || typeof body !== 'string') {
    return undefined;
  }
  const sent = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), String(value)] as const)
    .filter(([name]) => !OWN_HEADERS.has(name));
  const setCookies = cookies.map(String);
  if (!areValid([...sent, ...setCookies.map((cookie) => ['set-cookie', cookie] as const)])) return undefined;
  return {
    status: statusCode,
    headers: {
      'content-type': 'text/plain;charset=UTF-8',
      ...Object.fromEntries(sent),
      ...(setCookies.length === 0 ? {} : { 'set-cookie': setCookies }),
    },
    body: isBase64Encoded === true ? Buffer.from(body, 'base64') : body,
  };
}

function areValid(headers: readonly (readonly [string, string])[]): boolean {
  try {
    for (const [name, value] of headers) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
    return true;
  } catch {
    return false;
  }
}
