import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fingerprintOf, newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import type { Settings } from '../../infra/settings/schema.ts';
import { type DroppedBuild, type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import type { LocalEvent } from '../../local/start/events.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { PATIENCE, printed, tool, toolJson } from '../cli/tool.ts';

vi.setConfig(PATIENCE);

/** Each has its own lane, so that one test's builds do not wait for another's. */
const ROUTES: readonly Route[] = ['odd', 'rotated', 'switched', 'destroyed', 'unsigned'].map((name, index) => ({
  prefix: `${name}/`,
  userId: `${index + 1}`.padStart(24, '0'),
  projectId: `${index + 1}`.padStart(24, 'a'),
  autoRelease: false,
  apiKeyParameter: `/drop/${name}`,
}));

let stack: EmbeddedStack;
let zip: Uint8Array;
/** What the stack is deployed with, beside the routes. */
let deployed: Partial<Settings>;
const logged: string[] = [];

beforeAll(async () => {
  stack = await startEmbeddedStack({
    // Longer than a function waits by itself: a build that has to wait is in the queue.
    settings: { routes: [...ROUTES], intervalSeconds: 10, delivery: 'cloudfront' },
    onLog: (line) => void logged.push(line.text),
  });
  zip = await makeSampleBuild();
  const { data } = await toolJson(stack.port, ['delivery-key', 'create']);
  deployed = { delivery: 'cloudfront', deliveryPublicKeys: data.deliveryPublicKeys };
});
afterAll(() => stack.stop());

async function deploy(changes: Partial<Settings>): Promise<void> {
  deployed = { ...deployed, ...changes };
  await stack.deploy(deployed);
}

const seen = (build: DroppedBuild, ...events: LocalEvent['event'][]) =>
  stack.seen((each) => each.build === build.build && events.includes(each.event));
const isIntact = async (build: DroppedBuild) => (await seen(build, 'downloaded', 'rejected')).intact;

/** The fileUrl that Streampixel was given for the build. */
async function fileUrlOf(build: DroppedBuild): Promise<URL> {
  await seen(build, 'submitted');
  const { key } = build;
  const urls = (stack.standIn?.requests ?? [])
    .filter(({ path }) => path.endsWith('upload-file'))
    .map(({ body }) => new URL(JSON.parse(body).fileUrl))
    .filter(({ pathname }) => decodeURIComponent(pathname).endsWith(`/${key}`));
  const last = urls.at(-1);
  if (last === undefined) throw new Error(`no fileUrl for ${key}`);
  return last;
}
/** The fingerprint of the key that has signed it. */
function signedBy(url: URL): string | undefined {
  const { fileUrls } = stack.environment;
  const ids = fileUrls.delivery === 'cloudfront' ? Object.entries(fileUrls.keyIds) : [];
  return ids.find(([, id]) => id === url.searchParams.get('Key-Pair-Id'))?.[0];
}
const statusOf = async (url: URL) => (await fetch(url, { headers: { range: 'bytes=0-3' } })).status;

/** One that is submitted, and one that waits behind it: under way while the stack is deployed again. */
async function dropTwo(route: string): Promise<readonly [DroppedBuild, DroppedBuild]> {
  const first = await stack.drop(zip, `${route}/1.zip`);
  await seen(first, 'submitted');
  const second = await stack.drop(zip, `${route}/2.zip`);
  await seen(second, 'postponed', 'submitted');
  return [first, second];
}

describe('delivery by CloudFront', () => {
  it.each(['odd/my Spiel+ü 100%25 (1).zip', `odd/it's "new" 🎮.zip`])(
    'brings %s to Streampixel through the distribution, and says until when',
    async (key) => {
      const build = await stack.drop(zip, key);
      expect(await isIntact(build)).toBe(true);
      const { fileUrls } = stack.environment;
      const url = await fileUrlOf(build);
      expect(fileUrls).toMatchObject({ delivery: 'cloudfront', domain: url.host });
      expect(url.searchParams.get('versionId')).toBe(build.build.split('@').at(-1));

      const { data } = await toolJson(stack.port, ['status', build.build]);
      const until = Number(url.searchParams.get('Expires')) * 1000;
      expect(data.builds?.[0] ?? data).toMatchObject({
        delivery: 'cloudfront',
        fileUrlSignedUntil: new Date(until).toISOString(),
      });
      expect(until - Date.now()).toBeGreaterThan(23 * 3_600_000);
    },
  );

  it('loses nothing while the key is rotated', async () => {
    const [first, second] = await dropTwo('rotated');
    const former = await fileUrlOf(first);

    const rotated = await toolJson(stack.port, ['delivery-key', 'rotate']);
    const [next, current] = rotated.data.deliveryPublicKeys;
    expect(rotated.data).toMatchObject({
      isNew: true,
      deliveryPublicKeys: [next, ...(deployed.deliveryPublicKeys ?? [])],
    });
    // The new key is stored and not deployed: the old one signs, and can't be deleted.
    const early = await tool(stack.port, ['delivery-key', 'rotate', '--finish', '--yes']);
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('not deployed')]);
    const third = await stack.drop(zip, 'rotated/3.zip');
    await seen(third, 'postponed', 'submitted');
    expect(signedBy(await fileUrlOf(second))).toBe(fingerprintOf(current));

    await deploy({ deliveryPublicKeys: [next, current] });
    const dry = await toolJson(stack.port, ['delivery-key', 'rotate', '--finish']);
    expect(dry.data).toMatchObject({ dryRun: true });
    const { data } = await toolJson(stack.port, ['delivery-key', 'rotate', '--finish', '--yes']);
    expect(data).toMatchObject({ dropped: true, deliveryPublicKeys: [next] });
    expect(Date.parse(data.urlsEndAt) - Date.now()).toBeGreaterThan(24 * 3_600_000 - 60_000);
    const last = await stack.drop(zip, 'rotated/4.zip');
    expect(signedBy(await fileUrlOf(last))).toBe(fingerprintOf(next));
    for (const build of [first, second, third, last]) expect(await isIntact(build)).toBe(true);
    // What the old key has signed works until its public half goes.
    expect(await statusOf(former)).toBe(206);
    await deploy({ deliveryPublicKeys: [next] });
    expect(await statusOf(former)).toBe(403);
  });

  it('loses nothing while the delivery changes, there and back', async () => {
    const [first, second] = await dropTwo('switched');
    const byCloudFront = await fileUrlOf(first);
    await deploy({ delivery: 's3' });
    const third = await stack.drop(zip, 'switched/3.zip');
    const byS3 = await fileUrlOf(third);
    expect([byS3.searchParams.has('X-Amz-Signature'), byS3.searchParams.has('Key-Pair-Id')]).toEqual([true, false]);
    // The distribution stays for those who have a URL of it.
    expect(await statusOf(byCloudFront)).toBe(206);
    await deploy({ delivery: 'cloudfront' });
    const fourth = await stack.drop(zip, 'switched/4.zip');
    expect((await fileUrlOf(fourth)).searchParams.has('Key-Pair-Id')).toBe(true);
    expect(await statusOf(byS3)).toBe(206);
    for (const build of [first, second, third, fourth]) expect(await isIntact(build)).toBe(true);
  });

  it('loses nothing while the distribution is destroyed, and comes back with the key that was kept', async () => {
    const first = await stack.drop(zip, 'destroyed/1.zip');
    expect(await isIntact(first)).toBe(true);
    const former = await fileUrlOf(first);
    const second = await stack.drop(zip, 'destroyed/2.zip');
    await seen(second, 'postponed', 'submitted');
    const { deliveryPublicKeys = [] } = deployed;
    await deploy({ delivery: 's3', deliveryPublicKeys: [] });
    expect(await statusOf(former)).toBe(403);
    // Its URL may have ended with the distribution: then it is rejected, and submitted again by request.
    if ((await isIntact(second)) !== true) await tool(stack.port, ['submit', '--again', second.build, '--yes']);

    const kept = await toolJson(stack.port, ['delivery-key', 'create']);
    expect(kept.data).toMatchObject({ isNew: false, deliveryPublicKeys });
    await deploy({ delivery: 'cloudfront', deliveryPublicKeys });
    const third = await stack.drop(zip, 'destroyed/3.zip');
    expect(await isIntact(third)).toBe(true);
    expect((await fileUrlOf(third)).searchParams.has('Key-Pair-Id')).toBe(true);
    expect(stack.events).toContainEqual(
      expect.objectContaining({ event: 'downloaded', build: second.build, intact: true }),
    );
  });

  it('dead-letters a build that it can’t sign for, before a slot, with what to do; then it is redriven', async () => {
    const { deliveryPublicKeys = [] } = deployed;
    await deploy({ deliveryPublicKeys: [publicHalfOf(newPrivateKey())] });
    const build = await stack.drop(zip, 'unsigned/1.zip');
    expect(await seen(build, 'dead-lettered')).toMatchObject({
      reason: 'BuildUnreadable',
      detail: expect.stringMatching(/holds no key of deliveryPublicKeys\. .*delivery-key create/),
    });
    // The alarm on the queue is an alert too, without a message.
    const alert = await stack.seen((each) => each.build === build.build && each.message !== undefined);
    expect(alert.message).toMatch(/What to do\s+Do what the detail says/);
    const uploads = (stack.standIn?.requests ?? []).filter(({ body }) => body.includes('unsigned/1.zip'));
    expect(uploads).toEqual([]);
    const ill = await toolJson(stack.port, ['doctor']);
    expect(ill.data.findings).toContainEqual(
      expect.objectContaining({
        check: 'Delivery',
        status: 'fail',
        remedy: expect.stringContaining('delivery-key create'),
      }),
    );

    await deploy({ deliveryPublicKeys });
    const { data } = await toolJson(stack.port, ['doctor']);
    expect(data.findings).toContainEqual(
      expect.objectContaining({ check: 'Delivery', status: 'ok', text: expect.stringContaining('CloudFront reaches') }),
    );
    await tool(stack.port, ['dlq', 'redrive', '--reason', 'BuildUnreadable', '--yes']);
    expect(await isIntact(build)).toBe(true);
  });

  it('has shown no private key and no signature to anyone', () => {
    const out = [...logged, ...printed, ...stack.events.map((event) => JSON.stringify(event))].join('\n');
    expect(logged.length).toBeGreaterThan(5);
    expect(out).not.toMatch(/PRIVATE KEY|[?&]Signature=/);
  });
});
