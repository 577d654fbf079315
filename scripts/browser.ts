import { type BrowserServer, chromium, type LaunchOptions } from 'playwright-core';

/** What to do where no browser is found. */
export const NO_BROWSER =
  'No Chromium, Chrome or Edge was found. Get one with: npm run browser (or name one in CHROMIUM_PATH)';

/**
 * Starts the first browser that starts: the one that CHROMIUM_PATH names, the one that `npm run browser` installs, or Chrome or Edge
 * of this machine. Connect to it by its `wsEndpoint()`.
 *
 * @returns `undefined` where there is none
 * @throws Error where the one that CHROMIUM_PATH names does not start
 */
export async function startBrowser(): Promise<BrowserServer | undefined> {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH) return chromium.launchServer({ executablePath: CHROMIUM_PATH });
  for (const find of [packagedChromium, () => ({}), () => ({ channel: 'chrome' }), () => ({ channel: 'msedge' })]) {
    try {
      return await chromium.launchServer(await find());
    } catch {
      // The next one.
    }
  }
  return undefined;
}

/**
 * A Chromium out of a package, which needs no library of the system. Of the flags that the package recommends none is used: one of
 * them takes the rules of the same origin away, and tests would prove nothing.
 */
async function packagedChromium(): Promise<LaunchOptions> {
  const own = { ...process.env };
  try {
    // Makes the package bring its own libraries and fonts, by variables that only the browser may get.
    process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs24.x';
    const name = '@sparticuz/chromium';
    const { default: packaged } = await import(name);
    const executablePath = await packaged.executablePath();
    // Without a locale it would find no file whose path is not ASCII.
    return { executablePath, env: { ...process.env, LC_ALL: 'C.UTF-8' } as Record<string, string> };
  } finally {
    for (const variable of Object.keys(process.env)) {
      if (own[variable] === undefined) delete process.env[variable];
      else process.env[variable] = own[variable];
    }
  }
}
