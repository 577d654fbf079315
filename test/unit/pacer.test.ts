import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEW_LANE, type RateLimitLane, type SlotReservation } from '../../functions/domain/model/lane.ts';
import {
  IN_PROCESS_WAIT_MS,
  pushLaneBack,
  reserveSlot,
  slotOf,
  slotSpacing,
  tryAcquire,
} from '../../functions/domain/pacing/pacer.ts';

const INTERVAL = 121_000;
/** From slot to slot. */
const SPACING = slotSpacing({ intervalMs: INTERVAL });
const SETTINGS = { intervalMs: INTERVAL };
const NOW = 1_000_000_000;
const TICKET: SlotReservation = { slot: NOW, pushed: 0 };
/** Two have drawn, nobody has entered. */
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
  const acquire = (lane: RateLimitLane, now: number, reservation = TICKET) =>
    tryAcquire(lane, reservation, now, SETTINGS);

  it.each([
    ['before the slot', BUSY, NOW - 1, NOW],
    ['before the slot, with the gate shut for longer', { ...BUSY, blockedUntil: NOW + 9 }, NOW - 1, NOW + 9],
    ['in the slot, with the gate shut', { ...BUSY, blockedUntil: NOW + 9 }, NOW + 8, NOW + 9],
    ['in the slot it was drawn for, with the lane pushed back since', { ...BUSY, pushed: 60 }, NOW + 59, NOW + 60],
  ])('says when to come again %s, and changes nothing', (_, lane, now, until) => {
    expect(acquire(lane, now)).toEqual({ lane, admission: { kind: 'blocked', until } });
  });

  it.each([0, 1, IN_PROCESS_WAIT_MS])(
    'shuts the gate for an interval and moves no slot %i ms after the slot',
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
    // Those behind find the gate open when their slot comes.
    expect(slotOf(lane, { slot: NOW + SPACING, pushed: 0 })).toBeGreaterThanOrEqual(lane.blockedUntil);
  });

  it.each([
    ['with others behind', BUSY],
    ['on an idle lane', { ...BUSY, nextSlot: NOW + SPACING }],
    ['with the gate shut', { ...BUSY, blockedUntil: NOW + 2 * INTERVAL }],
  ])('calls a turn missed an interval after the slot %s, and changes nothing', (_, lane) => {
    expect(acquire(lane, NOW + INTERVAL)).toEqual({ lane, admission: { kind: 'missed' } });
    expect(acquire(lane, NOW + 99 * INTERVAL)).toEqual({ lane, admission: { kind: 'missed' } });
  });

  it('reckons lateness from where the slot lies now', () => {
    const pushed = { ...BUSY, pushed: 600_000 };

    expect(acquire(pushed, NOW + 600_000).admission).toEqual({ kind: 'acquired', at: NOW + 600_000 });
    expect(acquire(pushed, NOW + 600_000 + INTERVAL).admission).toEqual({ kind: 'missed' });
  });
});

describe('pushLaneBack', () => {
  it('moves every slot by as much as the holder’s, and shuts the gate', () => {
    const lane = pushLaneBack(BUSY, TICKET, NOW + 300_000);

    expect(lane).toEqual({ nextSlot: BUSY.nextSlot + 300_000, pushed: 300_000, blockedUntil: NOW + 300_000 });
    expect(slotOf(lane, TICKET)).toBe(NOW + 300_000);
  });

  it('comes to the same when it is done twice', () => {
    const once = pushLaneBack(BUSY, TICKET, NOW + 300_000);

    expect(pushLaneBack(once, TICKET, NOW + 300_000)).toEqual(once);
  });

  it('moves nothing forward and opens no gate sooner', () => {
    const lane = { ...BUSY, blockedUntil: NOW + INTERVAL };

    expect(pushLaneBack(lane, TICKET, NOW - 1)).toEqual(lane);
  });

  it('costs the lane what the vendor asked for and not the outage before', () => {
    // Prepare: drawn for NOW, back an hour later, on a lane that has run dry.
    const later = NOW + 3_600_000;
    expect(tryAcquire(BUSY, TICKET, later, SETTINGS).admission).toEqual({ kind: 'missed' });
    const drawn = reserveSlot(BUSY, later, SETTINGS);
    const entered = tryAcquire(drawn.lane, drawn.reservation, later, SETTINGS);

    // Act
    const lane = pushLaneBack(entered.lane, drawn.reservation, later + 130_000);

    // Assess
    expect(reserveSlot(lane, later, SETTINGS).reservation.slot).toBe(later + 130_000 + SPACING);
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

  it('keeps the interval, serves everyone, and lets nobody jump the lane, whatever happens', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.infiniteStream(anyVisit), (count, visits) => {
        const builds = serve(count, () => next(visits));

        const calls = builds.flatMap((build) => build.calls).sort((a, b) => a - b);
        const gaps = calls.slice(1).map((at, n) => at - (calls[n] ?? Number.NaN));
        for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(INTERVAL);
        // They drew their reservations in the order they are in. Whoever missed a turn has gone behind.
        const inTurn = builds.filter(({ missed }) => missed === 0).map((build) => build.calls.at(-1) ?? Number.NaN);
        expect(inTurn).toEqual(inTurn.toSorted((a, b) => a - b));
      }),
      { numRuns: 500 },
    );
  });
});

interface Visit {
  /** How long after its time the message is handed out, in ms. */
  readonly late: number;
  readonly fate: 'accepted' | 'rate-limited' | 'crash-before-gate' | 'crash-behind-gate';
}

const anyVisit: fc.Arbitrary<Visit> = fc.record({
  late: fc.oneof({ weight: 6, arbitrary: fc.nat(2_000) }, { weight: 1, arbitrary: fc.nat(3 * INTERVAL) }),
  fate: fc.oneof(
    { weight: 4, arbitrary: fc.constant('accepted' as const) },
    { weight: 1, arbitrary: fc.constantFrom('rate-limited', 'crash-before-gate', 'crash-behind-gate') },
  ),
});

interface DroppedBuild {
  reservation?: SlotReservation;
  visit: Visit;
  wakesAt: number;
  receives: number;
  missed: number;
  /** When it called the vendor; the last was accepted. */
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
    if (turns > 1_000 * count) throw new Error('somebody waits for ever');
    const build = [...open].reduce((first, other) => (other.wakesAt < first.wakesAt ? other : first));
    const now = build.wakesAt;
    build.reservation ??= draw(now);
    const until = goesAgainAt(build, build.reservation, now);
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

  function draw(now: number): SlotReservation {
    const drawn = reserveSlot(lane, now, SETTINGS);
    lane = drawn.lane;
    return drawn.reservation;
  }

  function goesAgainAt(build: DroppedBuild, reservation: SlotReservation, now: number): number | undefined {
    const { fate } = build.visit;
    if (fate === 'crash-before-gate') return now + CRASH_TIMEOUT_MS;
    if (reservation.slot - now > IN_PROCESS_WAIT_MS) return reservation.slot;
    const { lane: changed, admission } = tryAcquire(lane, reservation, now, SETTINGS);
    lane = changed;
    if (admission.kind === 'blocked') return admission.until;
    if (admission.kind === 'missed') {
      build.missed++;
      build.reservation = draw(now);
      return build.reservation.slot;
    }
    build.calls.push(now);
    if (fate === 'accepted') return undefined;
    if (fate === 'crash-behind-gate') return now + CRASH_TIMEOUT_MS;
    lane = pushLaneBack(lane, reservation, now + INTERVAL);
    return now + INTERVAL;
  }
}

function next<T>(stream: Iterator<T>): T {
  const { value, done } = stream.next();
  if (done === true) throw new Error('an infinite stream has ended');
  return value;
}
