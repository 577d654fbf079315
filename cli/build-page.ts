import type { LedgerEntry } from '../functions/domain/model/ledger-entry.ts';
import { REASONS } from '../functions/domain/model/reasons.ts';
import type { ReleaseMode } from '../functions/domain/model/route.ts';
import { adviceOn, runLabel } from './advice.ts';
import { isListedAtVendor } from './at-vendor.ts';
import type { BuildFacts } from './builds.ts';
import { aligned, type Console, printable } from './console.ts';
import { objectionOf } from './ending.ts';
import { ownRelease, type Standing } from './standing.ts';
import { releaseWords } from './status-page.ts';
import { bytes, clockTime, inLocalTime, iso, span } from './units.ts';
import { type Step, wayOf } from './way.ts';

/** One step on the way of a build, as it is told. */
export interface StepFacts {
  readonly step: Step['name'];
  /** ISO 8601. */
  readonly at: string;
  /** Until the next step; absent for the last one, and where nobody can say. */
  readonly tookSeconds: number | undefined;
}

export function stepFacts(entry: LedgerEntry): readonly StepFacts[] {
  return wayOf(entry).map(({ at, name, tookMs }) => {
    return { step: name, at: iso(at), tookSeconds: tookMs === undefined ? undefined : Math.round(tookMs / 1_000) };
  });
}

/** All that is known of one build: what it is, where it stands, what to do about it, its way and its history. */
export function buildPage(console: Console, entry: LedgerEntry, facts: BuildFacts, now: number): string[] {
  return [
    ...aligned(formOf(console, entry, facts, now).filter(([, value]) => value !== '')),
    '',
    console.paint('bold', 'Its way'),
    ...aligned(wayRows(console, entry, facts.standing, now), 2),
    '',
    console.paint('bold', 'Its history'),
    ...aligned(
      entry.history.map(({ at, note = '', state }, index, { [index - 1]: before }) => [
        clockTime(at, now),
        state === before?.state ? '' : state,
        printable(inLocalTime(note, now)),
      ]),
      2,
    ),
  ];
}

function formOf(console: Console, entry: LedgerEntry, facts: BuildFacts, now: number): [string, string][] {
  const { attempts, possiblyDoubled, projectId, release, size, standing, uploadId, userId } = facts;
  const reason = entry.state === 'dead-lettered' ? entry.reason : undefined;
  const advice = adviceOn(entry, standing);
  return [
    ['Build', printable(entry.id)],
    ['State', console.paint(COLOURS[standing], standingWords(facts, now))],
    ['Late', entry.state === 'submitted' && facts.lateAt !== undefined ? lateWords(entry, now) : ''],
    ['Size', size === undefined ? '' : bytes(size)],
    ['Dropped', `${facts.droppedAt}, ${span(now - entry.build.droppedAt)} ago`],
    ['Project', projectId === undefined ? '' : `${projectId} of user ${userId}`],
    ['Upload id', uploadId ?? ''],
    ['Before it', facts.formerUploadIds.join(', ')],
    ['Goes live', entry.releaseMode === undefined ? '' : modeWords(entry.releaseMode)],
    ['Release', release === undefined ? '' : orderWords(entry, release, now)],
    ['Attempts', attempts === 0 ? '' : `${attempts} failed`],
    ['Doubled?', possiblyDoubled ? 'an answer was lost: Streampixel may hold it twice' : ''],
    ['Why', reason === undefined ? '' : REASONS[reason].cause],
    ['They said', saidOf(entry, standing)],
    ['Do', advice?.act ?? ''],
    [advice === undefined ? '' : runLabel(advice), advice?.run ?? ''],
  ];
}

const COLOURS = {
  'in-line': 'cyan',
  'under-way': 'cyan',
  stuck: 'red',
  unheard: 'yellow',
  live: 'green',
  'waits-for-person': 'green',
  'waits-for-release': 'cyan',
  'release-failed': 'red',
  released: 'green',
  rejected: 'red',
  skipped: 'gray',
  'dead-lettered': 'red',
} as const satisfies Readonly<Record<Standing, string>>;

function standingWords(facts: BuildFacts, now: number): string {
  const { lastNewsAt, reason, slot, stage = 'submitted', standing, state, submittedAt } = facts;
  switch (standing) {
    case 'in-line': {
      if (state === 'submitting') return 'being submitted just now';
      const turn = slot === undefined ? 'its next try' : `its turn at ${clockTime(Date.parse(slot), now)}`;
      return `waits for ${turn}${state === 'unknown' ? '; an earlier answer was lost' : ''}`;
    }
    case 'under-way':
      return `at Streampixel: ${stage}`;
    case 'stuck': {
      const since = lastNewsAt ?? submittedAt ?? facts.changedAt;
      return `stuck at Streampixel: ${stage}, and no word for ${span(now - Date.parse(since))}`;
    }
    case 'unheard':
      return 'submitted; nobody hears what becomes of it';
    case 'live':
      return 'approved: live, or live within minutes';
    case 'waits-for-person':
      return 'approved: good, and waits for a person to release it';
    case 'waits-for-release':
      return state === 'released' ? 'released before, and ordered once more' : 'approved, and its release is ordered';
    case 'release-failed':
      return `${state}, and the last order to release it failed`;
    case 'released':
      return 'released: Streampixel has taken the order to distribute it';
    case 'rejected':
      return 'rejected by Streampixel';
    case 'skipped':
      return `skipped as ${reason}`;
    case 'dead-lettered':
      return `dead-lettered as ${reason}`;
  }
}

function lateWords({ lateAt = 0, submittedAt = 0 }: LedgerEntry, now: number): string {
  return `since ${clockTime(lateAt, now)}; submitted ${span(now - submittedAt)} ago`;
}

function modeWords(mode: ReleaseMode): string {
  switch (mode) {
    case 'automatic':
      return 'by itself, once it is approved';
    case 'manual':
      return 'when somebody releases it, once it is approved';
    case 'on-approval':
      return 'by our order, which follows its approval';
  }
}

function orderWords(entry: LedgerEntry, release: NonNullable<BuildFacts['release']>, now: number): string {
  const whose = release.uploadId === entry.uploadId ? '' : ` of upload id ${release.uploadId}`;
  const who = release.by === 'person' ? 'a person' : 'its approval';
  const isToldBelow = release.state === 'failed' && whose === '';
  const words = isToldBelow ? 'it failed' : releaseWords(release, now);
  return `ordered${whose} by ${who} at ${clockTime(Date.parse(release.requestedAt), now)}: ${words}`;
}

/** Foreign words on why it is where it is. */
function saidOf(entry: LedgerEntry, standing: Standing): string {
  switch (standing) {
    case 'rejected':
      return objectionOf(entry);
    case 'release-failed':
      return printable(ownRelease(entry)?.detail ?? '');
    case 'in-line':
    case 'dead-lettered':
      return printable(entry.lastFailure?.detail ?? '');
    case 'under-way':
    case 'stuck':
    case 'unheard':
    case 'live':
    case 'waits-for-person':
    case 'waits-for-release':
    case 'released':
    case 'skipped':
      return '';
  }
}

function wayRows(console: Console, entry: LedgerEntry, standing: Standing, now: number): string[][] {
  const isWaiting = standing === 'in-line' || isListedAtVendor(standing);
  return wayOf(entry).map(({ at, name, tookMs }, index, { length }) => {
    const isLast = index === length - 1;
    const soFar = isLast && isWaiting ? `${span(now - at)} so far` : '';
    return [clockTime(at, now), name, console.paint('gray', tookMs === undefined ? soFar : span(tookMs))];
  });
}
