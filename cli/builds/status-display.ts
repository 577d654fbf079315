import { furthestStage } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import { printable } from '../../functions/domain/model/printable.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { type Route, releaseMode } from '../../functions/domain/model/route.ts';
import {
  type OperatorCommands,
  REJECTED_TEXT,
  SUPPORT,
  wordFor,
} from '../../functions/domain/notify/operator-commands.ts';
import type { Colour } from '../console.ts';
import { iso, plural, span } from '../units.ts';
import { type BuildStatus, ownRelease } from './build-status.ts';
import type { BuildView } from './build-view.ts';
import { byWhom, whenLive } from './live.ts';

/** What a person does about a build, and the command that does it. */
export interface Advice {
  readonly act: string;
  readonly run?: string;
  /** When to run it, where that is not simply afterwards. */
  readonly when?: string;
}

/** What the tool shows of a status. */
interface StatusDisplay {
  /** The list of `status` that has the build. */
  readonly list: 'waiting' | 'at-streampixel' | 'ended';
  readonly colour: Colour;
  /** For a list: no times, nothing of a single build. */
  readonly name: string;
  /** Whether it changes by itself. All others stay until a person does something. */
  readonly isOngoing?: boolean;
  /** Error code of `push --follow`, where viewers will not get the build as things are. */
  readonly failure?: string;
  /** Continues "The build is ...". Times are ISO 8601 here and below, for `inLocalTime`; none depends on when it is read. */
  readonly label: (view: BuildView) => string;
  /** What a list says behind the build's name. */
  readonly note: (view: BuildView, now: number) => string;
  /** Text from outside that explains it. */
  readonly message?: (entry: LedgerEntry) => readonly [label: string, text: string];
  readonly advice?: (entry: LedgerEntry, commands: OperatorCommands) => Advice | undefined;
}

/** Everything that depends on a build's status is decided here. */
export const STATUS_DISPLAY: Readonly<Record<BuildStatus, StatusDisplay>> = {
  waiting: {
    list: 'waiting',
    colour: 'cyan',
    name: 'waiting for its slot',
    isOngoing: true,
    label: ({ entry: { state }, slot }) => {
      if (state === 'submitting') return 'being submitted right now';
      const next = slot === undefined ? 'its next attempt' : `its slot at ${iso(slot)}`;
      return `waiting for ${next}${state === 'unknown' ? '; the answer to an earlier attempt was lost' : ''}`;
    },
    note: ({ entry: { attempts, lastFailure, state } }) => {
      const trouble = attempts === 0 ? '' : `${attempts} failed: ${lastFailure?.detail ?? ''}`;
      return `${trouble}${state === 'unknown' ? ' (an answer was lost)' : ''}`;
    },
    message: failureDetail,
  },
  'under-way': {
    list: 'at-streampixel',
    colour: 'cyan',
    name: 'at Streampixel',
    isOngoing: true,
    label: ({ entry }) => `at Streampixel: ${stageOf(entry)}`,
    note: ({ entry }, now) => `for ${span(now - stageSince(entry))}, submitted ${span(now - submittedAt(entry))} ago`,
  },
  stuck: {
    list: 'at-streampixel',
    colour: 'red',
    name: 'stuck at Streampixel',
    failure: 'Stuck',
    label: ({ entry }) => `stuck at Streampixel: ${stageOf(entry)}, no webhook since ${iso(silentSince(entry))}`,
    note: ({ entry }, now) =>
      `no webhook for ${span(now - silentSince(entry))}, submitted ${span(now - submittedAt(entry))} ago`,
    advice: () => ({
      act:
        'Look at the project on the Streampixel dashboard. If the build is approved or live there, a webhook was lost and nothing is wrong. If ' +
        `not, write to ${SUPPORT} with the project id, the upload id and the build's name.`,
    }),
  },
  'no-webhook-yet': {
    list: 'ended',
    colour: 'yellow',
    name: 'submitted, result unknown',
    label: () => 'submitted; Streampixel has sent no webhook for its project yet, so the rest is unknown',
    note: uploadIdText,
    advice: ({ projectId }, commands) => ({
      act:
        `Streampixel has sent no webhook for project ${projectId} yet, so the result of this build is unknown. Look for it on ` +
        'the Streampixel dashboard, and set up the webhook.',
      run: commands.webhook(),
    }),
  },
  live: {
    list: 'ended',
    colour: 'green',
    name: 'live',
    label: (view) => liveText(view) ?? 'approved: live, or live within minutes',
    note: (view) => `${liveText(view) ?? 'live, or live within minutes'}; ${uploadIdText(view)}`,
  },
  'was-live': {
    list: 'ended',
    colour: 'gray',
    name: 'was live',
    label: (view) => ['no longer live', liveText(view)].filter(Boolean).join(': it '),
    note: (view) => `${liveText(view)}; ${uploadIdText(view)}`,
    advice: ({ build }, commands) => ({
      act: 'Viewers get another build of the project now. This one can go live again.',
      run: commands.release(build),
    }),
  },
  'waits-for-person': {
    list: 'at-streampixel',
    colour: 'green',
    name: 'waits for a person to release it',
    label: () => 'approved, and waits for a person to release it',
    note: ({ entry }, now) => `waits for a person to release it, for ${span(now - stageSince(entry))}`,
    advice: ({ build }, commands) => ({ act: 'Release it when viewers should get it.', run: commands.release(build) }),
  },
  'waits-for-release': {
    list: 'at-streampixel',
    colour: 'cyan',
    name: 'being released',
    isOngoing: true,
    label: ({ entry: { state } }) =>
      state === 'released' ? 'released; another release is requested' : 'approved, and its release is requested',
    note: ({ entry, releaseSlot = 0 }, now) => {
      const left = releaseSlot > now ? ` (in ${span(releaseSlot - now)})` : '';
      return `${releaseText(ownRelease(entry), releaseSlot || undefined, now)}${left}`;
    },
  },
  'release-failed': {
    list: 'at-streampixel',
    colour: 'red',
    name: 'release failed',
    failure: 'ReleaseFailed',
    label: ({ entry: { state } }) => `${state}, but the last request to release it failed`,
    note: ({ entry }, now) => releaseText(ownRelease(entry), undefined, now),
    message: (entry) => ["Streampixel's message", ownRelease(entry)?.detail ?? ''],
    advice: ({ build }, commands) => ({
      act: 'See on the Streampixel dashboard which build is live; fix what the message names, then request the release again.',
      run: commands.release(build),
    }),
  },
  superseded: {
    list: 'ended',
    colour: 'gray',
    name: 'approved, superseded',
    label: () => 'approved, and not released: a newer build of its project is live',
    note: () => 'superseded: a newer build of its project is live',
    advice: ({ build }, commands) => ({
      act: 'Nothing, unless viewers should get this older build instead.',
      when: 'Then',
      run: commands.release(build),
    }),
  },
  released: {
    list: 'ended',
    colour: 'green',
    name: 'released',
    label: (view) => liveText(view) ?? 'released: live within minutes',
    note: (view) => `${liveText(view) ?? 'live within minutes'}; ${uploadIdText(view)}`,
  },
  rejected: {
    list: 'ended',
    colour: 'red',
    name: 'rejected by Streampixel',
    failure: 'Rejected',
    label: () => 'rejected by Streampixel',
    note: ({ entry: { objection = '' } }) => objection,
    message: ({ objection = '' }) => [
      "Streampixel's message",
      objection === '' ? REJECTED_TEXT.withoutMessage : objection,
    ],
    advice: ({ build }, commands) => ({
      act: REJECTED_TEXT.remedy,
      when: 'If you think this is wrong',
      run: commands.submitAgain(build),
    }),
  },
  skipped: {
    list: 'ended',
    colour: 'gray',
    name: 'skipped',
    label: ({ entry: { skipCause } }) => `skipped as ${skipCause}`,
    note: ({ entry: { skipCause = '' } }) => skipCause,
  },
  'dead-lettered': {
    list: 'ended',
    colour: 'red',
    name: 'failed, in the dead-letter queue',
    failure: 'DeadLettered',
    label: ({ entry: { reason } }) => `dead-lettered as ${reason}`,
    note: ({ entry: { reason = '' } }) => reason,
    message: failureDetail,
    advice: ({ apiKeyParameter, build, reason }, commands) =>
      reason === undefined
        ? undefined
        : { act: REASONS[reason].remedy, run: commands.after(reason, { of: wordFor(build) }, apiKeyParameter) },
  },
  discarded: {
    list: 'ended',
    colour: 'gray',
    name: 'discarded',
    failure: 'Discarded',
    label: ({ entry: { discardedAt = 0, reason } }) =>
      `discarded by a person at ${iso(discardedAt)}${reason === undefined ? '' : `; it was dead-lettered as ${reason}`}`,
    note: ({ entry: { reason = '' } }) => reason,
    message: failureDetail,
    advice: ({ build }, commands) => ({
      act: 'Nothing, unless it should be submitted after all.',
      run: commands.submit(build),
    }),
  },
};

/** What happens to a build of the route once Streampixel has approved it; nothing for a build without a route. */
export function afterSubmission(route: Route | undefined): string {
  if (route === undefined) return '';
  return releaseMode(route) === 'manual'
    ? 'waits for a person to release it, once approved'
    : 'goes to viewers automatically, once approved';
}

/** @returns `undefined` where there is nothing to do */
export function adviceOn(entry: LedgerEntry, status: BuildStatus, commands: OperatorCommands): Advice | undefined {
  return STATUS_DISPLAY[status].advice?.(entry, commands);
}

/** What to do about a build, in a line or two: at least, where to look. */
export function adviceText(entry: LedgerEntry, status: BuildStatus, commands: OperatorCommands): string {
  const advice = adviceOn(entry, status, commands) ?? { act: 'See its status.', run: commands.status(entry.build) };
  const { act, run, when = 'Then run' } = advice;
  return run === undefined ? act : `${act}\n${when}: ${printable(run)}`;
}

/**
 * Whether a newer build of the same project was approved while this one waits for a person. Most builds that wait are never
 * released; only the newest one is worth a line.
 */
export function isOvertaken({ entry, status }: BuildView, all: readonly LedgerEntry[]): boolean {
  const { isOngoing, list } = STATUS_DISPLAY[status];
  if (list !== 'at-streampixel' || isOngoing) return false;
  return all.some(
    (other) =>
      (other.state === 'approved' || other.state === 'released') &&
      other.projectId === entry.projectId &&
      (other.submittedAt ?? 0) > (entry.submittedAt ?? 0),
  );
}

export function stageOf(entry: LedgerEntry): string {
  return furthestStage(entry) ?? 'submitted';
}

/** Where a request to release a build is. @param slot when it may be sent, in ms since the epoch */
export function releaseText(release: Release | undefined, slot: number | undefined, now: number): string {
  switch (release?.state) {
    case undefined:
      return 'its release is about to be requested';
    case 'calling':
      return 'its release is being requested right now';
    case 'requested': {
      const tries = release.attempts === 0 ? '' : `, after ${plural(release.attempts, 'failed attempt')}`;
      if (slot === undefined) return `its release waits for its next attempt${tries}`;
      return `its release is sent ${slot <= now ? 'now' : `at ${iso(slot)}`}${tries}`;
    }
    case 'released':
      return `released${release.endedAt === undefined ? '' : ` at ${iso(release.endedAt)}`}`;
    case 'failed':
      return `not released: ${release.detail ?? ''}`;
  }
}

export function slotText(slot: number, now: number): string {
  return slot <= now ? 'due' : `${iso(slot)} (in ${span(slot - now)})`;
}

function failureDetail({ lastFailure }: LedgerEntry): readonly [string, string] {
  return ['Detail', lastFailure?.detail ?? ''];
}

function uploadIdText({ entry }: BuildView): string {
  return `upload id ${entry.uploadId}`;
}

/** When viewers got its last upload, or since when they do. */
function liveText({ live }: BuildView): string | undefined {
  if (live?.own === undefined) return undefined;
  const when = whenLive(live.own);
  return live.own.until === undefined ? `live ${when}, ${byWhom(live.own)}` : `was live ${when}`;
}

function submittedAt(entry: LedgerEntry): number {
  return entry.submittedAt ?? entry.updatedAt;
}

function stageSince(entry: LedgerEntry): number {
  return entry.news?.at(-1)?.at ?? submittedAt(entry);
}

function silentSince(entry: LedgerEntry): number {
  return entry.lastNewsAt ?? submittedAt(entry);
}
