import type { BuildState } from '../functions/domain/model/ledger-entry.ts';
import { releaseCommand, statusCommand, WEBHOOK_COMMAND } from '../functions/domain/notify/operator-commands.ts';
import { type BuildFacts, shortId } from './builds.ts';
import { aligned, type Console, printable } from './console.ts';
import { bytes, clockTime, plural, span } from './units.ts';

/** States in which a build is out of the line. */
export type EndedState = Exclude<BuildState, 'waiting' | 'submitting' | 'unknown'>;

/** The stack's builds as a whole: times as ISO 8601. */
export interface Status {
  readonly stack: string;
  readonly region: string;
  readonly at: string;
  readonly inLine: readonly BuildFacts[];
  readonly lines: readonly { userId: string; waiting: number; lastTurn: string | undefined }[];
  /** At Streampixel and not at their end, oldest first. */
  readonly atStreampixel: readonly BuildFacts[];
  /** Builds that would be among those if no newer one of their project had come further. */
  readonly overtaken: number;
  /** Builds of the last days whose project's webhook has never spoken: nobody knows what became of them. */
  readonly unheard: readonly { readonly projectId: string; readonly builds: number }[];
  /** Out of the line since then, by the state that they are in now. */
  readonly since: string;
  readonly ended: Readonly<Record<EndedState, number>>;
  readonly lastEnded: readonly BuildFacts[];
  /** Messages that no build in the ledger has been made of yet. */
  readonly unread: number;
  readonly deadLetters: { readonly waiting: number; readonly hidden: number };
  readonly moves: readonly { readonly status: string; readonly moved: number; readonly of: number | undefined }[];
}

/** Builds in line, and at Streampixel, that are named; the others are counted. */
const SHOWN_IN_LINE = 15;
const SHOWN_AT_VENDOR = 15;
/** Builds that have ended that are named. */
export const SHOWN_ENDED = 5;

/** The status on a page. @param since how far back builds are counted, in ms */
export function statusPage(console: Console, status: Status, now: number, since: number): string[] {
  return [
    `${console.paint('bold', status.stack)}  ${status.region}  ${clockTime(now, now)}`,
    '',
    ...lineSection(console, status, now),
    '',
    ...vendorSection(console, status, now),
    '',
    ...endedSection(console, status, now, since),
    '',
    ...letterSection(console, status),
  ];
}

function lineSection(console: Console, { inLine, lines, unread }: Status, now: number): string[] {
  const output = [
    `${console.paint('bold', 'In line')}  ${inLine.length === 0 ? 'nothing' : plural(inLine.length, 'build')}`,
  ];
  for (const { userId, waiting, lastTurn } of lines) {
    const end = lastTurn === undefined ? '' : `, the last goes at ${clockTime(Date.parse(lastTurn), now)}`;
    output.push(console.paint('gray', `  user ${userId}: ${waiting}${end}`));
  }
  const shown = inLine.slice(0, SHOWN_IN_LINE).map((build) => lineRow(console, build, now));
  output.push(...aligned(shown, 2));
  if (inLine.length > SHOWN_IN_LINE) output.push(`  and ${inLine.length - SHOWN_IN_LINE} more`);
  if (unread > 0) output.push(`  and ${plural(unread, 'message')} not read yet`);
  return output;
}

function lineRow(console: Console, { attempts, build, detail, slot, state, size }: BuildFacts, now: number): string[] {
  const when = state === 'submitting' ? 'now' : slot === undefined ? 'later' : turn(slot, now);
  const trouble = attempts === 0 ? '' : `${attempts} failed: ${printable(detail ?? '')}`;
  const unclear = state === 'unknown' ? ' (an answer was lost)' : '';
  return [console.paint('cyan', when), shortId(build), size === undefined ? '' : bytes(size), `${trouble}${unclear}`];
}

function turn(slot: string, now: number): string {
  const at = Date.parse(slot);
  return at <= now ? 'due' : `${clockTime(at, now)} (in ${span(at - now)})`;
}

function vendorSection(console: Console, { atStreampixel, overtaken, unheard }: Status, now: number): string[] {
  const count = atStreampixel.length === 0 ? 'nothing under way' : plural(atStreampixel.length, 'build');
  const shown = atStreampixel.slice(0, SHOWN_AT_VENDOR).map((facts) => ({ facts, ...vendorWords(facts, now) }));
  const rows = aligned(
    shown.map(({ colour, facts, since, what }) => [console.paint(colour, what), shortId(facts.build), since]),
    2,
  );
  const output = [`${console.paint('bold', 'At Streampixel')}  ${count}`];
  for (const [index, { run }] of shown.entries()) {
    output.push(rows[index] ?? '', ...(run === undefined ? [] : [`    ${console.paint('bold', `-> ${run}`)}`]));
  }
  if (atStreampixel.length > SHOWN_AT_VENDOR) output.push(`  and ${atStreampixel.length - SHOWN_AT_VENDOR} more`);
  if (overtaken > 0) {
    const verb = overtaken === 1 ? 'waits' : 'wait';
    output.push(
      console.paint('gray', `  ${plural(overtaken, 'older build')} ${verb}, and newer ones have come further`),
    );
  }
  for (const { builds, projectId } of unheard) {
    output.push(
      `  Nobody hears what becomes of ${plural(builds, 'build')} of project ${projectId}: its webhook has never spoken`,
      `    ${console.paint('bold', `-> ${WEBHOOK_COMMAND}`)}`,
    );
  }
  return output;
}

interface VendorWords {
  readonly what: string;
  readonly colour: 'cyan' | 'yellow' | 'red' | 'green';
  readonly since: string;
  readonly run?: string;
}

function vendorWords(facts: BuildFacts, now: number): VendorWords {
  const {
    build,
    changedAt,
    lastNewsAt,
    lateAt,
    release,
    stage = 'submitted',
    stageSince,
    standing,
    submittedAt,
  } = facts;
  const ago = (instant: string) => span(now - Date.parse(instant));
  const submitted = submittedAt ?? changedAt;
  switch (standing) {
    case 'stuck': {
      const since = `no word for ${ago(lastNewsAt ?? submitted)}, submitted ${ago(submitted)} ago`;
      return { what: `stuck: ${stage}`, colour: 'red', since, run: statusCommand(build) };
    }
    case 'waits-for-person': {
      const since = `waits for a person to release it, for ${ago(stageSince ?? changedAt)}`;
      return { what: 'approved', colour: 'green', since, run: releaseCommand(build) };
    }
    case 'waits-for-release':
      return { what: 'approved', colour: 'cyan', since: releaseWords(release, now) };
    case 'release-failed': {
      const since = `not released: ${printable(release?.detail ?? '')}`;
      return { what: 'approved', colour: 'red', since, run: releaseCommand(build) };
    }
    case 'under-way':
    case 'in-line':
    case 'unheard':
    case 'live':
    case 'released':
    case 'rejected':
    case 'skipped':
    case 'dead-lettered': {
      const since = `for ${ago(stageSince ?? submitted)}, submitted ${ago(submitted)} ago`;
      return lateAt === undefined
        ? { what: stage, colour: 'cyan', since }
        : { what: `late: ${stage}`, colour: 'yellow', since };
    }
  }
}

/** Where the order to release a build is. */
export function releaseWords(release: BuildFacts['release'], now: number): string {
  switch (release?.state) {
    case undefined:
      return 'its release is about to be ordered';
    case 'calling':
      return 'its release is being ordered just now';
    case 'requested': {
      const tries = release.attempts === 0 ? '' : `, after ${plural(release.attempts, 'try', 'tries')} that failed`;
      const when = release.slot === undefined ? 'waits for its next try' : `goes ${turnWords(release.slot, now)}`;
      return `its release ${when}${tries}`;
    }
    case 'released':
      return `released${release.endedAt === undefined ? '' : ` at ${clockTime(Date.parse(release.endedAt), now)}`}`;
    case 'failed':
      return `not released: ${printable(release.detail ?? '')}`;
  }
}

function turnWords(slot: string, now: number): string {
  return Date.parse(slot) <= now ? 'now' : `at ${turn(slot, now)}`;
}

function endedSection(console: Console, { ended, lastEnded }: Status, now: number, since: number): string[] {
  const counts = Object.entries(ended).filter(([, count]) => count > 0);
  const texts = counts.map(([state, count]) => console.paint(endedColour(state as EndedState), `${count} ${state}`));
  return [
    `${console.paint('bold', `Last ${span(since)}`)}  ${texts.join(', ') || 'nothing'}`,
    ...aligned(
      lastEnded.map((build) => endedRow(console, build, now)),
      2,
    ),
  ];
}

function endedRow(console: Console, facts: BuildFacts, now: number): string[] {
  const { build, changedAt, state } = facts;
  const colour = endedColour(state as EndedState);
  return [clockTime(Date.parse(changedAt), now), console.paint(colour, state), shortId(build), endedWords(facts)];
}

function endedColour(state: EndedState): 'green' | 'gray' | 'red' {
  switch (state) {
    case 'submitted':
    case 'approved':
    case 'released':
      return 'green';
    case 'skipped':
      return 'gray';
    case 'rejected':
    case 'dead-lettered':
      return 'red';
  }
}

function endedWords({ objection = '', reason = '', standing, uploadId }: BuildFacts): string {
  switch (standing) {
    case 'live':
      return `live, or live within minutes; upload id ${uploadId}`;
    case 'rejected':
      return printable(objection);
    case 'skipped':
    case 'dead-lettered':
      return reason;
    case 'unheard':
    case 'released':
    case 'in-line':
    case 'under-way':
    case 'stuck':
    case 'waits-for-person':
    case 'waits-for-release':
    case 'release-failed':
      return `upload id ${uploadId}`;
  }
}

function letterSection(console: Console, { deadLetters, moves }: Status): string[] {
  const letters = `${console.paint('bold', 'Dead letters')}  `;
  const hidden = deadLetters.hidden === 0 ? '' : `, ${deadLetters.hidden} hidden while somebody looks at them`;
  const isEmpty = deadLetters.waiting + deadLetters.hidden === 0;
  const count = console.paint('red', `${deadLetters.waiting}`);
  return [
    isEmpty ? `${letters}none` : `${letters}${count}${hidden}: npx streampixel-drop dlq list`,
    ...moves.map(({ status, moved, of }) => {
      return `  SQS is moving them (${status.toLowerCase()}): ${moved}${of === undefined ? '' : ` of ${of}`}`;
    }),
  ];
}
