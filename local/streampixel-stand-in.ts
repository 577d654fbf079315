import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { unreachable } from '../functions/domain/outcome.ts';

/**
 * A server that answers as Streampixel's API documents: status codes, messages, the limit per user, and the download of the
 * build through its `fileUrl` afterwards. Answers it does not document can be scripted.
 */
export interface StandInOptions {
  /** Who may upload where; asked at each request. */
  readonly users: () => readonly StandInUser[];
  /** The one valid key; {@link StandIn.rotateKey} replaces it at once, as the vendor does. */
  readonly apiKey: string;
  /** An accepted upload closes the door to further ones of its user for this long, in ms; asked at each request. */
  readonly windowMs: () => number;
  readonly onEvent: (event: StandInEvent) => void;
}

export interface StandInUser {
  readonly userId: string;
  readonly projectIds: readonly string[];
}

export type StandInEvent =
  /** The zip's bytes have been read to their end through `fileUrl`. */
  | ({ readonly kind: 'downloaded'; readonly size: number; readonly sha256: string } & StandInBuild)
  /** As the vendor's `build.rejected`: it was accepted, and turned out unusable. */
  | ({ readonly kind: 'rejected'; readonly objection: string } & StandInBuild);

interface StandInBuild {
  readonly uploadId: string;
  /** Path of `fileUrl`, still percent-encoded. Of its query only what is no secret: */
  readonly path: string;
  readonly versionId: string | undefined;
}

/** What to do with one call of `upload-file` instead of what is documented. */
export type Behaviour =
  | { readonly kind: 'documented' }
  /** A string is sent as it is, anything else as JSON. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body: unknown;
      readonly headers?: http.OutgoingHttpHeaders;
    }
  /** Reads the request, then resets the connection. */
  | { readonly kind: 'reset' }
  /** Reads the request and never answers. */
  | { readonly kind: 'hang' }
  /** Announces the documented answer and closes the connection half-way through it. */
  | { readonly kind: 'cut-off' };

/** A request as it arrived. Bodies hold API keys and signed URLs: for assertions, not for logs. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** ms since the epoch. */
  readonly at: number;
}

export interface StandIn {
  /** What the client is configured with: `http://127.0.0.1:<port>/pixelStripeApi`. */
  readonly baseUrl: string;
  readonly requests: readonly RecordedRequest[];
  /** Lines up behaviours for the next calls of `upload-file`, first come first served. */
  script(...behaviours: Behaviour[]): void;
  rotateKey(apiKey: string): void;
  /** Resolves when no download is under way. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const BASE_PATH = '/pixelStripeApi';

/** Fields of the documented request, in the order they are complained about. */
const REQUIRED_FIELDS = ['apiKey', 'userId', 'projectId', 'fileUrl'] as const;
type UploadFields = Record<(typeof REQUIRED_FIELDS)[number], string>;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Starts the stand-in on a free port of the loopback interface. */
export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  let { apiKey } = options;
  const behaviours: Behaviour[] = [];
  const requests: RecordedRequest[] = [];
  const lastAccepted = new Map<string, number>();
  const downloads = new Set<Promise<void>>();
  const stopping = new AbortController();

  function authenticate(userId: string, key: string): Answer | undefined {
    if (!options.users().some((user) => user.userId === userId)) return refusal(401, 'Invalid User');
    if (key !== apiKey) return refusal(401, 'Unauthorized: Invalid API Key');
    return undefined;
  }

  function uploadFile(headers: IncomingHttpHeaders, body: string): Answer {
    if (headers['content-type']?.split(';')[0] !== 'application/json') return refusal(415, 'Unsupported Media Type');
    let fields: UploadFields & { autoRelease?: unknown };
    try {
      fields = JSON.parse(body) ?? {};
    } catch {
      return refusal(400, 'Invalid JSON');
    }
    for (const name of REQUIRED_FIELDS) {
      if (typeof fields[name] !== 'string' || fields[name] === '') {
        return refusal(400, `Missing required field: ${name}`);
      }
    }
    if (fields.autoRelease !== undefined && typeof fields.autoRelease !== 'boolean') {
      return refusal(400, 'Invalid field: autoRelease');
    }
    const refused = authenticate(fields.userId, fields.apiKey);
    if (refused !== undefined) return refused;
    const isOf = (user: StandInUser) => user.projectIds.includes(fields.projectId);
    if (!options.users().some(isOf)) return refusal(404, 'Project not found');
    if (!options.users().some((user) => user.userId === fields.userId && isOf(user))) {
      return refusal(403, 'Forbidden: project does not belong to this user');
    }
    if (!URL.canParse(fields.fileUrl) || !new URL(fields.fileUrl).pathname.endsWith('.zip')) {
      return refusal(400, 'Invalid fileUrl: must be a direct link to a .zip file');
    }
    const now = Date.now();
    if (now - (lastAccepted.get(fields.userId) ?? Number.NEGATIVE_INFINITY) < options.windowMs()) {
      return refusal(429, `Rate limit exceeded. Try again in ${inWords(options.windowMs())}.`);
    }
    lastAccepted.set(fields.userId, now);
    const uploadId = randomBytes(12).toString('hex');
    const download = fetchBuild(fields.fileUrl, uploadId, stopping.signal)
      .then((event) => {
        if (!stopping.signal.aborted) options.onEvent(event);
      })
      .finally(() => downloads.delete(download));
    downloads.add(download);
    return { status: 200, body: { message: 'Build queued for processing', uploadId } };
  }

  function projectsStatus(query: URLSearchParams): Answer {
    const userId = query.get('userId');
    const key = query.get('apikey');
    if (!userId || !key) return refusal(400, 'userId and apikey are required');
    const refused = authenticate(userId, key);
    if (refused !== undefined) return refused;
    const projectIds = options.users().flatMap((user) => (user.userId === userId ? user.projectIds : []));
    const projects = projectIds.map((id, index) => ({
      _id: id,
      name: `Project ${index + 1}`,
      status: true,
      subscriptionStatus: 'active',
    }));
    return { status: 200, body: { totalProjects: projects.length, projects } };
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const body = await text(request);
    const { method = '', headers } = request;
    requests.push({ method, path: url.pathname, headers, body, at: Date.now() });
    const endpoint = `${method} ${url.pathname}`;
    if (endpoint === `GET ${BASE_PATH}/projects/projects-status`)
      return send(response, projectsStatus(url.searchParams));
    if (endpoint !== `POST ${BASE_PATH}/projects/upload-file`) return send(response, refusal(404, 'Not Found'));
    const behaviour = behaviours.shift() ?? { kind: 'documented' };
    switch (behaviour.kind) {
      case 'documented':
        return send(response, uploadFile(headers, body));
      case 'answer':
        return send(response, behaviour, behaviour.headers);
      case 'reset':
        return void request.socket.resetAndDestroy();
      case 'hang':
        return;
      case 'cut-off': {
        const whole = JSON.stringify(uploadFile(headers, body).body);
        response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(whole) });
        response.write(whole.slice(0, whole.length / 2), () => response.destroy());
        return;
      }
      default:
        return unreachable(behaviour);
    }
  }

  const server = http.createServer((request, response) => {
    route(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}${BASE_PATH}`,
    requests,
    script: (...next) => void behaviours.push(...next),
    rotateKey(next) {
      apiKey = next;
    },
    async settled() {
      while (downloads.size > 0) await Promise.all(downloads);
    },
    async stop() {
      stopping.abort();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function refusal(status: number, message: string): Answer {
  return { status, body: { message } };
}

function send(response: ServerResponse, answer: Answer, headers: http.OutgoingHttpHeaders = {}): void {
  const asText = typeof answer.body === 'string';
  response.writeHead(answer.status, { 'Content-Type': asText ? 'text/html' : 'application/json', ...headers });
  response.end(asText ? answer.body : JSON.stringify(answer.body));
}

/** The vendor's sentence says "2 minutes"; a shorter window needs a smaller unit. */
function inWords(windowMs: number): string {
  const minutes = windowMs / 60_000;
  if (Number.isInteger(minutes)) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const seconds = Math.ceil(windowMs / 1000);
  return seconds === 1 ? '1 second' : `${seconds} seconds`;
}

/** Downloads as the vendor does: no redirects, the bytes at first access. Reads the stream once and keeps nothing of it. */
async function fetchBuild(fileUrl: string, uploadId: string, signal: AbortSignal): Promise<StandInEvent> {
  const { pathname, searchParams } = new URL(fileUrl);
  const build: StandInBuild = { uploadId, path: pathname, versionId: searchParams.get('versionId') ?? undefined };
  const rejected = (objection: string): StandInEvent => ({ kind: 'rejected', objection, ...build });
  try {
    await sleep(DOWNLOAD_DELAY_MS, undefined, { signal });
    const response = await fetch(fileUrl, { redirect: 'manual', signal });
    if (response.status !== 200) return rejected(`The fileUrl answered HTTP ${response.status}.`);
    const hash = createHash('sha256');
    let size = 0;
    let head = Buffer.alloc(0);
    // The last chunks, of which only so many are kept as the zip's ending may span.
    const ending: Buffer[] = [];
    let endingLength = 0;
    for await (const chunk of response.body ?? []) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      hash.update(bytes);
      size += bytes.length;
      if (head.length < LOCAL_FILE_HEADER.length)
        head = Buffer.concat([head, bytes.subarray(0, LOCAL_FILE_HEADER.length)]);
      ending.push(bytes);
      endingLength += bytes.length;
      while (endingLength - (ending[0]?.length ?? 0) >= LONGEST_ENDING) endingLength -= ending.shift()?.length ?? 0;
    }
    if (head.indexOf(LOCAL_FILE_HEADER) !== 0 || !endsAsZip(Buffer.concat(ending)))
      return rejected('The file is not a whole zip.');
    return { kind: 'downloaded', size, sha256: hash.digest('hex'), ...build };
  } catch (error) {
    // Not the error's message: it may quote the URL.
    return rejected(`The download broke off (${error instanceof Error ? error.name : 'unknown error'}).`);
  }
}

/** The vendor queues a build before it fetches it; by then its answer has long arrived. In ms. */
const DOWNLOAD_DELAY_MS = 300;

const LOCAL_FILE_HEADER = Buffer.from('PK\x03\x04', 'latin1');
const END_OF_CENTRAL_DIRECTORY = Buffer.from('PK\x05\x06', 'latin1');
/** The end record without its comment, in bytes. */
const END_RECORD_LENGTH = 22;
/** The end record with the longest comment its 16-bit length allows, in bytes. */
const LONGEST_ENDING = END_RECORD_LENGTH + 0xffff;

/** Whether the last bytes hold an end-of-central-directory record that ends where the file ends. */
function endsAsZip(tail: Buffer): boolean {
  for (
    let at = tail.lastIndexOf(END_OF_CENTRAL_DIRECTORY);
    at !== -1;
    at = tail.lastIndexOf(END_OF_CENTRAL_DIRECTORY, at - 1)
  ) {
    if (at + END_RECORD_LENGTH <= tail.length && at + END_RECORD_LENGTH + tail.readUInt16LE(at + 20) === tail.length) {
      return true;
    }
    if (at === 0) break;
  }
  return false;
}
