import type middy from '@middy/core';
import { describeError } from './domain/model/redaction.ts';
import type { Log } from './domain/ports.ts';

/**
 * Middleware that logs why an invocation failed, and fails it in words of ours: the runtime prints an error whole, with whatever a
 * library hung on it.
 *
 * @param event names the line of the log
 * @param message what the runtime gets to print instead
 */
export function failureLog(log: Log, event: string, message: string): Pick<middy.MiddlewareObj, 'onError'> {
  return {
    onError({ error }) {
      log.error(event, { error: describeError(error) });
      throw new Error(message);
    },
  };
}
