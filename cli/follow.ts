import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerEntry } from '../functions/domain/ledger.ts';
import type { Console } from './console.ts';
import { END_STATES } from './ledger-search.ts';
import { clockTime } from './units.ts';

/** How often the ledger is asked, in ms: one read, which costs next to nothing. */
const POLL_MS = 1_000;
/** A build that the ledger does not know by then has perhaps not been announced, in ms. */
const UNKNOWN_FOR_MS = 60_000;

/** Says what happens to a build, until it has come to its end. */
export async function followBuild(
  console: Console,
  find: () => Promise<LedgerEntry | undefined>,
): Promise<LedgerEntry> {
  const begun = Date.now();
  let told = begun;
  let warned = false;
  for (;;) {
    const entry = await find();
    if (entry === undefined && !warned && Date.now() - begun > UNKNOWN_FOR_MS) {
      warned = true;
      console.say('Nothing has been heard of it yet. `streampixel-drop doctor` looks for the cause.');
    }
    for (const { at, note = '', state } of entry?.history ?? []) {
      if (at <= told) continue;
      told = at;
      console.say(`${console.tint('gray', clockTime(at, Date.now()))}  ${state}  ${note}`.trimEnd());
    }
    if (entry !== undefined && END_STATES.some((state) => state === entry.state)) return entry;
    await sleep(POLL_MS);
  }
}
