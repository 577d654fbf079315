import { describeError } from '../model/redaction.ts';
import type { Ports } from '../ports.ts';
import type { Alert } from './alert.ts';
import type { BuildEvent } from './build-events.ts';

/**
 * Sends an event to pipelines. A failure does not stop the build.
 * @returns whether it was sent
 */
export async function emitEvent({ events, log }: Pick<Ports, 'events' | 'log'>, event: BuildEvent): Promise<boolean> {
  try {
    await events.emit(event);
    return true;
  } catch (error) {
    log.warn('event-not-emitted', { name: event.name, error: describeError(error) });
    return false;
  }
}

/**
 * Sends an alert to people. A failure does not stop the build.
 * @returns whether it was sent; where it was not, the alarm on the dead-letter queue is the safety net
 */
export async function sendAlert({ alerts, log }: Pick<Ports, 'alerts' | 'log'>, what: Alert): Promise<boolean> {
  try {
    await alerts.send(what);
    return true;
  } catch (error) {
    log.error('alert-not-sent', { alert: what.kind, error: describeError(error) });
    return false;
  }
}
