import { beforeEach, describe, expect, it } from 'vitest';
import type { Alert } from '../../functions/domain/notify/alert.ts';
import { alertText } from '../../functions/domain/notify/alert-text.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { aBuild, INTERVAL_MS, ROUTE, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const lane = () => world.pacer.lane(`upload-file/${ROUTE.userId}`);

describe('a build that can’t be submitted', () => {
  it.each([
    ['NoRoute', { settings: { ...new World().settings, routes: [{ ...ROUTE, prefix: 'games/' }] } }],
    ['ApiKeyMissing', { key: { kind: 'missing', detail: 'There is no SSM parameter.' } }],
    ['BuildMissing', { inspection: { kind: 'refused', reason: 'BuildMissing', detail: 'not there' } }],
    ['BuildUnreadable', { inspection: { kind: 'refused', reason: 'BuildUnreadable', detail: '403' } }],
    ['NotAZip', { inspection: { kind: 'refused', reason: 'NotAZip', detail: 'text' } }],
  ] as const)('is dead-lettered as %s without a call and without using a slot', async (reason, changes) => {
    Object.assign(world, changes);
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason, attempt: 0 });
    expect(world.calls).toEqual([]);
    expect(lane().nextSlot).toBe(0);
    expect(await world.entry()).toMatchObject({ state: 'dead-lettered', reason, deadLetterId: 'id-1' });
  });

  it.each([
    'InvalidUser',
    'Unauthorised',
    'ProjectForbidden',
    'ProjectNotFound',
    'RequestRejected',
    'InvalidApiKey',
  ] as const)('is dead-lettered as %s after one call', async (reason) => {
    const facts = { reason, status: 401, detail: 'Streampixel’s message' };
    world.answers = [{ kind: 'refused', ...facts }];
    const outcome = await world.submit(aBuild(), { body: '{"the":"body"}' });

    expect(outcome).toEqual({ kind: 'dead-lettered', ...facts, attempt: 0 });
    expect(world.calls).toHaveLength(1);
    expect(world.deadLetters).toEqual([
      {
        id: 'id-1',
        body: '{"the":"body"}',
        ...facts,
        attempts: 0,
        build: aBuild(),
        userId: ROUTE.userId,
        projectId: ROUTE.projectId,
        keyVersion: 1,
        at: START,
        logPointer: 'group stream id',
      },
    ]);
  });

  it('names in its alert the earlier upload of a build that was submitted again', async () => {
    await world.given({ state: 'released', uploadId: 'upload-1' });
    world.inspection = { kind: 'refused', reason: 'NotAZip', detail: 'text' };
    await world.submit(aBuild(), { submitAgain: 'request-1' });
    expect(world.alerts).toMatchObject([{ kind: 'dead-lettered', earlierUploadId: 'upload-1' }]);
    expect(alertText(world.alerts[0] as Alert, operatorCommands({})).body).toMatch(
      /^Old upload +upload-1 is not affected: viewers keep /m,
    );
  });

  it('leads to one alert and one event', async () => {
    world.inspection = { kind: 'refused', reason: 'NotAZip', detail: 'text', status: 206 };
    await world.submit();
    const { userId, projectId, apiKeyParameter: parameter } = ROUTE;
    const facts = { reason: 'NotAZip', detail: 'text', status: 206, attempts: 0, possiblyDoubled: false, at: START };
    const subject = { build: aBuild(), userId, projectId };
    const alert = { ...subject, ...facts, parameter, logPointer: 'group stream id' };
    expect(world.alerts).toEqual([{ kind: 'dead-lettered', deadLetterId: 'id-1', ...alert }]);
    expect(world.events).toEqual([{ name: 'Build Dead-Lettered', subject, deadLetterId: 'id-1', ...facts }]);
  });

  it('is dead-lettered although neither the alert nor the event can be sent', async () => {
    world.topicIsDown = true;
    world.busIsDown = true;
    world.answers = [{ kind: 'refused', reason: 'ProjectNotFound', status: 404, detail: 'Project not found' }];
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered' });
    expect(world.logged).toMatchObject([
      { event: 'calling' },
      {
        level: 'warn',
        event: 'event-not-emitted',
        name: 'Build Dead-Lettered',
        error: 'Error: the event bus is down',
      },
      { level: 'error', event: 'alert-not-sent', alert: 'dead-lettered', error: 'Error: the topic is down' },
    ]);
  });
});

describe('a build that can’t be dead-lettered', () => {
  beforeEach(() => {
    world.deadLetterQueueIsDown = true;
  });

  it('stays in the queue, and the next worker tries again', async () => {
    world.answers = [{ kind: 'refused', reason: 'ProjectNotFound', status: 404, detail: 'Project not found' }];
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'DeadLetterQueueUnavailable', attempt: 0 });
    expect(await world.entry()).toMatchObject({ state: 'waiting' });
    const facts = { level: 'error', build: 'drop/a.zip@v1', reason: 'ProjectNotFound' };
    const error = 'Error: the dead-letter queue is down';
    expect(world.lines('dead-letter-not-sent')).toEqual([expect.objectContaining({ ...facts, error })]);

    world.deadLetterQueueIsDown = false;
    world.now += INTERVAL_MS;
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'ProjectNotFound' });
  });

  it('is not submitted again where its answer was lost and a person is to look', async () => {
    world.settings = { ...world.settings, onLostAnswer: 'dead-letter' };
    world.answers = [{ kind: 'lost', detail: 'no answer' }];
    expect(await world.submit()).toMatchObject({ cause: 'DeadLetterQueueUnavailable' });
    world.now += INTERVAL_MS;
    expect(await world.submit()).toMatchObject({ cause: 'DeadLetterQueueUnavailable' });
    expect(world.calls).toHaveLength(1);
  });

  it('keeps the slot that it waited for', async () => {
    await world.submit(aBuild({ key: 'first.zip' }));
    await world.submit();
    world.now = START + SPACING_MS;
    world.inspection = { kind: 'refused', reason: 'BuildMissing', detail: 'not there' };
    expect(await world.submit()).toMatchObject({ cause: 'DeadLetterQueueUnavailable' });
    expect((await world.entry()).reservation).toEqual({ slot: START + SPACING_MS, pushed: 0 });
  });
});
