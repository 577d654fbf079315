import { expect, vi } from 'vitest';
import { makeSampleBuild, zipOf } from '../../local/start/sample-build.ts';
import { KEY, routesFor, useOperatedStack } from '../cli/operated-stack.ts';
import { PATIENCE } from '../cli/tool.ts';
import { violations } from './accessibility.ts';
import { confirm, it, openBoard, openPage, PATIENCE_MS, useBrowser } from './pages.ts';

const NAMES = ['rejected', 'keys'] as const;
const ROUTES = routesFor(...NAMES);
const use = useOperatedStack(ROUTES);
const browser = useBrowser();
vi.setConfig(PATIENCE);

it("a rejected build is shown with Streampixel's message, and can be submitted again", async ({ onTestFinished }) => {
  // Prepare
  const { stack, standIn } = use();
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  standIn.plan({ kind: 'rejected', at: 'extracting', objection: 'Build contains <b>unsupported</b> file formats.' });

  // Act
  await stack.drop(await makeSampleBuild(), 'rejected/game.zip');

  // Assess
  await page.getByRole('heading', { name: 'Rejected by Streampixel' }).waitFor();
  await page.getByText('Build contains <b>unsupported</b> file formats.').first().waitFor();
  await page.getByRole('button', { name: 'Submit again rejected/game.zip' }).first().click();
  await confirm(page);
  await page.getByRole('button', { name: 'Release rejected/game.zip' }).waitFor();
});

it('a build that the check of its package stopped can be submitted without it', async ({ onTestFinished }) => {
  const { stack } = use();
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  await stack.drop(await zipOf({ 'notes.txt': 'no game' }), 'rejected/notes.zip');
  await page.getByRole('heading', { name: 'NotAPackage' }).waitFor();
  await page.getByRole('link', { name: 'rejected/notes.zip' }).first().click();
  await page.getByRole('button', { name: 'Submit without the check' }).click();
  await confirm(page);
  await page.getByRole('button', { name: 'Release rejected/notes.zip' }).waitFor();
});

it('builds that a wrong key stopped are queued again once the right one is stored', async ({ onTestFinished }) => {
  // Prepare
  const { stack, standIn } = use();
  const right = 'c4nary-new-key';
  standIn.rotateKey(right);
  onTestFinished(() => standIn.rotateKey(KEY));
  const board = await openBoard(onTestFinished, stack.port);
  const page = await openPage(onTestFinished, browser(), board.address);
  const answers: string[] = [];
  page.on('response', (response) => {
    if (response.url().includes('/api/') && !response.url().includes('/api/events')) {
      response.text().then(
        (text) => answers.push(text),
        () => {},
      );
    }
  });
  await stack.drop(await makeSampleBuild(), 'keys/game.zip');
  await page.getByRole('heading', { name: 'InvalidApiKey' }).waitFor();
  expect(await violations(page)).toEqual([]);

  // Act
  await page.getByRole('button', { name: 'Store a new key for InvalidApiKey' }).click();
  const field = page.getByRole('textbox', { name: 'API key' });
  await field.fill(right);
  expect(await field.getAttribute('type')).toBe('password');
  await field.press('Enter');
  await page.getByRole('button', { name: 'Store it' }).waitFor();
  expect(await page.evaluate('document.activeElement.id')).toBe('dialog-title');
  await confirm(page);

  // Assess
  await page.getByRole('button', { name: 'Release keys/game.zip' }).waitFor();
  await expect
    .poll(() => page.getByRole('heading', { name: 'InvalidApiKey' }).count(), { timeout: PATIENCE_MS })
    .toBe(0);
  expect(await page.content()).not.toContain(right);
  expect(answers.join('\n')).not.toContain(right);
});
