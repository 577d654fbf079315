import { randomUUID } from 'node:crypto';
import type { PutEventsRequest, PutEventsRequestEntry, PutEventsResultEntry } from '@aws-sdk/client-eventbridge';
import type { EventBridgeEvent } from 'aws-lambda';
import { LOCAL_ACCOUNT_ID } from './account.ts';
import { JsonServiceError } from './json-service.ts';

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

/** EventBridge's own limit for one call. */
const MOST_ENTRIES = 10;

/** EventBridge's default bus: checks events, completes them and hands them on. */
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

  function putEntry({ Source, DetailType, Resources = [], Detail }: PutEventsRequestEntry): PutEventsResultEntry {
    if (Source === undefined || DetailType === undefined) return { ErrorCode: 'InvalidArgument' };
    if (Source.startsWith('aws.')) return { ErrorCode: 'NotAuthorizedForSourceException' };
    const detail = parseDetail(Detail);
    if (detail === undefined) return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
    return { EventId: put({ source: Source, detailType: DetailType, resources: Resources, detail }) };
  }

  return {
    put,
    operations: {
      PutEvents({ Entries = [] }: PutEventsRequest) {
        if (Entries.length === 0 || Entries.length > MOST_ENTRIES) {
          throw new JsonServiceError('ValidationException', `There must be 1 to ${MOST_ENTRIES} entries.`);
        }
        const results = Entries.map(putEntry);
        return {
          FailedEntryCount: results.filter(({ ErrorCode }) => ErrorCode !== undefined).length,
          Entries: results,
        };
      },
    },
  };
}

function parseDetail(text = ''): Record<string, unknown> | undefined {
  try {
    const detail: unknown = JSON.parse(text);
    return typeof detail === 'object' && detail !== null && !Array.isArray(detail) ? { ...detail } : undefined;
  } catch {
    return undefined;
  }
}
