import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, vi } from 'vitest';
import { samplePackage, zipOf } from '../../local/start/sample-build.ts';
import { routesFor, useOperatedStack } from '../cli/operated-stack.ts';
import { PATIENCE } from '../cli/tool.ts';
import { it, openBoard, openPage, PATIENCE_MS, useBrowser } from './pages.ts';

const use = useOperatedStack(routesFor('games'));
const browser = useBrowser();
vi.setConfig(PATIENCE);

const MIB = 1024 * 1024;

/** A package of several parts, in a zip. */
async function largeZip(name: string): Promise<string> {
  const path = join(use().directory, name);
  const paks = { 'Windows/Sample/Content/Paks/Sample-Windows.pak': randomBytes(20 * MIB) };
  await writeFile(path, await zipOf({ ...samplePackage(), ...paks }));
  return path;
}

/** Lets so many bytes of the uploads through, and holds back the rest until `release`. */
async function holdBack(page: Page, allowed: number) {
  let sent = 0;
  const held = Promise.withResolvers<void>();
  const isHolding = Promise.withResolvers<void>();
  await page.route('**/api/uploads/*/slices/*', async (route) => {
    sent += route.request().postDataBuffer()?.length ?? 0;
    if (sent > allowed) {
      isHolding.resolve();
      await held.promise;
    }
    // It may belong to a page that is gone.
    await route.continue().catch(() => {});
  });
  return { isHolding: isHolding.promise, release: held.resolve };
}

/** Waits until S3 has a part of the upload. */
const hasProgress = (page: Page) =>
  expect
    .poll(() => page.getByRole('progressbar').getAttribute('value'), { timeout: PATIENCE_MS })
    .toMatch(/^[1-9]\d{6}/);
const choose = (page: Page, path: string) => page.locator('input[type=file][accept=".zip"]').setInputFiles(path);
const start = (page: Page) => page.getByRole('button', { name: 'Upload', exact: true }).click();

it('goes on with what is there when the same zip is dropped after the page was closed', async ({ onTestFinished }) => {
  // Prepare
  const zip = await largeZip('large.zip');
  const board = await openBoard(onTestFinished, use().stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  const { isHolding, release } = await holdBack(page, 10 * MIB);
  await choose(page, zip);
  await start(page);
  await isHolding;
  await hasProgress(page);

  // Act
  page.on('dialog', (dialog) => dialog.accept().catch(() => {}));
  await page.reload();
  release();
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await choose(page, zip);
  await start(page);

  // Assess
  await page.getByText('were there already').waitFor();
  await page.getByText('Uploaded:').waitFor();
  await page.getByRole('button', { name: 'Release games/large.zip' }).waitFor();
});

it('asks before the page is left, whatever the page shows, and is started once by a double-click', async ({
  onTestFinished,
}) => {
  const zip = await largeZip('left.zip');
  const board = await openBoard(onTestFinished, use().stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  const { isHolding } = await holdBack(page, 10 * MIB);
  await choose(page, zip);
  await page.getByRole('button', { name: 'Upload', exact: true }).dblclick();
  await isHolding;
  expect(await page.getByRole('alert').count()).toBe(0);
  // What had the focus is gone.
  expect(await page.evaluate('document.activeElement.textContent')).toContain('left.zip');
  await page.getByRole('link', { name: 'All builds' }).first().click();
  await page.getByRole('heading', { name: 'All builds' }).waitFor();
  const asked = page.waitForEvent('dialog');
  const reloaded = page.reload().catch(() => {});
  const dialog = await asked;
  expect(dialog.type()).toBe('beforeunload');
  await dialog.accept();
  await reloaded;
});

it('stops and resumes by its buttons', async ({ onTestFinished }) => {
  // Prepare
  const zip = await largeZip('stopped.zip');
  const board = await openBoard(onTestFinished, use().stack.port);
  const page = await openPage(onTestFinished, browser(), board.address, {
    // The server no longer waits for these bytes.
    expected: /409/,
  });
  const { isHolding, release } = await holdBack(page, 10 * MIB);
  await choose(page, zip);
  await start(page);
  await isHolding;
  await hasProgress(page);

  // Act
  await page.getByRole('button', { name: 'Stop the upload of stopped.zip' }).click();
  await page.getByText('are in the bucket already').waitFor();
  release();
  await page.getByRole('button', { name: 'Resume the upload of stopped.zip' }).click();

  // Assess
  await page.getByText('Uploaded:').waitFor();
});

it('offers to resume what a board that was started again does not know', async ({ onTestFinished }) => {
  const zip = join(use().directory, 'unknown.zip');
  await writeFile(zip, await zipOf(samplePackage()));
  const board = await openBoard(onTestFinished, use().stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  await choose(page, zip);
  await page.getByRole('button', { name: 'Upload', exact: true }).waitFor();
  await page.evaluate("import('/uploads.js').then(({ stopUnknown }) => stopUnknown([]))");
  await page.getByRole('button', { name: 'Resume the upload of unknown.zip' }).click();
  await start(page);
  await page.getByText('Uploaded:').waitFor();
});

it('sends bytes again that did not arrive', async ({ onTestFinished }) => {
  const zip = join(use().directory, 'lost.zip');
  await writeFile(zip, await zipOf(samplePackage()));
  const board = await openBoard(onTestFinished, use().stack.port);
  const page = await openPage(onTestFinished, browser(), board.address, { expected: /ERR_CONNECTION_RESET/ });
  await page.route('**/api/uploads/*/slices/*', (route) => route.abort('connectionreset'), { times: 2 });
  await choose(page, zip);
  await start(page);
  await page.getByText('Uploaded:').waitFor();
});

it('takes a folder as Unreal packages it', async ({ onTestFinished }) => {
  // Prepare
  const { directory, stack } = use();
  const folder = join(directory, 'Packaged');
  await writeFiles(folder);
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);

  // Act
  await page.locator('input[type=file][webkitdirectory]').setInputFiles(folder);
  await start(page);

  // Assess
  await page.getByText('Uploaded:').waitFor();
  await page.getByRole('button', { name: /^Release games\/Packaged\.zip/ }).waitFor();
});

/** The files of a package, below this folder. */
async function writeFiles(folder: string): Promise<void> {
  for (const [name, content] of Object.entries(samplePackage())) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'number' ? randomBytes(content) : content);
  }
}
