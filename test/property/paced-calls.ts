import { expect } from 'vitest';
import { SENDING_ALLOWANCE_MS, STREAMPIXEL_WINDOW_MS } from '../../functions/domain/pacing/pacer.ts';
import type { LogLine } from '../simulation/our-design.ts';
import type { PacedCall } from '../simulation/paced-call.ts';

interface Circumstances {
  readonly intervalMs: number;
  /** What two workers' clocks may differ, in ms. */
  readonly skewMs: number;
  readonly log: readonly LogLine[];
}

/**
 * The acquired slots of one lane are an interval apart, less what two clocks may differ, and its calls reach Streampixel a window apart.
 *
 * One exception: the call itself took longer to be sent than its allowance, and the worker could not block the lane for longer any
 * more, because it died in the call or the table did not take it. What came before the call, a slow acquire or a slow claim, is no
 * excuse: the worker blocks the lane for that before it calls.
 */
export function expectIntervalKept(
  lane: string,
  calls: readonly PacedCall[],
  { intervalMs, log, skewMs }: Circumstances,
): void {
  calls.forEach((next, index) => {
    const previous = calls[index - 1];
    if (previous === undefined) return;
    const { arrivedAt, calledAt, acquiredAt, sandbox, sentAt } = previous;
    expect(next.acquiredAt - acquiredAt, 'ms between two acquired slots').toBeGreaterThanOrEqual(intervalMs - skewMs);
    const between = ({ at, event, fields }: LogLine) =>
      event === 'lane-not-blocked' && fields.lane === lane && at >= acquiredAt && at <= next.arrivedAt;
    const died = sandbox.diedAt !== undefined && sandbox.diedAt < next.acquiredAt;
    const countedFrom = calledAt - acquiredAt > SENDING_ALLOWANCE_MS ? calledAt : acquiredAt;
    if (log.some(between) || (died && sentAt - countedFrom > SENDING_ALLOWANCE_MS)) return;
    const lateMs = `sent ${sentAt - acquiredAt} ms after its slot was acquired, ${sentAt - calledAt} of them in the call`;
    expect(next.arrivedAt - arrivedAt, `ms between arrivals, the first ${lateMs}`).toBeGreaterThanOrEqual(
      STREAMPIXEL_WINDOW_MS,
    );
  });
}
