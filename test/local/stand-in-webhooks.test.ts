import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixedRandom } from '../../local/streampixel/stand-in-webhooks.ts';
import type { Course, Deliveries } from '../../local/streampixel/streampixel-stand-in.ts';
import { ONE, OTHER, type StandInWorld, startStandInWorld } from './stand-in-world.ts';

let world: StandInWorld;
beforeEach(async () => {
  world = await startStandInWorld({ random: () => 0.5 });
});
afterEach(() => world.stop());

const payloads = () => world.deliveries.map(({ payload }) => payload);
const sent = () => payloads().map(({ event }) => event);

/** The webhooks of a build that is released by itself. */
const DOCUMENTED = [
  'build.uploaded',
  'build.downloading',
  'build.extracting',
  'build.saving',
  'build.distributing',
  'build.approved',
];

async function run(course: Course): Promise<string> {
  world.standIn.plan(course);
  const uploadId = await world.upload();
  await world.standIn.settled();
  return uploadId;
}
const runDelivered = (deliveries: Deliveries) => run({ kind: 'documented', deliveries });

describe('a webhook', () => {
  it('is the documented payload, with the whole fileUrl', async () => {
    const uploadId = await run({ kind: 'documented' });
    expect(world.deliveries[0]).toEqual({
      method: 'POST',
      path: '/hook/t0ken',
      headers: expect.objectContaining({ 'content-type': 'application/json' }),
      payload: {
        event: 'build.uploaded',
        projectId: ONE.projectId,
        uploadId,
        fileUrl: world.fileUrl,
        status: 'pending',
        objection: null,
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
    });
  });

  it('goes to its own project alone', async () => {
    await world.upload({ ...OTHER });
    await world.standIn.settled();
    expect(world.deliveries).toEqual([]);
  });

  it('goes to the address that is set at the time', async () => {
    world.receiverAnswers((_, response) => {
      if (sent().at(-1) === 'build.extracting') world.standIn.setWebhook(ONE.projectId, undefined);
      response.end();
    });
    await run({ kind: 'documented' });
    expect(sent()).toEqual(DOCUMENTED.slice(0, 3));
    expect(world.standIn.live(ONE.projectId)).toBeDefined();
  });

  it('has no address that is no URL', () => {
    expect(() => world.standIn.setWebhook(ONE.projectId, 'hooks.example.com')).toThrow(TypeError);
  });
});

describe('the deliveries of a build', () => {
  it('may each come several times', async () => {
    await runDelivered({ times: 2 });
    expect(sent()).toEqual(DOCUMENTED.flatMap((event) => [event, event]));
    expect(new Set(payloads().map((payload) => JSON.stringify(payload))).size).toBe(DOCUMENTED.length);
  });

  it('may come in an order that depends on the random numbers only, once the build is approved', async () => {
    await runDelivered({ order: 'shuffled' });
    const firstDelivery = world.log.findIndex((entry) => entry.startsWith('build.'));
    expect(world.log.indexOf('stand-in: approved')).toBeLessThan(firstDelivery);
    expect(sent()).toEqual([
      'build.saving',
      'build.extracting',
      'build.distributing',
      'build.downloading',
      'build.approved',
      'build.uploaded',
    ]);
  });

  it('may come shuffled and several times at once', async () => {
    await runDelivered({ order: 'shuffled', times: 3 });
    expect(sent().toSorted()).toEqual(DOCUMENTED.flatMap((event) => [event, event, event]).toSorted());
    expect(sent()).not.toEqual(DOCUMENTED.flatMap((event) => [event, event, event]));
  });

  it.each<[string, Course, string[]]>([
    [
      'is rejected',
      { kind: 'rejected', at: 'extracting', objection: 'Corrupt.', deliveries: { order: 'shuffled' } },
      ['build.extracting', 'build.downloading', 'build.rejected', 'build.uploaded'],
    ],
    [
      'gets stuck',
      { kind: 'stuck', after: 'downloading', deliveries: { order: 'shuffled' } },
      ['build.downloading', 'build.uploaded'],
    ],
  ])('are not held back any longer when it %s', async (_, course, expected) => {
    await run(course);
    expect(sent()).toEqual(expected);
  });

  it('are not held back when it is distributed later', async () => {
    const uploadId = await runDelivered({ order: 'shuffled' });
    const before = sent();
    await world.distribute(uploadId);
    await world.standIn.settled();
    expect(sent()).toEqual([...before, 'build.distributing']);
  });

  it('may lack the upload id before the download', async () => {
    const uploadId = await runDelivered({ nullIds: true });
    expect(payloads().map((payload) => payload.uploadId)).toEqual([null, ...Array(5).fill(uploadId)]);
    expect(payloads().map(({ fileUrl }) => fileUrl)).toEqual(Array(6).fill(world.fileUrl));
  });
});

describe('the numbers that shuffle', () => {
  it('are the same in every run, and differ by their seed', () => {
    const draw = (seed: number) => Array.from({ length: 50 }, fixedRandom(seed));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(new Set(draw(1)).size).toBe(50);
    expect(draw(1).every((number) => number >= 0 && number < 1)).toBe(true);
  });
});

/** An address where no server listens. */
async function unusedOrigin(): Promise<string> {
  const stopped = await startStandInWorld();
  await stopped.stop();
  return new URL(stopped.webhookUrl).origin;
}

describe('a receiver', () => {
  it.each([500, 404, 307])('that answers %i gets everything once, and the build continues', async (status) => {
    world.receiverAnswers((_, response) => response.writeHead(status, { location: '/elsewhere' }).end());
    const uploadId = await run({ kind: 'documented' });
    expect(sent()).toEqual(DOCUMENTED);
    expect(world.deliveries.filter(({ path }) => path !== '/hook/t0ken')).toEqual([]);
    expect(world.standIn.live(ONE.projectId)).toBe(uploadId);
  });

  it('that resets connections gets everything once', async () => {
    world.receiverAnswers((request) => request.socket.resetAndDestroy());
    const uploadId = await run({ kind: 'documented' });
    expect(sent()).toEqual(DOCUMENTED);
    expect(world.standIn.live(ONE.projectId)).toBe(uploadId);
  });

  it('that is not there delays nothing', async () => {
    world.standIn.setWebhook(ONE.projectId, await unusedOrigin());
    const uploadId = await run({ kind: 'documented' });
    expect(world.standIn.live(ONE.projectId)).toBe(uploadId);
  });

  it('that never answers gets the next one when the time is over', async () => {
    const hasty = await startStandInWorld({ webhookTimeoutMs: 1_000 });
    try {
      hasty.receiverAnswers(() => {});
      const uploadId = await hasty.upload();
      await hasty.standIn.settled();
      expect(hasty.deliveries.map(({ payload }) => payload.event)).toEqual(DOCUMENTED);
      expect(hasty.standIn.live(ONE.projectId)).toBe(uploadId);
    } finally {
      await hasty.stop();
    }
  });

  it('that has not answered yet delays neither the build nor the end of the stand-in', async () => {
    const patient = await startStandInWorld({ webhookTimeoutMs: 3_600_000 });
    try {
      const hungUp = new Promise((resolve) => {
        patient.receiverAnswers((_, response) => response.once('close', resolve));
      });
      const uploadId = await patient.upload();
      expect(await patient.seen('live')).toMatchObject({ uploadId });
      const settled = patient.standIn.settled();
      await patient.standIn.stop();
      await Promise.all([settled, hungUp]);
      expect(patient.deliveries.map(({ payload }) => payload.event)).toEqual(['build.uploaded']);
    } finally {
      await patient.stop();
    }
  });
});

describe('the button "Test Webhook"', () => {
  const test = () => world.standIn.testWebhook(ONE.projectId);

  it('sends a webhook of its own', async () => {
    expect(await test()).toBe(true);
    expect(payloads()).toEqual([
      {
        event: 'webhook.test',
        projectId: ONE.projectId,
        uploadId: null,
        fileUrl: null,
        status: 'test',
        objection: null,
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      },
    ]);
  });

  it.each([
    [202, true],
    [204, true],
    [302, false],
    [403, false],
    [500, false],
  ])('says of an answer of %i: %s', async (status, expected) => {
    world.receiverAnswers((_, response) => response.writeHead(status, { location: '/elsewhere' }).end());
    expect(await test()).toBe(expected);
    expect(world.deliveries).toHaveLength(1);
  });

  it('says no where no server listens, and where no address is set', async () => {
    world.standIn.setWebhook(ONE.projectId, await unusedOrigin());
    expect(await test()).toBe(false);
    world.standIn.setWebhook(ONE.projectId, undefined);
    expect(await test()).toBe(false);
  });
});
