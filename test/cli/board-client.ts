import { type IncomingHttpHeaders, request as sendRequest } from 'node:http';
import type { TestContext } from 'vitest';
import type { BoardEvents, Need, UploadState } from '../../cli/board/board-api.ts';
import { startBoard } from '../../cli/board/server.ts';
import { findStack, type Stack } from '../../cli/stack/stack.ts';

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Raw {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** One request as it is: nothing is added but what Node adds, such as `Host` where it is not given. */
export function raw(port: number, { body = '', headers = {}, method = 'GET', path = '/' }: Raw): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const length = body.length === 0 ? {} : { 'content-length': `${Buffer.byteLength(body)}` };
    const all = { ...length, ...headers };
    const request = sendRequest({ host: '127.0.0.1', port, method, path, headers: all, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

export type OpenedBoard = Awaited<ReturnType<typeof openBoard>>;

/** Starts the board for an embedded stack, by its port, and enters it as a browser does. */
export async function openBoard(
  stack: number | Stack,
  onTestFinished: TestContext['onTestFinished'],
  { readOnly = false }: { readonly readOnly?: boolean } = {},
) {
  const addresses: string[] = [];
  const board = await startBoard(typeof stack === 'number' ? findStack({ local: stack }) : Promise.resolve(stack), {
    readOnly,
    onAddress: (address) => addresses.push(address),
  });
  onTestFinished(() => board.close());
  const { origin, port: text, search } = new URL(addresses[0] ?? '');
  const port = Number(text);
  const entered = await raw(port, { path: `/${search}` });
  const cookie = entered.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  /** What the browser that was let in sends with everything that its page asks for. */
  const own = { cookie, 'sec-fetch-site': 'same-origin' };

  async function json(request: Raw) {
    const answer = await raw(port, request);
    // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects.
    return { status: answer.status, body: (answer.text === '' ? undefined : JSON.parse(answer.text)) as any };
  }
  return {
    board,
    addresses,
    origin,
    port,
    entered,
    cookie,
    own,
    get: (path: string) => json({ path, headers: own }),
    post: (path: string, body: unknown) =>
      json({
        method: 'POST',
        path,
        headers: { ...own, origin, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    /** A page that is open. */
    page: (client: string, files: readonly Uint8Array[] = []) => openPage({ port, own, origin }, client, files),
  };
}

export type OpenedPage = Awaited<ReturnType<typeof openPage>>;

/** A page: receives events, and answers what the server needs of the dropped files. */
export async function openPage(
  { origin, own, port }: { readonly port: number; readonly own: Record<string, string>; readonly origin: string },
  client: string,
  files: readonly Uint8Array[] = [],
) {
  const received: { [Name in keyof BoardEvents]: { name: Name; data: BoardEvents[Name] } }[keyof BoardEvents][] = [];
  const needs: Need[] = [];
  /** How many needs are answered from now on. */
  let answers = Number.POSITIVE_INFINITY;
  const looks = new Set<() => void>();

  async function give(need: Need): Promise<void> {
    needs.push(need);
    if (needs.length > answers) return;
    const path = `/api/uploads/${need.upload}/slices/${need.number}`;
    const body = need.kind === 'check' ? new Uint8Array() : files[need.file]?.subarray(need.from, need.to);
    const headers = { ...own, origin, 'content-type': 'application/octet-stream', 'content-length': `${body?.length}` };
    await raw(port, { method: 'PUT', path, headers, body: body ?? '' });
  }

  const request = sendRequest({
    host: '127.0.0.1',
    port,
    path: `/api/events?client=${client}`,
    headers: own,
    agent: false,
  });
  request.on('error', () => {});
  request.end();
  const isOpen = new Promise<void>((resolve, reject) => {
    request.once('response', (response) => {
      let rest = '';
      response.on('error', () => {});
      response.on('data', (chunk) => {
        rest += chunk;
        for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
          const [, name = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(rest.slice(0, end)) ?? [];
          rest = rest.slice(end + 2);
          const event = { name, data: JSON.parse(data) };
          received.push(event as (typeof received)[number]);
          if (name === 'need') void give(event.data);
          for (const look of looks) look();
        }
      });
      if (response.statusCode === 200) resolve();
      else reject(new Error(`HTTP ${response.statusCode}`));
    });
    request.once('error', reject);
  });
  await isOpen;

  /** The first event of this name, of those received so far and to come, that passes the test. */
  function event<Name extends keyof BoardEvents>(
    name: Name,
    test: (data: BoardEvents[Name]) => boolean = () => true,
  ): Promise<BoardEvents[Name]> {
    return new Promise((resolve) => {
      const look = () => {
        const found = received.find((each) => each.name === name && test(each.data as BoardEvents[Name]));
        if (found === undefined) return;
        looks.delete(look);
        resolve(found.data as BoardEvents[Name]);
      };
      looks.add(look);
      look();
    });
  }
  return {
    received,
    needs,
    event,
    /** The state of an upload, once it is one of these. */
    upload: (id: string, ...states: readonly UploadState['state'][]) =>
      event('upload', (upload) => upload.id === id && states.includes(upload.state)),
    answerOnly(count: number) {
      answers = count;
    },
    close: () => request.destroy(),
  };
}
