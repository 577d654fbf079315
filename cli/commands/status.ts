import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, ListMessageMoveTasksCommand } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import { commandAfter } from '../../functions/domain/alert.ts';
import type { BuildState, LedgerEntry } from '../../functions/domain/ledger.ts';
import type { Line } from '../../functions/domain/pacer.ts';
import { REASONS } from '../../functions/domain/reasons.ts';
import { type BuildFacts, buildFacts, readLine, shortId, turnOf } from '../builds.ts';
import { aligned, type Console } from '../console.ts';
import { END_STATES, entriesOf, findBuild, OPEN_STATES } from '../ledger-search.ts';
import { queueNumbers } from '../letters.ts';
import { EXIT } from '../operator-error.ts';
import type { Act } from '../program.ts';
import type { Stack } from '../stack.ts';
import { bytes, clockTime, parseSpan, plural, span } from '../units.ts';

interface StatusFlags {
  readonly watch?: boolean;
  readonly since: number;
}

/** How often --watch looks again, in ms: a few queries each time, which cost next to nothing. */
const WATCH_INTERVAL_MS = 2_000;
/** Builds in line that are named; the others are counted. */
const SHOWN_IN_LINE = 15;
/** Builds that have ended that are named. */
const SHOWN_ENDED = 5;
const DAY_MS = 86_400_000;

export function addStatusCommand(program: Command, act: Act): void {
  program
    .command('status')
    .argument('[build]', 'id of a build, its s3:// address, or a part that no other has: shows its history')
    .description('Show the builds in line with their turn, what became of the last ones, and the dead letters.')
    .option('--watch', 'show it again and again, until Ctrl-C')
    .option('--since <time>', 'how far back to count builds that have ended, such as 7d', parseSpan, DAY_MS)
    .action(
      act(async ({ console, stack: find, flags, args: [build] }) => {
        const stack = await find();
        const show = () => (build === undefined ? overview(console, stack, flags) : history(console, stack, build));
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

/** The status as a whole: times as ISO 8601. */
interface Status {
  readonly stack: string;
  readonly region: string;
  readonly at: string;
  readonly inLine: readonly BuildFacts[];
  readonly lines: readonly { userId: string; waiting: number; lastTurn: string | undefined }[];
  /** Ended since then. */
  readonly since: string;
  readonly ended: Readonly<Record<(typeof END_STATES)[number], number>>;
  readonly lastEnded: readonly BuildFacts[];
  /** Messages that no build in the ledger has been made of yet. */
  readonly unread: number;
  readonly deadLetters: { readonly waiting: number; readonly hidden: number };
  readonly moves: readonly { readonly status: string; readonly moved: number; readonly of: number | undefined }[];
}

async function overview(console: Console, stack: Stack, { since }: StatusFlags): Promise<number> {
  const status = await readStatus(stack, Date.now(), since);
  console.data(status, page(console, status, Date.now(), since));
  return EXIT.done;
}

async function readStatus(stack: Stack, now: number, since: number): Promise<Status> {
  const { clients, ledger } = stack;
  const [open, ended, letters, builds, moves] = await Promise.all([
    entriesOf(ledger, OPEN_STATES),
    entriesOf(ledger, END_STATES, now - since),
    queueNumbers(clients.sqs, stack.deadLetterQueueUrl),
    queueNumbers(clients.sqs, stack.buildsQueueUrl),
    runningMoves(stack),
  ]);
  const userIds = [...new Set(open.flatMap(({ userId }) => userId ?? []))];
  const lines = new Map<string, Line>();
  await Promise.all(userIds.map(async (userId) => lines.set(userId, await readLine(stack, userId))));
  const facts = (entry: LedgerEntry) => {
    const line = lines.get(entry.userId ?? '');
    return buildFacts(entry, line && turnOf(entry, line));
  };
  const byTurn = open
    .map((entry) => facts(entry))
    .sort((a, b) => (a.slot ?? '9').localeCompare(b.slot ?? '9') || a.droppedAt.localeCompare(b.droppedAt));
  const count = (state: BuildState) => ended.filter((entry) => entry.state === state).length;
  return {
    stack: stack.name,
    region: stack.isLocal ? 'local' : stack.region,
    at: new Date(now).toISOString(),
    inLine: byTurn,
    lines: userIds.map((userId) => {
      const own = byTurn.filter((build) => build.userId === userId);
      return { userId, waiting: own.length, lastTurn: own.findLast(({ slot }) => slot !== undefined)?.slot };
    }),
    since: new Date(now - since).toISOString(),
    ended: { submitted: count('submitted'), skipped: count('skipped'), 'dead-lettered': count('dead-lettered') },
    lastEnded: ended
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .slice(0, SHOWN_ENDED)
      .map((entry) => buildFacts(entry, undefined)),
    unread: builds.visible,
    deadLetters: { waiting: letters.visible, hidden: letters.hidden },
    moves,
  };
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

function page(console: Console, status: Status, now: number, since: number): string[] {
  const { deadLetters, ended, inLine, lastEnded, lines, moves, unread } = status;
  const output = [`${console.paint('bold', status.stack)}  ${status.region}  ${clockTime(now, now)}`, ''];

  output.push(
    `${console.paint('bold', 'In line')}  ${inLine.length === 0 ? 'nothing' : plural(inLine.length, 'build')}`,
  );
  for (const { userId, waiting, lastTurn } of lines) {
    const end = lastTurn === undefined ? '' : `, the last goes at ${clockTime(Date.parse(lastTurn), now)}`;
    output.push(console.paint('gray', `  user ${userId}: ${waiting}${end}`));
  }
  output.push(
    ...aligned(
      inLine.slice(0, SHOWN_IN_LINE).map((build) => lineRow(console, build, now)),
      2,
    ),
  );
  if (inLine.length > SHOWN_IN_LINE) output.push(`  and ${inLine.length - SHOWN_IN_LINE} more`);
  if (unread > 0) output.push(`  and ${plural(unread, 'message')} not read yet`);

  const { submitted, skipped } = ended;
  const dead = console.paint(ended['dead-lettered'] > 0 ? 'red' : 'gray', `${ended['dead-lettered']} dead-lettered`);
  output.push(
    '',
    `${console.paint('bold', `Last ${span(since)}`)}  ${submitted} submitted, ${skipped} skipped, ${dead}`,
    ...aligned(
      lastEnded.map((build) => endedRow(console, build, now)),
      2,
    ),
    '',
  );

  const letters = `${console.paint('bold', 'Dead letters')}  `;
  const hidden = deadLetters.hidden === 0 ? '' : `, ${deadLetters.hidden} hidden while somebody looks at them`;
  if (deadLetters.waiting + deadLetters.hidden === 0) output.push(`${letters}none`);
  else {
    output.push(`${letters}${console.paint('red', `${deadLetters.waiting}`)}${hidden}: npx streampixel-drop dlq list`);
  }
  for (const { status: state, moved, of } of moves) {
    output.push(`  SQS is moving them (${state.toLowerCase()}): ${moved}${of === undefined ? '' : ` of ${of}`}`);
  }
  return output;
}

function lineRow(console: Console, { attempts, build, detail, slot, state, size }: BuildFacts, now: number): string[] {
  const turn = slot === undefined ? undefined : Date.parse(slot);
  const when =
    state === 'submitting'
      ? 'now'
      : turn === undefined
        ? 'later'
        : turn <= now
          ? 'due'
          : `${clockTime(turn, now)} (in ${span(turn - now)})`;
  const trouble = attempts === 0 ? '' : `${attempts} failed: ${detail ?? ''}`;
  const unclear = state === 'unknown' ? ' (an answer was lost)' : '';
  return [console.paint('cyan', when), shortId(build), size === undefined ? '' : bytes(size), `${trouble}${unclear}`];
}

function endedRow(console: Console, { build, changedAt, reason, state, uploadId }: BuildFacts, now: number): string[] {
  const colour = state === 'submitted' ? 'green' : state === 'skipped' ? 'gray' : 'red';
  const what = state === 'submitted' ? `upload id ${uploadId}` : (reason ?? '');
  return [clockTime(Date.parse(changedAt), now), console.paint(colour, state), shortId(build), what];
}

async function history(console: Console, stack: Stack, wanted: string): Promise<number> {
  const entry = await findBuild(stack.ledger, wanted);
  const line = entry.userId === undefined ? undefined : await readLine(stack, entry.userId);
  const facts = buildFacts(entry, line && turnOf(entry, line));
  const now = Date.now();
  const events = entry.history.map(({ at, ...rest }) => ({ at: new Date(at).toISOString(), ...rest }));
  const reason = entry.state === 'dead-lettered' ? entry.reason : undefined;
  const rows: [string, string][] = [
    ['Build', entry.id],
    ['State', state(console, facts, now)],
    ['Size', facts.size === undefined ? '' : bytes(facts.size)],
    ['Dropped', `${facts.droppedAt}, ${span(now - entry.build.droppedAt)} ago`],
    ['Project', facts.projectId === undefined ? '' : `${facts.userId}/${facts.projectId}`],
    ['Upload id', facts.uploadId ?? ''],
    ['Attempts', facts.attempts === 0 ? '' : `${facts.attempts} failed`],
    ['Doubled?', facts.possiblyDoubled ? 'an answer was lost: Streampixel may hold it twice' : ''],
    ['Why', reason === undefined ? '' : REASONS[reason].cause],
    ['Do', reason === undefined ? '' : REASONS[reason].remedy],
    ['Then run', reason === undefined ? '' : commandAfter(reason)],
  ];
  console.data({ ...facts, history: events }, [
    ...aligned(rows.filter(([, value]) => value !== '')),
    '',
    ...aligned(entry.history.map(({ at, state: past, note = '' }) => [clockTime(at, now), past, note])),
  ]);
  return EXIT.done;
}

function state(console: Console, { reason, slot, state: now }: BuildFacts, at: number): string {
  switch (now) {
    case 'submitted':
      return console.paint('green', 'submitted');
    case 'skipped':
      return `skipped as ${reason}`;
    case 'dead-lettered':
      return console.paint('red', `dead-lettered as ${reason}`);
    case 'submitting':
      return 'being submitted just now';
    case 'waiting':
    case 'unknown': {
      const turn =
        slot === undefined ? 'waits for its next try' : `waits for its turn at ${clockTime(Date.parse(slot), at)}`;
      return now === 'unknown' ? `${turn}; an earlier answer was lost` : turn;
    }
  }
}
