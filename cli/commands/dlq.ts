import { type Command, Option } from 'commander';
import { REASONS, type Reason } from '../../functions/domain/model/reasons.ts';
import { commandAfter } from '../../functions/domain/notify/alert.ts';
import { collectLetters, reasonOf, redriveLetters, type StoredLetter } from '../../functions/domain/redrive/redrive.ts';
import { shortId } from '../builds.ts';
import type { Act } from '../command.ts';
import { aligned, type Console } from '../console.ts';
import { interruptible } from '../interruption.ts';
import {
  buildsOf,
  type LetterFacts,
  type LetterFilter,
  letterFacts,
  letterFilter,
  NO_REASON,
  type OpenedLetters,
  withLetters,
} from '../letters.ts';
import { EXIT, OperatorError } from '../operator-error.ts';
import { parseSpan, plural, span } from '../units.ts';

interface FilterFlags {
  readonly reason?: readonly (Reason | typeof NO_REASON)[];
  readonly project?: string;
  readonly build?: string;
  readonly olderThan?: number;
  readonly newerThan?: number;
}

interface YesFlag {
  readonly yes?: boolean;
}

/** Builds named of a group; the others are counted, and all are in `dlq list --all`. */
const SHOWN_BUILDS = 5;
/** Fewer are dealt with in a second or two. */
const LEAST_FOR_A_BAR = 50;

export function addDlqCommands(program: Command, act: Act): void {
  const dlq = program
    .command('dlq')
    .description('Look at builds that failed, send them back in line, or discard them.');

  filters(dlq.command('list').description('List dead letters by reason. They are hidden from others while being read.'))
    .option('--all', 'name every build')
    .action(act(async ({ console, stack, flags }) => list(console, await stack(), flags)));

  dlq
    .command('show')
    .argument('<build>', 'part of the id of the build, or its s3:// address')
    .description('Show all that a dead letter says.')
    .action(act(async ({ console, stack, args: [build = ''] }) => show(console, await stack(), build)));

  filters(dlq.command('redrive').description('Send dead letters back to the builds queue, oldest first.'))
    .option('--yes', 'do it; without it the command says what it would do')
    .action(act(async ({ console, stack, flags }) => redrive(console, await stack(), flags)));

  filters(dlq.command('discard').description('Delete dead letters for good. The objects stay in the bucket.'))
    .option('--yes', 'do it; without it the command says what it would do')
    .action(act(async ({ console, stack, flags }) => discard(console, await stack(), flags)));
}

function filters(command: Command): Command {
  const reasons = [...Object.keys(REASONS), NO_REASON];
  return command
    .addOption(
      new Option('--reason <reason...>', `only these; "${NO_REASON}" for what SQS moved by itself`).choices(reasons),
    )
    .option('--project <id>', 'only of this project: its id, the user id, or userId/projectId')
    .option('--build <text>', 'only builds whose id has this in it')
    .option('--older-than <time>', 'only dead-lettered longer ago than this, such as 2d', parseSpan)
    .option('--newer-than <time>', 'only dead-lettered more recently than this, such as 36h', parseSpan);
}

type Queues = Parameters<typeof withLetters>[1] & {
  readonly clients: { readonly sqs: Parameters<typeof withLetters>[0] };
};

function filterOf({ reason, ...others }: FilterFlags): LetterFilter {
  return { reasons: reason, ...others };
}

/** Reads the queue to its end and gives `work` what the filter picks. Ctrl-C ends it without a loss. */
async function withPicked<Result>(
  console: Console,
  stack: Queues,
  filter: LetterFilter,
  work: (picked: readonly StoredLetter[], opened: OpenedLetters, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const signal = interruptible(() =>
    console.say('Stopping after the letters in hand; all others stay where they are.'),
  );
  return withLetters(stack.clients.sqs, stack, signal, async (opened) => {
    console.say('Reading the dead-letter queue ...');
    const bar = console.bar('Reading', opened.numbers.visible, { least: LEAST_FOR_A_BAR });
    let picked: readonly StoredLetter[];
    try {
      picked = await collectLetters(opened.store, letterFilter(filter, Date.now()), (found) => {
        bar.total(Math.max(found, opened.numbers.visible));
        bar.update(found);
      });
    } finally {
      bar.stop();
    }
    if (signal.aborted) throw interrupted();
    return work(picked, opened, signal);
  });
}

function interrupted(): OperatorError {
  return new OperatorError(
    'Interrupted',
    'Interrupted before anything was moved.',
    'Run the same command again.',
    EXIT.interrupted,
  );
}

async function list(console: Console, stack: Queues, flags: FilterFlags & { readonly all?: boolean }): Promise<number> {
  return withPicked(console, stack, filterOf(flags), async (picked, { numbers }) => {
    const facts = picked.map((letter) => letterFacts(letter, numbers.retentionMs));
    console.data(
      { count: facts.length, letters: facts },
      listing(console, facts, flags.all ? facts.length : SHOWN_BUILDS),
    );
    if (numbers.hidden > 0) {
      console.say(`${plural(numbers.hidden, 'more letter')} hidden just now: somebody else is reading or moving them.`);
    }
    return EXIT.done;
  });
}

function listing(console: Console, letters: readonly LetterFacts[], shown: number): string[] {
  if (letters.length === 0) return ['No dead letters.'];
  const now = Date.now();
  const lines: string[] = [];
  for (const [reason, group] of byReason(letters)) {
    const soonest = Math.min(...group.map(({ expiresAt }) => Date.parse(expiresAt)));
    const expiry = `the first expires in ${span(soonest - now)}`;
    lines.push(`${console.paint('red', reason)}  ${plural(group.length, 'dead letter')}, ${expiry}`);
    lines.push(
      ...explanation(reason).map(([label, text]) => `  ${console.paint('gray', label.padEnd(5))} ${text}`),
      '',
    );
    const rows = group.slice(0, shown).map(({ at, builds, messageId, project = '' }) => {
      return [`${span(now - Date.parse(at))} ago`, builds.map(shortId).join(', ') || `message ${messageId}`, project];
    });
    lines.push(...aligned(rows, 2));
    if (group.length > shown) lines.push(`  and ${group.length - shown} more (--all names them)`);
    lines.push('');
  }
  return lines.slice(0, -1);
}

function byReason(letters: readonly LetterFacts[]): [LetterFacts['reason'], LetterFacts[]][] {
  const groups = Map.groupBy(letters, ({ reason }) => reason);
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}

/** Why, what to do, and the command, as label and text. */
function explanation(reason: LetterFacts['reason']): [string, string][] {
  if (reason === NO_REASON) {
    return [
      ['Why', 'SQS moved it by itself: received again and again, and never finished.'],
      ['Do', "Read the function's log around that time; when it works again, redrive."],
      ['Then', `npx streampixel-drop dlq redrive --reason ${NO_REASON} --yes`],
    ];
  }
  return [
    ['Why', REASONS[reason].cause],
    ['Do', REASONS[reason].remedy],
    ['Then', commandAfter(reason)],
  ];
}

async function show(console: Console, stack: Queues, build: string): Promise<number> {
  return withPicked(console, stack, { build }, async (picked, { numbers }) => {
    if (picked.length === 0) {
      const remedy = 'See `streampixel-drop dlq list` for those there are, and `status BUILD` for what became of it.';
      throw new OperatorError('NoDeadLetter', `No dead letter is about a build with "${build}" in its id.`, remedy);
    }
    const all = picked.map((letter) => ({ ...letterFacts(letter, numbers.retentionMs), body: letter.body }));
    const pages = all.map(({ body, builds, reason, status, messageId, ...facts }) =>
      aligned(
        [
          ['Build', builds.join(', ') || `none: message ${messageId}`],
          ['Reason', console.paint('red', reason)],
          ...explanation(reason),
          ['They said', [facts.detail, status === undefined ? '' : `(HTTP ${status})`].join(' ').trim()],
          ['Project', facts.project ?? ''],
          ['Attempts', (facts.attempts ?? 0) === 0 ? '' : `${facts.attempts} failed`],
          ['Since', facts.at],
          ['Expires', `${facts.expiresAt}, in ${span(Date.parse(facts.expiresAt) - Date.now())}`],
          ['Log', facts.log ?? ''],
          ['Message', body],
        ].filter(([, value]) => value !== ''),
      ).join('\n'),
    );
    console.data({ letters: all }, [pages.join('\n\n')]);
    return EXIT.done;
  });
}

/** Counted by reason, for a dry run and a report. */
function counts(letters: readonly StoredLetter[]): Record<string, number> {
  const groups = Map.groupBy(letters, (letter) => reasonOf(letter) ?? NO_REASON);
  return Object.fromEntries([...groups].map(([reason, group]) => [reason, group.length]));
}

function preview(console: Console, verb: string, letters: readonly StoredLetter[]): number {
  const rows = Object.entries(counts(letters)).map(([reason, count]) => [`${count}`, reason]);
  const builds = letters
    .slice(0, SHOWN_BUILDS)
    .map((letter) => [buildsOf(letter).map(shortId).join(', ') || letter.messageId]);
  const lines =
    letters.length === 0
      ? ['No dead letter fits: nothing to do.']
      : [
          `Would ${verb} ${plural(letters.length, 'dead letter')}:`,
          ...aligned(rows, 2),
          ...aligned(builds, 4),
          ...(letters.length > SHOWN_BUILDS ? [`    and ${letters.length - SHOWN_BUILDS} more`] : []),
        ];
  console.data({ dryRun: true, count: letters.length, byReason: counts(letters) }, lines);
  if (letters.length > 0) console.say('Nothing was changed. Add --yes to do it.');
  return EXIT.done;
}

async function redrive(console: Console, stack: Queues, { yes, ...flags }: FilterFlags & YesFlag): Promise<number> {
  return withPicked(console, stack, filterOf(flags), async (picked, { store, queue }, signal) => {
    if (yes !== true) return preview(console, 'send back to the builds queue', picked);
    const bar = console.bar('Moving', picked.length, { least: LEAST_FOR_A_BAR });
    const report = await redriveLetters(picked, store, queue, (moved) => bar.update(moved)).finally(() => bar.stop());
    const { moved, left } = report;
    console.data({ moved, left, byReason: counts(picked) }, [
      moved === 0 && left === 0
        ? 'No dead letter fits: nothing to do.'
        : `${plural(moved, 'build')} back in line${left === 0 ? '.' : `, ${left} left in the dead-letter queue.`}`,
    ]);
    if (moved > 0) console.say('They go one by one, as the limit allows: npx streampixel-drop status --watch');
    return ended(left, signal);
  });
}

async function discard(console: Console, stack: Queues, { yes, ...flags }: FilterFlags & YesFlag): Promise<number> {
  return withPicked(console, stack, filterOf(flags), async (picked, { store, numbers }, signal) => {
    if (yes !== true) return preview(console, 'delete for good', picked);
    const gone: StoredLetter[] = [];
    const bar = console.bar('Deleting', picked.length, { least: LEAST_FOR_A_BAR });
    try {
      for (let from = 0; from < picked.length && !signal.aborted; from += 10) {
        gone.push(...(await store.delete(picked.slice(from, from + 10))));
        bar.update(gone.length);
      }
    } finally {
      bar.stop();
    }
    const left = picked.length - gone.length;
    // In full: it is the last that anybody sees of them.
    const letters = gone.map((letter) => ({ ...letterFacts(letter, numbers.retentionMs), body: letter.body }));
    console.data({ discarded: gone.length, left, letters }, [
      ...aligned(letters.map(({ reason, builds, messageId }) => [reason, builds.map(shortId).join(', ') || messageId])),
      picked.length === 0
        ? 'No dead letter fits: nothing to do.'
        : `${plural(gone.length, 'dead letter')} discarded${left === 0 ? '.' : `, ${left} left.`}`,
    ]);
    return ended(left, signal);
  });
}

function ended(left: number, signal: AbortSignal): number {
  if (signal.aborted) return EXIT.interrupted;
  return left === 0 ? EXIT.done : EXIT.failed;
}
