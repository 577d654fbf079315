import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { PATIENCE, tool, toolJson } from '../cli/tool.ts';

const ROUTES = Array.from({ length: 500 }, (_, index) => ({
  prefix: `client-${index}/`,
  userId: `${index}`.padStart(24, 'a'),
  projectId: `${index}`.padStart(24, 'b'),
  autoRelease: false,
  apiKeyParameter: `/drop/keys/client-${index}`,
}));

vi.setConfig(PATIENCE);

let stack: EmbeddedStack;
beforeAll(async () => {
  stack = await startEmbeddedStack({ settings: { routes: ROUTES, intervalSeconds: 1 }, apiKey: 'key' });
});
afterAll(() => stack.stop());

/** What Streampixel was asked to fetch for a user. */
const uploadsOf = (userId: string) =>
  (stack.standIn?.requests ?? [])
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => JSON.parse(body))
    .filter((body) => body.userId === userId);

describe('500 routes', () => {
  it('take each build to its own user and project, and those of a new deployment from then on', async () => {
    const submitted = async (key: string) => {
      const { build } = await stack.drop(await makeSampleBuild(), key);
      return stack.seen((event) => event.build === build && event.event === 'submitted');
    };
    await submitted('client-437/game.zip');
    expect(uploadsOf(ROUTES[437]?.userId ?? '')).toMatchObject([{ projectId: ROUTES[437]?.projectId, apiKey: 'key' }]);

    const swapped = ROUTES.map((route, index) => {
      const other = index === 7 ? 436 : index === 436 ? 7 : index;
      return { ...ROUTES[other], prefix: route.prefix } as typeof route;
    });
    await stack.deploy({ routes: swapped });
    await submitted('client-436/game.zip');
    expect(uploadsOf(ROUTES[7]?.userId ?? '')).toMatchObject([{ projectId: ROUTES[7]?.projectId }]);
  });

  it('notice each new key, though the rule names their folder only', async () => {
    const store = ['key', 'set', '--parameter', '/drop/keys/client-5'];
    await tool(stack.port, [...store, '--force'], 'wrong-key');
    const { build } = await stack.drop(await makeSampleBuild(), 'client-5/game.zip');
    await stack.seen((event) => event.build === build && event.event === 'dead-lettered');
    await tool(stack.port, store, 'key');
    await stack.seen((event) => event.build === build && event.event === 'submitted');
  });

  it('leave a page that a person can read: what is wrong is named, what is good is counted', async () => {
    const { data } = await toolJson(stack.port, ['doctor']);
    const { stdout } = await tool(stack.port, ['doctor']);
    const keys = (data.findings as { check: string; text: string }[]).filter(({ check }) => check === 'API key');
    expect(keys).toHaveLength(500);
    expect(stdout.split('\n').filter((line) => /^ok +API key /.test(line))).toHaveLength(11);
    expect(stdout).toMatch(/^ok +API key +and 490 more; --json lists all$/m);
    expect(stdout.split('\n').length).toBeLessThan(120);
  });

  it('are named in part where a choice is missing', async () => {
    const { code, stderr } = await tool(stack.port, ['key', 'set'], 'new-key');
    expect(code).toBe(2);
    expect(stderr).toMatch(/Add one of: --parameter \/drop\/keys\/client-0, .*, and 490 more\./);
  });

  it('have a webhook each, which can be asked for alone', async () => {
    const { data } = await toolJson(stack.port, ['webhook', '--project', ROUTES[437]?.projectId ?? '']);
    expect(data.projects).toMatchObject([{ projectId: ROUTES[437]?.projectId }]);
    const { code, stderr } = await tool(stack.port, ['webhook', '--project', 'f'.repeat(24)]);
    expect(code).toBe(1);
    expect(stderr).toContain('and 490 more');
  });
});
