import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHttpApis, type HttpApiSpec, httpApiPath, type InvokeFunction } from '../../local/aws/http-api.ts';
import { readRouteKey } from '../../local/aws/http-api-routes.ts';
import type { FunctionSpec, InvocationResult } from '../../local/aws/lambda-process.ts';

const KEY = 'POST /{projectId}/{token}';
const MB = 1024 * 1024;
/** Of the API that tests are meant to wear out; the other one has plenty for a machine that is busy. */
const PATIENCE_MS = 300;
/** What is cut off for want of patience is so by then. */
const LIMIT_MS = 5_000;
const INTEGRATION_MS = 300;
const NOW = Date.UTC(2026, 6, 10, 19, 19, 5, 766);

const FUNCTION: FunctionSpec = {
  name: 'receive-webhook',
  arn: 'arn:aws:lambda:eu-west-3:000000000000:function:receive-webhook',
  codeDirectory: '/nowhere',
  handler: 'index.handler',
  timeoutS: 10,
  memoryMb: 128,
  environment: {},
  logGroup: '/log',
};
const API: HttpApiSpec = {
  id: 'Drop-Api',
  routes: [{ key: readRouteKey(KEY), function: FUNCTION, timeoutMs: 10_000 }],
  throttle: { ratePerS: 1_000, burst: 1_000 },
};
const BASE = httpApiPath(API.id);

let now = NOW;
function createServer(patienceMs: number) {
  const apis = createHttpApis({ accountId: '000000000000', patienceMs, now: () => now });
  // As in the gateway: the server itself gives requests all the time they want.
  const server = http.createServer({ requestTimeout: 0 }, (request, response) => void apis.serve(request, response));
  return { apis, server };
}
const { apis, server } = createServer(30_000);
const hasty = createServer(PATIENCE_MS);
let port: number;
let hastyPort: number;

const events: APIGatewayProxyEventV2[] = [];
let result: InvocationResult | Promise<InvocationResult>;
const invoke = vi.fn<InvokeFunction>(async (_, event) => {
  events.push(event as APIGatewayProxyEventV2);
  return result;
});
const answered = (payload: unknown): InvocationResult => ({ kind: 'answered', payload });

beforeAll(async () => {
  [port = 0, hastyPort = 0] = await Promise.all(
    [server, hasty.server].map(async (each) => {
      each.listen(0, '127.0.0.1');
      await once(each, 'listening');
      return (each.address() as net.AddressInfo).port;
    }),
  );
});
afterAll(async () => {
  for (const each of [server, hasty.server]) {
    each.closeAllConnections();
    each.close();
    await once(each, 'close');
  }
});
beforeEach(() => {
  events.length = 0;
  invoke.mockClear();
  now = NOW;
  result = answered({ statusCode: 204 });
  for (const each of [apis, hasty.apis]) each.deploy([API], invoke);
});

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}
interface Received {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** A request as it goes over the wire: `fetch` would tidy up the path. */
async function send({ method = 'POST', path = '/66b0/token', headers = {}, body }: Sent = {}): Promise<Received> {
  const request = http.request({ port, host: '127.0.0.1', method, path: `${BASE}${path}`, headers });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}
const statusAndMessage = ({ status, headers, body }: Received) => [
  status,
  headers['content-type'] === 'application/json' ? JSON.parse(body).message : body,
];

/** Opens a connection to the hasty API, writes the text and nothing more, and waits until the other side ends it. */
async function hold(head: string): Promise<{ received: string; ms: number }> {
  const socket = net.connect(hastyPort, '127.0.0.1');
  const start = Date.now();
  socket.write(head);
  // It may be reset: what came before that counts.
  const received = await new Promise<string>((resolve) => {
    let all = '';
    socket.on('data', (chunk) => {
      all += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(all));
  });
  return { received, ms: Date.now() - start };
}

describe('the event', () => {
  it('has the shape of payload format 2.0', async () => {
    const sent = await send({
      path: '/66b0/s3cret%20%C3%A4?a=1&b=x%2Fy+z&a=2',
      headers: {
        'Content-Type': 'application/json; charset=utf-8',
        'User-Agent': 'Streampixel/1',
        'X-Twice': ['first', 'second'],
        Cookie: 'session=abc; theme=dark',
        Host: 'drop.example:4566',
      },
      body: '{"event":"build.approved","ü":"λ"}',
    });
    expect(sent.status).toBe(204);
    expect(invoke.mock.calls[0]?.[0]).toBe(FUNCTION);
    expect(events).toEqual([
      {
        version: '2.0',
        routeKey: KEY,
        rawPath: '/66b0/s3cret ä',
        rawQueryString: 'a=1&b=x%2Fy+z&a=2',
        cookies: ['session=abc', 'theme=dark'],
        headers: {
          connection: 'keep-alive',
          'content-length': '36',
          'content-type': 'application/json; charset=utf-8',
          host: 'drop.example:4566',
          'user-agent': 'Streampixel/1',
          'x-twice': 'first,second',
        },
        queryStringParameters: { a: '1,2', b: 'x/y z' },
        pathParameters: { projectId: '66b0', token: 's3cret ä' },
        requestContext: {
          accountId: '000000000000',
          apiId: 'Drop-Api',
          domainName: 'drop.example',
          domainPrefix: 'drop',
          http: {
            method: 'POST',
            path: '/66b0/s3cret ä',
            protocol: 'HTTP/1.1',
            sourceIp: '127.0.0.1',
            userAgent: 'Streampixel/1',
          },
          requestId: sent.headers['apigw-requestid'],
          routeKey: KEY,
          stage: '$default',
          time: '10/Jul/2026:19:19:05 +0000',
          timeEpoch: NOW,
        },
        body: '{"event":"build.approved","ü":"λ"}',
        isBase64Encoded: false,
      },
    ]);
  });

  it.each<[string, string | undefined, boolean]>([
    ['JSON', 'application/json', false],
    ['JSON in capitals', 'Application/JSON;charset=utf-8', false],
    ['XML', 'application/xml', false],
    ['JavaScript', 'application/javascript', false],
    ['any text', 'text/csv', false],
    ['a form', 'application/x-www-form-urlencoded', true],
    ['a kind of JSON', 'application/vnd.api+json', true],
    ['what only starts like JSON', 'application/jsonp', true],
    ['what only speaks of text', 'multipart/mixed; type=text/plain', true],
    ['bytes', 'application/octet-stream', true],
    ['no type', undefined, true],
  ])('has %s as text or in base64, as AWS has it', async (_, type, isBase64Encoded) => {
    await send({ headers: type === undefined ? {} : { 'content-type': type }, body: 'häh?' });
    const body = isBase64Encoded ? Buffer.from('häh?').toString('base64') : 'häh?';
    expect(events).toMatchObject([{ body, isBase64Encoded }]);
  });

  it('has in base64 what is no text, whatever it is called', async () => {
    const body = gzipSync('{"event":"build.approved"}');
    await send({ headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body });
    expect(events).toMatchObject([{ body: body.toString('base64'), isBase64Encoded: true }]);
  });

  it('has neither body nor parameters of a query where there are none', async () => {
    await send({ headers: { 'content-type': 'application/octet-stream' } });
    expect(events).toMatchObject([{ rawQueryString: '', isBase64Encoded: false }]);
    expect(events[0]).not.toHaveProperty('body');
    expect(events[0]).not.toHaveProperty('queryStringParameters');
    expect(events[0]).not.toHaveProperty('cookies');
  });
});

describe('the answer', () => {
  it("is the function's", async () => {
    result = answered({
      statusCode: 418,
      headers: { 'X-Tea': 'green', 'X-Count': 3, 'Content-Type': 'text/css' },
      cookies: ['a=1; Secure', 'b=2'],
      body: 'short and stout ü',
    });
    expect(await send()).toMatchObject({
      status: 418,
      body: 'short and stout ü',
      headers: {
        'x-tea': 'green',
        'x-count': '3',
        'content-type': 'text/css',
        'content-length': '18',
        'set-cookie': ['a=1; Secure', 'b=2'],
        'apigw-requestid': expect.stringMatching(/^[\w+/]{15}=$/),
      },
    });
  });

  it('is bytes where it says so', async () => {
    result = answered({ statusCode: 200, body: Buffer.from('bytes').toString('base64'), isBase64Encoded: true });
    expect((await send()).body).toBe('bytes');
  });

  it.each([
    ['an object', { ok: true }, '{"ok":true}'],
    ['a list', [1], '[1]'],
    ['text', 'Hello', 'Hello'],
    ['nothing', null, 'null'],
  ])('is 200 with %s if there is no status', async (_, payload, body) => {
    result = answered(payload);
    expect(await send()).toMatchObject({ status: 200, body, headers: { 'content-type': 'application/json' } });
  });

  it('has the length of its body, whatever the function says, and keeps the connection as it is', async () => {
    const headers = { 'Content-Length': '2', 'Transfer-Encoding': 'chunked', Connection: 'close' };
    result = answered({ statusCode: 200, headers, body: 'longer' });
    const received = await send();
    expect(received).toMatchObject({ body: 'longer', headers: { 'content-length': '6', connection: 'keep-alive' } });
    expect(received.headers).not.toHaveProperty('transfer-encoding');
  });

  it.each<[string, unknown]>([
    ['a status that is text', { statusCode: '200' }],
    ['a status that is none', { statusCode: 42 }],
    ['a status that only announces an answer', { statusCode: 101 }],
    ['a status with a fraction', { statusCode: 200.5 }],
    ['a body that is no text', { statusCode: 200, body: { ok: true } }],
    ['headers that are none', { statusCode: 200, headers: 'none' }],
    ['a header with a line break', { statusCode: 200, headers: { 'x-a': 'b\r\nSet-Cookie: c=d' } }],
    ['a name with a space', { statusCode: 200, headers: { 'x a': 'b' } }],
    ['a cookie with a line break', { statusCode: 200, cookies: ['a=b\r\nx-c: d'] }],
  ])('is 500 for one with %s', async (_, payload) => {
    result = answered(payload);
    const received = await send();
    expect(statusAndMessage(received)).toEqual([500, 'Internal Server Error']);
    expect(received.headers).not.toHaveProperty('set-cookie');
  });

  it('is 500 if the function fails, without a word of why', async () => {
    result = { kind: 'failed', errorType: 'Error', errorMessage: 'sp-secret' };
    expect(statusAndMessage(await send())).toEqual([500, 'Internal Server Error']);
  });

  it('is 500 if the function can not even be invoked', async () => {
    invoke.mockRejectedValueOnce(new Error('no process'));
    expect(statusAndMessage(await send())).toEqual([500, 'Internal Server Error']);
  });

  it('is 503 if the function takes longer than the integration allows', async () => {
    apis.deploy([{ ...API, routes: API.routes.map((route) => ({ ...route, timeoutMs: INTEGRATION_MS })) }], invoke);
    result = new Promise(() => {});
    const start = Date.now();
    expect(statusAndMessage(await send())).toEqual([503, 'Service Unavailable']);
    expect(Date.now() - start).toBeGreaterThanOrEqual(INTEGRATION_MS - 5);
  });
});

describe('a request that no route takes', () => {
  it.each<[string, Sent]>([
    ['another method', { method: 'GET' }],
    ['a method made up', { method: 'PROPFIND' }],
    ['HEAD', { method: 'HEAD' }],
    ['the root', { path: '/' }],
    ['no path', { path: '' }],
    ['the name of a stage in front', { path: '/$default/66b0/token' }],
    ['an encoded slash', { path: '/66b0/to%2Fken' }],
    ['a way out of the API', { path: '/../../drop/key' }],
    ['an encoded way out', { path: '/%2e%2e%2f%2e%2e%2fdrop' }],
    ['another API', { path: 'x/66b0/token' }],
  ])('gets 404 and wakes no function: %s', async (_, sent) => {
    const received = await send(sent);
    expect(received.status).toBe(404);
    if (sent.method !== 'HEAD') expect(received.body).toBe('{"message":"Not Found"}');
    expect(invoke).not.toHaveBeenCalled();
  });

  it('gets 404 as long as nothing is deployed', async () => {
    apis.deploy([], invoke);
    expect(statusAndMessage(await send())).toEqual([404, 'Not Found']);
  });

  it('gets 400 for a path that is none', async () => {
    expect(statusAndMessage(await send({ path: '/66b0/%zz' }))).toEqual([400, 'Bad Request']);
    expect(invoke).not.toHaveBeenCalled();
  });

  it('is still answered if it has a body, and the next one on the connection, too', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const options = { agent, port, host: '127.0.0.1', method: 'POST' };
    const sockets = new Set<unknown>();
    for (const [path, status] of [
      ['/nothing', 404],
      ['/66b0/token', 204],
    ] as const) {
      const request = http.request({ ...options, path: `${BASE}${path}` });
      request.end(Buffer.alloc(3 * MB));
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      sockets.add(request.socket);
      response.resume();
      await once(response, 'end');
      expect(response.statusCode).toBe(status);
    }
    expect(sockets.size).toBe(1);
    agent.destroy();
  });
});

describe('a request that is too large', () => {
  const json = { 'content-type': 'application/json' };

  it('is not one with 10 MB', async () => {
    expect((await send({ headers: json, body: Buffer.alloc(10 * MB, 'x') })).status).toBe(204);
    expect(events[0]?.body?.length).toBe(10 * MB);
  });

  it('gets 413 with a byte more, and wakes no function', async () => {
    const received = await send({ headers: json, body: Buffer.alloc(10 * MB + 1, 'x') });
    expect(statusAndMessage(received)).toEqual([413, 'Request Entity Too Large']);
    expect(invoke).not.toHaveBeenCalled();
  });

  it('gets 413 as soon as that is known: by its length, before it has come', async () => {
    const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: `${BASE}/66b0/token` });
    request.setHeader('content-length', 10 * MB + 1);
    request.flushHeaders();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(response.statusCode).toBe(413);
    request.on('error', () => {});
    request.destroy();
  });

  it('gets 413 without a length, too: as soon as there is too much, and then the rest is let in', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const options = { agent, port, host: '127.0.0.1', method: 'POST', path: `${BASE}/66b0/token` };
    const request = http.request(options);
    request.setHeader('transfer-encoding', 'chunked');
    request.write(Buffer.alloc(10 * MB));
    request.write('x');
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect([response.statusCode, await text(response)]).toEqual([413, '{"message":"Request Entity Too Large"}']);
    expect(invoke).not.toHaveBeenCalled();
    request.end(Buffer.alloc(10 * MB));
    const next = http.request(options);
    next.end();
    const [answer] = (await once(next, 'response')) as [http.IncomingMessage];
    expect(answer.statusCode).toBe(204);
    expect(next.socket).toBe(request.socket);
    agent.destroy();
  });

  it.each<[string, http.OutgoingHttpHeaders]>([
    ['one large header', { 'x-flood': 'x'.repeat(10_200) }],
    ['many headers', Object.fromEntries(Array.from({ length: 110 }, (_, i) => [`x-${i}`, 'x'.repeat(100)]))],
  ])('gets 431 for %s', async (_, headers) => {
    expect(statusAndMessage(await send({ headers }))).toEqual([431, 'Request Header Fields Too Large']);
    expect(invoke).not.toHaveBeenCalled();
  });

  it('gets 431 for a long path, and not for one that fits', async () => {
    expect((await send({ path: `/66b0/${'x'.repeat(10_200)}` })).status).toBe(431);
    expect((await send({ path: `/66b0/${'x'.repeat(9_900)}` })).status).toBe(204);
  });

  it('is cut off where its head does not end, and takes no one else with it', async () => {
    const { received } = await hold(`POST ${BASE}/66b0/token HTTP/1.1\r\nHost: x\r\n${'x-a: b\r\n'.repeat(20_000)}`);
    expect(received).toMatch(/^HTTP\/1.1 431 /);
    expect((await send()).status).toBe(204);
  });
});

describe('a client that does not finish', () => {
  const head = (length: number) => `POST ${BASE}/66b0/token HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;

  it('gets 408 and is cut off, and wakes no function', async () => {
    const { received, ms } = await hold(`${head(100)}{"half`);
    expect(received).toMatch(/^HTTP\/1.1 408 /);
    expect(received).toMatch(/^connection: close\r$/im);
    expect(received).toContain('{"message":"Request Timeout"}');
    expect(ms).toBeLessThan(LIMIT_MS);
    expect(invoke).not.toHaveBeenCalled();
  });

  it('gains no time by sending a byte now and then', async () => {
    const socket = net.connect(hastyPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.write(head(1_000));
    const drip = setInterval(() => socket.write('x'), PATIENCE_MS / 8);
    const start = Date.now();
    await new Promise((resolve) => socket.on('close', resolve));
    clearInterval(drip);
    expect(Date.now() - start).toBeLessThan(LIMIT_MS);
    expect(invoke).not.toHaveBeenCalled();
  });

  it.each([
    ['too large', head(11 * MB)],
    ['for no route', head(100).replace('66b0', 'x/66b0')],
  ])('is cut off after its answer, if it was refused as %s', async (_, sent) => {
    const { received, ms } = await hold(`${sent}x`);
    expect(received).toMatch(/^HTTP\/1.1 4(04|13) /);
    expect(ms).toBeGreaterThanOrEqual(PATIENCE_MS - 5);
    expect(ms).toBeLessThan(LIMIT_MS);
  });

  it('is cut off, too, if it does not take the answer', async () => {
    result = answered({ statusCode: 200, body: 'x'.repeat(30 * MB) });
    const accepted = once(hasty.server, 'connection') as Promise<[net.Socket]>;
    const socket = net.connect(hastyPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.pause();
    socket.write(head(0));
    const [connection] = await accepted;
    const start = Date.now();
    await once(connection, 'close');
    expect(Date.now() - start).toBeLessThan(LIMIT_MS);
    expect(invoke).toHaveBeenCalledTimes(1);
    socket.destroy();
  });

  it('may hang up in the middle without harm', async () => {
    const socket = net.connect(port, '127.0.0.1');
    socket.write(`${head(100)}{"half`);
    await once(socket, 'connect');
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
    await once(socket, 'close');
    expect((await send()).status).toBe(204);
    expect(invoke).toHaveBeenCalledTimes(1);
  });
});

describe('a throttled API', () => {
  const statuses = async (count: number) => {
    const all: number[] = [];
    for (let sent = 0; sent < count; sent++) all.push((await send()).status);
    return all;
  };

  it('takes as many at once as its burst, then as many as its rate, and wakes no function for the rest', async () => {
    apis.deploy([{ ...API, throttle: { ratePerS: 2, burst: 3 } }], invoke);
    expect(await statuses(5)).toEqual([204, 204, 204, 429, 429]);
    now += 499;
    expect(await statuses(1)).toEqual([429]);
    now += 1;
    expect(await statuses(2)).toEqual([204, 429]);
    now += 3_600_000;
    expect(await statuses(4)).toEqual([204, 204, 204, 429]);
    expect(invoke).toHaveBeenCalledTimes(7);
  });

  it("says so in API Gateway's words", async () => {
    apis.deploy([{ ...API, throttle: { ratePerS: 0, burst: 0 } }], invoke);
    expect(statusAndMessage(await send({ body: 'x' }))).toEqual([429, 'Too Many Requests']);
  });

  it('gives no token for a clock that is set back', async () => {
    apis.deploy([{ ...API, throttle: { ratePerS: 1, burst: 1 } }], invoke);
    expect(await statuses(1)).toEqual([204]);
    now -= 60_000;
    expect(await statuses(1)).toEqual([429]);
    now += 1_000;
    expect(await statuses(2)).toEqual([204, 429]);
  });

  it('loses no token to a request that no route takes', async () => {
    apis.deploy([{ ...API, throttle: { ratePerS: 0, burst: 1 } }], invoke);
    expect((await send({ path: '/nothing' })).status).toBe(404);
    expect(await statuses(2)).toEqual([204, 429]);
  });

  it('counts each route by itself', async () => {
    const route = { key: readRouteKey('POST /health'), function: FUNCTION, timeoutMs: 10_000 };
    apis.deploy([{ ...API, routes: [...API.routes, route], throttle: { ratePerS: 0, burst: 1 } }], invoke);
    expect(await statuses(2)).toEqual([204, 429]);
    expect((await send({ path: '/health' })).status).toBe(204);
  });
});

describe('a deployment', () => {
  it('takes the place of the one before', async () => {
    const other = { ...FUNCTION, name: 'other' };
    apis.deploy([{ ...API, routes: [{ key: readRouteKey('GET /'), function: other, timeoutMs: 1_000 }] }], invoke);
    expect((await send()).status).toBe(404);
    expect((await send({ method: 'GET', path: '/' })).status).toBe(204);
    expect(invoke.mock.calls.map(([spec]) => spec.name)).toEqual(['other']);
  });
});
