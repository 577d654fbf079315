import { styleText } from 'node:util';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import type { ReleaseMode } from '../../functions/domain/model/route.ts';
import type { LogLine } from '../aws/lambda-process.ts';
import { type LocalEvent, type LocalEventName, parse } from './events.ts';

const COLOURS: Readonly<Record<LocalEventName, 'cyan' | 'yellow' | 'green' | 'red' | 'gray'>> = {
  dropped: 'cyan',
  postponed: 'yellow',
  retried: 'yellow',
  submitted: 'green',
  downloaded: 'green',
  skipped: 'gray',
  'dead-lettered': 'red',
  heard: 'gray',
  approved: 'green',
  rejected: 'red',
  late: 'yellow',
  stuck: 'red',
  silent: 'red',
  released: 'green',
  'release-failed': 'red',
  live: 'green',
  alert: 'red',
  redriven: 'green',
};
const EVENT_WIDTH = Math.max(...Object.keys(COLOURS).map((name) => name.length));
const KEY_WIDTH = 24;

/** One event as a line for people (two for a dead letter: the second says what to do). Coloured on a terminal only. */
export function lineOf(event: LocalEvent): string {
  const name = styleText(COLOURS[event.event], event.event.padEnd(EVENT_WIDTH), { stream: process.stdout });
  return `${clock(event.time)}  ${name}  ${shortened(event.key ?? event.parameter ?? '').padEnd(KEY_WIDTH)}  ${story(event)}`.replace(
    / +$/,
    '',
  );
}

function story(event: LocalEvent): string {
  const { reason = '', detail, status, attempt } = event;
  const why = [reason, ...(status === undefined ? [] : [`HTTP ${status}`])].join(', ');
  switch (event.event) {
    case 'dropped':
      return bytes(event.size ?? 0);
    case 'submitted':
      return `upload id ${event.uploadId}, HTTP ${status}${event.possiblyDoubled ? '; an earlier try may have got there, too' : ''}`;
    case 'postponed':
      return reason === 'Slot' ? `its turn comes at ${clock(event.until)}` : `again at ${clock(event.until)}: ${why}`;
    case 'retried':
      return `again at ${clock(event.until)} after ${attempt} failed: ${why}. ${detail}`;
    case 'skipped':
      return detail === undefined ? why : `${why}: ${detail}`;
    case 'dead-lettered': {
      const remedy =
        event.reason !== undefined && event.reason in REASONS
          ? REASONS[event.reason as keyof typeof REASONS].remedy
          : '';
      const cause = why === '' ? detail : `${why}: ${detail}`;
      return remedy === '' ? String(cause) : `${cause}\n${' '.repeat(INDENT)}${remedy}`;
    }
    case 'alert':
      // In full: it is what the person gets who is to mend it.
      return event.message === undefined
        ? `${event.alarm}: ${detail}`
        : `${detail}\n\n${event.message.replaceAll(/^(?=.)/gm, ' '.repeat(MESSAGE_INDENT))}\n`;
    case 'redriven': {
      const left = event.left === 0 ? '' : `; ${event.left} could not be moved`;
      return `the new key works: ${event.moved === 1 ? '1 build' : `${event.moved} builds`} back in line${left}`;
    }
    case 'downloaded': {
      const verdict = { true: ', byte for byte', false: ', NOT the bytes that were dropped', undefined: '' }[
        `${event.intact}`
      ];
      return `${bytes(event.size ?? 0)} through the presigned URL${verdict} (SHA-256 ${event.sha256?.slice(0, 12)}...)`;
    }
    case 'heard':
      return `Streampixel: ${event.stage ?? 'something new'}`;
    case 'approved':
      return `${took(event.tookSeconds)}; ${MEANINGS[event.releaseMode ?? 'manual']}`;
    case 'released':
      return `Streampixel distributes it, by order of ${event.by === 'person' ? 'a person' : 'its approval'}`;
    case 'live':
      return `upload id ${event.uploadId}`;
    case 'late':
    case 'stuck':
      return `upload id ${event.uploadId}`;
    case 'silent':
      return "the project's webhook has never spoken";
    case 'rejected':
    case 'release-failed':
      return String(detail);
    default:
      return unreachable(event.event);
  }
}

/** What an approval means, by who releases. */
const MEANINGS: Readonly<Record<ReleaseMode, string>> = {
  automatic: 'Streampixel makes it live by itself',
  manual: 'it waits for somebody to release it',
  'on-approval': 'its release is ordered',
};

function took(seconds: number | undefined): string {
  return seconds === undefined ? 'good' : `good, after ${seconds} s`;
}

/** Where the text of an alert begins: under the event's name, since its lines are long. */
const MESSAGE_INDENT = '00:00:00'.length + 2;
/** Where the story begins. */
const INDENT = '00:00:00'.length + 2 + EVENT_WIDTH + 2 + KEY_WIDTH + 2;

/** A line of the function's log that is worth a look, or `undefined` for the ordinary ones. */
export function troubleOf({ functionName, stream, text }: LogLine): string | undefined {
  const fields = parse(text);
  if (fields === undefined) return text === '' ? undefined : `${functionName} (${stream}): ${text}`;
  if (fields.level !== 'warn' && fields.level !== 'error') return undefined;
  const { event, build, detail, error } = fields;
  return `${functionName}: ${[event, build, detail ?? error].filter((part) => part !== undefined).join(', ')}`;
}

/** Local time of day. */
function clock(iso: string | undefined): string {
  const date = new Date(iso ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? '?' : date.toTimeString().slice(0, 8);
}

/** The start and the end of a long key: the middle says least. */
function shortened(key: string): string {
  return key.length <= KEY_WIDTH ? key : `${key.slice(0, 8)}...${key.slice(11 - KEY_WIDTH)}`;
}

/** Decimal units, as file managers show them. */
export function bytes(count: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  return `${(count / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
