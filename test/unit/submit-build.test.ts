import { beforeEach, describe, expect, it } from 'vitest';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { aBuild, accepted, found, INTERVAL_MS, ROUTE, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const other = aBuild({ key: 'other.zip' });

describe('a build whose slot has come', () => {
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

  it('is recorded as submitting, with its slot, before the call', async () => {
    let during: unknown;
    world.answers = [
      async () => {
        during = await world.entry();
        return accepted('upload-1');
      },
    ];
    await world.submit();
    const fileUrl = { delivery: 's3', until: START, host: 'drop.example' };
    expect(during).toMatchObject({ state: 'submitting', reservation: { slot: START, pushed: 0 }, fileUrl });
  });

  it('blocks its lane for longer when its request was sent late', async () => {
    world.answers = [{ ...accepted('upload-1'), sentAt: START + 3_000 }];
    await world.submit();
    expect(world.pacer.lane(`upload-file/${ROUTE.userId}`).blockedUntil).toBe(START + 3_000 + INTERVAL_MS - 500);
  });

  it.each([
    ['200', accepted('upload-1')],
    ['none', { kind: 'lost', detail: 'ECONNRESET' } as const],
  ])('measures its call in ms, by the status of the answer: %s', async (Status, answer) => {
    world.answers = [
      () => {
        world.now += 1_500;
        return answer;
      },
    ];
    await world.submit();
    expect(world.measured('VendorLatency')).toEqual([{ value: 1_500, Status }]);
  });
});

describe('a build behind another', () => {
  beforeEach(async () => {
    await world.submit(other);
  });

  it('sleeps until its slot, remembers it, and is submitted on its second receive', async () => {
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'Slot', until: START + SPACING_MS });
    expect(await world.entry()).toMatchObject({ state: 'waiting', attempts: 0 });

    world.now = START + SPACING_MS - 400;
    expect(await world.submit()).toMatchObject({ kind: 'submitted', attempt: 1 });
    expect(world.slept).toEqual([400]);
    expect(world.inspected).toEqual(['readable', 'current', 'readable', 'current']);
    expect(world.calls.map(({ at }) => at - START)).toEqual([0, SPACING_MS]);
  });

  it.each([
    [5_001, 'postponed'],
    [5_000, 'submitted'],
  ])('that wakes %i ms before its slot is %s', async (early, kind) => {
    await world.submit();
    world.now = START + SPACING_MS - early;
    expect((await world.submit()).kind).toBe(kind);
  });

  it('goes back to sleep without a check or a write when it wakes too early', async () => {
    await world.submit();
    const inspected = world.inspected.length;
    const operations: string[] = [];
    world.onTableCall = (operation) => void operations.push(operation);
    world.now = START + 30_000;
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'Slot', until: START + SPACING_MS });
    expect(operations).toEqual(['GetItem', 'GetItem']);
    expect(world.inspected).toHaveLength(inspected);
  });

  it('is left alone where another worker takes it while this one puts it to sleep', async () => {
    world.overtake('waiting', { state: 'submitting' });
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'InProgress', until: START + 61_000 });
    expect((await world.entry()).state).toBe('submitting');
  });

  it.each([
    [0, { kind: 'postponed', cause: 'Slot' }],
    [-1, { kind: 'dead-lettered', reason: 'WaitTooLong', attempt: 0 }],
  ])('is dead-lettered rather than lost unless its slot is 3 h before its message expires: %i ms', async (ms, end) => {
    const expiresAt = START + SPACING_MS + 3 * 3_600_000 + ms;
    expect(await world.submit(aBuild(), { expiresAt })).toMatchObject(end);
  });

  it('does not wait for a build of another user', async () => {
    const userId = 'ffffffffffffffffffffffff';
    world.settings = { ...world.settings, routes: [ROUTE, { ...ROUTE, prefix: 'second/', userId }] };
    expect(await world.submit(aBuild({ key: 'second/b.zip' }))).toMatchObject({ kind: 'submitted' });
  });
});

describe('a route that is changed while a build waits', () => {
  it('gives the build a slot of its new user, not one of the lane that it has left', async () => {
    await world.submit(aBuild({ key: 'first.zip' }));
    expect(await world.submit()).toMatchObject({ kind: 'postponed', cause: 'Slot' });
    const userId = 'f'.repeat(24);
    world.settings = { ...world.settings, routes: [{ ...ROUTE, userId }] };
    world.now += 1_000;
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(world.calls[1]?.request.route.userId).toBe(userId);
    expect(world.pacer.lane(`upload-file/${userId}`).nextSlot).toBe(START + 1_000 + SPACING_MS);
  });

  it('keeps the slot of a build whose user stays', async () => {
    await world.submit(aBuild({ key: 'first.zip' }));
    await world.submit();
    const projectId = 'f'.repeat(24);
    world.settings = { ...world.settings, routes: [{ ...ROUTE, projectId, apiKeyParameter: '/new' }] };
    world.now = START + SPACING_MS;
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(await world.entry()).toMatchObject({ projectId, apiKeyParameter: '/new' });
    expect(world.slept).toEqual([]);
  });
});

describe('a message that comes again', () => {
  it('is skipped once its build was accepted', async () => {
    await world.submit();
    const detail = 'Accepted before, upload id upload-1.';
    expect(await world.submit()).toEqual({ kind: 'skipped', cause: 'Duplicate', detail });
    expect(await world.submit(aBuild(), { redriveOf: 'id-1' })).toMatchObject({ cause: 'Duplicate' });
    expect(world.calls).toHaveLength(1);
  });

  it.each([
    [{ state: 'approved', uploadId: 'upload-7' }, 'Accepted before, upload id upload-7, now approved.'],
    [{ state: 'released', uploadId: 'upload-7' }, 'Accepted before, upload id upload-7, now released.'],
    [{ state: 'rejected', uploadId: 'upload-7' }, 'Accepted before, upload id upload-7, now rejected.'],
    [{ state: 'skipped', skipCause: 'Superseded' }, 'Skipped before: Superseded.'],
    [{ state: 'dead-lettered', reason: 'NotAZip', deadLetterId: 'id-7' }, 'Dead-lettered before: NotAZip.'],
  ] as const)('is skipped without an event where its build is $state', async (entry, detail) => {
    await world.given(entry);
    const outcome = await world.submit(aBuild(), { receiveCount: 2, redriveOf: 'id-1' });
    expect(outcome).toEqual({ kind: 'skipped', cause: 'Duplicate', detail });
    expect(world.events).toEqual([]);
    expect(world.calls).toEqual([]);
  });

  it('does not call twice when two workers have it at once', async () => {
    await Promise.all([world.submit(), world.submit()]);
    world.now += 2 * SPACING_MS;
    await Promise.all([world.submit(), world.submit()]);
    expect(world.calls).toHaveLength(1);
    expect(await world.entry()).toMatchObject({ state: 'submitted' });
  });

  it('starts over, with no attempts, when it was redriven from the dead-letter queue', async () => {
    world.answers = [
      { kind: 'refused', reason: 'ProjectNotFound', status: 404, detail: 'no project' },
      accepted('upload-1'),
    ];
    await world.submit();
    world.now += INTERVAL_MS;

    expect(await world.submit(aBuild(), { redriveOf: 'id-1' })).toMatchObject({ kind: 'submitted', attempt: 1 });
    const entry = await world.entry();
    expect(entry.history.map(({ note }) => note)).toContain('redriven after ProjectNotFound');
    expect(entry.deadLetterId).toBeUndefined();
  });

  it.each([
    ['of the event', { deadLetterId: 'id-1' }, {}],
    ['of the event, and the ledger names no dead letter', {}, {}],
    ['of a second dead letter, from a worker that crashed', { deadLetterId: 'id-1' }, { redriveOf: 'id-2' }],
  ])('is skipped after dead-lettering when it is a late duplicate %s', async (_, entry, delivery) => {
    await world.given({ state: 'dead-lettered', reason: 'NotAZip', ...entry });
    expect(await world.submit(aBuild(), delivery)).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
    expect(world.calls).toEqual([]);
    expect(world.deadLetters).toEqual([]);
  });

  it('is a request to try again where it was sent after the dead-lettering, whatever tool has sent it', async () => {
    world.answers = [
      { kind: 'refused', reason: 'ProjectNotFound', status: 404, detail: 'no project' },
      accepted('upload-1'),
    ];
    await world.submit();
    world.now += SPACING_MS;
    // The body alone, without any attribute, a millisecond later.
    expect(await world.submit(aBuild(), { sentAt: START })).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
    expect(await world.submit(aBuild(), { sentAt: START + 1 })).toMatchObject({ kind: 'submitted', attempt: 1 });
    expect(await world.submit(aBuild(), { sentAt: START + 2 })).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
  });

  it('is compared with the dead-lettering, not with what the ledger has recorded of the build later', async () => {
    const lastFailure = { code: 'NotAZip', detail: 'no', at: START } as const;
    await world.given({ state: 'dead-lettered', reason: 'NotAZip', lastFailure, updatedAt: START + 60_000 });
    expect(await world.submit(aBuild(), { sentAt: START })).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
    expect(await world.submit(aBuild(), { sentAt: START + 1 })).toMatchObject({ kind: 'submitted' });
  });

  it('finds its answer lost, and does not wait for ever, where the claim has no end', async () => {
    await world.given({ state: 'submitting' });
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'AnswerLost' });
  });

  it('sends the event of the submission again: the worker before may have ended before it could', async () => {
    await world.submit();
    await world.submit(aBuild(), { receiveCount: 1 });
    expect(world.events).toHaveLength(1);

    world.now += 6 * 60_000;
    expect(await world.submit(aBuild(), { receiveCount: 2 })).toMatchObject({ cause: 'Duplicate' });
    expect(world.events[1]).toEqual({ ...world.events[0], status: undefined });
    expect(world.calls).toHaveLength(1);
  });

  it('stays in the queue until the event of the submission is sent', async () => {
    await world.submit();
    world.busIsDown = true;
    expect(await world.submit(aBuild(), { receiveCount: 2 })).toEqual({
      kind: 'retried',
      cause: 'EventsUnavailable',
      detail: expect.stringContaining('upload id upload-1;'),
      until: START + 2 * INTERVAL_MS,
      attempt: 0,
    });
  });

  it('is not submitted again where a webhook has brought the lost answer meanwhile', async () => {
    await world.given({ state: 'submitted', uploadId: 'upload-7', attempts: 1 });
    expect(await world.submit(aBuild(), { receiveCount: 2 })).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
    expect(world.calls).toEqual([]);
    expect(world.events).toMatchObject([{ name: 'Build Submitted', uploadId: 'upload-7', possiblyDoubled: false }]);
  });
});

describe('a request to submit a build again', () => {
  it('submits it once more, and a late duplicate of the request does not', async () => {
    await world.submit();
    world.now += SPACING_MS;
    world.answers = [accepted('upload-2')];

    const again = await world.submit(aBuild(), { submitAgain: 'request-1' });
    world.now += SPACING_MS;
    const duplicate = await world.submit(aBuild(), { submitAgain: 'request-1' });
    const event = await world.submit();

    expect(again).toMatchObject({ kind: 'submitted', uploadId: 'upload-2', possiblyDoubled: false });
    expect([duplicate, event]).toMatchObject([{ cause: 'Duplicate' }, { cause: 'Duplicate' }]);
    expect(world.calls).toHaveLength(2);
  });

  it('remembers the upload that viewers may have, and who asked for another one', async () => {
    await world.given({ state: 'released', uploadId: 'upload-1', projectId: ROUTE.projectId });
    world.answers = [accepted('upload-2')];
    await world.submit(aBuild(), { submitAgain: 'request-1', requestedBy: 'alice' });
    expect((await world.ledger.liveOf(ROUTE.projectId)).former).toEqual([
      { uploadId: 'upload-1', build: 'drop/a.zip@v1', key: 'a.zip', isAutomatic: false },
    ]);
    expect((await world.entry())?.history.map(({ note }) => note)).toContain('submitted again by alice');
  });

  it('names the person in the history of a build that the ledger does not know', async () => {
    await world.submit(aBuild(), { requestedBy: 'alice' });
    const [line] = (await world.entry())?.history ?? [];
    expect(line).toMatchObject({ note: 'submitted by alice' });
  });

  it('names the person in the history of a redriven build', async () => {
    await world.given({ state: 'dead-lettered', reason: 'NoRoute', deadLetterId: 'd' });
    await world.submit(aBuild(), { redriveOf: 'd', requestedBy: 'bob' });
    expect((await world.entry())?.history.map(({ note }) => note)).toContain('redriven after NoRoute by bob');
  });

  it('forgets what Streampixel reported of the upload before', async () => {
    const news = { objection: 'No.', lastNewsAt: START, stuckAt: START };
    await world.given({ state: 'rejected', uploadId: 'upload-1', ...news });
    world.answers = [accepted('upload-2')];
    expect(await world.submit(aBuild(), { submitAgain: 'request-1' })).toMatchObject({ kind: 'submitted' });
    const entry = await world.entry();
    expect(entry).toMatchObject({ uploadId: 'upload-2', formerUploadIds: ['upload-1'], submittedAt: world.now });
    for (const field of Object.keys(news)) expect(entry).not.toHaveProperty(field);
  });

  it.each([
    [
      'waiting: it keeps its slot',
      { state: 'waiting', reservation: { slot: START + SPACING_MS, pushed: 0 } },
      { kind: 'postponed', cause: 'Slot', until: START + SPACING_MS },
    ],
    [
      'being submitted',
      { state: 'submitting', leaseUntil: START + 9_000 },
      { kind: 'postponed', cause: 'InProgress', until: START + 9_000 },
    ],
    [
      'unknown: it keeps its attempts',
      { state: 'unknown', possiblyDoubled: true, attempts: 1 },
      { kind: 'submitted', attempt: 2, possiblyDoubled: true },
    ],
  ] as const)('does not start a build over that is %s', async (_, entry, outcome) => {
    await world.given(entry);
    expect(await world.submit(aBuild(), { submitAgain: 'request-1' })).toMatchObject(outcome);
    expect(await world.entry()).not.toHaveProperty('submitAgainId');
  });
});

describe('an unexpected error before the call', () => {
  const fail = (message: string) => async () => {
    throw new TypeError(message);
  };

  it('counts as an attempt, and is logged without the key', async () => {
    world.key = found('sk-very-secret', 1);
    world.use({ builds: { ...world.ports.builds, presign: fail('cannot sign with sk-very-secret') } });
    const error = 'TypeError: cannot sign with [secret]';
    expect(await world.submit()).toEqual({
      kind: 'retried',
      cause: 'Unexpected',
      detail: error,
      attempt: 1,
      until: START + INTERVAL_MS,
    });
    expect(world.lines('unexpected-error')).toEqual([expect.objectContaining({ build: 'drop/a.zip@v1', error })]);
    expect((await world.entry()).lastFailure).toMatchObject({ at: START, detail: error });
  });

  it('counts as an attempt before the key is read, too', async () => {
    world.use({ apiKeys: { ...world.ports.apiKeys, read: fail('oops') } });
    expect(await world.submit()).toMatchObject({ cause: 'Unexpected', attempt: 1, detail: 'TypeError: oops' });
  });

  it('leads to a retry where the ledger fails in an unexpected way', async () => {
    world.instead = { find: fail('a bug'), save: fail('a bug') };
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'Unexpected' });
  });

  it('leads to a retry at the pace of the receive count where handling it fails as well', async () => {
    world.settings = { ...world.settings, maxAttempts: 1 };
    world.instead = { find: fail('a bug') };
    const newId = () => {
      throw new RangeError('no more ids');
    };
    world.use({ newId });
    expect(await world.submit(aBuild(), { receiveCount: 3 })).toEqual({
      kind: 'retried',
      cause: 'Unexpected',
      detail: 'TypeError: a bug; then RangeError: no more ids',
      until: START + 4 * INTERVAL_MS,
      attempt: 0,
    });
  });

  it('is not one where the table does not answer: that is no attempt, and the receive count sets the pace', async () => {
    world.onTableCall = () => {
      throw new LedgerUnavailable('throttled');
    };
    const uncounted = { kind: 'retried', cause: 'LedgerUnavailable', attempt: 0 };
    expect(await world.submit(aBuild(), { receiveCount: 1 })).toMatchObject({
      ...uncounted,
      until: START + INTERVAL_MS,
    });
    expect(await world.submit(aBuild(), { receiveCount: 3 })).toMatchObject({
      ...uncounted,
      until: START + 4 * INTERVAL_MS,
    });
    expect(world.calls).toEqual([]);
    expect(world.lines('unexpected-error')).toEqual([]);
  });
});

describe('what this version does not know', () => {
  const later = { kind: 'of-a-later-version' } as never;

  it.each<[string, () => unknown]>([
    ['a state in the ledger', () => world.given({ state: 'of-a-later-version' as never })],
    ['a result of the check', () => Object.assign(world, { inspection: later })],
    ['an answer', () => Object.assign(world, { answers: [later] })],
  ])('leads to a retry and not to a guess: %s', async (_, arrange) => {
    await arrange();
    expect(await world.submit()).toMatchObject({
      kind: 'retried',
      cause: 'Unexpected',
      detail: expect.stringContaining('unreachable: '),
    });
  });
});
