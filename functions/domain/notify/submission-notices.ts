import type { DeadLetter } from '../model/dead-letter.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import type { SkipCause } from '../model/reasons.ts';
import type { Ports } from '../ports.ts';
import type { KeyRejectedAlert } from './alert.ts';
import { packageContext, subjectOf } from './build-context.ts';
import { emitEvent, sendAlert } from './notify.ts';

type NoticePorts = Pick<Ports, 'alerts' | 'clock' | 'events' | 'log'>;

/**
 * Pipelines listen to this event, and it starts the watch over the build.
 * @param status of Streampixel's answer; absent where the event is sent again
 * @returns whether EventBridge took it
 */
export async function notifySubmitted(entry: LedgerEntry, ports: NoticePorts, status?: number): Promise<boolean> {
  const { attempts, package: facts, possiblyDoubled, releaseMode, submittedAt, uploadId = '', warnings } = entry;
  return emitEvent(ports, {
    name: 'Build Submitted',
    at: submittedAt ?? ports.clock.now(),
    subject: subjectOf(entry),
    uploadId,
    attempt: attempts + 1,
    possiblyDoubled,
    autoRelease: releaseMode === 'automatic',
    ...present({ status, package: facts, warnings }),
  });
}

/** Pipelines only: nothing is wrong with a build that is not wanted any more. */
export async function notifySkipped(
  entry: LedgerEntry,
  cause: SkipCause,
  detail: string,
  ports: NoticePorts,
): Promise<void> {
  const at = ports.clock.now();
  await emitEvent(ports, { name: 'Build Skipped', at, subject: subjectOf(entry), cause, detail });
}

/**
 * Notifies pipelines of every dead letter, and people unless an alert about its cause has been sent.
 * @param entry absent for a message that is no build
 */
export async function notifyDeadLettered(
  { at, attempts, detail, id: deadLetterId, logPointer, reason, status }: DeadLetter,
  entry: LedgerEntry | undefined,
  isAlertSent: boolean,
  ports: NoticePorts,
): Promise<void> {
  const subject = entry === undefined ? {} : subjectOf(entry);
  const content = entry === undefined ? {} : packageContext(entry);
  const possiblyDoubled = entry?.possiblyDoubled ?? false;
  const facts = { at, deadLetterId, reason, detail, attempts, possiblyDoubled, ...present({ status }) };
  await emitEvent(ports, { name: 'Build Dead-Lettered', subject, ...facts });
  if (isAlertSent) return;
  const more = present({ parameter: entry?.apiKeyParameter, earlierUploadId: entry?.formerUploadIds?.at(-1) });
  await sendAlert(ports, { kind: 'dead-lettered', ...subject, ...content, ...more, ...facts, logPointer });
}

/** @returns whether people have got an alert */
export async function notifyKeyRejected(about: Omit<KeyRejectedAlert, 'kind'>, ports: NoticePorts): Promise<boolean> {
  const { at, parameter, userId, version, waiting } = about;
  await emitEvent(ports, { name: 'Api Key Rejected', at, parameter, version, userId, waiting });
  return sendAlert(ports, { kind: 'key-rejected', ...about });
}
