import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { statusCommand, TOOL } from '../../functions/domain/notify/operator-commands.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { readStatus } from '../builds/build-status.ts';
import type { BuildView } from '../builds/build-view.ts';
import { STATUS_DISPLAY } from '../builds/status-display.ts';
import type { Console } from '../console.ts';
import { pause } from '../interruption.ts';
import { EXIT, OperatorError } from '../operator-error.ts';
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

/**
 * Prints what happens to a build, until it no longer changes by itself.
 *
 * @throws OperatorError once the signal is aborted
 */
export async function followBuild(
  console: Console,
  ledger: Pick<Ledger, 'liveOf' | 'webhookOf'>,
  find: () => Promise<LedgerEntry | undefined>,
  signal: AbortSignal,
): Promise<BuildView> {
  const startedAt = Date.now();
  const print = createFollowLines(console);
  let isWarned = false;
  let listeningSince: number | undefined;
  for (;;) {
    const entry = await find();
    if (entry === undefined && !isWarned && Date.now() - startedAt > UNKNOWN_FOR_MS) {
      isWarned = true;
      console.say('The pipeline has not seen the build yet. `streampixel-drop doctor` looks for the cause.');
    }
    if (entry !== undefined) {
      print(entry);
      const status = await readStatus(ledger, entry);
      if (status === 'no-webhook-yet') {
        if (listeningSince === undefined) console.say("Waiting for the first webhook of the build's project ...");
        listeningSince ??= Date.now();
        if (Date.now() - listeningSince >= FIRST_WEBHOOK_MS) return { entry, status };
      } else if (!STATUS_DISPLAY[status].isOngoing) return { entry, status };
    }
    if (!(await pause(POLL_MS, signal))) {
      const remedy = `Follow it again: ${entry === undefined ? `${TOOL} status` : statusCommand(entry.id)}`;
      throw new OperatorError('Interrupted', 'Stopped following; the build continues.', remedy, EXIT.interrupted);
    }
  }
}
