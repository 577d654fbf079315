import type { BatchGetItemCommand, BatchGetItemCommandOutput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { createBatchedReads } from '../../functions/adapters/batched-reads.ts';
import { LedgerUnavailable } from '../../functions/domain/ledger.ts';

type Answer = Omit<BatchGetItemCommandOutput, '$metadata'>;

function given(answer: (keys: string[]) => Answer) {
  const asked: string[][] = [];
  const send = async ({ input }: BatchGetItemCommand) => {
    const keys = (input.RequestItems?.table?.Keys ?? []).map(({ pk }) => pk?.S ?? '');
    expect(input.RequestItems?.table?.ConsistentRead).toBe(true);
    asked.push(keys);
    return answer(keys);
  };
  return { read: createBatchedReads({ send } as unknown as DynamoDBClient, 'table'), asked };
}

const item = (key: string) => ({ pk: { S: key } });
const all = (keys: string[]): Answer => ({ Responses: { table: keys.map(item) } });

describe('reads of the ledger table', () => {
  it('go out as one call where they are asked for at once, each key once', async () => {
    const { read, asked } = given((keys) => all(keys.filter((key) => key !== 'unknown')));

    const items = await Promise.all(['a', 'b', 'unknown', 'a'].map(read));

    expect(asked).toEqual([['a', 'b', 'unknown']]);
    expect(items).toEqual([item('a'), item('b'), undefined, item('a')]);
  });

  it('are made anew each time', async () => {
    const { read, asked } = given(all);
    await read('a');
    await read('a');
    expect(asked).toEqual([['a'], ['a']]);
  });

  it('keep to the hundred keys that DynamoDB takes', async () => {
    const { read, asked } = given(all);
    const keys = Array.from({ length: 101 }, (_, n) => `key-${n}`);
    expect(await Promise.all(keys.map(read))).toEqual(keys.map(item));
    expect(asked.map((batch) => batch.length)).toEqual([100, 1]);
  });

  it('fail for the keys that a throttled table left out, and only for them', async () => {
    const { read } = given(() => ({
      Responses: { table: [item('a')] },
      UnprocessedKeys: { table: { Keys: [item('b')] } },
    }));
    const [a, b] = await Promise.allSettled([read('a'), read('b')]);
    expect(a).toMatchObject({ status: 'fulfilled', value: item('a') });
    expect(b).toMatchObject({ status: 'rejected', reason: expect.any(LedgerUnavailable) });
  });

  it('all fail where the table does not answer', async () => {
    const { read } = given(() => {
      throw new Error('no answer');
    });
    const results = await Promise.allSettled([read('a'), read('b')]);
    expect(results.map((result) => result.status === 'rejected' && result.reason)).toEqual([
      expect.any(LedgerUnavailable),
      expect.any(LedgerUnavailable),
    ]);
  });
});
