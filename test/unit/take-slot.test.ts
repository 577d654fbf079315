import { beforeEach, describe, expect, it } from 'vitest';
import {
  CALL_TIMEOUT_MS,
  keepFirstInLane,
  type SlotAttempt,
  takeSlot,
} from '../../functions/domain/pacing/take-slot.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { INTERVAL_MS, SPACING_MS, START, World } from '../support/world.ts';

const LANE = 'upload-file/user';
const DEADLINE = START + 55_000;

let world: World;
let steps: string[];
beforeEach(() => {
  world = new World();
  steps = [];
});

function take(changes: Partial<SlotAttempt<string, string, string>> = {}): Promise<string> {
  const attempt: SlotAttempt<string, string, string> = {
    lane: LANE,
    reservation: undefined,
    deadline: DEADLINE,
    check: async () => {
      steps.push('check');
      return { checked: 'the check' };
    },
    sleep: async (_, until) => `asleep until ${until - START}`,
    claim: async (checked) => {
      steps.push(`claim with ${checked}`);
      return { claim: 'the claim' };
    },
    call: async (claim) => {
      steps.push(`call with ${claim}`);
      return { sentAt: world.now, result: 'called' };
    },
    ...changes,
  };
  return takeSlot(attempt, { intervalMs: INTERVAL_MS }, world.ports);
}

const lane = () => world.pacer.lane(LANE);

describe('an attempt to call in a slot', () => {
  it('checks once more, acquires its slot, claims and calls, in this order', async () => {
    world.onTableCall = () => void steps.push('table');
    expect(await take()).toBe('called');
    // To reserve and to acquire on an idle lane are three calls of the table.
    expect(steps.filter((step) => step !== 'table')).toEqual(['check', 'claim with the check', 'call with the claim']);
    expect(steps.lastIndexOf('table')).toBeLessThan(steps.indexOf('claim with the check'));
    expect(lane().blockedUntil).toBe(START + INTERVAL_MS);
  });

  it('sleeps in the queue until a slot that is far away, without a check', async () => {
    await take();
    expect(await take()).toBe(`asleep until ${SPACING_MS}`);
    expect(world.slept).toEqual([]);
    expect(steps.filter((step) => step === 'check')).toHaveLength(1);
  });

  it('waits in the function for a slot that is near', async () => {
    const reservation = { slot: START + 5_000, pushed: 0 };
    expect(await take({ reservation })).toBe('called');
    expect(world.slept).toEqual([5_000]);
    expect(lane().blockedUntil).toBe(START + 5_000 + INTERVAL_MS);
  });

  it('sleeps in the queue for a slot that is a millisecond farther away', async () => {
    expect(await take({ reservation: { slot: START + 5_001, pushed: 0 } })).toBe('asleep until 5001');
  });

  it('leaves the slot unused where the last check says so', async () => {
    expect(await take({ check: async () => ({ result: 'not wanted' }) })).toBe('not wanted');
    expect(steps).toEqual([]);
    expect(lane().blockedUntil).toBe(0);
  });

  it('does not call where another worker has claimed', async () => {
    expect(await take({ claim: async () => ({ result: 'claimed by another worker' }) })).toBe(
      'claimed by another worker',
    );
    expect(steps).toEqual(['check']);
  });

  it('reserves again where its slot went by, and takes the new one at once on an idle lane', async () => {
    const reservation = await world.pacer.reserve(LANE, START);
    world.now = START + SPACING_MS;
    expect(await take({ reservation, deadline: world.now + 55_000 })).toBe('called');
    expect(lane().nextSlot).toBe(START + 2 * SPACING_MS);
    expect(world.slept).toEqual([0]);
  });

  it('acquires only when its slot has come', async () => {
    const askedAt: number[] = [];
    world.onTableCall = () => void askedAt.push(world.now - START);
    await take({ reservation: { slot: START + 3_000, pushed: 0 } });
    expect(new Set(askedAt)).toEqual(new Set([3_000]));
  });

  it.each([3_000, 5_000])('waits in the function for a lane that is free soon: in %i ms', async (ms) => {
    await world.pacer.blockUntil(LANE, START + ms);
    expect(await take()).toBe('called');
    expect(world.slept).toEqual([ms]);
  });

  it('does not wait where the lane became free while the table answered', async () => {
    await world.pacer.blockUntil(LANE, START + 50);
    world.onTableCall = () => {
      world.now += 100;
    };
    expect(await take({ reservation: { slot: START, pushed: 0 } })).toBe('called');
    expect(world.slept).toEqual([0]);
  });

  it('sleeps in the queue for a lane that is free later', async () => {
    await world.pacer.blockUntil(LANE, START + 5_001);
    expect(await take()).toBe('asleep until 5001');
    expect(world.slept).toEqual([]);
  });

  it('sleeps in the queue even for a short wait where the call would not end by the deadline', async () => {
    await world.pacer.blockUntil(LANE, START + 3_000);
    expect(await take({ deadline: START + 3_000 + CALL_TIMEOUT_MS - 1 })).toBe('asleep until 3000');
    expect(world.slept).toEqual([]);
    expect(await take({ deadline: START + 3_000 + CALL_TIMEOUT_MS, reservation: { slot: START, pushed: 0 } })).toBe(
      'called',
    );
  });

  it('throws before the claim where the table does not answer', async () => {
    const reservation = { slot: START, pushed: 0 };
    world.onTableCall = () => {
      throw new LedgerUnavailable('throttled');
    };
    await expect(take({ reservation })).rejects.toThrow(LedgerUnavailable);
    expect(steps).toEqual(['check']);
  });
});

describe('the call in a slot', () => {
  it('may take 20 s, and never longer than the worker has', async () => {
    const deadlines: number[] = [];
    const call: SlotAttempt<string, string, string>['call'] = async (_claim, _slot, deadline) => {
      deadlines.push(deadline - world.now);
      return { result: 'called' };
    };
    await take({ call });
    world.now += SPACING_MS;
    await take({ call, deadline: world.now + CALL_TIMEOUT_MS - 1 });
    expect(deadlines).toEqual([CALL_TIMEOUT_MS, CALL_TIMEOUT_MS - 1]);
  });

  it('gets the slot that it is made in', async () => {
    const reservation = { slot: START - 200, pushed: 0 };
    const call: SlotAttempt<string, string, string>['call'] = async (_, slot) => ({ result: JSON.stringify(slot) });
    expect(JSON.parse(await take({ reservation, call }))).toEqual({ lane: LANE, reservation, acquiredAt: START });
  });

  it('blocks the lane for longer where it was sent later than the margin covers', async () => {
    const call: SlotAttempt<string, string, string>['call'] = async () => ({ sentAt: START + 501, result: 'called' });
    await take({ call });
    expect(lane().blockedUntil).toBe(START + 501 + INTERVAL_MS - 500);
  });

  it.each([
    ['in time', 500],
    ['never', undefined],
  ])('blocks the lane for no longer where it was sent %s', async (_, sentAfter) => {
    const sentAt = sentAfter === undefined ? undefined : START + sentAfter;
    await take({ call: async () => ({ sentAt, result: 'called' }) });
    expect(lane().blockedUntil).toBe(START + INTERVAL_MS);
  });

  it.each([
    [501, START + 501 + INTERVAL_MS],
    [500, START + INTERVAL_MS],
  ])(
    'finds the lane blocked already where the claim took %i ms: this worker may end in the call',
    async (ms, until) => {
      let during = 0;
      await take({
        claim: async () => {
          world.now += ms;
          return { claim: 'the claim' };
        },
        call: async () => {
          during = lane().blockedUntil;
          return { sentAt: world.now, result: 'called' };
        },
      });
      expect(during).toBe(until);
      expect(lane().blockedUntil).toBe(until);
    },
  );

  it('is made, and settled, although the lane can’t be blocked for longer', async () => {
    const claim: SlotAttempt<string, string, string>['claim'] = async () => {
      world.now += 3_000;
      world.onTableCall = () => {
        throw new LedgerUnavailable('throttled');
      };
      return { claim: 'the claim' };
    };
    expect(await take({ claim })).toBe('called');
    expect(world.logged).toContainEqual(expect.objectContaining({ event: 'lane-not-blocked', lane: LANE }));
  });
});

describe('a slot that was used up without success', () => {
  const slot = { lane: LANE, reservation: { slot: START, pushed: 0 }, acquiredAt: START };

  it('stays first in its lane, an interval later at least, and moves those behind by as much', async () => {
    await take();
    const keep = (notBefore: number) => keepFirstInLane(slot, notBefore, { intervalMs: INTERVAL_MS }, world.ports);
    expect(await keep(START + 1)).toBe(START + INTERVAL_MS);
    expect(lane().nextSlot).toBe(START + SPACING_MS + INTERVAL_MS);
    expect(await keep(START + 900_000)).toBe(START + 900_000);
  });

  it('comes back at the same time where the table does not answer', async () => {
    world.onTableCall = () => {
      throw new LedgerUnavailable('throttled');
    };
    expect(await keepFirstInLane(slot, 0, { intervalMs: INTERVAL_MS }, world.ports)).toBe(START + INTERVAL_MS);
    expect(world.logged).toContainEqual(expect.objectContaining({ event: 'lane-not-pushed-back', lane: LANE }));
  });
});
