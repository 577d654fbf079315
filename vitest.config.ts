import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that wait for minutes. At the end of a run they would wait alone, with a core idle. */
const LONGEST = /\/test\/(cli\/rehearse|local\/(start|delivery|rejected-key))\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    // Hundreds of processes run the tool and the app: each starts in half the time with the code that another one has compiled.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/streampixel-drop', import.meta.url)) },
    setupFiles: ['test/support/own-environment.ts', 'test/support/loopback-only.ts'],
    // Most of the time is spent waiting for slots and webhooks: a machine with two cores has room for four.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // Tests wait for what has to happen. These limits are reached only where something is wrong, on a busy machine too.
    testTimeout: 300_000,
    hookTimeout: 300_000,
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
