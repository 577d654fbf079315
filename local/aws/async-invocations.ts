import { setTimeout as sleep } from 'node:timers/promises';
import type { InvocationResult } from './lambda-process.ts';

export interface AsyncInvocationOptions {
  readonly functionName: string;
  readonly invoke: (event: unknown) => Promise<InvocationResult>;
  /** Tries after the first; Lambda allows 0 to 2. */
  readonly retryAttempts: number;
  /** What went wrong with a try, and that there will be no more: for people. */
  readonly onProblem: (problem: string) => void;
  /** Wait before the first retry, in ms; twice as long before the second. Default: a second. */
  readonly retryDelayMs?: number;
}

export interface AsyncInvocations {
  /** Takes an event and comes back at once. */
  send(event: unknown): void;
  /** Waits for the tries under way, and makes no more. */
  stop(): Promise<void>;
}

/** Lambda waits one minute and then two; nobody wants to here. In ms. */
const RETRY_DELAY_MS = 1_000;

/** Invokes a function for events as Lambda does where nobody waits for the answer: a try that fails is made again. */
export function startAsyncInvocations(options: AsyncInvocationOptions): AsyncInvocations {
  const { functionName, invoke, retryAttempts, onProblem, retryDelayMs = RETRY_DELAY_MS } = options;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();

  async function run(event: unknown): Promise<void> {
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      const result = await invoke(event);
      if (result.kind === 'answered') return;
      const isLast = attempt > retryAttempts;
      const next = isLast ? `It was the last of ${attempt} tries: the event is dropped.` : 'It is tried again.';
      onProblem(`${functionName} failed: ${result.errorType}: ${result.errorMessage} ${next}`);
      if (isLast) return;
      // Stopping cuts the wait short, and the loop ends there.
      await sleep(attempt * retryDelayMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  return {
    send(event) {
      const running = run(event).finally(() => underWay.delete(running));
      underWay.add(running);
    },
    async stop() {
      stopping.abort();
      await Promise.all(underWay);
    },
  };
}
