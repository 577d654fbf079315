import { defineConfig } from 'vitest/config';

/** The tests that judge a mutant: fast ones only. Properties and the embedded stack add little for several times the time. */
export default defineConfig({
  test: {
    include: [
      'test/unit/**/*.test.ts',
      'test/contract/**/*.test.ts',
      'test/adapters/**/*.test.ts',
      'test/package/**/*.test.ts',
    ],
    setupFiles: ['test/support/loopback-only.ts'],
  },
});
