import { randomUUID } from 'node:crypto';
import type { EventBridgeEvent } from 'aws-lambda';
import { JsonProtocolError, type JsonService } from './json-service.ts';

/** An event as rules see it and targets get it. */
export type BusEvent = EventBridgeEvent<string, Readonly<Record<string, unknown>>>;

/** What its sender says of an event. */
export interface NewEvent {
  readonly source: string;
  readonly detailType: string;
  /** ARNs. */
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

interface Entry {
  readonly Source?: string;
  readonly DetailType?: string;
  readonly Resources?: readonly string[];
  readonly Detail?: string;
}

export interface EventBus extends JsonService {
  /** Takes an event of an AWS service. */
  put(event: NewEvent): void;
}

/** Most entries that one call may have. */
const ENTRIES_LIMIT = 10;

/** EventBridge's default bus: takes events and hands them on. No npm package emulates it. */
export function createEventBus(region: string, accountId: string, onEvent: (event: BusEvent) => void): EventBus {
  function put({ source, detailType, resources, detail }: NewEvent): string {
    const id = randomUUID();
    // To the second, as EventBridge has it.
    const time = new Date().toISOString().replace(/\.\d+/, '');
    const origin = { source, account: accountId, time, region };
    onEvent({ version: '0', id, 'detail-type': detailType, ...origin, resources: [...resources], detail });
    return id;
  }

  function take({ Source, DetailType, Resources = [], Detail = '' }: Entry): object {
    const detail = parseDetail(Detail);
    if (Source === undefined || DetailType === undefined) return { ErrorCode: 'InvalidArgument' };
    if (Source.startsWith('aws.')) {
      return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' };
    }
    if (detail === undefined) return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
    return { EventId: put({ source: Source, detailType: DetailType, resources: Resources, detail }) };
  }

  return {
    put: (event) => void put(event),
    serve(operation, input) {
      const { Entries: entries } = input as { Entries?: Entry[] };
      if (operation !== 'PutEvents') {
        throw new JsonProtocolError(
          'UnknownOperationException',
          `The local stack does not have ${operation} of EventBridge.`,
        );
      }
      if (entries === undefined || entries.length === 0 || entries.length > ENTRIES_LIMIT) {
        throw new JsonProtocolError('ValidationException', `There must be 1 to ${ENTRIES_LIMIT} entries.`);
      }
      const results = entries.map(take);
      // Even if it refuses all, the call as such has succeeded.
      return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
    },
  };
}

function parseDetail(text: string): Record<string, unknown> | undefined {
  try {
    const detail: unknown = JSON.parse(text);
    return typeof detail === 'object' && detail !== null && !Array.isArray(detail)
      ? (detail as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
