import { GetFunctionConfigurationCommand, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { GetBucketNotificationConfigurationCommand, GetBucketVersioningCommand } from '@aws-sdk/client-s3';
import { paginateListSubscriptionsByTopic } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { hasSentWebhook } from '../../functions/domain/model/webhook-record.ts';
import { WEBHOOK_COMMAND } from '../../functions/domain/notify/operator-commands.ts';
import { deployedSettings } from '../../infra/outputs.ts';
import { explained } from '../aws-errors.ts';
import type { Act } from '../command.ts';
import { aligned, type Console } from '../console.ts';
import { queueNumbers } from '../letters.ts';
import { EXIT } from '../operator-error.ts';
import { projectContext } from '../project-context.ts';
import type { Stack } from '../stack.ts';
import { plural, span } from '../units.ts';
import { checkKey, keyParameters, projectIds, verdictText } from '../vendor.ts';
import { addressOf, DASHBOARD_STEPS, dashboardOf, heardText, projectWebhooks, readTokens } from '../webhook.ts';
import { storedKey } from './key.ts';

/** One line of the doctor's report. */
interface Finding {
  readonly check: string;
  /** `skipped`: can't be checked here. */
  readonly status: 'ok' | 'warn' | 'fail' | 'skipped';
  readonly text: string;
  /** What to do about it; a line or two. */
  readonly mend?: string;
}

const DEPLOY = 'npx cdk deploy';

export function addDoctorCommand(program: Command, act: Act): void {
  program
    .command('doctor')
    .description(
      'Check settings, stack, keys, ids, webhooks, queues and alerts; each line is good or says how to mend it.',
    )
    .action(act(async ({ console, stack }) => doctor(console, await stack())));
}

const ok = (check: string, text: string): Finding => ({ check, status: 'ok', text });
const warn = (check: string, text: string, mend: string): Finding => ({ check, status: 'warn', text, mend });
const fail = (check: string, text: string, mend: string): Finding => ({ check, status: 'fail', text, mend });

type Check = (stack: Stack) => Promise<readonly Finding[]>;

/** By name; what the emulator does not have is not asked of it. */
const CHECKS: Readonly<Record<string, { readonly run: Check; readonly onAwsOnly?: boolean }>> = {
  Settings: { run: checkSettings, onAwsOnly: true },
  Stack: { run: checkStack },
  'API key': { run: checkKeys },
  Webhook: { run: checkWebhooks },
  Ledger: { run: checkLedger },
  Bucket: { run: checkBucket, onAwsOnly: true },
  Queues: { run: checkQueues },
  'Follow queue': { run: checkFollowQueue },
  Functions: { run: checkFunctions, onAwsOnly: true },
  Alerts: { run: checkAlerts, onAwsOnly: true },
};

async function doctor(console: Console, stack: Stack): Promise<number> {
  const found = await Promise.all(
    Object.entries(CHECKS).map(async ([name, { run, onAwsOnly }]): Promise<readonly Finding[]> => {
      if (stack.isLocal && onAwsOnly === true) {
        return [{ check: name, status: 'skipped', text: 'not checked on the embedded stack' }];
      }
      try {
        return await run(stack);
      } catch (error) {
        const { message, remedy } = explained(error, undefined);
        return [fail(name, message, remedy)];
      }
    }),
  );
  const findings = found.flat();
  const colours = { ok: 'green', warn: 'yellow', fail: 'red', skipped: 'gray' } as const;
  const shown = { ok: 'ok', warn: 'warn', fail: 'FAIL', skipped: '-' } as const;
  const rows = findings.flatMap(({ check, mend, status, text }) => [
    [console.paint(colours[status], shown[status]), check, text],
    ...(mend
      ?.split('\n')
      .map((line, index) => ['', '', console.paint('bold', `${index === 0 ? '->' : '  '} ${line}`)]) ?? []),
  ]);
  console.data({ stack: stack.name, findings }, aligned(rows));
  const failures = findings.filter(({ status }) => status === 'fail').length;
  console.say(failures === 0 ? 'Nothing stands in the way of a build.' : `${plural(failures, 'thing')} to mend.`);
  return failures === 0 ? EXIT.done : EXIT.failed;
}

async function checkSettings({ settings }: Stack): Promise<readonly Finding[]> {
  // Only here: it loads the CDK, which takes as long as everything else.
  const { readSettings, SettingsError } = await import('../../infra/config.ts');
  try {
    const isDeployed = JSON.stringify(settings) === JSON.stringify(deployedSettings(readSettings(projectContext())));
    return [
      isDeployed
        ? ok(
            'Settings',
            `${plural(settings.routes.length, 'route')}, one upload per user every ${settings.intervalSeconds} s`,
          )
        : warn('Settings', 'cdk.json differs from what is deployed', `If it is meant to be: ${DEPLOY}.`),
    ];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map((problem) => fail('Settings', problem, 'Correct cdk.json.'));
  }
}

async function checkStack({ name, region, status }: Stack): Promise<readonly Finding[]> {
  const isGood = /^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status);
  return [
    isGood
      ? ok('Stack', `${name} in ${region}, ${status}`)
      : warn('Stack', `${name} in ${region} is ${status}`, `Look at its events in the console; then ${DEPLOY}.`),
  ];
}

async function checkKeys(stack: Stack): Promise<readonly Finding[]> {
  const { clients, settings } = stack;
  const findings: Finding[] = [];
  for (const [parameter, userIds] of keyParameters(settings.routes)) {
    const set = `npx streampixel-drop key set --parameter ${parameter}`;
    const stored = await storedKey(clients.ssm, parameter);
    if (stored === undefined) {
      findings.push(fail('API key', `${parameter} does not exist, is empty, or is no SecureString`, set));
      continue;
    }
    findings.push(ok('API key', `${parameter}, version ${stored.version}`));
    for (const each of await checkKey(stack, userIds, stored.apiKey)) {
      const { userId, verdict } = each;
      if (verdict.kind === 'taken') findings.push(...(await checkProjects(stack, userId, stored.apiKey)));
      else if (verdict.kind === 'unclear') {
        findings.push(
          warn('User', `${userId}: ${verdictText(each)}`, 'Try again in a while; check network and proxy.'),
        );
      } else {
        const mend = verdict.reason === 'InvalidApiKey' ? set : REASONS[verdict.reason].remedy;
        findings.push(fail('User', `${userId}: ${verdictText(each)}`, mend));
      }
    }
  }
  return findings;
}

async function checkProjects(
  stack: Stack,
  userId: string,
  apiKey: Parameters<typeof projectIds>[2],
): Promise<readonly Finding[]> {
  const known = await projectIds(stack, userId, apiKey);
  const own = stack.settings.routes.filter((route) => route.userId === userId).map(({ projectId }) => projectId);
  const user = ok('User', `${userId}: Streampixel accepts the key`);
  if (known === undefined) {
    return [
      user,
      warn('Project', `Streampixel does not list the projects of ${userId}`, 'Compare the ids on the dashboard.'),
    ];
  }
  const projects = [...new Set(own)].map((projectId) =>
    known.includes(projectId)
      ? ok('Project', projectId)
      : fail('Project', `${projectId} is not a project of user ${userId}`, REASONS.ProjectNotFound.remedy),
  );
  return [user, ...projects];
}

async function checkWebhooks(stack: Stack): Promise<readonly Finding[]> {
  const parameter = stack.settings.webhookTokenParameter;
  const stored = await readTokens(stack.clients.ssm, parameter);
  const [token, former] = stored?.tokens ?? [];
  if (stored === undefined || token === undefined) {
    const text = `${parameter} has no token: nobody hears what becomes of builds`;
    return [warn('Webhook', text, `${WEBHOOK_COMMAND}; it makes the token, and says what to do with it`)];
  }
  const now = Date.now();
  const findings = (await projectWebhooks(stack)).map((webhook) => {
    const { projectId } = webhook;
    const text = `project ${projectId}: ${heardText(webhook, now)}`;
    if (hasSentWebhook(webhook)) return ok('Webhook', text);
    const mend = `${dashboardOf(projectId)} > ${DASHBOARD_STEPS}:\n${addressOf(stack, projectId, token)}`;
    return warn('Webhook', text, mend);
  });
  if (former === undefined) return findings;
  const text = `two tokens are good: a rotation has been under way for ${span(now - stored.changedAt)}`;
  return [
    ...findings,
    warn('Webhook', text, `When every dashboard has the new address: ${WEBHOOK_COMMAND} rotate --finish`),
  ];
}

async function checkLedger({ ledger, ledgerTable }: Stack): Promise<readonly Finding[]> {
  await ledger.list('waiting', { limit: 1 });
  return [ok('Ledger', ledgerTable)];
}

async function checkBucket({ bucket, buildsQueueUrl, clients, settings }: Stack): Promise<readonly Finding[]> {
  const { s3 } = clients;
  const queueArn = (await attributesOf(clients.sqs, buildsQueueUrl)).QueueArn;
  const notification = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket: bucket }));
  const own = notification.QueueConfigurations?.find(({ QueueArn }) => QueueArn === queueArn);
  const rule = (name: string) =>
    own?.Filter?.Key?.FilterRules?.find(({ Name }) => Name?.toLowerCase() === name)?.Value ?? '';
  const { Status: versioning } = await s3.send(new GetBucketVersioningCommand({ Bucket: bucket }));
  const findings: Finding[] = [];
  if (own === undefined) {
    findings.push(
      fail(
        'Bucket',
        `${bucket} announces no builds to the queue`,
        `Somebody has replaced its notification: ${DEPLOY}.`,
      ),
    );
  } else if (
    !own.Events?.includes('s3:ObjectCreated:*') ||
    rule('prefix') !== settings.prefix ||
    rule('suffix') !== '.zip'
  ) {
    findings.push(fail('Bucket', `${bucket} announces other objects than the settings say`, `${DEPLOY}.`));
  } else findings.push(ok('Bucket', `${bucket} announces ${settings.prefix}*.zip`));
  if (versioning !== 'Enabled') {
    findings.push(
      warn(
        'Bucket',
        `${bucket} keeps no versions: a build that is overwritten before its turn is lost`,
        `aws s3api put-bucket-versioning --bucket ${bucket} --versioning-configuration Status=Enabled`,
      ),
    );
  }
  return findings;
}

async function attributesOf(sqs: Stack['clients']['sqs'], QueueUrl: string): Promise<Partial<Record<string, string>>> {
  return (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))).Attributes ?? {};
}

async function checkQueues({ buildsQueueUrl, clients, deadLetterQueueUrl }: Stack): Promise<readonly Finding[]> {
  const [builds, letters, numbers] = await Promise.all([
    attributesOf(clients.sqs, buildsQueueUrl),
    attributesOf(clients.sqs, deadLetterQueueUrl),
    queueNumbers(clients.sqs, deadLetterQueueUrl),
  ]);
  const { deadLetterTargetArn } = JSON.parse(builds.RedrivePolicy ?? '{}') as { deadLetterTargetArn?: string };
  const [kept, keptDead] = [Number(builds.MessageRetentionPeriod), Number(letters.MessageRetentionPeriod)];
  const inDays = `${span(kept * 1_000)} and ${span(keptDead * 1_000)}`;
  const mend = `Somebody has changed the queues by hand: ${DEPLOY}.`;
  const findings: Finding[] = [];
  if (deadLetterTargetArn !== letters.QueueArn) {
    findings.push(fail('Queues', 'the builds queue does not know the dead-letter queue', mend));
  } else if (keptDead <= kept) {
    findings.push(fail('Queues', `messages are kept for ${inDays}: dead letters have to be kept for longer`, mend));
  } else findings.push(ok('Queues', `messages are kept for ${inDays} as dead letters`));
  const waiting = numbers.visible + numbers.hidden;
  if (waiting > 0) {
    findings.push(warn('Queues', `${plural(waiting, 'dead letter')} to be seen to`, 'npx streampixel-drop dlq list'));
  }
  return findings;
}

async function checkFollowQueue({ clients, followQueueUrl }: Stack): Promise<readonly Finding[]> {
  const { sqs } = clients;
  const { RedrivePolicy = '{}' } = await attributesOf(sqs, followQueueUrl);
  const { deadLetterTargetArn } = JSON.parse(RedrivePolicy) as { deadLetterTargetArn?: string };
  if (deadLetterTargetArn === undefined) {
    const text = 'it has no dead-letter queue: what fails again and again is lost';
    return [fail('Follow queue', text, `Somebody has changed the queue by hand: ${DEPLOY}.`)];
  }
  const { QueueUrl = '' } = await sqs.send(
    new GetQueueUrlCommand({ QueueName: deadLetterTargetArn.split(':').at(-1) }),
  );
  const { hidden, visible } = await queueNumbers(sqs, QueueUrl);
  const waiting = visible + hidden;
  if (waiting === 0) return [ok('Follow queue', 'nothing in its dead-letter queue')];
  const mend =
    'Read the lines message-failed in the log of follow-builds; once the cause is mended: ' +
    `aws sqs start-message-move-task --source-arn ${deadLetterTargetArn}`;
  return [
    warn('Follow queue', `${plural(waiting, 'message')} failed again and again, and will not be tried any more`, mend),
  ];
}

async function checkFunctions(stack: Stack): Promise<readonly Finding[]> {
  const { buildsQueueUrl, clients, followQueueUrl, submitBuildFunction } = stack;
  const [builds, follow] = await Promise.all([
    attributesOf(clients.sqs, buildsQueueUrl),
    attributesOf(clients.sqs, followQueueUrl),
  ]);
  const { Timeout = 0 } = await clients.lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: submitBuildFunction }),
  );
  const findings = await Promise.all([
    checkEventSource(stack, builds.QueueArn, 'builds'),
    checkEventSource(stack, follow.QueueArn, "Streampixel's words on builds"),
  ]);
  if (Number(builds.VisibilityTimeout) >= Timeout) return findings;
  const text = `messages show themselves again after ${builds.VisibilityTimeout} s, the function takes up to ${Timeout} s`;
  return [...findings, fail('Functions', text, `${DEPLOY}.`)];
}

/** @param messages what the queue holds, in words */
async function checkEventSource(
  { clients: { lambda } }: Stack,
  EventSourceArn: string | undefined,
  messages: string,
): Promise<Finding> {
  const { EventSourceMappings } = await lambda.send(new ListEventSourceMappingsCommand({ EventSourceArn }));
  const mapping = EventSourceMappings?.find((each) => each.EventSourceArn === EventSourceArn);
  if (mapping === undefined) return fail('Functions', `nothing takes ${messages} off their queue`, `${DEPLOY}.`);
  if (mapping.State !== 'Enabled') {
    const mend = `aws lambda update-event-source-mapping --enabled --uuid ${mapping.UUID}`;
    return fail('Functions', `the event source for ${messages} is ${mapping.State}: they wait`, mend);
  }
  if (!mapping.FunctionResponseTypes?.includes('ReportBatchItemFailures')) {
    const text = `the event source for ${messages} ignores partial batch responses: some would be lost`;
    return fail('Functions', text, `${DEPLOY}.`);
  }
  return ok('Functions', `${mapping.FunctionArn?.split(':').at(-1)} takes ${messages} off their queue`);
}

async function checkAlerts({ alertTopicArn, clients }: Stack): Promise<readonly Finding[]> {
  const subscriptions: { readonly endpoint: string; readonly pending: boolean }[] = [];
  for await (const page of paginateListSubscriptionsByTopic({ client: clients.sns }, { TopicArn: alertTopicArn })) {
    for (const { Endpoint = '', SubscriptionArn } of page.Subscriptions ?? []) {
      subscriptions.push({ endpoint: Endpoint, pending: SubscriptionArn === 'PendingConfirmation' });
    }
  }
  const confirmed = subscriptions.filter(({ pending }) => !pending);
  const findings = subscriptions
    .filter(({ pending }) => pending)
    .map(({ endpoint }) =>
      warn(
        'Alerts',
        `${endpoint} has not confirmed`,
        'Follow the link in the mail "AWS Notification - Subscription Confirmation".',
      ),
    );
  if (confirmed.length > 0)
    return [ok('Alerts', `${plural(confirmed.length, 'subscriber')} hear of them`), ...findings];
  return [
    fail('Alerts', 'nobody hears of builds that fail', `Name alertEmails in cdk.json and ${DEPLOY}.`),
    ...findings,
  ];
}
