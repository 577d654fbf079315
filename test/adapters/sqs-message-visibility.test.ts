import type { ChangeMessageVisibilityBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { createSqsMessageVisibility } from '../../functions/adapters/sqs-message-visibility.ts';

function given(failed: (receipts: (string | undefined)[]) => { Code: string }[] | undefined = () => undefined) {
  const sent: ChangeMessageVisibilityBatchCommand['input'][] = [];
  const client = {
    send: async ({ input }: ChangeMessageVisibilityBatchCommand) => {
      sent.push(input);
      return { Failed: failed((input.Entries ?? []).map(({ ReceiptHandle }) => ReceiptHandle)) };
    },
  };
  return { visibility: createSqsMessageVisibility(client as unknown as SQSClient, 'the-queue'), sent };
}

const changes = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ receiptHandle: `receipt-${n}`, seconds: 10 * n }));

describe('the visibility of messages', () => {
  it('is changed together, at most ten in a call', async () => {
    const { visibility, sent } = given();

    await visibility.change(changes(11));

    expect(sent.map(({ Entries }) => Entries?.length)).toEqual([10, 1]);
    expect(sent[0]).toMatchObject({
      QueueUrl: 'the-queue',
      Entries: expect.arrayContaining([{ Id: '3', ReceiptHandle: 'receipt-3', VisibilityTimeout: 30 }]),
    });
    expect(new Set(sent[0]?.Entries?.map(({ Id }) => Id)).size).toBe(10);
  });

  it('is changed by one call where ten are all', async () => {
    const { visibility, sent } = given();
    await visibility.change(changes(10));
    expect(sent).toHaveLength(1);
  });

  it('is an error where SQS refuses one of the changes, which does not stop the others', async () => {
    const { visibility, sent } = given((receipts) =>
      receipts.includes('receipt-2') ? [{ Code: 'ReceiptHandleIsInvalid' }] : [],
    );
    await expect(visibility.change(changes(11))).rejects.toThrow('SQS refused 1 of 11: ReceiptHandleIsInvalid.');
    expect(sent).toHaveLength(2);
  });
});
