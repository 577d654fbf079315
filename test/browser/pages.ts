import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, type TestContext, it as vitestIt } from 'vitest';
import { startBoard } from '../../cli/board/server.ts';
import { findStack } from '../../cli/stack/stack.ts';

/** A test that needs the browser. */
export const it = vitestIt.skipIf(inject('browser') === '');

/** How long a page may take to show what it has to, in ms: on a busy machine many times as long as on an idle one. */
export const PATIENCE_MS = 200_000;

type OnTestFinished = TestContext['onTestFinished'];

/** The browser, once the tests run. */
export function useBrowser(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await chromium.connect(inject('browser'));
  });
  afterAll(() => browser?.close());
  return () => {
    if (browser === undefined) throw new Error('the browser has not started');
    return browser;
  };
}

/** Serves the board for the stack at this port, as the tool does. */
export async function openBoard(onTestFinished: OnTestFinished, port: number, options: { readOnly?: boolean } = {}) {
  let address = '';
  const board = await startBoard(findStack({ local: port }), {
    ...options,
    onAddress(next) {
      address = next;
    },
  });
  onTestFinished(() => board.close());
  // Each address lets one browser in.
  return { address, url: board.url, close: () => board.close() };
}

/**
 * Opens a page of its own, with cookies of its own. When the test ends, nothing may have been wrong in it: no error, no message of the
 * browser's about the page, no request to another host.
 *
 * @param expected messages that the test provokes
 */
export async function openPage(
  onTestFinished: OnTestFinished,
  browser: Browser,
  address: string,
  { expected, ...options }: BrowserContextOptions & { readonly expected?: RegExp } = {},
): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on('pageerror', (error) => wrong.push(`${error}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') wrong.push(message.text());
  });
  const { host } = new URL(address);
  page.on('request', (request) => {
    if (new URL(request.url()).host !== host) wrong.push(`request to ${request.url()}`);
  });
  onTestFinished(async () => {
    await context.close();
    expect(wrong.filter((text) => !expected?.test(text))).toEqual([]);
  });
  await page.goto(address);
  return page;
}

/** Whether the page is as wide as its window: no sideways scrolling. */
export function fits(page: Page): Promise<boolean> {
  return page.evaluate('document.documentElement.scrollWidth <= innerWidth');
}

/** Confirms what the dialog says would happen, and closes it once it is done. */
export async function confirm(page: Page): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.locator('button.main:not([type=submit])').click();
  await dialog.getByText('Done', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await dialog.waitFor({ state: 'detached' });
}
