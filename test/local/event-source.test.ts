import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EventSource, processedMessages, startEventSource } from '../../local/aws/event-source.ts';
import { type Gateway, startGateway } from '../../local/aws/gateway.ts';
import type { InvocationResult } from '../../local/aws/lambda-process.ts';
import { eventually } from './eventually.ts';

const IDS = ['a', 'b', 'c'];
const answered = (payload: unknown): InvocationResult => ({ kind: 'answered', payload });
const failures = (...identifiers: unknown[]) =>
  answered({ batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })) });

describe('the messages that an answer of the function reports as processed', () => {
  it.each([
    ['null', answered(null)],
    ['nothing', answered(undefined)],
    ['an empty object', answered({})],
    ['an empty list of failures', failures()],
    ['null as the list of failures', answered({ batchItemFailures: null })],
  ])('are all of them, by %s', (_, result) => {
    expect([...processedMessages(result, IDS)]).toEqual(IDS);
  });

  it('are those that the list of failures does not name', () => {
    expect([...processedMessages(failures('b'), IDS)]).toEqual(['a', 'c']);
  });

  it.each<[string, InvocationResult]>([
    ['an error', { kind: 'failed', errorType: 'Error', errorMessage: 'x' }],
    ['an identifier that is not in the batch', failures('a', 'elsewhere')],
    ['an empty identifier', failures('')],
    ['a null identifier', failures(null)],
    ['an identifier under another name', answered({ batchItemFailures: [{ id: 'a' }] })],
    ['a failure that is no object', answered({ batchItemFailures: [null] })],
    ['a list that is none', answered({ batchItemFailures: 'a' })],
    ['an answer that is text', answered('done')],
    ['an answer that is a list', answered(['a'])],
  ])('are none of them, by %s', (_, result) => {
    expect([...processedMessages(result, IDS)]).toEqual([]);
  });
});

describe('the event source', () => {
  let gateway: Gateway;
  let sqs: SQSClient;
  let source: EventSource | undefined;
  const problems: string[] = [];

  beforeEach(async () => {
    problems.length = 0;
    gateway = await startGateway({
      port: 0,
      region: 'us-east-1',
      objectsDirectory: mkdtempSync(join(tmpdir(), 'event-source-')),
      credentials: [],
      onObjectCreated: () => {},
      onPublished: () => {},
      onBusEvent: () => {},
    });
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    sqs = new SQSClient({ endpoint: gateway.endpoint, region: 'us-east-1', credentials });
  });
  afterEach(async () => {
    await source?.stop();
    sqs.destroy();
    await gateway.close();
  });

  async function createQueue(name: string, attributes: Record<string, string>): Promise<string> {
    const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
    return QueueUrl;
  }
  const send = (queueUrl: string, ...bodies: string[]) =>
    sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: bodies.map((body, index) => ({
          Id: String(index),
          MessageBody: body,
          MessageAttributes: { Colour: { DataType: 'String', StringValue: 'red' } },
        })),
      }),
    );
  function start(queueUrl: string, invoke: (event: SQSEvent) => Promise<InvocationResult>, spec: object = {}): void {
    source = startEventSource(
      {
        queueUrl,
        queueArn: 'arn:aws:sqs:us-east-1:000000000000:builds',
        batchSize: 10,
        maximumConcurrency: 2,
        ...spec,
      },
      { sqs, region: 'us-east-1', invoke, onProblem: (problem) => void problems.push(problem) },
    );
  }
  async function counts(queueUrl: string) {
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
    );
    return [Attributes?.ApproximateNumberOfMessages, Attributes?.ApproximateNumberOfMessagesNotVisible];
  }

  it('hands over records as Lambda shapes them', async () => {
    const queueUrl = await createQueue('builds', {});
    const events: SQSEvent[] = [];
    start(queueUrl, async (event) => {
      events.push(event);
      return answered(null);
    });
    await send(queueUrl, 'body');
    await eventually(() => expect(events).toHaveLength(1));
    expect(events[0]?.Records).toEqual([
      {
        messageId: expect.any(String),
        receiptHandle: expect.any(String),
        body: 'body',
        md5OfBody: '841a2d689ad86bd1611447453c22c6fc',
        attributes: expect.objectContaining({ ApproximateReceiveCount: '1', SentTimestamp: expect.any(String) }),
        messageAttributes: {
          Colour: { stringValue: 'red', dataType: 'String', stringListValues: [], binaryListValues: [] },
        },
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:builds',
        awsRegion: 'us-east-1',
      },
    ]);
  });

  it('deletes what is processed and leaves the rest to its visibility timeout', async () => {
    const queueUrl = await createQueue('builds', { VisibilityTimeout: '600' });
    start(queueUrl, async ({ Records }) =>
      failures(...Records.filter(({ body }) => body === 'bad').map(({ messageId }) => messageId)),
    );
    await send(queueUrl, 'good', 'bad', 'good too');
    await eventually(async () => expect(await counts(queueUrl)).toEqual(['0', '1']));
  });

  it('brings a failed message back with a higher receive count, and at last to the dead-letter queue', async () => {
    await createQueue('dead-letters', {});
    const deadLetterTargetArn = 'arn:aws:sqs:us-east-1:000000000000:dead-letters';
    const queueUrl = await createQueue('builds', {
      VisibilityTimeout: '0',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 }),
    });
    const receives: (string | undefined)[] = [];
    start(queueUrl, async ({ Records }) => {
      receives.push(Records[0]?.attributes.ApproximateReceiveCount);
      return { kind: 'failed', errorType: 'Error', errorMessage: 'broken' };
    });
    await send(queueUrl, 'bad');
    await eventually(() => expect(gateway.peek('dead-letters')).toMatchObject([{ body: 'bad' }]));
    expect(receives).toEqual(['1', '2']);
    expect(problems).toContain('The function failed: Error: broken');
  });

  it('runs at most as many invocations at a time as its concurrency says', async () => {
    const queueUrl = await createQueue('builds', {});
    const open: ((result: InvocationResult) => void)[] = [];
    let most = 0;
    let running = 0;
    start(
      queueUrl,
      () => {
        most = Math.max(most, ++running);
        return new Promise((resolve) => open.push(resolve));
      },
      { batchSize: 1 },
    );
    await send(queueUrl, '1', '2', '3', '4');
    await eventually(() => expect(open).toHaveLength(2));
    for (let done = 0; done < 4; done++) {
      await eventually(() => expect(open.length).toBeGreaterThan(0));
      running--;
      open.shift()?.(answered(null));
    }
    await eventually(async () => expect(await counts(queueUrl)).toEqual(['0', '0']));
    expect(most).toBe(2);
  });

  it('stops after the batches that it has are processed', async () => {
    const queueUrl = await createQueue('builds', {});
    let finish: (result: InvocationResult) => void = () => {};
    const invoked = new Promise<void>((resolve) => {
      start(queueUrl, () => {
        resolve();
        return new Promise((settle) => {
          finish = settle;
        });
      });
    });
    await send(queueUrl, 'being processed');
    await invoked;
    const stopped = source?.stop();
    finish(answered(null));
    await stopped;
    expect(await counts(queueUrl)).toEqual(['0', '0']);
  });
});
