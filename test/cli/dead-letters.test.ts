import { ChangeMessageVisibilityBatchCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { deadLetterFacts } from '../../cli/stack/dead-letters.ts';
import { batchesOf } from '../../cli/stack/queues.ts';
import { stringAttributes } from '../../functions/adapters/sqs-builds-queue.ts';
import { createSqsDeadLetterQueue } from '../../functions/adapters/sqs-dead-letter-queue.ts';
import type { DeadLetter } from '../../functions/domain/model/dead-letter.ts';
import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { parseNotification } from '../../functions/domain/submit/s3-notification.ts';
import { eventBridgeEvent, s3Event } from '../support/s3-event.ts';
import { aBuild, ROUTE } from '../support/world.ts';
import { BUILDS, DEAD_LETTERS, MAX_RECEIVES, openQuietStack } from './quiet-stack.ts';
import { EVENTUALLY, PATIENCE, startTool, tool, toolJson } from './tool.ts';

/** Queues that only the tool uses: what it moved stays where it put it. */
interface Queues {
  readonly port: number;
  /** Puts a dead letter into its queue as the worker does; returns its build's key. */
  deadLetter(changes?: Partial<DeadLetter>): Promise<string>;
  /** Puts a message there as SQS's own redrive policy does: without attributes. */
  moveSilently(key: string): Promise<void>;
  /** Puts a message there as EventBridge does with an event that it could not deliver. Returns its body. */
  failToDeliver(key: string): Promise<string>;
  /** Receives what is in the builds queue so often that SQS moves it. */
  crash(): Promise<void>;
  /** Bodies in the builds queue. */
  bodies(): readonly string[];
  /** Names of the dead letters in each queue, hidden ones included, and the handles of the hidden ones. */
  look(): Promise<{ builds: string[]; deadLetters: string[]; hidden: string[] }>;
  /** Names of the dead letters in the builds queue, in the order in which they came. */
  order(): (string | undefined)[];
  /** As happens when the visibility timeout has passed. */
  letHidingRunOut(): Promise<void>;
}

vi.setConfig(PATIENCE);

/** @param onTestFinished of the test's own context: beside others the imported one may belong to another test */
async function openQueues(
  onTestFinished: TestContext['onTestFinished'],
  routes: readonly Route[] = [ROUTE],
): Promise<Queues> {
  const { gateway, sqs, urlOf } = await openQuietStack(onTestFinished, routes);

  async function inspect(queue: string): Promise<{ names: string[]; hidden: string[] }> {
    const [waiting, hidden] = [gateway.peek(queue), gateway.peek(queue, 'hidden')];
    const names = [...waiting, ...hidden].map(({ attributes }) => attributes[DEAD_LETTER_ATTRIBUTES.id] ?? '?');
    return { names: names.sort(), hidden: hidden.map(({ receiptHandle = '' }) => receiptHandle) };
  }
  const deadLetters = createSqsDeadLetterQueue(sqs, urlOf(DEAD_LETTERS));
  let ids = 0;

  return {
    port: gateway.port,
    async deadLetter(changes = {}) {
      ids += 1;
      const key = `game-${ids}.zip`;
      await deadLetters.send({
        id: `dead-letter-${ids}`,
        body: s3Event({ key, versionId: 'v1' }),
        reason: 'ProjectNotFound',
        detail: 'Project not found',
        status: 404,
        attempts: 0,
        build: aBuild({ key }),
        userId: ROUTE.userId,
        projectId: ROUTE.projectId,
        at: Date.now(),
        logPointer: 'group stream id',
        ...changes,
      });
      return key;
    },
    async moveSilently(key) {
      await sqs.send(new SendMessageCommand({ QueueUrl: urlOf(DEAD_LETTERS), MessageBody: s3Event({ key }) }));
    },
    async failToDeliver(key) {
      const MessageBody = eventBridgeEvent(key);
      const MessageAttributes = stringAttributes({
        RULE_ARN: 'arn:aws:events:eu-central-1:123456789012:rule/Drop-Rule',
        TARGET_ARN: 'arn:aws:sqs:eu-central-1:123456789012:builds',
        ERROR_CODE: 'NO_PERMISSIONS',
        ERROR_MESSAGE: 'Unable to invoke target',
      });
      await sqs.send(new SendMessageCommand({ QueueUrl: urlOf(DEAD_LETTERS), MessageBody, MessageAttributes }));
      return MessageBody;
    },
    async crash() {
      const request = { QueueUrl: urlOf(BUILDS), MaxNumberOfMessages: 10, VisibilityTimeout: 0 };
      for (let receives = 0; receives <= MAX_RECEIVES; receives += 1) {
        await sqs.send(new ReceiveMessageCommand(request));
      }
    },
    bodies: () => gateway.peek(BUILDS).map(({ body }) => body),
    async look() {
      const [{ names: builds }, { names: deadLetters, hidden }] = [await inspect(BUILDS), await inspect(DEAD_LETTERS)];
      return { builds, deadLetters, hidden };
    },
    order: () => gateway.peek(BUILDS).map(({ attributes }) => attributes[DEAD_LETTER_ATTRIBUTES.id]),
    async letHidingRunOut() {
      const { hidden } = await inspect(DEAD_LETTERS);
      for (let from = 0; from < hidden.length; from += 10) {
        const Entries = hidden.slice(from, from + 10).map((ReceiptHandle, index) => {
          return { Id: `${index}`, ReceiptHandle, VisibilityTimeout: 0 };
        });
        await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: urlOf(DEAD_LETTERS), Entries }));
      }
    },
  };
}

describe.concurrent('dlq list', () => {
  it('groups by reason, says why and what to do, and leaves nothing hidden', async ({ onTestFinished }) => {
    // Prepare
    const queues = await openQueues(onTestFinished);
    await queues.deadLetter();
    await queues.deadLetter();
    await queues.deadLetter({ reason: 'NotAZip', detail: 'starts with <html', at: Date.now() - 36.5 * 3_600_000 });
    await queues.moveSilently('crash.zip');

    // Act
    const { code, stdout } = await tool(queues.port, ['dlq', 'list']);

    // Assess
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ProjectNotFound {2}2 dead letters/);
    expect(stdout).toContain('npx streampixel-drop dlq redrive --reason ProjectNotFound --yes');
    expect(stdout).toMatch(
      /NotAZip {2}1 dead letter, .*\n.*\n.*\n.*dlq discard --reason NotAZip --yes\n\n {2}1 d 12 h ago/,
    );
    expect(stdout).toMatch(/none {2}1 dead letter/);
    expect(stdout).toContain('crash.zip@0055AED6DCD90281E5');
    expect((await queues.look()).hidden).toEqual([]);
  });

  it('filters by reason, project, age and build', async ({ onTestFinished }) => {
    // Prepare
    const queues = await openQueues(onTestFinished);
    const wanted = await queues.deadLetter({ reason: 'NoRoute', at: Date.now() - 7_200_000 });
    await queues.deadLetter({ reason: 'NoRoute' });
    await queues.deadLetter({ at: Date.now() - 7_200_000 });
    const filter = ['--reason', 'NoRoute', '--older-than', '1h', '--project', ROUTE.projectId];

    // Act
    const { data } = await toolJson(queues.port, ['dlq', 'list', ...filter, '--build', wanted]);

    // Assess
    expect(data.deadLetters).toMatchObject([{ reason: 'NoRoute', builds: [`drop/${wanted}@v1`] }]);
    expect((await queues.look()).hidden).toEqual([]);
  });
});

describe.concurrent('an event that EventBridge could not deliver', () => {
  it.each([
    ['RULE_ARN', undefined],
    ['ERROR_CODE', 'text'],
    ['ERROR_MESSAGE', 'text'],
  ])('is known by %s', (name, detail) => {
    const message = { messageId: 'm', receiptHandle: 'r', body: '{}', sentAt: 0, attributes: { [name]: 'text' } };
    expect(deadLetterFacts(message, 0)).toMatchObject({ reason: 'none', sentBy: 'EventBridge', detail });
  });

  it('is shown with its error, apart from what SQS moved', async ({ onTestFinished }) => {
    // Prepare
    const queues = await openQueues(onTestFinished);
    await queues.failToDeliver('undelivered.zip');
    await queues.moveSilently('crash.zip');

    // Act
    const { stdout } = await tool(queues.port, ['dlq', 'list']);
    const shown = await tool(queues.port, ['dlq', 'show', 'undelivered.zip']);
    const { data } = await toolJson(queues.port, ['dlq', 'list', '--reason', 'none']);

    // Assess
    const [, undelivered = '', moved = ''] =
      /(none, sent by EventBridge {2}(?:.|\n)*)(none {2}(?:.|\n)*)/.exec(stdout) ?? [];
    expect(undelivered).toMatch(/Why +EventBridge could not deliver .* NO_PERMISSIONS: Unable to invoke target/);
    expect(undelivered).toContain('  undelivered.zip@');
    expect(moved).toMatch(/Why +SQS moved it/);
    expect(moved).toContain('  crash.zip@');
    expect(shown.stdout).toMatch(/Reason +none, sent by EventBridge\n/);
    expect(shown.stdout).toMatch(/Detail +NO_PERMISSIONS: Unable to invoke target\n/);
    expect(data.deadLetters).toMatchObject([
      { reason: 'none', sentBy: 'EventBridge', builds: [expect.stringContaining('drop/undelivered.zip@')] },
      { reason: 'none', sentBy: 'SQS', builds: [expect.stringContaining('drop/crash.zip@')] },
    ]);
  });

  it('is redriven as it is; what SQS moves after that is not blamed on EventBridge', async ({ onTestFinished }) => {
    // Prepare
    const queues = await openQueues(onTestFinished);
    const body = await queues.failToDeliver('undelivered.zip');

    // Act
    const { data } = await toolJson(queues.port, ['dlq', 'redrive', '--reason', 'none', '--yes']);
    const redriven = queues.bodies();
    await queues.crash();
    const crashed = await toolJson(queues.port, ['dlq', 'list']);

    // Assess
    expect(data).toMatchObject({ moved: 1, left: 0 });
    expect(redriven).toEqual([body]);
    expect(parseNotification(body)).toMatchObject({ records: [{ kind: 'build', build: { key: 'undelivered.zip' } }] });
    expect(crashed.data.deadLetters).toMatchObject([{ reason: 'none', sentBy: 'SQS' }]);
  });
});

describe.concurrent('a dead letter that a new API key fixes', () => {
  it('names the parameter of its user in the command, and each where there are several', async ({ onTestFinished }) => {
    // Prepare
    const [first, second] = [
      { ...ROUTE, prefix: 'a/', userId: 'a'.repeat(24), apiKeyParameter: '/drop/a' },
      { ...ROUTE, prefix: 'b/', userId: 'b'.repeat(24), apiKeyParameter: '/drop/b' },
    ];
    const queues = await openQueues(onTestFinished, [first, second]);
    const reason = 'InvalidApiKey';
    const key = await queues.deadLetter({ reason, userId: second.userId });

    // Act
    const one = await tool(queues.port, ['dlq', 'list']);
    await queues.deadLetter({ reason, userId: first.userId });
    const both = await tool(queues.port, ['dlq', 'list']);
    const shown = await tool(queues.port, ['dlq', 'show', key]);

    // Assess
    const commandsIn = ({ stdout }: { stdout: string }) => stdout.match(/key set.*/g)?.sort();
    expect(commandsIn(one)).toEqual(['key set --parameter /drop/b']);
    expect(commandsIn(both)).toEqual(['key set --parameter /drop/a', 'key set --parameter /drop/b']);
    expect(commandsIn(shown)).toEqual(['key set --parameter /drop/b']);
  });
});

describe.concurrent('dlq redrive', () => {
  it('only says what it would do without --yes', async ({ onTestFinished }) => {
    const queues = await openQueues(onTestFinished);
    await queues.deadLetter();
    const { code, stdout, stderr } = await tool(queues.port, ['dlq', 'redrive', '--reason', 'ProjectNotFound']);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('Would send back') });
    expect(stderr).toContain('--yes');
    expect(await queues.look()).toEqual({ builds: [], deadLetters: ['dead-letter-1'], hidden: [] });
  });

  it('sends what the filter matches to the builds queue, oldest first, and leaves the others', async ({
    onTestFinished,
  }) => {
    // Prepare
    const queues = await openQueues(onTestFinished);
    const now = Date.now();
    for (const age of [1, 3, 2]) await queues.deadLetter({ id: `aged-${age}`, at: now - age * 60_000 });
    await queues.deadLetter({ id: 'other', reason: 'NotAZip' });

    // Act
    const { data } = await toolJson(queues.port, ['dlq', 'redrive', '--reason', 'ProjectNotFound', '--yes']);

    // Assess
    expect(data).toMatchObject({ moved: 3, left: 0 });
    expect(queues.order()).toEqual(['aged-3', 'aged-2', 'aged-1']);
    expect(await queues.look()).toMatchObject({ deadLetters: ['other'], hidden: [] });
  });

  const MANY = 400;
  const name = (index: number) => `many-${index}`.padStart(9, '0');
  const all = Array.from({ length: MANY }, (_, index) => name(index)).sort();
  async function fill(queues: Queues): Promise<void> {
    for (const batch of batchesOf(all)) await Promise.all(batch.map((id) => queues.deadLetter({ id })));
  }

  /** Kills the tool once it has moved so many, as soon as that is seen. */
  async function interruptAfter(queues: Queues, moved: number, signal: NodeJS.Signals): Promise<number | null> {
    const running = startTool(queues.port, ['dlq', 'redrive', '--yes']);
    await vi.waitFor(() => expect(queues.order().length).toBeGreaterThanOrEqual(moved), { ...EVENTUALLY, interval: 1 });
    running.process.kill(signal);
    return (await running.ended).code;
  }

  it.for([1, 150])(
    'killed after %i, loses no dead letter, and doubles only those of the batch in progress, with the same id',
    async (moved, { onTestFinished }) => {
      // Prepare
      const queues = await openQueues(onTestFinished);
      await fill(queues);

      // Act
      await interruptAfter(queues, moved, 'SIGKILL');
      const { builds: sent, deadLetters: kept } = await queues.look();
      await queues.letHidingRunOut();
      const again = await toolJson(queues.port, ['dlq', 'redrive', '--yes']);

      // Assess
      expect(kept.length).toBeGreaterThan(0);
      expect([...new Set([...sent, ...kept])].sort()).toEqual(all);
      expect(sent.length + kept.length - MANY).toBeLessThanOrEqual(10);
      expect(again.data).toMatchObject({ moved: kept.length, left: 0 });
      const { builds, deadLetters } = await queues.look();
      expect(deadLetters).toEqual([]);
      expect([...new Set(builds)]).toEqual(all);
    },
  );

  it('interrupted by Ctrl-C, ends after the batch in progress and hides nothing', async ({ onTestFinished }) => {
    const queues = await openQueues(onTestFinished);
    await fill(queues);
    const code = await interruptAfter(queues, 50, 'SIGINT');
    const { builds, deadLetters, hidden } = await queues.look();
    expect(code).toBe(130);
    expect(deadLetters.length).toBeGreaterThan(0);
    expect(hidden).toEqual([]);
    expect([...builds, ...deadLetters].sort()).toEqual(all);
  });
});

describe.concurrent('dlq discard', () => {
  it('deletes what the filter matches, and prints it in full for the last time', async ({ onTestFinished }) => {
    // Prepare
    const queues = await openQueues(onTestFinished);
    const key = await queues.deadLetter({ reason: 'NotAZip' });
    await queues.deadLetter({ id: 'other' });
    const args = ['dlq', 'discard', '--reason', 'NotAZip'];

    // Act
    const dry = await toolJson(queues.port, args);
    const before = await queues.look();
    const { data } = await toolJson(queues.port, [...args, '--yes']);

    // Assess
    expect(dry.data).toEqual({ dryRun: true, count: 1, byReason: { NotAZip: 1 } });
    expect(before.deadLetters).toHaveLength(2);
    expect(data).toMatchObject({ discarded: 1, left: 0, deadLetters: [{ body: expect.stringContaining(key) }] });
    expect((await queues.look()).deadLetters).toEqual(['other']);
  });
});

describe.concurrent('what makes no sense', () => {
  it.each([
    [['dlq', 'list', '--reason', 'Nonsense'], /Allowed choices/],
    [['dlq', 'list', '--older-than', 'yesterday'], /--older-than.*90s, 30m, 2h, 1h30m or 7d/],
    [['dlq', 'frobnicate'], /unknown command/],
    [['dlq', 'show'], /missing required argument/],
  ])('is refused with exit code 2 and a hint: %s', async (args, hint) => {
    const { code, stdout, stderr } = await tool(1, args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(hint);
  });
});
