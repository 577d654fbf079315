import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { EVENT_SOURCE } from '../domain/model/telemetry.ts';
import { eventDetail } from '../domain/notify/build-events.ts';
import type { Events } from '../domain/ports.ts';
import { answerOf } from './aws-errors.ts';
import { sendableJson } from './sendable-text.ts';

/** Puts events on the account's default bus. */
export function createEventBridgeEvents(client: EventBridgeClient): Events {
  return {
    async emit(event) {
      const entry = {
        Source: EVENT_SOURCE,
        DetailType: event.name,
        Detail: sendableJson(eventDetail(event)),
        Time: new Date(event.at),
      };
      const sent = client.send(new PutEventsCommand({ Entries: [entry] }));
      const { Entries, FailedEntryCount = 0 } = await answerOf('EventBridge', sent);
      // An entry that is refused still comes with a 200.
      const code = Entries?.[0]?.ErrorCode ?? 'no code';
      if (FailedEntryCount > 0) throw new Error(`EventBridge refused the event (${code}).`);
    },
  };
}
