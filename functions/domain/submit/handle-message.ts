import { type Build, buildId } from '../model/build.ts';
import { present } from '../model/optional-fields.ts';
import type { Disposition, Outcome } from '../model/outcome.ts';
import { describeError } from '../model/redaction.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import { retryDelay } from '../pacing/retry-delay.ts';
import type { LogFields, Ports } from '../ports.ts';
import { parseNotification } from './s3-notification.ts';
import { submitBuild } from './submit-build.ts';
import { type Delivery, iso, type SubmitSettings } from './visit.ts';

/** With less than this left no build is started, in ms: a call of Streampixel with everything around it needs it. */
const LEAST_TIME_MS = 25_000;

/** Another invocation, with all its time, takes the message after this, in ms. */
const NEXT_INVOCATION_MS = 1_000;

/** EventBridge did not take the event of a submission: it is sent again after this, in ms. */
const RETRY_NOTIFICATION_MS = 60_000;

/**
 * Handles one message of the builds queue. The message is finished when every record in it is: one that must wait keeps the
 * message, and the ledger keeps the others from being submitted again. Throws nothing that a record could cause.
 */
export async function handleMessage(delivery: Delivery, settings: SubmitSettings, ports: Ports): Promise<Disposition> {
  const notification = parseNotification(delivery.body);
  switch (notification.kind) {
    case 'test-event':
      return report({ kind: 'skipped', cause: 'TestEvent' }, {}, ports);
    case 'unrecognised':
      return report(await deadLetterUnrecognised(notification.detail, delivery, settings, ports), {}, ports);
    case 'records': {
      const { records } = notification;
      const dispositions: Disposition[] = [];
      for (const record of records) {
        if (record.kind !== 'build') continue;
        const { build } = record;
        const { bucket, key, size } = build;
        const id = buildId(build);
        const fields = { bucket, key, build: id, size };
        const outcome = await ports.log.within({ build: id }, () => submit(build, delivery, settings, ports));
        dispositions.push(report(outcome, fields, ports, build.droppedAt));
      }
      // The other records are not in the ledger, so each visit would dead-letter them once more: they wait for the last visit.
      const soFar = earliest(dispositions);
      if (soFar.kind === 'hidden') return soFar;
      for (const record of records) {
        if (record.kind === 'not-a-build') {
          const { bucket, cause, key } = record;
          report({ kind: 'skipped', cause }, { bucket, key }, ports);
        } else if (record.kind === 'unrecognised') {
          const outcome = await deadLetterUnrecognised(record.detail, delivery, settings, ports);
          dispositions.push(report(outcome, {}, ports));
        }
      }
      return earliest(dispositions);
    }
  }
}

async function submit(build: Build, delivery: Delivery, settings: SubmitSettings, ports: Ports): Promise<Outcome> {
  const now = ports.clock.now();
  if (now + LEAST_TIME_MS <= delivery.deadline) return submitBuild(build, delivery, settings, ports);
  const until = now + NEXT_INVOCATION_MS;
  return { kind: 'retried', cause: 'OutOfTime', detail: 'Left for the next invocation.', until, attempt: 0 };
}

async function deadLetterUnrecognised(
  detail: string,
  { body, logPointer, receiveCount }: Delivery,
  { intervalMs }: SubmitSettings,
  ports: Ports,
): Promise<Outcome> {
  const reason = 'UnrecognisedMessage' as const;
  const [id, at] = [ports.newId(), ports.clock.now()];
  try {
    await ports.deadLetters.send({ id, body, reason, detail, attempts: 0, at, logPointer });
  } catch (error) {
    const until = ports.clock.now() + retryDelay(Math.max(1, receiveCount), intervalMs, ports.random);
    return { kind: 'retried', cause: 'DeadLetterQueueUnavailable', detail: describeError(error), until, attempt: 0 };
  }
  const facts = { reason, detail, attempts: 0, possiblyDoubled: false, at };
  await emitEvent(ports, { name: 'Build Dead-Lettered', subject: {}, deadLetterId: id, ...facts });
  await sendAlert(ports, { kind: 'dead-lettered', deadLetterId: id, ...facts, logPointer });
  return { kind: 'dead-lettered', reason, detail, attempt: 0 };
}

/** Writes one log line and the metrics for each outcome, and says what it means for the message. */
function report(outcome: Outcome, fields: LogFields, { clock, log, metrics }: Ports, droppedAt?: number): Disposition {
  const { kind, ...rest } = outcome;
  const why = 'reason' in outcome ? outcome.reason : 'cause' in outcome ? outcome.cause : undefined;
  metrics.put('Builds', 1, { Outcome: kind, ...present({ Reason: why }) });
  if (droppedAt !== undefined && (kind === 'postponed' || kind === 'retried')) {
    metrics.put('WaitingAge', (clock.now() - droppedAt) / 1000);
  }
  switch (outcome.kind) {
    case 'submitted':
      log.info(kind, { ...fields, ...rest });
      return outcome.isNotificationPending === true
        ? { kind: 'hidden', until: clock.now() + RETRY_NOTIFICATION_MS }
        : { kind: 'done' };
    case 'skipped':
      log.info(kind, { ...fields, ...rest });
      return { kind: 'done' };
    case 'dead-lettered':
      log.error(kind, { ...fields, ...rest });
      return { kind: 'done' };
    case 'postponed':
      if (outcome.cause === 'Slot') metrics.put('SlotWait', (outcome.until - clock.now()) / 1000);
      log.info(kind, { ...fields, ...rest, until: iso(outcome.until) });
      return { kind: 'hidden', until: outcome.until };
    case 'retried':
      log.warn(kind, { ...fields, ...rest, until: iso(outcome.until) });
      return { kind: 'hidden', until: outcome.until };
  }
}

function earliest(dispositions: readonly Disposition[]): Disposition {
  const hidden = dispositions.filter((disposition) => disposition.kind === 'hidden');
  return hidden.length === 0
    ? { kind: 'done' }
    : { kind: 'hidden', until: Math.min(...hidden.map(({ until }) => until)) };
}
