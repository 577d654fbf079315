import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { enterLogContext } from './adapters/log-context.ts';
import { describeError } from './domain/model/redaction.ts';
import type { Log } from './domain/ports.ts';

/** What an invocation that fails is logged as, and what the runtime gets to print instead of the error. */
export interface Failure {
  readonly event: string;
  readonly message: string;
}

export const BATCH_FAILED: Failure = {
  event: 'invocation-failed',
  message: 'The invocation failed; its log has the cause. Every message of the batch stays in the queue.',
};

/** A function's handler. middy's early timeout is off: it would report finished messages as failed. */
export function lambdaHandler<Event, Result>(
  log: Log,
  failure: Failure,
  handle: (event: Event, context: Context) => Promise<Result>,
) {
  return middy<Event, Result>({ timeoutEarlyInMillis: 0 }).use(invocationLog(log, failure)).handler(handle);
}

/**
 * Middleware that puts the request id into each line of the invocation's log, and logs why it failed. The error itself goes no
 * further: the runtime prints an error whole, with everything that a library attached to it.
 */
function invocationLog(log: Log, { event, message }: Failure): middy.MiddlewareObj {
  return {
    // Not async: the context of an awaited function would be over with it.
    before({ context }) {
      enterLogContext({ requestId: context.awsRequestId });
    },
    onError(request) {
      log.error(event, { error: describeError(request.error) });
      // Not thrown: middy would attach the first error to it.
      request.error = new Error(message);
    },
  };
}
