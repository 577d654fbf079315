import { type Build, buildId } from '../model/build.ts';
import { DEAD_LETTER_RETENTION_DAYS } from '../model/message-attributes.ts';
import type { Stage } from '../model/news.ts';
import { REASONS, type Reason } from '../model/reasons.ts';
import { releaseCommand, statusCommand, submitAgainCommand, TOOL, WEBHOOK_COMMAND } from './operator-commands.ts';

/** What one alert tells a person. All texts are redacted before they come here. */
export type Alert =
  | DeadLetterAlert
  | KeyRejectedAlert
  | NewKeyRejectedAlert
  | RedriveFinishedAlert
  | ReminderAlert
  | RejectedAlert
  | StuckAlert
  | SilentWebhookAlert
  | ReleaseFailedAlert;

/** One build went to the dead-letter queue. */
export interface DeadLetterAlert {
  readonly kind: 'dead-lettered';
  readonly reason: Reason;
  /** The vendor's or S3's words. */
  readonly detail: string;
  readonly status?: number;
  readonly attempts: number;
  readonly possiblyDoubled: boolean;
  /** Absent for a message that is no build. */
  readonly build?: Build;
  readonly userId?: string;
  readonly projectId?: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly logPointer: string;
}

/** A key was refused for the first time; the builds behind it are dead-lettered without an alert of their own. */
export interface KeyRejectedAlert {
  readonly kind: 'key-rejected';
  readonly parameter: string;
  readonly version: number;
  readonly userId: string;
  /** Builds of the user that wait in line, beside the one that found out. */
  readonly waiting: number;
  readonly detail: string;
  readonly build: Build;
  /** ms since the epoch. */
  readonly at: number;
  readonly logPointer: string;
}

/** A key that was just put into its parameter does not work; nothing was redriven. */
export interface NewKeyRejectedAlert {
  readonly kind: 'new-key-rejected';
  readonly parameter: string;
  readonly version: number;
  readonly userId: string;
  readonly reason: Reason;
  readonly detail: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** A new key works, and the builds that the old one stranded are back in line. */
export interface RedriveFinishedAlert {
  readonly kind: 'redrive-finished';
  readonly parameter: string;
  readonly moved: number;
  /** Still in the dead-letter queue because SQS refused. */
  readonly left: number;
  /** ms since the epoch. */
  readonly at: number;
}

/** Dead letters are still there. */
export interface ReminderAlert {
  readonly kind: 'reminder';
  readonly letters: number;
  /** ms since the epoch. */
  readonly at: number;
}

/** What an alert on a build at the vendor says of it. */
interface AtVendorAlert {
  readonly build: Build;
  readonly userId: string;
  readonly projectId: string;
  readonly uploadId: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** The vendor looked at the build and won't have it. */
export interface RejectedAlert extends AtVendorAlert {
  readonly kind: 'rejected';
  readonly objection: string;
}

/** The vendor has said nothing of the build for too long. */
export interface StuckAlert extends AtVendorAlert {
  readonly kind: 'stuck';
  /** The last stage it told of; absent where it told of none. */
  readonly stage?: Stage;
  /** ms since the epoch. */
  readonly submittedAt: number;
  /** ms since the epoch; absent where it never said anything. */
  readonly lastNewsAt?: number;
}

/** A project's webhook has never spoken, so nobody can say what becomes of its builds. */
export interface SilentWebhookAlert extends AtVendorAlert {
  readonly kind: 'webhook-silent';
}

/** An order to release an upload came to nothing. */
export interface ReleaseFailedAlert extends AtVendorAlert {
  readonly kind: 'release-failed';
  readonly detail: string;
  /** Nobody knows whether the vendor took the order. */
  readonly isUnknown: boolean;
}

export interface AlertText {
  /** At most 100 printable ASCII characters, as SNS demands of an e-mail's subject. */
  readonly subject: string;
  /** Plain text that reads as an e-mail. */
  readonly body: string;
}

/** Writes the alert as a person should read it: what, why, and the one command that mends it. */
export function alertText(alert: Alert): AlertText {
  switch (alert.kind) {
    case 'dead-lettered':
      return deadLetterText(alert);
    case 'key-rejected':
      return keyRejectedText(alert);
    case 'new-key-rejected':
      return newKeyRejectedText(alert);
    case 'redrive-finished':
      return redriveFinishedText(alert);
    case 'reminder':
      return reminderText(alert);
    case 'rejected':
      return rejectedText(alert);
    case 'stuck':
      return stuckText(alert);
    case 'webhook-silent':
      return silentWebhookText(alert);
    case 'release-failed':
      return releaseFailedText(alert);
  }
}

function deadLetterText(alert: DeadLetterAlert): AlertText {
  const { build, reason } = alert;
  const { cause, remedy } = REASONS[reason];
  const name = build === undefined ? 'A message' : fileName(build);
  return {
    subject: subject(`${reason}: ${name} did not reach Streampixel`),
    body: page(`${name} did not reach Streampixel and waits in the dead-letter queue.`, [
      ['Why', cause],
      ['They said', said(alert)],
      ['Do', remedy],
      ['Then run', commandAfter(reason)],
      ['Build', build && describeBuild(build)],
      ['Project', alert.projectId && `${alert.projectId} of user ${alert.userId}`],
      ['Attempts', attempts(alert)],
      ['Kept until', `${utc(alert.at + DEAD_LETTER_RETENTION_DAYS * 86_400_000)}; the dead letter expires then`],
      ['Log', alert.logPointer],
    ]),
  };
}

function keyRejectedText(alert: KeyRejectedAlert): AlertText {
  const behind = alert.waiting === 1 ? '1 build waits' : `${alert.waiting} builds wait`;
  return {
    subject: subject('InvalidApiKey: Streampixel rejects the API key'),
    body: page(`Streampixel rejects the API key of user ${alert.userId}. ${behind} behind the one that found out.`, [
      ['Why', REASONS.InvalidApiKey.cause],
      ['They said', said({ detail: alert.detail, status: 401 })],
      [
        'Do',
        'Find out whether somebody has requested a new key; only then request one: it kills the old one everywhere.',
      ],
      ['Then run', `${TOOL} key set --parameter ${alert.parameter}`],
      ['After that', 'The builds that were stopped by this key go back in line by themselves, oldest first.'],
      ['Key', `version ${alert.version} of the SSM parameter ${alert.parameter}`],
      ['First build', describeBuild(alert.build)],
      ['Log', alert.logPointer],
    ]),
  };
}

function newKeyRejectedText({ detail, parameter, reason, userId, version }: NewKeyRejectedAlert): AlertText {
  return {
    subject: subject(`${reason}: the new API key does not work`),
    body: page(`Streampixel refuses the key that was just put into ${parameter}. Nothing was redriven.`, [
      ['Why', REASONS[reason].cause],
      ['They said', said({ detail, status: 401 })],
      ['Do', REASONS[reason].remedy],
      ['Then run', `${TOOL} key set --parameter ${parameter}`],
      ['User', userId],
      ['Key', `version ${version} of the SSM parameter ${parameter}`],
    ]),
  };
}

function redriveFinishedText({ left, moved, parameter }: RedriveFinishedAlert): AlertText {
  const builds = moved === 1 ? '1 build is' : `${moved} builds are`;
  return {
    subject: subject(`The new API key works: ${builds} back in line`),
    body: page(`Streampixel takes the new key in ${parameter}. ${builds} back in line, oldest first.`, [
      ['Left', left === 0 ? undefined : `${left} could not be moved and are still in the dead-letter queue`],
      ['Then run', left === 0 ? undefined : `${TOOL} dlq redrive --reason InvalidApiKey --yes`],
      ['Watch', `${TOOL} status --watch`],
    ]),
  };
}

function reminderText({ letters }: ReminderAlert): AlertText {
  const builds = letters === 1 ? '1 build waits' : `${letters} builds wait`;
  return {
    subject: subject(`${builds} in the dead-letter queue`),
    body: page(`${builds} in the dead-letter queue. You are reminded once a day until it is empty.`, [
      ['Look', `${TOOL} dlq list`],
      ['Kept for', `${DEAD_LETTER_RETENTION_DAYS} days at most, each from when it came`],
    ]),
  };
}

function rejectedText(alert: RejectedAlert): AlertText {
  const name = fileName(alert.build);
  return {
    subject: subject(`Rejected: ${name} does not go live`),
    body: page(`Streampixel has rejected ${name}. What is live stays live.`, [
      ['They said', alert.objection === '' ? 'nothing; see the remarks on the dashboard' : alert.objection],
      ['Do', 'Package the build again without what they object to, and drop it.'],
      ['If they err', submitAgainCommand(alert.build)],
      ...atVendor(alert),
    ]),
  };
}

function stuckText(alert: StuckAlert): AlertText {
  const name = fileName(alert.build);
  const { lastNewsAt, stage, submittedAt } = alert;
  return {
    subject: subject(`Stuck: ${name} is not getting on at Streampixel`),
    body: page(`Streampixel took ${name} and has said nothing of it for too long. You are told once.`, [
      ['Submitted', utc(submittedAt)],
      ['Last news', lastNewsAt === undefined ? 'none of this build' : `${stage ?? 'something'}, ${utc(lastNewsAt)}`],
      ['Do', `Look at the project's dashboard; else write to ${SUPPORT} with the two ids below and the build's name.`],
      ['Look', statusCommand(buildId(alert.build))],
      ...atVendor(alert),
    ]),
  };
}

function silentWebhookText(alert: SilentWebhookAlert): AlertText {
  return {
    subject: subject(`Nobody hears what becomes of builds of project ${alert.projectId}`),
    body: page(
      `The webhook of project ${alert.projectId} has never spoken, so nobody can tell whether its builds go live. ` +
        'You are told once.',
      [
        ['Why', 'The address is not on the dashboard of the project, or it is a wrong one.'],
        ['Do', "Put it into the project's settings on the dashboard, tick every event, save, and press Test Webhook."],
        ['Get it by', WEBHOOK_COMMAND],
        ['Found by', describeBuild(alert.build)],
        ['Upload id', alert.uploadId],
      ],
    ),
  };
}

function releaseFailedText(alert: ReleaseFailedAlert): AlertText {
  const name = fileName(alert.build);
  return {
    subject: subject(`${alert.isUnknown ? 'Release unknown' : 'Not released'}: ${name}`),
    body: page(
      alert.isUnknown
        ? `The order to release ${name} went out and its answer was lost. It is not sent again by itself.`
        : `Streampixel did not release ${name}. What is live stays live.`,
      [
        ['They said', alert.detail],
        ['Do', alert.isUnknown ? 'Look at the dashboard which build is live.' : 'Mend what they name.'],
        ['Then run', releaseCommand(buildId(alert.build))],
        ...atVendor(alert),
      ],
    ),
  };
}

/** Where the vendor wants to hear of builds that take more than two hours. Source: the builds page of docs.streampixel.io. */
export const SUPPORT = 'support@streampixel.io';

function fileName({ key }: Build): string {
  return key.split('/').at(-1) ?? key;
}

function atVendor({ build, projectId, uploadId, userId }: AtVendorAlert): [string, string][] {
  return [
    ['Build', describeBuild(build)],
    ['Project', `${projectId} of user ${userId}`],
    ['Upload id', uploadId],
  ];
}

/** What puts the build back in line once its cause is mended. */
export function commandAfter(reason: Reason): string {
  switch (reason) {
    case 'InvalidApiKey':
    case 'ApiKeyMissing':
      return `${TOOL} key set`;
    case 'BuildMissing':
    case 'NotAZip':
    case 'UnrecognisedMessage':
      return `${TOOL} dlq discard --reason ${reason} --yes`;
    case 'InvalidUser':
    case 'Unauthorised':
    case 'ProjectForbidden':
    case 'ProjectNotFound':
    case 'RequestRejected':
    case 'BuildUnreadable':
    case 'NoRoute':
    case 'SubmissionUnknown':
    case 'WaitTooLong':
    case 'RetriesExhausted':
      return `${TOOL} dlq redrive --reason ${reason} --yes`;
  }
}

function said({ detail, status }: { readonly detail: string; readonly status?: number }): string {
  return status === undefined ? detail : `${detail} (HTTP ${status})`;
}

function attempts({ attempts: count, possiblyDoubled }: DeadLetterAlert): string {
  const accepted = possiblyDoubled ? 'an answer was lost, so it may have been accepted' : 'it has not been accepted';
  return `${count} failed; ${accepted}`;
}

function describeBuild(build: Build): string {
  const size = build.size === undefined ? '' : ` (${bytes(build.size)})`;
  return `${buildId(build)}${size}, dropped ${utc(build.droppedAt)}`;
}

/**
 * Aligned like a form; a line without a value is left out. A key or the vendor's words may hold line breaks: each stays within
 * its line, or whoever drops a build could write lines such as "Then run".
 */
function page(opening: string, lines: readonly (readonly [string, string | undefined])[]): string {
  const told = lines.filter(([, value]) => value !== undefined && value !== '');
  return [opening, '', ...told.map(([label, value]) => `${label.padEnd(12)}${value}`)]
    .map((line) => line.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' '))
    .join('\n');
}

function subject(text: string): string {
  const printable = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return printable.length > 100 ? `${printable.slice(0, 97)}...` : printable;
}

function utc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function bytes(count: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, count < 1_000 ? 0 : Math.floor(Math.log10(count) / 3));
  return `${power === 0 ? count : (count / 1_000 ** power).toFixed(1)} ${units[power]}`;
}
