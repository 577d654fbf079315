import { AsyncLocalStorage } from 'node:async_hooks';
import type { LogFields } from '../domain/ports.ts';

/** Fields of every line that is logged by a piece of work, whatever else runs beside it. */
const storage = new AsyncLocalStorage<LogFields>();

export function logContext(): LogFields | undefined {
  return storage.getStore();
}

/** Starts a new context for the rest of the current work. */
export function enterLogContext(fields: LogFields): void {
  storage.enterWith(fields);
}

/** Adds fields to the context, for `work` only. */
export function withinLogContext<T>(fields: LogFields, work: () => Promise<T>): Promise<T> {
  return storage.run({ ...storage.getStore(), ...fields }, work);
}
