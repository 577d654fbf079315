import { ChangeMessageVisibilityBatchCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { deadLetterFacts } from '../../cli/stack/dead-letters.ts';
import { batchesOf } from '../../cli/stack/queues.ts';
import { stringAttributes } from '../../functions/adapters/sqs-builds-queue.ts';
import { createSqsDeadLetterQueue } from '../../functions/adapters/sqs-dead-letter-queue.ts';
import type { DeadLetter } from '../../functions/domain/model/dead-letter.ts';
import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { parseNotification } from '../../functions/domain/model/s3-notification.ts';
import { deadLettered, opened, reopened } from '../../functions/domain/model/submission-transitions.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { eventBridgeEvent, s3Event } from '../support/s3-event.ts';
import { aBuild, ROUTE } from '../support/world.ts';
import { openFaulty } from './faulty-stack.ts';
import { BUILDS, DEAD_LETTERS, MAX_RECEIVES, openQuietStack } from './quiet-stack.ts';
import { EVENTUALLY, PATIENCE, startTool, tool, toolJson } from './tool.ts';

/** Queues that only the tool uses: what it moved stays where it put it. */
interface Queues {
  readonly port: number;
  readonly ledger: Ledger;
  /** Puts a dead letter into its queue as the worker does; returns its build's key. */
  deadLetter(changes?: Partial<DeadLetter>): Promise<string>;
  /** Puts a message there as SQS's own redrive policy does: without attributes. */
  moveSilently(key: string): Promise<void>;
  moveBody(body: string): Promise<void>;
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
  const { gateway, ledger, sqs, urlOf } = await openQuietStack(onTestFinished, routes);

  async function inspect(queue: string): Promise<{ names: string[]; hidden: string[] }> {
    const [waiting, hidden] = [gateway.peek(queue), gateway.peek(queue, 'hidden')];
    const names = [...waiting, ...hidden].map(({ attributes }) => attributes[DEAD_LETTER_ATTRIBUTES.id] ?? '?');
    return { names: names.sort(), hidden: hidden.map(({ receiptHandle = '' }) => receiptHandle) };
  }
  async function moveBody(MessageBody: string): Promise<void> {
    await sqs.send(new SendMessageCommand({ QueueUrl: urlOf(DEAD_LETTERS), MessageBody }));
  }
  const deadLetters = createSqsDeadLetterQueue(sqs, urlOf(DEAD_LETTERS));
  let ids = 0;

  return {
    port: gateway.port,
    ledger,
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
    moveSilently: (key) => moveBody(s3Event({ key })),
    moveBody,
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
    expect(stdout).toContain('npx --no streampixel-drop dlq redrive --reason ProjectNotFound --yes');
    expect(stdout).toMatch(
      /NotAZip {2}1 dead letter, .*\n.*\n.*\n.*dlq discard --reason NotAZip --yes --local \d+\n\n {2}1 d 12 h ago/,
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
    const commandsIn = ({ stdout }: { stdout: string }) => stdout.match(/key set.*(?= --local)/g)?.sort();
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
      // By the time that these calls are answered, those of the killed process are too.
      await queues.letHidingRunOut();
      const { builds: sent, deadLetters: kept } = await queues.look();
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
    expect(dry.data).toMatchObject({
      dryRun: true,
      count: 1,
      byReason: { NotAZip: 1 },
      deadLetters: [{ reason: 'NotAZip' }],
    });
    expect(before.deadLetters).toHaveLength(2);
    expect(data).toMatchObject({ discarded: 1, left: 0, deadLetters: [{ body: expect.stringContaining(key) }] });
    expect((await queues.look()).deadLetters).toEqual(['other']);
  });
});

describe.concurrent('dead letters of builds that are named', () => {
  const [OLD, NEW] = ['old', 'new'].map((versionId) => aBuild({ key: 'game.zip', versionId }));
  const ofVersion = (build: typeof OLD, id: string, changes: Partial<DeadLetter> = {}) => ({
    id,
    body: s3Event({ key: 'game.zip', versionId: build?.versionId ?? '' }),
    ...present({ build }),
    ...changes,
  });

  it('are discarded without those of other versions, and the build says discarded until it is submitted again', async ({
    onTestFinished,
  }) => {
    // Prepare
    const queues = await openQueues(onTestFinished);
    await queues.deadLetter(ofVersion(OLD, 'of-old'));
    await queues.deadLetter(ofVersion(NEW, 'of-new'));
    for (const [build, id] of [
      [OLD, 'of-old'],
      [NEW, 'of-new'],
    ] as const) {
      if (build !== undefined) await queues.ledger.save(anEntryDeadLettered(build, id));
    }

    // Act
    const dry = await tool(queues.port, ['dlq', 'discard', 'game.zip@old']);
    const before = await queues.look();
    const { data } = await toolJson(queues.port, ['dlq', 'discard', 'game.zip@old', '--yes']);
    const after = await queues.look();
    const [gone, kept] = [
      await toolJson(queues.port, ['status', 'game.zip@old']),
      await toolJson(queues.port, ['status', 'game.zip@new']),
    ];
    const again = await toolJson(queues.port, ['dlq', 'discard', 'game.zip@old', '--yes']);
    const page = await tool(queues.port, ['status', 'game.zip@old']);

    // Assess
    expect(dry.stdout).toMatch(/Would delete for good 1 dead letter:\n(.*\n)+ +game\.zip@old/);
    expect(before.deadLetters).toEqual(['of-new', 'of-old']);
    expect(data).toMatchObject({ discarded: 1, deadLetters: [{ builds: ['drop/game.zip@old'] }] });
    expect(after).toMatchObject({ deadLetters: ['of-new'], hidden: [] });
    expect(gone.data).toMatchObject({
      state: 'dead-lettered',
      status: 'discarded',
      reason: 'ProjectNotFound',
      discardedAt: expect.any(String),
    });
    expect(gone.data.history.at(-1)).toMatchObject({ note: expect.stringMatching(/^discarded by \S+$/) });
    expect(kept.data).toMatchObject({ state: 'dead-lettered', status: 'dead-lettered' });
    expect(again).toMatchObject({ code: 1, data: { error: { code: 'NoDeadLetter' } } });
    expect(page.stdout).toMatch(/Status +discarded by a person at .*; it was dead-lettered as ProjectNotFound\n/);
  });

  it('are found by an upload id, and redriven without others of the same reason', async ({ onTestFinished }) => {
    const queues = await openQueues(onTestFinished);
    const key = await queues.deadLetter();
    await queues.deadLetter();
    await queues.ledger.save({ ...anEntryDeadLettered(aBuild({ key }), 'dead-letter-1'), formerUploadIds: ['first'] });
    const dry = await tool(queues.port, ['dlq', 'redrive', 'first', '--reason', 'ProjectNotFound']);
    const { data } = await toolJson(queues.port, ['dlq', 'redrive', 'first', '--reason', 'ProjectNotFound', '--yes']);
    expect(dry.stdout).toMatch(
      new RegExp(`${key}@v1 +ProjectNotFound +waits for a person to release it, once approved`),
    );
    expect(data).toMatchObject({ moved: 1, left: 0 });
    expect(await queues.look()).toEqual({ builds: ['dead-letter-1'], deadLetters: ['dead-letter-2'], hidden: [] });
  });

  it('can be a message that is no build, by its id', async ({ onTestFinished }) => {
    // Prepare
    const queues = await openQueues(onTestFinished);
    const nonsense = { reason: 'UnrecognisedMessage', body: '{"hello":1}' } as const;
    for (const id of ['one', 'two']) await queues.deadLetter({ id, ...nonsense, ...NO_BUILD });
    const { data: listed } = await toolJson(queues.port, ['dlq', 'list']);
    const [first] = listed.deadLetters;

    // Act
    const shown = await toolJson(queues.port, ['dlq', 'show', first.messageId]);
    const { data } = await toolJson(queues.port, ['dlq', 'discard', first.messageId, '--yes']);
    const own = await toolJson(queues.port, ['dlq', 'discard', 'two', '--yes']);

    // Assess
    expect(shown.data.deadLetters).toMatchObject([{ messageId: first.messageId, body: nonsense.body }]);
    expect(data).toMatchObject({ discarded: 1, deadLetters: [{ messageId: first.messageId }] });
    expect(own.data).toMatchObject({ discarded: 1 });
    expect((await queues.look()).deadLetters).toEqual([]);
  });

  it('are left where the message is also about a build that is not named', async ({ onTestFinished }) => {
    const queues = await openQueues(onTestFinished);
    const [a, b] = ['a.zip', 'b.zip'].map((key) => JSON.parse(s3Event({ key, versionId: 'v1' })).Records[0]);
    await queues.moveBody(JSON.stringify({ Records: [a, b] }));
    const one = await toolJson(queues.port, ['dlq', 'discard', 'a.zip', '--yes']);
    const both = await toolJson(queues.port, ['dlq', 'discard', 'a.zip', 'b.zip', '--yes']);
    expect(one).toMatchObject({
      code: 1,
      data: { error: { code: 'OtherBuilds', message: expect.stringContaining('b.zip@v1') } },
    });
    expect(both.data).toMatchObject({ discarded: 1 });
    // No function had got as far as recording them.
    const { data } = await toolJson(queues.port, ['status', 'b.zip']);
    expect(data).toMatchObject({ status: 'discarded' });
    expect((await toolJson(queues.port, ['status'])).data.inLine).toEqual([]);
  });

  it('are left where the message has a record that cannot be read, unless the message itself is named', async ({
    onTestFinished,
  }) => {
    const queues = await openQueues(onTestFinished);
    const { Records } = JSON.parse(s3Event({ key: 'a.zip', versionId: 'v1' }, { key: 'lost.zip' }));
    Records[1].s3.object.key = 'lost%ZZ.zip';
    await queues.deadLetter({ reason: 'UnrecognisedMessage', body: JSON.stringify({ Records }), ...NO_BUILD });
    const byBuild = await toolJson(queues.port, ['dlq', 'discard', 'a.zip', '--yes']);
    const byMessage = await toolJson(queues.port, ['dlq', 'discard', 'a.zip', 'dead-letter-1', '--yes']);
    const { message, code } = byBuild.data.error;
    expect([code, message]).toEqual(['OtherBuilds', expect.stringContaining('whose record cannot be read')]);
    expect(byMessage.data).toMatchObject({ discarded: 1 });
  });

  it('say discarded where SQS has moved the message of a redrive', async ({ onTestFinished }) => {
    const queues = await openQueues(onTestFinished);
    const key = await queues.deadLetter();
    await queues.ledger.save(reopened(anEntryDeadLettered(aBuild({ key }), 'dead-letter-1'), Date.now()));
    await toolJson(queues.port, ['dlq', 'redrive', key, '--yes']);
    await queues.crash();
    const { data } = await toolJson(queues.port, ['dlq', 'discard', key, '--yes']);
    expect(data).toMatchObject({ discarded: 1 });
    expect((await toolJson(queues.port, ['status', key])).data).toMatchObject({ status: 'discarded' });
  });

  it('must be there, and of one build', async ({ onTestFinished }) => {
    const queues = await openQueues(onTestFinished);
    await queues.deadLetter();
    await queues.deadLetter();
    const none = await toolJson(queues.port, ['dlq', 'redrive', 'nowhere.zip', '--yes']);
    const several = await toolJson(queues.port, ['dlq', 'redrive', 'game-', '--yes']);
    expect(none).toMatchObject({ code: 1, data: { error: { code: 'NoDeadLetter' } } });
    expect(several).toMatchObject({ code: 1, data: { error: { code: 'AmbiguousBuild' } } });
    expect((await queues.look()).deadLetters).toHaveLength(2);
  });

  it('leave a build alone that has gone on since', async ({ onTestFinished }) => {
    const queues = await openQueues(onTestFinished);
    const key = await queues.deadLetter();
    const redriven = reopened(anEntryDeadLettered(aBuild({ key }), 'dead-letter-1'), Date.now());
    await queues.ledger.save(redriven);
    await toolJson(queues.port, ['dlq', 'discard', key, '--yes']);
    expect((await toolJson(queues.port, ['status', key])).data).toMatchObject({ status: 'waiting' });
  });

  it('stay where it cannot be recorded that they are discarded', async ({ onTestFinished }) => {
    const queues = await openQueues(onTestFinished);
    const key = await queues.deadLetter();
    const denied = JSON.stringify({ __type: 'AccessDeniedException', message: 'no' });
    const port = await openFaulty(onTestFinished, queues, ({ target }) =>
      target.endsWith('PutItem') ? { status: 400, body: denied } : undefined,
    );
    const { code } = await tool(port, ['dlq', 'discard', key, '--yes']);
    expect(code).toBe(1);
    expect(await queues.look()).toMatchObject({ deadLetters: ['dead-letter-1'], hidden: [] });
  });

  it('are known by the body where SQS does not take a character of the key in an attribute', async ({
    onTestFinished,
  }) => {
    const queues = await openQueues(onTestFinished);
    const build = aBuild({ key: 'game\uffff.zip' });
    await queues.deadLetter({ build, body: s3Event({ key: build.key, versionId: 'v1' }) });
    await queues.ledger.save(anEntryDeadLettered(build, 'dead-letter-1'));
    await toolJson(queues.port, ['dlq', 'discard', 'game', '--yes']);
    expect((await toolJson(queues.port, ['status', 'game'])).data).toMatchObject({ status: 'discarded' });
  });

  it('leave a build alone that has a newer dead letter', async ({ onTestFinished }) => {
    const queues = await openQueues(onTestFinished);
    const key = await queues.deadLetter({ id: 'older' });
    await queues.ledger.save(anEntryDeadLettered(aBuild({ key }), 'newer'));
    const { data } = await toolJson(queues.port, ['dlq', 'discard', 'older', '--yes']);
    expect(data).toMatchObject({ discarded: 1 });
    expect((await toolJson(queues.port, ['status', key])).data).toMatchObject({ status: 'dead-lettered' });
  });

  const NO_BUILD = { build: undefined, userId: undefined, projectId: undefined } as unknown as Partial<DeadLetter>;
  const failure = { code: 'ProjectNotFound', detail: 'Project not found', at: Date.now() } as const;
  const anEntryDeadLettered = (build: ReturnType<typeof aBuild>, id: string) =>
    deadLettered(opened(build, Date.now()), Date.now(), failure, id);
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
