import { beforeEach, describe, expect, type TestContext } from 'vitest';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { type GoLive, withGoLives } from '../../functions/domain/model/live.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Labels } from '../../functions/domain/model/package-verdict.ts';
import { anEntry, approvedAt, MINUTE } from '../cli/entries.ts';
import { openQuietStack } from '../cli/quiet-stack.ts';
import { ROUTE } from '../support/world.ts';
import { violations } from './accessibility.ts';
import { fits, it, openBoard, openPage, PATIENCE_MS, useBrowser } from './pages.ts';

const browser = useBrowser();

/** A build with labels. */
function labelled(entry: LedgerEntry, labels: Labels): LedgerEntry {
  return { ...entry, labels };
}

/** The board of a stack without workers, in which these builds are. */
async function boardOf(
  { onTestFinished }: TestContext,
  entries: readonly LedgerEntry[],
  options: { readOnly?: boolean } = {},
) {
  const stack = await openQuietStack(onTestFinished);
  await stack.put(...entries);
  return { stack, board: await openBoard(onTestFinished, stack.port, options) };
}

function rejectedWith(objection: string, key: string, now: number): LedgerEntry {
  return anEntry({
    key,
    droppedAt: now - 30 * MINUTE,
    submittedAt: now - 20 * MINUTE,
    news: [['rejected', now - 10 * MINUTE]],
    ...present({ objection }),
  });
}

describe('a thousand builds', () => {
  it('are shown page by page and found by key, label and upload id', async (context) => {
    // Prepare
    const now = Date.now();
    const entries = Array.from({ length: 1_000 }, (_, index) => {
      const entry = approvedAt(now - (index + 1) * MINUTE, { key: `nightly/game-${index}.zip` });
      return labelled(entry, { branch: index === 777 ? 'hotfix' : 'main', build: `${index}` });
    });
    const { board } = await boardOf(context, entries);
    const page = await openPage(context.onTestFinished, browser(), board.address);

    // Act and assess
    await page.getByRole('heading', { name: 'Waits for you' }).waitFor();
    expect(await page.locator('main a.name').count()).toBeLessThan(60);

    await page.getByRole('link', { name: 'All builds' }).first().click();
    const rows = page.locator('main ul.list > li');
    await expect.poll(() => rows.count(), { timeout: PATIENCE_MS }).toBe(50);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => rows.count(), { timeout: PATIENCE_MS }).toBe(100);

    const search = page.getByRole('searchbox');
    for (const [text, key] of [
      ['game-999', 'nightly/game-999.zip'],
      ['branch=hotfix', 'nightly/game-777.zip'],
      ['upload-of-nightly/game-512.zip', 'nightly/game-512.zip'],
    ] as const) {
      await search.fill(text);
      await search.press('Enter');
      await page.getByRole('link', { name: key }).waitFor();
      await expect.poll(() => rows.count(), { timeout: PATIENCE_MS }).toBe(1);
    }
    await search.fill('nothing-has-this');
    await search.press('Enter');
    await page.getByText('No build fits.').waitFor();
  });
});

describe('text from outside', () => {
  const MARKUP = '<img src=x onerror=alert(1)>"><script>alert(2)</script>';
  /** What a screen obeys instead of showing it. */
  const OBEYED = /(?!\n)[\p{Cc}\p{Cf}]/u;
  /** As long as the ledger keeps it. */
  const OBJECTION = `${MARKUP} \u202Etxet desrever\u202C \u0007\u001b[31m${'unsupported'.repeat(40)}`.slice(0, 500);

  it('is text, and breaks no layout at 320 px', async (context) => {
    // Prepare
    const now = Date.now();
    const key = `${MARKUP}/\u202E${'long'.repeat(80)}.zip`;
    const hostile = labelled(rejectedWith(OBJECTION, key, now), {
      [`x${MARKUP}`]: MARKUP.repeat(3),
      arabic: 'مرحبا بالعالم',
    });
    const { board, stack } = await boardOf(context, [hostile, anEntry({ key: `w${key}`, droppedAt: now - MINUTE })]);
    const live: GoLive = {
      uploadId: 'upload',
      at: now,
      source: 'released',
      by: 'person',
      build: `drop/${key}@v1`,
      key,
    };
    await stack.ledger.updateLive(ROUTE.projectId, (current) => withGoLives(current, [live]));
    const page = await openPage(context.onTestFinished, browser(), board.address, {
      viewport: { width: 320, height: 640 },
    });
    const dialogs: string[] = [];
    page.on('dialog', (dialog) => void dialogs.push(dialog.message()));

    // Act and assess
    await page.getByRole('heading', { name: 'Rejected by Streampixel' }).waitFor();
    expect(await fits(page)).toBe(true);
    expect(await page.locator('main').innerText()).not.toMatch(OBEYED);
    await page.getByRole('link', { name: MARKUP }).last().click();
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    expect(await page.locator('h1').innerText()).toContain(MARKUP);
    expect(await page.locator('main').innerText()).not.toMatch(OBEYED);
    expect(await fits(page)).toBe(true);
    await page.getByRole('link', { name: 'All builds' }).first().click();
    await page.locator('main ul.list > li').first().waitFor();
    expect(await fits(page)).toBe(true);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(dialogs).toEqual([]);
  });
});

describe('read-only', () => {
  it('shows the same without anything that acts', async (context) => {
    // Prepare
    const now = Date.now();
    const entries = [approvedAt(now - MINUTE, { key: 'approved.zip' }), rejectedWith('No.', 'rejected.zip', now)];
    const { board } = await boardOf(context, entries, { readOnly: true });
    const page = await openPage(context.onTestFinished, browser(), board.address);

    // Act and assess
    await page.getByText('read-only').waitFor();
    await page.getByRole('link', { name: 'approved.zip' }).first().waitFor();
    expect(await page.getByRole('button').allInnerTexts()).toEqual([]);
    expect(await page.locator('input[type=file]').count()).toBe(0);
    await page.getByRole('link', { name: 'rejected.zip' }).first().click();
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    expect(await page.getByRole('button').allInnerTexts()).toEqual([]);
  });
});

describe.each(['light', 'dark'] as const)('accessibility in %s', (colorScheme) => {
  let entries: readonly LedgerEntry[] = [];
  beforeEach(() => {
    const now = Date.now();
    const atStreampixel = anEntry({
      key: 'under-way.zip',
      droppedAt: now - 9 * MINUTE,
      submittedAt: now - 7 * MINUTE,
      news: [
        ['downloading', now - 6 * MINUTE],
        ['extracting', now - MINUTE],
      ],
    });
    entries = [
      labelled(approvedAt(now - MINUTE, { key: 'approved.zip' }), { branch: 'main' }),
      rejectedWith('Not supported.', 'rejected.zip', now),
      atStreampixel,
      { ...atStreampixel, ...idOf('stuck.zip'), stuckAt: now },
      { ...atStreampixel, ...idOf('late.zip'), lateAt: now },
      anEntry({ key: 'waiting.zip', droppedAt: now - MINUTE }),
    ];
  });

  it.for([320, 1280])('has no violation at %i px', async (width, context) => {
    const { board } = await boardOf(context, entries);
    const page = await openPage(context.onTestFinished, browser(), board.address, {
      colorScheme,
      viewport: { width, height: 800 },
    });
    await page.getByRole('link', { name: 'approved.zip' }).first().waitFor();
    await page.getByText('late', { exact: true }).waitFor();
    expect(await violations(page)).toEqual([]);
    expect(await fits(page)).toBe(true);
    await page.getByRole('link', { name: 'approved.zip' }).first().click();
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByRole('link', { name: 'All builds' }).first().click();
    await page.locator('main ul.list > li').first().waitFor();
    expect(await violations(page)).toEqual([]);
  });
});

/** What makes a copy of an entry another build. */
function idOf(key: string) {
  const { build, id, uploadId = `upload-of-${key}` } = anEntry({ key, droppedAt: Date.now() - 9 * MINUTE });
  return { build, id, uploadId };
}
