import type { BuildState } from '../../functions/domain/model/ledger-entry.ts';
import { statusCommand, TOOL, WEBHOOK_COMMAND } from '../../functions/domain/notify/operator-commands.ts';
import { aligned, type Colour, type Console, printable } from '../console.ts';
import { type BuildView, buildFacts, shortId } from '../ledger/build-view.ts';
import { bytes, clockTime, iso, plural, span } from '../units.ts';
import { adviceOn, STATUS_DISPLAY, slotText, stageOf } from './status-display.ts';

/** States of builds that no longer wait for their submission, and the colour of their count. */
const ENDED_COLOURS = {
  submitted: 'green',
  approved: 'green',
  released: 'green',
  rejected: 'red',
  skipped: 'gray',
  'dead-lettered': 'red',
} as const satisfies Readonly<Record<Exclude<BuildState, 'waiting' | 'submitting' | 'unknown'>, Colour>>;
export type EndedState = keyof typeof ENDED_COLOURS;
export const ENDED_STATES = Object.keys(ENDED_COLOURS) as readonly EndedState[];

/** All builds of the stack at a glance. Times in ms since the epoch. */
export interface Overview {
  readonly stack: string;
  readonly region: string;
  readonly at: number;
  /** By slot. */
  readonly waiting: readonly BuildView[];
  readonly lanes: readonly {
    readonly userId: string;
    readonly waiting: number;
    readonly lastSlot: number | undefined;
  }[];
  /** Builds at Streampixel that are not finished, oldest first. */
  readonly atStreampixel: readonly BuildView[];
  /** Builds that would be among those if no newer one of their project had been approved. */
  readonly overtaken: number;
  /** Builds of projects for which Streampixel has never sent a webhook. */
  readonly noWebhookYet: readonly { readonly projectId: string; readonly builds: number }[];
  /** Builds that were submitted, skipped or dead-lettered since then, counted by their state now. */
  readonly since: number;
  readonly ended: Readonly<Record<EndedState, number>>;
  readonly lastEnded: readonly BuildView[];
  /** Messages that the ledger has no build of yet. */
  readonly unread: number;
  readonly deadLetters: { readonly waiting: number; readonly hidden: number };
  /** Redrives that were started in the console; SQS moves those messages by itself. */
  readonly moves: readonly { readonly status: string; readonly moved: number; readonly of: number | undefined }[];
}

/** As `--json` prints it. */
export function overviewFacts({ at, atStreampixel, lanes, lastEnded, since, waiting, ...overview }: Overview) {
  return {
    ...overview,
    at: iso(at),
    inLine: waiting.map(buildFacts),
    lines: lanes.map(({ lastSlot, ...lane }) => ({ ...lane, lastTurn: iso(lastSlot) })),
    atStreampixel: atStreampixel.map(buildFacts),
    since: iso(since),
    lastEnded: lastEnded.map(buildFacts),
  };
}

/** Builds that a list names; the others are counted. */
const MOST_NAMED = 15;

export function overviewPage(console: Console, overview: Overview): string[] {
  return [
    `${console.paint('bold', overview.stack)}  ${overview.region}  ${clockTime(overview.at, overview.at)}`,
    '',
    ...waitingSection(console, overview),
    '',
    ...streampixelSection(console, overview),
    '',
    ...endedSection(console, overview),
    '',
    ...deadLetterSection(console, overview),
  ];
}

function waitingSection(console: Console, { at: now, lanes, unread, waiting }: Overview): string[] {
  const rows = waiting.slice(0, MOST_NAMED).map((view) => {
    const { entry, slot } = view;
    const when = entry.state === 'submitting' ? 'now' : slot === undefined ? 'later' : slotText(slot, now);
    const size = entry.build.size === undefined ? '' : bytes(entry.build.size);
    return [console.paint('cyan', when), shortId(entry.id), size, note(view, now)];
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

function streampixelSection(console: Console, overview: Overview): string[] {
  const { at: now, atStreampixel, noWebhookYet, overtaken } = overview;
  const named = atStreampixel.slice(0, MOST_NAMED);
  const rows = aligned(
    named.map((view) => [...statusCells(console, view), note(view, now)]),
    2,
  );
  const count = atStreampixel.length === 0 ? 'nothing' : plural(atStreampixel.length, 'build');
  const older = `  ${plural(overtaken, 'older build')} not named: a newer one of the same project is approved`;
  return [
    `${console.paint('bold', 'At Streampixel')}  ${count}`,
    ...named.flatMap(({ entry, status }, index) => {
      const run = adviceOn(entry, status)?.run ?? statusCommand(entry.id);
      return [rows[index] ?? '', ...(STATUS_DISPLAY[status].isFinal ? [command(console, run)] : [])];
    }),
    ...andMore(atStreampixel.length - named.length),
    ...(overtaken > 0 ? [console.paint('gray', older)] : []),
    ...noWebhookYet.flatMap(({ builds, projectId }) => [
      `  What becomes of ${plural(builds, 'build')} of project ${projectId} is unknown: Streampixel has sent no webhook for it yet`,
      command(console, WEBHOOK_COMMAND),
    ]),
  ];
}

/** Its stage, marked where it is late or stuck, and its name. */
function statusCells(console: Console, { entry, status }: BuildView): string[] {
  const { colour } = STATUS_DISPLAY[status];
  const stage = stageOf(entry);
  if (status === 'stuck') return [console.paint(colour, `stuck: ${stage}`), shortId(entry.id)];
  const isLate = entry.state === 'submitted' && entry.lateAt !== undefined;
  return [isLate ? console.paint('yellow', `late: ${stage}`) : console.paint(colour, stage), shortId(entry.id)];
}

function endedSection(console: Console, { at: now, ended, lastEnded, since }: Overview): string[] {
  const counts = ENDED_STATES.filter((state) => ended[state] > 0).map((state) =>
    console.paint(ENDED_COLOURS[state], `${ended[state]} ${state}`),
  );
  const rows = lastEnded.map((view) => {
    const { entry, status } = view;
    const state = console.paint(STATUS_DISPLAY[status].colour, entry.state);
    return [clockTime(entry.updatedAt, now), state, shortId(entry.id), note(view, now)];
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
    `${console.paint('bold', 'Dead letters')}  ${waiting + hidden === 0 ? 'none' : `${count}${reading}: ${TOOL} dlq list`}`,
    ...moves.map(({ status, moved, of }) => {
      return `  SQS is moving them (${status.toLowerCase()}): ${moved}${of === undefined ? '' : ` of ${of}`}`;
    }),
  ];
}

function note(view: BuildView, now: number): string {
  return printable(STATUS_DISPLAY[view.status].note(view, now));
}

function command(console: Console, run: string): string {
  return `    ${console.paint('bold', `-> ${run}`)}`;
}

function andMore(count: number): string[] {
  return count > 0 ? [`  and ${count} more`] : [];
}
