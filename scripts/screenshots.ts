import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { startBoard } from '../cli/board/server.ts';
import { findStack } from '../cli/stack/stack.ts';
import type { Route } from '../functions/domain/model/route.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../local/aws/account.ts';
import { type EmbeddedStack, startEmbeddedStack } from '../local/start/embedded-stack.ts';
import type { LocalEventName } from '../local/start/events.ts';
import { samplePackage, zipOf } from '../local/start/sample-build.ts';
import { NO_BROWSER, startBrowser } from './browser.ts';

// Run by `npm run screenshots`: drops sample builds on an embedded stack, and takes pictures of the board that shows them.
const PICTURES = fileURLToPath(new URL('../docs/images', import.meta.url));
const TOOL = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
const KIOSK_KEY = '/kiosk/api-key';

const [STUDIO, PARTNER] = ['6650a1b2c3d4e5f60718293a', '6650a1b2c3d4e5f607182b77'];
const ROUTES: readonly Route[] = [
  {
    prefix: 'racer/',
    userId: STUDIO,
    projectId: '664f0e1d2c3b4a5968778695',
    autoRelease: false,
    apiKeyParameter: '/studio/api-key',
  },
  {
    prefix: 'showroom/',
    userId: STUDIO,
    projectId: '664f0e1d2c3b4a5968771a02',
    autoRelease: true,
    apiKeyParameter: '/studio/api-key',
  },
  {
    prefix: 'kiosk/',
    userId: PARTNER,
    projectId: '664f0e1d2c3b4a59687744c1',
    autoRelease: false,
    apiKeyParameter: KIOSK_KEY,
  },
];

/** What is on each picture: the address within the page, and the window in px. */
const SHOTS = [
  { name: 'board', hash: '#/', width: 1280, height: 820, colorScheme: 'light' },
  { name: 'board-dark', hash: '#/', width: 1280, height: 820, colorScheme: 'dark' },
  { name: 'board-release', hash: '#/', width: 1280, height: 820, colorScheme: 'light', click: 'Release racer/' },
  { name: 'board-build', hash: '#/build?id=racer%2FMyGame-1.9.0.zip', width: 1280, height: 820, colorScheme: 'light' },
] as const;

const launched = await startBrowser();
if (launched === undefined) throw new Error(NO_BROWSER);
const browser = await chromium.connect(launched.wsEndpoint());
const directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-screenshots-'));
const stack = await startEmbeddedStack({ settings: { routes: [...ROUTES], intervalSeconds: 1 }, stageMs: 500 });
try {
  await dropBuilds(stack);
  await takePictures();
} finally {
  await stack.stop();
  await rm(directory, { recursive: true });
  await browser.close();
  await launched.close();
}

/** One build in every state that a team sees in a week. */
async function dropBuilds({ deploy, endpoint, seen, standIn, webhookOf }: EmbeddedStack): Promise<void> {
  for (const { projectId } of ROUTES) standIn?.setWebhook(projectId, webhookOf(projectId));
  const happens = (key: string, ...names: LocalEventName[]) =>
    seen((event) => event.key === key && names.includes(event.event));

  const page = await openPage('#/', {});
  for (const version of ['1.8.1', '1.8.2']) {
    const key = `racer/MyGame-${version}.zip`;
    await push(key, { branch: 'main', build: `11${version.at(-1)}0` });
    await happens(key, 'approved');
    await release(page, key);
    await happens(key, 'live');
  }
  await page.context().close();
  await push('showroom/Showroom.zip', { branch: 'main' });
  await happens('showroom/Showroom.zip', 'live');

  standIn?.plan({
    kind: 'rejected',
    at: 'extracting',
    objection: 'Build contains unsupported file formats: Tools/setup.msi.',
  });
  await push('racer/MyGame-experimental.zip', { branch: 'feature/vr' });
  await happens('racer/MyGame-experimental.zip', 'rejected');

  await push('racer/MyGame-1.9.0.zip', { branch: 'release/1.9', build: '1193', commit: '9fceb02' });
  await happens('racer/MyGame-1.9.0.zip', 'approved');

  const ssm = new SSMClient({ endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
  await ssm.send(
    new PutParameterCommand({ Name: KIOSK_KEY, Value: 'an-old-key', Type: 'SecureString', Overwrite: true }),
  );
  for (const key of ['kiosk/Kiosk-lobby.zip', 'kiosk/Kiosk-fair.zip']) {
    await push(key);
    await happens(key, 'dead-lettered');
  }

  standIn?.plan({ kind: 'stuck', after: 'extracting' });
  await push('showroom/Showroom-autumn.zip', { branch: 'main', build: '77' });
  await seen(
    ({ event, key, stage }) => key === 'showroom/Showroom-autumn.zip' && event === 'heard' && stage === 'extracting',
  );

  // The real interval: from here on builds wait for their slots.
  await deploy({ intervalSeconds: 121 });
  for (const night of ['mon', 'tue', 'wed', 'thu'])
    await push(`racer/nightly/MyGame-${night}.zip`, { branch: 'nightly' });
  await happens('racer/nightly/MyGame-thu.zip', 'postponed');
}

/** Uploads a sample build with the tool, as a build machine does. */
async function push(key: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
  const file = join(directory, 'sample.zip');
  await writeFile(file, await zipOf(samplePackage('MyGame')));
  await tool('push', file, '--key', key, ...Object.entries(labels).flatMap((pair) => ['--label', pair.join('=')]));
}

async function tool(...args: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [TOOL, ...args, '--local', `${stack.port}`]);
}

/** Opens the board of the stack in a window of its own. @param hash the address within the page */
async function openPage(hash: string, options: BrowserContextOptions): Promise<Page> {
  // The pictures must not show the user name of the machine that takes them.
  const found = findStack({ local: stack.port }).then((each) => ({ ...each, caller: async () => 'alice' }));
  const { promise: address, resolve: onAddress } = Promise.withResolvers<string>();
  const board = await startBoard(found, { onAddress });
  const context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
  context.on('close', () => void board.close());
  const page = await context.newPage();
  await page.goto(await address);
  await page.goto(`${board.url}/${hash}`);
  return page;
}

async function takePictures(): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  for (const { colorScheme, hash, height, name, width, ...shot } of SHOTS) {
    const page = await openPage(hash, { viewport: { width, height }, colorScheme });
    await page.getByRole('heading', { name: /Waits for you|Timeline/ }).waitFor();
    if ('click' in shot) await openDialog(page, shot.click);
    await page.screenshot({ path: join(PICTURES, `${name}.webp`), type: 'webp' });
    await page.context().close();
  }
}

async function release(page: Page, key: string): Promise<void> {
  await openDialog(page, `Release ${key}`);
  await page.getByRole('button', { name: 'Put it live' }).click();
  await page.getByRole('button', { name: 'Close' }).click();
}

async function openDialog(page: Page, button: string): Promise<void> {
  await page.getByRole('button', { name: button }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).waitFor();
}
