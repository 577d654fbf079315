import type { SQSRecord } from 'aws-lambda';
import { beforeEach, describe, expect, it } from 'vitest';
import { NO_CHECK_ATTRIBUTE } from '../../functions/domain/model/message-attributes.ts';
import type { MessageVisibility } from '../../functions/domain/ports.ts';
import { processBatch } from '../../functions/submit-build/delivery.ts';
import { s3Event } from '../support/s3-event.ts';
import { INTERVAL_MS, START, World } from '../support/world.ts';

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

describe('handling a batch', () => {
  it('submits a build that is no package where its message says that it shall not be checked', async () => {
    const verdict = { refusals: [{ code: 'NotAPackage', detail: 'It is empty.' }], warnings: [] } as const;
    world.inspection = { kind: 'ready', verdict };
    const attribute = { stringValue: 'true', dataType: 'String' };
    await process(aRecord('one', s3Event({ key: 'a.zip' }), { [NO_CHECK_ATTRIBUTE]: attribute }));
    expect(world.calls).toHaveLength(1);
    await process(aRecord('two', s3Event({ key: 'b.zip' })));
    expect(world.deadLetters).toMatchObject([{ reason: 'NotAPackage' }]);
    const checked = { stringValue: 'false', dataType: 'String' };
    await process(aRecord('three', s3Event({ key: 'c.zip' }), { [NO_CHECK_ATTRIBUTE]: checked }));
    expect(world.deadLetters).toHaveLength(2);
  });

  it('reports exactly what is not done, and leaves the neighbours of a poison message alone', async () => {
    const response = await process(
      aRecord('poison', 'hello'),
      aRecord('first', s3Event({ key: 'a.zip' })),
      aRecord('second', s3Event({ key: 'b.zip' })),
    );
    expect(failedIds(response)).toEqual(['second']);
    expect(hidden).toEqual([['receipt-second', INTERVAL_MS / 1000]]);
    expect(world.deadLetters).toHaveLength(1);
    expect(world.calls).toHaveLength(1);
  });

  it('answers an empty list only for an empty batch or a batch that is done', async () => {
    expect(failedIds(await process())).toEqual([]);
    expect(failedIds(await process(aRecord('done', s3Event({ key: 'a.zip' }))))).toEqual([]);
  });

  it('takes an unexpected error for a retry', async () => {
    const now = () => {
      throw new Error('no clock');
    };
    world.use({ clock: { ...world.ports.clock, now }, log: { ...world.ports.log, error: () => {} } });
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
    const DeadLetterId = { dataType: 'String', stringValue: world.deadLetters[0]?.id ?? '' };
    await process(aRecord('two', s3Event({ key: 'a.zip' }), { DeadLetterId }));
    expect(world.logged.map(({ event }) => event)).toEqual(['calling', 'dead-lettered', 'calling', 'submitted']);
  });

  it('keeps the message of a submitted build until its event is sent, and submits it once', async () => {
    world.busIsDown = true;
    const record = aRecord('m', s3Event({ key: 'a.zip' }));
    const again = { ...record, attributes: { ...record.attributes, ApproximateReceiveCount: '2' } };

    expect(failedIds(await process(record))).toEqual(['m']);
    expect(hidden).toEqual([['receipt-m', 60]]);
    world.now += 60_000;
    expect(failedIds(await process(again))).toEqual(['m']);
    world.busIsDown = false;
    world.now += INTERVAL_MS;
    expect(failedIds(await process(again))).toEqual([]);

    expect(world.events).toMatchObject([{ name: 'Build Submitted', uploadId: 'upload-1' }]);
    expect(world.calls).toHaveLength(1);
  });
});
