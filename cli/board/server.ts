import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { releaseMode } from '../../functions/domain/model/route.ts';
import { expectationFrom } from '../builds/expected.ts';
import { afterSubmission } from '../builds/status-display.ts';
import { OperatorError, usageError } from '../operator-error.ts';
import { keyParameters } from '../stack/api-keys.ts';
import { explained } from '../stack/aws-errors.ts';
import type { Stack } from '../stack/stack.ts';
import { type Answer, apiError, BodyTooLarge, sendJson, statusFor } from './answers.ts';
import type { BuildsQuery, Hello } from './board-api.ts';
import { logGroupOf, readBuilds, readDetail } from './build-detail.ts';
import { createFeed, write } from './feed.ts';
import { boardFiles } from './files.ts';
import { ANSWER_HEADERS, createGuard } from './guard.ts';
import { DASHBOARD } from './summary.ts';

export interface BoardOptions {
  /** On 127.0.0.1; 0 for one that the system chooses. */
  readonly port?: number;
  /** Only look: every action is refused. */
  readonly readOnly?: boolean;
  /** Gets the address to open. It lets one browser in; when another one tries it later, a new address. */
  readonly onAddress: (address: string, isFirst: boolean) => void;
}

export type Board = Awaited<ReturnType<typeof startBoard>>;

/** Pages that may be open at a time. */
const MOST_PAGES = 32;
const VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
const CLIENT = /^[A-Za-z0-9]{8,64}$/;

/**
 * Serves the board on the loopback interface, with the AWS rights of `stack`.
 *
 * @throws Error with code `EADDRINUSE` where the port is taken
 */
export async function startBoard(stack: Stack, { onAddress, port = 0, readOnly = false }: BoardOptions) {
  const files = boardFiles();
  const feed = createFeed(stack, readOnly);
  const logGroup = logGroupOf(stack);

  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(ANSWER_HEADERS)) response.setHeader(name, value);
    const { headers, method = '', url = '' } = request;
    const admission = guard.admit({ headers, method, url });
    switch (admission.kind) {
      case 'admitted':
        handle(request, response).catch(() => response.destroy());
        return;
      case 'enter':
        response.setHeader('Set-Cookie', admission.cookie);
        if (admission.isLinked) response.writeHead(200, { Refresh: '0; url=/' }).end();
        else response.writeHead(303, { Location: '/' }).end();
        return;
      case 'spent':
        onAddress(guard.address, false);
        forbid(request, response);
        return;
      case 'forbidden':
        forbid(request, response);
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const guard = createGuard((server.address() as AddressInfo).port);
  onAddress(guard.address, true);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search, searchParams } = new URL(request.url ?? '', guard.origin);
    if (!pathname.startsWith('/api/')) {
      sendFile(request, response, pathname, search);
      return;
    }
    try {
      const { body, status } = await answerTo(request, response, pathname, searchParams);
      if (!response.headersSent) {
        if (body === undefined) response.writeHead(status).end();
        else sendJson(response, status, body);
      }
    } catch (error) {
      if (response.headersSent) throw error;
      if (error instanceof BodyTooLarge) {
        response.writeHead(413, { Connection: 'close' }).end();
        return;
      }
      const known = explained(error);
      sendJson(response, statusFor(known), apiError(known, stack.commands));
    }
    // What is left of a body would be taken for the next request.
    if (!request.complete) request.destroy();
  }

  function sendFile(request: IncomingMessage, response: ServerResponse, pathname: string, search: string): void {
    const file = files.get(pathname);
    if (request.method !== 'GET' || file === undefined) {
      response.writeHead(404).end();
    } else if (pathname === '/' && search !== '') {
      // The address with a token that counted before, in the browser that it let in.
      response.writeHead(303, { Location: '/' }).end();
    } else {
      response.writeHead(200, { 'Content-Type': file.type, 'Content-Length': file.content.length }).end(file.content);
    }
  }

  async function answerTo(
    request: IncomingMessage,
    response: ServerResponse,
    pathname: string,
    query: URLSearchParams,
  ): Promise<Answer> {
    const context = { readOnly, expectedAt: expectationFrom(feed.known()) };
    if (request.method === 'GET') {
      switch (pathname) {
        case '/api/events':
          openEvents(response, query.get('client') ?? '');
          return { status: 200 };
        case '/api/builds':
          return { status: 200, body: await readBuilds(stack, Object.fromEntries(query) as BuildsQuery, context) };
        case '/api/build':
          return {
            status: 200,
            body: await readDetail(stack, feed.known(), query.get('id') ?? '', readOnly, logGroup),
          };
      }
    }
    return { status: 404 };
  }

  function openEvents(response: ServerResponse, client: string): void {
    if (!CLIENT.test(client)) throw usageError('client must be 8 to 64 letters and digits.', 'Reload the page.');
    if (feed.size >= MOST_PAGES) {
      throw new OperatorError('TooManyPages', `${MOST_PAGES} pages are open.`, 'Close some, then reload this one.');
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    write(response, 'hello', JSON.stringify(hello(stack, readOnly)));
    feed.add(response, client);
  }

  return {
    /** Without the token. */
    url: guard.origin,
    async close(): Promise<void> {
      await feed.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Whoever it is learns nothing. */
function forbid(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(403, { Connection: 'close' }).end();
  request.resume();
}

function hello({ bucket, isLocal, name, region, settings }: Stack, readOnly: boolean): Hello {
  const { routes } = settings;
  return {
    stack: name,
    region: isLocal ? 'local' : region,
    isLocal,
    readOnly,
    version: VERSION,
    drop: {
      bucket,
      routes: routes.map((route) => {
        const { prefix, projectId, userId } = route;
        return { prefix, projectId, userId, releaseMode: releaseMode(route), afterwards: afterSubmission(route) };
      }),
      keys: [...keyParameters(routes)].map(([parameter, userIds]) => ({ parameter, userIds })),
    },
    streampixelDashboard: DASHBOARD,
  };
}
