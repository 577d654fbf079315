import { styleText } from 'node:util';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import { printable } from '../../functions/domain/model/printable.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import type { ReleaseMode } from '../../functions/domain/model/route.ts';
import { bytes } from '../../functions/domain/model/size.ts';
import type { LogLine } from '../aws/lambda-process.ts';
import { EVENTS, type LocalEvent, parse } from './events.ts';

const EVENT_WIDTH = Math.max(...Object.keys(EVENTS).map((name) => name.length));
const KEY_WIDTH = 24;
/** Where the text of an alert begins: under the event's name, because its lines are long. */
const MESSAGE_INDENT = '00:00:00'.length + 2;
/** Where the description of an event begins. */
const INDENT = MESSAGE_INDENT + EVENT_WIDTH + 2 + KEY_WIDTH + 2;

/** One event as a line (two for a dead letter: the second says what to do). Coloured on a terminal only. */
export function lineOf(reported: LocalEvent): string {
  const event = withPrintableText(reported);
  // The JSON of this event keeps the name that scripts know.
  const shown = event.event === 'heard' ? 'webhook' : event.event;
  const name = styleText(EVENTS[event.event], shown.padEnd(EVENT_WIDTH), { stream: process.stdout });
  const key = shortened(event.key ?? event.parameter ?? '').padEnd(KEY_WIDTH);
  return `${clock(event.time)}  ${name}  ${key}  ${describe(event)}`.replace(/ +$/, '');
}

/** Keys, messages and whatever else comes from outside, made harmless for a terminal. Only an alert has lines of its own. */
function withPrintableText(event: LocalEvent): LocalEvent {
  const fields = Object.entries(event).map(([name, value]) => [
    name,
    typeof value === 'string' ? (name === 'message' ? printableLines(value) : printable(value)) : value,
  ]);
  return Object.fromEntries(fields);
}

/** Text whose line breaks are ours. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

function describe(event: LocalEvent): string {
  const { reason = '', detail, status, attempt } = event;
  const why = [reason, ...(status === undefined ? [] : [`HTTP ${status}`])].join(', ');
  switch (event.event) {
    case 'board':
      return event.url ?? '';
    case 'dropped':
      return bytes(event.size ?? 0);
    case 'submitted':
      return `upload id ${event.uploadId}, HTTP ${status}${event.possiblyDoubled ? '; an earlier attempt may have been accepted, too' : ''}`;
    case 'postponed':
      return reason === 'Slot' ? `its slot is at ${clock(event.until)}` : `again at ${clock(event.until)}: ${why}`;
    case 'retried':
      return `again at ${clock(event.until)}, because attempt ${attempt} failed: ${why}. ${detail}`;
    case 'skipped':
      return detail === undefined ? why : `${why}: ${detail}`;
    case 'dead-lettered': {
      const text = why === '' ? `${detail}` : `${why}: ${detail}`;
      return reason in REASONS
        ? `${text}\n${' '.repeat(INDENT)}${REASONS[reason as keyof typeof REASONS].remedy}`
        : text;
    }
    case 'alert':
      // The whole text: it is what subscribers get.
      return event.message === undefined
        ? `${event.alarm}: ${detail}`
        : `${detail}\n\n${event.message.replaceAll(/^(?=.)/gm, ' '.repeat(MESSAGE_INDENT))}\n`;
    case 'redriven': {
      const builds = event.moved === 1 ? '1 build is' : `${event.moved} builds are`;
      const left = event.left === 0 ? '' : `; ${event.left} could not be moved`;
      return `the new key works: ${builds} back in the builds queue${left}`;
    }
    case 'downloaded': {
      const compared = { true: ', byte for byte', false: ', NOT the bytes that were dropped', undefined: '' };
      const verdict = compared[`${event.intact}`];
      return `${bytes(event.size ?? 0)} through the signed URL${verdict} (SHA-256 ${event.sha256?.slice(0, 12)}...)`;
    }
    case 'heard':
      return `Streampixel reports: ${event.stage ?? 'a stage that is not known here'}`;
    case 'approved': {
      const took = event.tookSeconds === undefined ? '' : `after ${event.tookSeconds} s; `;
      return `${took}${RELEASES[event.releaseMode ?? 'manual']}`;
    }
    case 'released':
      return `Streampixel accepted the release, requested ${event.by === 'person' ? 'by a person' : 'on its approval'}`;
    case 'live':
      return `upload id ${event.uploadId}`;
    case 'late':
      return `it takes longer than usual; upload id ${event.uploadId}`;
    case 'stuck':
      return `no progress at Streampixel; upload id ${event.uploadId}`;
    case 'silent':
      return 'the project has never sent a webhook';
    case 'rejected':
    case 'release-failed':
      return `${detail}`;
    default:
      return unreachable(event.event);
  }
}

/** What follows an approval. */
const RELEASES: Readonly<Record<ReleaseMode, string>> = {
  automatic: 'Streampixel makes it live by itself',
  manual: 'it waits until a person releases it',
  'on-approval': 'its release is requested',
};

/** A line of a function's log that a person should see, or `undefined` for the ordinary ones. */
export function troubleOf({ functionName, stream, text }: LogLine): string | undefined {
  const fields = parse(text);
  if (fields === undefined) return text === '' ? undefined : printable(`${functionName} (${stream}): ${text}`);
  if (fields.level !== 'warn' && fields.level !== 'error') return undefined;
  const { event, build, detail, error } = fields;
  return printable(
    `${functionName}: ${[event, build, detail ?? error].filter((part) => part !== undefined).join(', ')}`,
  );
}

/** Local time of day. */
function clock(iso: string | undefined): string {
  const date = new Date(iso ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? '?' : date.toTimeString().slice(0, 8);
}

/** The start and the end of a long key. */
function shortened(key: string): string {
  return key.length <= KEY_WIDTH ? key : `${key.slice(0, 8)}...${key.slice(11 - KEY_WIDTH)}`;
}
