import { beforeEach, describe, expect, it } from 'vitest';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import { courseOf, type Dashboard, readDashboard } from '../../functions/streampixel-stand-in/dashboard.ts';
import type { Download } from '../../functions/streampixel-stand-in/download.ts';
import {
  acceptedUpload,
  type Course,
  endOfUrl,
  type Upload,
  type WebhookPayload,
} from '../../functions/streampixel-stand-in/lifecycle.ts';
import { type StepMessage, type StepPorts, takeStep } from '../../functions/streampixel-stand-in/take-step.ts';

const PROJECT = '664f0e1d2c3b4a5968778695';
const HOOK = 'https://receiver.example/hook/t0ken';
/** Signed at noon for a minute. */
const FILE_URL =
  'https://drop.s3.eu-central-1.amazonaws.com/build.zip?versionId=v1&X-Amz-Date=20260101T120000Z&X-Amz-Expires=60&X-Amz-Signature=c4nary';
const NOON = Date.parse('2026-01-01T12:00:00Z');

let now: number;
let uploads: Map<string, Upload>;
let queued: { message: StepMessage; delayS: number }[];
let sent: { url: string; payload: WebhookPayload }[];
let downloads: number;
let download: Download;
let lines: string[];
let dashboard: Partial<Dashboard>;
let ports: StepPorts;

beforeEach(() => {
  [now, uploads, queued, sent, downloads, lines] = [NOON, new Map(), [], [], 0, []];
  download = { kind: 'downloaded', size: 1_000 };
  dashboard = { webhooks: { [PROJECT]: HOOK } };
  ports = {
    clock: { now: () => now },
    log: createJsonLog({ now: () => now }, (line) => void lines.push(line)),
    uploads: {
      acquire: async () => true,
      add: async (upload) => void uploads.set(upload.uploadId, upload),
      save: async (upload) => void uploads.set(upload.uploadId, upload),
      find: async (uploadId) => uploads.get(uploadId),
      ofProject: async () => [...uploads.values()],
    },
    dashboard: async () => dashboard,
    async download() {
      downloads += 1;
      return download;
    },
    async deliver(url, payload) {
      sent.push({ url, payload });
      return true;
    },
    sendStep: async (message, delayS) => void queued.push({ message, delayS }),
  };
});

/** Accepts an upload, and takes it as far as it goes. @returns the events that webhooks were sent about */
async function run(changes: { readonly autoRelease?: boolean; readonly course?: Course } = {}) {
  const { autoRelease = false, course = { kind: 'documented' } } = changes;
  await ports.uploads.add(acceptedUpload({ projectId: PROJECT, fileUrl: FILE_URL, autoRelease }, 'u1', course, now));
  return take({ uploadId: 'u1' });
}

async function take(first: StepMessage) {
  sent = [];
  for (let next: StepMessage | undefined = first; next !== undefined; next = queued.shift()?.message) {
    await takeStep(next, ports);
    now += (queued[0]?.delayS ?? 0) * 1_000;
  }
  return sent.map(({ payload }) => payload.event);
}

const STAGES = ['build.uploaded', 'build.downloading', 'build.extracting', 'build.saving'];
const upload = () => uploads.get('u1');

describe('an upload at the stand-in of a rehearsal', () => {
  it('is approved stage by stage, with a webhook about each, and its file is read once', async () => {
    expect(await run()).toEqual([...STAGES, 'build.approved']);
    expect(upload()).toMatchObject({ stage: 'approved', status: 'Approved', isReleasable: true });
    expect(downloads).toBe(1);
    expect(sent.every(({ url }) => url === HOOK)).toBe(true);
    expect(sent[1]?.payload).toEqual({
      event: 'build.downloading',
      projectId: PROJECT,
      uploadId: 'u1',
      fileUrl: FILE_URL,
      status: 'Downloading Files',
      objection: null,
      timestamp: expect.stringMatching(/^2026-01-01T12:00:0/),
    });
  });

  it('is distributed before its approval where autoRelease is true', async () => {
    expect(await run({ autoRelease: true })).toEqual([...STAGES, 'build.distributing', 'build.approved']);
  });

  it('is distributed on request, and stays approved', async () => {
    await run();
    expect(await take({ uploadId: 'u1', from: 'approved' })).toEqual(['build.distributing']);
    expect(upload()).toMatchObject({ stage: 'approved', isReleasable: true });
  });

  it('is rejected where its file cannot be used, with what is wrong', async () => {
    download = { kind: 'unusable', objection: 'The fileUrl answered HTTP 403.' };
    expect(await run()).toEqual([...STAGES.slice(0, 2), 'build.rejected']);
    expect(sent.at(-1)?.payload.objection).toBe('The fileUrl answered HTTP 403.');
    expect(upload()).toMatchObject({ stage: 'rejected', isReleasable: false });
  });

  it('is downloaded late where the dashboard says so: once its URL has ended', async () => {
    let askedAt = 0;
    const read = ports.download;
    ports = {
      ...ports,
      download(url) {
        askedAt = now;
        return read(url);
      },
    };
    await run({ course: { kind: 'late-download' } });
    expect(askedAt).toBeGreaterThan(endOfUrl(FILE_URL));
    expect(downloads).toBe(1);
  });

  it('takes each step once, however often its message comes', async () => {
    await run();
    sent = [];
    for (const from of ['uploaded', 'downloading', 'saving'] as const) await takeStep({ uploadId: 'u1', from }, ports);
    await takeStep({ uploadId: 'u1' }, ports);
    await takeStep({ uploadId: 'unknown' }, ports);
    expect([sent, queued]).toEqual([[], []]);
  });

  it('goes on where a crash has kept the state from being saved', async () => {
    await ports.uploads.add(
      acceptedUpload({ projectId: PROJECT, fileUrl: FILE_URL, autoRelease: false }, 'u1', { kind: 'documented' }, now),
    );
    const crashing = { ...ports, uploads: { ...ports.uploads, save: () => Promise.reject(new Error('crash')) } };
    await expect(takeStep({ uploadId: 'u1' }, crashing)).rejects.toThrow('crash');
    expect(queued).toHaveLength(1);
    queued = [];
    expect(await take({ uploadId: 'u1' })).toEqual([...STAGES, 'build.approved']);
  });

  it('sends no webhook without an address, and none about a silent one', async () => {
    expect(await run({ course: { kind: 'silent' } })).toEqual([]);
    dashboard = {};
    expect(await run()).toEqual([]);
    expect(upload()).toMatchObject({ stage: 'approved' });
  });

  it('is rejected or stuck in a stage, as its course says', async () => {
    const rejected = { kind: 'rejected', at: 'extracting', objection: 'No game.' } as const;
    expect(await run({ course: rejected })).toEqual([...STAGES.slice(0, 3), 'build.rejected']);
    expect(await run({ course: { kind: 'stuck', after: 'downloading' } })).toEqual(STAGES.slice(0, 2));
  });

  it('leaves no secret in the log', async () => {
    await run();
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.join('')).not.toMatch(/c4nary|t0ken/);
  });
});

describe('the end of a download URL', () => {
  it.each([
    ['of S3', FILE_URL, NOON + 60_000],
    ['of CloudFront', 'https://d1.cloudfront.net/build.zip?Expires=1767268860&Signature=x', NOON + 60_000],
    ['without a signature', 'https://drop.example/build.zip', 0],
  ])('%s', (_, url, end) => expect(endOfUrl(url)).toBe(end));
});

describe('the dashboard of the stand-in', () => {
  const parameter = (Value: string) => async () => ({ Value });
  const stored: Dashboard = {
    apiKey: 'c4nary',
    webhooks: { [PROJECT]: HOOK },
    courses: { 'late one.zip': { kind: 'late-download' } },
  };

  it('is what rehearse has stored', async () => {
    expect(await readDashboard(parameter(JSON.stringify(stored)), '/x')).toEqual(stored);
  });

  it('is empty before that, so that no key is valid', async () => {
    const missing = async () => Promise.reject(Object.assign(new Error('none'), { name: 'ParameterNotFound' }));
    expect(await readDashboard(missing, '/x')).toEqual({});
  });

  it.each(['c4nary', '{}', '{"apiKey":"c4nary"}', ''])(
    'that holds %j is an error that quotes nothing of it',
    async (text) => {
      const error = await readDashboard(parameter(text), '/x').catch((thrown: Error) => thrown.message);
      expect(error).toContain('/x');
      expect(error).not.toContain('c4nary');
    },
  );

  it('fails with SSM', async () => {
    await expect(readDashboard(() => Promise.reject(new Error('SSM answered 500')), '/x')).rejects.toThrow('500');
  });

  it('knows a build by the name of its file', () => {
    expect(courseOf(stored, 'https://s3.example/drop/games/late%20one.zip?X=1').kind).toBe('late-download');
    expect(courseOf(stored, 'https://s3.example/drop/games/another.zip').kind).toBe('documented');
    expect(courseOf({}, 'https://s3.example/drop/late%20one.zip').kind).toBe('documented');
  });
});
