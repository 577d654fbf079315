import { type Command, Option } from 'commander';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { keyParameterOf } from '../../functions/domain/model/route.ts';
import type { DeadLetterChoice } from '../../functions/domain/notify/operator-commands.ts';
import {
  countsByReason,
  type DeadLetterGroup,
  type DeadLetterSelection,
  discardedText,
  discardPicked,
  groupedBy,
  nameOfDeadLetter,
  type PickedDeadLetters,
  previewLines,
  redrivenText,
  redrivePicked,
  withPicked,
} from '../actions/dead-letters.ts';
import { shortNames } from '../builds/build-view.ts';
import { BUILD_NAMES } from '../builds/search.ts';
import { type Act, NOTHING_CHANGED, YES_FLAG } from '../command.ts';
import { aligned, type Console, printable } from '../console.ts';
import { interruptible } from '../interruption.ts';
import { EXIT } from '../operator-error.ts';
import { type DeadLetterFacts, type DeadLetterFilter, NO_REASON } from '../stack/dead-letters.ts';
import type { Stack } from '../stack/stack.ts';
import { parseSpan, plural, span } from '../units.ts';

interface Flags extends DeadLetterFilter {
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** Builds of a group that are named; `dlq list --all` names the others too. */
const MOST_NAMED = 5;
/** Fewer are done in a second or two. */
const LEAST_FOR_A_BAR = 50;

export function addDlqCommands(program: Command, act: Act): void {
  const dlq = program
    .command('dlq')
    .description('Look at builds that failed, send them back to the builds queue, or discard them.');

  filters(
    dlq
      .command('list')
      .description('List dead letters by reason. While it runs, other commands do not see these messages.'),
  )
    .option('--all', 'name every build')
    .action(act(async ({ console, stack, flags }) => list(console, await stack(), flags)));

  dlq
    .command('show')
    .argument('<build>', `${BUILD_NAMES}; or the id of a message`)
    .description('Show everything that is in a dead letter.')
    .action(act(async ({ console, stack, args: [build = ''] }) => show(console, await stack(), build)));

  filters(dlq.command('redrive').description('Send dead letters back to the builds queue, oldest first.'))
    .argument('[build...]', NAMES)
    .option(...YES_FLAG)
    .action(act(async ({ console, stack, flags, args }) => redrive(console, await stack(), named(args), flags)));

  filters(dlq.command('discard').description('Delete dead letters for good. The objects stay in the bucket.'))
    .argument('[build...]', NAMES)
    .option(...YES_FLAG)
    .action(act(async ({ console, stack, flags, args }) => discard(console, await stack(), named(args), flags)));
}

const NAMES = `only those of these builds: ${BUILD_NAMES}; or the ids of messages`;

/** A repeatable argument comes as one list. */
function named(args: readonly (string | undefined)[]): readonly string[] {
  return args.flat().filter((name) => name !== undefined);
}

function filters(command: Command): Command {
  const reasons = [...Object.keys(REASONS), NO_REASON];
  return command
    .addOption(
      new Option(
        '--reason <reason...>',
        `only these; "${NO_REASON}" for messages that SQS or EventBridge put there`,
      ).choices(reasons),
    )
    .option('--project <id>', 'only of this project: its id, the user id, or userId/projectId')
    .option('--build <text>', 'only builds whose id contains this')
    .option('--older-than <time>', 'only dead-lettered longer ago than this, such as 2d', parseSpan)
    .option('--newer-than <time>', 'only dead-lettered more recently than this, such as 36h', parseSpan);
}

/** Reads the queue to its end and gives `work` what is selected. Ctrl-C ends it without a loss. */
async function withMatching(
  console: Console,
  stack: Stack,
  selection: DeadLetterSelection,
  work: (picked: PickedDeadLetters, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const signal = interruptible(() => console.say('Stopping after the dead letters in progress; all others stay.'));
  return withPicked(
    stack,
    selection,
    signal,
    (picked) => work(picked, signal),
    ({ visible }, read) => {
      console.say('Reading the dead-letter queue ...');
      return console.progress('Reading', visible, { least: LEAST_FOR_A_BAR }, (progress) =>
        read((found) => {
          progress.total(Math.max(found, visible));
          progress.update(found);
        }),
      );
    },
  );
}

async function list(console: Console, stack: Stack, { all, ...filter }: Flags): Promise<number> {
  return withMatching(console, stack, { names: [], filter }, async ({ facts, deadLetterQueue: { hidden } }) => {
    const lines = groupedBy(titleOf, facts).flatMap((group) =>
      groupLines(console, stack, group, filter, all ? facts.length : MOST_NAMED),
    );
    const page = facts.length === 0 ? ['No dead letters.'] : lines.slice(0, -1);
    console.data({ count: facts.length, deadLetters: facts }, page);
    if (hidden > 0) {
      console.say(`${plural(hidden, 'more dead letter')} hidden: another command reads or moves them right now.`);
    }
    return EXIT.done;
  });
}

/** The reason, and who sent it where that is the cause. */
function titleOf({ reason, sentBy }: DeadLetterFacts): string {
  return sentBy === 'EventBridge' ? `${reason}, sent by EventBridge` : reason;
}

function groupLines(
  console: Console,
  stack: Stack,
  [title, group]: DeadLetterGroup,
  filter: DeadLetterFilter,
  named: number,
): readonly string[] {
  const choice = { reasons: group.slice(0, 1).map(({ reason }) => reason), filters: filterFlags(filter) };
  const now = Date.now();
  const soonest = Math.min(...group.map(({ expiresAt }) => Date.parse(expiresAt)));
  const shortName = shortNames(
    group.flatMap(({ builds }) => builds),
    console.columns,
  );
  const rows = group.slice(0, named).map((message) => {
    return [`${span(now - Date.parse(message.at))} ago`, nameOfDeadLetter(message, shortName), message.project ?? ''];
  });
  const explained = explanation(stack, group, choice).map(
    ([label, text]) => [console.paint('gray', label), text] as const,
  );
  return [
    `${console.paint('red', title)}  ${plural(group.length, 'dead letter')}, the first expires in ${span(soonest - now)}`,
    ...aligned(explained, 2),
    '',
    ...aligned(rows, 2),
    ...(group.length > named ? [`  and ${group.length - named} more (--all names them)`] : []),
    '',
  ];
}

/** Why, what to do, and the command of each API key, as label and text. All of `group` are there for the same cause. */
function explanation(
  { commands, settings }: Stack,
  group: readonly DeadLetterFacts[],
  choice: DeadLetterChoice,
): readonly (readonly [string, string])[] {
  const [cause, remedy] = causeOf(group);
  const run = group.map(({ project, reason }) => {
    if (reason === NO_REASON) return commands.redrive(choice);
    const [userId, projectId] = project?.split('/') ?? [];
    return commands.after(reason, choice, keyParameterOf(settings.routes, present({ userId, projectId })));
  });
  return [
    ['Why', cause],
    ['What to do', remedy],
    ...[...new Set(run)].map((command) => ['Then run', command] as const),
  ];
}

/** The command line's filters: a command under a list acts on what the list shows. */
function filterFlags({ build, newerThan, olderThan, project }: DeadLetterFilter): readonly string[] {
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : `${Math.round(ms / 1_000)}s`);
  const flags: Readonly<Record<string, string>> = present({
    '--project': project,
    '--build': build,
    '--older-than': seconds(olderThan),
    '--newer-than': seconds(newerThan),
  });
  return Object.entries(flags).flat();
}

/** The cause, and what to do about it. */
function causeOf(group: readonly DeadLetterFacts[]): readonly [string, string] {
  const { reason = NO_REASON, sentBy } = group[0] ?? {};
  if (reason !== NO_REASON) return [REASONS[reason].cause, REASONS[reason].remedy];
  if (sentBy === 'EventBridge') {
    const errors = new Set(group.map(({ detail = 'It does not say why' }) => printable(detail)));
    return [
      `EventBridge could not deliver the event to the builds queue. ${[...errors].slice(0, MOST_NAMED).join('; ')}`,
      "Fix what the error names, such as the queue's policy or its KMS key; then redrive.",
    ];
  }
  return [
    'SQS moved it: the function received it again and again and never finished it.',
    "Read the function's log around that time. When the function works again, redrive.",
  ];
}

async function show(console: Console, stack: Stack, build: string): Promise<number> {
  return withMatching(console, stack, { names: [build], filter: {} }, async ({ facts, messages }) => {
    const deadLetters = facts.map((each, index) => ({ ...each, body: messages[index]?.body ?? '' }));
    const pages = deadLetters.map(({ body, ...each }) => {
      const { attempts = 0, detail, status } = each;
      const http = status === undefined ? '' : ` (HTTP ${status})`;
      const rows: readonly (readonly [string, string])[] = [
        ['Build', each.builds.join(', ') || `none: message ${each.messageId}`],
        ['Reason', titleOf(each)],
        ...explanation(stack, [each], { of: each.messageId }),
        ['Detail', `${detail ?? ''}${http}`],
        ['Project', each.project ?? ''],
        ['Attempts', attempts === 0 ? '' : `${attempts} failed`],
        ['Since', each.at],
        ['Expires', `${each.expiresAt}, in ${span(Date.parse(each.expiresAt) - Date.now())}`],
        ['Log', each.log ?? ''],
        ['Message', body],
      ];
      return aligned(rows.filter(([, value]) => value !== '').map(([label, value]) => [label, printable(value)]));
    });
    console.data(
      { deadLetters },
      pages.flatMap((page, index) => (index === 0 ? page : ['', ...page])),
    );
    return EXIT.done;
  });
}

/** Says what would be done. */
function preview(
  console: Console,
  stack: Stack,
  what: 'redrive' | 'discard',
  facts: readonly DeadLetterFacts[],
): number {
  const data = { dryRun: true, count: facts.length, byReason: countsByReason(facts), deadLetters: facts };
  console.data(data, previewLines(stack, what, facts));
  if (facts.length > 0) console.say(NOTHING_CHANGED);
  return EXIT.done;
}

async function redrive(
  console: Console,
  stack: Stack,
  names: readonly string[],
  { yes, ...filter }: Flags,
): Promise<number> {
  return withMatching(console, stack, { names, filter }, async (picked, signal) => {
    const { facts, messages } = picked;
    if (yes !== true) return preview(console, stack, 'redrive', facts);
    const report = await console.progress('Moving', messages.length, { least: LEAST_FOR_A_BAR }, (progress) =>
      redrivePicked(stack, picked, (count) => progress.update(count)),
    );
    const { left, moved } = report;
    console.data({ moved, left, byReason: countsByReason(facts) }, [redrivenText(messages.length, report)]);
    if (moved > 0)
      console.say(`Builds are submitted one by one, as the rate limit allows: ${console.commands.watch()}`);
    return exitCode(left, signal);
  });
}

async function discard(
  console: Console,
  stack: Stack,
  names: readonly string[],
  { yes, ...filter }: Flags,
): Promise<number> {
  return withMatching(console, stack, { names, filter }, async (picked, signal) => {
    const { facts, messages } = picked;
    if (yes !== true) return preview(console, stack, 'discard', facts);
    const deleted = await console.progress('Deleting', messages.length, { least: LEAST_FOR_A_BAR }, (progress) =>
      discardPicked(stack, picked, signal, (count) => progress.update(count)),
    );
    const left = messages.length - deleted.size;
    // In full: after this they exist nowhere else.
    const deadLetters = messages.flatMap((message, index) => {
      const each = facts[index];
      return each !== undefined && deleted.has(message) ? [{ ...each, body: message.body }] : [];
    });
    console.data({ discarded: deleted.size, left, deadLetters }, [
      ...aligned(deadLetters.map((message) => [message.reason, nameOfDeadLetter(message)])),
      discardedText(messages.length, deleted.size),
    ]);
    return exitCode(left, signal);
  });
}

function exitCode(left: number, signal: AbortSignal): number {
  if (signal.aborted) return EXIT.interrupted;
  return left === 0 ? EXIT.done : EXIT.failed;
}
