import { EVENT_SOURCE } from '../domain/model/telemetry.ts';
import { eventDetail } from '../domain/notify/build-events.ts';
import type { Events } from '../domain/ports.ts';
import { createSignedCall, type SignedCallOptions } from './signed-call.ts';

/**
 * Puts events on the account's default bus.
 *
 * @throws Error from `emit` where EventBridge does not take the event
 */
export function createEventBridgeEvents(options: SignedCallOptions): Events {
  const call = createSignedCall('events', options);
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSEvents.PutEvents' };
  return {
    async emit(event) {
      const entry = {
        Source: EVENT_SOURCE,
        DetailType: event.name,
        Detail: JSON.stringify(eventDetail(event)),
        Time: event.at / 1000,
      };
      const answer = await call(headers, JSON.stringify({ Entries: [entry] }));
      // A single entry that is refused still comes with a 200.
      if (/"FailedEntryCount":\s*[1-9]/.test(answer)) throw new Error('EventBridge refused the event.');
    },
  };
}
