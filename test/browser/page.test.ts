import type { Page } from 'playwright-core';
import { describe, expect, type TestContext } from 'vitest';
import { withGoLives } from '../../functions/domain/model/live.ts';
import { anEntry, approvedAt, MINUTE, requestEnded, requestedAt } from '../cli/entries.ts';
import { openQuietStack } from '../cli/quiet-stack.ts';
import { ROUTE } from '../support/world.ts';
import { violations } from './accessibility.ts';
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

describe('a confirmation', () => {
  /** The dialog that asks whether an approved build goes live. */
  async function openDialog(onTestFinished: TestContext['onTestFinished']) {
    const stack = await openQuietStack(onTestFinished);
    const build = anApproved();
    await stack.put(build);
    const board = await openBoard(onTestFinished, stack.port);
    // The changed plan comes as 409.
    const page = await openPage(onTestFinished, browser(), board.address, { expected: /409/ });
    await page.getByRole('button', { name: 'Release approved.zip' }).press('Enter');
    const dialog = page.getByRole('dialog');
    const putLive = dialog.getByRole('button', { name: 'Put it live' });
    await putLive.waitFor();
    /** Another build goes live, so that the plan is no longer true. */
    const change = () => {
      const other = { uploadId: 'other', at: Date.now(), source: 'released', by: 'streampixel' } as const;
      return stack.ledger.updateLive(ROUTE.projectId, (live) => withGoLives(live, [other]));
    };
    return { change, dialog, page, putLive, stack };
  }

  it('is asked for again where something has changed, and not given by one key press too many', async ({
    onTestFinished,
  }) => {
    const { change, dialog, page, putLive, stack } = await openDialog(onTestFinished);
    await change();
    await putLive.press('Enter');
    await dialog.getByText('Something has changed since').waitFor();
    await page.keyboard.press('Enter');
    expect(await dialog.getByText('Working').count()).toBe(0);
    expect(stack.requests()).toEqual([]);
    expect(await violations(page)).toEqual([]);
    await putLive.press('Enter');
    await dialog.getByText('Done', { exact: true }).waitFor();
    expect(stack.requests()).toHaveLength(1);
  });

  it('is none by the second click of a double-click', async ({ onTestFinished }) => {
    const { dialog, putLive, stack } = await openDialog(onTestFinished);
    await putLive.dispatchEvent('click', { detail: 2 });
    await putLive.dispatchEvent('click', { detail: 1 });
    await dialog.getByText('Done', { exact: true }).waitFor();
    expect(stack.requests()).toHaveLength(1);
  });

  it('is one by a key that is held down, and its result stays to be read', async ({ onTestFinished }) => {
    const { dialog, page, putLive } = await openDialog(onTestFinished);
    await putLive.focus();
    await page.keyboard.down('Enter');
    await dialog.getByText('Done', { exact: true }).waitFor();
    for (let count = 0; count < 5; count++) await page.keyboard.down('Enter');
    await page.keyboard.up('Enter');
    expect(await dialog.getByRole('button', { name: 'Close' }).count()).toBe(1);
  });

  it('can not be taken back while it is acted on', async ({ onTestFinished }) => {
    const { dialog, page, putLive } = await openDialog(onTestFinished);
    const mayGo = Promise.withResolvers<void>();
    await page.route('**/api/do', async (route) => {
      await mayGo.promise;
      await route.continue();
    });
    await putLive.click();
    await dialog.getByText('Working').waitFor();
    await page.keyboard.press('Escape');
    await dialog.getByRole('button', { name: 'Cancel' }).click({ force: true });
    expect(await page.getByRole('dialog').count()).toBe(1);
    mayGo.resolve();
    await dialog.getByText('Done', { exact: true }).waitFor();
  });
});

it('shows of a build what another one has changed, and all times in the zone of the browser', async ({
  onTestFinished,
}) => {
  const stack = await openQuietStack(onTestFinished);
  // What looks like a time is none within a key.
  const key = 'nightly-2026-04-21T12:00:00Z.zip';
  const build = approvedAt(Date.now() - MINUTE, { key });
  const stuck = anEntry({
    key: 'stuck.zip',
    droppedAt: Date.now() - 9 * MINUTE,
    submittedAt: Date.now() - 8 * MINUTE,
    news: [['extracting', Date.now() - 7 * MINUTE]],
  });
  await stack.put(build, { ...stuck, stuckAt: Date.now() });
  const goesLive = (uploadId: string, at: number) =>
    stack.ledger.updateLive(ROUTE.projectId, (live) =>
      withGoLives(live, [{ uploadId, at, source: 'released', by: 'person' }]),
    );
  const since = Date.parse('2026-04-21T12:00:00Z');
  await goesLive(build.uploadId ?? '', since);
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address, { timezoneId: 'Asia/Tokyo' });
  await page.getByRole('link', { name: key }).first().click();
  await page.getByText('The build is live since 2026-04-21 21:00, by a person.').waitFor();
  await page.getByRole('button', { name: `Release ${key}` }).click();
  await page.getByText(`Would put ${key}`).waitFor();
  await page.getByRole('dialog').getByText('live since 2026-04-21 21:00').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await goesLive('other', since + MINUTE);
  await page.getByText('The build is no longer live: it was live until 2026-04-21 21:01.').waitFor();

  await page.getByRole('link', { name: 'Board', exact: true }).click();
  const text = page.getByText('no webhook for 7 min').first();
  await text.waitFor();
  const before = await text.innerText();
  await expect.poll(() => text.innerText(), { timeout: PATIENCE_MS }).not.toBe(before);
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
