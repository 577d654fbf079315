import { afterEach, describe, expect, it } from 'vitest';
import { openTable } from '../../functions/adapters/dynamodb-table.ts';
import { downloadEnds } from '../../functions/streampixel-stand-in/download.ts';
import { acceptedUpload } from '../../functions/streampixel-stand-in/lifecycle.ts';
import { openUploads } from '../../functions/streampixel-stand-in/uploads-table.ts';
import { listenOnLoopback } from '../../local/loopback-server.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { startDynamoDb } from '../contract/dynamodb-table.ts';

const PATIENCE_MS = 30_000;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A bucket that holds these bytes. @returns the URL, and the ranges that were asked for */
async function bucketOf(
  content: Buffer,
  { knowsRanges = true, status = 200, brokenAt = Number.POSITIVE_INFINITY } = {},
) {
  const asked: (string | undefined)[] = [];
  const server = await listenOnLoopback((request, response) => {
    const { range } = request.headers;
    asked.push(range);
    if (status !== 200) return response.writeHead(status, { location: '/elsewhere.zip' }).end('no');
    const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
    if (!knowsRanges) return response.writeHead(200, { 'content-length': content.length }).end(content);
    const start = from === '' ? Math.max(0, content.length - Number(to)) : Number(from);
    const part = content.subarray(start, from === '' ? undefined : Number(to) + 1);
    const total = { 'content-range': `bytes ${start}-${start + part.length - 1}/${content.length}` };
    response.writeHead(206, { ...total, 'content-length': part.length });
    if (part.length <= brokenAt) response.end(part);
    else response.write(part.subarray(0, brokenAt), () => response.destroy());
    return response;
  });
  closing.push(server.close);
  return { url: `${server.url}/build.zip?X-Amz-Signature=c4nary`, asked };
}

describe('the download by the stand-in of a rehearsal', () => {
  it('reads the two ends of a zip and its size', async () => {
    const zip = await makeSampleBuild();
    const { url, asked } = await bucketOf(zip);
    expect(await downloadEnds(url, PATIENCE_MS)).toEqual({ kind: 'downloaded', size: zip.length });
    expect(asked).toEqual(['bytes=0-3', 'bytes=-65557']);
  });

  it('reads no more than the start where the server knows no ranges', async () => {
    const zip = await makeSampleBuild();
    const { url, asked } = await bucketOf(zip, { knowsRanges: false });
    expect(await downloadEnds(url, PATIENCE_MS)).toEqual({ kind: 'downloaded', size: zip.length });
    expect(asked).toHaveLength(1);
  });

  const WHOLE = 'The file is not a whole zip.';
  it.each<[string, (zip: Buffer) => Buffer, Parameters<typeof bucketOf>[1], string]>([
    ['no zip', () => Buffer.from('no zip'), {}, WHOLE],
    ['nothing', () => Buffer.alloc(0), {}, WHOLE],
    ['a zip without its end', (zip) => zip.subarray(0, -1), {}, WHOLE],
    ['an end that breaks off', (zip) => zip, { brokenAt: 100 }, WHOLE],
    ['no zip, without ranges', () => Buffer.from('no zip'), { knowsRanges: false }, WHOLE],
    ['a refusal', (zip) => zip, { status: 403 }, 'The fileUrl answered HTTP 403.'],
    ['a redirect', (zip) => zip, { status: 302 }, 'The fileUrl answered HTTP 302.'],
  ])('objects to %s', async (_, content, options, objection) => {
    const { url } = await bucketOf(content(await makeSampleBuild()), options);
    expect(await downloadEnds(url, PATIENCE_MS)).toEqual({ kind: 'unusable', objection });
  });

  it('objects to a server that is not there, without its URL', async () => {
    const result = await downloadEnds('http://127.0.0.1:1/build.zip?X-Amz-Signature=c4nary', PATIENCE_MS);
    expect(result).toMatchObject({ kind: 'unusable', objection: expect.stringMatching(/^The download broke off/) });
    expect(JSON.stringify(result)).not.toContain('c4nary');
  });
});

describe('the table of the stand-in', () => {
  async function open() {
    const dynamoDb = await startDynamoDb();
    closing.push(dynamoDb.stop);
    return openUploads(openTable(dynamoDb.client, await dynamoDb.newTable()));
  }

  it('opens one window for each endpoint and user, however many ask at the same time', async () => {
    const uploads = await open();
    const ask = (endpoint: 'upload-file' | 'distribute-file', user: string, now: number) =>
      uploads.acquire(endpoint, user, now, 9_000);
    const together = await Promise.all(Array.from({ length: 10 }, () => ask('upload-file', 'one', 100_000)));
    expect(together.filter(Boolean)).toHaveLength(1);
    expect(await ask('upload-file', 'one', 108_999)).toBe(false);
    expect(await ask('upload-file', 'one', 109_000)).toBe(true);
    expect(await ask('upload-file', 'two', 109_000)).toBe(true);
    expect(await ask('distribute-file', 'one', 109_000)).toBe(true);
  });

  it('keeps uploads with their state, by project and in their order', async () => {
    const uploads = await open();
    const [one, two, other] = ['one', 'two', 'other'].map((id, index) =>
      acceptedUpload(
        { projectId: id === 'other' ? 'b' : 'a', fileUrl: 'https://x/b.zip', autoRelease: false },
        id,
        { kind: 'documented' },
        index,
      ),
    );
    if (one === undefined || two === undefined || other === undefined) throw new Error('no uploads');
    for (const upload of [one, two, other]) await uploads.add(upload);
    await uploads.save({ ...one, stage: 'uploaded' });
    expect(await uploads.ofProject('a')).toEqual([{ ...one, stage: 'uploaded' }, two]);
    expect(await uploads.ofProject('c')).toEqual([]);
    expect(await uploads.find('other')).toEqual(other);
    expect(await uploads.find('unknown')).toBeUndefined();
  });
});
