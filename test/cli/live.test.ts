import { STSClient } from '@aws-sdk/client-sts';
import { describe, expect, it, vi } from 'vitest';
import { callerName, nameInArn } from '../../cli/stack/caller.ts';
import { asSentBy } from '../../cli/stack/dead-letters.ts';
import { type GoLive, withGoLives } from '../../functions/domain/model/live.ts';
import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import { personName } from '../../functions/domain/model/person.ts';
import { submittedAgain } from '../../functions/domain/model/submission-transitions.ts';
import type { BuildsQueue, StoredDeadLetter } from '../../functions/domain/ports.ts';
import { LOCAL_USER } from '../../local/aws/account.ts';
import { listenOnLoopback } from '../../local/loopback-server.ts';
import type { DroppedBuild } from '../../local/start/embedded-stack.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { ROUTE } from '../support/world.ts';
import { AUTOMATIC, approvedAt, MINUTE, requestEnded, requestedAt } from './entries.ts';
import { routesFor, useOperatedStack } from './operated-stack.ts';
import { openQuietStack } from './quiet-stack.ts';
import { EVENTUALLY, PATIENCE, tool, toolJson } from './tool.ts';

const ROUTES = routesFor('back', 'again', 'redrive').map((route) =>
  route.prefix === 'redrive/' ? route : { ...route, autoRelease: true },
);
const use = useOperatedStack(ROUTES);
vi.setConfig(PATIENCE);
const projectOf = (name: string) => ROUTES.find(({ prefix }) => prefix === `${name}/`)?.projectId ?? '';
const ME = LOCAL_USER;

interface Fact {
  readonly build?: string;
  readonly uploadId: string;
}

/** What `live --json` prints of a project. */
async function liveOf(name: string) {
  const { code, data } = await toolJson(use().stack.port, ['live', '--project', projectOf(name)]);
  expect(code).toBe(0);
  const [project] = data.projects;
  return { ...project, beforeBuilds: project.before.map(({ build }: Fact) => build) };
}

/** Drops a build and waits until it is what viewers get, by Streampixel and by the ledger. */
async function putLive(key: string): Promise<DroppedBuild> {
  const build = await use().stack.drop(await makeSampleBuild(), key);
  await vi.waitFor(
    async () => expect((await liveOf(key.split('/')[0] ?? '')).live?.build).toBe(build.build),
    EVENTUALLY,
  );
  return build;
}

const statusOf = async ({ build }: DroppedBuild) => (await toolJson(use().stack.port, ['status', build])).data;

describe('live', () => {
  it('names one build for each project, and release --previous goes back step by step', async () => {
    // Prepare
    const [one, two, three] = [await putLive('back/1.zip'), await putLive('back/2.zip'), await putLive('back/3.zip')];
    const before = await liveOf('back');
    const back = (...flags: string[]) =>
      toolJson(use().stack.port, ['release', '--previous', '--project', projectOf('back'), ...flags]);

    // Act
    const plan = await back();
    const first = await back('--yes');
    const afterFirst = await liveOf('back');
    const statuses = await Promise.all([one, two, three].map(statusOf));
    const page = await tool(use().stack.port, ['live', '--project', projectOf('back')]);
    const second = await back('--yes');
    const afterSecond = await liveOf('back');
    const third = await back('--yes');

    // Assess
    expect(before).toMatchObject({ live: { by: 'approval', key: 'back/3.zip' }, beforeBuilds: [two.build, one.build] });
    expect(plan.data).toMatchObject({ dryRun: true, build: two.build, replaces: { build: three.build } });
    expect(first).toMatchObject({ code: 0, data: { build: two.build, release: 'released' } });
    expect(afterFirst).toMatchObject({
      live: { build: two.build, by: 'person', requestedBy: ME },
      beforeBuilds: [three.build, two.build, one.build],
      previous: { build: one.build },
    });
    expect(statuses.map(({ live, status }) => [status, live.until === undefined])).toEqual([
      ['was-live', false],
      ['released', true],
      ['was-live', false],
    ]);
    expect(page.stdout).toMatch(/Live +\S+back\/2\.zip@\S+\n(.*\n)* +Before\n +\S+back\/3\.zip@\S+ +was live until /);
    expect(page.stdout).toContain(`release --previous --project ${projectOf('back')} --yes`);
    expect(second.data).toMatchObject({ build: one.build });
    expect(afterSecond).toMatchObject({ live: { build: one.build }, previous: null });
    expect(third).toMatchObject({ code: 1, data: { error: { code: 'NothingBefore' } } });
    await vi.waitFor(() => expect(use().standIn.live(projectOf('back'))).toBe(afterSecond.live.uploadId), EVENTUALLY);
  });

  it('stays with the earlier upload while a build is submitted again, and where that fails', async () => {
    // Prepare
    const build = await putLive('again/1.zip');
    const { live } = await liveOf('again');
    use().standIn.script({ kind: 'answer', status: 404, body: { message: 'Project not found' } });

    // Act
    await toolJson(use().stack.port, ['submit', `s3://${use().stack.bucket}/again/1.zip`, '--again', '--yes']);
    await use().seen(build, 'dead-lettered');
    const failed = await statusOf(build);
    const page = await tool(use().stack.port, ['status', build.build]);
    const stillLive = (await liveOf('again')).live;
    await toolJson(use().stack.port, ['dlq', 'redrive', '--project', projectOf('again'), '--yes']);
    await vi.waitFor(async () => expect((await liveOf('again')).live.uploadId).not.toBe(live.uploadId), EVENTUALLY);
    const redriven = await statusOf(build);

    // Assess
    expect(stillLive).toEqual(live);
    expect(failed).toMatchObject({ state: 'dead-lettered', live: { uploadId: live.uploadId, since: live.since } });
    expect(failed.live.until).toBeUndefined();
    expect(page.stdout).toMatch(/Live +its earlier upload \w+ is live since /);
    const notes = redriven.history.map(({ note }: { note?: string }) => note);
    expect(notes).toContain(`submitted again by ${ME}`);
    expect(notes).toContain(`redriven after ProjectNotFound by ${ME}`);
  });
});

describe.concurrent('live, by what the ledger knows', () => {
  const now = Date.now();
  const ago = (minutes: number) => now - minutes * MINUTE;
  const goLive = (key: string, minutes: number, changes: Partial<GoLive> = {}): GoLive => ({
    uploadId: `upload-of-${key}`,
    at: ago(minutes),
    source: 'released',
    by: 'person',
    build: `drop/${key}@v1`,
    key,
    ...changes,
  });

  it('says plainly where it knows of none, and of no such project', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const { code, stdout } = await tool(stack.port, ['live']);
    const json = await toolJson(stack.port, ['live']);
    const unknown = await toolJson(stack.port, ['live', '--project', 'f'.repeat(24)]);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('No build is known to be live'),
    });
    expect(json.data.projects).toEqual([{ projectId: ROUTE.projectId, live: null, before: [], previous: null }]);
    expect(unknown).toMatchObject({ code: 1, data: { error: { code: 'UnknownProject' } } });
  });

  it('shows a build that has expired, and sends who wants it back to the dashboard', async ({ onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    await stack.put(approvedAt(ago(5), { key: 'new.zip', route: AUTOMATIC }));
    const goLives = [goLive('gone.zip', 200_000), goLive('new.zip', 5, { source: 'approved', by: 'approval' })];
    await stack.ledger.updateLive(ROUTE.projectId, (current) => withGoLives(current, goLives));

    // Act
    const { data } = await toolJson(stack.port, ['live']);
    const back = await toolJson(stack.port, ['release', '--previous', '--yes']);

    // Assess
    expect(data.projects[0].before).toMatchObject([{ build: 'drop/gone.zip@v1', until: expect.any(String) }]);
    expect(back).toMatchObject({ code: 1, data: { error: { code: 'ForgottenBuild' } } });
    expect(back.stderr).toMatch(/upload-of-gone\.zip .*on the dashboard/);
    expect(stack.requests()).toEqual([]);
  });

  it('requests an earlier upload of a build that is submitted again, by its upload id', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const again = submittedAgain(approvedAt(ago(90)), ago(1), 'again');
    await stack.put(again, approvedAt(ago(5), { key: 'new.zip' }));
    const goLives = [goLive('game.zip', 60), goLive('new.zip', 5)];
    await stack.ledger.updateLive(ROUTE.projectId, (current) => withGoLives(current, goLives));
    await toolJson(stack.port, ['release', '--previous', '--yes', '--no-wait']);
    expect(stack.requests()).toMatchObject([{ uploadId: 'upload-of-game.zip', stepsBack: true, requestedBy: ME }]);
  });

  it('names an upload that was made by hand, and prints no control character of a key or a name', async ({
    onTestFinished,
  }) => {
    const stack = await openQuietStack(onTestFinished);
    const evil = goLive('a\u001b[2Jb.zip', 9, { requestedBy: 'x\u0007y' });
    const byHand: GoLive = { uploadId: 'by-hand', at: ago(60), source: 'distributing', by: 'streampixel' };
    await stack.ledger.updateLive(ROUTE.projectId, (current) => withGoLives(current, [evil, byHand]));
    const { stdout } = await tool(stack.port, ['live']);
    expect(stdout).toContain('an upload that this pipeline did not make, upload id by-hand');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it('decides the status: of builds that were released, one is live', async ({ onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    const keys = ['one.zip', 'two.zip', 'three.zip'];
    const released = keys.map((key, n) =>
      requestEnded(requestedAt(approvedAt(ago(50 - n), { key }), ago(40)), ago(30 - n), 'released'),
    );
    // A person has released it on the dashboard.
    const elsewhere = approvedAt(ago(20), { key: 'elsewhere.zip' });
    await stack.put(...released, elsewhere);
    const goLives = [...keys.map((key, n) => goLive(key, 30 - n)), goLive('elsewhere.zip', 10, { by: 'streampixel' })];
    await stack.ledger.updateLive(ROUTE.projectId, (current) => withGoLives(current, goLives));

    // Act
    const { data } = await toolJson(stack.port, ['status']);
    const { stdout } = await tool(stack.port, ['status']);
    const page = await tool(stack.port, ['status', 'one.zip']);

    // Assess
    expect(Object.fromEntries(data.lastEnded.map(({ build, status }: Listed) => [build, status]))).toEqual({
      'drop/one.zip@v1': 'was-live',
      'drop/two.zip@v1': 'was-live',
      'drop/three.zip@v1': 'was-live',
      'drop/elsewhere.zip@v1': 'live',
    });
    expect(stdout).toMatch(/elsewhere\.zip@v1 +live since .*by Streampixel, on the dashboard for example/);
    expect(page.stdout).toMatch(/^Status +no longer live: it was live until \d\d:\d\d/m);
  });

  interface Listed {
    readonly build: string;
    readonly status: string;
  }

  it.for([
    [['release', 'game.zip', '--previous'], /takes no build/],
    [['release', 'game.zip', '--project', 'p'], /belongs to --previous/],
  ] as const)('refuses %j', async ([args, words], { onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    expect(await tool(stack.port, args)).toMatchObject({ code: 2, stderr: expect.stringMatching(words) });
  });
});

describe('the name of the person who runs the tool', () => {
  it.each([
    ['arn:aws:iam::123456789012:user/alice', 'alice'],
    ['arn:aws:iam::123456789012:user/teams/builds/alice', 'alice'],
    ['arn:aws:sts::123456789012:assumed-role/Deploy/ci-run-7', 'Deploy/ci-run-7'],
    [
      'arn:aws-cn:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice@example.com',
      'alice@example.com',
    ],
    [`arn:aws:sts::123456789012:assumed-role/${'r'.repeat(60)}/session`, 'session'],
    ['arn:aws:sts::123456789012:federated-user/bob', 'bob'],
    ['arn:aws:iam::123456789012:root', 'root'],
    ['', undefined],
    ['nonsense', undefined],
  ])('in %s is %s', (arn, name) => {
    expect(nameInArn(arn)).toBe(name);
  });

  it('is one printable line of at most 64 characters', () => {
    expect(personName(' al\u001b[31m\r\nice\u202e ')).toBe('al [31m ice');
    expect(personName('\u{1f680}'.repeat(70))).toBe('\u{1f680}'.repeat(64));
    expect(personName('\u0000\n ')).toBeUndefined();
  });

  it('goes with a dead letter that has all ten attributes of SQS, whose own name stays', async () => {
    const attributes = Object.fromEntries(Object.values(DEAD_LETTER_ATTRIBUTES).map((name) => [name, 'x']));
    const deadLetter = { messageId: 'm', receiptHandle: 'r', body: 'b', sentAt: 0, attributes };
    const taken: StoredDeadLetter[] = [];
    const plain: BuildsQueue = {
      async send(messages) {
        taken.push(...messages);
        return messages.slice(0, 1);
      },
    };
    const sent = await asSentBy('alice', plain).send([deadLetter, { ...deadLetter, messageId: 'n' }]);
    expect(sent).toEqual([deadLetter]);
    expect(sent[0]).toBe(deadLetter);
    expect(taken[0]?.attributes).toMatchObject({ DeadLetterId: 'x', RequestedBy: 'alice' });
    expect(Object.keys(taken[0]?.attributes ?? {})).toHaveLength(10);
    expect(asSentBy(undefined, plain)).toBe(plain);
  });

  it('is unknown where STS refuses or does not answer', async () => {
    const server = await listenOnLoopback(async (_, response) => void response.writeHead(403).end('<Error/>'), 0);
    const sts = new STSClient({
      endpoint: server.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    });
    expect(await callerName(sts)).toBeUndefined();
    await server.close();
    expect(await callerName(sts)).toBeUndefined();
  });
});
