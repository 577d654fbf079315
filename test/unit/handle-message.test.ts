import { beforeEach, describe, expect, it } from 'vitest';
import { fixture } from '../support/fixtures.ts';
import { s3Event, s3EventRecord } from '../support/s3-event.ts';
import { aBuild, accepted, INTERVAL_MS, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

/** Dropped half an hour before the message is handled. */
const DROP = s3Event({ key: 'a.zip', versionId: 'v1', time: '2026-04-21T11:30:00Z' });

const done = { kind: 'done' };
const hiddenFor = (ms: number) => ({ kind: 'hidden', until: START + ms });
const isoAfter = (ms: number) => new Date(START + ms).toISOString();

describe('an outcome', () => {
  const notFound = { reason: 'ProjectNotFound', status: 404, detail: 'Project not found' } as const;
  const serverError = { cause: 'VendorError', status: 500, detail: 'Internal server error' } as const;
  const waitingAge = { name: 'WaitingAge', value: 1_800 };

  it.each<[string, string, () => unknown, object, object, object[]]>([
    [
      'submitted',
      'info',
      () => undefined,
      { uploadId: 'upload-1', status: 200, attempt: 1, possiblyDoubled: false },
      done,
      [{ name: 'Builds', value: 1, Outcome: 'submitted' }],
    ],
    [
      'skipped',
      'info',
      () => Object.assign(world, { inspection: { kind: 'superseded', detail: 'It holds v2.' } }),
      { cause: 'Superseded', detail: 'It holds v2.' },
      done,
      [{ name: 'Builds', value: 1, Outcome: 'skipped', Reason: 'Superseded' }],
    ],
    [
      'dead-lettered',
      'error',
      () => Object.assign(world, { answers: [{ kind: 'refused', ...notFound }] }),
      { ...notFound, attempt: 0 },
      done,
      [{ name: 'Builds', value: 1, Outcome: 'dead-lettered', Reason: 'ProjectNotFound' }],
    ],
    [
      'postponed',
      'info',
      () => world.submit(aBuild({ key: 'first.zip' })),
      { cause: 'Slot', until: isoAfter(SPACING_MS) },
      hiddenFor(SPACING_MS),
      [
        { name: 'Builds', value: 1, Outcome: 'postponed', Reason: 'Slot' },
        waitingAge,
        { name: 'SlotWait', value: SPACING_MS / 1_000 },
      ],
    ],
    [
      'postponed',
      'info',
      () => Object.assign(world, { answers: [{ kind: 'rate-limited', status: 429, detail: '' }] }),
      { cause: 'RateLimited', status: 429, until: isoAfter(INTERVAL_MS + 500) },
      hiddenFor(INTERVAL_MS + 500),
      [{ name: 'Builds', value: 1, Outcome: 'postponed', Reason: 'RateLimited' }, waitingAge],
    ],
    [
      'retried',
      'warn',
      () => Object.assign(world, { answers: [{ kind: 'failed', ...serverError }] }),
      { ...serverError, attempt: 1, until: isoAfter(INTERVAL_MS) },
      hiddenFor(INTERVAL_MS),
      [{ name: 'Builds', value: 1, Outcome: 'retried', Reason: 'VendorError' }, waitingAge],
    ],
  ])(
    'is logged with its facts, measured in seconds, and decides on the message: %s %s',
    async (event, level, arrange, facts, disposition, metrics) => {
      await arrange();
      expect(await world.handle(DROP)).toEqual(disposition);
      const about = { bucket: 'drop', key: 'a.zip', build: 'drop/a.zip@v1', size: 1024 };
      expect(world.logged.at(-1)).toEqual({ time: isoAfter(0), level, event, ...about, ...facts });
      expect(world.metrics.filter(({ name }) => name !== 'VendorLatency')).toEqual(metrics);
    },
  );

  it('follows a log line of the call, which shows no signature', async () => {
    await world.handle(DROP);
    expect(world.logged[0]).toEqual({
      time: '2026-04-21T12:00:00.000Z',
      level: 'info',
      event: 'calling',
      bucket: 'drop',
      key: 'a.zip',
      build: 'drop/a.zip@v1',
      apiKeyVersion: 1,
      fileUrl: 'https://drop.example/a.zip?[presigned]',
      delivery: 's3',
      fileUrlSignedUntil: '2026-04-21T12:00:00.000Z',
    });
  });

  it('has company: every other line of the visit names the build too', async () => {
    world.answers = [
      () => {
        world.ports.log.info('elsewhere', {});
        return accepted('upload-1');
      },
    ];
    await world.handle(DROP);
    expect(world.lines('elsewhere')).toEqual([expect.objectContaining({ build: 'drop/a.zip@v1' })]);
  });

  it('keeps the message for a minute where the event of a submission was not sent', async () => {
    world.busIsDown = true;
    expect(await world.handle(DROP)).toEqual(hiddenFor(60_000));
    expect(world.logged.at(-1)).toMatchObject({ event: 'submitted', isNotificationPending: true });
  });

  it.each([
    [25_000, 'submitted', done],
    [24_999, 'retried', hiddenFor(1_000)],
  ])('of a build with %i ms left to submit it is: %s', async (ms, event, disposition) => {
    expect(await world.handle(DROP, { deadline: START + ms })).toEqual(disposition);
    expect(world.logged.at(-1)).toMatchObject(event === 'retried' ? { event, cause: 'OutOfTime' } : { event });
    expect(world.calls).toHaveLength(event === 'retried' ? 0 : 1);
  });
});

describe('a message that holds no build', () => {
  it('is acknowledged where it is the test event of S3', async () => {
    expect(await world.handle(fixture('s3-test-event'))).toEqual(done);
    expect(world.logged).toEqual([expect.objectContaining({ level: 'info', event: 'skipped', cause: 'TestEvent' })]);
    expect(world.deadLetters).toEqual([]);
  });

  it('is acknowledged where it holds folder markers and other files, each skipped with its cause', async () => {
    await world.handle(s3Event({ key: 'games/' }, { key: 'notes.txt' }));
    expect(world.logged).toMatchObject([
      { event: 'skipped', key: 'games/', cause: 'FolderMarker' },
      { event: 'skipped', key: 'notes.txt', cause: 'NotAZipKey' },
    ]);
  });

  it('is dead-lettered, with its body untouched, where it is not recognised', async () => {
    expect(await world.handle('hello  there')).toEqual(done);
    const reason = 'UnrecognisedMessage';
    const facts = { reason, detail: 'The body is not JSON.', attempts: 0, at: START };
    const logPointer = 'group stream id';
    expect(world.deadLetters).toEqual([{ id: 'id-1', body: 'hello  there', ...facts, logPointer }]);
    const isDoubled = { possiblyDoubled: false };
    const event = { name: 'Build Dead-Lettered', subject: {}, deadLetterId: 'id-1' };
    expect(world.events).toEqual([{ ...event, ...facts, ...isDoubled }]);
    expect(world.alerts).toEqual([{ kind: 'dead-lettered', deadLetterId: 'id-1', ...facts, ...isDoubled, logPointer }]);
    expect(world.metrics).toEqual([{ name: 'Builds', value: 1, Outcome: 'dead-lettered', Reason: reason }]);
  });

  it.each([
    [0, INTERVAL_MS],
    [1, INTERVAL_MS],
    [3, 4 * INTERVAL_MS],
  ])('stays in the queue where it can’t be dead-lettered, at the pace of its receive count %i', async (count, ms) => {
    world.deadLetterQueueIsDown = true;
    expect(await world.handle('hello', { receiveCount: count })).toEqual(hiddenFor(ms));
    expect(world.metrics).toEqual([
      { name: 'Builds', value: 1, Outcome: 'retried', Reason: 'DeadLetterQueueUnavailable' },
    ]);
  });
});

describe('a message with several records', () => {
  it('stays as long as one of its builds must wait, and no other is submitted twice', async () => {
    const body = s3Event({ key: 'a.zip' }, { key: 'b.zip' });
    expect(await world.handle(body)).toEqual(hiddenFor(SPACING_MS));
    world.now = START + SPACING_MS;
    expect(await world.handle(body)).toEqual(done);
    expect(world.logged.map(({ event, key }) => `${event} ${key}`)).toEqual([
      'calling a.zip',
      'submitted a.zip',
      'postponed b.zip',
      'skipped a.zip',
      'calling b.zip',
      'submitted b.zip',
    ]);
  });

  it('comes back for the first of its builds', async () => {
    const body = s3Event({ key: 'a.zip' }, { key: 'b.zip' }, { key: 'c.zip' });
    expect(await world.handle(body)).toEqual(hiddenFor(SPACING_MS));
  });

  it('dead-letters a bad record once, when the builds beside it are finished', async () => {
    const body = JSON.stringify({ Records: [{}, s3EventRecord({ key: 'a.zip' }), s3EventRecord({ key: 'b.zip' })] });
    await world.handle(body);
    expect(world.deadLetters).toHaveLength(0);
    world.now = START + SPACING_MS;
    expect(await world.handle(body)).toEqual(done);
    expect(world.deadLetters).toEqual([expect.objectContaining({ reason: 'UnrecognisedMessage', body })]);
  });

  it('stays where its bad record can’t be dead-lettered', async () => {
    world.deadLetterQueueIsDown = true;
    const body = JSON.stringify({ Records: [{}, s3EventRecord({ key: 'a.zip' })] });
    expect(await world.handle(body)).toEqual(hiddenFor(INTERVAL_MS));
    expect(world.logged.map(({ event }) => event)).toEqual(['calling', 'submitted', 'retried']);
  });
});
