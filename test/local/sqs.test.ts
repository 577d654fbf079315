import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ChangeMessageVisibilityBatchCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../../local/aws/gateway.ts';
import { eventually } from './eventually.ts';

let gateway: Gateway;
let sqs: SQSClient;
let count = 0;
const directory = mkdtempSync(join(tmpdir(), 'sqs-'));

beforeAll(async () => {
  gateway = await startGateway({
    port: 0,
    region: 'us-east-1',
    objectsDirectory: directory,
    credentials: [],
    onObjectCreated: () => {},
    onPublished: () => {},
    onBusEvent: () => {},
  });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  sqs = new SQSClient({ endpoint: gateway.endpoint, region: 'us-east-1', credentials });
});
afterAll(async () => {
  sqs.destroy();
  await gateway.close();
  rmSync(directory, { recursive: true });
});

async function createQueue(attributes: Record<string, string> = {}): Promise<string> {
  // Longer than any test takes.
  const Attributes = { VisibilityTimeout: '600', ...attributes };
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: `queue-${++count}`, Attributes }));
  return QueueUrl;
}
const nameOf = (queueUrl: string) => queueUrl.split('/').at(-1) ?? '';
const send = (QueueUrl: string, MessageBody: string) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
async function receive(QueueUrl: string, options: object = {}): Promise<Message[]> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'], ...options }),
  );
  return Messages;
}
const bodies = (messages: readonly Message[]) => messages.map(({ Body }) => Body);
const changeVisibility = (QueueUrl: string, ReceiptHandle = '', VisibilityTimeout = 0) =>
  sqs.send(
    new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries: [{ Id: '0', ReceiptHandle, VisibilityTimeout }] }),
  );

describe('a queue', () => {
  it('is named by the address of the endpoint', async () => {
    const queueUrl = await createQueue();
    expect(queueUrl).toBe(`${gateway.endpoint}/000000000000/${nameOf(queueUrl)}`);
    expect((await sqs.send(new GetQueueUrlCommand({ QueueName: nameOf(queueUrl) }))).QueueUrl).toBe(queueUrl);
    await expect(receive(queueUrl.replace('queue-', 'nothing-'))).rejects.toMatchObject({ name: 'QueueDoesNotExist' });
  });

  it('has the attributes that it was created with, and counts its messages', async () => {
    const queueUrl = await createQueue({ VisibilityTimeout: '60' });
    await send(queueUrl, 'one');
    await send(queueUrl, 'two');
    await receive(queueUrl, { MaxNumberOfMessages: 1 });
    const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] });
    expect((await sqs.send(command)).Attributes).toMatchObject({
      QueueArn: `arn:aws:sqs:us-east-1:000000000000:${nameOf(queueUrl)}`,
      VisibilityTimeout: '60',
      ApproximateNumberOfMessages: '1',
      ApproximateNumberOfMessagesNotVisible: '1',
    });
  });

  it('accepts any character that SQS accepts, and no other', async () => {
    const queueUrl = await createQueue();
    const body = 'tab\t line\n ä λ \u{FFFD} 🎮 \u{10FFFF}';
    await send(queueUrl, body);
    expect(bodies(await receive(queueUrl))).toEqual([body]);
    for (const text of ['\0', 'a\u{1F}', '\u{FFFE}']) {
      await expect(send(queueUrl, text)).rejects.toThrow('Invalid characters');
      const MessageAttributes = { Key: { DataType: 'String', StringValue: text } };
      const command = new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: 'x', MessageAttributes });
      await expect(sqs.send(command)).rejects.toThrow('Invalid characters');
    }
  });

  it('takes ten messages at a time, and refuses single ones', async () => {
    const queueUrl = await createQueue();
    const batch = (...texts: string[]) =>
      new SendMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: texts.map((MessageBody, index) => ({ Id: `${index}`, MessageBody })),
      });
    const { Successful, Failed } = await sqs.send(batch('good', '\0', 'good, too'));
    expect([Successful?.map(({ Id }) => Id), Failed?.map(({ Id, Code }) => [Id, Code])]).toEqual([
      ['0', '2'],
      [['1', 'InvalidMessageContents']],
    ]);
    await expect(sqs.send(batch(...Array(11).fill('x')))).rejects.toThrow('1 to 10');
    expect(bodies(await receive(queueUrl))).toEqual(['good', 'good, too']);
  });
});

describe('a received message', () => {
  it('is hidden, comes back with a higher count, behind those that wait, and is gone when it is deleted', async () => {
    const queueUrl = await createQueue();
    await send(queueUrl, 'first');
    await send(queueUrl, 'second');
    const [message] = await receive(queueUrl, { MaxNumberOfMessages: 1 });
    expect(message).toMatchObject({ Body: 'first', Attributes: { ApproximateReceiveCount: '1' } });
    expect(gateway.peek(nameOf(queueUrl)).map(({ body }) => body)).toEqual(['second']);
    expect(gateway.peek(nameOf(queueUrl), 'hidden').map(({ body }) => body)).toEqual(['first']);

    await changeVisibility(queueUrl, message?.ReceiptHandle);
    const again = await receive(queueUrl);
    expect(bodies(again)).toEqual(['second', 'first']);
    expect(again[1]).toMatchObject({ Attributes: { ApproximateReceiveCount: '2' } });

    const Entries = again.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    expect(gateway.peek(nameOf(queueUrl), 'hidden')).toEqual([]);
  });

  it('is known by its latest receipt handle only, and not once it is visible', async () => {
    const queueUrl = await createQueue();
    await send(queueUrl, 'x');
    const [first] = await receive(queueUrl, { VisibilityTimeout: 0 });
    expect((await changeVisibility(queueUrl, first?.ReceiptHandle)).Failed).toMatchObject([
      { Code: 'MessageNotInflight' },
    ]);
    await receive(queueUrl);
    expect((await changeVisibility(queueUrl, first?.ReceiptHandle)).Failed).toMatchObject([
      { Code: 'ReceiptHandleIsInvalid' },
    ]);
  });

  it('has its attributes where they are asked for', async () => {
    const queueUrl = await createQueue({ VisibilityTimeout: '0' });
    const Reason = { DataType: 'String', StringValue: 'NotAZip' };
    await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: 'x', MessageAttributes: { Reason } }));
    const received = async (names: string[]) =>
      (await receive(queueUrl, { MessageAttributeNames: names }))[0]?.MessageAttributes;
    expect(await received(['All'])).toMatchObject({ Reason });
    expect(await received(['Reason'])).toMatchObject({ Reason });
    expect(await received(['Other'])).toEqual({});
  });

  it('goes to the dead-letter queue after too many receives, with its id and attributes', async () => {
    const deadLetters = await createQueue();
    const deadLetterTargetArn = `arn:aws:sqs:us-east-1:000000000000:${nameOf(deadLetters)}`;
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 });
    const queueUrl = await createQueue({ VisibilityTimeout: '0', RedrivePolicy });
    const { MessageId } = await send(queueUrl, 'poison');
    expect(bodies(await receive(queueUrl))).toEqual(['poison']);
    expect(await receive(queueUrl)).toEqual([]);
    expect(await receive(deadLetters)).toMatchObject([{ MessageId, Body: 'poison' }]);
  });
});

describe('a delayed message', () => {
  it('can be received once its delay is over', async () => {
    const queueUrl = await createQueue();
    await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: 'later', DelaySeconds: 4 }));
    expect(await receive(queueUrl)).toEqual([]);
    expect(bodies(await receive(queueUrl, { WaitTimeSeconds: 20 }))).toEqual(['later']);
  });
});

describe('a long poll', () => {
  it('ends with the message that arrives meanwhile', async () => {
    const queueUrl = await createQueue({ ReceiveMessageWaitTimeSeconds: '20' });
    const polls = [receive(queueUrl, { MaxNumberOfMessages: 1 }), receive(queueUrl, { MaxNumberOfMessages: 1 })];
    await send(queueUrl, 'one');
    await send(queueUrl, 'two');
    expect((await Promise.all(polls)).flatMap(bodies).sort()).toEqual(['one', 'two']);
  });

  it('ends with a message whose visibility timeout ends meanwhile', async () => {
    const queueUrl = await createQueue({ VisibilityTimeout: '1' });
    await send(queueUrl, 'back');
    await receive(queueUrl);
    expect(bodies(await receive(queueUrl, { WaitTimeSeconds: 20 }))).toEqual(['back']);
  });

  it('takes no message for a client that has gone', async () => {
    const queueUrl = await createQueue();
    const gone = new AbortController();
    const command = new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 20 });
    const poll = sqs.send(command, { abortSignal: gone.signal });
    await receive(queueUrl);
    gone.abort();
    await expect(poll).rejects.toMatchObject({ name: 'AbortError' });
    // Its connection ends a moment later: what it may still take is taken by then.
    await eventually(async () => {
      await send(queueUrl, 'for another');
      expect(bodies(await receive(queueUrl))).toContain('for another');
    });
  });
});
