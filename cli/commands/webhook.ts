import { Argument, type Command } from 'commander';
import { MOST_TOKENS } from '../../functions/domain/follow/webhook-tokens.ts';
import { hasSentWebhook } from '../../functions/domain/model/webhook-record.ts';
import { WEBHOOK_COMMAND } from '../../functions/domain/notify/operator-commands.ts';
import { type Act, NOTHING_CHANGED } from '../command.ts';
import { aligned, type Console } from '../console.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import type { Stack } from '../stack/stack.ts';
import {
  addressOf,
  DASHBOARD_STEPS,
  dashboardOf,
  ensureTokens,
  lastReceivedAt,
  lastWebhookText,
  newToken,
  type ProjectWebhook,
  projectWebhooks,
  readTokens,
  type StoredTokens,
  usesNewAddress,
  writeTokens,
} from '../stack/webhooks.ts';
import { iso, span } from '../units.ts';

interface WebhookFlags {
  readonly finish?: boolean;
  readonly yes?: boolean;
}

/** The function that receives webhooks may use tokens that it has read for so long, in s. */
const TOKENS_CACHED_S = 60;

const FINISH = `${WEBHOOK_COMMAND} rotate --finish --yes`;

export function addWebhookCommand(program: Command, act: Act): void {
  program
    .command('webhook')
    // An argument, not a subcommand: a group of commands could not be run by itself.
    .addArgument(
      new Argument('[action]', 'rotate: create new addresses; the old ones stay valid until --finish').choices([
        'rotate',
      ]),
    )
    .description(
      "Print the addresses of the projects' webhooks, and when the last webhook came. Creates the token if there is none.",
    )
    .option('--finish', 'with rotate: end the rotation; the old addresses stop working')
    .option('--yes', 'with rotate --finish: do it; without it the command says what it would do')
    .action(
      act(async ({ console, stack, flags, args: [action] }) => {
        if (action === 'rotate') {
          return flags.finish === true ? finish(console, await stack(), flags) : rotate(console, await stack());
        }
        if (flags.finish === true) throw usageError('--finish ends a rotation.', `For example: ${FINISH}`);
        return show(console, await stack());
      }),
    );
}

async function show(console: Console, stack: Stack): Promise<number> {
  const { clients, settings } = stack;
  const { isNew, ...stored } = await ensureTokens(clients.ssm, settings.webhookTokenParameter);
  if (isNew) console.say(`Created a token, in the SSM parameter ${settings.webhookTokenParameter}.`);
  await print(console, stack, stored, isNew);
  if (stored.tokens.length === MOST_TOKENS) {
    console.say(`A rotation is in progress: the old addresses stay valid until ${FINISH}`);
  }
  return EXIT.done;
}

async function rotate(console: Console, stack: Stack): Promise<number> {
  const { clients, settings } = stack;
  const name = settings.webhookTokenParameter;
  const [current, old] = (await readTokens(clients.ssm, name))?.tokens ?? [];
  if (current === undefined) {
    throw new OperatorError('NoToken', 'There is no token to replace yet.', `Make the first one: ${WEBHOOK_COMMAND}`);
  }
  if (old !== undefined) {
    throw new OperatorError(
      'RotationUnderWay',
      'A rotation is in progress: there are two valid tokens, and there can be no third.',
      `Put the new addresses into every dashboard (${WEBHOOK_COMMAND}), then end it: ${FINISH}`,
    );
  }
  const tokens = [newToken(), current];
  await writeTokens(clients.ssm, name, tokens);
  console.say(
    'A new token is stored. Put these addresses into the dashboards; the old ones stay valid until you end the rotation.',
  );
  await print(console, stack, { tokens, changedAt: Date.now() }, true);
  console.say(`When every dashboard has its new address and is tested, end it: ${FINISH}`);
  return EXIT.done;
}

async function finish(console: Console, stack: Stack, { yes }: WebhookFlags): Promise<number> {
  const { clients, settings } = stack;
  const name = settings.webhookTokenParameter;
  const stored = await readTokens(clients.ssm, name);
  const [current, old] = stored?.tokens ?? [];
  if (stored === undefined || current === undefined || old === undefined) {
    console.data({ dropped: false }, ['No rotation is in progress: there is nothing to end.']);
    return EXIT.done;
  }
  const now = Date.now();
  const { changedAt } = stored;
  const webhooks = await projectWebhooks(stack);
  const notMoved = webhooks.filter((webhook) => !usesNewAddress(webhook, changedAt)).map(({ projectId }) => projectId);
  const facts = { changedAt: iso(changedAt), notMoved };
  const lines = [
    `The new addresses are ${span(now - changedAt)} old.`,
    ...aligned(
      webhooks.map((webhook) => [webhook.projectId, addressInUse(console, webhook, changedAt, now)]),
      2,
    ),
  ];
  if (yes !== true) {
    console.data({ dryRun: true, ...facts }, ['Would end the rotation: the old addresses stop working.', ...lines]);
    if (notMoved.length > 0) {
      console.say(
        'Put the new address into the dashboards of the projects that are not green, and press Test Webhook.',
      );
    }
    console.say(NOTHING_CHANGED);
    return EXIT.done;
  }
  await writeTokens(clients.ssm, name, [current]);
  console.data({ dropped: true, ...facts }, [
    `The rotation has ended: the old addresses stop working within ${TOKENS_CACHED_S} s.`,
    ...lines,
  ]);
  return EXIT.done;
}

function addressInUse(console: Console, webhook: ProjectWebhook, changedAt: number, now: number): string {
  const received = `last webhook received ${span(now - lastReceivedAt(webhook))} ago`;
  if (usesNewAddress(webhook, changedAt)) return console.paint('green', `${received}, at the new address`);
  if (lastReceivedAt(webhook) > changedAt) return console.paint('red', `${received}, at the old address`);
  return console.paint('yellow', 'no webhook received since then: it may still have the old address');
}

/** The addresses with the newest token, and what is known about each. */
async function print(console: Console, stack: Stack, { tokens }: StoredTokens, isNew: boolean): Promise<void> {
  const now = Date.now();
  const [token] = tokens;
  const webhooks = await projectWebhooks(stack);
  const projects = webhooks.map(({ lastWebhookAt, projectId, testedAt }) => ({
    projectId,
    address: token && addressOf(stack, projectId, token),
    dashboard: dashboardOf(projectId),
    testedAt: iso(testedAt),
    lastWebhookAt: iso(lastWebhookAt),
  }));
  const parts = projects.flatMap(({ address = '', dashboard, projectId }, index) => {
    const webhook = webhooks[index] ?? {};
    const received = console.paint(hasSentWebhook(webhook) ? 'green' : 'yellow', lastWebhookText(webhook, now));
    const rows = [
      ['Address', address],
      ['Dashboard', dashboard],
    ];
    return [`${console.paint('bold', `Project ${projectId}`)}  ${received}`, ...aligned(rows, 2), ''];
  });
  const { webhookTokenParameter: parameter } = stack.settings;
  console.data({ parameter, isNew, tokens: tokens.length, steps: DASHBOARD_STEPS, projects }, [
    ...parts,
    `On the dashboard: ${DASHBOARD_STEPS}.`,
    'Keep the addresses secret: a sender who has one can report anything about the builds. They belong on the dashboard only.',
  ]);
}
