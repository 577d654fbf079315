import type { SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { createSqsBuildsQueue } from '../../functions/adapters/sqs-builds-queue.ts';
import { createSqsDeadLetterQueue } from '../../functions/adapters/sqs-dead-letter-queue.ts';
import { createSqsDeadLetterStore } from '../../functions/adapters/sqs-dead-letter-store.ts';
import { createSqsFollowQueue } from '../../functions/adapters/sqs-follow-queue.ts';
import type { DeadLetter } from '../../functions/domain/model/dead-letter.ts';
import type { StoredDeadLetter } from '../../functions/domain/ports.ts';
import { aBuild, START } from '../support/world.ts';

const QUEUE = 'https://sqs.eu-central-1.amazonaws.com/000000000000/queue';

/** Answers each call with the same; remembers what was sent. */
function given(answer: object) {
  const sent: { readonly command: string; readonly input: Record<string, unknown> }[] = [];
  const client = {
    send: async (command: { readonly input: Record<string, unknown> }) => {
      sent.push({ command: command.constructor.name, input: command.input });
      return answer;
    },
  } as unknown as SQSClient;
  return {
    sent,
    store: createSqsDeadLetterStore(client, QUEUE, 60),
    deadLetters: createSqsDeadLetterQueue(client, QUEUE),
    builds: createSqsBuildsQueue(client, QUEUE),
    follow: createSqsFollowQueue(client, QUEUE),
  };
}

const deadLetters: readonly StoredDeadLetter[] = ['a', 'b', 'c'].map((name) => ({
  messageId: `id-${name}`,
  receiptHandle: `receipt-${name}`,
  body: `body-${name}`,
  sentAt: 7,
  attributes: { Reason: 'NotAZip' },
}));
/** SQS took the first and the third. */
const FIRST_AND_THIRD = { Successful: [{ Id: '0' }, { Id: '2' }], Failed: [{ Id: '1' }] };

describe('the dead-letter queue', () => {
  it('is read ten at a time by long polling, and what is read stays hidden for as long as was asked', async () => {
    const { sent, store } = given({});
    expect(await store.receive()).toEqual([]);
    expect(sent).toMatchObject([
      {
        command: 'ReceiveMessageCommand',
        input: {
          QueueUrl: QUEUE,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: 3,
          VisibilityTimeout: 60,
          MessageAttributeNames: ['All'],
          MessageSystemAttributeNames: ['SentTimestamp', 'DeadLetterQueueSourceArn'],
        },
      },
    ]);
  });

  it('gives each message with its attributes, its age, and the queue it was moved from', async () => {
    const { store } = given({
      Messages: [
        {
          MessageId: 'id-a',
          ReceiptHandle: 'receipt-a',
          Body: 'body-a',
          Attributes: { SentTimestamp: '7' },
          MessageAttributes: { Reason: { DataType: 'String', StringValue: 'NotAZip' }, Binary: { DataType: 'Binary' } },
        },
        { Attributes: { SentTimestamp: '8', DeadLetterQueueSourceArn: 'arn:builds' } },
        {},
      ],
    });
    expect(await store.receive()).toStrictEqual([
      { ...deadLetters[0], attributes: { Reason: 'NotAZip', Binary: '' } },
      { messageId: '', receiptHandle: '', body: '', sentAt: 8, movedFrom: 'arn:builds', attributes: {} },
      { messageId: '', receiptHandle: '', body: '', sentAt: Number.NaN, attributes: {} },
    ]);
  });

  it('shows again at once what is released', async () => {
    const { sent, store } = given({});
    await store.release(deadLetters.slice(0, 2));
    expect(sent).toEqual([
      {
        command: 'ChangeMessageVisibilityBatchCommand',
        input: {
          QueueUrl: QUEUE,
          Entries: [
            { Id: '0', ReceiptHandle: 'receipt-a', VisibilityTimeout: 0 },
            { Id: '1', ReceiptHandle: 'receipt-b', VisibilityTimeout: 0 },
          ],
        },
      },
    ]);
  });

  it('says which messages SQS has deleted: a 200 may be for some of them only', async () => {
    const { sent, store } = given(FIRST_AND_THIRD);
    expect(await store.delete(deadLetters)).toEqual([deadLetters[0], deadLetters[2]]);
    expect(sent).toMatchObject([
      {
        command: 'DeleteMessageBatchCommand',
        input: { QueueUrl: QUEUE, Entries: [{ Id: '0', ReceiptHandle: 'receipt-a' }, { Id: '1' }, { Id: '2' }] },
      },
    ]);
    expect(await given({}).store.delete(deadLetters)).toEqual([]);
  });
});

describe('a dead letter', () => {
  const bare: DeadLetter = {
    id: 'dead-letter-1',
    body: '{"Records":[]}',
    reason: 'NoRoute',
    detail: '',
    attempts: 0,
    at: START,
    logPointer: 'group stream id',
  };
  async function attributesOf(deadLetter: DeadLetter) {
    const { deadLetters: queue, sent } = given({});
    await queue.send(deadLetter);
    const { MessageAttributes, ...rest } = sent[0]?.input ?? {};
    expect(rest).toEqual({ QueueUrl: QUEUE, MessageBody: deadLetter.body });
    return Object.entries(MessageAttributes as object).map(([name, value]) => [
      name,
      value.DataType,
      value.StringValue,
    ]);
  }

  it('has the original body, and everything else in its attributes', async () => {
    const facts = { build: aBuild(), userId: 'user', projectId: 'project', status: 401, keyVersion: 2 };
    expect(await attributesOf({ ...bare, ...facts, detail: 'a\u0000b' })).toEqual([
      ['DeadLetterId', 'String', 'dead-letter-1'],
      ['Reason', 'String', 'NoRoute'],
      ['Detail', 'String', 'a\ufffdb'],
      ['HttpStatus', 'String', '401'],
      ['Attempts', 'String', '0'],
      ['Build', 'String', 'drop/a.zip@v1'],
      ['Project', 'String', 'user/project'],
      ['ApiKeyVersion', 'String', '2'],
      ['DeadLetteredAt', 'String', '2026-04-21T12:00:00.000Z'],
      ['LogPointer', 'String', 'group stream id'],
    ]);
  });

  it.each([{}, { userId: 'user' }, { projectId: 'project' }])('has no attribute without a value: %j', async (facts) => {
    const names = (await attributesOf({ ...bare, ...facts })).map(([name]) => name);
    expect(names).toEqual(['DeadLetterId', 'Reason', 'Attempts', 'DeadLetteredAt', 'LogPointer']);
  });
});

describe('the follow queue', () => {
  it('gets a message as JSON', async () => {
    const { follow, sent } = given({});
    await follow.send({ kind: 'watch', build: 'drop/a.zip@v1', uploadId: 'upload-1' });
    const MessageBody = '{"kind":"watch","build":"drop/a.zip@v1","uploadId":"upload-1"}';
    expect(sent).toEqual([{ command: 'SendMessageCommand', input: { QueueUrl: QUEUE, MessageBody } }]);
  });
});

describe('the builds queue', () => {
  it('gets body and attributes of a dead letter unchanged, and says which ones SQS has taken', async () => {
    const { builds, sent } = given(FIRST_AND_THIRD);
    expect(await builds.send(deadLetters)).toEqual([deadLetters[0], deadLetters[2]]);
    const MessageAttributes = { Reason: { DataType: 'String', StringValue: 'NotAZip' } };
    expect(sent).toMatchObject([
      {
        command: 'SendMessageBatchCommand',
        input: {
          QueueUrl: QUEUE,
          Entries: [
            { Id: '0', MessageBody: 'body-a', MessageAttributes },
            { Id: '1', MessageBody: 'body-b', MessageAttributes },
            { Id: '2', MessageBody: 'body-c', MessageAttributes },
          ],
        },
      },
    ]);
    expect(await given({}).builds.send(deadLetters)).toEqual([]);
  });
});

it('SQS is not asked to do nothing, which it refuses', async () => {
  const { builds, sent, store } = given({});
  await store.release([]);
  expect([await store.delete([]), await builds.send([])]).toEqual([[], []]);
  expect(sent).toEqual([]);
});
