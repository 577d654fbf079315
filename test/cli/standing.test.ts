import { describe, expect, it } from 'vitest';
import { adviceOn } from '../../cli/advice.ts';
import { isOvertaken } from '../../cli/at-vendor.ts';
import { Console } from '../../cli/console.ts';
import { endLine } from '../../cli/ending.ts';
import { ALL_STATES, findBuild } from '../../cli/ledger-search.ts';
import { OperatorError } from '../../cli/operator-error.ts';
import { isHeardBy, isOver, type Standing, standingOf } from '../../cli/standing.ts';
import { wayOf } from '../../cli/way.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import {
  deadLettered,
  skipped,
  submitted,
  submittedAgain,
  submitting,
} from '../../functions/domain/model/submission-transitions.ts';
import { MemoryLedger } from '../simulation/memory-ledger.ts';
import { START } from '../support/world.ts';
import { AUTOMATIC, anEntry, approvedAt, MINUTE, ON_APPROVAL, orderEnded, requestedAt } from './entries.ts';

const at = (minutes: number) => START + minutes * MINUTE;
const inLine = anEntry({ droppedAt: START });
const atVendor = anEntry({ droppedAt: START, submittedAt: at(2), news: [['downloading', at(3)]] });
const manual = approvedAt(at(20));
const automatic = approvedAt(at(20), { route: AUTOMATIC });
const onApproval = approvedAt(at(20), { route: ON_APPROVAL });
const ordered = requestedAt(onApproval, at(21));
const released = orderEnded(ordered, at(22), 'released');
const failed = orderEnded(ordered, at(22), 'failed', 'Access denied');
const rejected = anEntry({
  droppedAt: START,
  submittedAt: at(2),
  news: [['rejected', at(9)]],
  objection: 'No executable.',
});
const failure = { code: 'ProjectNotFound', detail: 'Project not found', at: at(2) } as const;

const EXAMPLES: Readonly<Record<Standing, readonly LedgerEntry[]>> = {
  'in-line': [inLine, submitting(inLine, at(1), at(3))],
  'under-way': [atVendor, { ...atVendor, lateAt: at(60) }],
  stuck: [{ ...atVendor, lateAt: at(60), stuckAt: at(130) }],
  unheard: [],
  live: [automatic],
  'waits-for-person': [manual],
  'waits-for-release': [onApproval, ordered, requestedAt(manual, at(30)), requestedAt(released, at(30), 'person/two')],
  'release-failed': [failed],
  released: [released],
  rejected: [rejected],
  skipped: [skipped(inLine, at(1), 'Superseded')],
  'dead-lettered': [deadLettered(inLine, at(1), failure, 'letter')],
};
const examples = Object.entries(EXAMPLES).flatMap(([standing, entries]) =>
  entries.map((entry) => [standing as Standing, entry] as const),
);

describe('where a build stands', () => {
  it.each(examples)('is "%s" by state, release mode and order', (standing, entry) => {
    expect(standingOf(entry, true)).toBe(standing);
  });

  it('is unheard where the webhook has not spoken, stuck or not, unless it has of this build', () => {
    const silent = anEntry({ droppedAt: START, submittedAt: at(2) });
    expect(standingOf({ ...silent, stuckAt: at(130) }, isHeardBy({}, silent))).toBe('unheard');
    expect(standingOf(silent, isHeardBy({ testedAt: at(-9) }, silent))).toBe('under-way');
    expect(standingOf(silent, isHeardBy({ lastWebhookAt: at(-9) }, silent))).toBe('under-way');
    expect(isHeardBy({}, atVendor)).toBe(true);
  });

  it('stays unheard for builds of the time of silence when the webhook speaks at last', () => {
    const record = { silenceNotifiedAt: at(122), lastWebhookAt: at(500) };
    expect(isHeardBy(record, anEntry({ droppedAt: START, submittedAt: at(2) }))).toBe(false);
    expect(isHeardBy(record, anEntry({ droppedAt: START, submittedAt: at(400) }))).toBe(true);
  });

  it('goes by the order for this very upload only', () => {
    const release = { ...requestedAt(manual, at(30)).release, uploadId: 'former' };
    expect(standingOf({ ...manual, release } as LedgerEntry, true)).toBe('waits-for-person');
  });
});

describe('the end of a build', () => {
  const console = new Console(true);

  it.each(examples.filter(([standing]) => ['rejected', 'stuck', 'release-failed', 'dead-lettered'].includes(standing)))(
    'is an error with words and a remedy: %s',
    (standing, entry) => {
      const run = () => endLine(console, 'game.zip', { entry, standing });
      expect(run).toThrow(OperatorError);
      expect(run).toThrow({ rejected: 'No executable.', 'release-failed': 'Access denied' }[standing as string] ?? '');
      expect(adviceOn(entry, standing)?.act).toBeTruthy();
    },
  );

  it.each(examples.filter(([standing]) => ['live', 'released', 'waits-for-person'].includes(standing)))(
    'is a good one: %s',
    (standing, entry) => {
      expect(isOver(standing)).toBe(true);
      expect(endLine(console, 'game.zip', { entry, standing })).toContain('upload-of-game.zip');
    },
  );

  it('gives no command to a shell that a key could make do more', () => {
    const evil = approvedAt(at(20), { key: "$(reboot)';x.zip" });
    expect(adviceOn(evil, 'waits-for-person')?.run).toBe(
      `npx streampixel-drop release 'drop/$(reboot)'\\'';x.zip@v1' --yes`,
    );
  });

  it('obeys no control character of the vendor', () => {
    const entry = { ...rejected, objection: 'a\u001b[2Jb' };
    expect(() => endLine(console, 'game.zip', { entry, standing: 'rejected' })).toThrow(/They said: a \[2Jb/);
  });
});

describe('a build that waits for a person', () => {
  const newer = approvedAt(at(90), { key: 'newer.zip' });

  it('is overtaken by a newer one of its project that was approved', () => {
    expect(isOvertaken(manual, 'waits-for-person', [manual, newer])).toBe(true);
    expect(isOvertaken(newer, 'waits-for-person', [manual, newer])).toBe(false);
    expect(isOvertaken(manual, 'waits-for-person', [manual, { ...newer, projectId: 'another' }])).toBe(false);
    expect(isOvertaken(manual, 'waits-for-person', [manual, { ...newer, state: 'rejected' }])).toBe(false);
  });

  it('is not where an order is under way', () => {
    expect(isOvertaken(ordered, 'waits-for-release', [ordered, newer])).toBe(false);
  });
});

describe('the way of a build', () => {
  const told = (entry: LedgerEntry) =>
    wayOf(entry).map(({ name, tookMs }) => [name, tookMs === undefined ? undefined : tookMs / MINUTE]);

  it('has each station with its duration, by the times and not by the order in which they were told', () => {
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
    expect(told(orderEnded(requestedAt(entry, at(13)), at(15), 'released'))).toEqual([
      ['dropped', 0],
      ['in line', 2],
      ['submitted', 1],
      ['uploaded', 1],
      ['downloading', 4],
      ['extracting', 5],
      ['approved', 2],
      ['released', undefined],
    ]);
  });

  it('puts a distribution behind the order that brought it, and gives it no end', () => {
    const entry = anEntry({
      droppedAt: START,
      submittedAt: at(2),
      route: ON_APPROVAL,
      news: [
        ['approved', at(13)],
        ['distributing', at(15) - 20],
      ],
    });
    const end = told(orderEnded(requestedAt(entry, at(13)), at(15), 'released'));
    expect(end.slice(-3)).toEqual([
      ['approved', 2],
      ['released', undefined],
      ['distributing', undefined],
    ]);
  });

  it('leaves out what the vendor has said of a submission before, and begins the line anew', () => {
    const again = submittedAgain(rejected, at(60), 'request');
    const entry = submitted(submitting(again, at(61), at(62)), at(61), 'second');
    expect(told(entry)).toEqual([
      ['dropped', undefined],
      ['in line', 1],
      ['submitted', undefined],
    ]);
  });

  it('takes no time where the vendor says so sooner than we', () => {
    const entry = anEntry({ droppedAt: START, submittedAt: at(2), news: [['uploaded', at(2) - 300]] });
    expect(told(entry)).toContainEqual(['submitted', 0]);
  });
});

describe('a search', () => {
  it.each(ALL_STATES)('finds a build that is %s', async (state) => {
    const ledger = new MemoryLedger();
    await ledger.save({ ...inLine, state });
    expect(await findBuild(ledger, 'game.zip')).toMatchObject({ state });
  });
});
