import type { Sandbox } from './sandbox.ts';

/** One call of Streampixel, seen from outside. All times in ms since the epoch by the true clock. */
export interface PacedCall {
  /** When the worker acquired its slot. */
  readonly acquiredAt: number;
  /** When the worker began the call, behind its claim. */
  readonly calledAt: number;
  /** When the request was sent. */
  readonly sentAt: number;
  readonly arrivedAt: number;
  /** The worker that made it. */
  readonly sandbox: Sandbox;
}
