import { gzipSync } from 'node:zlib';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHttpApis, type HttpApiSpec, httpApiPath } from '../../local/aws/http-api.ts';
import type { FunctionSpec, InvocationResult } from '../../local/aws/lambda-process.ts';
import { listenOnLoopback } from '../../local/loopback-server.ts';
import { eventually } from './eventually.ts';

const FUNCTION = { name: 'receive-webhook' } as FunctionSpec;
const API: HttpApiSpec = {
  id: 'Drop-Api',
  routes: [{ key: 'POST /{projectId}/{token}', function: FUNCTION }],
  throttle: { ratePerS: 1_000, burst: 1_000 },
};

const apis = createHttpApis();
let server: Awaited<ReturnType<typeof listenOnLoopback>>;
let base: string;
let result: InvocationResult;
const events: APIGatewayProxyEventV2[] = [];

beforeAll(async () => {
  server = await listenOnLoopback(apis.serve);
  base = `${server.url}${httpApiPath(API.id)}`;
});
afterAll(() => server.close());
beforeEach(() => {
  events.length = 0;
  result = { kind: 'answered', payload: { statusCode: 200, headers: { 'content-type': 'text/x' }, body: 'Received' } };
  deploy(API);
});

function deploy(...specs: HttpApiSpec[]): void {
  apis.deploy(specs, async (_, event) => {
    events.push(event as APIGatewayProxyEventV2);
    return result;
  });
}
async function send(path: string, options: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(`${base}${path}`, { method: 'POST', ...options });
  return [response.status, await response.text()];
}
const NOT_FOUND = [404, '{"message":"Not Found"}'];
const INTERNAL_ERROR = [500, '{"message":"Internal Server Error"}'];

describe('an HTTP API', () => {
  it('invokes the function of the route with an event of payload format 2.0, and returns its answer', async () => {
    const response = await fetch(`${base}/66b0/t0ken?a=1&b=x%2Fy`, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'Streampixel/1' },
      body: '{"event":"build.approved","ü":"λ"}',
    });
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'text/x',
      'Received',
    ]);
    expect(events).toMatchObject([
      {
        version: '2.0',
        routeKey: 'POST /{projectId}/{token}',
        rawPath: '/66b0/t0ken',
        rawQueryString: 'a=1&b=x%2Fy',
        queryStringParameters: { a: '1', b: 'x/y' },
        pathParameters: { projectId: '66b0', token: 't0ken' },
        headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'Streampixel/1' },
        requestContext: {
          apiId: 'Drop-Api',
          http: { method: 'POST', path: '/66b0/t0ken', userAgent: 'Streampixel/1', sourceIp: '127.0.0.1' },
        },
        body: '{"event":"build.approved","ü":"λ"}',
        isBase64Encoded: false,
      },
    ]);
  });

  it('passes what is not text as base64, whatever its type', async () => {
    const body = gzipSync('{"event":"build.approved"}');
    await send('/66b0/t0ken', { headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body });
    expect(events).toMatchObject([{ body: body.toString('base64'), isBase64Encoded: true }]);
  });

  it('passes bodies of other types as base64', async () => {
    await send('/66b0/t0ken', { headers: { 'content-type': 'application/octet-stream' }, body: 'zip' });
    expect(events).toMatchObject([{ body: Buffer.from('zip').toString('base64'), isBase64Encoded: true }]);
  });

  it.each<[string, string, RequestInit]>([
    ['another method', '/66b0/t0ken', { method: 'PUT' }],
    ['a longer path', '/66b0/t0ken/more', {}],
    ['a shorter path', '/66b0', {}],
    ['an empty variable', '/66b0/', {}],
    ['another API', '/../Other-Api/66b0/t0ken', {}],
  ])('has no route for %s', async (_, path, options) => {
    expect(await send(path, options)).toEqual(NOT_FOUND);
    expect(events).toEqual([]);
  });

  it('is that of the latest deployment', async () => {
    deploy({ ...API, routes: [{ key: 'POST /hooks/{token}', function: FUNCTION }] });
    expect(await send('/66b0/t0ken')).toEqual(NOT_FOUND);
    expect((await send('/hooks/t0ken'))[0]).toBe(200);
  });

  it('refuses a body over 10 MB', async () => {
    expect(await send('/66b0/t0ken', { body: 'x'.repeat(10 * 1024 * 1024 + 1) })).toEqual([
      413,
      '{"message":"Request Entity Too Large"}',
    ]);
    expect(events).toEqual([]);
  });

  it('refuses what is more than its burst, until its rate has made room', async () => {
    deploy({ ...API, throttle: { ratePerS: 0, burst: 2 } });
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await send('/66b0/t0ken'))[0]);
    expect(statuses).toEqual([200, 200, 429]);
    deploy({ ...API, throttle: { ratePerS: 100, burst: 1 } });
    for (let n = 0; n < 3; n++) await eventually(async () => expect((await send('/66b0/t0ken'))[0]).toBe(200));
  });

  it.each<[string, InvocationResult]>([
    ['fails', { kind: 'failed', errorType: 'Error', errorMessage: 'broken' }],
    ['returns nothing', { kind: 'answered', payload: null }],
    ['returns no status', { kind: 'answered', payload: { body: 'x' } }],
  ])('answers 500 where the function %s', async (_, failing) => {
    result = failing;
    expect(await send('/66b0/t0ken')).toEqual(INTERNAL_ERROR);
  });
});
