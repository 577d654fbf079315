import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { approvedAt, MINUTE, requestEnded, requestedAt } from '../cli/entries.ts';
import { openQuietStack } from '../cli/quiet-stack.ts';
import { it, openBoard, openPage, PATIENCE_MS, useBrowser } from './pages.ts';

const browser = useBrowser();
const anApproved = () => approvedAt(Date.now() - MINUTE, { key: 'approved.zip' });

it('opens a dialog while the browser still closes the one before', async ({ onTestFinished }) => {
  const stack = await openQuietStack(onTestFinished);
  await stack.put(anApproved());
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  const release = page.getByRole('button', { name: 'Release approved.zip' });
  await release.press('Enter');
  const cancel = page.getByRole('dialog').getByRole('button', { name: 'Cancel' });
  await cancel.waitFor();
  await page.evaluate(`
    globalThis.closing = new Promise((resolve) => document.querySelector('dialog').addEventListener('close', resolve));
    document.querySelector('dialog').close();
    document.activeElement.click();
  `);
  await page.evaluate('globalThis.closing.then(() => {})');
  await cancel.waitFor();
  expect(await page.getByRole('dialog').count()).toBe(1);
});

it('moves the focus with the dialog, so that the key pressed next goes where it should', async ({ onTestFinished }) => {
  const stack = await openQuietStack(onTestFinished);
  await stack.put(anApproved());
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  const release = page.getByRole('button', { name: 'Release approved.zip' });
  await release.focus();
  // What has the focus when the page has drawn itself, before the browser does anything else.
  const focusAfterClick = (isThere: boolean) =>
    page.evaluate(`(async () => {
      document.activeElement.click();
      for (let turn = 0; turn < 1000 && (document.querySelector('dialog') !== null) !== ${isThere}; turn++) await undefined;
      return document.activeElement.id || document.activeElement.textContent.trim();
    })()`);

  expect(await focusAfterClick(true)).toBe('dialog-title');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).focus();
  expect(await focusAfterClick(false)).toBe('Release approved.zip@v1');
});

it('works without a mouse, and keeps the focus where it belongs', async ({ onTestFinished }) => {
  // Prepare
  const stack = await openQuietStack(onTestFinished);
  const build = anApproved();
  await stack.put(build);
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  const release = page.getByRole('button', { name: 'Release approved.zip' });
  await release.waitFor();
  const focused = () => page.evaluate('document.activeElement.textContent.trim()');
  const getsFocus = (text: string) => expect.poll(focused, { timeout: PATIENCE_MS }).toBe(text);

  // Act and assess
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('To the content');
  await page.keyboard.press('Enter');
  expect(await page.evaluate('document.activeElement.id')).toBe('main');

  await release.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Cancel' }).waitFor();
  expect(await page.evaluate('document.querySelector("dialog").contains(document.activeElement)')).toBe(true);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await getsFocus('Release approved.zip@v1');
  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Cancel' }).press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await getsFocus('Release approved.zip@v1');

  // What had the focus is gone once the build is released.
  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Cancel' }).waitFor();
  const now = Date.now();
  await stack.change(build.id, (entry) => requestEnded(requestedAt(entry, now), now, 'released'));
  await release.waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await expect.poll(() => page.evaluate('document.activeElement.id'), { timeout: PATIENCE_MS }).toBe('main');

  await page.getByRole('link', { name: 'approved.zip' }).first().focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  expect(await page.evaluate('document.activeElement.id')).toBe('main');
});

it('shows what changes without being asked, and says it to screen readers', async ({ onTestFinished }) => {
  const stack = await openQuietStack(onTestFinished);
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  await page.getByText('Drop a zip here').waitFor();
  await stack.put(anApproved());
  await page.getByRole('link', { name: 'approved.zip' }).first().waitFor();
  await page.getByRole('status').filter({ hasText: 'approved.zip' }).waitFor({ state: 'attached' });
  await page.getByText('up to date').waitFor();
});

it('says when the connection is lost, connects again, and says when the board has ended', async ({
  onTestFinished,
}) => {
  // Prepare
  const stack = await openQuietStack(onTestFinished);
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address, { expected: /503/ });
  await page.getByText('up to date').waitFor();

  // Act and assess
  await page.route('**/api/events*', (route) => route.fulfill({ status: 503 }));
  await page.reload();
  await page.getByText('The connection to the board is lost').waitFor();
  await page.unroute('**/api/events*');
  await page.getByText('up to date').waitFor();
  await page.getByText('The connection to the board is lost').waitFor({ state: 'detached' });
  await board.close();
  await page.getByText('The board has ended').waitFor();
});

it('works in as many tabs as one likes: those in the background catch up when they are looked at', async ({
  onTestFinished,
}) => {
  // Prepare
  const stack = await openQuietStack(onTestFinished);
  const board = await openBoard(onTestFinished, stack.port);
  const first = await openPage(onTestFinished, browser(), board.address);
  const tabs = [first];
  await first.getByText('up to date').waitFor();

  // Act: more than the six connections that a browser opens to a server.
  for (let count = 0; count < 8; count++) {
    await isSeen(tabs.at(-1) ?? first, false);
    const next = await first.context().newPage();
    await next.goto(`${board.url}/#/builds`);
    await next.getByText('up to date').waitFor();
    tabs.push(next);
  }
  await stack.put(anApproved());

  // Assess
  await tabs.at(-1)?.getByRole('link', { name: 'approved.zip' }).waitFor();
  await expect.poll(() => first.title(), { timeout: PATIENCE_MS }).toMatch(/^\(1\)/);
  const rested = tabs[3] ?? first;
  expect(await rested.getByRole('link', { name: 'approved.zip' }).count()).toBe(0);
  await isSeen(rested, true);
  await rested.getByRole('link', { name: 'approved.zip' }).waitFor();
});

/** As if the person had changed to or from its tab. */
async function isSeen(page: Page, seen: boolean): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${!seen}, configurable: true })`);
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
}
