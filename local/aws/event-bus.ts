import { randomUUID } from 'node:crypto';
import type { PutEventsRequest } from '@aws-sdk/client-eventbridge';
import type { EventBridgeEvent } from 'aws-lambda';
import { LOCAL_ACCOUNT_ID } from './account.ts';

/** An event as rules and their targets get it. */
export type BusEvent = EventBridgeEvent<string, Readonly<Record<string, unknown>>>;

/** What the sender of an event decides. */
export interface NewEvent {
  readonly source: string;
  readonly detailType: string;
  /** ARNs. */
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** EventBridge's default bus: completes events and hands them on. */
export function createEventBus(region: string, onEvent: (event: BusEvent) => void) {
  /** Takes an event of an AWS service. @returns its id */
  function put({ source, detailType, resources, detail }: NewEvent): string {
    const id = randomUUID();
    // Without milliseconds, as EventBridge has it.
    const time = new Date().toISOString().replace(/\.\d+/, '');
    const origin = { source, account: LOCAL_ACCOUNT_ID, time, region };
    onEvent({ version: '0', id, 'detail-type': detailType, ...origin, resources: [...resources], detail });
    return id;
  }

  return {
    put,
    operations: {
      PutEvents({ Entries = [] }: PutEventsRequest) {
        const ids = Entries.map(({ Source = '', DetailType = '', Resources = [], Detail = '' }) =>
          put({ source: Source, detailType: DetailType, resources: Resources, detail: JSON.parse(Detail) }),
        );
        return { FailedEntryCount: 0, Entries: ids.map((EventId) => ({ EventId })) };
      },
    },
  };
}
