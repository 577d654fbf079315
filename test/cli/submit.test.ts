import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { createSqsDeadLetterQueue } from '../../functions/adapters/sqs-dead-letter-queue.ts';
import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import {
  DEAD_LETTER_ATTRIBUTES,
  NO_CHECK_ATTRIBUTE,
  REQUESTED_BY_ATTRIBUTE,
  SUBMIT_AGAIN_ATTRIBUTE,
} from '../../functions/domain/model/message-attributes.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { parseNotification } from '../../functions/domain/model/s3-notification.ts';
import { deadLettered, discarded, opened } from '../../functions/domain/model/submission-transitions.ts';
import { LOCAL_USER } from '../../local/aws/account.ts';
import { s3Event } from '../support/s3-event.ts';
import { aBuild, ROUTE } from '../support/world.ts';
import { approvedAt } from './entries.ts';
import { openFaulty } from './faulty-stack.ts';
import { BUILDS, DEAD_LETTERS, openQuietStack, type QuietStack } from './quiet-stack.ts';
import { PATIENCE, tool, toolJson } from './tool.ts';

vi.setConfig(PATIENCE);
const AUTOMATIC: Route = { ...ROUTE, prefix: 'auto/', autoRelease: true };
/** On the embedded stack the person is the user of this machine. */
const BY = { [REQUESTED_BY_ATTRIBUTE]: LOCAL_USER, [NO_CHECK_ATTRIBUTE]: 'false' };
const failure = { code: 'ProjectNotFound', detail: 'Project not found', at: Date.now() } as const;

interface Bucket extends QuietStack {
  /** Puts an object into the bucket. */
  drop(key: string): Promise<Build>;
  /** Puts a build's dead letter into its queue, and what it says into the ledger. */
  fail(build: Build, id: string): Promise<LedgerEntry>;
  /** Ids of the builds in the builds queue, each with the attributes of its message. */
  submitted(): readonly (readonly [string, Readonly<Record<string, string | undefined>>])[];
  /** Names of the dead letters, hidden ones too. */
  deadLetters(): readonly (string | undefined)[];
}

async function openBucket(onTestFinished: TestContext['onTestFinished'], routes = [ROUTE, AUTOMATIC]): Promise<Bucket> {
  const stack = await openQuietStack(onTestFinished, routes);
  const deadLetterQueue = createSqsDeadLetterQueue(stack.sqs, stack.urlOf(DEAD_LETTERS));
  return {
    ...stack,
    async drop(key) {
      const { VersionId } = await stack.s3.send(new PutObjectCommand({ Bucket: 'drop', Key: key, Body: 'PK' }));
      return aBuild({ key, versionId: VersionId ?? '' });
    },
    async fail(build, id) {
      const { key, versionId = '' } = build;
      const facts = { reason: failure.code, detail: failure.detail, attempts: 0, at: failure.at, logPointer: 'log' };
      await deadLetterQueue.send({ id, body: s3Event({ key, versionId }), build, ...facts });
      const entry = deadLettered(opened(build, failure.at), failure.at, failure, id);
      await stack.put(entry);
      return entry;
    },
    submitted: () =>
      stack.gateway.peek(BUILDS).map(({ attributes, body }) => {
        const notification = parseNotification(body);
        const [record] = notification.kind === 'records' ? notification.records : [];
        return [record?.kind === 'build' ? buildId(record.build) : body, attributes] as const;
      }),
    deadLetters: () =>
      [...stack.gateway.peek(DEAD_LETTERS), ...stack.gateway.peek(DEAD_LETTERS, 'hidden')]
        .map(({ attributes }) => attributes[DEAD_LETTER_ATTRIBUTES.id])
        .sort(),
  };
}

it('with --dry-run says what the worker will find in the zip', async ({ onTestFinished }) => {
  const bucket = await openBucket(onTestFinished);
  await bucket.drop('bad.zip');
  const { data } = await toolJson(bucket.port, ['submit', 's3://drop/bad.zip', '--dry-run']);
  const unchecked = await tool(bucket.port, ['submit', 's3://drop/bad.zip', '--dry-run', '--no-check']);
  expect(data).toMatchObject({ sent: 0, builds: [{ submit: true, verdict: { refusals: [{ code: 'NotAZip' }] } }] });
  expect(unchecked.stdout).toContain('; NotAZip: ');
  expect(bucket.submitted()).toEqual([]);
});

it('says to the worker whether the check of the package counts', async ({ onTestFinished }) => {
  const bucket = await openBucket(onTestFinished);
  await bucket.drop('bad.zip');
  await toolJson(bucket.port, ['submit', 's3://drop/bad.zip', '--no-check']);
  await toolJson(bucket.port, ['submit', 's3://drop/bad.zip']);
  expect(bucket.submitted().map(([, attributes]) => attributes[NO_CHECK_ATTRIBUTE])).toEqual(['true', 'false']);
});

describe.concurrent('submit', () => {
  it('acts at once on one build that was never submitted, by its address or its key', async ({ onTestFinished }) => {
    const bucket = await openBucket(onTestFinished);
    const [one, two] = [await bucket.drop('one/new.zip'), await bucket.drop('two/new.zip')];
    const again = await toolJson(bucket.port, ['submit', 's3://drop/one/new.zip', '--again']);
    const runs = [
      await toolJson(bucket.port, ['submit', 's3://drop/one/new.zip']),
      await toolJson(bucket.port, ['submit', 'two/new.zip']),
    ];
    expect(again.data).toMatchObject({ dryRun: true, sent: 0 });
    expect(runs).toMatchObject([one, two].map(() => ({ code: 0, data: { dryRun: false, sent: 1, settled: 0 } })));
    expect(bucket.submitted()).toEqual([one, two].map((build) => [buildId(build), BY]));
  });

  it('shows its plan in every other case: each build, what happens, and whether viewers get it', async ({
    onTestFinished,
  }) => {
    // Prepare
    const bucket = await openBucket(onTestFinished);
    const fresh = await bucket.drop('auto/fresh.zip');
    const accepted = await bucket.drop('manual/accepted.zip');
    const { uploadId = '' } = approvedAt(Date.now());
    await bucket.put({ ...approvedAt(Date.now()), id: buildId(accepted), build: accepted });
    const stopped = await bucket.drop('manual/stopped.zip');
    await bucket.fail(stopped, 'dead-letter');

    // Act
    const prefix = await toolJson(bucket.port, ['submit', '--prefix', '']);
    const text = await tool(bucket.port, ['submit', '--prefix', '']);
    const again = await toolJson(bucket.port, ['submit', uploadId, '--again']);
    const named = await toolJson(bucket.port, ['submit', 'stopped.zip']);
    const before = bucket.submitted();
    const done = await toolJson(bucket.port, ['submit', uploadId, '--again', '--yes']);

    // Assess
    expect(prefix).toMatchObject({ code: 0, data: { dryRun: true, sent: 0 } });
    expect(prefix.data.builds).toMatchObject([
      { build: buildId(fresh), submit: true, afterwards: 'goes to viewers automatically, once approved' },
      { build: buildId(accepted), submit: false },
      { build: buildId(stopped), submit: true, afterwards: 'waits for a person to release it, once approved' },
    ]);
    expect(text.stdout).toMatch(
      /submit {2}auto\/fresh\.zip@\w{8} +not in the ledger yet; goes to viewers automatically/,
    );
    expect(text.stdout).toContain('2 of 3 builds would be sent to the builds queue.');
    expect(text.stderr).toContain('Add --yes');
    expect([again, named].map(({ data }) => [data.dryRun, data.builds.map(({ submit }: Planned) => submit)])).toEqual([
      [true, [true]],
      [true, [true]],
    ]);
    expect(before).toEqual([]);
    expect(bucket.deadLetters()).toEqual(['dead-letter']);
    expect(done.data).toMatchObject({ dryRun: false, sent: 1 });
    expect(bucket.submitted()).toEqual([[buildId(accepted), { ...BY, [SUBMIT_AGAIN_ATTRIBUTE]: expect.any(String) }]]);
  });

  it('settles the dead letters of what it submits, all of them and no others', async ({ onTestFinished }) => {
    // Prepare
    const bucket = await openBucket(onTestFinished);
    const [wanted, other] = [await bucket.drop('game.zip'), await bucket.drop('other.zip')];
    await bucket.fail(wanted, 'recorded');
    await bucket.fail(other, 'other');
    // A worker crashed after it had sent this one.
    const { versionId = '' } = wanted;
    const queue = createSqsDeadLetterQueue(bucket.sqs, bucket.urlOf(DEAD_LETTERS));
    const facts = { reason: failure.code, detail: '', attempts: 0, at: failure.at, logPointer: 'log' };
    await queue.send({ id: 'unrecorded', body: s3Event({ key: 'game.zip', versionId }), build: wanted, ...facts });
    // SQS moved this one, which is also about the other build.
    const both = s3Event({ key: 'game.zip', versionId }, { key: 'other.zip', versionId: other.versionId ?? '' });
    await queue.send({ id: 'both', body: both, ...facts });

    // Act
    const { data, stdout } = await toolJson(bucket.port, ['submit', 's3://drop/game.zip', '--yes']);

    // Assess
    expect(data).toMatchObject({ sent: 1, settled: 2 });
    expect(stdout).not.toContain('other.zip');
    expect(bucket.submitted()).toEqual([[buildId(wanted), { ...BY, [DEAD_LETTER_ATTRIBUTES.id]: 'recorded' }]]);
    expect(bucket.deadLetters()).toEqual(['both', 'other']);
    expect(bucket.gateway.peek(DEAD_LETTERS, 'hidden')).toEqual([]);
  });

  it('keeps dead letters with a record that cannot be read: they may be all that is left of another drop', async ({
    onTestFinished,
  }) => {
    const bucket = await openBucket(onTestFinished);
    const build = await bucket.drop('game.zip');
    await bucket.put({ ...approvedAt(Date.now()), id: buildId(build), build });
    const { versionId = '' } = build;
    const readable = s3Event({ key: 'game.zip', versionId });
    const { Records } = JSON.parse(s3Event({ key: 'game.zip', versionId }, { key: 'lost.zip' }));
    Records[1].s3.object.key = 'lost%ZZ.zip';
    const queue = createSqsDeadLetterQueue(bucket.sqs, bucket.urlOf(DEAD_LETTERS));
    const facts = { detail: '', attempts: 0, at: failure.at, logPointer: 'log' };
    const body = JSON.stringify({ Records });
    await queue.send({ id: 'whole', body, reason: 'UnrecognisedMessage', ...facts });
    // The version that is deployed may have read less than this one does.
    await queue.send({ id: 'of-a-version', body: readable, reason: 'UnrecognisedMessage', ...facts });
    // Without a build, as SQS moves it.
    await queue.send({ id: 'moved', body, reason: failure.code, ...facts });
    // The worker's dead letter of this build alone: the other record has one of its own.
    await queue.send({ id: 'own', body, build, reason: failure.code, ...facts });
    const { data } = await toolJson(bucket.port, ['submit', 'game.zip', '--again', '--yes']);
    expect(data).toMatchObject({ sent: 1, settled: 1 });
    expect(bucket.deadLetters()).toEqual(['moved', 'of-a-version', 'whole']);
  });

  it('keeps the dead letter where SQS does not take the message', async ({ onTestFinished }) => {
    const bucket = await openBucket(onTestFinished);
    const build = await bucket.drop('game.zip');
    await bucket.fail(build, 'dead-letter');
    const failed = JSON.stringify({ Successful: [], Failed: [{ Id: '0', Code: 'InternalError', SenderFault: false }] });
    const port = await openFaulty(onTestFinished, bucket, ({ target }) =>
      target.endsWith('SendMessageBatch') ? { status: 200, body: failed } : undefined,
    );
    const { code } = await tool(port, ['submit', 'game.zip', '--yes']);
    expect(code).toBe(1);
    expect(bucket.deadLetters()).toEqual(['dead-letter']);
    expect(bucket.gateway.peek(DEAD_LETTERS, 'hidden')).toEqual([]);
  });

  it('keeps the dead letter of a new failure, however soon it comes', async ({ onTestFinished }) => {
    const bucket = await openBucket(onTestFinished);
    const build = await bucket.drop('game.zip');
    await bucket.fail(build, 'earlier');
    const { versionId = '' } = build;
    const queue = createSqsDeadLetterQueue(bucket.sqs, bucket.urlOf(DEAD_LETTERS));
    const facts = { reason: failure.code, detail: '', attempts: 0, at: failure.at, logPointer: 'log' };
    const port = await openFaulty(onTestFinished, bucket, async ({ target }) => {
      if (!target.endsWith('SendMessageBatch')) return undefined;
      await queue.send({ id: 'new', body: s3Event({ key: 'game.zip', versionId }), build, ...facts });
      return undefined;
    });
    const { data } = await toolJson(port, ['submit', 'game.zip', '--yes']);
    expect(data).toMatchObject({ sent: 1, settled: 1 });
    expect(bucket.deadLetters()).toEqual(['new']);
  });

  it('submits what a person discarded where it is named, and leaves it out otherwise', async ({ onTestFinished }) => {
    const bucket = await openBucket(onTestFinished);
    const build = await bucket.drop('game.zip');
    await bucket.put(discarded(deadLettered(opened(build, 1), 2, failure, 'gone'), 3));
    const all = await toolJson(bucket.port, ['submit', '--prefix', '', '--yes']);
    const plan = await toolJson(bucket.port, ['submit', 'game.zip']);
    const named = await toolJson(bucket.port, ['submit', 'game.zip', '--yes']);
    expect(all.data).toMatchObject({ sent: 0, builds: [{ submit: false, why: 'discarded before by a person' }] });
    expect(plan.data).toMatchObject({ dryRun: true, builds: [{ submit: true }] });
    expect(named.data).toMatchObject({ sent: 1 });
    expect(bucket.submitted()).toEqual([[buildId(build), { ...BY, [DEAD_LETTER_ATTRIBUTES.id]: 'gone' }]]);
  });

  it('does not send a version that the key no longer holds, unless the route takes every version', async ({
    onTestFinished,
  }) => {
    const every: Route = { ...ROUTE, prefix: 'every/', everyVersion: true };
    const bucket = await openBucket(onTestFinished, [ROUTE, every]);
    const old = await bucket.drop('game.zip');
    const kept = await bucket.drop('every/game.zip');
    for (const key of ['game.zip', 'every/game.zip']) await bucket.drop(key);
    const address = ({ key, versionId }: Build) => `s3://drop/${key}?versionId=${versionId}`;
    const first = await toolJson(bucket.port, ['submit', address(old)]);
    const second = await toolJson(bucket.port, ['submit', address(kept)]);
    expect(first.data).toMatchObject({
      sent: 0,
      builds: [{ submit: false, why: expect.stringContaining('Superseded') }],
    });
    expect(second.data).toMatchObject({ sent: 1, builds: [{ build: buildId(kept) }] });
  });

  it('lists objects that vanish or cannot be read, submits the others, and ends with 1', async ({ onTestFinished }) => {
    // Prepare
    const bucket = await openBucket(onTestFinished);
    for (const key of ['a-gone.zip', 'b-denied.zip', 'c-no-key.zip', 'd-good.zip']) await bucket.drop(key);
    const faults = { 'a-gone': 404, 'b-denied': 403, 'c-no-key': 400 };
    const port = await openFaulty(onTestFinished, bucket, ({ method, path }) => {
      const fault = Object.entries(faults).find(([name]) => method === 'HEAD' && path.includes(name));
      return fault && { status: fault[1] };
    });

    // Act
    const plan = await toolJson(port, ['submit', '--prefix', '']);
    const { code, data, stderr } = await toolJson(port, ['submit', '--prefix', '', '--yes']);
    const one = await toolJson(port, ['submit', 's3://drop/b-denied.zip']);
    const none = await toolJson(port, ['submit', 's3://drop/a-gone.zip']);

    // Assess
    expect(plan.code).toBe(1);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('3 objects could not be read') });
    expect(data).toMatchObject({
      sent: 1,
      builds: [
        { build: 'drop/a-gone.zip', submit: false, isUnreadable: true, why: 'it was deleted just now' },
        { build: 'drop/b-denied.zip', isUnreadable: true, why: expect.stringContaining('HTTP 403') },
        { build: 'drop/c-no-key.zip', isUnreadable: true, why: expect.stringContaining('HTTP 400') },
        { build: expect.stringMatching(/^drop\/d-good\.zip@/), submit: true },
      ],
    });
    expect(bucket.submitted()).toHaveLength(1);
    expect(one).toMatchObject({ code: 1, data: { sent: 0, builds: [{ isUnreadable: true }] } });
    expect(none).toMatchObject({ code: 1, data: { error: { code: 'NoObject' } } });
  });
});

interface Planned {
  readonly submit: boolean;
}
