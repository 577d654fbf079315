import { describe, expect, it } from 'vitest';
import type { Disposition } from '../../functions/domain/model/outcome.ts';
import type { Log, VisibilityChange } from '../../functions/domain/ports.ts';
import { handleBatch, type InvocationDeadline, type QueueRecord } from '../../functions/message-batch.ts';

const NOW = Date.UTC(2026, 10, 24);
const invocation: InvocationDeadline = { startedAt: NOW, deadline: NOW + 55_000, leaseUntil: NOW + 61_000 };
const record = (messageId: string): QueueRecord => ({
  messageId,
  receiptHandle: `receipt-${messageId}`,
  body: messageId,
  attributes: { ApproximateReceiveCount: '1', SentTimestamp: `${NOW}` },
  messageAttributes: {},
});

async function handled(dispositions: Readonly<Record<string, Disposition | Error>>, refuses = false) {
  const changes: VisibilityChange[] = [];
  const lines: unknown[] = [];
  const write = (event: string, fields: unknown) => void lines.push([event, fields]);
  const log: Log = { info: write, warn: write, error: write, within: (_fields, work) => work() };
  const response = await handleBatch(
    Object.keys(dispositions).map(record),
    invocation,
    async ({ messageId }) => {
      const disposition = dispositions[messageId];
      if (disposition instanceof Error || disposition === undefined) throw disposition;
      return disposition;
    },
    {
      clock: { now: () => NOW, sleep: async () => {} },
      log,
      visibility: {
        async change(all) {
          if (refuses) throw new Error('SQS refused.');
          changes.push(...all);
        },
      },
    },
  );
  return { failures: response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier), changes, lines };
}

describe('a batch', () => {
  it('gives back what is not proven done, unexpected errors among it', async () => {
    const { failures, lines } = await handled({
      done: { kind: 'done' },
      hidden: { kind: 'hidden', until: NOW + 5_000 },
      broken: new Error('https://s3/x.zip?X-Amz-Signature=c4nary'),
    });
    expect(failures).toEqual(['hidden', 'broken']);
    expect(JSON.stringify(lines)).toContain('message-failed');
    expect(JSON.stringify(lines)).not.toContain('c4nary');
  });

  it.each([
    ['at once', 0, 0],
    ['in the past', -5_000, 0],
    ['in a moment', 1, 1],
    ['in less than a second', 999, 1],
    ['in whole seconds', 5_000, 5],
    ['in between, where the rest is slept in the function', 5_999, 5],
    ['later than SQS can hide it', 13 * 3_600_000, 12 * 3600 - 60],
  ])('hides a message that is to come back %s', async (_, ms, seconds) => {
    const { changes } = await handled({ a: { kind: 'hidden', until: NOW + ms } });
    expect(changes).toEqual([{ receiptHandle: 'receipt-a', seconds }]);
  });

  it('hides one that is early for 1 s at least: otherwise its receives would be used up within that moment', async () => {
    for (let ms = 1; ms < 1_000; ms += 37) {
      const { changes } = await handled({ a: { kind: 'hidden', until: NOW + ms } });
      expect(changes[0]?.seconds).toBeGreaterThan(0);
    }
  });

  it('leaves them to the queue’s own time where SQS does not answer', async () => {
    const { failures, lines } = await handled({ a: { kind: 'hidden', until: NOW + 5_000 } }, true);
    expect(failures).toEqual(['a']);
    expect(JSON.stringify(lines)).toContain('visibility-not-changed');
  });
});
