import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BuildState } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { type BuildStatus, readStatus, STATES_WITH } from '../builds/build-status.ts';
import { buildFacts, historyFacts } from '../builds/build-view.ts';
import { readPage } from '../builds/listing.ts';
import { overviewFacts, readBuild, readOverview, readViews } from '../builds/overview.ts';
import { ALL_STATES, BUILD_NAMES, findBuild, once } from '../builds/search.ts';
import { timelineFacts } from '../builds/timeline.ts';
import type { Act } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT, usageError } from '../operator-error.ts';
import { buildPage } from '../screens/build-page.ts';
import { listPage, overviewPage } from '../screens/overview-page.ts';
import type { Stack } from '../stack/stack.ts';
import { parseSpan } from '../units.ts';

/** How often --watch reads everything again, in ms: a few queries each time, which cost next to nothing. */
const WATCH_INTERVAL_MS = 2_000;
const DAY_MS = 86_400_000;

/** Builds of a page where no flag says how many. */
const PAGE_SIZE = 50;

/** What a list can be asked for. */
type Wanted = BuildState | BuildStatus;

interface StatusFlags {
  readonly watch?: boolean;
  readonly since?: number;
  readonly all?: boolean;
  readonly project?: string;
  readonly state?: readonly Wanted[];
  readonly limit?: number;
  readonly from?: string;
}

export function addStatusCommand(program: Command, act: Act): void {
  const states = [...new Set<Wanted>([...ALL_STATES, ...(Object.keys(STATES_WITH) as BuildStatus[])])].sort();
  program
    .command('status')
    .argument('[build]', `${BUILD_NAMES}: shows its timeline`)
    .description('Show the builds that wait and their slots, those at Streampixel, the last results, and dead letters.')
    .option('--watch', 'show it again and again, until Ctrl-C')
    .option('--since <time>', 'how far back to count or list builds, such as 7d (default: 1d; a list: all)', parseSpan)
    .option('--all', 'list all builds in pages, most recently changed first')
    .option('--project <id>', 'list those of this project: its id, the user id, or userId/projectId')
    .addOption(
      new Option(
        '--state <state>',
        `list those in this state or status (${states.join(', ')}); may be given several times`,
      ).argParser<readonly Wanted[]>((value, before = []) => {
        const state = states.find((each) => each === value);
        if (state === undefined) throw new InvalidArgumentError(`Allowed choices are ${states.join(', ')}.`);
        return [...before, state];
      }),
    )
    .option('--limit <number>', `builds per page (default: ${PAGE_SIZE})`, pageLimit)
    .option('--from <token>', 'show the next page: the token (`next`) that the previous page printed')
    .action(
      act(async ({ console, stack: find, flags, args: [build] }) => {
        const { watch } = flags;
        const isList = ['all', 'project', 'state', 'limit', 'from'].some((flag) => flags[flag] !== undefined);
        if (isList && build !== undefined) {
          throw usageError(
            "You can't name a build and list builds at the same time.",
            'Name a build, or list builds with --all, --project or --state.',
          );
        }
        const stack = await find();
        const show = () => {
          if (build !== undefined) return showBuild(console, stack, build);
          return isList ? showList(console, stack, flags) : showAll(console, stack, flags.since ?? DAY_MS);
        };
        for (;;) {
          if (watch === true) console.clear();
          await show();
          if (watch !== true || console.isClosed) return EXIT.done;
          await sleep(WATCH_INTERVAL_MS);
        }
      }),
    );
}

function pageLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0 && limit <= MOST_OF_A_PAGE) return limit;
  throw new InvalidArgumentError(`It must be a number from 1 to ${MOST_OF_A_PAGE}.`);
}
const MOST_OF_A_PAGE = 1_000;

async function showList(console: Console, stack: Stack, flags: StatusFlags): Promise<void> {
  const { from, limit = PAGE_SIZE, project, since, state: wanted = [] } = flags;
  const now = Date.now();
  const changedSince = since === undefined ? 0 : now - since;
  const ledger = {
    webhookOf: once((projectId) => stack.ledger.webhookOf(projectId)),
    liveOf: once((projectId) => stack.ledger.liveOf(projectId)),
  };
  const { entries, next } = await readPage(stack, {
    limit,
    ...present({ from }),
    states: wanted.length === 0 ? ALL_STATES : [...new Set(wanted.flatMap(statesOf))],
    async isWanted(entry) {
      const { projectId, updatedAt, userId } = entry;
      if (updatedAt < changedSince) return false;
      if (project !== undefined && ![userId, projectId, `${userId}/${projectId}`].includes(project)) return false;
      if (wanted.length === 0) return true;
      const status = await readStatus(ledger, entry);
      // One that is discarded is still dead-lettered in the ledger, and who asks for those does not mean it.
      return wanted.some((each) => each === status || (each === entry.state && status !== 'discarded'));
    },
  });
  const { view } = await readViews(stack, entries);
  const views = entries.map(view);
  console.data({ builds: views.map(buildFacts), next }, listPage(console, views, now));
  if (next !== undefined) console.say(`There are more: repeat the command with --from ${next}`);
}

function statesOf(wanted: Wanted): readonly BuildState[] {
  const own = ALL_STATES.filter((state) => state === wanted);
  return isStatus(wanted) ? [...own, ...STATES_WITH[wanted]] : own;
}

function isStatus(wanted: Wanted): wanted is BuildStatus {
  return wanted in STATES_WITH;
}

async function showAll(console: Console, stack: Stack, sinceMs: number): Promise<void> {
  const overview = await readOverview(stack, Date.now(), sinceMs);
  console.data(overviewFacts(overview), overviewPage(console, overview));
}

async function showBuild(console: Console, stack: Stack, wanted: string): Promise<void> {
  const view = await readBuild(stack, await findBuild(stack, wanted));
  const { entry } = view;
  const history = historyFacts(entry);
  console.data({ ...buildFacts(view), timeline: timelineFacts(entry), history }, buildPage(console, view, Date.now()));
}
