import { MARGIN_MS } from '../domain/pacing/pacer.ts';
import { BUILD_EVENTS, type Upload, type UploadRequest } from './lifecycle.ts';

export interface StandInUser {
  readonly userId: string;
  readonly projectIds: readonly string[];
}

/** A request of the API. */
export interface Call {
  readonly contentType: string | undefined;
  readonly query: URLSearchParams;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON. */
  readonly body: unknown;
}

/** The endpoints that have a rate limit for each user. */
export type LimitedEndpoint = 'upload-file' | 'distribute-file';

/** What the API knows and does: in memory behind `npm start`, in a table in a rehearsal. */
export interface Streampixel {
  /** Who may upload where. */
  readonly users: readonly StandInUser[];
  /** The only valid key; `undefined`: every key is refused. */
  readonly apiKey: string | undefined;
  /** How long an accepted call blocks further ones of its user and endpoint, in ms. */
  readonly windowMs: number;
  /** Starts the window of a call. @returns whether none was open */
  acquire(endpoint: LimitedEndpoint, userId: string): Promise<boolean>;
  accept(request: UploadRequest): Promise<Upload>;
  /** Makes a releasable upload the live one, after a while. */
  distribute(upload: Upload): Promise<void>;
  /** Oldest first. */
  uploadsOf(projectId: string): Promise<readonly Upload[]>;
  /** Address of the project's webhook. */
  webhookOf(projectId: string): string | undefined;
}

/** The window that fits a stack's interval, both in ms: shorter by the margin that the real interval has, as far as there is room. */
export function windowOf(intervalMs: number): number {
  return intervalMs - Math.min(MARGIN_MS, intervalMs / 2);
}

/** Path of the API; the setting `streampixelBaseUrl` ends in it. */
export const BASE_PATH = '/pixelStripeApi';

/** Required fields of the documented requests, in the order in which they are checked. */
const UPLOAD_FIELDS = ['apiKey', 'userId', 'projectId', 'fileUrl'] as const;
const DISTRIBUTE_FIELDS = ['apiKey', 'userId', 'projectId', 'uploadId'] as const;

/** An answer other than 2xx, in Streampixel's words. */
class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What comes after `/projects/` in a path of the API. */
export function endpointOf(path: string): string {
  const [before, endpoint = ''] = path.split(`${BASE_PATH}/projects/`);
  return before === '' ? endpoint : '';
}

/**
 * Answers a request as Streampixel's documentation describes it, with all its effects.
 *
 * @param endpoint by {@link endpointOf}
 */
export async function answerTo(
  method: string,
  endpoint: string,
  call: Call,
  streampixel: Streampixel,
): Promise<Answer> {
  try {
    if (method === 'POST' && endpoint === 'upload-file') return await uploadFile(call, streampixel);
    if (method === 'POST' && endpoint === 'distribute-file') return await distributeFile(call, streampixel);
    if (method !== 'GET' || endpoint === '' || endpoint.includes('/')) throw new Refusal(404, 'Not Found');
    return endpoint === 'projects-status'
      ? projectsStatus(call, streampixel)
      : await getProject(endpoint, call, streampixel);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, body: { message: error.message } };
  }
}

async function uploadFile(call: Call, streampixel: Streampixel): Promise<Answer> {
  const { autoRelease = true, ...fields } = readFields(call, UPLOAD_FIELDS);
  if (typeof autoRelease !== 'boolean') throw new Refusal(400, 'Invalid field: autoRelease');
  const { userId, projectId, fileUrl } = fields;
  authenticate(streampixel, userId, fields.apiKey);
  projectOf(streampixel, userId, projectId, 'Forbidden: project does not belong to this user');
  if (!URL.canParse(fileUrl) || !new URL(fileUrl).pathname.endsWith('.zip')) {
    throw new Refusal(400, 'Invalid fileUrl: must be a direct link to a .zip file');
  }
  await limit(streampixel, 'upload-file', userId);
  const { uploadId } = await streampixel.accept({ projectId, fileUrl, autoRelease });
  return { status: 200, body: { message: 'Build queued for processing', uploadId } };
}

async function distributeFile(call: Call, streampixel: Streampixel): Promise<Answer> {
  const { apiKey, userId, projectId, uploadId } = readFields(call, DISTRIBUTE_FIELDS);
  authenticate(streampixel, userId, apiKey);
  projectOf(streampixel, userId, projectId, 'Access denied');
  const uploads = await streampixel.uploadsOf(projectId);
  const upload = uploads.find((candidate) => candidate.uploadId === uploadId);
  if (upload === undefined) throw new Refusal(404, 'File not found in project');
  if (!upload.isReleasable) throw new Refusal(400, 'File has no URL yet');
  await limit(streampixel, 'distribute-file', userId);
  await streampixel.distribute(upload);
  return { status: 200, body: { message: 'Distribution triggered' } };
}

function projectsStatus({ query }: Call, streampixel: Streampixel): Answer {
  const projects = projectsOf(streampixel, authenticateByQuery(streampixel, query)).map(({ id, name }) => ({
    _id: id,
    name,
    status: true,
    subscriptionStatus: 'active',
  }));
  return { status: 200, body: { totalProjects: projects.length, projects } };
}

/** The documentation had this endpoint once; now it does not mention it. */
async function getProject(projectId: string, { query }: Call, streampixel: Streampixel): Promise<Answer> {
  const { name } = projectOf(streampixel, authenticateByQuery(streampixel, query), projectId, 'Access denied');
  const uploads = await streampixel.uploadsOf(projectId);
  const files = uploads.map(({ uploadId, fileUrl, status, acceptedAt, objection = null }) => {
    const { origin, pathname } = new URL(fileUrl);
    const date = new Date(acceptedAt).toISOString();
    return { _id: uploadId, url: `${origin}${pathname}`, status, date, objection };
  });
  const webhook = { webhookUrl: streampixel.webhookOf(projectId) ?? null, webhookEvents: BUILD_EVENTS };
  // Newest first, as in the documented example.
  return {
    status: 200,
    body: { id: projectId, name, ...webhook, files: files.reverse(), liveUsers: 0, usersInQueue: 0 },
  };
}

function authenticate({ apiKey, users }: Streampixel, userId: string, key: string): void {
  if (!users.some((user) => user.userId === userId)) throw new Refusal(401, 'Invalid User');
  if (key !== apiKey) throw new Refusal(401, 'Unauthorized: Invalid API Key');
}

function authenticateByQuery(streampixel: Streampixel, query: URLSearchParams): string {
  const userId = query.get('userId');
  const key = query.get('apikey');
  if (!userId || !key) throw new Refusal(400, 'userId and apikey are required');
  authenticate(streampixel, userId, key);
  return userId;
}

function projectsOf({ users }: Streampixel, userId: string): readonly { readonly id: string; readonly name: string }[] {
  const ids = users.flatMap((user) => (user.userId === userId ? user.projectIds : []));
  return ids.map((id, index) => ({ id, name: `Project ${index + 1}` }));
}

/** @param denial the message for another user's project: each endpoint has its own */
function projectOf(
  streampixel: Streampixel,
  userId: string,
  projectId: string,
  denial: string,
): { readonly name: string } {
  if (!streampixel.users.some(({ projectIds }) => projectIds.includes(projectId))) {
    throw new Refusal(404, 'Project not found');
  }
  const project = projectsOf(streampixel, userId).find(({ id }) => id === projectId);
  if (project === undefined) throw new Refusal(403, denial);
  return project;
}

async function limit(streampixel: Streampixel, endpoint: LimitedEndpoint, userId: string): Promise<void> {
  if (await streampixel.acquire(endpoint, userId)) return;
  throw new Refusal(429, `Rate limit exceeded. Try again in ${inWords(streampixel.windowMs)}.`);
}

/**
 * The fields of a JSON body that has the named ones.
 *
 * @throws Refusal
 */
function readFields<Name extends string>(
  { contentType, body }: Call,
  required: readonly Name[],
): Record<Name, string> & { readonly autoRelease?: unknown } {
  if (contentType?.split(';')[0] !== 'application/json') throw new Refusal(415, 'Unsupported Media Type');
  let fields: Record<Name, string>;
  try {
    fields = JSON.parse(body) ?? {};
  } catch {
    throw new Refusal(400, 'Invalid JSON');
  }
  for (const name of required) {
    if (typeof fields[name] !== 'string' || fields[name] === '') {
      throw new Refusal(400, `Missing required field: ${name}`);
    }
  }
  return fields;
}

/** Streampixel's message says "2 minutes"; a shorter window needs a smaller unit. */
function inWords(windowMs: number): string {
  const minutes = windowMs / 60_000;
  if (Number.isInteger(minutes)) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const seconds = Math.ceil(windowMs / 1000);
  return seconds === 1 ? '1 second' : `${seconds} seconds`;
}
