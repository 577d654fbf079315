import { describe, expect, it, vi } from 'vitest';
import { createObjectLookup, type Named, pickNamed } from '../../cli/builds/search.ts';
import { buildId } from '../../functions/domain/model/build.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { aBuild } from '../support/world.ts';
import { anEntry, approvedAt } from './entries.ts';
import { openQuietStack } from './quiet-stack.ts';
import { PATIENCE, tool, toolJson } from './tool.ts';

vi.setConfig(PATIENCE);

const OLD: Named = { id: 'drop/one/game.zip@3sL4kqVx', at: 1, uploadIds: ['upload-1', 'upload-2'] };
const NEW: Named = { id: 'drop/one/game.zip@3sM5paQz', at: 2, uploadIds: ['upload-3'] };
const OTHER: Named = { id: 'drop/two/other-game.zip@Zz81b', at: 3 };
const SAME_NAME: Named = { id: 'drop/game.zip@Rr7c', at: 0 };
const STRANGE: Named = { id: 'drop/odd.zip?versionId=3.zip@Qq6d', at: 4 };
const ALL = [OLD, OTHER, NEW, SAME_NAME, STRANGE];

describe('the name of a build', () => {
  it.each([
    ['its id', OLD.id, OLD],
    ['its address', 's3://drop/one/game.zip', NEW],
    ['its address with the version', 's3://drop/one/game.zip?versionId=3sL4kqVx', OLD],
    ['its address and id in one', 's3://drop/one/game.zip@3sL4kqVx', OLD],
    ['its upload id', 'upload-2', OLD],
    ['a former upload id', 'upload-1', OLD],
    ['bucket and key', 'drop/one/game.zip', NEW],
    ['its key, before others that it is a part of', 'game.zip', SAME_NAME],
    ['its version', '3sL4kqVx', OLD],
    ['a part of the version', 'L4kq', OLD],
    ['its key with the start of the version', 'one/game.zip@3sL', OLD],
    ['a part of the key, of its versions the newest', 'one/ga', NEW],
    ['an address that ends like a version', 's3://drop/odd.zip?versionId=3.zip', STRANGE],
    ['nothing of any', 'nowhere', undefined],
    ['an address, of which a part is not enough', 's3://drop/one/ga', undefined],
    ['an address of another bucket', 's3://elsewhere/one/game.zip', undefined],
  ] as const)('may be %s', (_, wanted, named) => {
    expect(pickNamed(ALL, wanted)).toBe(named);
  });

  it.each([
    ['a part of several versions of one key', '3s', [NEW, OLD]],
    ['the start of several versions of one key', 'one/game.zip@3s', [NEW, OLD]],
    ['a part of several keys', 'other-game.zip@Zz81b'.slice(6, 10), [OTHER, NEW, OLD, SAME_NAME]],
  ] as const)('is not %s', (_, wanted, several) => {
    const list = several.map(({ id }) => `\n  ${id}`).join('');
    expect(() => pickNamed(ALL, wanted)).toThrow(`Several builds match "${wanted}":${list}`);
  });
});

it.each(['', ' '])('a build is not named by a variable that is not set: "%s"', (wanted) => {
  expect(() => pickNamed([OLD], wanted)).toThrow('The name of the build is empty.');
});

describe.concurrent('a command that takes a build', () => {
  const at = Date.now() - 60_000;
  const former = { ...approvedAt(at, { key: 'a/game.zip' }), formerUploadIds: ['first-upload'] };

  it('finds it by each of its names, an earlier upload id too', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.put(former, anEntry({ key: 'b/game.zip', droppedAt: at }));
    const names = [former.id, 's3://drop/a/game.zip', 's3://drop/a/game.zip?versionId=v1', 'a/game.zip'];
    for (const name of [...names, former.uploadId ?? '', 'first-upload']) {
      const { data } = await toolJson(stack.port, ['status', name]);
      expect([name, data.build]).toEqual([name, former.id]);
    }
    const vague = await tool(stack.port, ['status', 'game.zip']);
    expect(vague).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Several builds.*\n.*\n.*[ab]\/game\.zip@v1\n/),
    });
  });

  it('releases the earlier upload that is named, not the last one', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.put(former);
    const { data } = await toolJson(stack.port, ['release', 'first-upload']);
    expect(data).toMatchObject({ dryRun: true, build: former.id, uploadId: 'first-upload' });
  });
});

describe('the entry of an object in a bucket without versions', () => {
  const at = Date.parse('2026-04-21T12:00:00Z');
  const { versionId: _, ...build } = aBuild({ key: 'game.zip', sequencer: '0001', eTag: 'same-bytes', droppedAt: at });
  const entry = { ...anEntry({ droppedAt: at }), id: buildId(build), build };
  const ledger = { list: async (state: string) => ({ entries: state === entry.state ? [entry] : [] }) };
  const drop = { bucket: build.bucket, settings: { prefix: '', routes: [] } };
  const lookUp = createObjectLookup({ ...drop, ledger: ledger as unknown as Ledger });
  const object = { bucket: build.bucket, key: build.key, eTag: 'same-bytes' };

  it.each([
    ['is that of the same bytes', undefined, entry],
    ['is it, although its time is rounded', at + 1_000, entry],
    ['is not that of an earlier drop of the same bytes', at + 60_000, undefined],
  ])('%s', async (_, droppedAt, expected) => {
    expect(await lookUp({ ...object, droppedAt })).toBe(expected);
  });
});
