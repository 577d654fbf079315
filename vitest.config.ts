import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/loopback-only.ts'],
    // Most of the time is spent waiting for slots and webhooks: a machine with two cores has room for four.
    maxWorkers: 4,
    // Tests wait for what has to happen. These limits are reached only where something is wrong, on a busy machine too.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
