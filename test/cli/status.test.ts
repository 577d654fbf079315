import { afterAll, describe, expect, it, vi } from 'vitest';
import { requestRelease } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { AUTOMATIC, anEntry, approvedAt, MINUTE, ON_APPROVAL, orderEnded, requestedAt } from './entries.ts';
import { openQuietStack } from './quiet-stack.ts';
import { printed, tool, toolJson } from './tool.ts';

// Each run of the tool is a process of its own, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });
const ago = (minutes: number) => Date.now() - minutes * MINUTE;
const standings = (builds: readonly { readonly build: string; readonly standing: string }[]) =>
  builds.map(({ build, standing }) => [build, standing]);

describe.concurrent('status', () => {
  it('shows what is at Streampixel by its stage, marked where it is late or stuck', async ({ onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    const at = (key: string, minutes: number): LedgerEntry => {
      const submittedAt = ago(minutes);
      return anEntry({ key, droppedAt: submittedAt, submittedAt, news: [['saving', ago(minutes - 1)]] });
    };
    await stack.put(
      at('new.zip', 5),
      { ...at('late.zip', 70), lateAt: ago(10) },
      { ...at('stuck.zip', 200), lateAt: ago(140), stuckAt: ago(79) },
      anEntry({ key: 'quick.zip', droppedAt: ago(1), submittedAt: ago(1) }),
    );
    await stack.ledger.noteWebhook(AUTOMATIC.projectId, 'testedAt', ago(300));

    // Act
    const { data } = await toolJson(stack.port, ['status']);
    const { stdout } = await tool(stack.port, ['status']);

    // Assess
    expect(standings(data.atStreampixel)).toEqual([
      ['drop/stuck.zip@v1', 'stuck'],
      ['drop/late.zip@v1', 'under-way'],
      ['drop/new.zip@v1', 'under-way'],
      ['drop/quick.zip@v1', 'under-way'],
    ]);
    expect(data.atStreampixel[1]).toMatchObject({ stage: 'saving', lateAt: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(stdout).toMatch(/stuck: saving +stuck\.zip@v1 +no word for 3 h 19 m, submitted 3 h 20 m ago/);
    expect(stdout).toMatch(/late: saving +late\.zip@v1 +for 1 h 9 m/);
    expect(stdout).toMatch(/ {2}submitted +quick\.zip/);
    expect(data.ended).toMatchObject({ submitted: 4 });
    expect(data.lastEnded).toEqual([]);
  });

  it('shows what waits to be released, and the command that does it', async ({ onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    const onApproval = (key: string) => approvedAt(ago(9), { key, route: ON_APPROVAL });
    const slot = Date.now() + 10 * MINUTE;
    const waiting = requestedAt(onApproval('in-line.zip'), ago(8));
    await stack.put(
      approvedAt(ago(30), { key: 'older.zip' }),
      approvedAt(ago(3), { key: 'manual.zip' }),
      { ...waiting, release: { ...ordersOf(waiting), reservation: { slot, pushed: 0 } } },
      orderEnded(requestedAt(approvedAt(ago(2), { key: 'failed.zip' }), ago(2)), ago(1), 'failed', 'Access denied'),
      approvedAt(ago(40), { key: 'automatic.zip', route: AUTOMATIC }),
      orderEnded(requestedAt(onApproval('released.zip'), ago(8)), ago(6), 'released'),
    );

    // Act
    const { data } = await toolJson(stack.port, ['status']);
    const { stdout } = await tool(stack.port, ['status']);

    // Assess
    expect(standings(data.atStreampixel)).toEqual([
      ['drop/in-line.zip@v1', 'waits-for-release'],
      ['drop/failed.zip@v1', 'release-failed'],
    ]);
    // The newest that was approved is the one that failed to be released.
    expect(data.overtaken).toBe(2);
    expect(data.atStreampixel[0].release).toMatchObject({ state: 'requested', slot: new Date(slot).toISOString() });
    expect(stdout).toMatch(/approved +in-line\.zip@v1 +its release goes at \d\d:\d\d:\d\d \(in (9 m 5\d s|10 m)\)/);
    expect(stdout).toMatch(
      /failed\.zip@v1 +not released: Access denied\n +-> npx streampixel-drop release drop\/failed/,
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

  it('names a build that waits for a person for days, and counts it no more', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.put(
      approvedAt(ago(3 * 24 * 60), { key: 'patient.zip' }),
      approvedAt(ago(9 * 24 * 60), { key: 'old.zip' }),
    );
    const { data } = await toolJson(stack.port, ['status']);
    expect(standings(data.atStreampixel)).toEqual([['drop/patient.zip@v1', 'waits-for-person']]);
    expect(data.ended.approved).toBe(0);
  });

  it('says of which projects nobody hears, instead of calling their builds stuck', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const silent = (key: string) => anEntry({ key, droppedAt: ago(300), submittedAt: ago(300) });
    await stack.put({ ...silent('one.zip'), stuckAt: ago(180) }, silent('two.zip'));
    const { data } = await toolJson(stack.port, ['status']);
    const { stdout } = await tool(stack.port, ['status']);
    expect(data).toMatchObject({ atStreampixel: [], unheard: [{ projectId: AUTOMATIC.projectId, builds: 2 }] });
    expect(stdout).toMatch(/Nobody hears what becomes of 2 builds.*\n +-> npx streampixel-drop webhook\n/);
  });

  it('tells the end of the last ones: what was rejected by its objection', async ({ onTestFinished }) => {
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
    expect(data.lastEnded).toMatchObject([{ standing: 'rejected', objection: 'No exe.' }]);
    expect(stdout).toMatch(/1 rejected\n.*rejected +game\.zip@v1 +No exe\.\n/);
  });
});

describe.concurrent('status of a build', () => {
  it('shows its whole way with the time at each station, its requestId, and what to do', async ({ onTestFinished }) => {
    // Prepare
    const stack = await openQuietStack(onTestFinished);
    const entry = anEntry({
      droppedAt: ago(60),
      submittedAt: ago(50),
      route: ON_APPROVAL,
      news: [
        ['downloading', ago(49)],
        ['approved', ago(30)],
      ],
    });
    await stack.put(orderEnded(requestedAt(entry, ago(30)), ago(20), 'failed', 'Access denied'));

    // Act
    const { data } = await toolJson(stack.port, ['status', 'game.zip']);
    const { stdout } = await tool(stack.port, ['status', 'game.zip']);

    // Assess
    expect(data.way.map(({ step, tookSeconds }: Step) => [step, tookSeconds])).toEqual([
      ['dropped', 0],
      ['in line', 600],
      ['submitted', 60],
      ['downloading', 19 * 60],
      ['approved', undefined],
    ]);
    expect(data).toMatchObject({
      standing: 'release-failed',
      releaseMode: 'on-approval',
      release: { state: 'failed' },
    });
    expect(stdout).toMatch(/^They said +Access denied$/m);
    expect(stdout).toMatch(/^Then run +npx streampixel-drop release drop\/game\.zip@v1 --yes$/m);
    expect(stdout).toMatch(/downloading +19 m\n.*approved +30 m.* so far\n/);
  });

  it.for([
    [approvedAt(ago(5), { route: AUTOMATIC }), /^State +approved: live, or live within minutes$/m],
    [approvedAt(ago(5)), /^State +approved: good, and waits for a person to release it$/m],
    [approvedAt(ago(5), { route: ON_APPROVAL }), /^State +approved, and its release is ordered$/m],
  ] as const)('says what approved means in its release mode', async ([entry, words], { onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.put(entry);
    expect((await tool(stack.port, ['status', entry.id])).stdout).toMatch(words);
  });

  it('tells an order for an upload before it from one of its own', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const entry = { ...approvedAt(ago(5)), formerUploadIds: ['former'] };
    const back = { by: 'person', requestId: 'person/back', requestedAt: ago(1), uploadId: 'former' } as const;
    await stack.put(requestRelease(entry, back, ago(1))?.entry ?? entry);
    const { stdout } = await tool(stack.port, ['status', entry.id]);
    expect(stdout).toMatch(/^State +approved: good, and waits/m);
    expect(stdout).toMatch(/^Release +ordered of upload id former by a person at /m);
  });
});

interface Step {
  readonly step: string;
  readonly tookSeconds?: number;
}

function ordersOf({ release }: LedgerEntry) {
  if (release === undefined) throw new Error('there is no order');
  return release;
}

afterAll(() => {
  // The address of a webhook is a secret, and status is what people share.
  expect(printed.join('\n')).not.toContain('hooks.example');
});
