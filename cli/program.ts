import { Command, InvalidArgumentError, Option } from 'commander';
import { present } from '../functions/domain/model/optional-fields.ts';
import { type OperatorCommands, operatorCommands } from '../functions/domain/notify/operator-commands.ts';
import { SETTINGS_FILE } from '../infra/settings/settings-file.ts';
import { DEFAULT_PORT } from '../local/aws/account.ts';
import type { Act, GlobalFlags } from './command.ts';
import { addBoardCommand } from './commands/board.ts';
import { addCheckCommand } from './commands/check.ts';
import { addDeliveryKeyCommands } from './commands/delivery-key.ts';
import { addDlqCommands } from './commands/dlq.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addInitCommand } from './commands/init.ts';
import { addKeyCommands } from './commands/key.ts';
import { addLiveCommand } from './commands/live.ts';
import { addPushCommand } from './commands/push.ts';
import { addRehearseCommand } from './commands/rehearse.ts';
import { addReleaseCommand } from './commands/release.ts';
import { addStatusCommand } from './commands/status.ts';
import { addSubmitCommand } from './commands/submit.ts';
import { addWebhookCommand } from './commands/webhook.ts';
import { Console, helpColumns, printable } from './console.ts';
import { WHERE_HELP_IS } from './operator-error.ts';
import { findStack, type Stack, type StackOptions, targetOf } from './stack/stack.ts';
import { VERSION } from './version.ts';

/** What commander prints holds the words of the command line. */
const printTo = (stream: NodeJS.WriteStream) => (text: string) =>
  void stream.write(text.split('\n').map(printable).join('\n'));

/**
 * @param onExit gets the exit code of the command that ran
 * @param onStack gets the commands for the stack, once it is found
 */
export function createProgram(
  onExit: (code: number) => void,
  onStack: (commands: OperatorCommands) => void = () => {},
): Command {
  const program = new Command('streampixel-drop')
    .description(
      'Operates a deployed streampixel-drop: builds from the drop until they are live, dead letters, API keys and webhooks.',
    )
    .addOption(
      new Option('--stack <name>', `the stack to operate (default: the one of ${SETTINGS_FILE})`)
        .env('STREAMPIXEL_DROP_STACK')
        .argParser(trimmed),
    )
    .option('--settings <file>', `the file of settings (default: ${SETTINGS_FILE} in this directory)`)
    .option('--region <region>', 'its AWS region (default: AWS_REGION, else the one of the AWS profile)')
    .addOption(
      new Option('--drop <id>', 'the drop in it, where a stack of your own holds several')
        .env('STREAMPIXEL_DROP_DROP')
        .argParser(trimmed),
    )
    .addOption(
      new Option('--local [port]', 'the embedded stack of npm start, and its port')
        .preset(DEFAULT_PORT)
        .argParser(port),
    )
    .option('--json', 'print data as JSON on stdout; everything else goes to stderr')
    .version(VERSION, '-V, --version', 'print the version')
    .configureOutput({
      writeOut: printTo(process.stdout),
      writeErr: printTo(process.stderr),
      getOutHelpWidth: () => helpColumns(process.stdout),
      getErrHelpWidth: () => helpColumns(process.stderr),
    })
    // Also beside long flags on a narrow terminal.
    .configureHelp({ minWidthToWrap: 20, showGlobalOptions: true })
    .showHelpAfterError(WHERE_HELP_IS)
    .exitOverride();

  const act: Act =
    (action) =>
    async (...actionArgs) => {
      const command = actionArgs.at(-1) as Command;
      const { drop, region, stack, ...others } = command.optsWithGlobals<GlobalFlags>();
      const { json, local, settings } = others;
      // A variable that a build machine does not set may be there, and empty.
      const flags = present({
        ...others,
        drop: drop || undefined,
        region: region || undefined,
        stack: stack || undefined,
      });
      // The embedded stack is alone at its port: what the environment says is about AWS.
      const named = (flag: 'drop' | 'stack') =>
        local !== undefined && program.getOptionValueSource(flag) === 'env' ? undefined : flags[flag];
      const options = present({ stack: named('stack'), region: flags.region, drop: named('drop'), settings, local });
      const console = new Console(json === true, operatorCommands(targetOf(options)));
      async function find(choice: Pick<StackOptions, 'rehearsal'> = {}): Promise<Stack> {
        const found = await findStack({ ...options, ...choice });
        console.commands = found.commands;
        onStack(found.commands);
        return found;
      }
      onExit(await action({ console, stack: find, flags, args: command.processedArgs }));
    };

  addInitCommand(program, act);
  addStatusCommand(program, act);
  addLiveCommand(program, act);
  addBoardCommand(program, act);
  addCheckCommand(program, act);
  addPushCommand(program, act);
  addReleaseCommand(program, act);
  addSubmitCommand(program, act);
  addDlqCommands(program, act);
  addKeyCommands(program, act);
  addDeliveryKeyCommands(program, act);
  addWebhookCommand(program, act);
  addDoctorCommand(program, act);
  addRehearseCommand(program, act);
  return program;
}

/** `set NAME=Studio && ...` of cmd leaves a space at the end. */
function trimmed(value: string): string {
  return value.trim();
}

function port(value: string): number {
  const number = Number(value);
  if (!(Number.isInteger(number) && number > 0 && number <= 65_535)) {
    throw new InvalidArgumentError('It must be a port. Put --local after the command: status --local.');
  }
  return number;
}
