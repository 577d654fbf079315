import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { readStatus } from '../builds/build-status.ts';
import { buildFacts, readLanes, slotsOf } from '../builds/build-view.ts';
import { readBuildLive } from '../builds/live.ts';
import { overviewFacts, readOverview } from '../builds/overview.ts';
import { BUILD_NAMES, findBuild } from '../builds/search.ts';
import { timelineOf } from '../builds/timeline.ts';
import type { Act } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT } from '../operator-error.ts';
import { buildPage } from '../screens/build-page.ts';
import { overviewPage } from '../screens/overview-page.ts';
import type { Stack } from '../stack/stack.ts';
import { iso, parseSpan } from '../units.ts';

/** How often --watch reads everything again, in ms: a few queries each time, which cost next to nothing. */
const WATCH_INTERVAL_MS = 2_000;
const DAY_MS = 86_400_000;

export function addStatusCommand(program: Command, act: Act): void {
  program
    .command('status')
    .argument('[build]', `${BUILD_NAMES}: shows its timeline`)
    .description('Show the builds that wait and their slots, those at Streampixel, the last results, and dead letters.')
    .option('--watch', 'show it again and again, until Ctrl-C')
    .option('--since <time>', 'how far back to count builds, such as 7d (default: 1d)', parseSpan)
    .action(
      act(async ({ console, stack: find, flags: { since = DAY_MS, watch }, args: [build] }) => {
        const stack = await find();
        const show = () => (build === undefined ? showAll(console, stack, since) : showBuild(console, stack, build));
        for (;;) {
          if (watch === true) console.clear();
          await show();
          if (watch !== true || console.isClosed) return EXIT.done;
          await sleep(WATCH_INTERVAL_MS);
        }
      }),
    );
}

async function showAll(console: Console, stack: Stack, sinceMs: number): Promise<void> {
  const overview = await readOverview(stack, Date.now(), sinceMs);
  console.data(overviewFacts(overview), overviewPage(console, overview));
}

async function showBuild(console: Console, stack: Stack, wanted: string): Promise<void> {
  const entry = await findBuild(stack.ledger, wanted);
  const lanes = entry.userId === undefined ? undefined : await readLanes(stack, entry.userId);
  const live = await readBuildLive(stack.ledger, entry);
  const view = { entry, live, status: await readStatus(stack.ledger, entry), ...slotsOf(entry, lanes) };
  const history = entry.history.map(({ at, ...rest }) => ({ at: iso(at), ...rest }));
  const timeline = timelineOf(entry).map(({ at, name, tookMs }) => {
    return { step: name, at: iso(at), tookSeconds: tookMs === undefined ? undefined : Math.round(tookMs / 1_000) };
  });
  console.data({ ...buildFacts(view), timeline, history }, buildPage(console, view, Date.now()));
}
