import type { Clock, Log, LogFields } from '../domain/ports.ts';
import { logContext, withinLogContext } from './log-context.ts';

/**
 * One JSON object a line: `time` (ISO 8601), `level`, `event`, the fields of the context, then the line's own, which win. Written to
 * the stream itself, because the runtime's console puts text before the object.
 *
 * @param write takes a whole line, newline included
 */
export function createJsonLog(clock: Pick<Clock, 'now'>, write: (line: string) => void): Log {
  const at = (level: string) => (event: string, fields: LogFields) =>
    write(
      `${JSON.stringify({ time: new Date(clock.now()).toISOString(), level, event, ...logContext(), ...fields })}\n`,
    );
  return { info: at('info'), warn: at('warn'), error: at('error'), within: withinLogContext };
}
