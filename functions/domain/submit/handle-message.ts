import { type Build, buildId } from '../model/build.ts';
import type { Disposition, Outcome } from '../model/outcome.ts';
import { parseNotification } from '../model/s3-notification.ts';
import { logOutcome } from '../notify/log-outcome.ts';
import type { LogFields, Ports } from '../ports.ts';
import { deadLetterUnrecognised } from './dead-letter.ts';
import { submitBuild } from './submit-build.ts';
import type { Delivery, SubmitSettings } from './visit.ts';

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
      return report(await deadLetterUnrecognised(notification.detail, { delivery, settings, ports }), {}, ports);
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
          const outcome = await deadLetterUnrecognised(record.detail, { delivery, settings, ports });
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

/** Logs an outcome, and says what it means for the message. */
function report(outcome: Outcome, fields: LogFields, ports: Ports, droppedAt?: number): Disposition {
  logOutcome(outcome, fields, ports, droppedAt);
  switch (outcome.kind) {
    case 'submitted':
      return outcome.isNotificationPending === true
        ? { kind: 'hidden', until: ports.clock.now() + RETRY_NOTIFICATION_MS }
        : { kind: 'done' };
    case 'skipped':
    case 'dead-lettered':
      return { kind: 'done' };
    case 'postponed':
    case 'retried':
      return { kind: 'hidden', until: outcome.until };
  }
}

function earliest(dispositions: readonly Disposition[]): Disposition {
  const hidden = dispositions.filter((disposition) => disposition.kind === 'hidden');
  return hidden.length === 0
    ? { kind: 'done' }
    : { kind: 'hidden', until: Math.min(...hidden.map(({ until }) => until)) };
}
