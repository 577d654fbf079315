import { beforeEach, describe, expect, it } from 'vitest';
import type { UploadAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { aBuild, accepted, found, INTERVAL_MS, ROUTE, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const refused401: UploadAnswer = { kind: 'refused', reason: 'InvalidApiKey', status: 401, detail: 'Invalid API Key' };
const { userId, projectId, apiKeyParameter: parameter } = ROUTE;

describe('an acceptance', () => {
  it.each([false, true])('is announced to pipelines with its attempt; autoRelease %s', async (autoRelease) => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, autoRelease }] };
    world.answers = [{ kind: 'failed', cause: 'VendorError', detail: 'no' }, accepted('upload-1')];
    await world.submit();
    world.now += SPACING_MS;
    await world.submit();
    expect(world.events).toEqual([
      {
        name: 'Build Submitted',
        at: START + SPACING_MS,
        subject: { build: aBuild(), userId, projectId },
        uploadId: 'upload-1',
        status: 200,
        attempt: 2,
        possiblyDoubled: false,
        autoRelease,
      },
    ]);
  });
});

describe('a 429', () => {
  it('costs no attempt: the build stays first, and those behind it move back', async () => {
    world.answers = [
      { kind: 'rate-limited', status: 429, retryAfterMs: 300_000, detail: 'Rate limit exceeded.' },
      accepted('upload-1'),
    ];
    const until = START + 300_500;
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'RateLimited', until, status: 429 });
    expect(await world.entry()).toMatchObject({ state: 'waiting', attempts: 0 });
    const behind = aBuild({ key: 'b.zip' });
    expect(await world.submit(behind)).toMatchObject({ kind: 'postponed', until: until + SPACING_MS });

    world.now = until;
    expect(await world.submit()).toMatchObject({ kind: 'submitted', attempt: 1 });
  });

  it('never brings the build back before the lane is free, whatever it says', async () => {
    world.answers = [{ kind: 'rate-limited', status: 429, retryAfterMs: 0, detail: '' }];
    expect(await world.submit()).toMatchObject({ until: START + INTERVAL_MS });
  });

  it('is not taken for a lost answer where the table does not answer the pacer', async () => {
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

describe('a refused key', () => {
  it('is followed by another call, an interval later, where it was replaced during the call', async () => {
    world.answers = [refused401, accepted('upload-1')];
    world.keyAgain = found('key-two', 2);
    const until = START + INTERVAL_MS;
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'KeyChanged', until, status: 401 });

    world.key = found('key-two', 2);
    world.now = until;
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

  it('is alerted, announced and counted once, with the number of builds that wait', async () => {
    const waiting = aBuild({ key: 'waiting.zip' });
    world.answers = [
      async () => {
        await world.submit(waiting);
        return refused401;
      },
    ];
    await world.submit();
    expect(await world.submit(waiting)).toMatchObject({ kind: 'postponed' });
    await world.submit(aBuild({ key: 'behind.zip' }));

    const facts = { parameter, version: 1, userId, waiting: 1, at: START };
    const alert = { kind: 'key-rejected', detail: 'Invalid API Key', build: aBuild(), logPointer: 'group stream id' };
    expect(world.alerts).toEqual([{ ...alert, ...facts }]);
    expect(world.events).toMatchObject([
      { name: 'Api Key Rejected', ...facts },
      { name: 'Build Dead-Lettered' },
      { name: 'Build Dead-Lettered' },
    ]);
    expect(world.measured('ApiKeysRejected')).toEqual([{ value: 1 }]);
  });

  it('is not sent again: the builds behind it are dead-lettered without a call or a slot', async () => {
    world.answers = [refused401];
    await world.submit(aBuild({ key: 'first.zip' }));
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'InvalidApiKey' });
    expect(world.calls).toHaveLength(1);
    expect(world.pacer.lane(`upload-file/${userId}`).nextSlot).toBe(START + SPACING_MS);
  });

  it('is read past the cache, which may not know the new one yet', async () => {
    world.answers = [refused401, accepted('upload-2')];
    await world.submit(aBuild({ key: 'first.zip' }));
    world.keyAgain = found('key-two', 2);
    world.now += SPACING_MS;
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(world.calls[1]?.request.apiKey.reveal()).toBe('key-two');
  });

  it('leads to no second alert where another worker has met it during the call', async () => {
    world.answers = [
      async () => {
        await world.ledger.refuseKey(parameter, { version: 1, at: START });
        return refused401;
      },
    ];
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'InvalidApiKey' });
    expect(world.alerts).toEqual([]);
    expect(world.measured('ApiKeysRejected')).toEqual([]);
  });

  it('leads to an alert per build where it can’t be recorded', async () => {
    world.answers = [refused401];
    world.instead.refuseKey = async () => {
      throw new LedgerUnavailable('throttled');
    };
    await world.submit();
    expect(world.alerts).toMatchObject([{ kind: 'dead-lettered', reason: 'InvalidApiKey' }]);
    const fields = { level: 'warn', parameter, version: 1, error: 'LedgerUnavailable: throttled' };
    expect(world.lines('refused-key-not-remembered')).toEqual([expect.objectContaining(fields)]);
  });

  it('leads to an alert per build where its own alert can’t be sent', async () => {
    world.topicIsDown = true;
    world.answers = [refused401];
    await world.submit();
    expect(world.lines('alert-not-sent').map(({ alert }) => alert)).toEqual(['key-rejected', 'dead-lettered']);
  });
});
