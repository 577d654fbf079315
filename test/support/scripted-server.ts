import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';

/**
 * How long to wait for a server that never answers, in ms: long enough to connect on a busy machine. The mutation run, which waits
 * for it thousands of times, sets less.
 */
export const SILENCE_MS = Number(process.env.SILENCE_MS ?? 6_000);

export type Reply =
  | { readonly status: number; readonly body?: string | Buffer; readonly headers?: Record<string, string> }
  /** Headers promise more than comes; then the connection breaks. */
  | { readonly cutOff: string; readonly status?: number }
  | 'reset'
  | 'hang';

export interface ScriptedServer {
  readonly url: string;
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly headers: http.IncomingHttpHeaders;
    readonly body: string;
  }[];
  /** Answers to come, in order; the last one repeats. */
  readonly replies: (Reply | ((body: string, url: string) => Reply))[];
  close(): Promise<void>;
}

/** A loopback HTTP server that answers as the test says, badly too. */
export async function startScriptedServer(...replies: ScriptedServer['replies']): Promise<ScriptedServer> {
  const requests: ScriptedServer['requests'] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      const next = replies.length > 1 ? replies.shift() : replies[0];
      const reply = typeof next === 'function' ? next(body, request.url ?? '') : next;
      if (reply === undefined || reply === 'hang') return;
      if (reply === 'reset') {
        request.socket.resetAndDestroy();
        return;
      }
      if ('cutOff' in reply) {
        response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', 'content-length': '4096' });
        response.write(reply.cutOff, () => request.socket.destroy());
        return;
      }
      response.writeHead(reply.status, reply.headers).end(reply.body ?? '');
    });
  });
  return { ...(await listen(server)), requests, replies };
}

/** A loopback TCP server whose every byte is the test's own. Errors of its connections are expected. */
export function startRawServer(serve: (socket: Socket) => void): Promise<Pick<ScriptedServer, 'url' | 'close'>> {
  return listen(net.createServer({ allowHalfOpen: true }, (socket) => serve(socket.on('error', () => {}))));
}

async function listen(server: net.Server): Promise<Pick<ScriptedServer, 'url' | 'close'>> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** What SNS and EventBridge answer to a message and an event that they take. */
export function answerOfAws(body: string): Reply {
  return body.startsWith('{')
    ? { status: 200, body: '{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}' }
    : {
        status: 200,
        body: '<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>',
      };
}
