import fc from 'fast-check';

/** Tries of a property in test/property. `PROPERTY_RUNS=5000 npx vitest run test/property` searches longer. */
export const RUNS = Number(process.env.PROPERTY_RUNS ?? 200);

/** A new one in each run, so that all runs together search far; the same one in CI, where nothing may fail by chance. */
export const SEED = Number(process.env.PROPERTY_SEED ?? (process.env.CI ? 1 : Date.now() % 2 ** 31));

const { PROPERTY_PATH } = process.env;
/** For the properties in test/property. `PROPERTY_SEED` and `PROPERTY_PATH` repeat a failure. */
export const SEARCH = { numRuns: RUNS, seed: SEED, ...(PROPERTY_PATH === undefined ? {} : { path: PROPERTY_PATH }) };
/** A busy machine takes many times as long as an idle one. In ms. */
export const SEARCH_TIMEOUT = { timeout: 300_000 + RUNS * 500 };

fc.configureGlobal({ seed: SEED });

export { fc };
