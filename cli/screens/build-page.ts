import { downloadText } from '../../functions/domain/model/file-url.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import type { ReleaseMode } from '../../functions/domain/model/route.ts';
import { bytes } from '../../functions/domain/model/size.ts';
import type { OperatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import type { BuildView } from '../builds/build-view.ts';
import { byWhom, whenLive } from '../builds/live.ts';
import { adviceOn, releaseText, STATUS_DISPLAY } from '../builds/status-display.ts';
import { timelineOf } from '../builds/timeline.ts';
import { aligned, type Console } from '../console.ts';
import { clockTime, inLocalTime, iso, span } from '../units.ts';
import { packageRows, warningRows } from './package-rows.ts';

/** All that is known about one build: what it is, its status, what to do about it, its timeline and its history. */
export function buildPage(console: Console, view: BuildView, now: number): string[] {
  return [
    ...aligned(
      buildRows(view, now, console.commands).map(([name, value]) => {
        // What a script may copy stays as it is.
        const text = name === 'Dropped' ? value : inLocalTime(value, now);
        return [name, name === 'Status' ? console.paint(STATUS_DISPLAY[view.status].colour, text) : text];
      }),
    ),
    ...warningLines(console, view.entry.warnings),
    ...differenceLines(console, view.differences),
    '',
    console.paint('bold', 'Timeline'),
    ...aligned(timelineRows(console, view, now), 2),
    '',
    console.paint('bold', 'History'),
    ...aligned(historyRows(view, now), 2),
  ];
}

function warningLines(console: Console, warnings: LedgerEntry['warnings'] = []): string[] {
  if (warnings.length === 0) return [];
  return ['', console.paint('bold', 'Warnings of the package'), ...aligned(warningRows(warnings), 2)];
}

function differenceLines(console: Console, differences: BuildView['differences'] = []): string[] {
  if (differences.length === 0) return [];
  const title = console.paint('bold', 'Different from what viewers have now');
  return ['', title, ...differences.map(({ text }) => `  ${text}`)];
}

function historyRows({ entry }: BuildView, now: number): string[][] {
  return entry.history.map(({ at, note = '', state }, index, { [index - 1]: before }) => [
    clockTime(at, now),
    state === before?.state ? '' : state,
    inLocalTime(note, now),
  ]);
}

/** What is known about a build as label and value, in the order in which people read it. Times are ISO 8601. */
export function buildRows(view: BuildView, now: number, commands: OperatorCommands): (readonly [string, string])[] {
  const { entry, status } = view;
  const { build, formerUploadIds = [], lateAt, projectId, releaseMode, submittedAt = 0, uploadId, userId } = entry;
  const { label, message } = STATUS_DISPLAY[status];
  const advice = adviceOn(entry, status, commands);
  const isLate = entry.state === 'submitted' && lateAt !== undefined;
  const [messageLabel, text] = message?.(entry) ?? ['', ''];
  const rows: readonly (readonly [string, string])[] = [
    ['Build', entry.id],
    ['Status', label(view)],
    ['Late', isLate ? `since ${iso(lateAt)}; submitted ${span(now - submittedAt)} ago` : ''],
    ['Size', build.size === undefined ? '' : bytes(build.size)],
    ['Dropped', `${iso(build.droppedAt)}, ${span(now - build.droppedAt)} ago`],
    ...packageRows(entry.package, entry.labels),
    ['Project', projectId === undefined ? '' : `${projectId} of user ${userId}`],
    ['Upload id', uploadId ?? ''],
    ['Earlier ids', formerUploadIds.join(', ')],
    ['Live', liveText(view)],
    ['Download', downloadLine(view, now)],
    ['Goes live', releaseMode === undefined ? '' : GOES_LIVE[releaseMode]],
    ['Release', requestText(view, now)],
    ['Attempts', entry.attempts === 0 ? '' : `${entry.attempts} failed`],
    ['Duplicate?', entry.possiblyDoubled ? 'an answer was lost: Streampixel may have the build twice' : ''],
    ['Why', status === 'dead-lettered' && entry.reason !== undefined ? REASONS[entry.reason].cause : ''],
    [messageLabel, text],
    ['What to do', advice?.act ?? ''],
    [advice?.when ?? 'Then run', advice?.run ?? ''],
  ];
  return rows.filter(([, value]) => value !== '');
}

/** Until when Streampixel can download it, while it may still have to. */
function downloadLine({ entry: { fileUrl, state } }: BuildView, now: number): string {
  const isOpen = state === 'submitting' || state === 'submitted' || state === 'unknown';
  if (fileUrl === undefined || !isOpen) return '';
  const { delivery, until } = fileUrl;
  const text = until > now ? downloadText(delivery, iso(until)) : `the URL expired at ${iso(until)}`;
  return `${text} (${delivery})`;
}

const GOES_LIVE = {
  automatic: 'by itself, once it is approved',
  manual: 'when a person releases it, once it is approved',
  'on-approval': 'when the pipeline requests its release, right after its approval',
} as const satisfies Readonly<Record<ReleaseMode, string>>;

/** An earlier upload that viewers have: the status is about the last one. */
function liveText({ live: { earlier } = {} }: BuildView): string {
  return earlier === undefined
    ? ''
    : `its earlier upload ${earlier.uploadId} is live ${whenLive(earlier)}, ${byWhom(earlier)}`;
}

function requestText({ entry: { release, uploadId }, releaseSlot }: BuildView, now: number): string {
  if (release === undefined) return '';
  const isOwn = release.uploadId === uploadId;
  const by = release.by === 'person' ? `by ${release.requestedBy ?? 'a person'}` : 'after the approval';
  // The page says further down why it failed.
  const text = release.state === 'failed' && isOwn ? 'it failed' : releaseText(release, releaseSlot, now);
  return `of ${isOwn ? 'this upload' : `upload id ${release.uploadId}`}, requested ${by} at ${iso(release.requestedAt)}: ${text}`;
}

function timelineRows(console: Console, { entry, status }: BuildView, now: number): string[][] {
  const isOngoing = STATUS_DISPLAY[status].list !== 'ended';
  return timelineOf(entry).map(({ at, name, tookMs }, index, { length }) => {
    const soFar = isOngoing && index === length - 1 ? `${span(now - at)} so far` : '';
    return [clockTime(at, now), name, console.paint('gray', tookMs === undefined ? soFar : span(tookMs))];
  });
}
