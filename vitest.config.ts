import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['test/support/loopback-only.ts'],
    // Most of the time is spent waiting for slots and webhooks: a machine with two cores has room for four.
    maxWorkers: 4,
    // Tests wait for what has to happen. These limits are reached only where something is wrong, on a busy machine too.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    projects: [
      { extends: true, test: { name: 'node', include: ['test/**/*.test.ts'], exclude: ['test/browser/**'] } },
      // One browser for all of its files.
      {
        extends: true,
        test: { name: 'browser', include: ['test/browser/*.test.ts'], globalSetup: 'test/browser/one-browser.ts' },
      },
    ],
  },
});
