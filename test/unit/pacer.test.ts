import { describe, expect, it } from 'vitest';
import { NEW_LANE, type RateLimitLane, type SlotReservation } from '../../functions/domain/model/lane.ts';
import {
  blockForLateSend,
  IN_PROCESS_WAIT_MS,
  inProcessWait,
  pushLaneBack,
  reserveSlot,
  slotOf,
  slotSpacing,
  tryAcquire,
} from '../../functions/domain/pacing/pacer.ts';
import { fc } from '../support/fast-check.ts';

const INTERVAL = 121_000;
/** From slot to slot. */
const SPACING = slotSpacing({ intervalMs: INTERVAL });
const SETTINGS = { intervalMs: INTERVAL };
const NOW = 1_000_000_000;
const RESERVATION: SlotReservation = { slot: NOW, pushed: 0 };
/** Two builds have reserved, none has called. */
const BUSY: RateLimitLane = { nextSlot: NOW + 2 * SPACING, pushed: 0, blockedUntil: 0 };

describe('reserveSlot', () => {
  it('gives a new or idle lane’s slot at once', () => {
    expect(reserveSlot(NEW_LANE, NOW, SETTINGS)).toEqual({
      lane: { nextSlot: NOW + SPACING, pushed: 0, blockedUntil: 0 },
      reservation: { slot: NOW, pushed: 0 },
    });
    expect(reserveSlot({ ...BUSY, nextSlot: NOW }, NOW, SETTINGS).reservation.slot).toBe(NOW);
  });

  it('gives a busy lane’s next free slot, and remembers how far the lane had been pushed', () => {
    const { lane, reservation } = reserveSlot({ ...BUSY, pushed: 7 }, NOW, SETTINGS);

    expect(reservation).toEqual({ slot: NOW + 2 * SPACING, pushed: 7 });
    expect(lane).toEqual({ nextSlot: NOW + 3 * SPACING, pushed: 7, blockedUntil: 0 });
  });
});

describe('tryAcquire', () => {
  const acquire = (lane: RateLimitLane, now: number, reservation = RESERVATION) =>
    tryAcquire(lane, reservation, now, SETTINGS);

  it.each([
    ['before the slot', BUSY, NOW - 1, NOW],
    ['before the slot, with the lane blocked for longer', { ...BUSY, blockedUntil: NOW + 9 }, NOW - 1, NOW + 9],
    ['in the slot, with the lane blocked', { ...BUSY, blockedUntil: NOW + 9 }, NOW + 8, NOW + 9],
    ['in the slot that it reserved, with the lane pushed back since', { ...BUSY, pushed: 60 }, NOW + 59, NOW + 60],
  ])('says when to come back %s, and changes nothing', (_, lane, now, until) => {
    expect(acquire(lane, now)).toEqual({ lane, admission: { kind: 'blocked', until } });
  });

  it.each([0, 1, IN_PROCESS_WAIT_MS])(
    'blocks the lane for an interval and moves no slot %i ms after the slot',
    (late) => {
      expect(acquire(BUSY, NOW + late)).toEqual({
        lane: { ...BUSY, blockedUntil: NOW + late + INTERVAL },
        admission: { kind: 'acquired', at: NOW + late },
      });
    },
  );

  it.each([IN_PROCESS_WAIT_MS + 1, INTERVAL - 1])('moves the whole lane %i ms after the slot', (late) => {
    const { lane, admission } = acquire(BUSY, NOW + late);

    expect(admission).toEqual({ kind: 'acquired', at: NOW + late });
    expect(lane).toEqual({ nextSlot: BUSY.nextSlot + late, pushed: late, blockedUntil: NOW + late + INTERVAL });
    // Those behind find the lane open when their slot comes.
    expect(slotOf(lane, { slot: NOW + SPACING, pushed: 0 })).toBeGreaterThanOrEqual(lane.blockedUntil);
  });

  it.each([
    ['with others behind', BUSY],
    ['on an idle lane', { ...BUSY, nextSlot: NOW + SPACING }],
    ['with the lane blocked', { ...BUSY, blockedUntil: NOW + 2 * INTERVAL }],
  ])('calls a slot missed an interval after the slot %s, and changes nothing', (_, lane) => {
    expect(acquire(lane, NOW + INTERVAL)).toEqual({ lane, admission: { kind: 'missed' } });
    expect(acquire(lane, NOW + 99 * INTERVAL)).toEqual({ lane, admission: { kind: 'missed' } });
  });

  it('measures lateness from where the slot is now', () => {
    const pushed = { ...BUSY, pushed: 600_000 };

    expect(acquire(pushed, NOW + 600_000).admission).toEqual({ kind: 'acquired', at: NOW + 600_000 });
    expect(acquire(pushed, NOW + 600_000 + INTERVAL).admission).toEqual({ kind: 'missed' });
  });
});

describe('pushLaneBack', () => {
  it('moves every slot by as much as the holder’s, and blocks the lane', () => {
    const lane = pushLaneBack(BUSY, RESERVATION, NOW + 300_000);

    expect(lane).toEqual({ nextSlot: BUSY.nextSlot + 300_000, pushed: 300_000, blockedUntil: NOW + 300_000 });
    expect(slotOf(lane, RESERVATION)).toBe(NOW + 300_000);
  });

  it('comes to the same when it is done twice', () => {
    const once = pushLaneBack(BUSY, RESERVATION, NOW + 300_000);

    expect(pushLaneBack(once, RESERVATION, NOW + 300_000)).toEqual(once);
  });

  it('moves no slot forward and unblocks no lane sooner', () => {
    const lane = { ...BUSY, blockedUntil: NOW + INTERVAL };

    expect(pushLaneBack(lane, RESERVATION, NOW - 1)).toEqual(lane);
  });

  it('costs the lane what Streampixel asked for and not the outage before', () => {
    // Reserved for NOW, back an hour later, on a lane that is idle.
    const later = NOW + 3_600_000;
    expect(tryAcquire(BUSY, RESERVATION, later, SETTINGS).admission).toEqual({ kind: 'missed' });
    const reserved = reserveSlot(BUSY, later, SETTINGS);
    const acquired = tryAcquire(reserved.lane, reserved.reservation, later, SETTINGS);
    const lane = pushLaneBack(acquired.lane, reserved.reservation, later + 130_000);
    expect(reserveSlot(lane, later, SETTINGS).reservation.slot).toBe(later + 130_000 + SPACING);
  });
});

describe('a request that was sent after its slot was acquired', () => {
  it.each([
    ['never', undefined, undefined],
    ['500 ms later: the margin covers it', NOW + 500, undefined],
    ['501 ms later: the interval counts from half a second before it', NOW + 501, NOW + 1 + INTERVAL],
  ])('blocks the lane for longer where it must: %s', (_, sentAt, until) => {
    expect(blockForLateSend(NOW, sentAt, SETTINGS)).toBe(until);
  });
});

describe('a wait', () => {
  it.each([
    [121_000, 5_000],
    [4_000, 2_000],
    [1_000, 1_000],
  ])('is slept in the function, with an interval of %i ms, up to %i ms', (intervalMs, longest) => {
    expect(inProcessWait({ intervalMs })).toBe(longest);
  });
});

describe('a lane of builds in virtual time', () => {
  it('serves builds that wake a little late in order, with two receives each and hardly later than it must', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.infiniteStream(fc.nat(2_000)), (count, lateness) => {
        const builds = serve(count, () => ({ late: next(lateness), fate: 'accepted' }));

        const served = builds.map(({ calls }) => calls[0] ?? Number.NaN);
        expect(served).toEqual(served.toSorted((a, b) => a - b));
        expect(served.at(-1)).toBeLessThanOrEqual(NOW + (count - 1) * SPACING + 2_000);
        expect(Math.max(...builds.map(({ receives }) => receives))).toBeLessThanOrEqual(2);
      }),
    );
  });

  it('keeps the interval, the order and every build, whatever happens', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.infiniteStream(anyVisit), (count, visits) => {
        const builds = serve(count, () => next(visits));

        const calls = builds.flatMap((build) => build.calls).sort((a, b) => a - b);
        const gaps = calls.slice(1).map((at, n) => at - (calls[n] ?? Number.NaN));
        for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(INTERVAL);
        // They reserved in the order they are in. One that missed its slot is behind the others.
        const inOrder = builds.filter(({ missed }) => missed === 0).map((build) => build.calls.at(-1) ?? Number.NaN);
        expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
      }),
      { numRuns: 500 },
    );
  });
});

interface Visit {
  /** How long after its time the message is handed out, in ms. */
  readonly late: number;
  readonly fate: 'accepted' | 'rate-limited' | 'crash-before-acquire' | 'crash-after-acquire';
}

const anyVisit: fc.Arbitrary<Visit> = fc.record({
  late: fc.oneof({ weight: 6, arbitrary: fc.nat(2_000) }, { weight: 1, arbitrary: fc.nat(3 * INTERVAL) }),
  fate: fc.oneof(
    { weight: 4, arbitrary: fc.constant('accepted' as const) },
    { weight: 1, arbitrary: fc.constantFrom('rate-limited', 'crash-before-acquire', 'crash-after-acquire') },
  ),
});

interface DroppedBuild {
  reservation?: SlotReservation;
  visit: Visit;
  wakesAt: number;
  receives: number;
  missed: number;
  /** When it called Streampixel; the last call was accepted. */
  readonly calls: number[];
}

/** Visibility timeout after a crash, in ms: longer than an interval. */
const CRASH_TIMEOUT_MS = 360_000;

/** Drops builds at once and takes each as far as the lane lets it, the way a worker does, until all are accepted. */
function serve(count: number, nextVisit: () => Visit): DroppedBuild[] {
  let lane = NEW_LANE;
  const builds = Array.from(
    { length: count },
    (): DroppedBuild => ({
      visit: { late: 0, fate: 'accepted' },
      wakesAt: NOW,
      receives: 1,
      missed: 0,
      calls: [],
    }),
  );
  const open = new Set(builds);
  for (let turns = 0; open.size > 0; turns++) {
    if (turns > 1_000 * count) throw new Error('a build waits for ever');
    const build = [...open].reduce((first, other) => (other.wakesAt < first.wakesAt ? other : first));
    const now = build.wakesAt;
    build.reservation ??= reserve(now);
    const until = comesBackAt(build, build.reservation, now);
    if (until === undefined) {
      open.delete(build);
    } else if (until - now <= IN_PROCESS_WAIT_MS) {
      build.wakesAt = until;
    } else {
      build.visit = nextVisit();
      build.wakesAt = until + build.visit.late;
      build.receives++;
    }
  }
  return builds;

  function reserve(now: number): SlotReservation {
    const reserved = reserveSlot(lane, now, SETTINGS);
    lane = reserved.lane;
    return reserved.reservation;
  }

  function comesBackAt(build: DroppedBuild, reservation: SlotReservation, now: number): number | undefined {
    const { fate } = build.visit;
    if (fate === 'crash-before-acquire') return now + CRASH_TIMEOUT_MS;
    if (reservation.slot - now > IN_PROCESS_WAIT_MS) return reservation.slot;
    const { lane: changed, admission } = tryAcquire(lane, reservation, now, SETTINGS);
    lane = changed;
    if (admission.kind === 'blocked') return admission.until;
    if (admission.kind === 'missed') {
      build.missed++;
      build.reservation = reserve(now);
      return build.reservation.slot;
    }
    build.calls.push(now);
    if (fate === 'accepted') return undefined;
    if (fate === 'crash-after-acquire') return now + CRASH_TIMEOUT_MS;
    lane = pushLaneBack(lane, reservation, now + INTERVAL);
    return now + INTERVAL;
  }
}

function next<T>(stream: Iterator<T>): T {
  const { value, done } = stream.next();
  if (done === true) throw new Error('an infinite stream has ended');
  return value;
}
