import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { Stack } from '../stack/stack.ts';
import { createApi } from './api.ts';
import { boardFiles } from './files.ts';
import { ANSWER_HEADERS, createGuard } from './guard.ts';

export interface BoardOptions {
  /** On 127.0.0.1; 0 for one that the system chooses. */
  readonly port?: number;
  /** Only look: every action is refused. */
  readonly readOnly?: boolean;
  /** Gets the address to open. It lets one browser in; when another one tries it later, a new address. */
  readonly onAddress: (address: string, isFirst: boolean) => void;
}

export type Board = Awaited<ReturnType<typeof startBoard>>;

/**
 * Serves the board on the loopback interface, with the AWS rights of the stack's clients.
 *
 * @param stack may still start: the page waits for it
 * @throws Error with code `EADDRINUSE` where the port is taken
 */
export async function startBoard(stack: Promise<Stack>, { onAddress, port = 0, readOnly = false }: BoardOptions) {
  const files = boardFiles();
  const api = stack.then((found) => createApi(found, readOnly));
  // Who waits for the stack says what is wrong with it; a page only gets no answer.
  api.catch(() => {});

  // Node's own answers lack these headers: the guard refuses what has no Host, and what is no HTTP gets no answer.
  const server = createServer({ requireHostHeader: false });
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
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
  };
  for (const event of ['request', 'checkExpectation']) server.on(event, onRequest);
  server.on('clientError', (_, socket) => socket.destroy());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const guard = createGuard((server.address() as AddressInfo).port);
  onAddress(guard.address, true);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search, searchParams } = new URL(request.url ?? '', guard.origin);
    if (pathname.startsWith('/api/')) {
      await (await api).answer(request, response, pathname, searchParams);
      return;
    }
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

  return {
    /** Without the token. */
    url: guard.origin,
    async close(): Promise<void> {
      // One that is still starting has no page to say goodbye to.
      const started = await Promise.race([api, Promise.resolve(undefined)]).catch(() => undefined);
      await started?.close();
      // What was done last is answered.
      await setImmediate();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A request that may not be answered learns nothing. */
function forbid(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(403, { Connection: 'close' }).end();
  request.resume();
}
