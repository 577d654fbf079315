import type { TestProject } from 'vitest/node';
import { NO_BROWSER, startBrowser } from '../../scripts/browser.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where to connect to the browser; empty where there is none. */
    readonly browser: string;
  }
}

/** Starts the browser in which all files of tests open their pages, and says so where there is none: then they are skipped. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const browser = await startBrowser();
  if (browser === undefined) console.warn(`The tests in test/browser are skipped. ${NO_BROWSER}`);
  project.provide('browser', browser?.wsEndpoint() ?? '');
  return async () => browser?.close();
}
