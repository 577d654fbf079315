import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, vi } from 'vitest';
import { makeSampleBuild, zipOf } from '../../local/start/sample-build.ts';
import { routesFor, useOperatedStack } from '../cli/operated-stack.ts';
import { PATIENCE } from '../cli/tool.ts';
import { violations } from './accessibility.ts';
import { confirm, it, openBoard, openPage, PATIENCE_MS, useBrowser } from './pages.ts';

const [ROUTE, ...others] = routesFor('games');
const use = useOperatedStack(ROUTE === undefined ? others : [ROUTE]);
const browser = useBrowser();
vi.setConfig(PATIENCE);

/** Uploads a zip by the button, under the name that the page proposes. */
async function upload(page: Page, name: string): Promise<void> {
  const zip = join(use().directory, name);
  await writeFile(zip, await makeSampleBuild());
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Choose a zip' }).click(),
  ]);
  await chooser.setFiles(zip);
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByText('Uploaded:').waitFor();
}

const liveCard = (page: Page) => page.getByRole('region', { name: 'Live now' });
const live = () => use().standIn.live(ROUTE?.projectId ?? '');

// One after the other: each begins where the one before has ended.
it("a newcomer's first minute: drop a zip, see it queued and processed, release it", async ({ onTestFinished }) => {
  const board = await openBoard(onTestFinished, use().stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  await page.getByText('Drop a zip here').waitFor();
  // Seen without scrolling.
  const { height = 0, y = 0 } = (await page.getByRole('button', { name: 'Choose a zip' }).boundingBox()) ?? {};
  expect(y + height).toBeLessThan(800);
  expect(await violations(page)).toEqual([]);

  await upload(page, 'first.zip');
  await page.getByRole('button', { name: 'Close first.zip' }).click();
  await page.getByRole('button', { name: 'Release games/first.zip' }).waitFor();
  expect(live()).toBeUndefined();

  await page.getByRole('button', { name: 'Release games/first.zip' }).click();
  await page.getByRole('dialog').getByText('first.zip').first().waitFor();
  expect(await violations(page)).toEqual([]);
  await confirm(page);
  await liveCard(page).getByRole('link', { name: 'games/first.zip' }).waitFor();
  expect(live()).toEqual(expect.any(String));
});

it('goes back to the build that was live before', async ({ onTestFinished }) => {
  // Prepare
  const before = live();
  const board = await openBoard(onTestFinished, use().stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  await upload(page, 'second.zip');
  await page.getByRole('button', { name: 'Release games/second.zip' }).click();
  await confirm(page);
  await liveCard(page).locator('a.big', { hasText: 'games/second.zip' }).waitFor();
  expect(live()).not.toBe(before);

  // Act
  await page.getByRole('button', { name: 'Roll back to games/first.zip' }).click();
  await confirm(page);

  // Assess
  await liveCard(page).locator('a.big', { hasText: 'games/first.zip' }).waitFor();
  await expect.poll(live, { timeout: PATIENCE_MS }).toBe(before);
});

it('refuses what Streampixel could not run, and uploads nothing', async ({ onTestFinished }) => {
  const board = await openBoard(onTestFinished, use().stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  const zip = join(use().directory, 'notes.zip');
  await writeFile(zip, await zipOf({ 'notes.txt': 'no game' }));
  await page.locator('input[type=file][accept=".zip"]').setInputFiles(zip);
  await page.getByText('Streampixel could not run it').waitFor();
  await page.getByText('NotAPackage').waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Close notes.zip' }).click();
  await page.getByText('NotAPackage').waitFor({ state: 'detached' });

  await page.locator('input[type=file][accept=".zip"]').setInputFiles(join(use().directory, 'first.zip'));
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('heading', { name: 'first.zip' }).waitFor({ state: 'detached' });
});

it('takes a zip that is dropped on it, and says what is wrong with another file', async ({ onTestFinished }) => {
  const board = await openBoard(onTestFinished, use().stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  await page.getByRole('button', { name: 'Choose a zip' }).waitFor();
  await drop(page, 'readme.txt', Buffer.from('no zip'));
  await page.getByText('readme.txt is neither a zip nor a folder.').waitFor();
  await drop(page, 'UPPER.ZIP', await makeSampleBuild());
  await page.getByText("It can't be uploaded.").waitFor();
  expect(await page.getByRole('button', { name: 'Resume' }).count()).toBe(0);
  await drop(page, 'dropped.zip', await makeSampleBuild());
  await page.getByRole('button', { name: 'Upload', exact: true }).waitFor();
  await page.getByText('Shipping').waitFor();
});

/** Drops a file on the page, as by the mouse. */
async function drop(page: Page, name: string, content: Buffer): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ base64, name }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      // biome-ignore lint/suspicious/noExplicitAny: types of the browser are not those of the tests.
      const { DataTransfer: Transfer, File: BrowserFile } = globalThis as any;
      const made = new Transfer();
      made.items.add(new BrowserFile([bytes], name));
      return made;
    },
    { base64: content.toString('base64'), name },
  );
  for (const event of ['dragover', 'drop']) await page.dispatchEvent('main', event, { dataTransfer: transfer });
}
