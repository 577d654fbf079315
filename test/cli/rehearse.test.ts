import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import { routesFor } from './operated-stack.ts';
import { PATIENCE, startTool, tool, toolJson } from './tool.ts';

/** A rehearsal waits for the end of a URL, among other things; on a busy machine each wait takes longer. In ms. */
const REHEARSAL_MS = 900_000;

/** One route for each way in which a build goes live. */
const [manual, onApproval] = routesFor('manual', 'approval');
if (manual === undefined || onApproval === undefined) throw new Error('no routes');
const routes = [manual, { ...onApproval, release: 'on-approval' as const }];

let rehearsal: EmbeddedStack;
const logged: string[] = [];
beforeAll(async () => {
  rehearsal = await startEmbeddedStack({
    settings: { routes, rehearsal: true },
    onLog: ({ text }) => void logged.push(text),
    onEvent: (event) => void logged.push(JSON.stringify(event)),
  });
}, PATIENCE.hookTimeout);
afterAll(() => rehearsal.stop(), PATIENCE.hookTimeout);

/** Keys, the token in an address, and what signs a URL. */
const SECRETS = /(?:right|wrong)-[0-9a-f]{32}|\/[0-9a-f]{24}\/[\w-]{43}|X-Amz-Signature/;

describe('a rehearsal', () => {
  it.each(['manual/', 'approval/'])(
    'tries the whole path of a build, with the route %s',
    { timeout: REHEARSAL_MS },
    async (route) => {
      const { code, data, stderr, stdout } = await toolJson(rehearsal.port, ['rehearse', '--route', route]);
      const failed = data.steps.filter(({ ok }: { ok: boolean }) => !ok);
      expect(failed).toEqual([]);
      expect([code, data.ok, data.stack]).toEqual([0, true, 'StreampixelDrop-Rehearsal']);
      expect(data.steps.map(({ name }: { name: string }) => name)).toEqual([
        'stand-in',
        'webhook-refused',
        'webhook-taken',
        'wrong-key',
        'redrive',
        'live',
        'slot',
        'bad-zip',
        'expired-url',
      ]);
      const subjects = data.alerts.map(({ subject }: { subject: string }) => subject).join('\n');
      for (const part of ['InvalidApiKey: ', 'NotAZip: ', 'Rejected: ', 'Download URL expired: '])
        expect(subjects).toContain(part);
      expect(stdout + stderr + logged.join('\n')).not.toMatch(SECRETS);
      expect(rehearsal.deadLetters()).toEqual([]);
    },
  );

  it('ends at Ctrl-C, and says how far it has come', { timeout: PATIENCE.testTimeout }, async () => {
    const running = startTool(rehearsal.port, ['rehearse', '--json']);
    let seen = '';
    running.process.stderr?.on('data', (chunk) => {
      seen += chunk;
      if (!running.process.killed && seen.includes('4/9')) running.process.kill('SIGINT');
    });
    const { code, stdout } = await running.ended;
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      steps: [{ name: 'stand-in' }, { name: 'webhook-refused' }, { name: 'webhook-taken' }],
      error: { code: 'Interrupted' },
    });
  });

  it('needs a route that there is', { timeout: PATIENCE.testTimeout }, async () => {
    const { code, stderr } = await tool(rehearsal.port, ['rehearse', '--route', 'other/']);
    expect(code).toBe(2);
    expect(stderr).toContain('There are: --route manual/, --route approval/.');
  });
});

describe('a real stack', () => {
  it('is not rehearsed on, and nothing of it changes', { timeout: PATIENCE.testTimeout }, async () => {
    const real = await startEmbeddedStack({ settings: { routes } });
    const changes = () => real.busEvents.length;
    const before = changes();
    const { code, data } = await toolJson(real.port, ['rehearse']);
    expect([code, data.error.code]).toEqual([1, 'NoRehearsal']);
    expect(changes()).toBe(before);
    await real.stop();
  });
});
