import { type Build, buildId } from '../model/build.ts';
import { DEAD_LETTER_RETENTION_DAYS } from '../model/message-attributes.ts';
import { REASONS } from '../model/reasons.ts';
import { labelText } from '../package/labels.ts';
import { packageText, warningText } from '../package/package-text.ts';
import type {
  Alert,
  DeadLetterAlert,
  KeyRejectedAlert,
  NewKeyRejectedAlert,
  RedriveFinishedAlert,
  RejectedAlert,
  ReleaseFailedAlert,
  ReminderAlert,
  SilentWebhookAlert,
  StuckAlert,
  UploadAlert,
} from './alert.ts';
import {
  commandAfter,
  REDRIVE_FOR_KEY_COMMAND,
  REJECTED_TEXT,
  releaseCommand,
  SUPPORT,
  statusCommand,
  storeKeyCommand,
  submitAgainCommand,
  TOOL,
  WEBHOOK_COMMAND,
} from './operator-commands.ts';

export interface AlertText {
  /** Less than 100 printable ASCII characters, as SNS demands of an e-mail's subject. */
  readonly subject: string;
  /** Plain text that reads as an e-mail. */
  readonly body: string;
}

/** Writes the alert as a person reads it: what happened, why, and the one command that fixes it. */
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
  const { build, parameter, reason } = alert;
  const { cause, remedy } = REASONS[reason];
  const name = build === undefined ? 'A message' : fileName(build);
  return {
    subject: subject(`${reason}: ${name} did not reach Streampixel`),
    body: page(`${name} did not reach Streampixel. It waits in the dead-letter queue.`, [
      ['Why', cause],
      ['Message', withStatus(alert)],
      ['What to do', remedy],
      ['Then run', commandAfter(reason, parameter)],
      ['Build', build && describeBuild(build)],
      ...describePackage(alert),
      ['Project', alert.projectId && `${alert.projectId} of user ${alert.userId}`],
      ['Attempts', attempts(alert)],
      ['Kept until', `${utc(alert.at + DEAD_LETTER_RETENTION_DAYS * 86_400_000)}; SQS deletes the dead letter then`],
      ['Log', alert.logPointer],
    ]),
  };
}

function keyRejectedText(alert: KeyRejectedAlert): AlertText {
  const others = alert.waiting === 1 ? '1 other build is' : `${alert.waiting} other builds are`;
  const waiting = alert.waiting === 0 ? 'No other build is waiting.' : `${others} waiting for a key that works.`;
  return {
    subject: subject('InvalidApiKey: Streampixel rejects the API key'),
    body: page(`Streampixel rejects the API key of user ${alert.userId}. ${waiting}`, [
      ['Why', REASONS.InvalidApiKey.cause],
      ['Message', withStatus({ detail: alert.detail, status: 401 })],
      [
        'What to do',
        'If your team has a new key, use it. Only if not, request one: then the old key stops working everywhere.',
      ],
      ['Then run', storeKeyCommand(alert.parameter)],
      ['After that', 'The builds that this key stopped are queued again automatically, oldest first.'],
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
      ['Message', withStatus({ detail, status: 401 })],
      ['What to do', REASONS[reason].remedy],
      ['Then run', storeKeyCommand(parameter)],
      ['User', userId],
      ['Key', `version ${version} of the SSM parameter ${parameter}`],
    ]),
  };
}

function redriveFinishedText({ left, moved, parameter }: RedriveFinishedAlert): AlertText {
  const builds = moved === 1 ? '1 build is' : `${moved} builds are`;
  return {
    subject: subject(`The new API key works: ${builds} queued again`),
    body: page(`Streampixel accepts the new key in ${parameter}. ${builds} queued again, oldest first.`, [
      ['Not moved', left === 0 ? undefined : `${left} are still in the dead-letter queue`],
      ['Then run', left === 0 ? undefined : REDRIVE_FOR_KEY_COMMAND],
      ['Watch', `${TOOL} status --watch`],
    ]),
  };
}

function reminderText({ deadLetters }: ReminderAlert): AlertText {
  const builds = deadLetters === 1 ? '1 build waits' : `${deadLetters} builds wait`;
  return {
    subject: subject(`${builds} in the dead-letter queue`),
    body: page(`${builds} in the dead-letter queue. This reminder comes once a day until the queue is empty.`, [
      ['Look', `${TOOL} dlq list`],
      ['Kept for', `${DEAD_LETTER_RETENTION_DAYS} days at most, each from the time it was dead-lettered`],
    ]),
  };
}

function rejectedText(alert: RejectedAlert): AlertText {
  const name = fileName(alert.build);
  return {
    subject: subject(`Rejected: ${name} does not go live`),
    body: page(`Streampixel has rejected ${name}. The build that was live stays live.`, [
      ['Message', alert.objection === '' ? REJECTED_TEXT.withoutMessage : alert.objection],
      ['What to do', REJECTED_TEXT.remedy],
      ['To try again', submitAgainCommand(alert.build)],
      ...(alert.warnings ?? []).map((warning): [string, string] => ['It may be', warningText(warning)]),
      ...atStreampixel(alert),
    ]),
  };
}

function stuckText(alert: StuckAlert): AlertText {
  const name = fileName(alert.build);
  const { lastNewsAt, stage, submittedAt } = alert;
  return {
    subject: subject(`Stuck: no news of ${name} from Streampixel`),
    body: page(
      `Streampixel accepted ${name} and has reported nothing about it for too long. This alert is sent once.`,
      [
        ['Submitted', utc(submittedAt)],
        [
          'Last webhook',
          lastNewsAt === undefined ? 'none for this build' : `${stage ?? 'unknown stage'}, ${utc(lastNewsAt)}`,
        ],
        [
          'What to do',
          `Look at the project's dashboard. If the build is not finished there, write to ${SUPPORT} with the ids below.`,
        ],
        ['Look', statusCommand(buildId(alert.build))],
        ...atStreampixel(alert),
      ],
    ),
  };
}

function silentWebhookText(alert: SilentWebhookAlert): AlertText {
  return {
    subject: subject(`No webhook from project ${alert.projectId}: results are unknown`),
    body: page(
      `The webhook of project ${alert.projectId} has never sent anything, so it is not known whether its builds go live. ` +
        'This alert is sent once.',
      [
        ['Why', 'The address is missing on the dashboard of the project, or it is wrong.'],
        [
          'What to do',
          "Put it into the project's settings on the dashboard, select every event, save, and press Test Webhook.",
        ],
        ['Get it with', WEBHOOK_COMMAND],
        ['First build', describeBuild(alert.build)],
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
        ? `The request to release ${name} was sent and its answer was lost. It is not sent again automatically.`
        : `Streampixel did not release ${name}. The build that was live stays live.`,
      [
        ['Message', alert.detail],
        ['What to do', alert.isUnknown ? 'See on the dashboard which build is live.' : 'Fix what the message names.'],
        [alert.isUnknown ? 'If not live' : 'Then run', releaseCommand(buildId(alert.build), alert.uploadId)],
        ...atStreampixel(alert),
      ],
    ),
  };
}

function fileName({ key }: Build): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function atStreampixel(alert: UploadAlert): [string, string | undefined][] {
  const { build, projectId, uploadId, userId } = alert;
  return [
    ['Build', describeBuild(build)],
    ...describePackage(alert),
    ['Project', `${projectId} of user ${userId}`],
    ['Upload id', uploadId],
  ];
}

function describePackage({ labels, package: facts }: UploadAlert | DeadLetterAlert): [string, string | undefined][] {
  return [
    ['Package', facts && packageText(facts, bytes)],
    ['Labels', labels && labelText(labels)],
  ];
}

function withStatus({ detail, status }: { readonly detail: string; readonly status?: number }): string {
  return status === undefined ? detail : `${detail} (HTTP ${status})`;
}

function attempts({ attempts: count, possiblyDoubled }: DeadLetterAlert): string {
  const accepted = possiblyDoubled
    ? 'an answer was lost, so Streampixel may have accepted it'
    : 'it has not been accepted';
  return `${count} failed; ${accepted}`;
}

function describeBuild(build: Build): string {
  const size = build.size === undefined ? '' : ` (${bytes(build.size)})`;
  return `${buildId(build)}${size}, dropped ${utc(build.droppedAt)}`;
}

/**
 * Aligned like a form; a line without a value is left out. A key or Streampixel's message may hold line breaks: each stays within
 * its line, or a key could write lines of its own, such as "Then run".
 */
function page(opening: string, lines: readonly (readonly [string, string | undefined])[]): string {
  const shown = lines.filter(([, value]) => value !== undefined && value !== '');
  return [opening, '', ...shown.map(([label, value]) => `${label.padEnd(14)}${value}`)]
    .map((line) => line.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' '))
    .join('\n');
}

function subject(text: string): string {
  const printable = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return printable.length > 99 ? `${printable.slice(0, 96)}...` : printable;
}

function utc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function bytes(count: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, count < 1_000 ? 0 : Math.floor(Math.log10(count) / 3));
  return `${power === 0 ? count : (count / 1_000 ** power).toFixed(1)} ${units[power]}`;
}
