import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ZipFile } from 'yazl';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { type OpenedBoard, openBoard, raw } from './board-client.ts';
import { KEY, routesFor, useOperatedStack, WRONG_KEY } from './operated-stack.ts';
import { EVENTUALLY, PATIENCE } from './tool.ts';

vi.setConfig(PATIENCE);

const operated = useOperatedStack(routesFor('live', 'keys', 'uploads', 'failed'));
let s3: S3Client;
let ssm: SSMClient;
beforeAll(() => {
  s3 = new S3Client({ ...operated().client, forcePathStyle: true });
  ssm = new SSMClient(operated().client);
});
afterAll(() => {
  s3.destroy();
  ssm.destroy();
});

const CLIENT = 'page0000';

async function act(board: OpenedBoard, request: object) {
  const plan = await board.post('/api/plan', request);
  expect(plan).toMatchObject({ status: 200, body: { isEmpty: false, confirm: expect.any(String) } });
  const done = await board.post('/api/do', { request, confirm: plan.body.confirm });
  return { plan: plan.body, done };
}

describe('the board', () => {
  it('shows a build from its drop to its release, releases it, and rolls back', async ({ onTestFinished }) => {
    const { seen, stack } = operated();
    const board = await openBoard(stack.port, onTestFinished);
    const page = await board.page(CLIENT);
    await page.event('hello', ({ readOnly, stack }) => stack !== '' && !readOnly);
    const one = await stack.drop(await makeSampleBuild(), 'live/one.zip');
    const { waitsForPerson } = await page.event('summary', (each) => each.waitsForPerson.count === 1);
    expect(waitsForPerson.items[0]).toMatchObject({
      id: one.build,
      key: 'live/one.zip',
      status: 'waits-for-person',
      tone: 'attention',
      actions: ['release', 'submit-again'],
    });
    expect(waitsForPerson.items[0]?.timeline.map(({ step }) => step)).toEqual(
      expect.arrayContaining(['dropped', 'waiting', 'submitted', 'extracting', 'approved']),
    );

    const released = await act(board, { action: 'release', build: one.build });
    expect(released.plan).toMatchObject({ title: expect.stringContaining('live/one.zip'), isGrave: true });
    expect(released.plan.lines[0]).toContain(`Would put ${one.build} live`);
    expect(released.done).toMatchObject({ status: 200, body: { isPartial: false } });
    await page.event('summary', ({ projects }) => projects.some(({ live }) => live?.build === one.build));

    const two = await stack.drop(await makeSampleBuild(), 'live/two.zip');
    await seen(two, 'approved');
    // The world is not what it was: the plan was made for other viewers.
    const old = await board.post('/api/plan', { action: 'release', build: one.build });
    await act(board, { action: 'release', build: two.build });
    const { projects } = await page.event('summary', (each) =>
      each.projects.some(({ live }) => live?.build === two.build),
    );
    const changed = await board.post('/api/do', {
      request: { action: 'release', build: one.build },
      confirm: old.body.confirm,
    });
    expect(changed).toMatchObject({
      status: 409,
      body: { error: { code: 'PlanChanged' }, plan: { confirm: expect.not.stringMatching(old.body.confirm) } },
    });

    const project = projects.find(({ live }) => live?.build === two.build);
    expect(project).toMatchObject({ previous: { build: one.build }, canGoBack: true, live: { by: 'person' } });
    await act(board, { action: 'roll-back', projectId: project?.projectId });
    await page.event('summary', (each) => {
      return each.projects.some(({ before, live }) => live?.build === one.build && before[0]?.build === two.build);
    });
  });

  it('shows one build with its advice, and finds builds by key, label and upload id', async ({ onTestFinished }) => {
    const { seen, stack } = operated();
    const board = await openBoard(stack.port, onTestFinished);
    const found = await stack.drop(await makeSampleBuild(), 'live/needle.zip');
    const { uploadId = '' } = await seen(found, 'submitted');
    await seen(found, 'approved');
    for (const q of ['needle', 'LIVE/NEEDLE', uploadId, `needle ${uploadId.slice(0, 8)}`, ` s3://${found.build}`]) {
      const { body } = await board.get(`/api/builds?q=${encodeURIComponent(q)}`);
      expect(body.builds.map(({ id }: { id: string }) => id)).toEqual([found.build]);
    }
    expect((await board.get('/api/builds?q=nothing-like-it')).body).toEqual({ builds: [] });
    const first = await board.get('/api/builds?limit=1');
    expect(first.body).toMatchObject({ builds: [{ id: expect.any(String) }], next: expect.any(String) });
    const second = await board.get(`/api/builds?limit=1&from=${first.body.next}`);
    expect(second.body.builds[0].id).not.toBe(first.body.builds[0].id);
    expect(await board.get('/api/builds?limit=0')).toMatchObject({ status: 400, body: { error: { code: 'Usage' } } });

    const { body } = await board.get(`/api/build?id=${encodeURIComponent(found.build)}`);
    expect(body).toMatchObject({
      row: { id: found.build, uploadId },
      statusSentence: expect.stringContaining('waits for a person'),
      facts: expect.arrayContaining([['Game', 'Sample']]),
      history: expect.arrayContaining([expect.objectContaining({ state: 'submitted' })]),
      advice: { command: expect.stringContaining(`release ${found.build}`) },
      links: [],
    });
    expect(await board.get('/api/build?id=no-such-build')).toMatchObject({
      status: 404,
      body: { error: { code: 'UnknownBuild', remedy: expect.stringContaining(`--local ${stack.port}`) } },
    });
  });

  it('stores a new key, which is in no answer, and shows what the old one stopped until then', async ({
    onTestFinished,
  }) => {
    const { seen, stack } = operated();
    const board = await openBoard(stack.port, onTestFinished);
    const page = await board.page(CLIENT);
    await ssm.send(
      new PutParameterCommand({ Name: '/drop/keys', Value: WRONG_KEY, Type: 'SecureString', Overwrite: true }),
    );
    const stopped = await stack.drop(await makeSampleBuild(), 'keys/game.zip');
    await seen(stopped, 'dead-lettered');
    const { failed } = await page.event('summary', (each) =>
      each.failed.some(({ reason }) => reason === 'InvalidApiKey'),
    );
    expect(failed.find(({ reason }) => reason === 'InvalidApiKey')).toMatchObject({
      kind: 'dead-lettered',
      actions: ['store-key', 'redrive', 'discard'],
      parameters: ['/drop/keys'],
      command: `npx --no streampixel-drop key set --parameter /drop/keys --local ${stack.port}`,
      builds: { count: 1, items: [{ id: stopped.build, actions: ['redrive', 'discard'] }] },
    });

    const parameter = '/drop/keys';
    const wrong = await board.post('/api/plan', { action: 'store-key', parameter, key: 'c4nary-other-key' });
    expect(wrong.body).toMatchObject({
      isEmpty: true,
      lines: [expect.stringContaining('InvalidApiKey')],
      warnings: [expect.stringContaining('rejects this key'), expect.anything()],
    });
    expect(
      await board.post('/api/do', {
        request: { action: 'store-key', parameter, key: 'c4nary-other-key' },
        confirm: wrong.body.confirm,
      }),
    ).toMatchObject({
      status: 502,
      body: { error: { code: 'InvalidApiKey' } },
    });
    // The confirmation of one key is none for another.
    const right = await board.post('/api/plan', { action: 'store-key', parameter, key: KEY });
    expect(
      await board.post('/api/do', {
        request: { action: 'store-key', parameter, key: `${KEY}x`, force: true },
        confirm: right.body.confirm,
      }),
    ).toMatchObject({ status: 409 });
    const { done } = await act(board, { action: 'store-key', parameter, key: KEY });
    expect(done.body.lines[0]).toMatch(/^Stored as version \d+ of \/drop\/keys\.$/);
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: parameter, WithDecryption: true }));
    expect(Parameter?.Value).toBe(KEY);
    await seen(stopped, 'submitted');
    await page.event('summary', (each) => each.waitsForPerson.items.some(({ id }) => id === stopped.build));
    expect(JSON.stringify([wrong, right, done, page.received])).not.toContain('c4nary');
  });

  it('redrives, discards and submits what failed', async ({ onTestFinished }) => {
    const { seen, stack } = operated();
    const board = await openBoard(stack.port, onTestFinished);
    const page = await board.page(CLIENT);
    const bad = await stack.drop(Buffer.from('no zip'), 'failed/bad.zip');
    const isDeadLetter = () =>
      vi.waitFor(
        () => expect(stack.deadLetters().filter(({ body }) => body.includes('failed/bad.zip'))).toHaveLength(1),
        EVENTUALLY,
      );
    await seen(bad, 'dead-lettered');
    await page.event('summary', (each) => each.failed.some(({ reason }) => reason === 'NotAZip'));
    const plan = await board.post('/api/plan', { action: 'redrive', reason: 'NotAZip' });
    expect(plan.body).toMatchObject({ title: 'Redrive 1 dead letter', isEmpty: false });
    expect(plan.body.lines).toEqual(
      expect.arrayContaining([expect.stringContaining('Would send back'), expect.stringContaining('failed/bad.zip')]),
    );
    const done = await board.post('/api/do', {
      request: { action: 'redrive', reason: 'NotAZip' },
      confirm: plan.body.confirm,
    });
    expect(done.body).toEqual({ lines: ['1 dead letter sent back to the builds queue.'], isPartial: false });
    await isDeadLetter();

    const discarded = await act(board, { action: 'discard', builds: [bad.build] });
    expect(discarded.plan).toMatchObject({ isGrave: true, command: expect.stringMatching(/ dlq discard .* --yes /) });
    expect(discarded.done.body.lines).toEqual(['1 dead letter discarded.']);
    await page.event('summary', (each) =>
      each.finished.some(({ id, status }) => id === bad.build && status === 'discarded'),
    );
    expect((await board.post('/api/plan', { action: 'discard', reason: 'NotAZip' })).body).toMatchObject({
      isEmpty: true,
    });

    const submitted = await act(board, { action: 'submit', build: bad.build });
    expect(submitted.plan).toMatchObject({
      warnings: [expect.stringContaining('NotAZip')],
      title: expect.stringContaining('failed/bad.zip'),
    });
    expect(submitted.done.body.lines).toEqual(['1 of 1 build sent to the builds queue.']);
    await isDeadLetter();
  });

  it('refuses requests that make no sense, without repeating them', async ({ onTestFinished }) => {
    const board = await openBoard(operated().stack.port, onTestFinished);
    for (const request of [
      {},
      null,
      [],
      { action: 'delete' },
      { action: 'release' },
      { action: 'release', build: 1 },
      { action: 'release', build: '' },
      { action: 'store-key', parameter: '/p', key: ['c4nary'] },
      { action: 'redrive', reason: 'c4nary' },
      { action: 'release', build: 'x', extra: 'c4nary' },
    ]) {
      const answer = await board.post('/api/plan', request);
      expect(answer).toMatchObject({ status: 400, body: { error: { code: 'Usage' } } });
      expect(JSON.stringify(answer)).not.toContain('c4nary');
    }
  });
});

describe('an upload on the board', () => {
  const NEW = { client: CLIENT, kind: 'zip', name: 'game.zip' } as const;

  it('is judged first, then uploaded whole, with its labels', async ({ onTestFinished }) => {
    const { seen, stack } = operated();
    const zip = await makeSampleBuild();
    const board = await openBoard(stack.port, onTestFinished);
    const page = await board.page(CLIENT, [zip]);
    const { body } = await board.post('/api/uploads', { ...NEW, files: [{ path: 'game.zip', size: zip.length }] });
    const ready = await page.upload(body.id, 'ready', 'refused', 'failed');
    expect(ready).toMatchObject({
      state: 'ready',
      fileName: 'game.zip',
      size: zip.length,
      verdict: { refusals: [], facts: expect.arrayContaining([['Game', 'Sample']]) },
    });
    for (const labels of [['commit='], ['=abc'], ['commit=abc', 'commit=abd']]) {
      expect(await board.post(`/api/uploads/${body.id}/start`, { route: 'uploads/', labels })).toMatchObject({
        status: 400,
        body: { error: { message: expect.stringContaining('This is no label.') } },
      });
    }
    expect(await board.post(`/api/uploads/${body.id}/start`, { route: 'none/' })).toMatchObject({ status: 400 });
    const started = await board.post(`/api/uploads/${body.id}/start`, { route: 'uploads/', labels: ['commit=abc'] });
    expect(started.body).toMatchObject({ state: 'uploading', key: 'uploads/game.zip' });
    const done = await page.upload(body.id, 'done', 'failed');
    expect(done).toMatchObject({
      state: 'done',
      uploaded: zip.length,
      build: expect.stringContaining('/uploads/game.zip@'),
    });
    const object = await s3.send(new GetObjectCommand({ Bucket: stack.bucket, Key: 'uploads/game.zip' }));
    expect(Buffer.from((await object.Body?.transformToByteArray()) ?? []).equals(Buffer.from(zip))).toBe(true);
    expect(object.Metadata).toEqual({ 'label-commit': 'abc' });
    await seen({ build: done.build ?? '' }, 'submitted');
    await vi.waitFor(async () => {
      const { body: list } = await board.get('/api/builds?q=commit%3Dabc');
      expect(list.builds).toMatchObject([{ labels: { commit: 'abc' } }]);
    }, EVENTUALLY);
  });

  it('of what Streampixel cannot run is refused before a byte of it is uploaded', async ({ onTestFinished }) => {
    const { stack } = operated();
    const board = await openBoard(stack.port, onTestFinished);
    const page = await board.page(CLIENT, [Buffer.from('no zip')]);
    const { body } = await board.post('/api/uploads', { ...NEW, files: [{ path: 'game.zip', size: 6 }] });
    expect(await page.upload(body.id, 'ready', 'refused', 'failed')).toMatchObject({
      state: 'refused',
      verdict: { refusals: [{ code: 'NotAZip' }] },
    });
    expect(await board.post(`/api/uploads/${body.id}/start`, { route: 'uploads/' })).toMatchObject({ status: 409 });
  });

  it('of a folder is the zip that push makes of it', async ({ onTestFinished }) => {
    const { stack } = operated();
    const paths = [
      'Game.exe',
      'Game/Binaries/Win64/Game.exe',
      'Game/Binaries/Win64/Game.pdb',
      'Game/Content/Paks/Game.pak',
    ];
    const files = paths.map((_, index) => randomBytes(1_000 + index));
    const board = await openBoard(stack.port, onTestFinished);
    const page = await board.page(CLIENT, files);
    const listed = paths.map((path, index) => ({ path, size: files[index]?.length ?? 0 }));
    const { body } = await board.post('/api/uploads', {
      client: CLIENT,
      kind: 'folder',
      name: 'Windows',
      files: listed,
    });
    const ready = await page.upload(body.id, 'ready', 'refused', 'failed');
    expect(ready).toMatchObject({
      state: 'ready',
      fileName: 'Game.zip',
      notes: [expect.stringContaining('Left out: 1 file')],
    });
    await board.post(`/api/uploads/${body.id}/start`, { route: 'uploads/' });
    expect(await page.upload(body.id, 'done', 'failed')).toMatchObject({ state: 'done' });
    const { ContentLength } = await s3.send(new HeadObjectCommand({ Bucket: stack.bucket, Key: 'uploads/Game.zip' }));
    expect(ContentLength).toBe(ready.size);
    for (const path of ['../Game.exe', 'a//b', '/a', 'con/x', 'a\\b', 'a:b']) {
      const bad = await board.post('/api/uploads', {
        client: CLIENT,
        kind: 'folder',
        name: 'Windows',
        files: [{ path, size: 1 }],
      });
      expect(await page.upload(bad.body.id, 'ready', 'refused', 'failed')).toMatchObject({ state: 'failed' });
    }
  });

  it('goes on where it stopped when the page was closed and the same file is dropped again', async ({
    onTestFinished,
  }) => {
    const { stack } = operated();
    const zip = await largeZip(20 * 1024 * 1024);
    const files = [{ path: 'large.zip', size: zip.length }];
    const board = await openBoard(stack.port, onTestFinished);
    const first = await board.page(CLIENT, [zip]);
    const one = await board.post('/api/uploads', { ...NEW, name: 'large.zip', files });
    await first.upload(one.body.id, 'ready');
    first.answerOnly(first.needs.length + 2);
    await board.post(`/api/uploads/${one.body.id}/start`, { route: 'uploads/' });
    const target = { Bucket: stack.bucket, Key: 'uploads/large.zip' };
    await vi.waitFor(async () => {
      const { Uploads = [] } = await s3.send(
        new ListMultipartUploadsCommand({ Bucket: stack.bucket, Prefix: target.Key }),
      );
      const { Parts = [] } = await s3.send(new ListPartsCommand({ ...target, UploadId: Uploads[0]?.UploadId }));
      expect(Parts).toHaveLength(2);
    }, EVENTUALLY);
    first.close();

    // At once: the server still waits for the first page.
    const second = await board.page('page1111', [zip]);
    const two = await board.post('/api/uploads', { ...NEW, client: 'page1111', name: 'large.zip', files });
    await second.upload(two.body.id, 'ready');
    await board.post(`/api/uploads/${two.body.id}/start`, { route: 'uploads/' });
    expect(await second.upload(two.body.id, 'done', 'failed')).toMatchObject({
      state: 'done',
      resumed: 16 * 1024 * 1024,
    });
    const object = await s3.send(new GetObjectCommand(target));
    expect(Buffer.from((await object.Body?.transformToByteArray()) ?? []).equals(zip)).toBe(true);
  });

  it('of a second build to the same key is refused while the first one is under way', async ({ onTestFinished }) => {
    const { stack } = operated();
    const zip = await makeSampleBuild();
    const board = await openBoard(stack.port, onTestFinished);
    const page = await board.page(CLIENT, [zip]);
    const ids = await Promise.all(
      [1, 2].map(async () => {
        const { body } = await board.post('/api/uploads', { ...NEW, files: [{ path: 'game.zip', size: zip.length }] });
        await page.upload(body.id, 'ready');
        return body.id as string;
      }),
    );
    page.answerOnly(page.needs.length);
    const start = { key: 'uploads/twice.zip' };
    expect(await board.post(`/api/uploads/${ids[0]}/start`, start)).toMatchObject({ status: 200 });
    expect(await board.post(`/api/uploads/${ids[1]}/start`, start)).toMatchObject({
      status: 409,
      body: { error: { code: 'KeyInUse' } },
    });
    await board.post(`/api/uploads/${ids[0]}/stop`, {});
    expect(await board.post(`/api/uploads/${ids[1]}/start`, start)).toMatchObject({ status: 200 });
  });

  it('survives a connection that breaks: the page gets again what is still needed', async ({ onTestFinished }) => {
    const { stack } = operated();
    const zip = await makeSampleBuild();
    const board = await openBoard(stack.port, onTestFinished);
    const first = await board.page(CLIENT, [zip]);
    first.answerOnly(0);
    const { body } = await board.post('/api/uploads', { ...NEW, files: [{ path: 'game.zip', size: zip.length }] });
    const need = await first.event('need', ({ upload }) => upload === body.id);
    first.close();
    const again = await board.page(CLIENT, [zip]);
    expect(await again.event('need')).toEqual(need);
    expect(await again.upload(body.id, 'ready', 'failed')).toMatchObject({ state: 'ready' });
  });

  it('fails when a file has changed, and drops nothing', async ({ onTestFinished }) => {
    const { stack } = operated();
    const zip = await makeSampleBuild();
    const board = await openBoard(stack.port, onTestFinished);
    const page = await board.page(CLIENT, [zip]);
    const { body } = await board.post('/api/uploads', { ...NEW, files: [{ path: 'game.zip', size: zip.length }] });
    await page.upload(body.id, 'ready');
    const last = page.needs.at(-1)?.number ?? 0;
    page.answerOnly(page.needs.length);
    await board.post(`/api/uploads/${body.id}/start`, { key: 'uploads/changed.zip' });
    const { number } = await page.event('need', (need) => need.number > last);
    const path = `/api/uploads/${body.id}/slices/${number}`;
    expect(
      await raw(board.port, { method: 'DELETE', path, headers: { ...board.own, origin: board.origin } }),
    ).toMatchObject({ status: 204 });
    expect(await page.upload(body.id, 'failed', 'done')).toMatchObject({
      state: 'failed',
      error: { code: 'FileChanged' },
    });
    await expect(
      s3.send(new HeadObjectCommand({ Bucket: stack.bucket, Key: 'uploads/changed.zip' })),
    ).rejects.toThrow();
  });

  it('takes exactly the bytes that were asked for, and from the page that was let in only', async ({
    onTestFinished,
  }) => {
    const { stack } = operated();
    const board = await openBoard(stack.port, onTestFinished);
    const page = await board.page(CLIENT, []);
    page.answerOnly(0);
    const { body } = await board.post('/api/uploads', { ...NEW, files: [{ path: 'game.zip', size: 100 }] });
    const need = await page.event('need', ({ upload }) => upload === body.id);
    const headers = { ...board.own, origin: board.origin, 'content-type': 'application/octet-stream' };
    const put = (path: string, bytes: number) =>
      raw(board.port, { method: 'PUT', path, headers, body: Buffer.alloc(bytes) });
    const path = `/api/uploads/${body.id}/slices/${need.number}`;
    for (const bytes of [0, 1, 99, 101, 5_000_000]) {
      const answer = await put(path, bytes).catch(() => ({ status: 400 }));
      expect(answer.status).toBe(400);
    }
    expect(await put(`/api/uploads/${body.id}/slices/999`, 100)).toMatchObject({ status: 409 });
    expect(await put('/api/uploads/nothing/slices/1', 100)).toMatchObject({ status: 404 });
    expect(await put(path, 100)).toMatchObject({ status: 204 });
  });
});

/** A good build with a file of random bytes in it. */
async function largeZip(bytes: number): Promise<Buffer> {
  const zip = new ZipFile();
  const options = { compress: false };
  zip.addBuffer(Buffer.from('MZ'), 'Windows/Game.exe', options);
  zip.addBuffer(Buffer.from('MZ'), 'Windows/Game/Binaries/Win64/Game-Win64-Shipping.exe', options);
  zip.addBuffer(randomBytes(bytes), 'Windows/Game/Content/Paks/Game.pak', options);
  zip.end();
  return buffer(zip.outputStream as NodeJS.ReadableStream & AsyncIterable<Buffer>);
}
