import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { routesFor, useOperatedStack } from './operated-stack.ts';
import { EVENTUALLY, PATIENCE, printed, startTool, toolJson } from './tool.ts';

const NAMES = ['automatic', 'manual', 'on-approval', 'rejected', 'forbidden', 'looked-at', 'silent', 'back'] as const;
const [AUTOMATIC, MANUAL, ON_APPROVAL, REJECTED, FORBIDDEN, LOOKED_AT, SILENT, BACK] = NAMES;
const ROUTES = routesFor(...NAMES).map((route) => {
  switch (route.prefix) {
    case `${AUTOMATIC}/`:
      return { ...route, autoRelease: true };
    case `${ON_APPROVAL}/`:
    case `${FORBIDDEN}/`:
      return { ...route, release: 'on-approval' as const };
    default:
      return route;
  }
});
const use = useOperatedStack(
  ROUTES,
  ROUTES.filter(({ prefix }) => prefix !== `${SILENT}/`),
);
vi.setConfig(PATIENCE);

const projectOf = (name: string) => ROUTES.find(({ prefix }) => prefix === `${name}/`)?.projectId ?? '';
const live = (name: string) => use().standIn.live(projectOf(name));

/** The zip that every test pushes. */
let zip = '';
beforeAll(async () => {
  zip = join(use().directory, 'game.zip');
  await writeFile(zip, await makeSampleBuild());
});
const pushed = (route: string, key = 'game.zip') => ['push', zip, '--key', `${route}/${key}`, '--follow'];

// One after the other: each test sets what the stand-in does with the next upload.
describe('push --follow', () => {
  it('ends with the approval where Streampixel releases by itself, and prints stages with their time', async () => {
    const { code, data, stderr } = await toolJson(use().stack.port, pushed(AUTOMATIC));
    expect({ code, data }).toMatchObject({ code: 0, data: { state: 'approved', status: 'live' } });
    expect(stderr).toMatch(/submitted {2}upload id \S+ {2}\(waiting: \d[^)]*\)(.|\n)* {2}approved {2}\(\w+: \d[^)]*\)/);
    // Webhooks come in any order, and some may come after the approval.
    await vi.waitFor(async () => {
      const { timeline } = (await toolJson(use().stack.port, ['status', data.build])).data;
      const stages = ['uploaded', 'downloading', 'extracting', 'saving', 'distributing', 'approved'];
      expect(timeline.map(({ step }: { step: string }) => step)).toEqual([
        'dropped',
        'waiting',
        'submitted',
        ...stages,
      ]);
    }, EVENTUALLY);
    await vi.waitFor(() => expect(live(AUTOMATIC)).toBe(data.uploadId), EVENTUALLY);
  });

  it('ends with the approval where a person releases, and says how; release then does it', async () => {
    // Act
    const approved = await toolJson(use().stack.port, pushed(MANUAL));
    const before = live(MANUAL);
    const released = await toolJson(use().stack.port, ['release', approved.data.build, '--yes']);

    // Assess
    expect(approved).toMatchObject({ code: 0, data: { state: 'approved', status: 'waits-for-person' } });
    expect(approved.stderr).toContain(`npx --no streampixel-drop release ${approved.data.build} --yes`);
    expect(before).toBeUndefined();
    expect(released).toMatchObject({ code: 0, data: { uploadId: approved.data.uploadId, release: 'released' } });
    await vi.waitFor(() => expect(live(MANUAL)).toBe(approved.data.uploadId), EVENTUALLY);
  });

  it('ends with the release where the pipeline requests it after the approval', async () => {
    const { code, data } = await toolJson(use().stack.port, pushed(ON_APPROVAL));
    expect({ code, data }).toMatchObject({ code: 0, data: { state: 'released', status: 'released' } });
    await vi.waitFor(() => expect(live(ON_APPROVAL)).toBe(data.uploadId), EVENTUALLY);
  });

  it('fails where the release request is refused', async () => {
    use().standIn.scriptDistribute({ kind: 'answer', status: 403, body: { message: 'Access denied' } });
    const { code, data, stderr } = await toolJson(use().stack.port, pushed(FORBIDDEN));
    expect({ code, name: data.error.code }).toEqual({ code: 1, name: 'ReleaseFailed' });
    expect(stderr).toMatch(/Streampixel's message: .*Access denied/);
    expect(stderr).toMatch(/Then run: npx --no streampixel-drop release .*forbidden\/game\.zip@\S+ --yes/);
  });

  it('fails with the objection where Streampixel rejects the build', async () => {
    use().standIn.plan({ kind: 'rejected', at: 'extracting', objection: 'Build contains unsupported file formats.' });
    const { code, data, stderr } = await toolJson(use().stack.port, pushed(REJECTED));
    expect({ code, name: data.error.code }).toEqual({ code: 1, name: 'Rejected' });
    expect(stderr).toMatch(/rejected {2}\(\w+: \d[^)]*\)/);
    expect(stderr).toContain("Streampixel's message: Build contains unsupported file formats.");
    expect(stderr).toMatch(
      /If you think this is wrong: npx --no streampixel-drop submit --again \S+\/rejected\/game\.zip@\w+ --yes --local/,
    );
  });

  it('ends after the submission, and with 4, where Streampixel has never sent a webhook', async () => {
    use().standIn.setWebhook(projectOf(SILENT), undefined);
    const { code, data, stderr } = await toolJson(use().stack.port, pushed(SILENT));
    const status = await toolJson(use().stack.port, ['status']);
    expect({ code, data }).toMatchObject({ code: 4, data: { state: 'submitted', status: 'no-webhook-yet' } });
    expect(stderr).toMatch(
      /the result of this build is unknown.*\nThen run: npx --no streampixel-drop webhook --local \d+\n/,
    );
    expect(status.data.noWebhookYet).toEqual([{ projectId: projectOf(SILENT), builds: 1 }]);
  });

  it('interrupted by Ctrl-C, stops following and leaves the build', async () => {
    // Prepare
    use().standIn.plan({ kind: 'stuck', after: 'downloading' });
    const running = startTool(use().stack.port, pushed(LOOKED_AT));
    let output = '';
    running.process.stderr?.on('data', (text) => {
      output += text;
    });

    // Act
    await vi.waitFor(() => expect(output).toContain('downloading'), EVENTUALLY);
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    const { data } = await toolJson(use().stack.port, ['status', `${LOOKED_AT}/`]);

    // Assess
    expect(code).toBe(130);
    expect(stderr).toMatch(/the build continues.*\nFollow it again: npx --no streampixel-drop status /);
    expect(data).toMatchObject({ state: 'submitted', status: 'under-way', stage: 'downloading' });
  });
});

describe('release', () => {
  it('goes back to an older build, and forth again', async () => {
    // Prepare
    const older = await toolJson(use().stack.port, pushed(BACK, 'older.zip'));
    const newer = await toolJson(use().stack.port, pushed(BACK, 'newer.zip'));
    const release = (part: string) => toolJson(use().stack.port, ['release', `${BACK}/${part}`, '--yes']);
    const isLive = ({ data }: typeof older) => vi.waitFor(() => expect(live(BACK)).toBe(data.uploadId), EVENTUALLY);

    // Act and assess
    await release('newer');
    await isLive(newer);
    const back = await release('older');
    await isLive(older);
    expect(back).toMatchObject({ code: 0, data: { build: older.data.build, requestId: expect.any(String) } });
    const forth = await release('newer');
    await isLive(newer);
    expect(forth.data.requestId).not.toBe(back.data.requestId);
  });
});

describe('webhook', () => {
  it('prints addresses at which the stack receives webhooks: those before a rotation and those after it', async () => {
    // Prepare
    const { standIn } = use();
    const before = await toolJson(use().stack.port, ['webhook']);
    const old = addressIn(before.data);

    // Act
    const rotated = await toolJson(use().stack.port, ['webhook', 'rotate']);
    standIn.setWebhook(projectOf(SILENT), old);
    const isOldAccepted = await standIn.testWebhook(projectOf(SILENT));
    standIn.setWebhook(projectOf(SILENT), `${old}x`);
    const isWrongAccepted = await standIn.testWebhook(projectOf(SILENT));
    const early = await toolJson(use().stack.port, ['webhook', 'rotate', '--finish', '--yes']);
    const entered = await toolJson(use().stack.port, ['webhook', 'enter']);
    const tested = await vi.waitFor(async () => {
      const { data } = await toolJson(use().stack.port, ['doctor']);
      const isOpen = ({ check, status, text }: Finding) =>
        check === 'Webhook' && status === 'warn' && !text.startsWith('two tokens');
      expect(data.findings.filter(isOpen)).toEqual([]);
      return data;
    }, EVENTUALLY);
    const finished = await toolJson(use().stack.port, ['webhook', 'rotate', '--finish', '--yes']);

    // Assess
    expect(before.data.isNew).toBe(false);
    expect([isOldAccepted, isWrongAccepted]).toEqual([true, false]);
    expect(early).toMatchObject({ code: 1, data: { error: { code: 'AddressNotUsed' } } });
    expect(entered).toMatchObject({ code: 0 });
    expect(entered.data.projects.map(({ projectId }: { projectId: string }) => projectId)).toEqual(
      rotated.data.projects.map(({ projectId }: { projectId: string }) => projectId),
    );
    expect(JSON.stringify(tested)).toContain(`project ${projectOf(SILENT)}: test webhook received`);
    expect(finished).toMatchObject({ code: 0, data: { dropped: true, notMoved: [] } });
  });

  interface Finding {
    readonly check: string;
    readonly status: string;
    readonly text: string;
  }
  interface Addresses {
    readonly projects: readonly { readonly projectId: string; readonly address: string }[];
  }
  const addressIn = ({ projects }: Addresses) =>
    projects.find(({ projectId }) => projectId === projectOf(SILENT))?.address ?? '';
});

describe('submit', () => {
  it('leaves what Streampixel has finished', async () => {
    const { data } = await toolJson(use().stack.port, ['submit', '--prefix', '', '--dry-run']);
    const again = await toolJson(use().stack.port, ['submit', '--prefix', `${REJECTED}/`, '--again', '--yes']);
    const plans = data.builds.map(({ build, submit, why }: Plan) => [
      /\/([\w-]+)\//.exec(build)?.[1],
      submit,
      /, (\w+)$/.exec(why)?.[1],
    ]);
    expect(plans).toContainEqual([AUTOMATIC, false, 'approved']);
    expect(plans).toContainEqual([ON_APPROVAL, false, 'released']);
    expect(plans).toContainEqual([REJECTED, false, 'rejected']);
    expect(again.data).toMatchObject({ sent: 1 });
  });

  interface Plan {
    readonly build: string;
    readonly submit: boolean;
    readonly why: string;
  }
});

afterAll(() => {
  // In everything that any run has printed: neither key nor signature.
  expect(printed.length).toBeGreaterThan(0);
  expect(printed.join('\n')).not.toMatch(/c4nary|X-Amz-(Signature|Credential|Security-Token)=/);
});
