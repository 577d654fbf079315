import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from './operator-error.ts';

/** Signals within this time are one press of Ctrl-C: the terminal, npm and the launcher each pass it on. In ms. */
const ONE_PRESS_MS = 1_000;

/**
 * From now on the first Ctrl-C (or SIGTERM, or the end of the launcher, however it came) aborts the signal, so that the command can
 * end its work properly; the second one ends the process at once.
 *
 * @param onFirst says what happens now
 */
export function interruptible(onFirst: () => void): AbortSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = () => {
    const now = Date.now();
    if (firstAt === undefined) {
      firstAt = now;
      onFirst();
      controller.abort();
    } else if (now - firstAt > ONE_PRESS_MS) process.exit(EXIT.interrupted);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // The launcher's channel: it closes when the launcher is killed.
  process.once('disconnect', onSignal);
  process.channel?.unref();
  return controller.signal;
}

/** Sleeps for so many ms. @returns `false` where the signal was aborted in the meantime */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}
