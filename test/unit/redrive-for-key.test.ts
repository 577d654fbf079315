import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyVerdict } from '../../functions/domain/ports.ts';
import { redriveForKey } from '../../functions/domain/redrive/redrive-for-key.ts';
import { aLetter, TwoQueues } from '../support/letters.ts';
import { found, ROUTE, START, World } from '../support/world.ts';

const OTHER = { ...ROUTE, prefix: 'other/', userId: 'f'.repeat(24) };
const ELSEWHERE = { ...ROUTE, prefix: 'elsewhere/', projectId: 'e'.repeat(24), apiKeyParameter: '/another/key' };
const ROUTES = [ROUTE, OTHER, ELSEWHERE];
const PARAMETER = ROUTE.apiKeyParameter;

let world: World;
let queues: TwoQueues;
let verdicts: Record<string, KeyVerdict>;
let checked: [string, string][];
beforeEach(() => {
  world = new World();
  world.key = found('old', 1);
  world.keyAgain = found('new', 2);
  verdicts = {};
  checked = [];
  queues = new TwoQueues(
    aLetter('mine', { at: '2026-04-21T11:00:00Z' }),
    aLetter('no-key', { reason: 'ApiKeyMissing', at: '2026-04-21T10:00:00Z' }),
    aLetter('of-other', { project: `${OTHER.userId}/${OTHER.projectId}`, at: '2026-04-21T12:00:00Z' }),
    aLetter('another-parameter', { project: `${ELSEWHERE.userId}/${ELSEWHERE.projectId}` }),
    aLetter('another-reason', { reason: 'ProjectNotFound' }),
  );
});

function redrive(parameter = PARAMETER) {
  const keyChecks = {
    check: async (userId: string, key: { reveal(): string }) => {
      checked.push([userId, key.reveal()]);
      return verdicts[userId] ?? { kind: 'taken' as const };
    },
  };
  const ports = { ...world.ports, keyChecks, deadLetters: queues, buildsQueue: queues };
  return redriveForKey(parameter, ROUTES, START + 60_000, ports);
}

const sent = () => queues.sent.map(({ messageId }) => messageId);

describe('a new key in its parameter', () => {
  it('is checked for every user that uses it, past the cache, and sends what it mends back oldest first', async () => {
    await world.ledger.refuseKey(PARAMETER, { version: 1, at: START });

    expect(await redrive()).toEqual({ kind: 'redriven', moved: 3, left: 0 });

    expect(checked).toEqual([
      [ROUTE.userId, 'new'],
      [OTHER.userId, 'new'],
    ]);
    expect(sent()).toEqual(['no-key', 'mine', 'of-other']);
    expect(queues.visible.map(({ messageId }) => messageId)).toEqual(['another-parameter', 'another-reason']);
    // For the workers that still have the old one cached.
    expect((await world.ledger.refusedKeyOf(PARAMETER))?.version).toBe(1);
    expect(world.alerts).toMatchObject([{ kind: 'redrive-finished', moved: 3, left: 0 }]);
    expect(world.events).toMatchObject([{ name: 'Redrive Finished', moved: 3 }]);
  });

  it('moves nothing and tells when the vendor refuses it', async () => {
    const refused = { kind: 'refused', reason: 'InvalidApiKey', detail: 'Invalid API Key' } as const;
    verdicts = { [ROUTE.userId]: refused, [OTHER.userId]: refused };

    expect(await redrive()).toEqual({ kind: 'key-refused' });

    expect(sent()).toEqual([]);
    expect(queues.visible).toHaveLength(5);
    expect(world.alerts).toMatchObject([{ kind: 'new-key-rejected', version: 2 }, { kind: 'new-key-rejected' }]);
    expect((await world.ledger.refusedKeyOf(PARAMETER))?.version).toBe(2);
  });

  it('is not held to be the one that was refused under the same number, before the parameter was made again', async () => {
    await world.ledger.refuseKey(PARAMETER, { version: 2, at: START });
    await redrive();
    expect(await world.ledger.refusedKeyOf(PARAMETER)).toBeUndefined();
  });

  it('moves the builds of the users it works for', async () => {
    verdicts = { [OTHER.userId]: { kind: 'refused', reason: 'InvalidUser', detail: 'Invalid User' } };
    expect(await redrive()).toEqual({ kind: 'redriven', moved: 2, left: 0 });
    expect(sent()).toEqual(['no-key', 'mine']);
  });

  it('is given the benefit of the doubt when the check says nothing', async () => {
    verdicts = { [ROUTE.userId]: { kind: 'unclear', detail: 'HTTP 500' } };
    expect(await redrive()).toMatchObject({ moved: 3 });
  });

  it('is not talked about when it had stranded nothing', async () => {
    queues = new TwoQueues();
    expect(await redrive()).toEqual({ kind: 'redriven', moved: 0, left: 0 });
    expect(world.alerts).toEqual([]);
  });

  it('is none of ours when no route reads the parameter', async () => {
    expect(await redrive('/someone/else')).toEqual({ kind: 'no-route' });
    expect(checked).toEqual([]);
  });

  it('has to be there', async () => {
    world.keyAgain = { kind: 'missing', detail: 'empty' };
    expect(await redrive()).toEqual({ kind: 'key-missing', detail: 'empty' });
    world.keyAgain = { kind: 'unavailable', detail: 'SSM is away' };
    await expect(redrive()).rejects.toThrow('SSM is away');
    expect(sent()).toEqual([]);
  });
});
