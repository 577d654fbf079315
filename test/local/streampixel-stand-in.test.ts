import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import {
  type Behaviour,
  type StandIn,
  type StandInEvent,
  startStandIn,
} from '../../local/streampixel/streampixel-stand-in.ts';
import { eventually } from './eventually.ts';
import { type StandInWorld, startStandInWorld } from './stand-in-world.ts';

const KEY = 'the-valid-key';
const ONE = { userId: '6650a1b2c3d4e5f60718293a', projectIds: ['664f0e1d2c3b4a5968778695'] };
const OTHER = { userId: '6650a1b2c3d4e5f60718293b', projectIds: ['664f0e1d2c3b4a5968778696'] };

let standIn: StandIn;
let windowMs: number;
const events: StandInEvent[] = [];

beforeEach(async () => {
  windowMs = 120_000;
  events.length = 0;
  standIn = await startStandIn({
    users: () => [ONE, OTHER],
    apiKey: KEY,
    windowMs: () => windowMs,
    onEvent: (event) => void events.push(event),
  });
});
afterEach(() => standIn.stop());

const FIELDS = {
  apiKey: KEY,
  userId: ONE.userId,
  projectId: ONE.projectIds[0],
  fileUrl: 'http://127.0.0.1:1/build.zip',
  autoRelease: false,
};
async function upload(changes: object = {}, type = 'application/json'): Promise<[number, unknown]> {
  const response = await fetch(`${standIn.baseUrl}/projects/upload-file`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: JSON.stringify({ ...FIELDS, ...changes }),
  });
  return [response.status, await response.json()];
}

describe('upload-file at the stand-in', () => {
  it('accepts a build and names the upload by 24 hex digits', async () => {
    expect(await upload()).toEqual([
      200,
      { message: 'Build queued for processing', uploadId: expect.stringMatching(/^[0-9a-f]{24}$/) },
    ]);
  });

  it.each<[string, object, number, string]>([
    ['no fileUrl', { fileUrl: undefined }, 400, 'Missing required field: fileUrl'],
    ['no apiKey', { apiKey: undefined }, 400, 'Missing required field: apiKey'],
    [
      'a fileUrl whose path does not end in .zip',
      { fileUrl: 'http://127.0.0.1/x?y=.zip' },
      400,
      'Invalid fileUrl: must be a direct link to a .zip file',
    ],
    ['another key', { apiKey: 'another' }, 401, 'Unauthorized: Invalid API Key'],
    ['an unknown user', { userId: '0'.repeat(24) }, 401, 'Invalid User'],
    [
      "another user's project",
      { projectId: OTHER.projectIds[0] },
      403,
      'Forbidden: project does not belong to this user',
    ],
    ['an unknown project', { projectId: '0'.repeat(24) }, 404, 'Project not found'],
  ])('refuses %s', async (_, changes, status, message) => {
    expect(await upload(changes)).toEqual([status, { message }]);
  });

  it('refuses what is not sent as JSON', async () => {
    expect((await upload({}, 'text/plain'))[0]).toBe(415);
  });

  it('takes one build per window and user', async () => {
    await upload();
    expect(await upload()).toEqual([429, { message: 'Rate limit exceeded. Try again in 2 minutes.' }]);
    expect((await upload({ userId: OTHER.userId, projectId: OTHER.projectIds[0] }))[0]).toBe(200);
    windowMs = 0;
    expect((await upload())[0]).toBe(200);
  });

  it('does not count what it refuses', async () => {
    await upload({ apiKey: 'another' });
    expect((await upload())[0]).toBe(200);
  });

  it('takes a new key for the only one, at once', async () => {
    standIn.rotateKey('the-new-key');
    expect((await upload())[0]).toBe(401);
    expect((await upload({ apiKey: 'the-new-key' }))[0]).toBe(200);
  });

  it('keeps the requests that arrived', async () => {
    await upload();
    expect(standIn.requests).toMatchObject([{ method: 'POST', path: '/pixelStripeApi/projects/upload-file' }]);
    expect(JSON.parse(standIn.requests[0]?.body ?? '')).toEqual(FIELDS);
  });

  it('answers as scripted, then as documented again', async () => {
    const html = '<html>Bad gateway</html>';
    standIn.script({ kind: 'answer', status: 502, body: html }, { kind: 'answer', status: 200, body: {} });
    const response = await fetch(`${standIn.baseUrl}/projects/upload-file`, { method: 'POST' });
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      502,
      'text/html',
      html,
    ]);
    expect(await upload()).toEqual([200, {}]);
    expect((await upload())[0]).toBe(200);
  });

  it.each<[string, Behaviour]>([
    ['reset', { kind: 'reset' }],
    ['cut off', { kind: 'cut-off' }],
  ])('breaks the connection off where that is scripted: %s', async (_, behaviour) => {
    standIn.script(behaviour);
    await expect(upload()).rejects.toThrow(TypeError);
  });

  it('hangs where that is scripted', async () => {
    standIn.script({ kind: 'hang' });
    const client = new AbortController();
    const request = fetch(`${standIn.baseUrl}/projects/upload-file`, { method: 'POST', signal: client.signal });
    await eventually(() => expect(standIn.requests).toHaveLength(1));
    expect(await Promise.race([request, sleep(200, 'no answer')])).toBe('no answer');
    client.abort();
    await expect(request).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('projects-status at the stand-in', () => {
  const status = async (query: string) => {
    const response = await fetch(`${standIn.baseUrl}/projects/projects-status?${query}`);
    return [response.status, await response.json()];
  };

  it("lists the user's projects", async () => {
    expect(await status(`userId=${ONE.userId}&apikey=${KEY}`)).toEqual([
      200,
      {
        totalProjects: 1,
        projects: [{ _id: ONE.projectIds[0], name: 'Project 1', status: true, subscriptionStatus: 'active' }],
      },
    ]);
  });

  it.each([
    ['nothing', '', 400],
    ['another key', `userId=${ONE.userId}&apikey=x`, 401],
    ['an unknown user', `userId=x&apikey=${KEY}`, 401],
  ])('refuses %s', async (_, query, expected) => {
    expect((await status(query))[0]).toBe(expected);
  });
});

describe('distribute-file at the stand-in', () => {
  let world: StandInWorld;
  let uploadId: string;
  beforeEach(async () => {
    world = await startStandInWorld({ windowMs: () => windowMs });
    uploadId = await world.upload({ autoRelease: false });
    await world.standIn.settled();
  });
  afterEach(() => world.stop());

  it('makes an approved build live, and says so by webhook', async () => {
    expect(await world.distribute(uploadId)).toEqual([200, { message: 'Distribution triggered' }]);
    await world.standIn.settled();
    expect(world.events.at(-1)).toMatchObject({ kind: 'live', by: 'distribute-file', uploadId });
    expect(world.deliveries.at(-1)?.payload).toMatchObject({
      event: 'build.distributing',
      status: 'Distribute',
      uploadId,
    });
    expect(world.standIn.live(ONE.projectIds[0] ?? '')).toBe(uploadId);
  });

  it('brings an older build back', async () => {
    windowMs = 0;
    const newer = await world.upload();
    await world.standIn.settled();
    expect(world.standIn.live(ONE.projectIds[0] ?? '')).toBe(newer);
    for (const id of [uploadId, newer, uploadId]) {
      expect((await world.distribute(id))[0]).toBe(200);
      await world.standIn.settled();
      expect(world.standIn.live(ONE.projectIds[0] ?? '')).toBe(id);
    }
    const [, project] = await world.get(`projects/${ONE.projectIds[0]}?userId=${ONE.userId}&apikey=${KEY}`);
    expect(project).toMatchObject({ files: [{ status: 'Approved' }, { status: 'Approved' }] });
  });

  it.each<[string, object, number, string]>([
    ['no apiKey', { apiKey: undefined }, 400, 'Missing required field: apiKey'],
    ['no userId', { userId: undefined }, 400, 'Missing required field: userId'],
    ['no projectId', { projectId: undefined }, 400, 'Missing required field: projectId'],
    ['no uploadId', { uploadId: undefined }, 400, 'Missing required field: uploadId'],
    ['another key', { apiKey: 'another' }, 401, 'Unauthorized: Invalid API Key'],
    ['an unknown user', { userId: '0'.repeat(24) }, 401, 'Invalid User'],
    ["another user's project", { projectId: OTHER.projectIds[0] }, 403, 'Access denied'],
    ['an unknown project', { projectId: '0'.repeat(24) }, 404, 'Project not found'],
    ['an unknown upload', { uploadId: '0'.repeat(24) }, 404, 'File not found in project'],
    [
      "an upload of another user's project",
      { userId: OTHER.userId, projectId: OTHER.projectIds[0] },
      404,
      'File not found in project',
    ],
  ])('refuses %s', async (_, changes, status, message) => {
    expect(await world.distribute(uploadId, changes)).toEqual([status, { message }]);
    expect((await world.distribute(uploadId))[0]).toBe(200);
  });

  it.each(['stuck', 'rejected'] as const)('refuses a build that is %s', async (kind) => {
    windowMs = 0;
    world.standIn.plan(
      kind === 'stuck' ? { kind, after: 'saving' } : { kind, at: 'saving', objection: 'Storage error.' },
    );
    const unfinished = await world.upload({ autoRelease: false });
    await world.standIn.settled();
    expect(await world.distribute(unfinished)).toEqual([400, { message: 'File has no URL yet' }]);
  });

  it('takes one order per window and user, apart from uploads', async () => {
    const ofAnother = await world.upload({ ...OTHER, projectId: OTHER.projectIds[0], autoRelease: false });
    await world.standIn.settled();
    expect((await world.distribute(uploadId))[0]).toBe(200);
    const refusal = { message: 'Rate limit exceeded. Try again in 2 minutes.' };
    expect(await world.distribute(uploadId)).toEqual([429, refusal]);
    expect((await world.distribute(ofAnother, { ...OTHER, projectId: OTHER.projectIds[0] }))[0]).toBe(200);
    windowMs = 0;
    expect((await world.distribute(uploadId))[0]).toBe(200);
  });

  it('leaves the door for uploads open', async () => {
    const shared = await startStandInWorld({
      users: () => [ONE, { ...OTHER, projectIds: ONE.projectIds }],
      windowMs: () => windowMs,
    });
    try {
      const ofAnother = await shared.upload({ autoRelease: false });
      await shared.standIn.settled();
      expect((await shared.distribute(ofAnother, { userId: OTHER.userId }))[0]).toBe(200);
      await expect(shared.upload({ userId: OTHER.userId })).resolves.toEqual(expect.any(String));
    } finally {
      await shared.stop();
    }
  });

  it('answers as scripted, apart from upload-file, and then as documented', async () => {
    windowMs = 0;
    world.standIn.scriptDistribute({ kind: 'answer', status: 500, body: { message: 'Internal server error' } });
    await world.upload();
    expect(await world.distribute(uploadId)).toEqual([500, { message: 'Internal server error' }]);
    world.standIn.scriptDistribute({ kind: 'reset' });
    await expect(world.distribute(uploadId)).rejects.toThrow(TypeError);
    world.standIn.script({ kind: 'reset' });
    expect((await world.distribute(uploadId))[0]).toBe(200);
  });

  it('obeys an order whose answer is cut off', async () => {
    world.standIn.scriptDistribute({ kind: 'cut-off' });
    await expect(world.distribute(uploadId)).rejects.toThrow(TypeError);
    await world.standIn.settled();
    expect(world.standIn.live(ONE.projectIds[0] ?? '')).toBe(uploadId);
  });
});

describe('a project at the stand-in', () => {
  let world: StandInWorld;
  beforeEach(async () => {
    world = await startStandInWorld();
  });
  afterEach(() => world.stop());
  const project = (id = ONE.projectIds[0], query = `userId=${ONE.userId}&apikey=${KEY}`) =>
    world.get(`projects/${id}?${query}`);

  it('lists its builds, the newest first, without signatures', async () => {
    const approved = await world.upload();
    world.standIn.plan({ kind: 'rejected', at: 'saving', objection: 'Storage error.' });
    const rejected = await world.upload();
    world.standIn.plan({ kind: 'stuck', after: 'extracting' });
    const stuck = await world.upload();
    await world.upload({ userId: OTHER.userId, projectId: OTHER.projectIds[0] });
    await world.standIn.settled();
    const shared = { url: world.fileUrl.split('?')[0], date: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) };
    expect(await project()).toEqual([
      200,
      {
        id: ONE.projectIds[0],
        name: 'Project 1',
        webhookUrl: world.webhookUrl,
        webhookEvents: [
          'build.uploaded',
          'build.downloading',
          'build.extracting',
          'build.saving',
          'build.distributing',
          'build.approved',
          'build.rejected',
        ],
        files: [
          { _id: stuck, status: 'Extracting & Scanning', objection: null, ...shared },
          { _id: rejected, status: 'Reject', objection: 'Storage error.', ...shared },
          { _id: approved, status: 'Approved', objection: null, ...shared },
        ],
        liveUsers: 0,
        usersInQueue: 0,
      },
    ]);
  });

  it('may have no webhook and no builds', async () => {
    world.standIn.setWebhook(ONE.projectIds[0] ?? '', undefined);
    expect((await project())[1]).toMatchObject({ webhookUrl: null, files: [] });
  });

  it.each<[string, string | undefined, string | undefined, number, string]>([
    ['nothing', undefined, '', 400, 'userId and apikey are required'],
    ['another key', undefined, `userId=${ONE.userId}&apikey=x`, 401, 'Unauthorized: Invalid API Key'],
    ['an unknown user', undefined, `userId=x&apikey=${KEY}`, 401, 'Invalid User'],
    ["another user's project", OTHER.projectIds[0], undefined, 403, 'Access denied'],
    ['an unknown project', '0'.repeat(24), undefined, 404, 'Project not found'],
  ])('is refused for %s', async (_, id, query, status, message) => {
    expect(await project(id, query)).toEqual([status, { message }]);
  });
});

describe('the download by the stand-in', () => {
  let server: http.Server;
  let answer: http.RequestListener;
  beforeEach(async () => {
    server = http.createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
  });
  afterEach(() => void server.close());

  async function download(): Promise<StandInEvent | undefined> {
    const { port } = server.address() as AddressInfo;
    await upload({ fileUrl: `http://127.0.0.1:${port}/drop/a%20b.zip?versionId=v1&X-Amz-Signature=c4nary` });
    await standIn.settled();
    return events[0];
  }

  it('reads the zip to its end and says what it read, but not by which signature', async () => {
    const zip = await makeSampleBuild();
    answer = (_, response) => response.end(zip);
    const event = await download();
    expect(event).toEqual({
      kind: 'downloaded',
      host: expect.any(String),
      uploadId: expect.any(String),
      path: '/drop/a%20b.zip',
      versionId: 'v1',
      size: zip.length,
      sha256: createHash('sha256').update(zip).digest('hex'),
    });
  });

  it.each<[string, (zip: Buffer) => http.RequestListener, string]>([
    [
      'a zip without its end',
      (zip) => (_, response) => response.end(zip.subarray(0, -1)),
      'The file is not a whole zip.',
    ],
    [
      'what does not start as a zip',
      (zip) => (_, response) => response.end(zip.subarray(1)),
      'The file is not a whole zip.',
    ],
    ['nothing', () => (_, response) => response.end(), 'The file is not a whole zip.'],
    [
      'a redirect',
      () => (_, response) => response.writeHead(302, { location: '/elsewhere.zip' }).end(),
      'The fileUrl answered HTTP 302.',
    ],
    ['a refusal', () => (_, response) => response.writeHead(403).end(), 'The fileUrl answered HTTP 403.'],
    [
      'a download that breaks off',
      (zip) => (_, response) => {
        response.writeHead(200, { 'content-length': zip.length });
        response.write(zip.subarray(0, 1000), () => response.destroy());
      },
      'The download broke off (TypeError).',
    ],
  ])('rejects %s', async (_, listener, objection) => {
    answer = listener(await makeSampleBuild());
    expect(await download()).toMatchObject({ kind: 'rejected', objection });
  });
});
