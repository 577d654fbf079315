import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Reason } from '../../functions/domain/model/reasons.ts';
import { parseNotification } from '../../functions/domain/model/s3-notification.ts';
import type { PeekedMessage } from '../aws/sqs.ts';
import type { DepthAlarm } from '../aws/template.ts';
import { buildFields, type EventRecord, type LocalEvent } from './events.ts';

export interface DeadLetterWatchOptions {
  /** The messages that wait in the dead-letter queue. */
  readonly deadLetters: () => readonly PeekedMessage[];
  /** The alarms on their number. */
  readonly alarms: readonly DepthAlarm[];
  readonly addEvent: EventRecord['addNow'];
}

/** How often the queue is checked, in ms. CloudWatch takes a minute: too long to wait for here. */
const INTERVAL_MS = 200;

/**
 * Watches the dead-letter queue, as CloudWatch does: for messages that SQS itself has moved there, which no function logs,
 * and for the alarms. An alarm fires when its state changes, and not again while messages wait.
 *
 * @returns stops watching, after a last check
 */
export function watchDeadLetters({ deadLetters, alarms, addEvent }: DeadLetterWatchOptions): () => void {
  const known = new Set<string>();
  const breachedAt = new Map<DepthAlarm, number>();

  function check(): void {
    const waiting = deadLetters();
    for (const deadLetter of waiting) {
      if (known.has(deadLetter.messageId)) continue;
      known.add(deadLetter.messageId);
      if (deadLetter.attributes[DEAD_LETTER_ATTRIBUTES.reason] !== undefined) continue;
      const detail = 'It has no reason: SQS moved it there, because the function crashed again and again.';
      addEvent('dead-lettered', { ...buildOf(deadLetter), detail });
    }
    const newest = waiting.at(-1);
    for (const alarm of alarms) {
      if (newest === undefined || waiting.length < alarm.threshold) continue;
      // A redrive hides messages while it reads them. They are back within the period, and then they are nothing new.
      const wasOn = Date.now() - (breachedAt.get(alarm) ?? Number.NEGATIVE_INFINITY) <= alarm.periodMs;
      breachedAt.set(alarm, Date.now());
      if (wasOn) continue;
      const detail = waiting.length === 1 ? '1 message waits.' : `${waiting.length} messages wait.`;
      addEvent('alert', { ...buildOf(newest), alarm: alarm.name, detail });
    }
  }

  const timer = setInterval(check, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    check();
  };
}

/** The build of a dead letter, as fields of an event; none for a message that is no build. */
function buildOf({ body, attributes }: PeekedMessage): Partial<LocalEvent> {
  const notification = parseNotification(body);
  const record = notification.kind === 'records' ? notification.records[0] : undefined;
  const reason = attributes[DEAD_LETTER_ATTRIBUTES.reason] as Reason | undefined;
  return { ...(record?.kind === 'build' ? buildFields(record.build) : {}), ...present({ reason }) };
}
