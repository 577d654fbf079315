import type { Clock } from '../../functions/domain/ports.ts';

interface Appointment {
  /** ms since the epoch. */
  readonly at: number;
  readonly action: () => void;
}

/**
 * A clock that jumps from one appointment to the next: days pass in milliseconds, and two runs of the same seed are the same
 * to the last event. It runs ordinary asynchronous code, as long as everything that code waits for comes from here.
 */
export class VirtualTime implements Clock {
  #now: number;
  /** The next appointment comes last, so that taking it is cheap; those of one instant come first made, first kept. */
  readonly #appointments: Appointment[] = [];

  /** @param start ms since the epoch */
  constructor(start: number) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** @param ms from now, at least 0 */
  after(ms: number, action: () => void): void {
    const at = this.#now + Math.max(0, ms);
    let low = 0;
    let high = this.#appointments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#appointments[middle] as Appointment).at > at) low = middle + 1;
      else high = middle;
    }
    this.#appointments.splice(low, 0, { at, action });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /**
   * Keeps every appointment until none is left, or the next lies behind `until`.
   * @param until ms since the epoch
   */
  async run(until = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      // A macrotask comes after every microtask: all code that was woken has run as far as it can before time moves on.
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#appointments.at(-1);
      if (next === undefined || next.at > until) return;
      this.#appointments.pop();
      this.#now = next.at;
      next.action();
    }
  }
}
