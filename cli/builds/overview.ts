import { ListMessageMoveTasksCommand } from '@aws-sdk/client-sqs';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { NOTHING_LIVE } from '../../functions/domain/model/live.ts';
import { hasSentWebhook, type WebhookRecord } from '../../functions/domain/model/webhook-record.ts';
import { readQueue } from '../stack/queues.ts';
import type { Stack } from '../stack/stack.ts';
import { iso } from '../units.ts';
import { receivesWebhooks, statusOf } from './build-status.ts';
import { type BuildView, buildFacts, readLanes, slotsOf } from './build-view.ts';
import { differencesFromLive, liveOfBuild } from './live.ts';
import { ENDED_STATES, entriesOf, FINAL_STATES, OPEN_STATES, STREAMPIXEL_STATES } from './search.ts';
import { isOvertaken, STATUS_DISPLAY } from './status-display.ts';

/** A build that has not changed at Streampixel for longer is no longer listed as being there, in ms. */
const AT_STREAMPIXEL_FOR_MS = 7 * 86_400_000;
/** Finished builds that are named. */
const NAMED_ENDED = 5;

/** All builds of the stack at a glance. Times in ms since the epoch. */
export type Overview = Readonly<Awaited<ReturnType<typeof readOverview>>>;

/**
 * @param sinceMs how far back to count builds
 * @param onUnreadable gets why SQS does not say what is in the queues; they then count as empty. Without it, that is thrown
 */
export async function readOverview(
  stack: Stack,
  now: number,
  sinceMs: number,
  onUnreadable: (error: unknown) => undefined = raise,
) {
  const { clients } = stack;
  const since = now - sinceMs;
  const [open, atStreampixel, final, builds, deadLetters] = await Promise.all([
    entriesOf(stack, OPEN_STATES),
    entriesOf(stack, STREAMPIXEL_STATES, Math.min(since, now - AT_STREAMPIXEL_FOR_MS)),
    entriesOf(stack, FINAL_STATES, since),
    readQueue(clients.sqs, stack.buildsQueueUrl).catch(onUnreadable),
    readQueue(clients.sqs, stack.deadLetterQueueUrl).catch(onUnreadable),
  ]);
  const submitted = [...atStreampixel, ...final, ...open.filter(({ discardedAt }) => discardedAt !== undefined)];
  const { recordOf, view } = await readViews(stack, [...open, ...submitted]);

  const waiting = open
    .map(view)
    .filter(({ status }) => status === 'waiting')
    .sort(bySlot);
  const listed = submitted.map(view).filter(({ status }) => STATUS_DISPLAY[status].list === 'at-streampixel');
  const named = listed.filter((each) => !isOvertaken(each, submitted));
  const isNamed = new Set(named.map(({ entry }) => entry));
  const withoutWebhook = atStreampixel.filter(
    (entry) => view(entry).status === 'no-webhook-yet' && !hasSentWebhook(recordOf(entry)),
  );
  const recent = submitted.filter(({ updatedAt }) => updatedAt >= since);
  return {
    stack: stack.name,
    region: stack.isLocal ? 'local' : stack.region,
    at: now,
    waiting,
    lanes: distinct(open, 'userId').map((userId) => {
      const own = waiting.filter(({ entry }) => entry.userId === userId);
      return { userId, waiting: own.length, lastSlot: own.findLast(({ slot }) => slot !== undefined)?.slot };
    }),
    /** At Streampixel and not finished, oldest first. */
    atStreampixel: named.sort((a, b) => (a.entry.submittedAt ?? 0) - (b.entry.submittedAt ?? 0)),
    /** How many more there would be if no newer build of their project had been approved. */
    overtaken: listed.length - named.length,
    /** Builds of projects for which Streampixel has never sent a webhook. */
    noWebhookYet: distinct(withoutWebhook, 'projectId').map((projectId) => {
      return { projectId, builds: withoutWebhook.filter((entry) => entry.projectId === projectId).length };
    }),
    since,
    /** Builds that have changed since then, counted by their state now. */
    ended: ENDED_STATES.map((state) => [state, recent.filter((entry) => entry.state === state).length] as const),
    lastEnded: recent
      .filter((entry) => !isNamed.has(entry))
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .slice(0, NAMED_ENDED)
      .map(view),
    /** Messages that the ledger has no build of yet. */
    unread: builds?.visible ?? 0,
    deadLetters: { waiting: deadLetters?.visible ?? 0, hidden: deadLetters?.hidden ?? 0 },
    moves: deadLetters === undefined ? [] : await runningMoves(stack, deadLetters.arn),
  };
}

function raise(error: unknown): never {
  throw error;
}

/** As `--json` prints it. */
export function overviewFacts({ at, atStreampixel, ended, lanes, lastEnded, since, waiting, ...overview }: Overview) {
  return {
    ...overview,
    at: iso(at),
    inLine: waiting.map(buildFacts),
    lines: lanes.map(({ lastSlot, ...lane }) => ({ ...lane, lastTurn: iso(lastSlot) })),
    atStreampixel: atStreampixel.map(buildFacts),
    since: iso(since),
    ended: Object.fromEntries(ended),
    lastEnded: lastEnded.map(buildFacts),
  };
}

/** Builds without a slot come last. */
function bySlot(a: BuildView, b: BuildView): number {
  const last = Number.MAX_SAFE_INTEGER;
  return (a.slot ?? last) - (b.slot ?? last) || a.entry.build.droppedAt - b.entry.build.droppedAt;
}

/** Reads what the status and the slots of these builds depend on: their projects' webhooks and live builds, and their users' lanes. */
export async function readViews({ ledger, ...stack }: Stack, entries: readonly LedgerEntry[]) {
  const unsettled = entries.filter(({ lastNewsAt, state }) => state === 'submitted' && lastNewsAt === undefined);
  const accepted = entries.filter(({ formerUploadIds, uploadId }) => (uploadId ?? formerUploadIds) !== undefined);
  const withSlot = entries.filter(({ release, reservation }) => (reservation ?? release?.reservation) !== undefined);
  const [records, live, lanes] = await Promise.all([
    readEach(distinct(unsettled, 'projectId'), (projectId) => ledger.webhookOf(projectId)),
    readEach(distinct(accepted, 'projectId'), (projectId) => ledger.liveOf(projectId)),
    readEach(distinct(withSlot, 'userId'), (userId) => readLanes(stack, userId)),
  ]);
  const recordOf = ({ projectId = '' }: LedgerEntry): WebhookRecord => records.get(projectId) ?? {};
  const view = (entry: LedgerEntry): BuildView => {
    const buildLive = liveOfBuild(live.get(entry.projectId ?? '') ?? NOTHING_LIVE, entry);
    return {
      entry,
      status: statusOf(entry, receivesWebhooks(recordOf(entry), entry), buildLive.own),
      live: buildLive,
      ...slotsOf(entry, lanes.get(entry.userId ?? '')),
    };
  };
  return { recordOf, view };
}

/** All that is known about one build. */
export async function readBuild(stack: Stack, entry: LedgerEntry): Promise<BuildView> {
  const { view } = await readViews(stack, [entry]);
  return { ...view(entry), differences: await differencesFromLive(stack.ledger, entry) };
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

/** The service lacks the operation, or the person may look at builds but not at moves. */
const UNAVAILABLE = /^(InvalidAction|UnknownOperationException|UnsupportedOperation|AccessDenied(Exception)?)$/;

/** Redrives that were started in the console: SQS moves those messages by itself. */
async function runningMoves({ clients }: Stack, SourceArn: string | undefined) {
  const command = new ListMessageMoveTasksCommand({ SourceArn, MaxResults: 10 });
  const { Results = [] } = await clients.sqs.send(command).catch((error: unknown) => {
    if (error instanceof Error && UNAVAILABLE.test(error.name)) return { Results: [] };
    throw error;
  });
  return Results.filter(({ Status }) => Status === 'RUNNING' || Status === 'CANCELLING').map((task) => ({
    status: task.Status ?? '',
    moved: task.ApproximateNumberOfMessagesMoved ?? 0,
    of: task.ApproximateNumberOfMessagesToMove,
  }));
}
