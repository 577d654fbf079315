import { describe, expect, it, vi } from 'vitest';
import { type BuildStatus, receivesWebhooks, statusOf } from '../../cli/builds/build-status.ts';
import { ALL_STATES, findBuild } from '../../cli/builds/search.ts';
import { adviceOn, isOvertaken, STATUS_DISPLAY } from '../../cli/builds/status-display.ts';
import { timelineOf } from '../../cli/builds/timeline.ts';
import { Console } from '../../cli/console.ts';
import { OperatorError } from '../../cli/operator-error.ts';
import { createFollowLines } from '../../cli/screens/follow-lines.ts';
import { resultLine } from '../../cli/screens/result.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import {
  deadLettered,
  discarded,
  skipped,
  submitted,
  submittedAgain,
  submitting,
} from '../../functions/domain/model/submission-transitions.ts';
import { MemoryLedger } from '../simulation/memory-ledger.ts';
import { START } from '../support/world.ts';
import { AUTOMATIC, anEntry, approvedAt, MINUTE, ON_APPROVAL, requestEnded, requestedAt } from './entries.ts';

const at = (minutes: number) => START + minutes * MINUTE;
const waiting = anEntry({ droppedAt: START });
const underWay = anEntry({ droppedAt: START, submittedAt: at(2), news: [['downloading', at(3)]] });
const manual = approvedAt(at(20));
const automatic = approvedAt(at(20), { route: AUTOMATIC });
const onApproval = approvedAt(at(20), { route: ON_APPROVAL });
const requested = requestedAt(onApproval, at(21));
const released = requestEnded(requested, at(22), 'released');
const failed = requestEnded(requested, at(22), 'failed', 'Access denied');
const rejected = anEntry({
  droppedAt: START,
  submittedAt: at(2),
  news: [['rejected', at(9)]],
  objection: 'No executable.',
});
const failure = { code: 'ProjectNotFound', detail: 'Project not found', at: at(2) } as const;

const EXAMPLES: Readonly<Record<BuildStatus, readonly LedgerEntry[]>> = {
  waiting: [waiting, submitting(waiting, at(1), at(3))],
  'under-way': [underWay, { ...underWay, lateAt: at(60) }],
  stuck: [{ ...underWay, lateAt: at(60), stuckAt: at(130) }],
  'no-webhook-yet': [anEntry({ droppedAt: START, submittedAt: at(2) })],
  live: [automatic],
  'was-live': [],
  'waits-for-person': [manual],
  'waits-for-release': [
    onApproval,
    requested,
    requestedAt(manual, at(30)),
    requestedAt(released, at(30), 'person/two'),
  ],
  'release-failed': [failed],
  superseded: [{ ...failed, release: { ...failed.release, failure: 'superseded' } as Release }],
  released: [released],
  rejected: [rejected],
  skipped: [skipped(waiting, at(1), 'Superseded')],
  'dead-lettered': [deadLettered(waiting, at(1), failure, 'dead-letter')],
  discarded: [
    discarded(deadLettered(waiting, at(1), failure, 'dead-letter'), at(2)),
    // SQS had moved its message by itself.
    discarded(waiting, at(2)),
  ],
};
const examples = Object.entries(EXAMPLES).flatMap(([status, entries]) =>
  entries.map((entry) => [status as BuildStatus, entry] as const),
);

describe('the status of a build', () => {
  it.each(examples)('is "%s" by state, release mode and release request', (status, entry) => {
    expect(statusOf(entry, status !== 'no-webhook-yet')).toBe(status);
  });

  it('is no-webhook-yet where Streampixel has sent none for the project, stuck or not, unless it has for this build', () => {
    const silent = anEntry({ droppedAt: START, submittedAt: at(2) });
    expect(statusOf({ ...silent, stuckAt: at(130) }, receivesWebhooks({}, silent))).toBe('no-webhook-yet');
    expect(statusOf(silent, receivesWebhooks({ testedAt: at(-9) }, silent))).toBe('under-way');
    expect(statusOf(silent, receivesWebhooks({ lastWebhookAt: at(-9) }, silent))).toBe('under-way');
    expect(receivesWebhooks({}, underWay)).toBe(true);
  });

  it('stays no-webhook-yet for builds from before the alert when webhooks arrive at last', () => {
    const record = { silenceNotifiedAt: at(122), lastWebhookAt: at(500) };
    expect(receivesWebhooks(record, anEntry({ droppedAt: START, submittedAt: at(2) }))).toBe(false);
    expect(receivesWebhooks(record, anEntry({ droppedAt: START, submittedAt: at(400) }))).toBe(true);
  });

  it('says of the viewers what the ledger knows of them, unless a release is in progress or has failed', () => {
    const live = { uploadId: 'upload-of-game.zip', at: at(22), source: 'released', by: 'person' } as const;
    const before = { ...live, until: at(40) };
    expect([automatic, manual, released, failed, requested].map((entry) => statusOf(entry, true, live))).toEqual([
      'live',
      'live',
      'released',
      'live',
      'waits-for-release',
    ]);
    expect([automatic, manual, released, failed, requested].map((entry) => statusOf(entry, true, before))).toEqual([
      'was-live',
      'was-live',
      'was-live',
      'release-failed',
      'waits-for-release',
    ]);
    expect(statusOf(rejected, true, before)).toBe('rejected');
  });

  it('depends on the release request for this upload only', () => {
    const release = { ...requestedAt(manual, at(30)).release, uploadId: 'former' };
    expect(statusOf({ ...manual, release } as LedgerEntry, true)).toBe('waits-for-person');
  });
});

describe('the result of a build', () => {
  const console = new Console(true);

  it.each(examples.filter(([status]) => ['rejected', 'stuck', 'release-failed', 'dead-lettered'].includes(status)))(
    'is an error with a message and a remedy: %s',
    (status, entry) => {
      const run = () => resultLine(console, 'game.zip', { entry, status });
      expect(run).toThrow(OperatorError);
      expect(run).toThrow({ rejected: 'No executable.', 'release-failed': 'Access denied' }[status as string] ?? '');
      expect(adviceOn(entry, status, console.commands)?.act).toBeTruthy();
    },
  );

  it.each(examples.filter(([status]) => ['live', 'released', 'waits-for-person'].includes(status)))(
    'is a good one: %s',
    (status, entry) => {
      expect(STATUS_DISPLAY[status].isOngoing).toBeUndefined();
      expect(resultLine(console, 'game.zip', { entry, status })).toContain('upload-of-game.zip');
    },
  );

  it('gives no command to a shell that a key could make do more', () => {
    const evil = approvedAt(at(20), { key: "$(reboot)';x.zip" });
    expect(adviceOn(evil, 'waits-for-person', console.commands)?.run).toBe(
      'npx --no streampixel-drop release v1 --yes',
    );
  });

  it('passes on no control character of Streampixel', () => {
    const entry = { ...rejected, objection: 'a\u001b[2Jb' };
    expect(() => resultLine(console, 'game.zip', { entry, status: 'rejected' })).toThrow(
      /Streampixel's message: a \[2Jb/,
    );
  });
});

describe('a build that waits for a person', () => {
  const newer = approvedAt(at(90), { key: 'newer.zip' });

  it('is overtaken by a newer one of its project that was approved', () => {
    expect(isOvertaken({ entry: manual, status: 'waits-for-person' }, [manual, newer])).toBe(true);
    expect(isOvertaken({ entry: newer, status: 'waits-for-person' }, [manual, newer])).toBe(false);
    expect(
      isOvertaken({ entry: manual, status: 'waits-for-person' }, [manual, { ...newer, projectId: 'another' }]),
    ).toBe(false);
    expect(isOvertaken({ entry: manual, status: 'waits-for-person' }, [manual, { ...newer, state: 'rejected' }])).toBe(
      false,
    );
  });

  it('is not overtaken while its release is requested', () => {
    expect(isOvertaken({ entry: requested, status: 'waits-for-release' }, [requested, newer])).toBe(false);
  });
});

describe('the timeline of a build', () => {
  const minutesOf = (entry: LedgerEntry) =>
    timelineOf(entry).map(({ name, tookMs }) => [name, tookMs === undefined ? undefined : tookMs / MINUTE]);

  it('has each step with its duration, by its time and not by the order in which webhooks came', () => {
    const entry = anEntry({
      droppedAt: START,
      submittedAt: at(2),
      route: ON_APPROVAL,
      news: [
        ['extracting', at(8)],
        ['uploaded', at(3)],
        ['downloading', at(4)],
        ['approved', at(13)],
      ],
    });
    expect(minutesOf(requestEnded(requestedAt(entry, at(13)), at(15), 'released'))).toEqual([
      ['dropped', 0],
      ['waiting', 2],
      ['submitted', 1],
      ['uploaded', 1],
      ['downloading', 4],
      ['extracting', 5],
      ['approved', 2],
      ['released', undefined],
    ]);
  });

  it('puts a distribution behind the request that started it, and gives it no end', () => {
    const entry = anEntry({
      droppedAt: START,
      submittedAt: at(2),
      route: ON_APPROVAL,
      news: [
        ['approved', at(13)],
        ['distributing', at(15) - 20],
      ],
    });
    const end = minutesOf(requestEnded(requestedAt(entry, at(13)), at(15), 'released'));
    expect(end.slice(-3)).toEqual([
      ['approved', 2],
      ['released', undefined],
      ['distributing', undefined],
    ]);
  });

  it('leaves out what Streampixel reported of an earlier submission, and starts to wait again', () => {
    const again = submittedAgain(rejected, at(60), 'request');
    const entry = submitted(submitting(again, at(61), at(62)), at(61), 'second');
    expect(minutesOf(entry)).toEqual([
      ['dropped', undefined],
      ['waiting', 1],
      ['submitted', undefined],
    ]);
  });

  it('has no negative duration where Streampixel reports a stage earlier than its answer came', () => {
    const entry = anEntry({ droppedAt: START, submittedAt: at(2), news: [['uploaded', at(2) - 300]] });
    expect(minutesOf(entry)).toContainEqual(['submitted', 0]);
  });
});

describe('what is printed while a build is followed', () => {
  const STAGES = ['uploaded', 'downloading', 'extracting', 'saving', 'distributing', 'approved'] as const;
  const news = STAGES.map((stage, index) => [stage, at(3 + index)] as const);
  const withStages = (count: number) =>
    anEntry({ droppedAt: START, submittedAt: at(2), route: AUTOMATIC, news: news.slice(0, count) });

  /** The lines for these states of one build, one after the other, without their times. */
  function linesFor(entries: readonly LedgerEntry[], known?: LedgerEntry): readonly string[] {
    const console = new Console(true);
    const say = vi.spyOn(console, 'say').mockImplementation(() => {});
    const print = createFollowLines(console, known);
    for (const entry of entries) print(entry);
    return say.mock.calls.map(([line]) => line.replace(/^.*?\d\d:\d\d\S* {2}/, ''));
  }

  it('is each stage once, in order, with how long the step before it took', () => {
    expect(linesFor([waiting, withStages(0), withStages(2), withStages(2), withStages(6)])).toEqual([
      'submitting',
      'submitted  upload id upload-of-game.zip  (waiting: 2 m)',
      'uploaded  (submitted: 1 m)',
      ...STAGES.slice(1).map((stage, index) => `${stage}  (${STAGES[index]}: 1 m)`),
    ]);
  });

  it('is nothing that was known before', () => {
    expect(linesFor([withStages(6)], withStages(4))).toEqual([
      'distributing  (saving: 1 m)',
      'approved  (distributing: 1 m)',
    ]);
  });
});

describe('a search', () => {
  it.each(ALL_STATES)('finds a build that is %s', async (state) => {
    const ledger = new MemoryLedger();
    await ledger.save({ ...waiting, state });
    const drop = { ledger, bucket: waiting.build.bucket, settings: { prefix: '', routes: [] } };
    expect(await findBuild(drop, 'game.zip')).toMatchObject({ state });
  });
});
