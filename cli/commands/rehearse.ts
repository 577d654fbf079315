import type { Command } from 'commander';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { type DeployedRehearsal, OUTPUTS } from '../../infra/outputs/outputs.ts';
import type { Act } from '../command.ts';
import { type Console, printable } from '../console.ts';
import { interruptible } from '../interruption.ts';
import { EXIT, FailedWithFacts, OperatorError, usageError } from '../operator-error.ts';
import { beginRehearsal, interrupted } from '../rehearsal/rehearsal.ts';
import { type ReceivedAlert, reportLines, STEPS, type StepName, type StepResult } from '../rehearsal/report.ts';
import { createSteps, type Seen } from '../rehearsal/steps.ts';
import { explained } from '../stack/aws-errors.ts';
import { type Stack, targetOf } from '../stack/stack.ts';
import { routeFlags } from '../upload/upload-key.ts';

interface RehearseFlags {
  readonly route?: string;
}

export function addRehearseCommand(program: Command, act: Act): void {
  program
    .command('rehearse')
    .description(
      'Try the whole path on a stack that was deployed with -c rehearsal=true, whose Streampixel is a stand-in: a wrong key, a ' +
        'redrive, a build until it is live, a slot, a bad zip, an expired URL, webhooks. Takes about three minutes.',
    )
    .option('--route <prefix>', 'prefix of the route to rehearse (default: the first one)')
    .action(act(async ({ console, stack, flags }) => rehearse(console, await stack({ rehearsal: true }), flags)));
}

async function rehearse(console: Console, stack: Stack, flags: RehearseFlags): Promise<number> {
  const deployed = stack.optionalOutput(OUTPUTS.rehearsal);
  if (deployed === undefined) {
    const ofApp = operatorCommands(targetOf(present({ settings: stack.options.settings }))).deploy(['rehearsal=true']);
    const how = stack.drop === undefined ? ofApp : 'with the prop rehearsal, and a name that ends in -Rehearsal';
    throw new OperatorError(
      'NoRehearsal',
      `The stack ${printable(stack.name)} was not deployed as a rehearsal.`,
      `Deploy a rehearsal, which is a stack of its own: ${how}`,
    );
  }
  const route = routeOf(stack, flags);
  const signal = interruptible(() => console.say('\nStopping.'));
  const rehearsal = await beginRehearsal(console, stack, JSON.parse(deployed) as DeployedRehearsal, route, signal);
  const steps = createSteps(rehearsal);
  const results: StepResult[] = [];
  const names = Object.keys(STEPS) as StepName[];
  for (const [index, name] of names.entries()) {
    console.say(console.paint('bold', `${index + 1}/${names.length}  ${STEPS[name]} ...`));
    const startedAt = Date.now();
    const { ok, seen } = await steps[name]().catch(failedStep);
    if (signal.aborted) throw new FailedWithFacts(interrupted(), factsOf(stack, results, rehearsal.alerts));
    results.push({ name, ok, seen, seconds: Math.round((Date.now() - startedAt) / 100) / 10 });
    console.say(console.paint(ok ? 'green' : 'red', printable(`     ${seen}`)));
  }
  console.data(factsOf(stack, results, rehearsal.alerts), reportLines(console, results, rehearsal.alerts));
  return results.every(({ ok }) => ok) ? EXIT.done : EXIT.failed;
}

function factsOf({ name }: Stack, steps: readonly StepResult[], alerts: readonly ReceivedAlert[]) {
  const ok = steps.length === Object.keys(STEPS).length && steps.every((step) => step.ok);
  return { stack: name, ok, steps, alerts };
}

/** The next steps may work all the same. */
function failedStep(error: unknown): Seen {
  return { ok: false, seen: explained(error).message };
}

function routeOf({ settings: { routes } }: Stack, { route: wanted }: RehearseFlags) {
  const route = wanted === undefined ? routes[0] : routes.find(({ prefix }) => prefix === wanted);
  if (route !== undefined) return route;
  const list = routeFlags(routes.map(({ prefix }) => prefix));
  throw usageError(`There is no route '${printable(wanted ?? '')}'.`, printable(`There are: ${list}.`));
}
