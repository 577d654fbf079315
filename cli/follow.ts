import type { LedgerEntry } from '../functions/domain/model/ledger-entry.ts';
import { statusCommand } from '../functions/domain/notify/operator-commands.ts';
import type { Ledger } from '../functions/domain/ports.ts';
import { createBuildNews } from './build-news.ts';
import type { Console } from './console.ts';
import { pause } from './interruption.ts';
import { EXIT, OperatorError } from './operator-error.ts';
import { isHeard, isOver, type Standing, standingOf } from './standing.ts';

/** How often the ledger is asked, in ms: one read, which costs next to nothing. */
export const POLL_MS = 1_000;
/** A build that the ledger does not know by then has perhaps not been announced, in ms. */
const UNKNOWN_FOR_MS = 60_000;
/**
 * Where a webhook has never spoken, this may be the first build that it speaks of, in ms: Streampixel tells within seconds that
 * it has queued a build.
 */
const FIRST_WORD_MS = 15_000;

/** Where a build has come to, when nothing more is to be expected of it by itself. */
export interface Followed {
  readonly entry: LedgerEntry;
  readonly standing: Standing;
}

/**
 * Says what happens to a build, until it has come to its end.
 *
 * @throws OperatorError once the signal is aborted
 */
export async function followBuild(
  console: Console,
  ledger: Pick<Ledger, 'webhookOf'>,
  find: () => Promise<LedgerEntry | undefined>,
  signal: AbortSignal,
): Promise<Followed> {
  const begun = Date.now();
  const tell = createBuildNews(console);
  let warned = false;
  let listeningSince: number | undefined;
  for (;;) {
    const entry = await find();
    if (entry === undefined && !warned && Date.now() - begun > UNKNOWN_FOR_MS) {
      warned = true;
      console.say('Nothing has been heard of it yet. `streampixel-drop doctor` looks for the cause.');
    }
    if (entry !== undefined) {
      tell(entry);
      const standing = standingOf(entry, await isHeard(ledger, entry));
      if (standing === 'unheard') {
        if (listeningSince === undefined) console.say("Listening for the first word of the project's webhook ...");
        listeningSince ??= Date.now();
        if (Date.now() - listeningSince >= FIRST_WORD_MS) return { entry, standing };
      } else if (isOver(standing)) return { entry, standing };
    }
    if (!(await pause(POLL_MS, signal))) throw stoppedLooking(entry);
  }
}

function stoppedLooking(entry: LedgerEntry | undefined): OperatorError {
  const command = entry === undefined ? 'npx streampixel-drop status' : statusCommand(entry.id);
  return new OperatorError(
    'Interrupted',
    'Stopped looking; the build goes on.',
    `Look again: ${command}`,
    EXIT.interrupted,
  );
}
