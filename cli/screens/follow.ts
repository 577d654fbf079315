import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { readStatus } from '../builds/build-status.ts';
import type { BuildView } from '../builds/build-view.ts';
import { STATUS_DISPLAY } from '../builds/status-display.ts';
import type { Console } from '../console.ts';
import { pause } from '../interruption.ts';
import { EXIT, OperatorError } from '../operator-error.ts';
import { explained } from '../stack/aws-errors.ts';
import { clockTime, inLocalTime, span } from '../units.ts';
import { createFollowLines } from './follow-lines.ts';

/** How often the ledger is read, in ms: one read, which costs next to nothing. */
export const POLL_MS = 1_000;
/** S3's event about a build that the ledger does not have by then may have been lost, in ms. */
const UNKNOWN_FOR_MS = 60_000;
/**
 * Where Streampixel has never sent a webhook, its first one may be about this build, in ms: it reports within seconds that it has
 * queued a build.
 */
const FIRST_WEBHOOK_MS = 15_000;

/** Off a terminal a line says so often that it still follows, in ms: build machines end jobs that print nothing for long. */
const SIGN_OF_LIFE_MS = 5 * 60_000;

/** Codes of errors that pass by themselves. */
const PASSING: ReadonlySet<string> = new Set(['NothingThere', 'Throttled', 'Unreachable']);
/** Where AWS does not answer for a while, in ms: longer trouble is one that a person has to look at. */
const TROUBLE_MS = 5 * 60_000;
/** How long the look at the end of the time may take, in ms. */
const LAST_LOOK_MS = 5_000;
/** What a timer of Node takes, in ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface FollowOptions {
  /** @returns the build's entry, read now */
  readonly find: () => Promise<LedgerEntry | undefined>;
  readonly signal: AbortSignal;
  /** How long to follow at most, in ms. Default: until the build no longer changes by itself. */
  readonly timeoutMs?: number;
  readonly clock?: { readonly now: () => number; readonly pause: typeof pause };
}

/** `timed-out`: the build still changes by itself. Its view is absent where the pipeline has not seen it yet. */
export type Followed =
  | { readonly kind: 'ended'; readonly view: BuildView }
  | { readonly kind: 'timed-out'; readonly view?: BuildView };

/**
 * Prints what happens to a build, until it no longer changes by itself or the time is over.
 *
 * @throws OperatorError once the signal is aborted
 */
export async function followBuild(
  console: Console,
  ledger: Pick<Ledger, 'liveOf' | 'webhookOf'>,
  { clock = { now: Date.now, pause }, find, signal, timeoutMs = Number.POSITIVE_INFINITY }: FollowOptions,
): Promise<Followed> {
  const startedAt = clock.now();
  const print = createFollowLines(console);
  let isWarned = false;
  let listeningSince: number | undefined;
  let lastSignAt = startedAt;
  let view: BuildView | undefined;
  let troubleSince: number | undefined;

  /** Reads the build. What passes by itself is no result of it: then the last view stays. */
  async function look(): Promise<void> {
    try {
      const entry = await find();
      view = entry && { entry, status: await readStatus(ledger, entry) };
      troubleSince = undefined;
    } catch (error) {
      const { code, message } = explained(error);
      if (!PASSING.has(code) || clock.now() - (troubleSince ?? clock.now()) > TROUBLE_MS) throw error;
      if (troubleSince === undefined) console.say(`${message} Trying again ...`);
      troubleSince ??= clock.now();
    }
  }

  try {
    for (;;) {
      await waitFor(look(), Math.max(startedAt + timeoutMs - clock.now(), LAST_LOOK_MS), signal);
      const now = clock.now();
      if (view !== undefined) {
        if (print(view.entry)) lastSignAt = now;
        if (view.status === 'no-webhook-yet') {
          if (listeningSince === undefined) console.say("Waiting for the first webhook of the build's project ...");
          listeningSince ??= now;
          if (now - listeningSince >= FIRST_WEBHOOK_MS) return { kind: 'ended', view };
        } else if (!STATUS_DISPLAY[view.status].isOngoing) return { kind: 'ended', view };
      } else if (!isWarned && now - startedAt > UNKNOWN_FOR_MS) {
        isWarned = true;
        console.say(`The pipeline has not seen the build yet. This looks for the cause: ${console.commands.doctor()}`);
      }
      const left = startedAt + timeoutMs - now;
      if (left <= 0) return { kind: 'timed-out', ...present({ view }) };

      const where =
        view === undefined ? 'not seen by the pipeline yet' : inLocalTime(STATUS_DISPLAY[view.status].label(view), now);
      const line = `${where}; followed for ${span(now - startedAt)}${Number.isFinite(left) ? `, ${span(left)} left` : ''}`;
      if (console.isLive) console.move(line);
      else if (now - lastSignAt >= SIGN_OF_LIFE_MS) {
        lastSignAt = now;
        console.say(`${clockTime(now, now)}  still ${line}`);
      }
      if (!(await clock.pause(Math.min(POLL_MS, left), signal))) {
        const remedy = `Follow it again: ${console.commands.status(view?.entry.build)}`;
        throw new OperatorError('Interrupted', 'Stopped following; the build continues.', remedy, EXIT.interrupted);
      }
    }
  } finally {
    console.move();
  }
}

/** Waits for `work` no longer than so many ms, and not once the signal is aborted: AWS may take a request and never answer. */
async function waitFor(work: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const over = pause(Math.min(ms, LONGEST_TIMER_MS), AbortSignal.any([signal, done.signal]));
  await Promise.race([work, over]).finally(() => done.abort());
}
