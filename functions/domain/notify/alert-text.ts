import { type Build, buildId } from '../model/build.ts';
import { downloadText } from '../model/file-url.ts';
import { DEAD_LETTER_RETENTION_DAYS } from '../model/message-attributes.ts';
import { REASONS, type Reason } from '../model/reasons.ts';
import { bytes } from '../model/size.ts';
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
  UrlEndedAlert,
} from './alert.ts';
import { page, subject, utc } from './alert-page.ts';
import { type OperatorCommands, REJECTED_TEXT, SUPPORT, wordFor } from './operator-commands.ts';

export interface AlertText {
  /** Less than 100 printable ASCII characters, as SNS demands of an e-mail's subject. */
  readonly subject: string;
  /** Plain text that reads as an e-mail. */
  readonly body: string;
}

/**
 * Writes the alert as a person reads it: what happened, why, and the one command that fixes it.
 *
 * @param commands for the stack that the alert is about
 */
export function alertText(alert: Alert, commands: OperatorCommands): AlertText {
  switch (alert.kind) {
    case 'dead-lettered':
      return deadLetterText(alert, commands);
    case 'key-rejected':
      return keyRejectedText(alert, commands);
    case 'new-key-rejected':
      return newKeyRejectedText(alert, commands);
    case 'redrive-finished':
      return redriveFinishedText(alert, commands);
    case 'reminder':
      return reminderText(alert, commands);
    case 'rejected':
      return rejectedText(alert, commands);
    case 'stuck':
      return stuckText(alert, commands);
    case 'url-ended':
      return urlEndedText(alert, commands);
    case 'webhook-silent':
      return silentWebhookText(alert, commands);
    case 'release-failed':
      return releaseFailedText(alert, commands);
  }
}

function deadLetterText(alert: DeadLetterAlert, commands: OperatorCommands): AlertText {
  const { build, earlierUploadId, parameter, reason } = alert;
  const { cause, remedy } = REASONS[reason];
  const name = build === undefined ? 'A message' : fileName(build);
  return {
    subject: subject(`${reason}: ${name} did not reach Streampixel`),
    body: page(`${name} did not reach Streampixel. It waits in the dead-letter queue.`, [
      ['Why', cause],
      ['Detail', withStatus(alert)],
      ['What to do', remedy],
      [
        'Then run',
        commands.after(reason, { of: build === undefined ? alert.deadLetterId : wordFor(build) }, parameter),
      ],
      ['If wrong', build && isJudged(reason) ? commands.submitUnchecked(build) : undefined],
      ['Build', build && describeBuild(build)],
      ...describePackage(alert),
      ['Project', alert.projectId && `${alert.projectId} of user ${alert.userId}`],
      ['Old upload', earlierUploadId && `${earlierUploadId} is not affected: viewers keep the build that is live`],
      ['Attempts', attempts(alert)],
      ['Kept until', `${utc(alert.at + DEAD_LETTER_RETENTION_DAYS * 86_400_000)}; SQS deletes the dead letter then`],
      ['Log', alert.logPointer],
    ]),
  };
}

/** Whether it is the check of the package that refused the build: a person may know better. */
function isJudged(reason: Reason): boolean {
  return reason === 'NotAPackage' || reason === 'ZipDamaged' || reason === 'ZipEncrypted';
}

function keyRejectedText(alert: KeyRejectedAlert, commands: OperatorCommands): AlertText {
  const others = alert.waiting === 1 ? '1 other build is' : `${alert.waiting} other builds are`;
  const waiting = alert.waiting === 0 ? 'No other build is waiting.' : `${others} waiting for a key that works.`;
  return {
    subject: subject('InvalidApiKey: Streampixel rejects the API key'),
    body: page(`Streampixel rejects the API key of user ${alert.userId}. ${waiting}`, [
      ['Why', REASONS.InvalidApiKey.cause],
      ['Detail', withStatus({ detail: alert.detail, status: 401 })],
      [
        'What to do',
        'If your team has a new key, use it. Only if not, request one: then the old key stops working everywhere.',
      ],
      ['Then run', commands.storeKey(alert.parameter)],
      ['After that', 'The builds that this key stopped are queued again automatically, oldest first.'],
      ['Key', `version ${alert.version} of the SSM parameter ${alert.parameter}`],
      ['First build', describeBuild(alert.build)],
      ['Log', alert.logPointer],
    ]),
  };
}

function newKeyRejectedText(
  { detail, parameter, reason, userId, version }: NewKeyRejectedAlert,
  commands: OperatorCommands,
): AlertText {
  return {
    subject: subject(`${reason}: the new API key does not work`),
    body: page(`Streampixel rejects the key that was just put into ${parameter}. Nothing was redriven.`, [
      ['Why', REASONS[reason].cause],
      ['Detail', withStatus({ detail, status: 401 })],
      ['What to do', REASONS[reason].remedy],
      // Only for a wrong key another key is all that is needed.
      ['Then run', reason === 'InvalidApiKey' ? commands.storeKey(parameter) : commands.redriveForKey()],
      ['Or a new key', reason === 'InvalidApiKey' ? undefined : commands.storeKey(parameter)],
      ['User', userId],
      ['Key', `version ${version} of the SSM parameter ${parameter}`],
    ]),
  };
}

function redriveFinishedText({ left, moved, parameter }: RedriveFinishedAlert, commands: OperatorCommands): AlertText {
  const builds = moved === 1 ? '1 build is' : `${moved} builds are`;
  return {
    subject: subject(`The new API key works: ${builds} queued again`),
    body: page(`Streampixel accepts the new key in ${parameter}. ${builds} queued again, oldest first.`, [
      ['Not moved', left === 0 ? undefined : `${left} are still in the dead-letter queue`],
      ['Then run', left === 0 ? undefined : commands.redriveForKey()],
      ['Watch', commands.watch()],
    ]),
  };
}

function reminderText({ deadLetters }: ReminderAlert, commands: OperatorCommands): AlertText {
  const builds = deadLetters === 1 ? '1 build waits' : `${deadLetters} builds wait`;
  return {
    subject: subject(`${builds} in the dead-letter queue`),
    body: page(`${builds} in the dead-letter queue. This reminder comes once a day until the queue is empty.`, [
      ['Look', commands.deadLetters()],
      ['Kept for', `${DEAD_LETTER_RETENTION_DAYS} days at most, each from the time it was dead-lettered`],
    ]),
  };
}

function rejectedText(alert: RejectedAlert, commands: OperatorCommands): AlertText {
  const name = fileName(alert.build);
  return {
    subject: subject(`Rejected: ${name} does not go live`),
    body: page(`Streampixel has rejected ${name}. The build that was live stays live.`, [
      ['Message', alert.objection === '' ? REJECTED_TEXT.withoutMessage : alert.objection],
      ['What to do', REJECTED_TEXT.remedy],
      ['If wrong', commands.submitAgain(alert.build)],
      ...(alert.warnings ?? []).map((warning): [string, string] => ['It may be', warningText(warning)]),
      ...atStreampixel(alert),
    ]),
  };
}

function stuckText(alert: StuckAlert, commands: OperatorCommands): AlertText {
  const name = fileName(alert.build);
  const { lastNewsAt, stage, submittedAt } = alert;
  return {
    subject: subject(`Stuck: no webhook about ${name}`),
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
          `Look at the project on the Streampixel dashboard. If the build is not finished there, write to ${SUPPORT} with the ids below.`,
        ],
        ['Look', commands.status(alert.build)],
        ...atStreampixel(alert),
      ],
    ),
  };
}

function urlEndedText(alert: UrlEndedAlert, commands: OperatorCommands): AlertText {
  const name = fileName(alert.build);
  return {
    subject: subject(`Download URL expired: ${name} is not finished`),
    body: page(
      `The URL to download ${name} has expired, and Streampixel has not finished the build. This alert is sent once.`,
      [
        ['Submitted', utc(alert.submittedAt)],
        ['Last stage', alert.stage ?? 'none reported'],
        [
          'What to do',
          'Look at the project on the Streampixel dashboard. If Streampixel has not downloaded the build, submit it again: it gets a new URL.',
        ],
        ['Then run', commands.submitAgain(alert.build)],
        ...atStreampixel(alert),
      ],
    ),
  };
}

function silentWebhookText(alert: SilentWebhookAlert, commands: OperatorCommands): AlertText {
  return {
    subject: subject(`No webhook from project ${alert.projectId}: results are unknown`),
    body: page(
      `The webhook of project ${alert.projectId} has never sent anything, so it is not known whether its builds go live. ` +
        'This alert is sent once.',
      [
        ['Why', 'The address is missing on the dashboard of the project, or it is wrong.'],
        [
          'What to do',
          "Put it into the project's settings on the dashboard, tick every event, save, and press Test Webhook.",
        ],
        ['Get it with', commands.webhook()],
        ['First build', describeBuild(alert.build)],
        ['Upload id', alert.uploadId],
      ],
    ),
  };
}

function releaseFailedText(alert: ReleaseFailedAlert, commands: OperatorCommands): AlertText {
  const name = fileName(alert.build);
  return {
    subject: subject(`${alert.isUnknown ? 'Release unknown' : 'Not released'}: ${name}`),
    body: page(
      alert.isUnknown
        ? `The request to release ${name} was sent and its answer was lost. It is not sent again automatically.`
        : `Streampixel did not release ${name}. The build that was live stays live.`,
      [
        ['Message', alert.detail],
        [
          'What to do',
          alert.isUnknown ? 'See on the Streampixel dashboard which build is live.' : 'Fix what the message names.',
        ],
        [alert.isUnknown ? 'If not live' : 'Then run', commands.release(alert.build, alert.uploadId)],
        ...atStreampixel(alert),
      ],
    ),
  };
}

function fileName({ key }: Build): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function atStreampixel(alert: UploadAlert): [string, string | undefined][] {
  const { build, fileUrl, projectId, uploadId, userId } = alert;
  const download: [string, string][] =
    fileUrl === undefined ? [] : [['Download', downloadText(fileUrl.delivery, utc(fileUrl.until))]];
  return [
    ...download,
    ['Build', describeBuild(build)],
    ...describePackage(alert),
    ['Project', `${projectId} of user ${userId}`],
    ['Upload id', uploadId],
  ];
}

function describePackage({ labels, package: facts }: UploadAlert | DeadLetterAlert): [string, string | undefined][] {
  return [
    ['Package', facts && packageText(facts)],
    ['Labels', labels && labelText(labels)],
  ];
}

function withStatus({ detail, status }: { readonly detail: string; readonly status?: number }): string {
  return status === undefined ? detail : `${detail} (HTTP ${status})`;
}

function attempts({ attempts: count, possiblyDoubled }: DeadLetterAlert): string {
  const accepted = possiblyDoubled
    ? 'an answer was lost, so Streampixel may have accepted it'
    : 'Streampixel has not accepted it';
  return `${count} failed; ${accepted}`;
}

function describeBuild(build: Build): string {
  const size = build.size === undefined ? '' : ` (${bytes(build.size)})`;
  return `${buildId(build)}${size}, dropped ${utc(build.droppedAt)}`;
}
