import { bytes } from '../../functions/domain/model/size.ts';
import { type BuildView, shortNames } from '../builds/build-view.ts';
import type { Overview } from '../builds/overview.ts';
import { adviceOn, STATUS_DISPLAY, slotText, stageOf } from '../builds/status-display.ts';
import { aligned, type Console, printable } from '../console.ts';
import { clockTime, inLocalTime, plural, span } from '../units.ts';

/** Builds that a list names; the others are counted. */
const MOST_NAMED = 15;

export function overviewPage(console: Console, overview: Overview): string[] {
  const { atStreampixel, lastEnded, waiting } = overview;
  const nameOf = namesIn(console, [...waiting, ...atStreampixel, ...lastEnded]);
  return [
    `${console.paint('bold', overview.stack)}  ${overview.region}  ${clockTime(overview.at, overview.at)}`,
    '',
    ...waitingSection(console, overview, nameOf),
    '',
    ...streampixelSection(console, overview, nameOf),
    '',
    ...endedSection(console, overview, nameOf),
    '',
    ...deadLetterSection(console, overview),
  ];
}

type NameOf = (view: BuildView) => string;

function namesIn({ columns }: Console, views: readonly BuildView[]): NameOf {
  const shortName = shortNames(
    views.map(({ entry }) => entry.id),
    columns,
  );
  return ({ entry }) => shortName(entry.id);
}

/** Builds, each in a line. */
export function listPage(console: Console, views: readonly BuildView[], now: number): string[] {
  const nameOf = namesIn(console, views);
  const rows = views.map((view) => {
    const shown = console.paint(STATUS_DISPLAY[view.status].colour, view.status);
    return [clockTime(view.entry.updatedAt, now), shown, nameOf(view), note(view, now)];
  });
  return rows.length === 0 ? ['No builds.'] : aligned(rows);
}

function waitingSection(console: Console, { at: now, lanes, unread, waiting }: Overview, nameOf: NameOf): string[] {
  const rows = waiting.slice(0, MOST_NAMED).map((view) => {
    const { entry, slot } = view;
    const when =
      entry.state === 'submitting' ? 'now' : slot === undefined ? 'later' : inLocalTime(slotText(slot, now), now);
    const size = entry.build.size === undefined ? '' : bytes(entry.build.size);
    return [console.paint('cyan', when), nameOf(view), size, note(view, now)];
  });
  return [
    `${console.paint('bold', 'Waiting')}  ${waiting.length === 0 ? 'nothing' : plural(waiting.length, 'build')}`,
    ...lanes.map(({ userId, waiting: count, lastSlot }) => {
      const end = lastSlot === undefined ? '' : `, the last slot is at ${clockTime(lastSlot, now)}`;
      return console.paint('gray', `  user ${userId}: ${count}${end}`);
    }),
    ...aligned(rows, 2),
    ...andMore(waiting.length - rows.length),
    ...(unread > 0 ? [`  and ${plural(unread, 'message')} not processed yet`] : []),
  ];
}

function streampixelSection(console: Console, overview: Overview, nameOf: NameOf): string[] {
  const { at: now, atStreampixel, noWebhookYet, overtaken } = overview;
  const named = atStreampixel.slice(0, MOST_NAMED);
  const rows = aligned(
    named.map((view) => [stageCell(console, view), nameOf(view), note(view, now)]),
    2,
  );
  const count = atStreampixel.length === 0 ? 'nothing' : plural(atStreampixel.length, 'build');
  const older = `${plural(overtaken, 'older build')} not named: a newer one of the same project is approved`;
  return [
    `${console.paint('bold', 'At Streampixel')}  ${count}`,
    ...named.flatMap(({ entry, status }, index) => {
      const run = adviceOn(entry, status, console.commands)?.run ?? console.commands.status(entry.build);
      return [rows[index] ?? '', ...(STATUS_DISPLAY[status].isOngoing ? [] : [command(console, run)])];
    }),
    ...andMore(atStreampixel.length - named.length),
    ...(overtaken > 0 ? [console.paint('gray', `  ${older}`)] : []),
    ...noWebhookYet.flatMap(({ builds, projectId }) => [
      `  The result of ${plural(builds, 'build')} of project ${projectId} is unknown: Streampixel has sent no webhook for it yet`,
      command(console, console.commands.webhook()),
    ]),
  ];
}

/** Its stage, marked where it is late or stuck. */
function stageCell(console: Console, { entry, status }: BuildView): string {
  const { colour } = STATUS_DISPLAY[status];
  const stage = stageOf(entry);
  if (status === 'stuck') return console.paint(colour, `stuck: ${stage}`);
  const isLate = entry.state === 'submitted' && entry.lateAt !== undefined;
  return isLate ? console.paint('yellow', `late: ${stage}`) : console.paint(colour, stage);
}

function endedSection(console: Console, { at: now, ended, lastEnded, since }: Overview, nameOf: NameOf): string[] {
  const counts = ended
    .filter(([, count]) => count > 0)
    .map(([state, count]) => {
      const { colour } = STATUS_DISPLAY[state === 'submitted' || state === 'approved' ? 'released' : state];
      return console.paint(colour, `${count} ${state}`);
    });
  const rows = lastEnded.map((view) => {
    const { entry, status } = view;
    const state = console.paint(STATUS_DISPLAY[status].colour, status === 'discarded' ? status : entry.state);
    return [clockTime(entry.updatedAt, now), state, nameOf(view), note(view, now)];
  });
  return [
    `${console.paint('bold', `Last ${span(now - since)}`)}  ${counts.join(', ') || 'nothing'}`,
    ...aligned(rows, 2),
  ];
}

function deadLetterSection(console: Console, { deadLetters: { hidden, waiting }, moves }: Overview): string[] {
  const count = console.paint('red', `${waiting}`);
  const reading = hidden === 0 ? '' : `, ${hidden} hidden while another command reads them`;
  return [
    `${console.paint('bold', 'Dead letters')}  ${waiting + hidden === 0 ? 'none' : `${count}${reading}: ${console.commands.deadLetters()}`}`,
    ...moves.map(({ status, moved, of }) => {
      return `  SQS is moving them (${status.toLowerCase()}): ${moved}${of === undefined ? '' : ` of ${of}`}`;
    }),
  ];
}

function note(view: BuildView, now: number): string {
  const earlier = view.live?.earlier === undefined ? [] : ['viewers have its earlier upload'];
  return printable(
    inLocalTime([STATUS_DISPLAY[view.status].note(view, now), ...earlier].filter(Boolean).join('; '), now),
  );
}

function command(console: Console, run: string): string {
  return `    ${console.paint('bold', `-> ${run}`)}`;
}

function andMore(count: number): string[] {
  return count > 0 ? [`  and ${count} more`] : [];
}
