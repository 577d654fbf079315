import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

const DAY_MS = 24 * 3_600_000;

/** SQS and SNS on loopback. */
const server = http.createServer(async (request, response) => {
  const body = await text(request);
  const operation = String(request.headers['x-amz-target']).split('.').at(-1);
  if (operation === 'GetQueueAttributes') {
    response.end(JSON.stringify({ Attributes: { ApproximateNumberOfMessages: String(ages.length) } }));
  } else if (operation === 'ReceiveMessage') {
    received.push(JSON.parse(body));
    const Messages = ages.map((age, index) => ({
      MessageId: `m-${index}`,
      ReceiptHandle: 'r',
      Body: '{}',
      MD5OfBody: '99914b932bd37a50b983c5e7c90ae93b',
      // A message that was received often: SQS's own age metric would leave it out.
      Attributes: { SentTimestamp: String(Date.now() - age), ApproximateReceiveCount: '9' },
    }));
    response.end(JSON.stringify({ Messages }));
  } else {
    published.push(body);
    response.end('<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>');
  }
});
let ages: number[];
let received: Record<string, unknown>[];
let published: string[];
let lines: string[];
let handler: typeof import('../../functions/remind-of-dead-letters/handler.ts').handler;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    DEAD_LETTER_QUEUE_URL: `${endpoint}/123456789012/dead-letters`,
    ALERT_TOPIC_ARN: 'arn:aws:sns:eu-central-1:123456789012:alerts',
    ALERT_FORMAT: 'email',
    COMMAND_TARGET: '{"stack":"StreampixelDrop","region":"eu-central-1"}',
    REMINDER_HOUR_UTC: '0',
    STACK_NAME: 'Drop',
  })) {
    vi.stubEnv(name, value);
  }
  ({ handler } = await import('../../functions/remind-of-dead-letters/handler.ts'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  [ages, received, published, lines] = [[], [], [], []];
  const print = vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  return () => print.mockRestore();
});

async function runAt(hour: number) {
  const time = `2026-11-25T${String(hour).padStart(2, '0')}:00:00Z`;
  await handler({ time }, { awsRequestId: 'i-1' } as Context);
  const measured = lines.map((line) => JSON.parse(line)).filter((line) => 'OldestDeadLetterAge' in line);
  return { reminders: published.length, measured };
}

describe('each hour', () => {
  it('the age of the oldest dead letter is measured, without hiding one from a redrive', async () => {
    ages = [DAY_MS, 5 * DAY_MS, 3 * DAY_MS];
    const { measured, reminders } = await runAt(13);
    expect(measured).toEqual([expect.objectContaining({ Stack: 'Drop' })]);
    expect(Math.floor(measured[0].OldestDeadLetterAge / 3600)).toBe(5 * 24);
    expect(received.length).toBeGreaterThan(0);
    expect(lines.join('')).toContain('"event":"dead-letters-counted","requestId":"i-1","deadLetters":3');
    for (const { VisibilityTimeout } of received) expect(VisibilityTimeout).toBe(0);
    expect(reminders).toBe(0);
  });

  it('an empty queue is not looked into', async () => {
    expect(await runAt(13)).toEqual({ reminders: 0, measured: [] });
    expect(received).toEqual([]);
  });
});

describe('at the hour of the settings', () => {
  it('people are reminded of dead letters', async () => {
    ages = [DAY_MS];
    expect(await runAt(0)).toMatchObject({ reminders: 1, measured: [expect.anything()] });
  });

  it('but not where there are none', async () => {
    expect((await runAt(0)).reminders).toBe(0);
  });
});
