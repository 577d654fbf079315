import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, ListMessageMoveTasksCommand } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { hasSentWebhook, type WebhookRecord } from '../../functions/domain/model/webhook-record.ts';
import type { Act } from '../command.ts';
import type { Console } from '../console.ts';
import { readStatus, receivesWebhooks, statusOf } from '../ledger/build-status.ts';
import { type BuildView, buildFacts, readLanes, slotsOf } from '../ledger/build-view.ts';
import { entriesOf, FINAL_STATES, findBuild, OPEN_STATES, STREAMPIXEL_STATES } from '../ledger/search.ts';
import { timelineOf } from '../ledger/timeline.ts';
import { EXIT } from '../operator-error.ts';
import { buildPage } from '../screens/build-page.ts';
import { ENDED_STATES, type EndedState, type Overview, overviewFacts, overviewPage } from '../screens/overview.ts';
import { isOvertaken, STATUS_DISPLAY } from '../screens/status-display.ts';
import { queueNumbers } from '../stack/dead-letters.ts';
import type { Stack } from '../stack/stack.ts';
import { iso, parseSpan } from '../units.ts';

/** How often --watch reads everything again, in ms: a few queries each time, which cost next to nothing. */
const WATCH_INTERVAL_MS = 2_000;
const DAY_MS = 86_400_000;
/** A build that has not changed at Streampixel for longer is no longer listed as being there, in ms. */
const AT_STREAMPIXEL_FOR_MS = 7 * DAY_MS;
/** Finished builds that are named. */
const NAMED_ENDED = 5;

export function addStatusCommand(program: Command, act: Act): void {
  program
    .command('status')
    .argument('[build]', 'id of a build, its s3:// address, or a part that no other build has: shows its timeline')
    .description('Show the builds that wait and their slots, those at Streampixel, the last results, and dead letters.')
    .option('--watch', 'show it again and again, until Ctrl-C')
    .option('--since <time>', 'how far back to count builds, such as 7d', parseSpan, DAY_MS)
    .action(
      act(async ({ console, stack: find, flags: { since, watch }, args: [build] }) => {
        const stack = await find();
        const show = () => (build === undefined ? showAll(console, stack, since) : showBuild(console, stack, build));
        for (;;) {
          // Cursor home and clear: on a terminal the page stays in its place.
          if (watch === true && !console.json && process.stdout.isTTY) process.stdout.write('\x1b[H\x1b[2J');
          await show();
          if (watch !== true) return EXIT.done;
          await sleep(WATCH_INTERVAL_MS);
        }
      }),
    );
}

async function showBuild(console: Console, stack: Stack, wanted: string): Promise<void> {
  const entry = await findBuild(stack.ledger, wanted);
  const lanes = entry.userId === undefined ? undefined : await readLanes(stack, entry.userId);
  const view = { entry, status: await readStatus(stack.ledger, entry), ...slotsOf(entry, lanes) };
  const history = entry.history.map(({ at, ...rest }) => ({ at: iso(at), ...rest }));
  const timeline = timelineOf(entry).map(({ at, name, tookMs }) => {
    return { step: name, at: iso(at), tookSeconds: tookMs === undefined ? undefined : Math.round(tookMs / 1_000) };
  });
  console.data({ ...buildFacts(view), timeline, history }, buildPage(console, view, Date.now()));
}

async function showAll(console: Console, stack: Stack, sinceMs: number): Promise<void> {
  const overview = await readOverview(stack, Date.now(), sinceMs);
  console.data(overviewFacts(overview), overviewPage(console, overview));
}

async function readOverview(stack: Stack, now: number, sinceMs: number): Promise<Overview> {
  const { clients, ledger } = stack;
  const since = now - sinceMs;
  const [open, atStreampixel, final, deadLetters, builds, moves] = await Promise.all([
    entriesOf(ledger, OPEN_STATES),
    entriesOf(ledger, STREAMPIXEL_STATES, Math.min(since, now - AT_STREAMPIXEL_FOR_MS)),
    entriesOf(ledger, FINAL_STATES, since),
    queueNumbers(clients.sqs, stack.deadLetterQueueUrl),
    queueNumbers(clients.sqs, stack.buildsQueueUrl),
    runningMoves(stack),
  ]);
  const submitted = [...atStreampixel, ...final];
  const { recordOf, view } = await readViews(stack, [...open, ...submitted]);

  const waiting = open.map(view).sort((a, b) => slotOrEnd(a) - slotOrEnd(b) || droppedAt(a) - droppedAt(b));
  const listed = submitted.map(view).filter(({ status }) => STATUS_DISPLAY[status].list === 'at-streampixel');
  const named = listed.filter((each) => !isOvertaken(each, submitted));
  const isNamed = new Set(named.map(({ entry }) => entry));
  const withoutWebhook = atStreampixel.filter(
    (entry) => view(entry).status === 'no-webhook-yet' && !hasSentWebhook(recordOf(entry)),
  );
  const recent = submitted.filter(({ updatedAt }) => updatedAt >= since);
  const ended = ENDED_STATES.map((state) => [state, recent.filter((entry) => entry.state === state).length] as const);
  return {
    stack: stack.name,
    region: stack.isLocal ? 'local' : stack.region,
    at: now,
    waiting,
    lanes: distinct(open, 'userId').map((userId) => {
      const own = waiting.filter(({ entry }) => entry.userId === userId);
      return { userId, waiting: own.length, lastSlot: own.findLast(({ slot }) => slot !== undefined)?.slot };
    }),
    atStreampixel: named.sort((a, b) => (a.entry.submittedAt ?? 0) - (b.entry.submittedAt ?? 0)),
    overtaken: listed.length - named.length,
    noWebhookYet: distinct(withoutWebhook, 'projectId').map((projectId) => {
      return { projectId, builds: withoutWebhook.filter((entry) => entry.projectId === projectId).length };
    }),
    since,
    ended: Object.fromEntries(ended) as Record<EndedState, number>,
    lastEnded: recent
      .filter((entry) => !isNamed.has(entry))
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .slice(0, NAMED_ENDED)
      .map(view),
    unread: builds.visible,
    deadLetters: { waiting: deadLetters.visible, hidden: deadLetters.hidden },
    moves,
  };
}

/** Builds without a slot come last. */
function slotOrEnd({ slot = Number.MAX_SAFE_INTEGER }: BuildView): number {
  return slot;
}

function droppedAt({ entry }: BuildView): number {
  return entry.build.droppedAt;
}

/** Reads what the status and the slots of these builds depend on: their projects' webhooks and their users' lanes. */
async function readViews(stack: Stack, entries: readonly LedgerEntry[]) {
  const unsettled = entries.filter(({ lastNewsAt, state }) => state === 'submitted' && lastNewsAt === undefined);
  const [records, lanes] = await Promise.all([
    readEach(distinct(unsettled, 'projectId'), (projectId) => stack.ledger.webhookOf(projectId)),
    readEach(distinct(entries.filter(mayHaveSlot), 'userId'), (userId) => readLanes(stack, userId)),
  ]);
  const recordOf = ({ projectId = '' }: LedgerEntry): WebhookRecord => records.get(projectId) ?? {};
  const view = (entry: LedgerEntry): BuildView => ({
    entry,
    status: statusOf(entry, receivesWebhooks(recordOf(entry), entry)),
    ...slotsOf(entry, lanes.get(entry.userId ?? '')),
  });
  return { recordOf, view };
}

function mayHaveSlot({ release, reservation }: LedgerEntry): boolean {
  return reservation !== undefined || release?.reservation !== undefined;
}

function distinct(entries: readonly LedgerEntry[], field: 'userId' | 'projectId'): readonly string[] {
  return [...new Set(entries.flatMap((entry) => entry[field] ?? []))];
}

async function readEach<T>(
  keys: readonly string[],
  read: (key: string) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  return new Map(await Promise.all(keys.map(async (key) => [key, await read(key)] as const)));
}

/** Errors of a service that lacks the operation, or of a person who may look at builds but not at moves. */
const UNAVAILABLE = new Set([
  'InvalidAction',
  'UnknownOperationException',
  'UnsupportedOperation',
  'AccessDenied',
  'AccessDeniedException',
]);

/** Redrives that were started in the console. */
async function runningMoves({ clients, deadLetterQueueUrl }: Stack): Promise<Overview['moves']> {
  const attributes = new GetQueueAttributesCommand({ QueueUrl: deadLetterQueueUrl, AttributeNames: ['QueueArn'] });
  const { Attributes } = await clients.sqs.send(attributes);
  const command = new ListMessageMoveTasksCommand({ SourceArn: Attributes?.QueueArn, MaxResults: 10 });
  const { Results = [] } = await clients.sqs.send(command).catch((error: unknown) => {
    if (error instanceof Error && UNAVAILABLE.has(error.name)) return { Results: [] };
    throw error;
  });
  return Results.filter(({ Status }) => Status === 'RUNNING' || Status === 'CANCELLING').map((task) => ({
    status: task.Status ?? '',
    moved: task.ApproximateNumberOfMessagesMoved ?? 0,
    of: task.ApproximateNumberOfMessagesToMove,
  }));
}
