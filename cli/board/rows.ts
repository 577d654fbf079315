import { furthestStage } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Labels } from '../../functions/domain/model/package-verdict.ts';
import { SKIP_CAUSES } from '../../functions/domain/model/reasons.ts';
import type { BuildStatus } from '../builds/build-status.ts';
import { type BuildView, buildFacts, shortNames } from '../builds/build-view.ts';
import type { Expectation } from '../builds/expected.ts';
import { STATUS_DISPLAY } from '../builds/status-display.ts';
import { timelineFacts } from '../builds/timeline.ts';
import type { Colour } from '../console.ts';
import { printable } from '../console.ts';
import { iso } from '../units.ts';
import type { BuildAction, BuildRow, Some, Tone } from './board-api.ts';

/** Builds of a list that are named. */
const NAMED = 20;

/** What rows depend on beside their build. */
export interface RowContext {
  readonly readOnly: boolean;
  readonly expectedAt: Expectation;
}

export type ToRow = (view: BuildView) => BuildRow;

/** @param views that are shown together: names are as short as they can be among them */
export function rowsOf(views: readonly BuildView[], context: RowContext): readonly BuildRow[] {
  const nameOf = shortNames(views.map(({ entry }) => entry.id));
  return views.map((view) => rowOf(view, nameOf(view.entry.id), context));
}

export function someOf(views: readonly BuildView[], context: RowContext): Some<BuildRow> {
  return { count: views.length, items: rowsOf(views.slice(0, NAMED), context) };
}

/** The facts are those of `status --json`. */
function rowOf(view: BuildView, name: string, { expectedAt, readOnly }: RowContext): BuildRow {
  const { entry, releaseSlot, status } = view;
  const { id: _, ...facts } = { ...buildFacts(view), id: '' };
  return present({
    id: entry.id,
    name,
    key: entry.build.key,
    projectId: facts.projectId,
    userId: facts.userId,
    status,
    // Some builds stay `released` in the ledger, whatever viewers get.
    statusText: STATUS_DISPLAY[isLive(view) ? 'live' : status].name,
    tone: toneOf(status),
    labels: shownLabels(entry.labels),
    size: facts.size,
    uploadId: facts.uploadId,
    droppedAt: iso(entry.build.droppedAt),
    changedAt: iso(entry.updatedAt),
    slot: facts.slot,
    releaseSlot: iso(releaseSlot),
    expectedAt: iso(expectedAt(view)),
    submittedAt: facts.submittedAt,
    stage: furthestStage(entry),
    timeline: timelineFacts(entry),
    lateAt: entry.state === 'submitted' ? facts.lateAt : undefined,
    stuckAt: entry.state === 'submitted' ? facts.stuckAt : undefined,
    lastNewsAt: entry.state === 'submitted' ? facts.lastNewsAt : undefined,
    problem: problemOf(view),
    warningCount: entry.warnings?.length ?? 0,
    actions: readOnly ? [] : actionsOn(view),
  });
}

function isLive({ live, status }: BuildView): boolean {
  return status === 'released' && live?.own !== undefined && live.own.until === undefined;
}

const TONES = {
  cyan: 'active',
  green: 'good',
  yellow: 'attention',
  red: 'bad',
  gray: 'quiet',
} as const satisfies Partial<Record<Colour, Tone>>;

function toneOf(status: BuildStatus): Tone {
  if (status === 'waits-for-person') return 'attention';
  return TONES[STATUS_DISPLAY[status].colour as keyof typeof TONES] ?? 'quiet';
}

/** Labels as people see them. */
export function shownLabels(labels: Labels | undefined): Labels | undefined {
  return labels && Object.fromEntries(Object.entries(labels).map((pair) => pair.map(printable) as [string, string]));
}

/** Why it waits for another attempt, failed or was skipped. */
function problemOf({ entry, status }: BuildView): string | undefined {
  const { attempts, lastFailure, reason, skipCause } = entry;
  if (status === 'skipped') return skipCause && `${skipCause}: ${SKIP_CAUSES[skipCause]}`;
  if (status === 'waiting') {
    return attempts === 0 || lastFailure === undefined
      ? undefined
      : printable(`${attempts === 1 ? '1 attempt' : `${attempts} attempts`} failed: ${lastFailure.detail}`);
  }
  const text = STATUS_DISPLAY[status].message?.(entry)[1] ?? '';
  const code = status === 'dead-lettered' || status === 'discarded' ? (reason ?? '') : '';
  return printable([code, text].filter((part) => part !== '').join(': ')) || undefined;
}

/** What a person can do about a build in this status. The plan says whether it is possible, and what it does. */
function actionsOn({ entry, status }: BuildView): readonly BuildAction[] {
  const again: readonly BuildAction[] = ['submit-again'];
  switch (status) {
    case 'waiting':
    case 'waits-for-release':
      return [];
    case 'under-way':
    case 'stuck':
    case 'no-webhook-yet':
    case 'live':
    case 'released':
    case 'was-live':
    case 'waits-for-person':
    case 'release-failed':
    case 'superseded':
      return ['release', ...again];
    case 'rejected':
    case 'skipped':
      return again;
    case 'dead-lettered':
      return entry.reason === 'NotAPackage' ? ['redrive', 'submit', 'discard'] : ['redrive', 'discard'];
    case 'discarded':
      return ['submit'];
  }
}

export function isFailed({ discardedAt, state }: LedgerEntry): boolean {
  return state === 'dead-lettered' && discardedAt === undefined;
}
