import { isDeepStrictEqual } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { NEW_LANE, type RateLimitLane, type SlotReservation } from '../../functions/domain/model/lane.ts';
import {
  IN_PROCESS_WAIT_MS,
  type PacerSettings,
  pushLaneBack,
  reserveSlot,
  slotSpacing,
  tryAcquire,
} from '../../functions/domain/pacing/pacer.ts';
import type { Pacer } from '../../functions/domain/ports.ts';
import { fc } from '../support/fast-check.ts';

const INTERVAL = 121_000;
/** From slot to slot. */
const SPACING = slotSpacing({ intervalMs: INTERVAL });
const NOW = Date.UTC(2026, 10, 23, 12);

/** What every pacer must do. `makePacer` answers one whose lanes are all new. */
export function definePacerContract(
  name: string,
  makePacer: (settings: PacerSettings) => Pacer | Promise<Pacer>,
  { runs }: { readonly runs: number },
): void {
  describe(`${name}: what every pacer does`, () => {
    let pacer: Pacer;
    beforeEach(async () => {
      pacer = await makePacer({ intervalMs: INTERVAL });
    });

    async function reserve(count: number, now = NOW): Promise<SlotReservation[]> {
      const reservations = [];
      for (let n = 0; n < count; n++) reservations.push(await pacer.reserve('lane', now));
      return reservations;
    }

    it('gives the first slot at once and each next one an interval later', async () => {
      const slots = (await reserve(4)).map(({ slot }) => slot);

      expect(slots).toEqual([0, 1, 2, 3].map((n) => NOW + n * SPACING));
    });

    it('gives the slot of now where the lane has been idle', async () => {
      await reserve(2);

      const after = [NOW + 2 * SPACING, NOW + 10 * SPACING];
      for (const now of after) expect(await pacer.reserve('lane', now)).toEqual({ slot: now, pushed: 0 });
    });

    it('keeps the lanes of two users apart', async () => {
      const [mine] = await reserve(3);
      if (mine === undefined) throw new Error('unreachable');
      const theirs = await pacer.reserve('another', NOW);
      await pacer.acquire('lane', mine, NOW);
      await pacer.pushBack('lane', mine, NOW + 9 * INTERVAL);

      expect(theirs).toEqual({ slot: NOW, pushed: 0 });
      expect(await pacer.acquire('another', theirs, NOW)).toEqual({ kind: 'acquired', at: NOW });
      expect(await pacer.reserve('another', NOW)).toEqual({ slot: NOW + SPACING, pushed: 0 });
    });

    it('gives 100 callers at once 100 slots, an interval apart and without a hole', async () => {
      const reservations = await Promise.all(Array.from({ length: 100 }, () => pacer.reserve('lane', NOW)));

      const slots = reservations.map(({ slot }) => slot).sort((a, b) => a - b);
      expect(slots).toEqual(Array.from({ length: 100 }, (_, n) => NOW + n * SPACING));
    });

    it('lets one of 50 callers at once pass, and gives the others the time to come again', async () => {
      const reservation = await pacer.reserve('lane', NOW);

      const entries = await Promise.all(
        Array.from({ length: 50 }, (_, n) => pacer.acquire('lane', reservation, NOW + (n % 5))),
      );

      const passed = entries.filter((admission) => admission.kind === 'acquired');
      expect(passed).toHaveLength(1);
      const until = (passed[0]?.at ?? 0) + INTERVAL;
      expect(entries.filter((admission) => admission.kind === 'blocked' && admission.until === until)).toHaveLength(49);
    });

    it('lets one of 20 callers at once pass in a lane that the table has lost', async () => {
      const entries = await Promise.all(
        Array.from({ length: 20 }, () => pacer.acquire('lost', { slot: NOW, pushed: 0 }, NOW)),
      );

      expect(entries.filter(({ kind }) => kind === 'acquired')).toHaveLength(1);
    });

    it('never lets two pass closer than the interval, in whatever order they come', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              after: fc.constantFrom(0, 1, 1_000, INTERVAL / 2, INTERVAL - 1, INTERVAL, 3 * INTERVAL),
              // Which reservation each of those comes with that come together, and how far its clock is off.
              callers: fc.array(fc.record({ reservation: fc.nat(), skew: fc.integer({ min: -600, max: 600 }) }), {
                minLength: 1,
                maxLength: 6,
              }),
            }),
            { minLength: 2, maxLength: 8 },
          ),
          async (rounds) => {
            pacer = await makePacer({ intervalMs: INTERVAL });
            const reservations = await reserve(6);
            const passed: number[] = [];
            let now = NOW;
            for (const { after, callers } of rounds) {
              now += after;
              const entries = await Promise.all(
                callers.map(({ reservation, skew }) =>
                  pacer.acquire('lane', pick(reservations, reservation), now + skew),
                ),
              );
              for (const admission of entries) if (admission.kind === 'acquired') passed.push(admission.at);
            }
            passed.sort((a, b) => a - b);
            const gaps = passed.slice(1).map((at, n) => at - (passed[n] ?? Number.NaN));
            for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(INTERVAL);
          },
        ),
        { numRuns: runs, endOnFailure: true },
      );
    });

    it('blocks a caller before its slot, and admits it with the same reservation later', async () => {
      const [first, second] = await pair();
      await pacer.acquire('lane', first, NOW);

      expect(await pacer.acquire('lane', second, NOW + 1)).toEqual({ kind: 'blocked', until: NOW + SPACING });
      expect(await pacer.acquire('lane', second, NOW + SPACING)).toEqual({ kind: 'acquired', at: NOW + SPACING });
    });

    it('blocks the next caller where one came a little late, and moves no slot', async () => {
      const [first, second] = await pair();
      await pacer.acquire('lane', first, NOW + IN_PROCESS_WAIT_MS);

      const admission = await pacer.acquire('lane', second, second.slot);

      expect(admission).toEqual({ kind: 'blocked', until: NOW + IN_PROCESS_WAIT_MS + INTERVAL });
      expect((await pacer.reserve('lane', NOW)).slot).toBe(NOW + 2 * SPACING);
    });

    it('moves every later slot where a caller came late', async () => {
      const [first, second] = await pair();
      const late = 60_000;
      await pacer.acquire('lane', first, NOW + late);

      expect(await pacer.acquire('lane', second, second.slot)).toEqual({ kind: 'blocked', until: second.slot + late });
      expect(await pacer.reserve('lane', NOW)).toEqual({ slot: NOW + 2 * SPACING + late, pushed: late });
    });

    it('calls a slot missed after an interval, and a new reservation comes after the others', async () => {
      const [first, second] = await pair();

      expect(await pacer.acquire('lane', first, NOW + INTERVAL)).toEqual({ kind: 'missed' });
      expect((await pacer.reserve('lane', NOW + INTERVAL)).slot).toBe(NOW + 2 * SPACING);
      expect((await pacer.acquire('lane', second, second.slot)).kind).toBe('acquired');
    });

    it('lets a caller that missed its slot pass at once with a new reservation where no other waits', async () => {
      const [, last] = await pair();
      const now = last.slot + 10 * INTERVAL;

      expect(await pacer.acquire('lane', last, now)).toEqual({ kind: 'missed' });
      const reservation = await pacer.reserve('lane', now);
      expect(reservation.slot).toBe(now);
      expect(await pacer.acquire('lane', reservation, now)).toEqual({ kind: 'acquired', at: now });
    });

    it('pushes every later slot back by as much as the holder’s, whose reservation stays valid', async () => {
      const [first, second] = await pair();
      await pacer.acquire('lane', first, NOW);
      const until = NOW + 300_000;

      await pacer.pushBack('lane', first, until);

      expect(await pacer.acquire('lane', first, until - 1)).toEqual({ kind: 'blocked', until });
      expect(await pacer.acquire('lane', first, until)).toEqual({ kind: 'acquired', at: until });
      expect(await pacer.acquire('lane', second, until)).toEqual({ kind: 'blocked', until: until + SPACING });
      expect(await pacer.reserve('lane', NOW)).toEqual({ slot: until + 2 * SPACING, pushed: 300_000 });
      expect((await pacer.acquire('lane', second, until + SPACING)).kind).toBe('acquired');
    });

    it('pushes a lane back once for one cause, and never forward', async () => {
      const [first] = await pair();
      await pacer.acquire('lane', first, NOW);

      for (const until of [NOW + 300_000, NOW + 300_000, NOW + 1]) await pacer.pushBack('lane', first, until);

      expect((await pacer.reserve('lane', NOW)).slot).toBe(NOW + 2 * SPACING + 300_000);
    });

    it('blocks the lane for as long as the longest request, and moves no slot', async () => {
      const [first, second] = await pair();
      await pacer.acquire('lane', first, NOW);

      for (const delay of [4_000, 2_000]) await pacer.blockUntil('lane', second.slot + delay);

      const admission = await pacer.acquire('lane', second, second.slot);
      expect(admission).toEqual({ kind: 'blocked', until: second.slot + 4_000 });
      expect((await pacer.acquire('lane', second, second.slot + 4_000)).kind).toBe('acquired');
      expect((await pacer.reserve('lane', NOW)).slot).toBe(NOW + 2 * SPACING);
    });

    it('blocks and pushes back lanes without any reservation', async () => {
      await pacer.blockUntil('shut', NOW + 9_000);
      await pacer.pushBack('pushed', { slot: NOW, pushed: 0 }, NOW + 9_000);
      const reservation = await pacer.reserve('shut', NOW);

      expect(await pacer.acquire('shut', reservation, NOW)).toEqual({ kind: 'blocked', until: NOW + 9_000 });
      expect(await pacer.acquire('pushed', { slot: NOW, pushed: 0 }, NOW)).toEqual({
        kind: 'blocked',
        until: NOW + 9_000,
      });
    });

    it('has the result of the pure functions, in some order of the calls that run at once', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(3_000, INTERVAL),
          fc.array(fc.array(anyCall, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 }),
          async (intervalMs, batches) => {
            const settings = { intervalMs };
            pacer = await makePacer(settings);
            const reservations: SlotReservation[] = [await pacer.reserve('lane', NOW)];
            // Calls without an answer leave open what came first, so there may be several states that explain everything.
            let possible: RateLimitLane[] = [reserveSlot(NEW_LANE, NOW, settings).lane];
            let now = NOW;
            for (const batch of batches) {
              const calls = batch.map((call) => ({
                ...call,
                reservation: pick(reservations, call.reservation),
                now: now + Math.round(call.after * intervalMs),
              }));
              now = Math.max(...calls.map((call) => call.now));

              const answers = await Promise.all(calls.map((call) => callPacer(pacer, call)));

              possible = statesAfter(possible, calls, answers, settings);
              expect(possible, 'no order of the calls explains their answers').not.toEqual([]);
              for (const answer of answers) if (answer !== undefined && 'slot' in answer) reservations.push(answer);
            }
          },
        ),
        { numRuns: runs, endOnFailure: true },
      );
    });

    async function pair(): Promise<[SlotReservation, SlotReservation]> {
      return [await pacer.reserve('lane', NOW), await pacer.reserve('lane', NOW)];
    }
  });
}

interface Call {
  readonly kind: 'reserve' | 'acquire' | 'pushBack' | 'blockUntil';
  readonly reservation: SlotReservation;
  readonly now: number;
}
type Answer = Awaited<ReturnType<typeof callPacer>>;

/** `after` in intervals since the last call: before it (a clock that is behind), with it, about an interval later, far later. */
const anyCall = fc.record({
  kind: fc.constantFrom<Call['kind']>('reserve', 'reserve', 'acquire', 'acquire', 'acquire', 'pushBack', 'blockUntil'),
  reservation: fc.nat(),
  after: fc.constantFrom(-0.004, 0, 0, 0.01, 0.04, 0.05, 0.5, 0.999, 1, 1, 1.02, 1.6, 7),
});

/** How long a push or a block is requested for, in ms. */
const HOLD_MS = 7_000;

async function callPacer(pacer: Pacer, { kind, reservation, now }: Call) {
  switch (kind) {
    case 'reserve':
      return pacer.reserve('lane', now);
    case 'acquire':
      return pacer.acquire('lane', reservation, now);
    case 'pushBack':
      return pacer.pushBack('lane', reservation, now + HOLD_MS);
    case 'blockUntil':
      return pacer.blockUntil('lane', now + HOLD_MS);
  }
}

function callPure(
  lane: RateLimitLane,
  { kind, reservation, now }: Call,
  settings: PacerSettings,
): { lane: RateLimitLane; answer: Answer } {
  switch (kind) {
    case 'reserve': {
      const reserved = reserveSlot(lane, now, settings);
      return { lane: reserved.lane, answer: reserved.reservation };
    }
    case 'acquire': {
      const passed = tryAcquire(lane, reservation, now, settings);
      return { lane: passed.lane, answer: passed.admission };
    }
    case 'pushBack':
      return { lane: pushLaneBack(lane, reservation, now + HOLD_MS), answer: undefined };
    case 'blockUntil':
      return { lane: { ...lane, blockedUntil: Math.max(lane.blockedUntil, now + HOLD_MS) }, answer: undefined };
  }
}

/** The states that a lane can be in after the calls, in any order that gives these answers. */
function statesAfter(
  before: readonly RateLimitLane[],
  calls: Call[],
  answers: Answer[],
  settings: PacerSettings,
): RateLimitLane[] {
  if (calls.length === 0) return [...before];
  const after = calls.flatMap((call, n) => {
    const lanes = before
      .map((lane) => callPure(lane, call, settings))
      .filter(({ answer }) => isDeepStrictEqual(answer, answers[n]))
      .map(({ lane }) => lane);
    return lanes.length === 0 ? [] : statesAfter(lanes, calls.toSpliced(n, 1), answers.toSpliced(n, 1), settings);
  });
  return [...new Map(after.map((lane) => [JSON.stringify(lane), lane])).values()];
}

function pick<T>(from: readonly T[], index: number): T {
  const picked = from[index % from.length];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}
