import { setTimeout as sleep } from 'node:timers/promises';
import { Argument, type Command } from 'commander';
import { MOST_TOKENS } from '../../functions/domain/follow/webhook-tokens.ts';
import { dashboardWebhookUrl } from '../../local/streampixel/stand-in-webhooks.ts';
import { type Act, type GlobalFlags, NOTHING_CHANGED } from '../command.ts';
import { aligned, type Console } from '../console.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import type { Stack } from '../stack/stack.ts';
import {
  addressOf,
  DASHBOARD_STEPS,
  dashboardOf,
  ensureTokens,
  newToken,
  type ProjectWebhook,
  projectWebhooks,
  readTokens,
  type StoredTokens,
  webhookText,
  writeTokens,
} from '../stack/webhooks.ts';
import { iso, span } from '../units.ts';

interface WebhookFlags extends GlobalFlags {
  readonly finish?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly project?: string;
}

/** The function that receives webhooks may use tokens that it has read for so long, in s. */
const TOKENS_CACHED_S = 60;

export function addWebhookCommand(program: Command, act: Act): void {
  program
    .command('webhook')
    // An argument, not a subcommand: a group of commands could not be run by itself.
    .addArgument(
      new Argument(
        '[action]',
        'rotate: create new addresses; the old ones stay valid until --finish. enter: with --local, put the addresses into the ' +
          "stand-in's dashboard and test them, as a person does on Streampixel's",
      ).choices(['rotate', 'enter']),
    )
    .description(
      "Print the addresses of the projects' webhooks, and when the last webhook came. Creates the token if there is none.",
    )
    .option('--project <id>', 'only the address of this project')
    .option('--finish', 'with rotate: end the rotation; the old addresses stop working')
    .option('--force', 'with rotate --finish: also while a project has not used its new address')
    .option('--yes', 'with rotate --finish: do it; without it the command says what it would do')
    .action(
      act(async ({ console, stack, flags, args: [action] }) => {
        if (action === 'enter') return enter(console, stack, flags);
        if (action === 'rotate') {
          return flags.finish === true ? finish(console, await stack(), flags) : rotate(console, await stack());
        }
        if (flags.finish === true)
          throw usageError(
            '--finish ends a rotation.',
            (commands) => `For example: ${commands.finishWebhookRotation()}`,
          );
        return show(console, await stack(), flags);
      }),
    );
}

async function show(console: Console, stack: Stack, { project }: WebhookFlags): Promise<number> {
  const { clients, settings } = stack;
  const { isNew, ...stored } = await ensureTokens(clients.ssm, settings.webhookTokenParameter);
  if (isNew) console.say(`Created a token, in the SSM parameter ${settings.webhookTokenParameter}.`);
  await print(console, stack, stored, isNew, project);
  if (stored.tokens.length === MOST_TOKENS) {
    console.say(
      `A rotation is in progress: the old addresses stay valid until ${console.commands.finishWebhookRotation()}`,
    );
  }
  return EXIT.done;
}

async function rotate(console: Console, stack: Stack): Promise<number> {
  const { clients, settings } = stack;
  const name = settings.webhookTokenParameter;
  const [current, old] = (await readTokens(clients.ssm, name))?.tokens ?? [];
  if (current === undefined) {
    throw new OperatorError(
      'NoToken',
      'There is no token to replace yet.',
      (commands) => `Make the first one: ${commands.webhook()}`,
    );
  }
  if (old !== undefined) {
    throw new OperatorError(
      'RotationUnderWay',
      'A rotation is in progress: there are two valid tokens, and there can be no third.',
      (commands) =>
        `Put the new addresses into every dashboard: ${commands.webhook()}\nThen end it: ${commands.finishWebhookRotation()}`,
    );
  }
  const tokens = [newToken(), current];
  await writeTokens(clients.ssm, name, tokens);
  console.say(
    'A new token is stored. Put these addresses into the dashboards; the old ones stay valid until you end the rotation.',
  );
  await print(console, stack, { tokens, changedAt: Date.now() }, true);
  console.say(
    `When every dashboard has its new address and is tested, end it: ${console.commands.finishWebhookRotation()}`,
  );
  return EXIT.done;
}

async function finish(console: Console, stack: Stack, { force, yes }: WebhookFlags): Promise<number> {
  const { clients, settings } = stack;
  const name = settings.webhookTokenParameter;
  const stored = await readTokens(clients.ssm, name);
  const [current, old] = stored?.tokens ?? [];
  if (stored === undefined || current === undefined || old === undefined) {
    console.data({ dropped: false }, ['No rotation is in progress: there is nothing to end.']);
    return EXIT.done;
  }
  const now = Date.now();
  const { changedAt, tokens } = stored;
  const webhooks = await projectWebhooks(stack, tokens);
  const notMoved = webhooks.filter(({ isUsed }) => !isUsed).map(({ projectId }) => projectId);
  const facts = { changedAt: iso(changedAt), notMoved };
  const lines = [
    `The new addresses are ${span(now - changedAt)} old.`,
    ...aligned(
      webhooks.map((webhook) => [webhook.projectId, paintedText(console, webhook, now)]),
      2,
    ),
  ];
  const isBlocked = notMoved.length > 0 && force !== true;
  if (yes === true && isBlocked) {
    throw new OperatorError(
      'AddressNotUsed',
      `No webhook has come to the new address of ${notMoved.join(', ')}, or one has come to the old address since. ` +
        'Without the old address, Streampixel could not report on their builds.',
      (commands) => `${NOT_MOVED} To end the rotation all the same: ${commands.finishWebhookRotation('--force')}`,
    );
  }
  if (yes !== true) {
    console.data({ dryRun: true, ...facts }, ['Would end the rotation: the old addresses stop working.', ...lines]);
    console.say(
      isBlocked
        ? `Nothing was changed. ${NOT_MOVED} Then add --yes. With --force the rotation ends all the same.`
        : NOTHING_CHANGED,
    );
    return EXIT.done;
  }
  await writeTokens(clients.ssm, name, [current]);
  console.data({ dropped: true, ...facts }, [
    `The rotation has ended: the old addresses stop working within ${TOKENS_CACHED_S} s.`,
    ...lines,
  ]);
  return EXIT.done;
}

const NOT_MOVED =
  'Put the new address into the dashboards of the projects whose present address is not used, and press Test Webhook there.';

function paintedText(console: Console, webhook: ProjectWebhook, now: number): string {
  return console.paint(webhook.isUsed ? 'green' : 'yellow', webhookText(webhook, now));
}

/** The function that receives webhooks finds a new token within so long, in ms. */
const NEW_TOKEN_MS = 30_000;
const TEST_AGAIN_MS = 1_000;

/** What a person does on the dashboard, at the stand-in. */
async function enter(console: Console, find: () => Promise<Stack>, { local }: WebhookFlags): Promise<number> {
  const refusal = usageError(
    'The tool can enter an address only at the stand-in of npm start (--local): Streampixel has no API for it.',
    (commands) => `Put the addresses into the dashboard: ${commands.webhook()}`,
  );
  if (local === undefined) throw refusal;
  const stack = await find();
  const { streampixelBaseUrl, webhookTokenParameter } = stack.settings;
  // The address is a secret: it goes to a stand-in on this machine and nowhere else.
  if (new URL(streampixelBaseUrl).hostname !== '127.0.0.1') throw refusal;
  const { tokens } = await ensureTokens(stack.clients.ssm, webhookTokenParameter);
  const [token] = tokens;
  const projects = await Promise.all(
    (await projectWebhooks(stack, tokens)).map(async ({ projectId }) => {
      const url = dashboardWebhookUrl(streampixelBaseUrl, projectId);
      const saved = await fetch(url, {
        method: 'PUT',
        body: token === undefined ? '' : addressOf(stack, projectId, token),
      });
      return { projectId, isEntered: saved.ok, isReceived: saved.ok && (await isTestReceived(url)) };
    }),
  );
  console.data({ projects }, [
    ...projects.map(({ isEntered, isReceived, projectId }) => {
      if (!isEntered) return console.paint('red', `${projectId}  the stand-in does not know this project`);
      const result = isReceived
        ? 'entered; its test webhook was received'
        : 'entered, but its test webhook was refused';
      return console.paint(isReceived ? 'green' : 'red', `${projectId}  ${result}`);
    }),
  ]);
  return projects.every(({ isReceived }) => isReceived) ? EXIT.done : EXIT.failed;
}

/** Presses "Test Webhook", again and again while the receiver does not know a new token yet. */
async function isTestReceived(url: string): Promise<boolean> {
  const giveUpAt = Date.now() + NEW_TOKEN_MS;
  while (!(await fetch(url, { method: 'POST' })).ok) {
    if (Date.now() > giveUpAt) return false;
    await sleep(TEST_AGAIN_MS);
  }
  return true;
}

/** The addresses with the newest token, and what is known about each. */
async function print(
  console: Console,
  stack: Stack,
  { tokens }: StoredTokens,
  isNew: boolean,
  wanted?: string,
): Promise<void> {
  const now = Date.now();
  const [token] = tokens;
  const webhooks = await projectWebhooks(stack, tokens, wanted);
  const projects = webhooks.map(({ formerUsedAt, isUsed, lastWebhookAt, projectId, testedAt, usedAt }) => ({
    projectId,
    address: token && addressOf(stack, projectId, token),
    dashboard: dashboardOf(projectId),
    testedAt: iso(testedAt),
    lastWebhookAt: iso(lastWebhookAt),
    isUsed,
    usedAt: iso(usedAt),
    formerUsedAt: iso(formerUsedAt),
  }));
  const parts = projects.flatMap(({ address = '', dashboard, projectId }, index) => {
    const webhook = webhooks[index];
    const received = webhook === undefined ? '' : paintedText(console, webhook, now);
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
  if (stack.isLocal) console.say(`To enter them on the dashboard of the stand-in: ${console.commands.enterWebhooks()}`);
}
