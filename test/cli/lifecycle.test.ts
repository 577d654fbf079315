import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { routesFor, useOperatedStack } from './operated-stack.ts';
import { printed, startTool, toolJson } from './tool.ts';

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
const use = useOperatedStack(ROUTES);
// Each run of the tool is a process of its own, and a busy machine takes its time.
vi.setConfig({ testTimeout: 90_000 });

const projectOf = (name: string) => ROUTES.find(({ prefix }) => prefix === `${name}/`)?.projectId ?? '';
const live = (name: string) => use().standIn.live(projectOf(name));

/** The zip that is pushed; another one for each push would say no more. */
let zip = '';
beforeAll(async () => {
  zip = join(use().directory, 'game.zip');
  await writeFile(zip, await makeSampleBuild());
});
const pushed = (route: string, key = 'game.zip') => ['push', zip, '--key', `${route}/${key}`, '--follow'];

// One after the other where the stand-in is told what to make of the next upload.
describe('push --follow', () => {
  it('ends with the approval where Streampixel releases by itself, and tells each stage with its time', async () => {
    const { code, data, stderr } = await toolJson(use().stack.port, pushed(AUTOMATIC));
    expect({ code, data }).toMatchObject({ code: 0, data: { state: 'approved', standing: 'live' } });
    const stages = ['uploaded', 'downloading', 'extracting', 'saving', 'distributing', 'approved'];
    const told = stages.map((stage) => stderr.indexOf(`  ${stage}  (`));
    expect(told.every((index) => index > 0)).toBe(true);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(stderr).toMatch(/approved {2}\(distributing: \d s\)/);
    await vi.waitFor(() => expect(live(AUTOMATIC)).toBe(data.uploadId), { timeout: 10_000 });
  });

  it('ends with the approval where a person releases, and says how; release then does it', async () => {
    // Act
    const approved = await toolJson(use().stack.port, pushed(MANUAL));
    const before = live(MANUAL);
    const released = await toolJson(use().stack.port, ['release', approved.data.build, '--yes']);

    // Assess
    expect(approved).toMatchObject({ code: 0, data: { state: 'approved', standing: 'waits-for-person' } });
    expect(approved.stderr).toContain(`npx streampixel-drop release ${approved.data.build} --yes`);
    expect(before).toBeUndefined();
    expect(released).toMatchObject({ code: 0, data: { uploadId: approved.data.uploadId, release: 'released' } });
    await vi.waitFor(() => expect(live(MANUAL)).toBe(approved.data.uploadId), { timeout: 10_000 });
  });

  it('ends with the release where an order follows the approval', async () => {
    const { code, data } = await toolJson(use().stack.port, pushed(ON_APPROVAL));
    expect({ code, data }).toMatchObject({ code: 0, data: { state: 'released', standing: 'released' } });
    await vi.waitFor(() => expect(live(ON_APPROVAL)).toBe(data.uploadId), { timeout: 10_000 });
  });

  it('fails where the order is refused', async () => {
    use().standIn.scriptDistribute({ kind: 'answer', status: 403, body: { message: 'Access denied' } });
    const { code, data, stderr } = await toolJson(use().stack.port, pushed(FORBIDDEN));
    expect({ code, name: data.error.code }).toEqual({ code: 1, name: 'ReleaseFailed' });
    expect(stderr).toMatch(/They said: .*Access denied/);
    expect(stderr).toMatch(/Then run: npx streampixel-drop release .*forbidden\/game\.zip@\S+ --yes/);
  });

  it('fails with the objection where Streampixel rejects the build', async () => {
    use().standIn.plan({ kind: 'rejected', at: 'extracting', objection: 'Build contains unsupported file formats.' });
    const { code, data, stderr } = await toolJson(use().stack.port, pushed(REJECTED));
    expect({ code, name: data.error.code }).toEqual({ code: 1, name: 'Rejected' });
    expect(stderr).toMatch(/rejected {2}\(extracting: \d s\)/);
    expect(stderr).toContain('They said: Build contains unsupported file formats.');
    expect(stderr).toMatch(/If they err: npx streampixel-drop submit --again s3:\/\//);
  });

  it('ends after the submission, and with 0, where the webhook has never spoken', async () => {
    use().standIn.setWebhook(projectOf(SILENT), undefined);
    const { code, data, stderr } = await toolJson(use().stack.port, pushed(SILENT));
    const status = await toolJson(use().stack.port, ['status']);
    expect({ code, data }).toMatchObject({ code: 0, data: { state: 'submitted', standing: 'unheard' } });
    expect(stderr).toMatch(/nobody will hear what becomes of this build.*\nThen run: npx streampixel-drop webhook\n/);
    expect(status.data.unheard).toEqual([{ projectId: projectOf(SILENT), builds: 1 }]);
  });

  it('interrupted by Ctrl-C, stops looking and leaves the build', async () => {
    // Prepare
    use().standIn.plan({ kind: 'stuck', after: 'downloading' });
    const running = startTool(use().stack.port, pushed(LOOKED_AT));
    let said = '';
    running.process.stderr?.on('data', (text) => {
      said += text;
    });

    // Act
    await vi.waitFor(() => expect(said).toContain('downloading'), { timeout: 30_000 });
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    const { data } = await toolJson(use().stack.port, ['status', `${LOOKED_AT}/`]);

    // Assess
    expect(code).toBe(130);
    expect(stderr).toMatch(/the build goes on.*\nLook again: npx streampixel-drop status /);
    expect(data).toMatchObject({ state: 'submitted', standing: 'under-way', stage: 'downloading' });
  });
});

describe('release', () => {
  it('goes back to an older build, and forth again', async () => {
    // Prepare
    const older = await toolJson(use().stack.port, pushed(BACK, 'older.zip'));
    const newer = await toolJson(use().stack.port, pushed(BACK, 'newer.zip'));
    const release = (part: string) => toolJson(use().stack.port, ['release', `${BACK}/${part}`, '--yes']);
    const isLive = ({ data }: typeof older) =>
      vi.waitFor(() => expect(live(BACK)).toBe(data.uploadId), { timeout: 10_000 });

    // Act and assess
    await release('newer');
    await isLive(newer);
    const back = await release('older');
    await isLive(older);
    expect(back).toMatchObject({ code: 0, data: { build: older.data.build } });
    const forth = await release('newer');
    await isLive(newer);
    expect(forth.data.order).not.toBe(back.data.order);
  });
});

describe('webhook', () => {
  it('prints addresses that the stack takes webhooks at: those before a rotation and those after it', async () => {
    // Prepare
    const { standIn } = use();
    const before = await toolJson(use().stack.port, ['webhook']);
    const former = addressIn(before.data);

    // Act
    const rotated = await toolJson(use().stack.port, ['webhook', 'rotate']);
    for (const address of [former, addressIn(rotated.data)]) {
      standIn.setWebhook(projectOf(SILENT), address);
      // A token that was stored just now is known within seconds.
      await vi.waitFor(async () => expect(await standIn.testWebhook(projectOf(SILENT))).toBe(true), {
        timeout: 20_000,
        interval: 500,
      });
    }
    standIn.setWebhook(projectOf(SILENT), `${former}x`);
    const isWrongTaken = await standIn.testWebhook(projectOf(SILENT));
    const tested = await vi.waitFor(
      async () => {
        const { data } = await toolJson(use().stack.port, ['doctor']);
        expect(JSON.stringify(data)).toContain(`project ${projectOf(SILENT)}: tested`);
        return data;
      },
      { timeout: 20_000 },
    );

    // Assess
    expect(before.data.isNew).toBe(false);
    expect(isWrongTaken).toBe(false);
    expect(tested.findings.filter(({ check, status }: Finding) => check === 'Webhook' && status === 'warn')).toEqual([
      expect.objectContaining({ text: expect.stringContaining('two tokens') }),
    ]);
  });

  interface Finding {
    readonly check: string;
    readonly status: string;
  }
  interface Addresses {
    readonly projects: readonly { readonly projectId: string; readonly address: string }[];
  }
  const addressIn = ({ projects }: Addresses) =>
    projects.find(({ projectId }) => projectId === projectOf(SILENT))?.address ?? '';
});

describe('submit', () => {
  it('leaves what Streampixel has come to an end with', async () => {
    const { data } = await toolJson(use().stack.port, ['submit', '--prefix', '', '--dry-run']);
    const again = await toolJson(use().stack.port, ['submit', '--prefix', `${REJECTED}/`, '--again']);
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
  // In all that any run has printed: neither key nor signature.
  expect(printed.length).toBeGreaterThan(0);
  expect(printed.join('\n')).not.toMatch(/c4nary|X-Amz-(Signature|Credential|Security-Token)=/);
});
