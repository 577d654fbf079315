import { describe, expect, it } from 'vitest';
import { retryDelay } from '../../functions/domain/pacing/retry-delay.ts';
import { fc } from '../support/fast-check.ts';

describe('retryDelay', () => {
  it('doubles from the interval to half an hour', () => {
    const delays = [1, 2, 3, 4, 5, 6].map((failures) => retryDelay(failures, 121_000, () => 0) / 1000);
    expect(delays).toEqual([121, 242, 484, 968, 1800, 1800]);
  });

  it('adds up to a quarter of jitter and never ends early', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (n, r) => {
          const delay = retryDelay(n, 121_000, () => r);
          const least = retryDelay(n, 121_000, () => 0);
          expect(delay).toBeGreaterThanOrEqual(least);
          expect(delay).toBeLessThanOrEqual(least * 1.25 + 1);
        },
      ),
    );
  });

  it('is never shorter than the interval, however long that is', () => {
    expect(retryDelay(1, 7_200_000, () => 0)).toBe(7_200_000);
    expect(retryDelay(9, 7_200_000, () => 0)).toBe(7_200_000);
  });
});
