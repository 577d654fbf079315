/** Uniform in [0, 1). */
export type Random = () => number;

/** Least and most, both included. */
export type Range = readonly [least: number, most: number];

/** Mulberry32: small, fast and good enough to scatter latencies. The same seed gives the same numbers everywhere. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number of the range. */
export function between([least, most]: Range, random: Random): number {
  return least + Math.floor(random() * (most - least + 1));
}
