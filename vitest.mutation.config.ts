import { defineConfig } from 'vitest/config';

// Stryker runs the tests in threads, which can't change their time zone as a test of dates does. So all of them run in its zone.
process.env.TZ = 'Asia/Tokyo';

/**
 * The tests that judge a mutant: fast ones only. Properties and the embedded stack add little for several times the time, except for
 * that of what is live, where the order of events is all.
 */
export default defineConfig({
  test: {
    include: [
      'test/unit/**/*.test.ts',
      'test/contract/**/*.test.ts',
      'test/adapters/**/*.test.ts',
      'test/package/**/*.test.ts',
      'test/property/live.test.ts',
    ],
    // In the first each of a hundred cases waits for a second, in the second each builds a huge zip. The adapters' own tests notice
    // the same changes.
    exclude: ['test/adapters/cut-answers.test.ts', 'test/adapters/hostile-zips.test.ts'],
    setupFiles: ['test/support/own-environment.ts', 'test/support/loopback-only.ts'],
    env: { SILENCE_MS: '1000' },
    // The first run, without a change, must pass on a busy machine too. After a change that ends no more this limit is waited for.
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
