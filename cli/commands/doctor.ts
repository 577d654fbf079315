import { isDeepStrictEqual } from 'node:util';
import { GetFunctionConfigurationCommand, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import {
  GetBucketNotificationConfigurationCommand,
  type GetBucketNotificationConfigurationCommandOutput,
  GetBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { paginateListSubscriptionsByTopic } from '@aws-sdk/client-sns';
import { GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import type { Secret } from '../../functions/domain/model/secret.ts';
import type { OperatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { deployedSettings } from '../../infra/outputs/outputs.ts';
import { SettingsError } from '../../infra/settings/read.ts';
import { settingsName } from '../../infra/settings/settings-file.ts';
import { entriesOf } from '../builds/search.ts';
import type { Act } from '../command.ts';
import { concurrently } from '../concurrently.ts';
import { aligned, type Console } from '../console.ts';
import { type Finding, fail, ok, warn } from '../finding.ts';
import { groupBy } from '../group-by.ts';
import { EXIT, remedyText } from '../operator-error.ts';
import { checkKey, keyParameters, projectIds, storedKey, verdictText } from '../stack/api-keys.ts';
import { explained } from '../stack/aws-errors.ts';
import { checkDelivery } from '../stack/delivery.ts';
import { settingsHere } from '../stack/project-settings.ts';
import { readQueue } from '../stack/queues.ts';
import { checkRateLimit } from '../stack/rate-limit.ts';
import type { Stack } from '../stack/stack.ts';
import {
  addressOf,
  DASHBOARD_STEPS,
  dashboardOf,
  projectWebhooks,
  readTokens,
  webhookText,
} from '../stack/webhooks.ts';
import { NAMED, plural, span } from '../units.ts';

export function addDoctorCommand(program: Command, act: Act): void {
  program
    .command('doctor')
    .description(
      'Check settings, stack, keys, ids, webhooks, queues and alerts. Each line is good or says what to do about it.',
    )
    .action(act(async ({ console, stack }) => doctor(console, await stack())));
}

type Check = (stack: Stack) => Promise<readonly Finding[]>;

/** By name; the embedded stack lacks what some of them ask for. */
const CHECKS: Readonly<Record<string, { readonly run: Check; readonly onAwsOnly?: boolean }>> = {
  Settings: { run: checkSettings, onAwsOnly: true },
  Stack: { run: checkStack },
  'API key': { run: checkKeys },
  Webhook: { run: checkWebhooks },
  Ledger: { run: checkLedger },
  Delivery: { run: checkDelivery },
  'Rate limit': { run: checkRateLimit, onAwsOnly: true },
  Bucket: { run: checkBucket, onAwsOnly: true },
  Queues: { run: checkQueues },
  'Follow queue': { run: checkFollowQueue },
  Functions: { run: checkFunctions, onAwsOnly: true },
  Alerts: { run: checkAlerts, onAwsOnly: true },
};

/** How a finding is shown: its word and colour. */
const SHOWN = {
  ok: ['ok', 'green'],
  warn: ['warn', 'yellow'],
  fail: ['FAIL', 'red'],
  skipped: ['-', 'gray'],
} as const;

async function doctor(console: Console, stack: Stack): Promise<number> {
  const found = await Promise.all(
    Object.entries(CHECKS).map(async ([name, { run, onAwsOnly }]) => {
      const findings =
        stack.isLocal && onAwsOnly ? [SKIPPED] : await run(stack).catch((error) => unexpected(error, stack.commands));
      return findings.map(({ check = name, ...finding }) => ({ check, ...finding }));
    }),
  );
  const findings = found.flat();
  const rows = firstOfEachKind(findings).flatMap(({ check = '', remedy, status, text }) => {
    const [word, colour] = SHOWN[status];
    const lines = remedy?.split('\n') ?? [];
    return [
      [console.paint(colour, word), check, text],
      ...lines.map((line, index) => ['', '', console.paint('bold', `${index === 0 ? '->' : '  '} ${line}`)]),
    ];
  });
  console.data({ stack: stack.name, findings }, aligned(rows));
  const failures = findings.filter(({ status }) => status === 'fail').length;
  console.say(failures === 0 ? 'No problem that stops builds.' : `${plural(failures, 'problem')} to fix.`);
  return failures === 0 ? EXIT.done : EXIT.failed;
}

/** With hundreds of routes: the first findings of a check with the same status, and how many more there are. */
function firstOfEachKind(findings: readonly Finding[]): readonly Finding[] {
  const kindOf = ({ check, status }: Finding) => `${check} ${status}`;
  const counts = new Map<string, number>();
  for (const finding of findings) counts.set(kindOf(finding), (counts.get(kindOf(finding)) ?? 0) + 1);
  const seen = new Map<string, number>();
  return findings.flatMap((finding) => {
    const kind = kindOf(finding);
    const before = seen.get(kind) ?? 0;
    seen.set(kind, before + 1);
    if (before < NAMED) return [finding];
    if (before > NAMED) return [];
    const text = `and ${(counts.get(kind) ?? 0) - NAMED} more; --json lists all`;
    return [{ ...present({ check: finding.check }), status: finding.status, text }];
  });
}

const SKIPPED: Finding = { status: 'skipped', text: 'not checked on the embedded stack' };

function unexpected(error: unknown, commands: OperatorCommands): readonly Finding[] {
  const { message, remedy } = explained(error);
  return [fail(message, remedyText(remedy, commands))];
}

async function checkSettings({ commands, drop, name, options, settings }: Stack): Promise<readonly Finding[]> {
  const text = `${plural(settings.routes.length, 'route')}, one upload per user every ${settings.intervalSeconds} s`;
  // They are the props of a construct in an app of the studio's own, which the tool can't read.
  if (drop !== undefined) return [ok(text)];
  try {
    const here = settingsHere(options.settings);
    // Those of another stack, or none where the tool is used away from the settings, show nothing about this one.
    if (here === undefined || here.stackName !== name) return [ok(text)];
    if (isDeepStrictEqual(settings, deployedSettings(here))) return [ok(text)];
    const file = settingsName({ file: options.settings });
    return [warn(`${file} differs from what is deployed`, `If that is intended, deploy it: ${commands.deploy()}`)];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map((problem) => fail(problem, 'Correct it.'));
  }
}

async function checkStack({ commands, drop, name, region, status }: Stack): Promise<readonly Finding[]> {
  const shown = drop === undefined ? name : `${name}, drop ${drop},`;
  if (/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status)) return [ok(`${shown} in ${region}, ${status}`)];
  return [
    warn(
      `${shown} in ${region} is ${status}`,
      `Look at its events in the console, fix what they name, then deploy again: ${commands.deploy()}`,
    ),
  ];
}

async function checkKeys(stack: Stack): Promise<readonly Finding[]> {
  const keys = [...keyParameters(stack.settings.routes)];
  return (await concurrently(keys, ([parameter, userIds]) => checkStoredKey(stack, parameter, userIds))).flat();
}

async function checkStoredKey(
  stack: Stack,
  parameter: string,
  userIds: readonly string[],
): Promise<readonly Finding[]> {
  const set = stack.commands.storeKey(parameter);
  const stored = await storedKey(stack.clients.ssm, parameter);
  if (stored === undefined) return [fail(`${parameter} does not exist, is empty, or is not a SecureString`, set)];
  const findings = [ok(`${parameter}, version ${stored.version}`)];
  for (const each of await checkKey(stack, userIds, stored.apiKey)) {
    const { userId, verdict } = each;
    const [check, text] = ['User', `${userId}: ${verdictText(each)}`];
    if (verdict.kind === 'taken') findings.push(...(await checkProjects(stack, userId, stored.apiKey)));
    else if (verdict.kind === 'unclear') {
      findings.push({ check, ...warn(text, 'Try again later; check network and proxy.') });
    } else {
      const remedy = verdict.reason === 'InvalidApiKey' ? set : REASONS[verdict.reason].remedy;
      findings.push({ check, ...fail(text, remedy) });
    }
  }
  return findings;
}

async function checkProjects(stack: Stack, userId: string, apiKey: Secret): Promise<readonly Finding[]> {
  const user = { check: 'User', ...ok(`${userId}: Streampixel accepts the key`) };
  const known = await projectIds(stack, userId, apiKey);
  if (known === undefined) {
    const text = `Streampixel does not list the projects of ${userId}`;
    return [user, { check: 'Project', ...warn(text, 'Compare the ids with the dashboard.') }];
  }
  const own = stack.settings.routes.filter((route) => route.userId === userId).map(({ projectId }) => projectId);
  const projects = [...new Set(own)].map((projectId) => ({
    check: 'Project',
    ...(known.includes(projectId)
      ? ok(projectId)
      : fail(`${projectId} is not a project of user ${userId}`, REASONS.ProjectNotFound.remedy)),
  }));
  return [user, ...projects];
}

async function checkWebhooks(stack: Stack): Promise<readonly Finding[]> {
  const parameter = stack.settings.webhookTokenParameter;
  const stored = await readTokens(stack.clients.ssm, parameter);
  const [token, oldToken] = stored?.tokens ?? [];
  if (stored === undefined || token === undefined) {
    const text = `${parameter} has no token: Streampixel cannot report on builds`;
    return [warn(text, `${stack.commands.webhook()}; it creates the token and says what to do with it`)];
  }
  const now = Date.now();
  const findings = (await projectWebhooks(stack, stored.tokens)).map((webhook) => {
    const { isUsed, projectId } = webhook;
    const text = `project ${projectId}: ${webhookText(webhook, now)}`;
    if (isUsed) return ok(text);
    const remedy = `${dashboardOf(projectId)} > ${DASHBOARD_STEPS}:\n${addressOf(stack, projectId, token)}`;
    return warn(text, remedy);
  });
  if (oldToken !== undefined) {
    const text = `two tokens are valid: a rotation has been in progress for ${span(now - stored.changedAt)}`;
    const remedy = `When every dashboard has the new address: ${stack.commands.finishWebhookRotation()}`;
    findings.push(warn(text, remedy));
  }
  return findings;
}

async function checkLedger(stack: Stack): Promise<readonly Finding[]> {
  const underWay = await entriesOf(stack, UNDER_WAY);
  const known = new Set(stack.settings.routes.map(({ projectId }) => projectId));
  const former = underWay.filter(({ projectId }) => projectId !== undefined && !known.has(projectId));
  const findings = [...groupBy(former, ({ projectId }) => projectId)].map(([projectId, builds]) =>
    warn(
      `${plural(builds.length, 'build')} under way for project ${projectId}, which no route has any more`,
      'Each is finished with the settings it was submitted with. Until then keep the webhook on the dashboard of that project.',
    ),
  );
  return [ok(stack.ledgerTable), ...findings];
}

/** Streampixel has the build, or may have it, and has not finished it. */
const UNDER_WAY = ['submitting', 'unknown', 'submitted'] as const;

async function checkBucket(stack: Stack): Promise<readonly Finding[]> {
  const { bucket, clients, settings } = stack;
  const [configuration, { Status: versioning }] = await Promise.all([
    clients.s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: bucket })),
    clients.s3.send(new GetBucketVersioningCommand({ Bucket: bucket })),
  ]);
  const findings =
    settings.bucketEvents === 'eventbridge'
      ? [checkBucketEvents(bucket, configuration)]
      : [await checkNotification(stack, configuration)];
  if (versioning !== 'Enabled') {
    const text = `${bucket} keeps no versions: a build that is overwritten while it waits for its slot is lost`;
    const remedy = `aws s3api put-bucket-versioning --bucket ${bucket} --versioning-configuration Status=Enabled`;
    findings.push(warn(text, remedy));
  }
  return findings;
}

type BucketConfiguration = Pick<
  GetBucketNotificationConfigurationCommandOutput,
  'EventBridgeConfiguration' | 'QueueConfigurations'
>;

function checkBucketEvents(bucket: string, { EventBridgeConfiguration }: BucketConfiguration): Finding {
  if (EventBridgeConfiguration !== undefined) return ok(`${bucket} sends its events to EventBridge`);
  const remedy = 'Turn it on: S3 console > the bucket > Properties > Amazon EventBridge > On.';
  return fail(`${bucket} does not send its events to EventBridge, so no build is announced`, remedy);
}

async function checkNotification(
  { bucket, buildsQueueUrl, clients, commands, settings }: Stack,
  { QueueConfigurations }: BucketConfiguration,
): Promise<Finding> {
  const { arn } = await readQueue(clients.sqs, buildsQueueUrl);
  const own = QueueConfigurations?.find(({ QueueArn }) => QueueArn === arn);
  const rule = (name: string) =>
    own?.Filter?.Key?.FilterRules?.find(({ Name }) => Name?.toLowerCase() === name)?.Value ?? '';
  const isAsSet =
    own?.Events?.includes('s3:ObjectCreated:*') && rule('prefix') === settings.prefix && rule('suffix') === '.zip';
  if (own === undefined) {
    const remedy = `The bucket's notification was replaced by hand. ${deployAgain(commands)}`;
    return fail(`${bucket} announces no builds to the queue`, remedy);
  }
  if (!isAsSet) return fail(`${bucket} announces other objects than the settings say`, deployAgain(commands));
  return ok(`${bucket} announces ${settings.prefix}*.zip`);
}

const changedByHand = (commands: OperatorCommands) => `The queue was changed by hand. ${deployAgain(commands)}`;
const deployAgain = (commands: OperatorCommands) => `Deploy again: ${commands.deploy()}`;

async function checkQueues({
  buildsQueueUrl,
  clients,
  commands,
  deadLetterQueueUrl,
}: Stack): Promise<readonly Finding[]> {
  const [builds, dead] = await Promise.all([
    readQueue(clients.sqs, buildsQueueUrl),
    readQueue(clients.sqs, deadLetterQueueUrl),
  ]);
  const text = `messages are kept for ${span(builds.retentionMs)}, dead letters for ${span(dead.retentionMs)}`;
  const findings: Finding[] = [];
  if (builds.deadLetterArn !== dead.arn) {
    findings.push(fail('the builds queue does not use the dead-letter queue', changedByHand(commands)));
  } else if (dead.retentionMs <= builds.retentionMs) {
    findings.push(fail(`${text}: dead letters have to be kept for longer`, changedByHand(commands)));
  } else findings.push(ok(text));
  const waiting = dead.visible + dead.hidden;
  if (waiting > 0) findings.push(warn(`${plural(waiting, 'dead letter')} to look at`, commands.deadLetters()));
  return findings;
}

async function checkFollowQueue({ clients: { sqs }, commands, followQueueUrl }: Stack): Promise<readonly Finding[]> {
  const { arn, deadLetterArn } = await readQueue(sqs, followQueueUrl);
  if (deadLetterArn === undefined) {
    const text = 'it has no dead-letter queue: a message that fails again and again is lost';
    return [fail(text, changedByHand(commands))];
  }
  const { QueueUrl = '' } = await sqs.send(new GetQueueUrlCommand({ QueueName: deadLetterArn.split(':').at(-1) }));
  const { hidden, visible } = await readQueue(sqs, QueueUrl);
  const waiting = visible + hidden;
  if (waiting === 0) return [ok('nothing in its dead-letter queue')];
  const remedy =
    'Read the lines message-failed in the log of follow-builds. Once the cause is fixed: ' +
    // With the destination: SQS does not know it for messages that EventBridge sent there.
    `aws sqs start-message-move-task --source-arn ${deadLetterArn} --destination-arn ${arn}`;
  const text = `${plural(waiting, 'message')} failed again and again, and will not be tried again`;
  return [warn(text, remedy)];
}

async function checkFunctions(stack: Stack): Promise<readonly Finding[]> {
  const { buildsQueueUrl, clients, commands, followQueueUrl, submitBuildFunction } = stack;
  const [builds, follow, { Timeout = 0 }] = await Promise.all([
    readQueue(clients.sqs, buildsQueueUrl),
    readQueue(clients.sqs, followQueueUrl),
    clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: submitBuildFunction })),
  ]);
  const findings = await Promise.all([
    checkEventSource(stack, builds.arn, 'builds queue'),
    checkEventSource(stack, follow.arn, 'follow queue'),
  ]);
  if (builds.visibilityTimeoutS < Timeout) {
    const text = `messages become visible again after ${builds.visibilityTimeoutS} s, but the function may take ${Timeout} s`;
    findings.push(fail(text, deployAgain(commands)));
  }
  return findings;
}

async function checkEventSource(
  { clients: { lambda }, commands }: Stack,
  EventSourceArn: string | undefined,
  queue: string,
): Promise<Finding> {
  const { EventSourceMappings } = await lambda.send(new ListEventSourceMappingsCommand({ EventSourceArn }));
  const mapping = EventSourceMappings?.find((each) => each.EventSourceArn === EventSourceArn);
  if (mapping === undefined) return fail(`no function processes the ${queue}`, deployAgain(commands));
  if (mapping.State !== 'Enabled') {
    const remedy = `aws lambda update-event-source-mapping --enabled --uuid ${mapping.UUID}`;
    return fail(`the event source of the ${queue} is ${mapping.State}: its messages wait`, remedy);
  }
  if (!mapping.FunctionResponseTypes?.includes('ReportBatchItemFailures')) {
    const text = `the event source of the ${queue} ignores partial batch responses: messages would be lost`;
    return fail(text, deployAgain(commands));
  }
  return ok(`${mapping.FunctionArn?.split(':').at(-1)} processes the ${queue}`);
}

async function checkAlerts({ alertTopicArn, clients, commands }: Stack): Promise<readonly Finding[]> {
  let confirmed = 0;
  const findings: Finding[] = [];
  for await (const page of paginateListSubscriptionsByTopic({ client: clients.sns }, { TopicArn: alertTopicArn })) {
    for (const { Endpoint, SubscriptionArn } of page.Subscriptions ?? []) {
      if (SubscriptionArn !== 'PendingConfirmation') confirmed += 1;
      else {
        const remedy = 'Follow the link in the e-mail "AWS Notification - Subscription Confirmation".';
        findings.push(warn(`${Endpoint} has not confirmed`, remedy));
      }
    }
  }
  if (confirmed > 0) return [ok(`${plural(confirmed, 'subscriber')}`), ...findings];
  const remedy = `Set alertEmails in ${commands.settingsPlace()}, and deploy: ${commands.deploy()}`;
  return [fail('no subscriber: builds that fail go unnoticed', remedy), ...findings];
}
