import { Command, InvalidArgumentError, Option } from 'commander';
import { present } from '../functions/domain/model/optional-fields.ts';
import { DEFAULT_PORT } from '../local/aws/account.ts';
import type { Act, GlobalFlags } from './command.ts';
import { addDeliveryKeyCommands } from './commands/delivery-key.ts';
import { addDlqCommands } from './commands/dlq.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addKeyCommands } from './commands/key.ts';
import { addPushCommand } from './commands/push.ts';
import { addReleaseCommand } from './commands/release.ts';
import { addStatusCommand } from './commands/status.ts';
import { addSubmitCommand } from './commands/submit.ts';
import { addWebhookCommand } from './commands/webhook.ts';
import { Console } from './console.ts';
import { findStack } from './stack/stack.ts';

/** @param onExit gets the exit code of the command that ran */
export function createProgram(onExit: (code: number) => void): Command {
  const program = new Command('streampixel-drop')
    .description(
      'Operates a deployed streampixel-drop: builds from the drop until they are live, dead letters, API keys and webhooks.',
    )
    .option('--stack <name>', 'the stack to operate (default: the one of cdk.json)')
    .option('--region <region>', 'its AWS region (default: the one of the AWS profile)')
    .addOption(
      new Option('--local [port]', 'the embedded stack of npm start, and its port')
        .preset(DEFAULT_PORT)
        .argParser(port),
    )
    .option('--json', 'print data as JSON on stdout; everything else goes to stderr')
    .showHelpAfterError('--help lists commands and options.')
    .exitOverride();

  const act: Act =
    (action) =>
    async (...actionArgs) => {
      const command = actionArgs.at(-1) as Command;
      const flags = command.optsWithGlobals<GlobalFlags>();
      const { json, local, region, stack } = flags;
      const options = present({ stack, region, local });
      const console = new Console(json === true);
      onExit(await action({ console, stack: () => findStack(options), flags, args: command.processedArgs }));
    };

  addStatusCommand(program, act);
  addPushCommand(program, act);
  addReleaseCommand(program, act);
  addSubmitCommand(program, act);
  addDlqCommands(program, act);
  addKeyCommands(program, act);
  addDeliveryKeyCommands(program, act);
  addWebhookCommand(program, act);
  addDoctorCommand(program, act);
  return program;
}

function port(value: string): number {
  const number = Number(value);
  if (!(Number.isInteger(number) && number > 0 && number <= 65_535)) {
    throw new InvalidArgumentError('It must be a port. Put --local after the command: status --local.');
  }
  return number;
}
