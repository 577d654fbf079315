import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, ListMessageMoveTasksCommand } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { hasSentWebhook, type WebhookRecord } from '../../functions/domain/model/webhook-record.ts';
import { isListedAtVendor, isOvertaken } from '../at-vendor.ts';
import { buildPage, stepFacts } from '../build-page.ts';
import { buildFacts, type Lines, readLines, turnsOf } from '../builds.ts';
import type { Act } from '../command.ts';
import type { Console } from '../console.ts';
import { END_STATES, entriesOf, findBuild, OPEN_STATES, VENDOR_STATES } from '../ledger-search.ts';
import { queueNumbers } from '../letters.ts';
import { EXIT } from '../operator-error.ts';
import type { Stack } from '../stack.ts';
import { isHeard, isHeardBy, standingOf } from '../standing.ts';
import { type EndedState, SHOWN_ENDED, type Status, statusPage } from '../status-page.ts';
import { iso, parseSpan } from '../units.ts';

interface StatusFlags {
  readonly watch?: boolean;
  readonly since: number;
}

/** How often --watch looks again, in ms: a few queries each time, which cost next to nothing. */
const WATCH_INTERVAL_MS = 2_000;
const DAY_MS = 86_400_000;
/** Nobody waits any longer for a build to get on at Streampixel, or to be released, in ms since its last change. */
const AT_VENDOR_FOR_MS = 7 * DAY_MS;

export function addStatusCommand(program: Command, act: Act): void {
  program
    .command('status')
    .argument('[build]', 'id of a build, its s3:// address, or a part that no other has: shows its whole way')
    .description(
      'Show the builds in line with their turn, those at Streampixel, what became of the last ones, and dead letters.',
    )
    .option('--watch', 'show it again and again, until Ctrl-C')
    .option('--since <time>', 'how far back to count builds, such as 7d', parseSpan, DAY_MS)
    .action(
      act(async ({ console, stack: find, flags, args: [build] }) => {
        const stack = await find();
        const show = () => (build === undefined ? overview(console, stack, flags) : showBuild(console, stack, build));
        if (flags.watch !== true) return show();
        for (;;) {
          // Home, and clear to the end: on a terminal the page stands still.
          if (!console.json && process.stdout.isTTY) process.stdout.write('\x1b[H\x1b[2J');
          await show();
          await sleep(WATCH_INTERVAL_MS);
        }
      }),
    );
}

async function overview(console: Console, stack: Stack, { since }: StatusFlags): Promise<number> {
  const status = await readStatus(stack, Date.now(), since);
  console.data(status, statusPage(console, status, Date.now(), since));
  return EXIT.done;
}

async function readStatus(stack: Stack, now: number, since: number): Promise<Status> {
  const { clients, ledger } = stack;
  const [open, vendor, ended, letters, builds, moves] = await Promise.all([
    entriesOf(ledger, OPEN_STATES),
    entriesOf(ledger, VENDOR_STATES, now - Math.max(since, AT_VENDOR_FOR_MS)),
    entriesOf(ledger, END_STATES, now - since),
    queueNumbers(clients.sqs, stack.deadLetterQueueUrl),
    queueNumbers(clients.sqs, stack.buildsQueueUrl),
    runningMoves(stack),
  ]);
  const submitted = [...vendor, ...ended];
  const records = await webhookRecords(stack, vendor);
  const recordOf = ({ projectId = '' }: LedgerEntry) => records.get(projectId) ?? {};
  const isHeardOf = (entry: LedgerEntry) => isHeardBy(recordOf(entry), entry);
  const standing = (entry: LedgerEntry) => standingOf(entry, isHeardOf(entry));
  const listed = submitted.filter((entry) => isListedAtVendor(standing(entry)));
  const atVendor = listed.filter((entry) => !isOvertaken(entry, standing(entry), submitted));
  const unheard = Map.groupBy(
    vendor.filter((entry) => standing(entry) === 'unheard' && !hasSentWebhook(recordOf(entry))),
    ({ projectId = '' }) => projectId,
  );

  const lines = await linesOf(stack, [...open, ...atVendor]);
  const facts = (entry: LedgerEntry) =>
    buildFacts(entry, { isHeard: isHeardOf(entry), ...turnsOf(entry, lines.get(entry.userId ?? '')) });
  const byTurn = open
    .map((entry) => facts(entry))
    .sort((a, b) => (a.slot ?? '9').localeCompare(b.slot ?? '9') || a.droppedAt.localeCompare(b.droppedAt));
  const userIds = [...new Set(open.flatMap(({ userId }) => userId ?? []))];
  const recent = submitted.filter(({ updatedAt }) => updatedAt >= now - since);
  const count = (state: EndedState) => recent.filter((entry) => entry.state === state).length;
  return {
    stack: stack.name,
    region: stack.isLocal ? 'local' : stack.region,
    at: iso(now),
    inLine: byTurn,
    lines: userIds.map((userId) => {
      const own = byTurn.filter((build) => build.userId === userId);
      return { userId, waiting: own.length, lastTurn: own.findLast(({ slot }) => slot !== undefined)?.slot };
    }),
    atStreampixel: atVendor.sort((a, b) => (a.submittedAt ?? 0) - (b.submittedAt ?? 0)).map((entry) => facts(entry)),
    overtaken: listed.length - atVendor.length,
    unheard: [...unheard].map(([projectId, entries]) => ({ projectId, builds: entries.length })),
    since: iso(now - since),
    ended: {
      submitted: count('submitted'),
      approved: count('approved'),
      released: count('released'),
      rejected: count('rejected'),
      skipped: count('skipped'),
      'dead-lettered': count('dead-lettered'),
    },
    lastEnded: recent
      .filter((entry) => !atVendor.includes(entry))
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .slice(0, SHOWN_ENDED)
      .map((entry) => facts(entry)),
    unread: builds.visible,
    deadLetters: { waiting: letters.visible, hidden: letters.hidden },
    moves,
  };
}

/** What is known of the webhooks of submitted builds that nothing has been heard of yet. */
async function webhookRecords(
  { ledger }: Stack,
  entries: readonly LedgerEntry[],
): Promise<ReadonlyMap<string, WebhookRecord>> {
  const unheard = entries.filter(({ lastNewsAt, state }) => state === 'submitted' && lastNewsAt === undefined);
  const projectIds = [...new Set(unheard.flatMap(({ projectId }) => projectId ?? []))];
  return new Map(
    await Promise.all(projectIds.map(async (projectId) => [projectId, await ledger.webhookOf(projectId)] as const)),
  );
}

/** The lines of the users of these builds. */
async function linesOf(stack: Stack, entries: readonly LedgerEntry[]): Promise<ReadonlyMap<string, Lines>> {
  const userIds = [...new Set(entries.flatMap(({ userId }) => userId ?? []))];
  return new Map(await Promise.all(userIds.map(async (userId) => [userId, await readLines(stack, userId)] as const)));
}

/** Names of the errors by which a service says that it has no such operation, or none for you. */
const NOT_TO_BE_HAD = new Set([
  'InvalidAction',
  'UnknownOperationException',
  'UnsupportedOperation',
  'AccessDenied',
  'AccessDeniedException',
]);

/** Redrives that somebody has started in the console; SQS moves those by itself. */
async function runningMoves({ clients, deadLetterQueueUrl }: Stack): Promise<Status['moves']> {
  const attributes = new GetQueueAttributesCommand({ QueueUrl: deadLetterQueueUrl, AttributeNames: ['QueueArn'] });
  const { Attributes } = await clients.sqs.send(attributes);
  const command = new ListMessageMoveTasksCommand({ SourceArn: Attributes?.QueueArn, MaxResults: 10 });
  const Results = await clients.sqs.send(command).then(
    (answer) => answer.Results ?? [],
    (error: unknown) => {
      // Emulators don't have it, and nobody who may look at the builds has to be allowed to look at moves.
      if (error instanceof Error && NOT_TO_BE_HAD.has(error.name)) return [];
      throw error;
    },
  );
  return Results.filter(({ Status: status }) => status === 'RUNNING' || status === 'CANCELLING').map((task) => ({
    status: task.Status ?? '',
    moved: task.ApproximateNumberOfMessagesMoved ?? 0,
    of: task.ApproximateNumberOfMessagesToMove,
  }));
}

async function showBuild(console: Console, stack: Stack, wanted: string): Promise<number> {
  const entry = await findBuild(stack.ledger, wanted);
  const lines = entry.userId === undefined ? undefined : await readLines(stack, entry.userId);
  const facts = buildFacts(entry, { isHeard: await isHeard(stack.ledger, entry), ...turnsOf(entry, lines) });
  const now = Date.now();
  const history = entry.history.map(({ at, ...rest }) => ({ at: iso(at), ...rest }));
  console.data({ ...facts, way: stepFacts(entry), history }, buildPage(console, entry, facts, now));
  return EXIT.done;
}
