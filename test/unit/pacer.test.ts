import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  drawTicket,
  IN_PROCESS_WAIT_MS,
  type Line,
  NEW_LINE,
  passGate,
  pushLineBack,
  slotOf,
  slotSpacing,
  type Ticket,
} from '../../functions/domain/pacer.ts';

const INTERVAL = 121_000;
/** From slot to slot. */
const SPACING = slotSpacing({ intervalMs: INTERVAL });
const SETTINGS = { intervalMs: INTERVAL };
const NOW = 1_000_000_000;
const TICKET: Ticket = { slot: NOW, pushed: 0 };
/** Two have drawn, nobody has entered. */
const BUSY: Line = { nextSlot: NOW + 2 * SPACING, pushed: 0, opensAt: 0 };

describe('drawTicket', () => {
  it('gives a new or idle line’s slot at once', () => {
    expect(drawTicket(NEW_LINE, NOW, SETTINGS)).toEqual({
      line: { nextSlot: NOW + SPACING, pushed: 0, opensAt: 0 },
      ticket: { slot: NOW, pushed: 0 },
    });
    expect(drawTicket({ ...BUSY, nextSlot: NOW }, NOW, SETTINGS).ticket.slot).toBe(NOW);
  });

  it('gives a busy line’s next free slot, and remembers how far the line had been pushed', () => {
    const { line, ticket } = drawTicket({ ...BUSY, pushed: 7 }, NOW, SETTINGS);

    expect(ticket).toEqual({ slot: NOW + 2 * SPACING, pushed: 7 });
    expect(line).toEqual({ nextSlot: NOW + 3 * SPACING, pushed: 7, opensAt: 0 });
  });
});

describe('passGate', () => {
  const enter = (line: Line, now: number, ticket = TICKET) => passGate(line, ticket, now, SETTINGS);

  it.each([
    ['before the slot', BUSY, NOW - 1, NOW],
    ['before the slot, with the gate shut for longer', { ...BUSY, opensAt: NOW + 9 }, NOW - 1, NOW + 9],
    ['in the slot, with the gate shut', { ...BUSY, opensAt: NOW + 9 }, NOW + 8, NOW + 9],
    ['in the slot it was drawn for, with the line pushed back since', { ...BUSY, pushed: 60 }, NOW + 59, NOW + 60],
  ])('says when to come again %s, and changes nothing', (_, line, now, until) => {
    expect(enter(line, now)).toEqual({ line, entry: { kind: 'early', until } });
  });

  it.each([0, 1, IN_PROCESS_WAIT_MS])(
    'shuts the gate for an interval and moves no slot %i ms after the slot',
    (late) => {
      expect(enter(BUSY, NOW + late)).toEqual({
        line: { ...BUSY, opensAt: NOW + late + INTERVAL },
        entry: { kind: 'entered', at: NOW + late },
      });
    },
  );

  it.each([IN_PROCESS_WAIT_MS + 1, INTERVAL - 1])('moves the whole line %i ms after the slot', (late) => {
    const { line, entry } = enter(BUSY, NOW + late);

    expect(entry).toEqual({ kind: 'entered', at: NOW + late });
    expect(line).toEqual({ nextSlot: BUSY.nextSlot + late, pushed: late, opensAt: NOW + late + INTERVAL });
    // Those behind find the gate open when their slot comes.
    expect(slotOf(line, { slot: NOW + SPACING, pushed: 0 })).toBeGreaterThanOrEqual(line.opensAt);
  });

  it.each([
    ['with others behind', BUSY],
    ['on an idle line', { ...BUSY, nextSlot: NOW + SPACING }],
    ['with the gate shut', { ...BUSY, opensAt: NOW + 2 * INTERVAL }],
  ])('calls a turn missed an interval after the slot %s, and changes nothing', (_, line) => {
    expect(enter(line, NOW + INTERVAL)).toEqual({ line, entry: { kind: 'missed' } });
    expect(enter(line, NOW + 99 * INTERVAL)).toEqual({ line, entry: { kind: 'missed' } });
  });

  it('reckons lateness from where the slot lies now', () => {
    const pushed = { ...BUSY, pushed: 600_000 };

    expect(enter(pushed, NOW + 600_000).entry).toEqual({ kind: 'entered', at: NOW + 600_000 });
    expect(enter(pushed, NOW + 600_000 + INTERVAL).entry).toEqual({ kind: 'missed' });
  });
});

describe('pushLineBack', () => {
  it('moves every slot by as much as the holder’s, and shuts the gate', () => {
    const line = pushLineBack(BUSY, TICKET, NOW + 300_000);

    expect(line).toEqual({ nextSlot: BUSY.nextSlot + 300_000, pushed: 300_000, opensAt: NOW + 300_000 });
    expect(slotOf(line, TICKET)).toBe(NOW + 300_000);
  });

  it('comes to the same when it is done twice', () => {
    const once = pushLineBack(BUSY, TICKET, NOW + 300_000);

    expect(pushLineBack(once, TICKET, NOW + 300_000)).toEqual(once);
  });

  it('moves nothing forward and opens no gate sooner', () => {
    const line = { ...BUSY, opensAt: NOW + INTERVAL };

    expect(pushLineBack(line, TICKET, NOW - 1)).toEqual(line);
  });

  it('costs the line what the vendor asked for and not the outage before', () => {
    // Prepare: drawn for NOW, back an hour later, on a line that has run dry.
    const later = NOW + 3_600_000;
    expect(passGate(BUSY, TICKET, later, SETTINGS).entry).toEqual({ kind: 'missed' });
    const drawn = drawTicket(BUSY, later, SETTINGS);
    const entered = passGate(drawn.line, drawn.ticket, later, SETTINGS);

    // Act
    const line = pushLineBack(entered.line, drawn.ticket, later + 130_000);

    // Assess
    expect(drawTicket(line, later, SETTINGS).ticket.slot).toBe(later + 130_000 + SPACING);
  });
});

describe('a line of builds in virtual time', () => {
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

  it('keeps the interval, serves everyone, and lets nobody jump the line, whatever happens', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.infiniteStream(anyVisit), (count, visits) => {
        const builds = serve(count, () => next(visits));

        const calls = builds.flatMap((build) => build.calls).sort((a, b) => a - b);
        const gaps = calls.slice(1).map((at, n) => at - (calls[n] ?? Number.NaN));
        for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(INTERVAL);
        // They drew their tickets in the order they are in. Whoever missed a turn has gone behind.
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
  ticket?: Ticket;
  visit: Visit;
  wakesAt: number;
  receives: number;
  missed: number;
  /** When it called the vendor; the last was accepted. */
  readonly calls: number[];
}

/** Visibility timeout after a crash, in ms: longer than an interval. */
const CRASH_TIMEOUT_MS = 360_000;

/** Drops builds at once and takes each as far as the line lets it, the way a worker does, until all are accepted. */
function serve(count: number, nextVisit: () => Visit): DroppedBuild[] {
  let line = NEW_LINE;
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
    build.ticket ??= draw(now);
    const until = goesAgainAt(build, build.ticket, now);
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

  function draw(now: number): Ticket {
    const drawn = drawTicket(line, now, SETTINGS);
    line = drawn.line;
    return drawn.ticket;
  }

  function goesAgainAt(build: DroppedBuild, ticket: Ticket, now: number): number | undefined {
    const { fate } = build.visit;
    if (fate === 'crash-before-gate') return now + CRASH_TIMEOUT_MS;
    if (ticket.slot - now > IN_PROCESS_WAIT_MS) return ticket.slot;
    const { line: changed, entry } = passGate(line, ticket, now, SETTINGS);
    line = changed;
    if (entry.kind === 'early') return entry.until;
    if (entry.kind === 'missed') {
      build.missed++;
      build.ticket = draw(now);
      return build.ticket.slot;
    }
    build.calls.push(now);
    if (fate === 'accepted') return undefined;
    if (fate === 'crash-behind-gate') return now + CRASH_TIMEOUT_MS;
    line = pushLineBack(line, ticket, now + INTERVAL);
    return now + INTERVAL;
  }
}

function next<T>(stream: Iterator<T>): T {
  const { value, done } = stream.next();
  if (done === true) throw new Error('an infinite stream has ended');
  return value;
}
