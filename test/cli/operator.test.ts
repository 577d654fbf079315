import { createHash } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { partSizeFor, uploadInParts } from '../../cli/upload/multipart-upload.ts';
import { fileSource } from '../../cli/upload/upload-source.ts';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { openTable } from '../../functions/adapters/dynamodb-table.ts';
import { uploadLane } from '../../functions/domain/model/lane.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { makeSampleBuild, samplePackage, zipOf as zipOfFiles } from '../../local/start/sample-build.ts';
import { KEY, routesFor, useOperatedStack, WRONG_KEY } from './operated-stack.ts';
import { PATIENCE, printed, tool, toolJson } from './tool.ts';

const ROUTES = routesFor('key', 'check', 'push', 'resume', 'refused', 'status');
const use = useOperatedStack(ROUTES);
vi.setConfig(PATIENCE);

/** A zip as a packager makes it, of so many bytes that cannot be compressed. */
async function zipOf(name: string, size: number): Promise<{ path: string; sha256: string }> {
  const bytes = await zipOfFiles({ ...samplePackage(), 'Windows/Sample/Content/Paks/Sample-Windows.pak': size });
  const path = join(use().directory, name);
  await writeFile(path, bytes);
  return { path, sha256: createHash('sha256').update(bytes).digest('hex') };
}

describe.concurrent('key', () => {
  it('check says whether Streampixel accepts each stored key', async () => {
    const { code, data } = await toolJson(use().stack.port, ['key', 'check', '--parameter', '/drop/check']);
    expect(code).toBe(0);
    expect(data.keys).toMatchObject([
      { parameter: '/drop/check', version: 1, users: [{ verdict: { kind: 'taken' } }] },
    ]);
  });

  it('set stores nothing that Streampixel refuses, and names it by the reason', async () => {
    const { code, data, stderr } = await toolJson(
      use().stack.port,
      ['key', 'set', '--parameter', '/drop/status'],
      `${WRONG_KEY}\n`,
    );
    expect({ code, reason: data.error.code }).toEqual({ code: 1, reason: 'InvalidApiKey' });
    expect(stderr).toContain('Nothing was stored');
    expect(
      (await toolJson(use().stack.port, ['key', 'check', '--parameter', '/drop/status'])).data.keys[0].version,
    ).toBe(1);
  });

  it('set needs --parameter where there are several, and takes no key as an argument', async () => {
    const several = await tool(use().stack.port, ['key', 'set'], KEY);
    const argument = await tool(use().stack.port, ['key', 'set', KEY.replace('c4nary', 'no')]);
    expect([several.code, argument.code]).toEqual([2, 2]);
    expect(several.stderr).toContain('--parameter /drop/status');
  });

  it('set with the right key submits the builds that a wrong one has stopped, without another command', async () => {
    // Prepare
    const parameter = ['--parameter', '/drop/key'];
    const forced = await toolJson(use().stack.port, ['key', 'set', ...parameter, '--force'], WRONG_KEY);
    const dropped = await use().stack.drop(await makeSampleBuild(), 'key/stopped.zip');
    await use().seen(dropped, 'dead-lettered');
    const refused = await tool(use().stack.port, ['key', 'check', ...parameter]);

    // Act
    const { code, data } = await toolJson(use().stack.port, ['key', 'set', ...parameter], `${KEY}\n`);

    // Assess
    expect(forced.data).toMatchObject({ version: 2, forced: true });
    expect(refused).toMatchObject({ code: 1, stdout: expect.stringContaining('rejected as InvalidApiKey') });
    expect({ code, data }).toMatchObject({ code: 0, data: { version: 3, checks: [{ verdict: 'taken' }] } });
    await use().seen(dropped, 'submitted');
  });
});

describe.concurrent('push', () => {
  it('uploads in parts, follows the build until it is approved, and what arrives is what was pushed', async () => {
    const { path, sha256 } = await zipOf('two parts+ü.zip', 20 * 1024 * 1024);
    const { code, data, stderr } = await toolJson(use().stack.port, ['push', path, '--route', 'push/', '--follow']);
    expect({ code, data }).toMatchObject({
      code: 0,
      data: { key: 'push/two parts+ü.zip', state: 'approved', uploadId: expect.any(String), resumedBytes: 0 },
    });
    expect(stderr).toMatch(/submitting(.|\n)*submitted {2}upload id/);
    expect(await use().seen(data, 'downloaded')).toMatchObject({ sha256 });
  });

  it('resumes an upload that was interrupted', async () => {
    // Prepare
    const { path, sha256 } = await zipOf('broken-off.zip', UPLOAD_SIZE);
    await breakOff(path);

    // Act
    const { data } = await toolJson(use().stack.port, ['push', path, '--route', 'resume/']);

    // Assess
    expect(data.resumedBytes).toBeGreaterThan(0);
    expect(await arrived(data)).toMatchObject({ sha256 });
  });

  it('resumes no upload of another file', async () => {
    // Prepare
    const { path } = await zipOf('packaged-again.zip', UPLOAD_SIZE);
    await breakOff(path);
    const { sha256 } = await zipOf('packaged-again.zip', UPLOAD_SIZE);

    // Act
    const { data } = await toolJson(use().stack.port, ['push', path, '--route', 'resume/']);

    // Assess
    expect(data.resumedBytes).toBe(0);
    expect(await arrived(data)).toMatchObject({ sha256 });
  });

  it('resumes an upload with the same labels, and none with others', async () => {
    // Prepare
    const { path } = await zipOf('labelled.zip', UPLOAD_SIZE);
    await breakOff(path, { 'label-commit': 'abc' });
    const push = (commit: string) => ['push', path, '--route', 'resume/', '--label', `commit=${commit}`];

    // Act
    const others = await toolJson(use().stack.port, push('other'));
    const same = await toolJson(use().stack.port, push('abc'));

    // Assess
    expect(others.data.resumedBytes).toBe(0);
    expect(same.data.resumedBytes).toBeGreaterThan(0);
  });

  const UPLOAD_SIZE = 2.5 * partSizeFor(0);

  const arrived = (pushed: { bucket: string; key: string; versionId: string }) =>
    use().seen({ build: `${pushed.bucket}/${pushed.key}@${pushed.versionId}` }, 'downloaded');

  /** Leaves an upload behind as a kill does: with some of its parts. */
  async function breakOff(path: string, metadata?: Readonly<Record<string, string>>): Promise<void> {
    const s3 = new S3Client(use().client);
    const source = fileSource(path, await stat(path, { bigint: true }));
    const key = `resume/${basename(path)}`;
    const request = { source, bucket: use().stack.bucket, key, ...present({ metadata }) };
    const controller = new AbortController();
    const upload = uploadInParts(s3, request, controller.signal, (there) => {
      if (there > 0) controller.abort();
    });
    await expect(upload).rejects.toThrow(/abort/i);
    s3.destroy();
  }

  it('ends with 1, the reason, the remedy and the command where the build does not get there', async () => {
    const forced = await tool(use().stack.port, ['key', 'set', '--parameter', '/drop/refused', '--force'], WRONG_KEY);
    const { path } = await zipOf('refused.zip', 1_000);
    const { code, data, stderr } = await toolJson(use().stack.port, ['push', path, '--route', 'refused/', '--follow']);
    expect({ code, reason: data.error.code }).toEqual({ code: 1, reason: 'InvalidApiKey' });
    expect(forced.code).toBe(0);
    expect(stderr).toContain(REASONS.InvalidApiKey.remedy);
    expect(stderr).toContain(`Then run: npx --no streampixel-drop key set`);
  });

  it('refuses what is no zip before it sends a byte, and a key that no route takes', async () => {
    const page = join(use().directory, 'page.zip');
    await writeFile(page, '<html>Sign in to download</html>');
    const { path } = await zipOf('good.zip', 1_000);
    const runs = await Promise.all([
      tool(use().stack.port, ['push', page, '--route', 'push/']),
      tool(use().stack.port, ['push', join(use().directory, 'nowhere.zip'), '--route', 'push/']),
      tool(use().stack.port, ['push', path]),
      tool(use().stack.port, ['push', path, '--key', 'elsewhere/good.zip']),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([1, 2, 2, 2]);
    expect(runs[0]?.stderr).toContain('It is an HTML page, not a zip.');
    expect(runs[2]?.stderr).toContain('--route push/');
  });
});

describe.concurrent('status', () => {
  it('finds a build that waited by its address, and shows its history', async () => {
    // Prepare
    const zip = await makeSampleBuild();
    const { userId = '' } = ROUTES.find(({ prefix }) => prefix === 'status/') ?? {};
    const dynamoDb = new DynamoDBClient(use().client);
    const table = openTable(dynamoDb, use().stack.environment.ledgerTable);
    await createDynamoDbPacer(table, { intervalMs: 1_000 }).blockUntil(uploadLane(userId), Date.now() + 20_000);
    dynamoDb.destroy();
    const dropped = await Promise.all([1, 2].map((n) => use().stack.drop(zip, `status/${n}.zip`)));
    const [{ build, key } = { build: '', key: '' }] = dropped;
    await use().seen({ build }, 'postponed');
    await Promise.all(dropped.map((each) => use().seen(each, 'submitted')));

    // Act
    const one = await toolJson(use().stack.port, ['status', `s3://${use().stack.bucket}/${key}`]);
    const vague = await tool(use().stack.port, ['status', 'status/']);

    // Assess
    expect(one.data).toMatchObject({ build, uploadId: expect.any(String), userId });
    expect(one.data.history).toContainEqual(
      expect.objectContaining({ state: 'waiting', note: expect.stringMatching(/slot/) }),
    );
    expect(one.data.history).toContainEqual(
      expect.objectContaining({ state: 'submitted', note: `upload id ${one.data.uploadId}` }),
    );
    expect(vague).toMatchObject({ code: 1, stderr: expect.stringContaining('status/1.zip@') });
  });
});

describe.concurrent('trouble', () => {
  it('says plainly that nothing is there', async () => {
    const { code, data } = await toolJson(1, ['status']);
    expect({ code, name: data.error.code }).toEqual({ code: 1, name: 'NothingThere' });
  });

  it('says plainly that there is no such stack', async () => {
    const { code, stderr } = await tool(use().stack.port, ['status', '--stack', 'Another']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/no stack Another.*\n.*--stack NAME/) });
  });
});

afterAll(() => {
  // In everything that any run has printed: neither key nor signature.
  expect(printed.length).toBeGreaterThan(0);
  expect(printed.join('\n')).not.toMatch(/c4nary|X-Amz-(Signature|Credential|Security-Token)=/);
});
