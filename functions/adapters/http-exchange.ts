import http from 'node:http';
import https from 'node:https';
import type { Clock } from '../domain/ports.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** ms since the epoch. The exchange has ended by then, whatever the server does. */
  readonly deadline: number;
  /** Bytes of the answer's body to read at most; the rest is never fetched. */
  readonly maxBytes: number;
}

/** How an exchange ended. Details carry no URL and nothing of the request. */
export type HttpExchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: http.IncomingHttpHeaders;
      readonly body: Buffer;
      /** `false` where the connection broke, time ran out or `maxBytes` was reached before the body's end. */
      readonly complete: boolean;
      /** ms since the epoch. */
      readonly sentAt: number;
    }
  /** No connection was made: the server has seen nothing of the request. */
  | { readonly kind: 'not-sent'; readonly detail: string }
  /** The request was sent and no status came back. */
  | { readonly kind: 'unanswered'; readonly detail: string; readonly sentAt: number };

/**
 * One request on a connection of its own, following no redirect. Node's own client rather than `fetch`, because it knows a request
 * that was never sent from one whose answer was lost, which decides whether sending again may submit a build twice. A new connection
 * each time, because one that was kept while the sandbox was frozen is usually dead. Never throws.
 */
export function exchange(request: HttpRequest, clock: Pick<Clock, 'now'>): Promise<HttpExchange> {
  return new Promise((resolve) => {
    const url = new URL(request.url);
    const secure = url.protocol === 'https:';
    const body = request.body === undefined ? undefined : Buffer.from(request.body);
    const headers = body === undefined ? request.headers : { ...request.headers, 'content-length': `${body.length}` };
    const outgoing = (secure ? https : http).request(url, { method: request.method, headers, agent: false });
    let sentAt: number | undefined;

    const timeLeft = Math.max(1, request.deadline - clock.now());
    const timer = setTimeout(() => outgoing.destroy(new Error('no answer in time')), timeLeft);
    const end = (result: HttpExchange) => {
      clearTimeout(timer);
      outgoing.destroy();
      resolve(result);
    };

    // Nothing is written before the connection is made, so "not sent" is certain.
    outgoing.once('socket', (socket) =>
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        sentAt = clock.now();
        outgoing.end(body);
      }),
    );
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      const detail = error.code ?? error.message;
      end(sentAt === undefined ? { kind: 'not-sent', detail } : { kind: 'unanswered', detail, sentAt });
    });
    outgoing.once('response', (incoming) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const answer = (complete: boolean) =>
        end({
          kind: 'answered',
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).subarray(0, request.maxBytes),
          complete,
          sentAt: sentAt ?? clock.now(),
        });
      incoming.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > request.maxBytes) answer(false);
      });
      incoming.once('end', () => answer(incoming.complete));
      // A body that breaks off ends in 'error' or, where the socket just closes, in 'close' alone.
      incoming.once('error', () => answer(false));
      incoming.once('close', () => answer(incoming.complete));
    });
  });
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether a secret may travel to this URL: HTTPS anywhere, plain HTTP to this machine only. */
export function isSafeForSecrets(url: string): boolean {
  const { hostname, protocol } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname));
}
