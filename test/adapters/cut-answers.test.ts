import type { Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createStreampixelApi, createStreampixelReleases } from '../../functions/adapters/streampixel-api.ts';
import { PresignedUrl, Secret } from '../../functions/domain/model/secret.ts';
import { startRawServer } from '../support/scripted-server.ts';
import { ROUTE } from '../support/world.ts';

const apiKey = new Secret('c4nary-api-key');
const clock = { now: Date.now };

/** Answers, with what is made of each where nothing is missing. */
const ANSWERS = {
  'a 200': {
    head: '200 OK',
    body: '{"message":"Build queued","uploadId":"665a2b3c4d5e"}',
    truth: { kind: 'accepted', uploadId: '665a2b3c4d5e' },
  },
  'a 401 for the key': {
    head: '401 Unauthorized',
    body: '{"message":"Unauthorized: Invalid API Key"}',
    truth: { kind: 'refused', reason: 'InvalidApiKey' },
  },
  'a 401 for the user': {
    head: '401 Unauthorized',
    body: '{"message":"Invalid User"}',
    truth: { kind: 'refused', reason: 'InvalidUser' },
  },
  'a 429': {
    head: '429 Too Many Requests',
    body: '{"message":"1 upload per 2 minutes. Try again in 540 seconds"}',
    truth: { kind: 'rate-limited', retryAfterMs: 540_000 },
  },
} as const;
type Named = keyof typeof ANSWERS;

const withLength = (body: Buffer, headers = '') => join(`${headers}content-length: ${body.length}\r\n\r\n`, body);
/** How a body may be sent. */
const FRAMINGS: Readonly<Record<string, (body: string) => Buffer>> = {
  'with its length': (body) => withLength(Buffer.from(body)),
  'in chunks': (body) => {
    const [one, two] = [body.slice(0, 9), body.slice(9)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`);
    return Buffer.from(`transfer-encoding: chunked\r\n\r\n${one}${two}0\r\n\r\n`);
  },
  'without a length': (body) => Buffer.from(`\r\n${body}`),
  'behind a byte order mark, without a length': (body) => Buffer.from(`\r\n\ufeff${body}`),
  'in UTF-16, without a length': (body) => join('\r\n', Buffer.from(`\ufeff${body}`, 'utf16le')),
  'as gzip': (body) => withLength(gzipSync(body), 'content-encoding: gzip\r\n'),
  'as gzip, without a length': (body) => join('content-encoding: gzip\r\n\r\n', gzipSync(body)),
  'as gzip that nothing announces': (body) => withLength(gzipSync(body)),
  'as deflate, without a length': (body) => join('content-encoding: deflate\r\n\r\n', deflateSync(body)),
  'as br, without a length': (body) => join('content-encoding: br\r\n\r\n', brotliCompressSync(body)),
};

function join(head: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(head), body]);
}

/** What the server does when it has sent the piece. */
const ENDS: Readonly<Record<string, (socket: Socket, piece: Buffer) => void>> = {
  'a close': (socket, piece) => socket.end(piece),
  'a reset': (socket, piece) => socket.write(piece, () => socket.resetAndDestroy()),
  silence: (socket, piece) => socket.write(piece),
};

/** The path of a request says which answer it gets, how many bytes of it, and what follows. */
let server: Awaited<ReturnType<typeof startRawServer>>;
beforeAll(async () => {
  server = await startRawServer((socket) => {
    socket.once('data', (request) => {
      const [, answer, framing, end, length] = (request.toString().split(' ')[1] ?? '')
        .split('/')
        .map(decodeURIComponent);
      ENDS[`${end}`]?.(socket, bytesOf(answer as Named, `${framing}`).subarray(0, Number(length)));
      socket.resume();
    });
  });
});
afterAll(() => server.close());

function bytesOf(answer: Named, framing: string): Buffer {
  const { body, head } = ANSWERS[answer];
  return join(`HTTP/1.1 ${head}\r\n`, FRAMINGS[framing]?.(body) ?? Buffer.alloc(0));
}

function baseUrl(...parts: readonly (string | number)[]): string {
  return [server.url, ...parts.map(encodeURIComponent)].join('/');
}

const upload = (url: string, timeoutMs: number) =>
  createStreampixelApi(url, clock).uploadFile(
    { route: ROUTE, apiKey, fileUrl: new PresignedUrl('https://drop.example/a.zip?X-Amz-Signature=s', 0) },
    Date.now() + timeoutMs,
  );

const CASES = Object.keys(ANSWERS).flatMap((answer) =>
  Object.keys(FRAMINGS).flatMap((framing) => Object.keys(ENDS).map((end) => [answer as Named, framing, end] as const)),
);

describe.concurrent('an answer that is cut at any byte', () => {
  it.for(CASES)(
    'is the true one or lost, and never a third: %s %s, then %s',
    async ([answer, framing, end], { expect }) => {
      const all = bytesOf(answer, framing);
      const { truth } = ANSWERS[answer];
      await Promise.all(
        Array.from({ length: all.length + 1 }, async (_, length) => {
          const isAll = length === all.length;
          // Silence costs the whole time, except where all has arrived.
          const made = await upload(
            baseUrl(answer, framing, end, length),
            end === 'silence' && !isAll ? 1_000 : 60_000,
          );
          const said = `after ${length} of ${all.length} bytes`;
          // On a machine that is too busy to connect in a second, nothing was sent.
          if (end === 'silence' && made.sentAt === undefined) return;
          if (made.kind === 'lost') {
            // A reset may overtake what was sent before it.
            if (isAll) expect(end, said).toBe('a reset');
          } else if (made.kind === 'rate-limited') {
            // The status alone says that it was not accepted; the time is known only from the whole.
            expect([truth.kind, made.retryAfterMs ?? 540_000], said).toEqual(['rate-limited', 540_000]);
          } else expect(made, said).toMatchObject(truth);
        }),
      );
    },
  );
});

describe.concurrent('an answer of distribute-file that is cut at any byte', () => {
  it.for(['with its length', 'without a length'])(
    'is never taken for another: a 401 %s',
    async (framing, { expect }) => {
      const answer = 'a 401 for the key';
      const all = bytesOf(answer, framing);
      const request = { userId: 'u', projectId: 'p', uploadId: '665a', apiKey };
      for (let length = 0; length <= all.length; length++) {
        const releases = createStreampixelReleases(baseUrl(answer, framing, 'a close', length), clock);
        const made = await releases.distributeFile(request, Date.now() + 60_000);
        expect(made).toMatchObject(length === all.length ? ANSWERS[answer].truth : { kind: 'lost' });
      }
    },
  );
});
