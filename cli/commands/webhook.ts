import { Argument, type Command } from 'commander';
import { MOST_TOKENS } from '../../functions/domain/follow/webhook-tokens.ts';
import type { Secret } from '../../functions/domain/model/secret.ts';
import { hasSentWebhook } from '../../functions/domain/model/webhook-record.ts';
import { WEBHOOK_COMMAND } from '../../functions/domain/notify/operator-commands.ts';
import type { Act } from '../command.ts';
import { aligned, type Console } from '../console.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import type { Stack } from '../stack.ts';
import { iso, span } from '../units.ts';
import {
  addressOf,
  DASHBOARD_STEPS,
  dashboardOf,
  ensureTokens,
  hasMoved,
  heardText,
  lastSpoke,
  newToken,
  type ProjectWebhook,
  projectWebhooks,
  readTokens,
  type StoredTokens,
  writeTokens,
} from '../webhook.ts';

interface WebhookFlags {
  readonly finish?: boolean;
  readonly yes?: boolean;
}

/** For so long the function that takes webhooks may go by tokens that it has read before, in s. */
const TOKENS_CACHED_S = 60;

const FINISH = `${WEBHOOK_COMMAND} rotate --finish --yes`;

export function addWebhookCommand(program: Command, act: Act): void {
  program
    .command('webhook')
    // Not a command of its own below this one: a group of commands could not be run by itself.
    .addArgument(
      new Argument('[action]', 'rotate: new addresses; the present ones are good until --finish').choices(['rotate']),
    )
    .description(
      "Print the addresses for the projects' webhooks, and whether they were ever heard. Makes their token once.",
    )
    .option('--finish', 'with rotate: end it, the former addresses are no good any more')
    .option('--yes', 'with rotate --finish: do it; without it the command says what it would do')
    .action(
      act(async ({ console, stack, flags, args: [action] }) => {
        if (action === 'rotate')
          return flags.finish === true ? finish(console, await stack(), flags) : rotate(console, await stack());
        if (flags.finish === true) throw usageError('--finish ends a rotation.', `Such as: ${FINISH}`);
        return show(console, await stack());
      }),
    );
}

async function show(console: Console, stack: Stack): Promise<number> {
  const { clients, settings } = stack;
  const { isNew, ...stored } = await ensureTokens(clients.ssm, settings.webhookTokenParameter);
  if (isNew) console.say(`Made a token, in the SSM parameter ${settings.webhookTokenParameter}.`);
  await print(console, stack, stored, { isNew });
  if (stored.tokens.length === MOST_TOKENS) {
    console.say(`A rotation is under way: the former addresses are good, too, until ${FINISH}`);
  }
  return EXIT.done;
}

async function rotate(console: Console, stack: Stack): Promise<number> {
  const { clients, settings } = stack;
  const name = settings.webhookTokenParameter;
  const stored = await readTokens(clients.ssm, name);
  const [current, former] = stored?.tokens ?? [];
  if (current === undefined) {
    throw new OperatorError('NoToken', 'There is no token to replace yet.', `Make the first one: ${WEBHOOK_COMMAND}`);
  }
  if (former !== undefined) {
    throw new OperatorError(
      'RotationUnderWay',
      'A rotation is under way: two tokens are good, and there is no room for a third.',
      `Put the present addresses into every dashboard (${WEBHOOK_COMMAND}), then end it: ${FINISH}`,
    );
  }
  const tokens = [newToken(), current];
  await writeTokens(clients.ssm, name, tokens);
  console.say(
    'A new token is in place. Put these addresses into the dashboards; the former ones are good until you end it.',
  );
  await print(console, stack, { tokens, changedAt: Date.now() }, { isNew: true });
  console.say(`When all are in place and tested, end it: ${FINISH}`);
  return EXIT.done;
}

async function finish(console: Console, stack: Stack, { yes }: WebhookFlags): Promise<number> {
  const { clients, settings } = stack;
  const name = settings.webhookTokenParameter;
  const stored = await readTokens(clients.ssm, name);
  const [current, former] = stored?.tokens ?? [];
  if (stored === undefined || current === undefined || former === undefined) {
    console.data({ dropped: false }, ['No rotation is under way: nothing to end.']);
    return EXIT.done;
  }
  const now = Date.now();
  const webhooks = await projectWebhooks(stack);
  const notMoved = webhooks.filter((webhook) => !hasMoved(webhook, stored.changedAt));
  const facts = { changedAt: iso(stored.changedAt), notMoved: notMoved.map(({ projectId }) => projectId) };
  const rows = webhooks.map((webhook) => [webhook.projectId, spokeSince(console, webhook, stored.changedAt, now)]);
  const since = `The new addresses are ${span(now - stored.changedAt)} old.`;
  if (yes !== true) {
    const lines = ['Would end the rotation: the former addresses are no good then.', since, ...aligned(rows, 2)];
    console.data({ dryRun: true, ...facts }, lines);
    if (notMoved.length > 0)
      console.say('Put the new address into the dashboard of those that are not green, and press Test Webhook there.');
    console.say('Nothing was changed. Add --yes to do it.');
    return EXIT.done;
  }
  await writeTokens(clients.ssm, name, [current]);
  console.data({ dropped: true, ...facts }, [
    `The rotation is at its end: the former addresses are no good any more, from ${TOKENS_CACHED_S} s on at the latest.`,
    since,
    ...aligned(rows, 2),
  ]);
  return EXIT.done;
}

function spokeSince(console: Console, webhook: ProjectWebhook, changedAt: number, now: number): string {
  const ago = `spoke ${span(now - lastSpoke(webhook))} ago`;
  if (hasMoved(webhook, changedAt)) return console.paint('green', `${ago}, at the new address`);
  if (lastSpoke(webhook) > changedAt) return console.paint('red', `${ago}, at the former address`);
  return console.paint('yellow', 'has said nothing since: it may still have the former address');
}

/** The addresses by the current token, and what is known of each. */
async function print(
  console: Console,
  stack: Stack,
  { tokens }: StoredTokens,
  { isNew }: { readonly isNew: boolean },
): Promise<void> {
  const now = Date.now();
  const webhooks = await projectWebhooks(stack);
  const projects = webhooks.map((webhook) => projectFacts(stack, webhook, tokens[0]));
  const parts = webhooks.map((webhook, index) => {
    const state = console.paint(hasSentWebhook(webhook) ? 'green' : 'yellow', heardText(webhook, now));
    return [
      `${console.paint('bold', `Project ${webhook.projectId}`)}  ${state}`,
      ...aligned(
        [
          ['Address', projects[index]?.address ?? ''],
          ['Dashboard', dashboardOf(webhook.projectId)],
        ],
        2,
      ),
    ].join('\n');
  });
  const { webhookTokenParameter: parameter } = stack.settings;
  const steps = `On the dashboard: ${DASHBOARD_STEPS}.`;
  console.data({ parameter, isNew, tokens: tokens.length, steps: DASHBOARD_STEPS, projects }, [
    parts.join('\n\n'),
    '',
    steps,
    'Whoever has an address can speak for Streampixel: it goes into the dashboard and nowhere else.',
  ]);
}

function projectFacts(stack: Stack, { lastWebhookAt, projectId, testedAt }: ProjectWebhook, token: Secret | undefined) {
  return {
    projectId,
    address: token === undefined ? undefined : addressOf(stack, projectId, token),
    dashboard: dashboardOf(projectId),
    testedAt: testedAt === undefined ? undefined : iso(testedAt),
    lastWebhookAt: lastWebhookAt === undefined ? undefined : iso(lastWebhookAt),
  };
}
