import { randomUUID } from 'node:crypto';
import { JsonProtocolError, type JsonService } from './json-service.ts';

/** An event as rules would see it. */
export interface BusEvent {
  readonly source: string;
  readonly detailType: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

interface Entry {
  readonly Source?: string;
  readonly DetailType?: string;
  readonly Detail?: string;
}

/** Most entries that one call may have. */
const ENTRIES_LIMIT = 10;

/** EventBridge's default bus: takes events and hands them on. No npm package emulates it. */
export function createEventBus(onEvent: (event: BusEvent) => void): JsonService {
  function take({ Source, DetailType, Detail = '' }: Entry): object {
    const detail = parseDetail(Detail);
    if (Source === undefined || DetailType === undefined) return { ErrorCode: 'InvalidArgument' };
    if (detail === undefined) return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
    onEvent({ source: Source, detailType: DetailType, detail });
    return { EventId: randomUUID() };
  }

  return {
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
