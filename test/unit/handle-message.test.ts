import type { SQSRecord } from 'aws-lambda';
import { beforeEach, describe, expect, it } from 'vitest';
import type { MessageVisibility } from '../../functions/message-batch.ts';
import { processBatch } from '../../functions/submit-build/process-batch.ts';
import { fixture } from '../support/fixtures.ts';
import { s3Event, s3EventRecord } from '../support/s3-event.ts';
import { INTERVAL_MS, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
let hidden: [string, number][];
let visibility: MessageVisibility;
beforeEach(() => {
  world = new World();
  hidden = [];
  visibility = {
    change: async (changes) => {
      hidden.push(...changes.map(({ receiptHandle, seconds }): [string, number] => [receiptHandle, seconds]));
    },
  };
});

function aRecord(id: string, body: string, messageAttributes: SQSRecord['messageAttributes'] = {}) {
  return {
    messageId: id,
    receiptHandle: `receipt-${id}`,
    body,
    attributes: { ApproximateReceiveCount: '1', SentTimestamp: String(START) },
    messageAttributes,
  };
}

function process(...records: ReturnType<typeof aRecord>[]) {
  const invocation = { startedAt: world.now, deadline: world.now + 55_000, leaseUntil: world.now + 61_000 };
  return processBatch(
    records,
    invocation,
    'group stream id',
    { ...world.settings, messageRetentionS: 604_800 },
    { ...world.ports, visibility },
  );
}

const failedIds = (response: Awaited<ReturnType<typeof process>>) =>
  response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);

describe('handling a message', () => {
  it('acknowledges the test event of S3 quietly', async () => {
    expect(await world.handle(fixture('s3-test-event'))).toEqual({ kind: 'done' });
    expect(world.logged).toEqual([expect.objectContaining({ level: 'info', event: 'skipped', cause: 'TestEvent' })]);
    expect(world.letters).toEqual([]);
  });

  it('keeps the message of a submitted build until the event that has it watched is out, and submits it once', async () => {
    let busIsDown = true;
    const emit = world.ports.events.emit;
    Object.assign(world, {
      ports: {
        ...world.ports,
        events: {
          emit: async (event: Parameters<typeof emit>[0]) => {
            if (busIsDown) throw new Error('no bus');
            await emit(event);
          },
        },
      },
    });
    const record = aRecord('m', s3Event({ key: 'a.zip' }));
    const again = { ...record, attributes: { ...record.attributes, ApproximateReceiveCount: '2' } };

    expect(failedIds(await process(record))).toEqual(['m']);
    expect(hidden).toEqual([['receipt-m', 60]]);
    world.now += 60_000;
    expect(failedIds(await process(again))).toEqual(['m']);
    busIsDown = false;
    world.now += INTERVAL_MS;
    expect(failedIds(await process(again))).toEqual([]);

    expect(world.events).toMatchObject([{ name: 'Build Submitted', uploadId: 'upload-1' }]);
    expect(world.calls).toHaveLength(1);
  });

  it('dead-letters what it does not recognise with its body untouched', async () => {
    expect(await world.handle('hello  there')).toEqual({ kind: 'done' });
    expect(world.letters).toEqual([expect.objectContaining({ reason: 'UnrecognisedMessage', body: 'hello  there' })]);
  });

  it('keeps an unrecognised message when its letter can’t be sent', async () => {
    world.deadLetterQueueIsDown = true;
    expect(await world.handle('hello')).toEqual({ kind: 'hidden', until: START + INTERVAL_MS });
  });

  it('skips folder markers and other files with a recorded cause', async () => {
    await world.handle(s3Event({ key: 'games/' }, { key: 'notes.txt' }));
    expect(world.logged).toMatchObject([
      { event: 'skipped', key: 'games/', cause: 'FolderMarker' },
      { event: 'skipped', key: 'notes.txt', cause: 'NotAZipKey' },
    ]);
  });

  it('keeps a message as long as one of its builds must wait, and submits no other twice', async () => {
    const body = s3Event({ key: 'a.zip' }, { key: 'b.zip' });
    expect(await world.handle(body)).toEqual({ kind: 'hidden', until: START + SPACING_MS });
    world.now = START + SPACING_MS;
    expect(await world.handle(body)).toEqual({ kind: 'done' });
    expect(world.logged.map(({ event, key }) => `${event} ${key}`)).toEqual([
      'calling a.zip',
      'submitted a.zip',
      'postponed b.zip',
      'skipped a.zip',
      'calling b.zip',
      'submitted b.zip',
    ]);
  });

  it('dead-letters a bad record once, when its neighbours in the message are through', async () => {
    const body = JSON.stringify({ Records: [{}, s3EventRecord({ key: 'a.zip' }), s3EventRecord({ key: 'b.zip' })] });
    await world.handle(body);
    expect(world.letters).toHaveLength(0);
    world.now = START + SPACING_MS;
    expect(await world.handle(body)).toEqual({ kind: 'done' });
    expect(world.letters).toEqual([expect.objectContaining({ reason: 'UnrecognisedMessage', body })]);
  });

  it('starts nothing it has no time to finish', async () => {
    const disposition = await world.handle(s3Event({ key: 'a.zip' }), { deadline: START + 20_000 });
    expect(disposition).toEqual({ kind: 'hidden', until: START + 1_000 });
    expect(world.calls).toEqual([]);
    expect(world.logged).toMatchObject([{ event: 'retried', cause: 'OutOfTime' }]);
  });

  it('logs the call and each decision as a line of its own that names the build', async () => {
    await world.handle(s3Event({ key: 'a.zip', versionId: 'v1' }));
    expect(world.logged).toEqual([
      {
        time: '2026-04-21T12:00:00.000Z',
        level: 'info',
        event: 'calling',
        bucket: 'drop',
        key: 'a.zip',
        build: 'drop/a.zip@v1',
        apiKeyVersion: 1,
        fileUrl: 'https://drop.example/a.zip?[presigned]',
        fileUrlSignedUntil: '2026-04-21T12:00:00.000Z',
      },
      {
        time: '2026-04-21T12:00:00.000Z',
        level: 'info',
        event: 'submitted',
        bucket: 'drop',
        key: 'a.zip',
        build: 'drop/a.zip@v1',
        size: 1024,
        uploadId: 'upload-1',
        status: 200,
        attempt: 1,
        possiblyDoubled: false,
      },
    ]);
  });
});

describe('handling a batch', () => {
  it('reports exactly what is not done, and leaves the neighbours of a poison message alone', async () => {
    const response = await process(
      aRecord('poison', 'hello'),
      aRecord('first', s3Event({ key: 'a.zip' })),
      aRecord('second', s3Event({ key: 'b.zip' })),
    );
    expect(failedIds(response)).toEqual(['second']);
    expect(hidden).toEqual([['receipt-second', INTERVAL_MS / 1000]]);
    expect(world.letters).toHaveLength(1);
    expect(world.calls).toHaveLength(1);
  });

  it('answers an empty list only for an empty batch or a batch that is done', async () => {
    expect(failedIds(await process())).toEqual([]);
    expect(failedIds(await process(aRecord('done', s3Event({ key: 'a.zip' }))))).toEqual([]);
  });

  it('takes an error nobody expected for a retry', async () => {
    const now = () => {
      throw new Error('no clock');
    };
    const ports = { ...world.ports, clock: { ...world.ports.clock, now } };
    Object.assign(world, { ports: { ...ports, log: { ...ports.log, error: () => {} } } });
    const response = await process(aRecord('one', s3Event({ key: 'a.zip' })));
    expect(failedIds(response)).toEqual(['one']);
  });

  it('still reports the message when its visibility can’t be changed', async () => {
    world.answers = [{ kind: 'failed', cause: 'VendorError', detail: '500' }];
    visibility = { change: () => Promise.reject(new Error('throttled')) };
    expect(failedIds(await process(aRecord('one', s3Event({ key: 'a.zip' }))))).toEqual(['one']);
    expect(world.logged).toContainEqual(expect.objectContaining({ event: 'visibility-not-changed' }));
  });

  it('hides no message for longer than SQS allows: it comes back and hops', async () => {
    await process(...Array.from({ length: 400 }, (_, n) => aRecord(`${n}`, s3Event({ key: `${n}.zip` }))));
    expect(Math.max(...hidden.map(([, seconds]) => seconds))).toBe(12 * 3600 - 60);
  });

  it('knows a redriven message by its attribute', async () => {
    world.answers = [
      { kind: 'refused', reason: 'ProjectNotFound', status: 404, detail: 'Project not found' },
      { kind: 'accepted', uploadId: 'upload-1', status: 200 },
    ];
    await process(aRecord('one', s3Event({ key: 'a.zip' })));
    world.now += INTERVAL_MS;
    const letter = { dataType: 'String', stringValue: world.letters[0]?.id ?? '' };
    await process(aRecord('two', s3Event({ key: 'a.zip' }), { DeadLetterId: letter }));
    expect(world.logged.map(({ event }) => event)).toEqual(['calling', 'dead-lettered', 'calling', 'submitted']);
  });
});
