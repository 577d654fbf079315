import { beforeEach, describe, expect, it } from 'vitest';
import { resolved } from '../../functions/domain/model/following-transitions.ts';
import type { UploadAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { aBuild, accepted, found, INTERVAL_MS, ROUTE, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const refused401: UploadAnswer = { kind: 'refused', reason: 'InvalidApiKey', status: 401, detail: 'Invalid API Key' };
const serverError: UploadAnswer = {
  kind: 'failed',
  cause: 'VendorError',
  status: 500,
  detail: 'Internal server error',
};
const maintenance = (retryAfterMs: number): UploadAnswer => ({
  kind: 'failed',
  cause: 'VendorError',
  status: 503,
  retryAfterMs,
  detail: 'Service Unavailable',
});
const lost: UploadAnswer = { kind: 'lost', detail: 'ECONNRESET' };

describe('a build whose turn it is', () => {
  it('is submitted with its route, its key and a fresh URL, and the ledger says so', async () => {
    const outcome = await world.submit();

    expect(outcome).toEqual({
      kind: 'submitted',
      uploadId: 'upload-1',
      status: 200,
      attempt: 1,
      possiblyDoubled: false,
    });
    expect(world.calls).toHaveLength(1);
    expect(world.calls[0]?.request.route).toEqual(ROUTE);
    expect(world.calls[0]?.request.apiKey.reveal()).toBe('key-one');
    expect(world.inspected).toEqual(['readable', 'current']);
    expect(await world.entry()).toMatchObject({
      state: 'submitted',
      uploadId: 'upload-1',
      userId: ROUTE.userId,
      projectId: ROUTE.projectId,
      history: [{ state: 'submitting' }, { state: 'submitted', note: 'upload id upload-1' }],
    });
  });

  it('is written down as submitting before the call', async () => {
    let during: string | undefined;
    world.answers = [
      async () => {
        during = (await world.entry()).state;
        return accepted('upload-1');
      },
    ];
    await world.submit();
    expect(during).toBe('submitting');
  });

  it('keeps the gate shut for longer when its request went out late', async () => {
    world.answers = [{ ...accepted('upload-1'), sentAt: START + 3_000 }];
    await world.submit();
    expect(world.pacer.lane(`upload-file/${ROUTE.userId}`).blockedUntil).toBe(START + 3_000 + INTERVAL_MS - 500);
  });

  it('stays accepted when the ledger is away for its record, and when it never comes back', async () => {
    let calls = 0;
    world.answers = [
      () => {
        world.onTableCall = () => {
          if (++calls <= 3) throw new LedgerUnavailable('throttled');
        };
        return accepted('upload-1');
      },
    ];
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(await world.entry()).toMatchObject({ state: 'submitted', uploadId: 'upload-1' });

    world = new World();
    world.answers = [
      () => {
        world.onTableCall = () => {
          throw new LedgerUnavailable('gone');
        };
        return accepted('upload-2');
      },
    ];
    expect(await world.submit()).toMatchObject({ kind: 'submitted', uploadId: 'upload-2' });
    expect(world.logged).toContainEqual(expect.objectContaining({ event: 'not-recorded', uploadId: 'upload-2' }));
  });
});

describe('a build behind another', () => {
  it('sleeps until its slot, remembers it, and goes on its second receive', async () => {
    await world.submit();
    const other = aBuild({ key: 'b.zip' });

    expect(await world.submit(other)).toEqual({ kind: 'postponed', cause: 'Slot', until: START + SPACING_MS });
    expect(await world.entry('drop/b.zip@v1')).toMatchObject({ state: 'waiting', attempts: 0 });

    world.now = START + SPACING_MS - 400;
    expect(await world.submit(other)).toMatchObject({ kind: 'submitted', attempt: 1 });
    expect(world.slept).toEqual([400]);
    expect(world.inspected).toEqual(['readable', 'current', 'readable', 'current']);
    expect(world.calls.map(({ at }) => at - START)).toEqual([0, SPACING_MS]);
  });

  it('goes back to sleep without asking anybody when it woke much too early', async () => {
    await world.submit();
    await world.submit(aBuild({ key: 'b.zip' }));
    const inspected = world.inspected.length;
    world.now = START + 30_000;
    expect(await world.submit(aBuild({ key: 'b.zip' }))).toMatchObject({
      kind: 'postponed',
      until: START + SPACING_MS,
    });
    expect(world.inspected).toHaveLength(inspected);
  });

  it('is dead-lettered rather than lost when its message would expire before its turn', async () => {
    await world.submit();
    const expiresAt = START + 3 * 3_600_000;
    const outcome = await world.submit(aBuild({ key: 'b.zip' }), { expiresAt });
    expect(outcome).toMatchObject({ kind: 'dead-lettered', reason: 'WaitTooLong', attempt: 0 });
    const inTime = await world.submit(aBuild({ key: 'c.zip' }), { expiresAt: expiresAt + 3_600_000 });
    expect(inTime).toMatchObject({ kind: 'postponed' });
  });

  it('waits for no other user', async () => {
    world.settings = {
      ...world.settings,
      routes: [ROUTE, { ...ROUTE, prefix: 'other/', userId: 'ffffffffffffffffffffffff' }],
    };
    await world.submit();
    expect(await world.submit(aBuild({ key: 'other/b.zip' }))).toMatchObject({ kind: 'submitted' });
  });

  it('keeps its place through a 429, which costs no attempt, and moves those behind it', async () => {
    world.answers = [
      { kind: 'rate-limited', status: 429, retryAfterMs: 300_000, detail: 'Rate limit exceeded.' },
      accepted('upload-1'),
    ];
    const behind = aBuild({ key: 'b.zip' });

    const until = START + 300_500;
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'RateLimited', until, status: 429 });
    expect(await world.entry()).toMatchObject({ state: 'waiting', attempts: 0 });
    expect(await world.submit(behind)).toMatchObject({ kind: 'postponed', until: until + SPACING_MS });

    world.now = until;
    expect(await world.submit()).toMatchObject({ kind: 'submitted', attempt: 1 });
  });

  it('waits out a maintenance of hours, which costs no attempt, and moves those behind it', async () => {
    world.answers = [maintenance(7_200_000), maintenance(3_600_000), accepted('upload-1')];
    world.settings = { ...world.settings, maxAttempts: 1 };
    const behind = aBuild({ key: 'b.zip' });

    const first = START + 7_200_500;
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'VendorBusy', until: first, status: 503 });
    expect(await world.entry()).toMatchObject({ state: 'waiting', attempts: 0, possiblyDoubled: false });
    expect(await world.submit(behind)).toMatchObject({ kind: 'postponed', cause: 'Slot', until: first + SPACING_MS });

    world.now = first;
    const second = first + 3_600_500;
    expect(await world.submit()).toMatchObject({ kind: 'postponed', cause: 'VendorBusy', until: second });
    // Those behind learn of it without a call.
    world.now = first + SPACING_MS;
    expect(await world.submit(behind)).toMatchObject({ kind: 'postponed', cause: 'Slot', until: second + SPACING_MS });
    expect(world.calls).toHaveLength(2);

    world.now = second;
    expect(await world.submit()).toMatchObject({ kind: 'submitted', attempt: 1, possiblyDoubled: false });
  });

  it('is dead-lettered rather than lost when its message would expire before the time to come back', async () => {
    const expiresAt = START + 4 * 3_600_000;
    world.answers = [maintenance(2 * 3_600_000)];
    const outcome = await world.submit(aBuild(), { expiresAt });
    expect(outcome).toMatchObject({ kind: 'dead-lettered', reason: 'WaitTooLong', attempt: 0, status: 503 });
    expect(await world.entry()).toMatchObject({ state: 'dead-lettered' });
    // Those behind do not ask again.
    const behind = await world.submit(aBuild({ key: 'b.zip' }), { expiresAt: START + 7 * 86_400_000 });
    expect(behind).toMatchObject({ kind: 'postponed', until: START + 7_200_500 + SPACING_MS });
    expect(world.calls).toHaveLength(1);
  });

  it.each<UploadAnswer>([maintenance(30_000), { kind: 'rate-limited', status: 429, detail: '' }])(
    'has waited for as long as its message lives before its receives are used up: %o',
    async (answer) => {
      world.answers = [answer];
      const expiresAt = START + 7 * 86_400_000;
      for (let receiveCount = 1; receiveCount <= 100; receiveCount++) {
        const outcome = await world.submit(aBuild(), { receiveCount, expiresAt });
        if (outcome.kind === 'postponed') {
          // SQS hides a message for 12 h at most.
          world.now = Math.min(outcome.until, world.now + 12 * 3_600_000);
          continue;
        }
        expect(outcome).toMatchObject({ kind: 'dead-lettered', reason: 'WaitTooLong', attempt: 0 });
        expect(world.now).toBeGreaterThan(START + 5 * 86_400_000);
        return;
      }
      expect.fail('SQS has dead-lettered it without a reason.');
    },
  );

  it('never comes back sooner than the gate opens, whatever a 429 says', async () => {
    world.answers = [{ kind: 'rate-limited', status: 429, retryAfterMs: 0, detail: '' }];
    expect(await world.submit()).toMatchObject({ until: START + INTERVAL_MS });
  });
});

describe('a build that can’t go through', () => {
  it.each([
    ['NoRoute', { settings: { ...new World().settings, routes: [{ ...ROUTE, prefix: 'games/' }] } }],
    ['ApiKeyMissing', { key: { kind: 'missing', detail: 'There is no SSM parameter.' } }],
    ['BuildMissing', { inspection: { kind: 'refused', reason: 'BuildMissing', detail: 'gone' } }],
    ['BuildUnreadable', { inspection: { kind: 'refused', reason: 'BuildUnreadable', detail: '403' } }],
    ['NotAZip', { inspection: { kind: 'refused', reason: 'NotAZip', detail: 'text' } }],
  ] as const)('is dead-lettered as %s without a call and without spending a slot', async (reason, changes) => {
    Object.assign(world, changes);
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason, attempt: 0 });
    expect(world.calls).toEqual([]);
    expect(world.pacer.lane(`upload-file/${ROUTE.userId}`).nextSlot).toBe(0);
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
    world.answers = [{ kind: 'refused', reason, status: 401, detail: 'the vendor’s words' }];
    const outcome = await world.submit(aBuild(), { body: '{"the":"body"}' });

    expect(outcome).toMatchObject({ kind: 'dead-lettered', reason, status: 401, detail: 'the vendor’s words' });
    expect(world.calls).toHaveLength(1);
    expect(world.letters).toEqual([
      {
        id: 'id-1',
        body: '{"the":"body"}',
        reason,
        detail: 'the vendor’s words',
        status: 401,
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

  it('goes once more, an interval later, when the key was replaced while it was on its way', async () => {
    world.answers = [refused401, accepted('upload-1')];
    world.keyAgain = found('key-two', 2);
    expect(await world.submit()).toEqual({
      kind: 'postponed',
      cause: 'KeyChanged',
      until: START + INTERVAL_MS,
      status: 401,
    });

    world.key = found('key-two', 2);
    world.now = START + INTERVAL_MS;
    expect(await world.submit()).toMatchObject({ kind: 'submitted', attempt: 1 });
    expect(world.calls[1]?.request.apiKey.reveal()).toBe('key-two');
  });

  it.each([
    ['the same version', found('key-one', 1)],
    ['no answer from SSM', { kind: 'unavailable', detail: 'throttled' } as const],
  ])('is not tried again for %s of the key', async (_, again) => {
    world.answers = [refused401];
    world.keyAgain = again;
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'InvalidApiKey' });
  });

  it('stays in the queue when its letter can’t be sent, and is free for the next worker', async () => {
    world.answers = [refused401];
    world.deadLetterQueueIsDown = true;
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'DeadLetterQueueUnavailable', attempt: 0 });
    expect(await world.entry()).toMatchObject({ state: 'waiting' });

    world.deadLetterQueueIsDown = false;
    world.now += INTERVAL_MS;
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'InvalidApiKey' });
  });
});

describe('a build that may go through later', () => {
  it.each([
    ['ApiKeyUnavailable', { key: { kind: 'unavailable', detail: 'throttled' } }],
    ['BuildStoreUnavailable', { inspection: { kind: 'unavailable', detail: '503', status: 503 } }],
    ['VendorError', { answers: [serverError] }],
    ['VendorError', { answers: [maintenance(0)] }],
  ] as const)('is tried again after %s, and the failure counted', async (cause, changes) => {
    Object.assign(world, changes);
    const outcome = await world.submit();
    expect(outcome).toMatchObject({ kind: 'retried', cause, attempt: 1, until: START + INTERVAL_MS });
    expect(await world.entry()).toMatchObject({ state: 'waiting', attempts: 1, lastFailure: { code: cause } });
  });

  it('waits longer each time and ends as RetriesExhausted with the last cause', async () => {
    world.answers = [serverError];
    const waits: number[] = [];
    for (;;) {
      const outcome = await world.submit();
      if (outcome.kind === 'retried') waits.push(outcome.until - world.now);
      if (outcome.kind === 'dead-lettered') {
        expect(outcome).toMatchObject({ reason: 'RetriesExhausted', attempt: 3, status: 500 });
        expect(outcome.detail).toBe('VendorError: Internal server error');
        break;
      }
      if (outcome.kind !== 'retried' && outcome.kind !== 'postponed') throw new Error(outcome.kind);
      world.now = outcome.until;
    }
    expect(waits).toEqual([INTERVAL_MS, 2 * INTERVAL_MS]);
    expect(world.calls).toHaveLength(3);
  });

  it('counts nothing while the ledger is away, and the queue’s receive count sets the pace', async () => {
    world.onTableCall = () => {
      throw new LedgerUnavailable('throttled');
    };
    const first = await world.submit(aBuild(), { receiveCount: 1 });
    const third = await world.submit(aBuild(), { receiveCount: 3 });
    expect(first).toMatchObject({
      kind: 'retried',
      cause: 'LedgerUnavailable',
      attempt: 0,
      until: START + INTERVAL_MS,
    });
    expect(third).toMatchObject({ until: START + 4 * INTERVAL_MS });
    expect(world.calls).toEqual([]);
  });

  it('is retried after an error nobody expected, and the log names it', async () => {
    const failing = {
      ...world.ports,
      apiKeys: { ...world.ports.apiKeys, read: () => Promise.reject(new TypeError('oops')) },
    };
    Object.assign(world, { ports: failing });
    expect(await world.submit()).toMatchObject({
      kind: 'retried',
      cause: 'Unexpected',
      attempt: 1,
      detail: 'TypeError: oops',
    });
    expect(world.logged).toContainEqual(expect.objectContaining({ event: 'unexpected-error' }));
  });
});

describe('a build whose answer was lost', () => {
  it('is unknown, sent again after an interval, and marked as possibly doubled', async () => {
    world.answers = [lost, accepted('upload-2')];
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'AnswerLost', attempt: 1 });
    expect(await world.entry()).toMatchObject({ state: 'unknown', possiblyDoubled: true });

    world.now += INTERVAL_MS;
    expect(await world.submit()).toMatchObject({ kind: 'submitted', attempt: 2, possiblyDoubled: true });
    expect(await world.entry()).toMatchObject({ state: 'submitted', possiblyDoubled: true });
  });

  it('is left to a person where the settings say so', async () => {
    world.settings = { ...world.settings, onLostAnswer: 'dead-letter' };
    world.answers = [lost];
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'SubmissionUnknown' });
  });

  it('is unknown as well when the worker died between the call and the record', async () => {
    world.answers = [() => new Promise<UploadAnswer>(() => {})];
    void world.submit();
    await new Promise(setImmediate);
    expect(await world.entry()).toMatchObject({ state: 'submitting' });

    // A second worker leaves it alone for as long as the first may live.
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'InProgress', until: START + 61_000 });
    world.now = START + 61_000;
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'AnswerLost' });
    expect(await world.entry()).toMatchObject({ state: 'unknown', possiblyDoubled: true });
  });

  it('is not taken for lost when the vendor answered 429 and the pacer was away', async () => {
    world.answers = [
      () => {
        let calls = 0;
        world.onTableCall = () => {
          if (++calls > 1) throw new LedgerUnavailable('throttled');
        };
        return { kind: 'rate-limited', status: 429, detail: '' };
      },
    ];
    expect(await world.submit()).toMatchObject({ kind: 'postponed', cause: 'RateLimited' });
    world.onTableCall = () => undefined;
    expect(await world.entry()).toMatchObject({ state: 'waiting', possiblyDoubled: false, attempts: 0 });
  });
});

describe('a message that comes again', () => {
  it('is skipped once its build was accepted', async () => {
    await world.submit();
    expect(await world.submit()).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
    expect(world.calls).toHaveLength(1);
  });

  it('does not call twice when two workers have it at once', async () => {
    await Promise.all([world.submit(), world.submit()]);
    world.now += 2 * SPACING_MS;
    await Promise.all([world.submit(), world.submit()]);
    expect(world.calls).toHaveLength(1);
    expect(await world.entry()).toMatchObject({ state: 'submitted' });
  });

  it('is tried again, with a clean count, when it was redriven from the dead-letter queue', async () => {
    world.answers = [{ ...refused401, reason: 'ProjectNotFound' }, accepted('upload-1')];
    await world.submit();
    world.now += INTERVAL_MS;

    expect(await world.submit(aBuild(), { redriveOf: 'id-1' })).toMatchObject({ kind: 'submitted', attempt: 1 });
    const entry = await world.entry();
    expect(entry.history.map(({ note }) => note)).toContain('redriven after ProjectNotFound');
    expect(entry.deadLetterId).toBeUndefined();
  });

  it.each([
    ['a late duplicate of the event', undefined],
    ['a second letter of a sender that crashed', 'id-of-another-letter'],
  ])('is skipped after dead-lettering when it is %s', async (_, redriveOf) => {
    world.answers = [refused401];
    await world.submit();
    expect(await world.submit(aBuild(), redriveOf === undefined ? {} : { redriveOf })).toMatchObject({
      kind: 'skipped',
    });
    expect(world.calls).toHaveLength(1);
    expect(world.letters).toHaveLength(1);
  });

  it('is never submitted again by a redrive once it was accepted', async () => {
    await world.submit();
    expect(await world.submit(aBuild(), { redriveOf: 'id-1' })).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
  });
});

describe('a build that is not wanted any more', () => {
  it('is skipped when a newer version of its key was dropped, and stays skipped', async () => {
    world.inspection = { kind: 'superseded', detail: 'The key now holds version v2.' };
    expect(await world.submit()).toMatchObject({ kind: 'skipped', cause: 'Superseded' });
    expect(await world.entry()).toMatchObject({ state: 'skipped', skipCause: 'Superseded' });
    world.inspection = { kind: 'ready' };
    expect(await world.submit()).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
  });

  it('is submitted all the same on a route that wants every version', async () => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, everyVersion: true }] };
    await world.submit();
    expect(world.inspected).toEqual(['readable']);
  });

  it('gives way to a newer build of its route where only the latest counts', async () => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, onlyLatest: true }] };
    const [first, second, third] = [0, 1, 2].map((n) => aBuild({ key: `${n}.zip`, droppedAt: START + n }));
    await world.submit(first);
    await world.submit(second);
    await world.submit(third);

    world.now = START + SPACING_MS;
    expect(await world.submit(second)).toMatchObject({ kind: 'skipped', cause: 'NewerBuild' });
    world.now = START + 2 * SPACING_MS;
    expect(await world.submit(third)).toMatchObject({ kind: 'submitted' });
  });

  it('does not give way to a newer build that is no zip', async () => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, onlyLatest: true }] };
    await world.submit(aBuild({ key: '0.zip' }));
    await world.submit(aBuild({ key: '1.zip', droppedAt: START + 1 }));
    world.inspection = { kind: 'refused', reason: 'NotAZip', detail: 'text' };
    await world.submit(aBuild({ key: '2.zip', droppedAt: START + 2 }));

    world.inspection = { kind: 'ready' };
    world.now = START + SPACING_MS;
    expect(await world.submit(aBuild({ key: '1.zip', droppedAt: START + 1 }))).toMatchObject({ kind: 'submitted' });
  });
});

describe('a key that was refused', () => {
  const other = aBuild({ key: 'b.zip' });

  beforeEach(async () => {
    world.answers = [refused401, accepted('upload-2')];
    await world.submit(other);
    await world.submit(aBuild({ key: 'c.zip' }));
  });

  it('is not sent again: the builds behind it are dead-lettered without a call or a slot', async () => {
    const { nextSlot } = world.pacer.lane(`upload-file/${ROUTE.userId}`);
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'InvalidApiKey' });
    expect(world.calls).toHaveLength(1);
    expect(world.pacer.lane(`upload-file/${ROUTE.userId}`).nextSlot).toBe(nextSlot);
  });

  it('is told once per version, to people and to pipelines', async () => {
    await world.submit();
    expect(world.alerts).toMatchObject([{ kind: 'key-rejected', version: 1, waiting: 0, build: other }]);
    expect(world.events.map(({ name }) => name)).toEqual([
      'Api Key Rejected',
      'Build Dead-Lettered',
      'Build Dead-Lettered',
      'Build Dead-Lettered',
    ]);
    expect(world.metrics.filter(({ name }) => name === 'ApiKeysRejected')).toHaveLength(1);
  });

  it('is asked for past the cache, which may not know the new one yet', async () => {
    world.keyAgain = found('key-two', 2);
    world.now += SPACING_MS;
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(world.calls[1]?.request.apiKey.reveal()).toBe('key-two');
  });
});

describe('telling', () => {
  it('sends one alert and one event for a dead letter', async () => {
    world.inspection = { kind: 'refused', reason: 'NotAZip', detail: 'text', status: 206 };
    await world.submit();
    const facts = { reason: 'NotAZip', detail: 'text', status: 206, build: aBuild() };
    expect(world.alerts).toMatchObject([{ kind: 'dead-lettered', attempts: 0, possiblyDoubled: false, ...facts }]);
    expect(world.events).toMatchObject([{ name: 'Build Dead-Lettered', deadLetterId: 'id-1', reason: 'NotAZip' }]);
  });

  it('emits an event for an acceptance and one for a build that gives way', async () => {
    await world.submit();
    world.inspection = { kind: 'superseded', detail: 'The key now holds v2.' };
    await world.submit(aBuild({ key: 'b.zip' }));
    expect(world.events).toMatchObject([
      { name: 'Build Submitted', uploadId: 'upload-1', autoRelease: false },
      { name: 'Build Skipped', cause: 'Superseded' },
    ]);
  });

  it('never stops a build by failing', async () => {
    world.topicIsDown = true;
    const ports = { ...world.ports, events: { emit: () => Promise.reject(new Error('no bus')) } };
    Object.assign(world, { ports });
    world.answers = [{ kind: 'refused', reason: 'ProjectNotFound', status: 404, detail: 'Project not found' }];
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered' });
    expect(world.logged.map(({ event }) => event)).toEqual(['calling', 'event-not-emitted', 'alert-not-sent']);
  });

  it('lets each build tell for itself when the refused key could not be told', async () => {
    world.topicIsDown = true;
    world.answers = [refused401];
    await world.submit();
    expect(world.logged.filter(({ event }) => event === 'alert-not-sent').map(({ alert }) => alert)).toEqual([
      'key-rejected',
      'dead-lettered',
    ]);
  });
});

describe('a build that the vendor has', () => {
  it('is told of again where the worker before may not have told: nobody would watch it', async () => {
    await world.submit();
    expect(await world.submit(aBuild(), { receiveCount: 1 })).toMatchObject({ cause: 'Duplicate' });
    expect(world.events).toHaveLength(1);

    world.now += 6 * 60_000;
    expect(await world.submit(aBuild(), { receiveCount: 2 })).toMatchObject({ cause: 'Duplicate' });
    expect(world.events[1]).toEqual({ ...world.events[0], status: undefined });
    expect(world.calls).toHaveLength(1);
  });

  it('is known by what the vendor says of it: a lost answer is not sent again', async () => {
    world.answers = [lost];
    await world.submit();
    const entry = await world.entry();
    await world.ledger.save(resolved(entry, 'upload-7', world.now));
    world.now += SPACING_MS;
    expect(await world.submit(aBuild(), { receiveCount: 2 })).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
    expect(world.calls).toHaveLength(1);
    expect(world.events).toMatchObject([{ name: 'Build Submitted', uploadId: 'upload-7', possiblyDoubled: false }]);
  });

  it.each(['approved', 'released', 'rejected'] as const)('is not sent again, nor told of: %s', async (state) => {
    await world.submit();
    await world.ledger.save({ ...(await world.entry()), state });
    const outcome = await world.submit(aBuild(), { receiveCount: 2 });
    expect(outcome).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
    expect(outcome).toHaveProperty('detail', `Accepted before, upload id upload-1, now ${state}.`);
    expect(world.events).toHaveLength(1);
    expect(await world.submit(aBuild(), { redriveOf: 'id-1' })).toMatchObject({ kind: 'skipped' });
  });

  it('starts over with a clean sheet where a person asks for it again', async () => {
    await world.submit();
    const rejected = { state: 'rejected', objection: 'No.', lastNewsAt: START, stuckAt: START } as const;
    await world.ledger.save({ ...(await world.entry()), ...rejected });
    world.now += SPACING_MS;
    world.answers = [accepted('upload-2')];
    expect(await world.submit(aBuild(), { submitAgain: 'request-1' })).toMatchObject({ kind: 'submitted' });
    const entry = await world.entry();
    expect(entry).toMatchObject({ uploadId: 'upload-2', formerUploadIds: ['upload-1'], submittedAt: world.now });
    for (const field of ['objection', 'lastNewsAt', 'stuckAt']) expect(entry).not.toHaveProperty(field);
  });
});

describe('a build that is asked for again', () => {
  it('is submitted once more, and a late duplicate of the request is not', async () => {
    // Prepare
    await world.submit();
    world.now += SPACING_MS;
    world.answers = [accepted('upload-2')];

    // Act
    const again = await world.submit(aBuild(), { submitAgain: 'request-1' });
    world.now += SPACING_MS;
    const duplicate = await world.submit(aBuild(), { submitAgain: 'request-1' });
    const event = await world.submit();

    // Assess
    expect(again).toMatchObject({ kind: 'submitted', uploadId: 'upload-2', possiblyDoubled: false });
    expect([duplicate, event]).toMatchObject([{ cause: 'Duplicate' }, { cause: 'Duplicate' }]);
    expect(world.calls).toHaveLength(2);
  });
});
