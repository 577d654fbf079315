import type { Command } from 'commander';
import { present } from '../../functions/domain/model/optional-fields.ts';
import {
  ACCEPTED,
  addVerdicts,
  planSubmit,
  planText,
  type SubmitPlan,
  settledText,
  submitPlanned,
  submittedText,
} from '../actions/submit.ts';
import { fittedName, shortId, shortNames } from '../builds/build-view.ts';
import { BUILD_NAMES } from '../builds/search.ts';
import { type Act, NOTHING_CHANGED, YES_FLAG } from '../command.ts';
import { aligned, type Console } from '../console.ts';
import { interruptible } from '../interruption.ts';
import { EXIT, usageError } from '../operator-error.ts';
import { BATCH_SIZE } from '../stack/queues.ts';
import type { Stack } from '../stack/stack.ts';
import { plural } from '../units.ts';

interface SubmitFlags {
  readonly prefix?: string;
  readonly again?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  /** `false` with --no-check. */
  readonly check?: boolean;
}

export function addSubmitCommand(program: Command, act: Act): void {
  program
    .command('submit')
    .argument('[build]', `s3:// address of a build in the drop bucket; or ${BUILD_NAMES}`)
    .description(
      'Submit builds that are already in the drop bucket, unless Streampixel has accepted them before. Dead-lettered builds are included, ' +
        'and their dead letters deleted. One build that is not in the ledger yet is submitted at once; in all other cases the command ' +
        'shows its plan, and acts with --yes.',
    )
    .option('--prefix <prefix>', "all builds whose keys start with this; '' for all builds")
    .option('--again', 'also builds that were accepted, skipped or discarded before')
    .option('--no-check', 'submit them whatever the check of their packages says')
    .option('--dry-run', 'only say what would be done, and what is in the zips')
    .option(...YES_FLAG)
    .action(act(async ({ console, stack, flags, args: [name] }) => submit(console, stack, name, flags)));
}

async function submit(
  console: Console,
  find: () => Promise<Stack>,
  name: string | undefined,
  { again = false, check = true, dryRun = false, prefix, yes = false }: SubmitFlags,
): Promise<number> {
  if ((name === undefined) === (prefix === undefined)) {
    throw usageError(
      'Give either a build or --prefix.',
      (commands) => `For example: ${commands.submitNamed('s3://bucket/game.zip')}`,
    );
  }
  const stack = await find();
  const isNamed = name !== undefined;
  const choice = isNamed ? { name, again } : { prefix: prefix ?? '', again };
  const plans = await planSubmit(stack, choice, (total, read) =>
    console.progress('Reading the objects', total, { least: 2 * BATCH_SIZE }, (progress) => read(progress.update)),
  );
  if (dryRun) await addVerdicts(stack, plans, check);
  const chosen = plans.filter(({ message }) => message !== undefined);
  const isPlan = dryRun || !(yes || (isNamed && !again && chosen.every(({ state }) => state === undefined)));
  const { sent, settled } = isPlan ? { sent: 0, settled: 0 } : await send(console, stack, chosen, check);
  const failed = isPlan ? 0 : chosen.length - sent;
  const builds = plans.map(({ afterwards, id, isUnreadable, message, verdict, why }) => {
    return { build: id, submit: message !== undefined, why, ...present({ afterwards, isUnreadable, verdict }) };
  });
  const unreadable = plans.filter(({ isUnreadable }) => isUnreadable);
  const { columns } = console;
  const shortName = shortNames(
    plans.map(({ id }) => id),
    columns,
  );
  // Without its object the id of a build is not known.
  const nameOf = ({ id, isUnreadable }: SubmitPlan) =>
    isUnreadable ? fittedName(shortId(id), columns) : shortName(id);
  console.data({ dryRun: isPlan, sent, failed, settled, builds }, [
    ...aligned(plans.map((plan) => [action(console, plan), nameOf(plan), planText(plan)])),
    submittedText(isPlan ? chosen.length : sent, plans.length, isPlan),
    ...settledText(settled),
  ]);
  if (plans.some(({ message, why }) => message === undefined && why.startsWith(ACCEPTED))) {
    console.say('--again also submits builds that were accepted before.');
  }
  if (failed > 0) console.say(`SQS refused ${plural(failed, 'message')}. Run the same command again.`);
  if (unreadable.length > 0) console.say(`${plural(unreadable.length, 'object')} could not be read.`);
  if (isPlan && chosen.length > 0) console.say(NOTHING_CHANGED);
  return failed === 0 && unreadable.length === 0 ? EXIT.done : EXIT.failed;
}

async function send(console: Console, stack: Stack, chosen: readonly SubmitPlan[], check: boolean) {
  const signal = interruptible(() => console.say('Stopping as soon as what is sent is recorded.'));
  const { isReadByOthers, ...counts } = await submitPlanned(stack, chosen, check, signal);
  if (isReadByOthers) {
    console.say(
      `Another command reads dead letters right now. Those that it has stay: ${console.commands.deadLetters()}`,
    );
  }
  return counts;
}

function action(console: Console, { isUnreadable, message }: SubmitPlan): string {
  if (isUnreadable) return console.paint('red', 'fail  ');
  return message === undefined ? console.paint('gray', 'skip  ') : console.paint('green', 'submit');
}
