import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OpenStage } from '../../local/streampixel/streampixel-stand-in.ts';
import { ONE, OTHER, type StandInWorld, startStandInWorld } from './stand-in-world.ts';

let world: StandInWorld;
beforeEach(async () => {
  world = await startStandInWorld();
});
afterEach(() => world.stop());

const sent = () => world.deliveries.map(({ payload }) => payload.event);
const kinds = () => world.events.map(({ kind }) => kind);
const status = async (uploadId: string) => {
  const [, project] = await world.get(`projects/${ONE.projectId}?userId=${ONE.userId}&apikey=the-valid-key`);
  const { files } = project as { files: { _id: string; status: string }[] };
  return files.find(({ _id }) => _id === uploadId)?.status;
};

/** Stages of a build that is released by itself, in their order. */
const STAGES: readonly OpenStage[] = ['uploaded', 'downloading', 'extracting', 'saving', 'distributing'];
const upTo = (stage: OpenStage) => STAGES.slice(0, STAGES.indexOf(stage) + 1).map((each) => `build.${each}`);

describe('an accepted build', () => {
  it('is distributed, approved and live, unless autoRelease is off', async () => {
    const uploadId = await world.upload();
    await world.standIn.settled();
    const build = { uploadId, host: expect.any(String), path: '/drop/build.zip', versionId: 'v1' };
    expect(world.events).toEqual([
      expect.objectContaining({ kind: 'downloaded', ...build }),
      { kind: 'approved', ...build },
      { kind: 'live', by: 'auto-release', ...build },
    ]);
    expect(world.deliveries.map(({ payload }) => [payload.event, payload.status])).toEqual([
      ['build.uploaded', 'pending'],
      ['build.downloading', 'Downloading Files'],
      ['build.extracting', 'Extracting & Scanning'],
      ['build.saving', 'Saving to Repository'],
      ['build.distributing', 'Distribute'],
      ['build.approved', 'Approved'],
    ]);
    expect(world.standIn.live(ONE.projectId)).toBe(uploadId);
    expect(world.standIn.live(OTHER.projectId)).toBeUndefined();
  });

  it('is approved and not live with autoRelease off', async () => {
    const uploadId = await world.upload({ autoRelease: false });
    await world.standIn.settled();
    expect(kinds()).toEqual(['downloaded', 'approved']);
    expect(sent()).toEqual([...upTo('saving'), 'build.approved']);
    expect(world.standIn.live(ONE.projectId)).toBeUndefined();
    expect(await status(uploadId)).toBe('Approved');
  });

  it('is extracted when it has been read to its end, however long that takes', async () => {
    const held = world.holdBuild();
    await world.upload();
    await held.asked;
    await world.upload({ ...OTHER });
    // This one has left the slow one behind.
    await world.seen('live');
    held.release();
    await world.standIn.settled();
    expect(world.log.indexOf('build.extracting')).toBeGreaterThan(world.log.lastIndexOf('stand-in: downloaded'));
    expect(kinds()).toEqual(['downloaded', 'approved', 'live', 'downloaded', 'approved', 'live']);
  });

  it('is rejected if it is no zip', async () => {
    world.bucketAnswers((_, response) => response.end('no zip'));
    const uploadId = await world.upload();
    await world.standIn.settled();
    const objection = 'The file is not a whole zip.';
    expect(world.events).toMatchObject([
      { kind: 'rejected', objection, uploadId, path: '/drop/build.zip', versionId: 'v1' },
    ]);
    expect(sent()).toEqual([...upTo('downloading'), 'build.rejected']);
    expect(world.deliveries.at(-1)?.payload).toMatchObject({ status: 'Reject', objection });
    expect(world.standIn.live(ONE.projectId)).toBeUndefined();
  });

  it('continues beside the builds of others, and the one that comes last is live', async () => {
    await world.upload({ ...OTHER });
    await world.upload();
    await world.standIn.settled();
    const last = await world.upload();
    await world.standIn.settled();
    expect(kinds().filter((kind) => kind === 'live')).toHaveLength(3);
    expect(world.standIn.live(ONE.projectId)).toBe(last);
  });
});

describe('the time of a stage', () => {
  it('is asked for at each', async () => {
    let asked = 0;
    const slow = await startStandInWorld({ stageMs: () => asked++ });
    try {
      await slow.upload();
      await slow.standIn.settled();
      expect(asked).toBe(STAGES.length);
    } finally {
      await slow.stop();
    }
  });

  it('ends with the stand-in', async () => {
    const slow = await startStandInWorld({ stageMs: () => 3_600_000 });
    await slow.upload();
    const settled = slow.standIn.settled();
    await slow.stop();
    await settled;
    expect(slow.events).toEqual([]);
  });
});

describe('a download', () => {
  it('that ends with the stand-in is no reason to reject the build', async () => {
    const held = world.holdBuild();
    await world.upload();
    await held.asked;
    await world.standIn.stop();
    expect(world.events).toEqual([]);
  });
});

describe('a build that is planned to be rejected', () => {
  it.each(STAGES)('is, at %s', async (at) => {
    world.standIn.plan({ kind: 'rejected', at, objection: 'Build contains unsupported file formats.' });
    const uploadId = await world.upload();
    await world.standIn.settled();
    const isRead = STAGES.indexOf(at) > STAGES.indexOf('downloading');
    expect(kinds()).toEqual([...(isRead ? ['downloaded'] : []), 'rejected']);
    expect(world.downloads).toBe(isRead ? 1 : 0);
    expect(sent()).toEqual([...upTo(at), 'build.rejected']);
    expect(world.deliveries.map(({ payload }) => payload.objection)).toEqual([
      ...upTo(at).map(() => null),
      'Build contains unsupported file formats.',
    ]);
    expect(await status(uploadId)).toBe('Reject');
    expect(world.standIn.live(ONE.projectId)).toBeUndefined();
  });

  it('when it is distributed, is approved before', async () => {
    world.standIn.plan({ kind: 'rejected', at: 'distributing', objection: 'Sanity check failed.' });
    const uploadId = await world.upload({ autoRelease: false });
    await world.standIn.settled();
    expect(await status(uploadId)).toBe('Approved');
    expect((await world.distribute(uploadId))[0]).toBe(200);
    await world.standIn.settled();
    expect(kinds()).toEqual(['downloaded', 'approved', 'rejected']);
    expect(sent().slice(-3)).toEqual(['build.approved', 'build.distributing', 'build.rejected']);
    expect(world.standIn.live(ONE.projectId)).toBeUndefined();
    expect(await world.distribute(uploadId)).toEqual([400, { message: 'File has no URL yet' }]);
  });
});

describe('a build that is planned to get stuck', () => {
  it.each(STAGES)('sends a webhook for %s and none after it', async (after) => {
    world.standIn.plan({ kind: 'stuck', after });
    const uploadId = await world.upload();
    await world.standIn.settled();
    expect(sent()).toEqual(upTo(after));
    expect(kinds()).toEqual(after === 'uploaded' ? [] : ['downloaded']);
    expect(await status(uploadId)).toBe(world.deliveries.at(-1)?.payload.status);
    expect((await world.distribute(uploadId))[0]).toBe(400);
  });

  it('when it is distributed, stays approved and never goes live', async () => {
    world.standIn.plan({ kind: 'stuck', after: 'distributing' });
    const uploadId = await world.upload({ autoRelease: false });
    await world.standIn.settled();
    await world.distribute(uploadId);
    await world.standIn.settled();
    expect(kinds()).toEqual(['downloaded', 'approved']);
    expect(sent().slice(-2)).toEqual(['build.approved', 'build.distributing']);
  });

  it('is rejected all the same where it is no zip', async () => {
    world.bucketAnswers((_, response) => response.writeHead(403).end());
    world.standIn.plan({ kind: 'stuck', after: 'downloading' });
    await world.upload();
    await world.standIn.settled();
    expect(sent().at(-1)).toBe('build.rejected');
  });
});

describe('a course', () => {
  it('may be one without webhooks', async () => {
    world.standIn.plan({ kind: 'silent' });
    const uploadId = await world.upload();
    await world.standIn.settled();
    await world.distribute(uploadId);
    await world.standIn.settled();
    expect(kinds()).toEqual(['downloaded', 'approved', 'live', 'live']);
    expect(world.deliveries).toEqual([]);
  });

  it('is taken by uploads that are accepted, one each, and then it is the documented one', async () => {
    world.standIn.plan({ kind: 'silent' }, { kind: 'stuck', after: 'uploaded' });
    await expect(world.upload({ apiKey: 'another' })).rejects.toThrow('401');
    const ids = [await world.upload(), await world.upload(), await world.upload()];
    await world.standIn.settled();
    const sentFor = (id: string | undefined) =>
      world.deliveries.filter(({ payload }) => payload.uploadId === id).length;
    expect(ids.map(sentFor)).toEqual([0, 1, 6]);
  });
});
