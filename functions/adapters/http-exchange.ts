import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { present } from '../domain/model/optional-fields.ts';
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
  /** Whether this body is certainly all there is. With it, an answer counts although its connection stays open. */
  readonly isWhole?: (answer: HttpAnswer) => boolean;
  /** Ends the exchange, as a connection that breaks does. */
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly kind: 'answered';
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  /**
   * `whole`: as long as was announced. `unproven`: the connection broke, time ran out, or it closed without an announced length,
   * so more may have been meant to come. `too-long`: cut here, at `maxBytes`.
   */
  readonly extent: 'whole' | 'unproven' | 'too-long';
  /** ms since the epoch. */
  readonly sentAt: number;
}

/** How an exchange ended. Details carry no URL and nothing of the request. */
export type HttpExchange =
  | HttpAnswer
  /** No connection was made: the server has seen nothing of the request. */
  | { readonly kind: 'not-sent'; readonly detail: string }
  /** The request was sent and no status came back. */
  | { readonly kind: 'unanswered'; readonly detail: string; readonly sentAt: number };

/** What an exchange needs from outside. */
export interface ExchangeContext extends Pick<Clock, 'now'> {
  /** Connections by way of a proxy; without them each exchange makes its own. */
  readonly agents?: { readonly httpAgent: http.Agent; readonly httpsAgent: https.Agent };
}

/** If no more bytes come for this long, in ms, an answer that passes `isWhole` counts as complete. */
const QUIET_MS = 1_000;

/**
 * One request on a connection of its own, following no redirect. Node's own client rather than `fetch`, because it knows a request
 * that was never sent from one whose answer was lost, which decides whether sending again may submit a build twice. A new connection
 * each time, because one that was kept while the sandbox was frozen is usually dead. Never throws.
 */
export function exchange(request: HttpRequest, context: ExchangeContext): Promise<HttpExchange> {
  return new Promise((resolve) => {
    const timeLeft = request.deadline - context.now();
    if (timeLeft <= 0) return resolve({ kind: 'not-sent', detail: 'no time left' });
    const { maxBytes, method } = request;
    const url = new URL(request.url);
    const secure = url.protocol === 'https:';
    const body = request.body === undefined ? undefined : Buffer.from(request.body);
    const headers = body === undefined ? request.headers : { ...request.headers, 'content-length': `${body.length}` };
    const agent = context.agents?.[secure ? 'httpsAgent' : 'httpAgent'] ?? false;
    const outgoing = (secure ? https : http).request(url, {
      method,
      headers,
      agent,
      ...present({ signal: request.signal, lookup: isUnderLocalhost(url.hostname) ? thisMachine : undefined }),
    });
    let sentAt: number | undefined;
    let incoming: http.IncomingMessage | undefined;
    const chunks: Buffer[] = [];
    let bytes = 0;
    let quietTimer: NodeJS.Timeout | undefined;

    const settle = (detail: string, extent: HttpAnswer['extent'] = 'unproven') => {
      clearTimeout(deadlineTimer);
      clearTimeout(quietTimer);
      outgoing.destroy();
      resolve(soFar(detail, extent));
    };
    const soFar = (detail: string, extent: HttpAnswer['extent']): HttpExchange => {
      if (sentAt === undefined) return { kind: 'not-sent', detail };
      if (incoming === undefined) return { kind: 'unanswered', detail, sentAt };
      const { headers, statusCode: status = 0 } = incoming;
      return { kind: 'answered', status, headers, body: Buffer.concat(chunks).subarray(0, maxBytes), extent, sentAt };
    };
    // Settles by itself: what Node emits after `destroy` depends on how far the exchange was, and can be nothing at all.
    const deadlineTimer = setTimeout(() => settle('no answer in time'), timeLeft);

    // Nothing is written before the connection is made, so "not sent" is certain.
    outgoing.once('socket', (socket) => {
      const send = () => {
        sentAt = context.now();
        outgoing.end(body);
      };
      // A proxy's tunnel is there already, and so is its TLS.
      if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', send);
      else send();
    });
    // Once a response has begun, its own events end it: these two may come before its last bytes have been read.
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (incoming === undefined) settle(error.code ?? error.message);
    });
    outgoing.once('close', () => {
      if (incoming === undefined) settle('the connection was closed');
    });
    // 101 Switching Protocols answers nothing that was asked.
    outgoing.once('upgrade', ({ statusCode }) => settle(`HTTP ${statusCode}`));
    outgoing.once('response', (response) => {
      if (response.statusCode === 101) return settle('HTTP 101');
      incoming = response;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > maxBytes) return settle('', 'too-long');
        clearTimeout(quietTimer);
        quietTimer = setTimeout(() => {
          const answer = soFar('', 'unproven');
          if (answer.kind === 'answered' && request.isWhole?.(answer)) settle('');
        }, QUIET_MS);
      });
      response.once('end', () => settle('', response.complete && hasEnd(response) ? 'whole' : 'unproven'));
      // A body that breaks off ends in 'error' or, where the socket just closes, in 'close' alone.
      response.on('error', ({ message }) => settle(message));
      response.once('close', () => settle('the connection was closed'));
    });
  });
}

/** Without a length, a body ends where its connection closes, for whatever reason it does. */
function hasEnd({ headers, statusCode }: http.IncomingMessage): boolean {
  const isChunked = /\bchunked\s*$/i.test(headers['transfer-encoding'] ?? '');
  return isChunked || headers['content-length'] !== undefined || statusCode === 204 || statusCode === 304;
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether a secret may travel to this URL: HTTPS anywhere, plain HTTP to this machine only. */
export function isSafeForSecrets(url: string): boolean {
  const { hostname, protocol } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && (LOOPBACK.has(hostname) || isUnderLocalhost(hostname)));
}

/** Emulators give APIs such names. Source: RFC 6761, section 6.3. */
function isUnderLocalhost(hostname: string): boolean {
  return hostname.endsWith('.localhost');
}

/** Asks no server for a name under localhost: many know none, and one that lies would get the secrets. */
const thisMachine: LookupFunction = (_hostname, { all }, done) => {
  if (all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};
