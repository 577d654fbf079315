import { type Build, buildId } from '../model/build.ts';
import { type Disposition, type Outcome, unreachable } from '../model/outcome.ts';
import { describeError } from '../model/redaction.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import { retryDelay } from '../pacing/retry-delay.ts';
import type { LogFields, Ports } from '../ports.ts';
import { parseNotification } from './s3-notification.ts';
import { submitBuild } from './submit-build.ts';
import type { Delivery, SubmitSettings } from './visit.ts';

/** Less than this left and nothing new is started: a visit of the vendor with everything around it needs it, in ms. */
const LEAST_TIME_MS = 25_000;

/**
 * Handles one message of the builds queue. It is done when everything in it is: one record that must wait keeps the message,
 * and the ledger keeps its neighbours from being sent again. Throws nothing that a record could cause.
 */
export async function handleMessage(delivery: Delivery, settings: SubmitSettings, ports: Ports): Promise<Disposition> {
  const { clock, log, metrics, random } = ports;
  const notification = parseNotification(delivery.body);
  switch (notification.kind) {
    case 'test-event':
      return report({ kind: 'skipped', cause: 'TestEvent' }, {});
    case 'unrecognised':
      return report(await deadLetterUnrecognised(notification.detail), {});
    case 'records': {
      const dispositions: Disposition[] = [];
      for (const record of notification.records) {
        if (record.kind === 'build') {
          dispositions.push(report(await visit(record.build), logFields(record.build), record.build.droppedAt));
        }
      }
      // What no ledger remembers waits for the last visit of the message: each visit would dead-letter it once more.
      const sofar = earliest(dispositions);
      if (sofar.kind === 'hidden') return sofar;
      for (const record of notification.records) {
        if (record.kind === 'not-a-build') {
          report({ kind: 'skipped', cause: record.cause }, { bucket: record.bucket, key: record.key });
        } else if (record.kind === 'unrecognised') {
          dispositions.push(report(await deadLetterUnrecognised(record.detail), {}));
        }
      }
      return earliest(dispositions);
    }
    default:
      return unreachable(notification);
  }

  async function visit(build: Build): Promise<Outcome> {
    if (clock.now() + LEAST_TIME_MS > delivery.deadline) {
      const until = clock.now() + IMMEDIATELY_MS;
      return { kind: 'retried', cause: 'OutOfTime', detail: 'Left for the next invocation.', until, attempt: 0 };
    }
    return submitBuild(build, delivery, settings, ports);
  }

  async function deadLetterUnrecognised(detail: string): Promise<Outcome> {
    const { body, logPointer, receiveCount } = delivery;
    const reason = 'UnrecognisedMessage' as const;
    const [id, at] = [ports.newId(), clock.now()];
    try {
      await ports.deadLetters.send({ id, body, reason, detail, attempts: 0, at, logPointer });
    } catch (error) {
      const until = clock.now() + retryDelay(Math.max(1, receiveCount), settings.intervalMs, random);
      return { kind: 'retried', cause: 'DeadLetterQueueUnavailable', detail: describeError(error), until, attempt: 0 };
    }
    const facts = { reason, detail, attempts: 0, possiblyDoubled: false, at };
    await emitEvent(ports, { name: 'Build Dead-Lettered', subject: {}, deadLetterId: id, ...facts });
    await sendAlert(ports, { kind: 'dead-lettered', ...facts, logPointer });
    return { kind: 'dead-lettered', reason, detail, attempt: 0 };
  }

  /** One line per decision: whoever follows a build follows these. */
  function report(outcome: Outcome, fields: LogFields, droppedAt?: number): Disposition {
    const { kind, ...rest } = outcome;
    const why = 'reason' in outcome ? outcome.reason : 'cause' in outcome ? outcome.cause : undefined;
    metrics.put('Builds', 1, { Outcome: kind, ...(why === undefined ? {} : { Reason: why }) });
    if (droppedAt !== undefined && (kind === 'postponed' || kind === 'retried')) {
      metrics.put('WaitingAge', (clock.now() - droppedAt) / 1000);
    }
    if (outcome.kind === 'postponed' && outcome.cause === 'Slot') {
      metrics.put('SlotWait', (outcome.until - clock.now()) / 1000);
    }
    switch (outcome.kind) {
      case 'submitted':
        log.info(kind, { ...fields, ...rest });
        return outcome.isNotificationPending === true
          ? { kind: 'hidden', until: clock.now() + TELL_AGAIN_MS }
          : { kind: 'done' };
      case 'skipped':
        log.info(kind, { ...fields, ...rest });
        return { kind: 'done' };
      case 'dead-lettered':
        log.error(kind, { ...fields, ...rest });
        return { kind: 'done' };
      case 'postponed':
        log.info(kind, { ...fields, ...rest, until: new Date(outcome.until).toISOString() });
        return { kind: 'hidden', until: outcome.until };
      case 'retried':
        log.warn(kind, { ...fields, ...rest, until: new Date(outcome.until).toISOString() });
        return { kind: 'hidden', until: outcome.until };
      default:
        return unreachable(outcome);
    }
  }
}

/** EventBridge did not take the event of a submission: it is asked again after this, in ms. */
const TELL_AGAIN_MS = 60_000;

/** Another invocation with all its time can take it at once, in ms. */
const IMMEDIATELY_MS = 1_000;

function logFields(build: Build): LogFields {
  return { bucket: build.bucket, key: build.key, build: buildId(build), size: build.size };
}

function earliest(dispositions: readonly Disposition[]): Disposition {
  const hidden = dispositions.filter((disposition) => disposition.kind === 'hidden');
  return hidden.length === 0
    ? { kind: 'done' }
    : { kind: 'hidden', until: Math.min(...hidden.map(({ until }) => until)) };
}
