import { afterAll, describe, expect, it, vi } from 'vitest';
import { requestRelease } from '../../functions/domain/model/following-transitions.ts';
import { uploadLane } from '../../functions/domain/model/lane.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { waiting } from '../../functions/domain/model/submission-transitions.ts';
import { AUTOMATIC, anEntry, approvedAt, MINUTE, ON_APPROVAL, requestEnded, requestedAt } from './entries.ts';
import { openQuietStack } from './quiet-stack.ts';
import { PATIENCE, printed, tool, toolJson } from './tool.ts';

vi.setConfig(PATIENCE);
// Tests expect full hours and days only: how long a test takes changes the minutes.
const HOUR = 60;
const DAY = 24 * HOUR;
const startedAt = Date.now();
const ago = (minutes: number) => startedAt - minutes * MINUTE;
const statuses = (builds: readonly { readonly build: string; readonly status: string }[]) =>
  builds.map(({ build, status }) => [build, status]);

describe.concurrent('status', () => {
  it('shows the builds that wait by their slots, and how long the lane is', async ({ onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    const [near, far] = [startedAt + 2.5 * HOUR * MINUTE, startedAt + 4.5 * HOUR * MINUTE];
    const withSlot = (key: string, slot: number) =>
      waiting(anEntry({ key, droppedAt: ago(5) }), ago(4), 'slot', { slot, pushed: 0 });
    await stack.put(
      anEntry({ key: 'none.zip', droppedAt: ago(6) }),
      withSlot('far.zip', far),
      withSlot('near.zip', near),
      withSlot('blocked.zip', ago(1)),
    );
    const before = await toolJson(stack.port, ['status']);
    const until = startedAt + 1.5 * HOUR * MINUTE;
    await stack.pacer.blockUntil(uploadLane(AUTOMATIC.userId), until);

    // Act
    const { data } = await toolJson(stack.port, ['status']);
    const { stdout } = await tool(stack.port, ['status']);

    // Assess
    const slots = (builds: readonly { readonly build: string; readonly slot?: string }[]) =>
      builds.map(({ build, slot }) => [build, slot === undefined ? undefined : Date.parse(slot)]);
    expect(slots(before.data.inLine)[0]).toEqual(['drop/blocked.zip@v1', ago(1)]);
    expect(slots(data.inLine)).toEqual([
      ['drop/blocked.zip@v1', until],
      ['drop/near.zip@v1', near],
      ['drop/far.zip@v1', far],
      ['drop/none.zip@v1', undefined],
    ]);
    expect(statuses(data.inLine).map(([, status]) => status)).toEqual(Array.from({ length: 4 }, () => 'waiting'));
    expect(data.lines).toEqual([{ userId: AUTOMATIC.userId, waiting: 4, lastTurn: new Date(far).toISOString() }]);
    expect(stdout).toMatch(/Waiting {2}4 builds\n.*user \w+: 4, the last slot is at \d\d:\d\d:\d\d\n/);
    expect(stdout).toMatch(/\d\d:\d\d:\d\d \(in 1 h \d+ m\) +blocked\.zip@v1\n(.*\n){2} +later +none\.zip@v1\n/);
  });

  it('shows what is at Streampixel by its stage, marked where it is late or stuck', async ({ onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    const at = (key: string, hours: number): LedgerEntry => {
      const submittedAt = ago(hours * HOUR);
      return anEntry({ key, droppedAt: submittedAt, submittedAt, news: [['saving', ago((hours - 1) * HOUR)]] });
    };
    await stack.put(
      at('new.zip', 1.2),
      { ...at('late.zip', 2.5), lateAt: ago(HOUR) },
      { ...at('stuck.zip', 4.5), lateAt: ago(3 * HOUR), stuckAt: ago(2 * HOUR) },
      anEntry({ key: 'quick.zip', droppedAt: ago(1), submittedAt: ago(1) }),
    );
    await stack.ledger.noteWebhook(AUTOMATIC.projectId, 'testedAt', ago(5 * HOUR));

    // Act
    const { data } = await toolJson(stack.port, ['status']);
    const { stdout } = await tool(stack.port, ['status']);

    // Assess
    expect(statuses(data.atStreampixel)).toEqual([
      ['drop/stuck.zip@v1', 'stuck'],
      ['drop/late.zip@v1', 'under-way'],
      ['drop/new.zip@v1', 'under-way'],
      ['drop/quick.zip@v1', 'under-way'],
    ]);
    expect(data.atStreampixel[1]).toMatchObject({ stage: 'saving', lateAt: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(stdout).toMatch(/stuck: saving +stuck\.zip@v1 +no webhook for 3 h \d+ m, submitted 4 h \d+ m ago/);
    expect(stdout).toMatch(/late: saving +late\.zip@v1 +for 1 h \d+ m, submitted 2 h/);
    expect(stdout).toMatch(/ {2}submitted +quick\.zip/);
    expect(data.ended).toMatchObject({ submitted: 4 });
    expect(data.lastEnded).toEqual([]);
  });

  it('shows what waits to be released, and the command that does it', async ({ onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    const onApproval = (key: string) => approvedAt(ago(9), { key, route: ON_APPROVAL });
    const slot = startedAt + 3.5 * HOUR * MINUTE;
    const requested = requestedAt(onApproval('requested.zip'), ago(8));
    await stack.put(
      approvedAt(ago(30), { key: 'older.zip' }),
      approvedAt(ago(3), { key: 'manual.zip' }),
      { ...requested, release: { ...releaseOf(requested), reservation: { slot, pushed: 0 } } },
      requestEnded(requestedAt(approvedAt(ago(2), { key: 'failed.zip' }), ago(2)), ago(1), 'failed', 'Access denied'),
      approvedAt(ago(40), { key: 'automatic.zip', route: AUTOMATIC }),
      requestEnded(requestedAt(onApproval('released.zip'), ago(8)), ago(6), 'released'),
    );

    // Act
    const { data } = await toolJson(stack.port, ['status']);
    const { stdout } = await tool(stack.port, ['status']);

    // Assess
    expect(statuses(data.atStreampixel)).toEqual([
      ['drop/requested.zip@v1', 'waits-for-release'],
      ['drop/failed.zip@v1', 'release-failed'],
    ]);
    // The newest one that was approved is the one whose release failed.
    expect(data.overtaken).toBe(2);
    expect(data.atStreampixel[0].release).toMatchObject({ state: 'requested', slot: new Date(slot).toISOString() });
    expect(stdout).toMatch(/approved +requested\.zip@v1 +its release is sent at \d\d:\d\d:\d\d \(in 3 h \d+ m\)/);
    expect(stdout).toMatch(
      /failed\.zip@v1 +not released: Access denied\n +-> npx --no streampixel-drop release drop\/failed/,
    );
    expect(data.ended).toEqual({
      submitted: 0,
      approved: 5,
      released: 1,
      rejected: 0,
      skipped: 0,
      'dead-lettered': 0,
    });
  });

  it('names a build that waits for a person for days, and then leaves it out', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.put(approvedAt(ago(3 * DAY), { key: 'patient.zip' }), approvedAt(ago(9 * DAY), { key: 'old.zip' }));
    const { data } = await toolJson(stack.port, ['status']);
    expect(statuses(data.atStreampixel)).toEqual([['drop/patient.zip@v1', 'waits-for-person']]);
    expect(data.ended.approved).toBe(0);
  });

  it('names projects without a webhook, instead of calling their builds stuck', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const silent = (key: string) => anEntry({ key, droppedAt: ago(300), submittedAt: ago(300) });
    await stack.put({ ...silent('one.zip'), stuckAt: ago(180) }, silent('two.zip'));
    const { data } = await toolJson(stack.port, ['status']);
    const { stdout } = await tool(stack.port, ['status']);
    expect(data).toMatchObject({ atStreampixel: [], noWebhookYet: [{ projectId: AUTOMATIC.projectId, builds: 2 }] });
    expect(stdout).toMatch(
      /The result of 2 builds of project \w+ is unknown.*\n +-> npx --no streampixel-drop webhook --local \d+\n/,
    );
  });

  it("shows the last results: a rejected build with Streampixel's objection", async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const rejected = anEntry({
      droppedAt: ago(9),
      submittedAt: ago(8),
      news: [['rejected', ago(2)]],
      objection: 'No exe.',
    });
    await stack.put(rejected);
    const { data } = await toolJson(stack.port, ['status']);
    const { stdout } = await tool(stack.port, ['status']);
    expect(data.lastEnded).toMatchObject([{ status: 'rejected', objection: 'No exe.' }]);
    expect(stdout).toMatch(/1 rejected\n.*rejected +game\.zip@v1 +No exe\.\n/);
  });
});

describe.concurrent('status of a build', () => {
  it('shows its timeline with the duration of each step, its release request, and what to do', async ({
    onTestFinished,
  }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    const entry = anEntry({
      droppedAt: ago(9 * HOUR),
      submittedAt: ago(8 * HOUR),
      route: ON_APPROVAL,
      news: [
        ['downloading', ago(7 * HOUR)],
        ['approved', ago(4.5 * HOUR)],
      ],
    });
    await stack.put(requestEnded(requestedAt(entry, ago(4.5 * HOUR)), ago(20), 'failed', 'Access denied'));

    // Act
    const { data } = await toolJson(stack.port, ['status', 'game.zip']);
    const { stdout } = await tool(stack.port, ['status', 'game.zip']);

    // Assess
    expect(data.timeline.map(({ step, tookSeconds }: Step) => [step, tookSeconds])).toEqual([
      ['dropped', 0],
      ['waiting', 3_600],
      ['submitted', 3_600],
      ['downloading', 9_000],
      ['approved', undefined],
    ]);
    expect(data).toMatchObject({
      status: 'release-failed',
      releaseMode: 'on-approval',
      release: { state: 'failed' },
    });
    expect(stdout).toMatch(/^Streampixel's message +Access denied$/m);
    expect(stdout).toMatch(/^Then run +npx --no streampixel-drop release drop\/game\.zip@v1 --yes --local \d+$/m);
    expect(stdout).toMatch(/downloading +2 h 30 m\n.*approved +4 h \d+ m so far\n/);
  });

  it.for([
    [approvedAt(ago(5), { route: AUTOMATIC }), /^Status +approved: live, or live within minutes$/m],
    [approvedAt(ago(5)), /^Status +approved, and waits for a person to release it$/m],
    [approvedAt(ago(5), { route: ON_APPROVAL }), /^Status +approved, and its release is requested$/m],
  ] as const)('says what approved means in its release mode', async ([entry, words], { onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.put(entry);
    expect((await tool(stack.port, ['status', entry.id])).stdout).toMatch(words);
  });

  it('says until when Streampixel can download it: with CloudFront as a fact, with S3 what may end it sooner', async ({
    onTestFinished,
  }) => {
    const stack = await openQuietStack(onTestFinished);
    const until = startedAt + 30 * HOUR * MINUTE;
    const fileUrl = (delivery: 's3' | 'cloudfront', end = until) => ({
      delivery,
      until: end,
      host: 'd1.cloudfront.net',
    });
    const submitted = { droppedAt: ago(5), submittedAt: ago(4) };
    await stack.put(
      { ...anEntry({ key: 'fact.zip', ...submitted }), fileUrl: fileUrl('cloudfront') },
      { ...anEntry({ key: 'bound.zip', ...submitted }), fileUrl: fileUrl('s3') },
      {
        ...anEntry({ key: 'ended.zip', ...submitted }),
        fileUrl: fileUrl('cloudfront', ago(1)),
        fileUrlEndedAt: ago(1),
      },
      { ...approvedAt(ago(1), { key: 'approved.zip' }), fileUrl: fileUrl('cloudfront') },
    );
    const page = async (key: string) => (await tool(stack.port, ['status', key])).stdout;

    expect(await page('fact.zip')).toMatch(/^Download +possible until \d{4}-\d\d-\d\d \d\d:\d\d \(cloudfront\)$/m);
    expect(await page('bound.zip')).toMatch(/^Download +possible until .*, or until the session .* \(s3\)$/m);
    expect(await page('ended.zip')).toMatch(/^Download +the URL expired at [\d:]+ \(cloudfront\)$/m);
    // It need not be downloaded any more.
    expect(await page('approved.zip')).not.toMatch(/^Download/m);
    const { data } = await toolJson(stack.port, ['status', 'ended.zip']);
    expect(data).toMatchObject({
      fileUrlSignedUntil: new Date(ago(1)).toISOString(),
      fileUrlEndedAt: expect.any(String),
    });
  });

  it('distinguishes a release request for an earlier upload from one of its own', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const entry = { ...approvedAt(ago(5)), formerUploadIds: ['former'] };
    const back = { by: 'person', requestId: 'person/back', requestedAt: ago(1), uploadId: 'former' } as const;
    await stack.put(requestRelease(entry, back, ago(1))?.entry ?? entry);
    const { stdout } = await tool(stack.port, ['status', entry.id]);
    expect(stdout).toMatch(/^Status +approved, and waits/m);
    expect(stdout).toMatch(/^Release +of upload id former, requested by a person at /m);
  });
});

interface Step {
  readonly step: string;
  readonly tookSeconds?: number;
}

function releaseOf({ release }: LedgerEntry) {
  if (release === undefined) throw new Error('there is no release request');
  return release;
}

afterAll(() => {
  // The address of a webhook is a secret, and people share what status prints.
  expect(printed.join('\n')).not.toContain('hooks.example');
});
