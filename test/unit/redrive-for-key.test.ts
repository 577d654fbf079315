import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyVerdict } from '../../functions/domain/ports.ts';
import { redriveForKey } from '../../functions/domain/redrive/redrive-for-key.ts';
import { aDeadLetter, TwoQueues } from '../support/dead-letters.ts';
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
    aDeadLetter('mine', { at: '2026-04-21T11:00:00Z' }),
    aDeadLetter('no-key', { reason: 'ApiKeyMissing', at: '2026-04-21T10:00:00Z' }),
    aDeadLetter('of-other', { project: `${OTHER.userId}/${OTHER.projectId}`, at: '2026-04-21T12:00:00Z' }),
    aDeadLetter('another-parameter', { project: `${ELSEWHERE.userId}/${ELSEWHERE.projectId}` }),
    aDeadLetter('another-reason', { reason: 'ProjectNotFound' }),
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
  it('is checked for every user that uses it, past the cache, and what it fixes is redriven oldest first', async () => {
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

  it('redrives nothing and sends an alert if Streampixel refuses it', async () => {
    const refused = { kind: 'refused', reason: 'InvalidApiKey', detail: 'Invalid API Key' } as const;
    verdicts = { [ROUTE.userId]: refused, [OTHER.userId]: refused };

    expect(await redrive()).toEqual({ kind: 'key-refused' });

    expect(sent()).toEqual([]);
    expect(queues.visible).toHaveLength(5);
    expect(world.alerts).toMatchObject([{ kind: 'new-key-rejected', version: 2 }, { kind: 'new-key-rejected' }]);
    expect((await world.ledger.refusedKeyOf(PARAMETER))?.version).toBe(2);
  });

  it('is not taken for the refused one of the same version, from before the parameter was created again', async () => {
    await world.ledger.refuseKey(PARAMETER, { version: 2, at: START });
    await redrive();
    expect(await world.ledger.refusedKeyOf(PARAMETER)).toBeUndefined();
  });

  it('redrives the builds of the users that it works for', async () => {
    verdicts = { [OTHER.userId]: { kind: 'refused', reason: 'InvalidUser', detail: 'Invalid User' } };
    expect(await redrive()).toEqual({ kind: 'redriven', moved: 2, left: 0 });
    expect(sent()).toEqual(['no-key', 'mine']);
  });

  it('is not remembered as refused where it is the user that Streampixel refuses', async () => {
    const refused = { kind: 'refused', reason: 'InvalidUser', detail: 'Invalid User' } as const;
    verdicts = { [ROUTE.userId]: refused, [OTHER.userId]: refused };
    expect(await redrive()).toEqual({ kind: 'key-refused' });
    expect(await world.ledger.refusedKeyOf(PARAMETER)).toBeUndefined();
  });

  it('redrives if the check gives no clear answer', async () => {
    verdicts = { [ROUTE.userId]: { kind: 'unclear', detail: 'HTTP 500' } };
    expect(await redrive()).toMatchObject({ moved: 3 });
  });

  it('causes no alert if there is nothing to redrive', async () => {
    queues = new TwoQueues();
    expect(await redrive()).toEqual({ kind: 'redriven', moved: 0, left: 0 });
    expect(world.alerts).toEqual([]);
  });

  it('is ignored if no route reads the parameter', async () => {
    expect(await redrive('/another/parameter')).toEqual({ kind: 'no-route' });
    expect(checked).toEqual([]);
  });

  it('has to exist', async () => {
    world.keyAgain = { kind: 'missing', detail: 'empty' };
    expect(await redrive()).toEqual({ kind: 'key-missing', detail: 'empty' });
    world.keyAgain = { kind: 'unavailable', detail: 'SSM is down' };
    await expect(redrive()).rejects.toThrow('SSM is down');
    expect(sent()).toEqual([]);
  });
});
