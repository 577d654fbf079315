import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSampleBuild } from '../../local/sample-build.ts';
import { type Behaviour, type StandIn, type StandInEvent, startStandIn } from '../../local/streampixel-stand-in.ts';

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

  it('answers as it is told to, then as documented again', async () => {
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
  ])('breaks the connection off when told to: %s', async (_, behaviour) => {
    standIn.script(behaviour);
    await expect(upload()).rejects.toThrow(TypeError);
  });

  it('hangs when told to', async () => {
    standIn.script({ kind: 'hang' });
    const signal = AbortSignal.timeout(300);
    const request = fetch(`${standIn.baseUrl}/projects/upload-file`, { method: 'POST', signal });
    await expect(request).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(standIn.requests).toHaveLength(1);
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
