import type { IncomingMessage, ServerResponse } from 'node:http';
import { releaseMode } from '../../functions/domain/model/route.ts';
import { expectationFrom } from '../builds/expected.ts';
import { afterSubmission } from '../builds/status-display.ts';
import { OperatorError, usageError } from '../operator-error.ts';
import { keyParameters } from '../stack/api-keys.ts';
import { explained } from '../stack/aws-errors.ts';
import type { Stack } from '../stack/stack.ts';
import { VERSION } from '../version.ts';
import { actionRequest, confirmedAction, createActions, parsed } from './actions.ts';
import { type Answer, apiError, BodyTooLarge, readJson, sendJson, statusFor } from './answers.ts';
import type { BuildsQuery, ConfirmedAction, Hello, PlanChanged } from './board-api.ts';
import { logGroupOf, readBuilds, readDetail } from './build-detail.ts';
import { createFeed, write } from './feed.ts';
import { createUploads, newUpload, startUpload } from './uploads.ts';

/** Pages that may be open at a time. */
const MOST_PAGES = 32;
/** Of a request's JSON, in bytes. */
const LARGEST_BODY = 64 * 1024;
/** Of the list of a folder's files, in bytes: some tens of thousands. */
const LARGEST_LISTING = 8 * 1024 * 1024;
/** What changes something, beside what is about one upload. */
const ACTION_PATHS: ReadonlySet<string> = new Set(['/api/plan', '/api/do', '/api/uploads']);
const UPLOAD_PATH = /^\/api\/uploads\/([\w-]{1,64})\/(?:(start|stop)|(slices)\/(\d{1,9}))$/;
const CLIENT = /^[A-Za-z0-9]{8,64}$/;

export type Api = ReturnType<typeof createApi>;

/** Answers the requests of the page under `/api/`, once the guard has let them in: what they are is in `board-api.ts`. */
export function createApi(found: Stack, readOnly: boolean) {
  const stack = { ...found };
  const stopping = new AbortController();
  const feed = createFeed(
    stack,
    readOnly,
    (client) => uploads.onGone(client),
    () => {
      for (const client of feed.clients()) feed.send(client, 'hello', helloTo(client));
    },
  );
  const uploads = createUploads(stack, feed);
  const actions = createActions(stack, stopping.signal);
  const logGroup = logGroupOf(stack);

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
          return {
            status: 200,
            body: await readBuilds(
              { ...stack, ledger: { ...stack.ledger, list: feed.list } },
              Object.fromEntries(query) as BuildsQuery,
              context,
            ),
          };
        case '/api/build':
          return {
            status: 200,
            body: await readDetail(stack, feed.known(), query.get('id') ?? '', readOnly, logGroup),
          };
      }
    }
    const [, upload = '', verb = '', slices, number] = UPLOAD_PATH.exec(pathname) ?? [];
    if (request.method === 'GET' || !(ACTION_PATHS.has(pathname) || upload !== '')) return { status: 404 };
    if (readOnly) return { status: 403 };
    const isSlice = slices !== undefined;
    if (request.method === 'PUT' && isSlice) return uploads.put(upload, Number(number), request);
    if (request.method === 'DELETE' && isSlice) return uploads.refuse(upload, Number(number));
    if (request.method !== 'POST' || isSlice) return { status: 404 };
    if (request.headers['content-type'] !== 'application/json') return { status: 403 };
    switch (pathname) {
      case '/api/plan':
        return { status: 200, body: await actions.plan(parsed(actionRequest, await readJson(request, LARGEST_BODY))) };
      case '/api/do':
        return perform(parsed(confirmedAction, await readJson(request, LARGEST_BODY)));
      case '/api/uploads':
        return { status: 200, body: uploads.add(parsed(newUpload, await readJson(request, LARGEST_LISTING))) };
    }
    const body = await readJson(request, LARGEST_BODY);
    return {
      status: 200,
      body: verb === 'start' ? uploads.start(upload, parsed(startUpload, body)) : uploads.stop(upload),
    };
  }

  async function perform({ confirm, request }: ConfirmedAction): Promise<Answer> {
    const done = await actions.perform(request, confirm);
    if (!('changed' in done)) {
      feed.poke();
      return { status: 200, body: done };
    }
    const message = 'Something has changed since this plan was made. Nothing was done.';
    const changed = new OperatorError('PlanChanged', message, 'Read the new plan, then confirm it.');
    return { status: 409, body: { ...apiError(changed, stack.commands), plan: done.changed } satisfies PlanChanged };
  }

  function openEvents(response: ServerResponse, client: string): void {
    if (!CLIENT.test(client)) throw usageError('client must be 8 to 64 letters and digits.', 'Reload the page.');
    if (feed.size >= MOST_PAGES) {
      throw new OperatorError('TooManyPages', `${MOST_PAGES} pages are open.`, 'Close some, then reload this one.');
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    write(response, 'hello', JSON.stringify(helloTo(client)));
    feed.add(response, client);
    uploads.onConnected(client);
  }

  const helloTo = (client: string): Hello => ({ ...hello(stack, readOnly), uploads: uploads.of(client) });

  return {
    async answer(request: IncomingMessage, response: ServerResponse, pathname: string, query: URLSearchParams) {
      try {
        const { body, status } = await answerTo(request, response, pathname, query);
        if (response.headersSent) return;
        if (body === undefined) response.writeHead(status).end();
        else sendJson(response, status, body);
      } catch (error) {
        if (response.headersSent) throw error;
        const known = explained(error);
        if (error instanceof BodyTooLarge) response.writeHead(413, { Connection: 'close' }).end();
        else sendJson(response, statusFor(known), apiError(known, stack.commands));
      } finally {
        // What is left of a body would be taken for the next request.
        if (!request.complete) response.once('finish', () => request.destroy());
      }
    },
    /** Ends what runs, without a loss. */
    async close(): Promise<void> {
      stopping.abort();
      await Promise.all([uploads.stopAll(), actions.idle()]);
      await feed.close();
    },
  };
}

function hello({ bucket, drop, isLocal, name, region, settings }: Stack, readOnly: boolean): Omit<Hello, 'uploads'> {
  const { routes } = settings;
  return {
    stack: drop === undefined ? name : `${name}, ${drop}`,
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
  };
}
