import { vi } from 'vitest';

/** Repeats a check until it passes. The limit is generous, for a busy machine: it is reached only where something is wrong. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 200_000, interval: 50 });
}
