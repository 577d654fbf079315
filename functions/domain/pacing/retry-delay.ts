/** No build waits longer than this for its next try, in ms. */
const LONGEST_DELAY_MS = 30 * 60_000;

/**
 * How long to wait before the next try: doubles from the interval (sooner there is no slot anyway) up to 30 minutes, plus up
 * to a quarter of jitter, so that builds that failed together don't come back together.
 *
 * With 6 attempts and the default interval a build outlives an outage of about an hour.
 *
 * @param failures how many tries have failed so far, at least 1
 * @param random uniform in [0, 1)
 * @returns ms
 */
export function retryDelay(failures: number, intervalMs: number, random: () => number): number {
  const cap = Math.max(intervalMs, LONGEST_DELAY_MS);
  const delay = Math.min(cap, intervalMs * 2 ** (failures - 1));
  return Math.round(delay * (1 + random() / 4));
}
