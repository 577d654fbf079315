import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  exchange,
  type HttpExchange,
  type HttpRequest,
  isSafeForSecrets,
} from '../../functions/adapters/http-exchange.ts';
import { SILENCE_MS, startRawServer } from '../support/scripted-server.ts';

const clock = { now: Date.now };
const HEAD = 'HTTP/1.1 200 OK\r\n';
const JSON_BODY = '{"uploadId":"665a"}';

/** Asks a server that does with the connection what the test says. */
async function ask(
  serve: (socket: Socket) => void,
  changes: Partial<HttpRequest> = {},
  scheme = 'http',
): Promise<HttpExchange> {
  const server = await startRawServer(serve);
  const request = {
    method: 'POST',
    headers: {},
    body: '{}',
    deadline: Date.now() + SILENCE_MS,
    maxBytes: 4_096,
  } as const;
  try {
    return await exchange({ ...request, url: server.url.replace('http', scheme), ...changes }, clock);
  } finally {
    await server.close();
  }
}

/** Answers once the request begins to arrive; reads on. */
const answers =
  (...parts: string[]) =>
  (socket: Socket) => {
    socket.once('data', () => {
      for (const part of parts) socket.write(part, 'latin1');
      socket.resume();
    });
  };
const thenCloses = (text: string) => (socket: Socket) => void socket.once('data', () => socket.end(text, 'latin1'));
const thenResets = (text: string) => (socket: Socket) =>
  void socket.once('data', () => socket.write(text, 'latin1', () => socket.resetAndDestroy()));
/** The same again and again, for as long as there is a connection. */
const repeats = (first: string, then: string, everyMs: number) => (socket: Socket) => {
  socket.once('data', () => {
    socket.write(first);
    const timer = setInterval(() => socket.write(then), everyMs);
    socket.once('close', () => clearInterval(timer));
  });
};

describe.concurrent('an exchange without an answer ends all the same, as one whose request was sent:', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['a server that accepts and never reads', (socket) => void socket.pause()],
    ['a server that reads and is silent', (socket) => void socket.resume()],
    ['a server that closes at once', (socket) => void socket.end()],
    ['a server that closes when the request comes', thenCloses('')],
    ['a server that resets when the request comes', thenResets('')],
    ['a server that goes away', (socket) => void socket.once('data', () => socket.destroy())],
    [
      '101 Switching Protocols',
      answers('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'),
    ],
    ['101 without a protocol', answers('HTTP/1.1 101\r\n\r\n')],
    [
      '101 and a close',
      thenCloses('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxxxx'),
    ],
    ['100 Continue for ever', repeats('', 'HTTP/1.1 100 Continue\r\n\r\n', 1)],
    ['102 Processing for ever', repeats('', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(1_000), 1)],
    ['103 Early Hints and silence', answers('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')],
    ['an answer of a byte at a time', repeats(HEAD, 'x', 50)],
    ['headers without end', repeats(HEAD, 'x-header: y\r\n'.repeat(100), 1)],
    ['one header without end', repeats(`${HEAD}x-header: `, 'y'.repeat(1_000), 1)],
    ['a head that breaks off', thenCloses(`${HEAD}content-length: 5\r\n`)],
    ['a head that is reset', thenResets(`${HEAD}content-length: 5\r\n`)],
    ['garbage before the status line', answers(`garbage\r\n\r\n${HEAD}content-length: 2\r\n\r\n{}`)],
    ['garbage for a status', answers('HTTP/1.1 abc OK\r\n\r\n')],
    ['an answer of HTTP/0.9', thenCloses(JSON_BODY)],
    ['an alert of TLS', thenCloses('\x15\x03\x01\x00\x02\x02\x46')],
    ['the preface of HTTP/2', answers('\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03')],
    ['two different lengths', answers(`${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`)],
  ])('%s', async (_, serve) => {
    const result = await ask(serve);
    expect(result).toEqual({ kind: 'unanswered', sentAt: expect.any(Number), detail: expect.stringMatching(/./) });
  });
});

describe.concurrent('an exchange that only switches protocols says so:', () => {
  it.each([
    ['with a protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'],
    ['without one', 'HTTP/1.1 101\r\n\r\n'],
  ])('%s', async (_, head) => {
    expect(await ask(answers(head))).toMatchObject({ kind: 'unanswered', detail: 'HTTP 101' });
  });
});

describe('an exchange whose request was never sent says so:', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['a server that is silent before TLS', (socket) => void socket.resume()],
    ['a server that closes before TLS', (socket) => void socket.end()],
    ['a server that speaks no TLS', answers('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('%s', async (_, serve) => {
    const result = await ask(serve, {}, 'https');
    expect(result).toEqual({ kind: 'not-sent', detail: expect.stringMatching(/./) });
  });

  it('no server', async () => {
    const gone = await startRawServer(() => {});
    await gone.close();
    const result = await ask(() => {}, { url: gone.url });
    expect(result).toEqual({ kind: 'not-sent', detail: 'ECONNREFUSED' });
  });

  it('no time: the server sees nothing of it', async () => {
    let connections = 0;
    const result = await ask(() => void connections++, { deadline: Date.now() });
    expect(result).toEqual({ kind: 'not-sent', detail: 'no time left' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(connections).toBe(0);
  });
});

describe.concurrent('an answer', () => {
  it.each<[string, (socket: Socket) => void, string, string]>([
    ['with its length', answers(`${HEAD}content-length: 19\r\n\r\n${JSON_BODY}`), JSON_BODY, 'whole'],
    ['behind early hints', answers(`HTTP/1.1 103 X\r\n\r\n${HEAD}content-length: 2\r\n\r\n{}`), '{}', 'whole'],
    ['in chunks', answers(`${HEAD}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`), '{}', 'whole'],
    [
      'in chunks of gzip',
      answers(`${HEAD}transfer-encoding: gzip, Chunked \r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
      '{}',
      'whole',
    ],
    ['without a body', answers('HTTP/1.1 204 No Content\r\n\r\n'), '', 'whole'],
    ['of nothing new', answers('HTTP/1.1 304 Not Modified\r\n\r\n'), '', 'whole'],
    [
      'as long as it may be',
      answers(`${HEAD}content-length: 4096\r\n\r\n${'x'.repeat(4_096)}`),
      'x'.repeat(4_096),
      'whole',
    ],
    [
      'a byte longer than it may be',
      answers(`${HEAD}content-length: 4097\r\n\r\n${'x'.repeat(4_097)}`),
      'x'.repeat(4_096),
      'too-long',
    ],
    ['longer than its length', thenCloses(`${HEAD}content-length: 2\r\n\r\n{}and more`), '{}', 'whole'],
    ['without a length, closed', thenCloses(`${HEAD}\r\n${JSON_BODY}`), JSON_BODY, 'unproven'],
    [
      'in chunks that are coded again',
      thenCloses(`${HEAD}transfer-encoding: chunked, gzip\r\n\r\n{}`),
      '{}',
      'unproven',
    ],
    ['without a length, left open', answers(`${HEAD}\r\n${JSON_BODY}`), JSON_BODY, 'unproven'],
    ['without a length, reset', thenResets(`${HEAD}\r\n${JSON_BODY}`), JSON_BODY, 'unproven'],
    [
      'shorter than its length, closed',
      thenCloses(`${HEAD}content-length: 50\r\n\r\n${JSON_BODY}`),
      JSON_BODY,
      'unproven',
    ],
    [
      'shorter than its length, left open',
      answers(`${HEAD}content-length: 50\r\n\r\n`, JSON_BODY),
      JSON_BODY,
      'unproven',
    ],
    ['without a last chunk', answers(`${HEAD}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n`), '{}', 'unproven'],
    ['with a broken chunk', answers(`${HEAD}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\nxyz\r\n`), '{}', 'unproven'],
    ['of which nothing comes', answers(`${HEAD}content-length: 50\r\n\r\n`), '', 'unproven'],
    ['that is too long', answers(`${HEAD}\r\n${'x'.repeat(10_000)}`), 'x'.repeat(4_096), 'too-long'],
    ['without end', repeats(`${HEAD}\r\n`, 'x'.repeat(1_000), 1), 'x'.repeat(4_096), 'too-long'],
    [
      'in chunks without end',
      repeats(`${HEAD}transfer-encoding: chunked\r\n\r\n`, `3e8\r\n${'x'.repeat(1_000)}\r\n`, 1),
      'x'.repeat(4_096),
      'too-long',
    ],
  ])('%s is what has arrived, and says whether that is all', async (_, serve, body, extent) => {
    const result = await ask(serve);
    expect(result).toMatchObject({ kind: 'answered', extent, sentAt: expect.any(Number) });
    expect('body' in result && result.body.toString('latin1')).toBe(body);
  });

  it('that drips is not waited for beyond the deadline', async () => {
    const result = await ask(repeats(`${HEAD}content-length: 4000\r\n\r\n`, 'x', 100));
    expect(result).toMatchObject({ kind: 'answered', extent: 'unproven' });
  });

  it.each<[string, (socket: Socket) => void]>([
    ['a close', thenCloses(`${HEAD}content-length: 50\r\n\r\n${JSON_BODY}`)],
    ['a reset', thenResets(`${HEAD}\r\n${JSON_BODY}`)],
    ['a broken chunk', answers(`${HEAD}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\nxyz\r\n`)],
  ])('that breaks off with %s is not waited for until the deadline', async (_, serve) => {
    const result = await ask(serve, { deadline: Date.now() + 600_000 });
    expect(result).toMatchObject({ kind: 'answered', extent: 'unproven' });
  });

  it('that is whole by itself counts before the deadline, although the connection stays open', async () => {
    const isWhole = ({ body }: { body: Buffer }) => body.toString().endsWith('}');
    const result = await ask(answers(`${HEAD}\r\n`, JSON_BODY), { deadline: Date.now() + 600_000, isWhole });
    expect(result).toMatchObject({ kind: 'answered', body: Buffer.from(JSON_BODY) });
  });

  it('that is not whole is waited for longer than a second', async () => {
    const isWhole = ({ body }: { body: Buffer }) => body.toString().endsWith('}');
    const pauses = (socket: Socket) => {
      answers(`${HEAD}\r\n`, '{"uploadId":')(socket);
      setTimeout(() => socket.end('"665a"}'), 1_500);
    };
    const result = await ask(pauses, { deadline: Date.now() + 60_000, isWhole });
    expect(result).toMatchObject({ kind: 'answered', body: Buffer.from(JSON_BODY) });
  });

  it('of which enough has come is not fetched any further: the connection is closed', async () => {
    let closed: Promise<unknown> | undefined;
    const server = await startRawServer((socket) => {
      closed = new Promise((resolve) => socket.once('close', resolve));
      repeats(`${HEAD}\r\n`, 'x'.repeat(1_000), 1)(socket);
    });
    const request = {
      method: 'GET',
      url: server.url,
      headers: {},
      deadline: Date.now() + 60_000,
      maxBytes: 10,
    } as const;
    expect(await exchange(request, clock)).toMatchObject({ kind: 'answered', extent: 'too-long' });
    await closed;
    await server.close();
  });

  it('that is followed by more was not whole', async () => {
    const isWhole = ({ body }: { body: Buffer }) => body.toString().endsWith('}');
    const twice = (socket: Socket) => {
      answers(`${HEAD}\r\n`, JSON_BODY)(socket);
      setTimeout(() => socket.end('{}'), 100);
    };
    const result = await ask(twice, { deadline: Date.now() + 60_000, isWhole });
    expect(result).toMatchObject({ kind: 'answered', body: Buffer.from(`${JSON_BODY}{}`) });
  });

  it('is not whole while more keeps coming, each time before a second has passed', async () => {
    const isWhole = ({ body }: { body: Buffer }) => body.toString().endsWith('}');
    const drips = (socket: Socket) => {
      answers(`${HEAD}\r\n`, '{}')(socket);
      for (const ms of [300, 600, 900, 1_200]) setTimeout(() => socket.write('{}'), ms);
      setTimeout(() => socket.end('{}'), 1_500);
    };
    const result = await ask(drips, { deadline: Date.now() + 60_000, isWhole });
    expect(result).toMatchObject({ kind: 'answered', body: Buffer.from('{}'.repeat(6)) });
  });
});

describe('a name under localhost', () => {
  it('is this machine, whatever a name server would say', async () => {
    const server = await startRawServer(answers(`${HEAD}content-length: 2\r\n\r\n{}`));
    const request = { method: 'GET', headers: {}, deadline: Date.now() + SILENCE_MS, maxBytes: 100 } as const;
    const url = server.url.replace('127.0.0.1', 'a1b2.execute-api.localhost');
    expect(await exchange({ ...request, url }, clock)).toMatchObject({ kind: 'answered', status: 200 });
    await server.close();
  });

  it.each([
    ['http://a1b2.execute-api.localhost:4566/x', true],
    ['http://localhost/x', true],
    ['http://localhost.example.com/x', false],
    ['http://notlocalhost/x', false],
    ['http://example.com/.localhost', false],
    ['https://example.com/x', true],
  ])('%s: a secret may travel there: %s', (url, isSafe) => expect(isSafeForSecrets(url)).toBe(isSafe));
});

describe('an exchange that is aborted', () => {
  it('ends at once', async () => {
    const aborting = new AbortController();
    const asked = ask((socket) => void socket.once('data', () => aborting.abort()), {
      signal: aborting.signal,
      deadline: Date.now() + 3_600_000,
    });
    expect(await asked).toMatchObject({ kind: 'unanswered' });
  });
});
