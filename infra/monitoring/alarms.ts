import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IRule } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import { DEAD_LETTER_ATTRIBUTES, DEAD_LETTER_RETENTION_DAYS } from '../../functions/domain/model/message-attributes.ts';
import type { MetricName } from '../../functions/domain/model/telemetry.ts';
import { retryDelay } from '../../functions/domain/pacing/retry-delay.ts';
import type { ReceiveWebhookFunction } from '../lambda/receive-webhook-function.ts';
import type { RedriveBuildsFunction } from '../lambda/redrive-builds-function.ts';
import type { RemindOfDeadLettersFunction } from '../lambda/remind-of-dead-letters-function.ts';
import type { WorkerFunction } from '../lambda/worker-function.ts';
import { DEAD_LETTER_ALARM_DAYS, MAX_RECEIVE_COUNT, OBSERVED_SESSION_HOURS } from '../limits.ts';
import type { WorkerQueue } from '../queues/worker-queue.ts';
import type { Resources } from '../resources.ts';
import type { Settings } from '../settings/schema.ts';
import { dashboardLink, logLink, queueLink } from './console-links.ts';
import { dropMetric } from './drop-metrics.ts';

/** What alarms and the dashboard watch. */
export interface Watched extends Pick<Resources, 'settings' | 'commands' | 'topic' | 'buildsQueue' | 'followQueue'> {
  readonly functions: {
    readonly submitBuild: WorkerFunction;
    readonly receiveWebhook: ReceiveWebhookFunction;
    readonly followBuilds: WorkerFunction;
    readonly redriveBuilds: RedriveBuildsFunction;
    readonly reminder: RemindOfDeadLettersFunction;
  };
}

interface AlarmDefinition {
  readonly id: string;
  /** The heading of its section in the runbook. Letters, digits, hyphens and spaces only, so that the anchor is plain. */
  readonly name: string;
  /**
   * - `High`: builds are stopped or about to be lost; act at once, even at night
   * - `Medium`: a build waits for a person; act today
   * - `Low`: nothing is lost; look in working hours
   */
  readonly severity: 'High' | 'Medium' | 'Low';
  /** What it means and the first step; a command comes last. The runbook has the rest. */
  readonly text: string;
  /** Pages of the console, by what they show. */
  readonly pages: Readonly<Record<string, string>>;
  readonly metric: IMetric;
  /** It fires at or above it. Default 1: on the first. */
  readonly threshold?: number;
  readonly comparison?: ComparisonOperator;
  /** Periods in a row that must breach. Default 1. */
  readonly evaluationPeriods?: number;
}

/** The alarms, which all fire on the topic. What to do about each is in docs/runbook.md, under its name. */
export class Alarms extends Construct {
  readonly all: readonly Alarm[];

  constructor(scope: Construct, id: string, watched: Watched) {
    super(scope, id);
    const { settings, topic } = watched;
    this.all = definitions(watched).map((definition) => {
      const { name, severity, text, pages, metric, threshold = 1, evaluationPeriods = 1 } = definition;
      const { GREATER_THAN_OR_EQUAL_TO_THRESHOLD } = ComparisonOperator;
      const links = {
        Runbook: `${settings.runbookUrl}#${anchorOf(name)}`,
        ...pages,
        ...(settings.dashboard ? { Dashboard: dashboardLink(settings.stackName) } : {}),
      };
      const lines = Object.entries(links).map(([label, link]) => `${label}: ${link}`);
      const alarm = new Alarm(this, definition.id, {
        // The name is the subject of the e-mail.
        alarmName: `${settings.stackName} ${severity}: ${name}`,
        alarmDescription: [`Severity: ${severity}`, text, ...lines].join('\n'),
        metric,
        threshold,
        comparisonOperator: definition.comparison ?? GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluationPeriods,
        // The same for all, on purpose. The functions' own metrics exist only when something happens, Lambda's only when it is
        // invoked: no data is the good case. SQS always sends its numbers; a gap in them is CloudWatch's and says nothing about
        // builds. That nothing happens although it should is an alarm of its own, on SQS's numbers.
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(new SnsAction(topic));
      return alarm;
    });
  }
}

function definitions({ settings, commands, buildsQueue, followQueue, functions }: Watched): readonly AlarmDefinition[] {
  const { submitBuild, receiveWebhook, followBuilds, redriveBuilds, reminder } = functions;
  const deadLetterPage = { 'Dead-letter queue': queueLink(buildsQueue.deadLetterQueue) };
  const queuePage = { 'Builds queue': queueLink(buildsQueue.queue) };
  const log = ({ name, logGroup }: WorkerFunction) => ({ [`Log of ${name}`]: logLink(logGroup) });
  // Not NumberOfMessagesSent, which leaves out what SQS moves there by itself; nor the messages in flight, a number that may stay
  // at 1 for an empty queue.
  const deadLetters = ({ deadLetterQueue }: WorkerQueue) =>
    deadLetterQueue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MAXIMUM, period: Duration.minutes(1) });
  const perMinute = { statistic: Stats.SUM, period: Duration.minutes(1) };
  const errors = (of: WorkerFunction) => ({ pages: log(of), metric: of.function.metricErrors(perMinute) });
  const throttles = (of: WorkerFunction) => ({ pages: log(of), metric: of.function.metricThrottles(perMinute) });
  // An event that can't be delivered is dropped. Those that go to a queue have its dead-letter queue instead.
  const failedInvocations = (of: WorkerFunction & { readonly rule: IRule }) => ({
    pages: log(of),
    metric: new Metric({
      namespace: 'AWS/Events',
      metricName: 'FailedInvocations',
      dimensionsMap: { RuleName: of.rule.ruleName },
      ...perMinute,
    }),
  });
  const own = (name: MetricName, statistic: string, period: Duration) =>
    dropMetric(settings.stackName, name, { statistic, period });
  const hoursWithoutProgress = longestGapHours(settings);
  const lifetime = Duration.seconds(settings.fileUrlLifetimeSeconds);
  const noConcurrency = "Lambda does not start the function: the account's concurrency in this region is used up.";

  const sessions: readonly AlarmDefinition[] = [
    {
      id: 'FileUrlLifetime',
      name: 'fileUrls may expire early',
      severity: 'Low',
      text:
        `A fileUrl is signed for ${lifetime.toHumanString()} but expires earlier if the session of the role that signed it ends. The longest ` +
        `session seen is ${OBSERVED_SESSION_HOURS} hours; AWS promises nothing. This session may end before its fileUrls do.`,
      pages: log(submitBuild),
      metric: own('SessionAge', Stats.MAXIMUM, Duration.minutes(5)),
      // Synthesis warns of a lifetime that no session lasts for; here it fires with the first build.
      threshold: Math.max(0, OBSERVED_SESSION_HOURS * 3600 - lifetime.toSeconds()),
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
    },
  ];

  return [
    {
      id: 'DeadLetters',
      name: 'Builds wait in the dead-letter queue',
      severity: 'Medium',
      text:
        `Builds did not reach Streampixel. They are kept for at most ${DEAD_LETTER_RETENTION_DAYS} days. The attribute ` +
        `${DEAD_LETTER_ATTRIBUTES.reason} of each dead letter says why; one without it was moved by SQS itself, after many crashes. ` +
        `See them: ${commands.deadLetters()}`,
      pages: deadLetterPage,
      metric: deadLetters(buildsQueue),
    },
    {
      id: 'DeadLettersExpire',
      name: 'Dead letters will expire',
      severity: 'High',
      text:
        `The oldest dead letter is at least ${DEAD_LETTER_ALARM_DAYS} days old (without a ${DEAD_LETTER_ATTRIBUTES.reason}: since its ` +
        `drop). SQS deletes it after ${DEAD_LETTER_RETENTION_DAYS} days. The zip stays in the bucket. Redrive ` +
        `or discard: ${commands.deadLetters()}`,
      pages: { ...deadLetterPage, ...log(reminder) },
      // Not the queue's own age metric: it leaves out messages that were received three times, and people look at dead letters.
      // Three hours, so that a run that is late or fails changes nothing.
      metric: own('OldestDeadLetterAge', Stats.MAXIMUM, Duration.hours(3)),
      threshold: Duration.days(DEAD_LETTER_ALARM_DAYS).toSeconds(),
    },
    {
      id: 'WaitingTooLong',
      name: 'A build has waited for long',
      severity: 'Medium',
      text:
        `A build was dropped ${settings.waitingAlarmHours} hours ago or more and still has to wait. Many builds are queued before it, or ` +
        `it is postponed again and again. See why: ${commands.status()}`,
      pages: { ...queuePage, ...log(submitBuild) },
      // The queue's own age metric leaves out messages that were received three times: those that sleep for their slot. A build
      // that is retried wakes twice an hour at least, hence the hour.
      metric: own('WaitingAge', Stats.MAXIMUM, Duration.hours(1)),
      threshold: Duration.hours(settings.waitingAlarmHours).toSeconds(),
    },
    {
      id: 'NoProgress',
      name: 'No build comes through',
      severity: 'High',
      text:
        `Builds have been in the queue for ${hoursWithoutProgress} hours and no function takes them. Is the event source enabled, does ` +
        `the function run? ${commands.doctor()}`,
      pages: { ...queuePage, ...log(submitBuild) },
      // The least of an hour: a message that waits for its slot is in flight, and one that wakes is taken within seconds. Visible
      // messages all hour long mean that no function takes them. SQS's own number, which is there even where the function does
      // not run; and no metric math, which emulators don't have.
      metric: buildsQueue.queue.metricApproximateNumberOfMessagesVisible({
        statistic: Stats.MINIMUM,
        period: Duration.hours(1),
      }),
      evaluationPeriods: hoursWithoutProgress,
    },
    {
      id: 'KeyRejected',
      name: 'Streampixel rejects the API key',
      severity: 'High',
      text:
        'Every build under this key is dead-lettered as InvalidApiKey until a key that works is stored; then they are redriven ' +
        `automatically. A separate message has the details. If your team has a new key, use it; request one only if not: ${commands.storeKey()}`,
      pages: log(submitBuild),
      metric: own('ApiKeysRejected', Stats.SUM, Duration.minutes(1)),
    },
    {
      id: 'AnswersLost',
      name: 'A submission got no answer',
      severity: 'Low',
      text:
        settings.onLostAnswer === 'retry'
          ? 'A build was sent and Streampixel did not answer. It is submitted again after an interval, so it may be on the dashboard ' +
            'twice; the ledger marks it as possibly doubled.'
          : 'A build was sent and Streampixel did not answer. It waits as SubmissionUnknown in the dead-letter queue until a person ' +
            'has looked for it on the dashboard.',
      pages: log(submitBuild),
      metric: own('AnswersLost', Stats.SUM, Duration.minutes(5)),
    },
    // A signature of CloudFront has no session that could end before it.
    ...(settings.delivery === 's3' ? sessions : []),
    {
      id: 'FileUrlsEnded',
      name: 'A download URL expired before its build was finished',
      severity: 'Medium',
      text:
        `Streampixel accepted a build and has not finished it, and the URL to download it has ended after ${lifetime.toHumanString()}. ` +
        `A separate message names the build. See what Streampixel reported of it: ${commands.status()}`,
      pages: log(followBuilds),
      metric: own('FileUrlsEnded', Stats.SUM, Duration.minutes(5)),
    },
    {
      id: 'SubmitBuildErrors',
      name: 'submit-build fails',
      severity: 'Medium',
      text:
        'The function crashed or ran out of time. Its builds go back to the queue and are tried again, so after a single alarm there ' +
        'may be nothing to do. While it lasts, no build is submitted. Look for "invocation-failed" and "Task timed out" in the log.',
      ...errors(submitBuild),
    },
    {
      id: 'SubmitBuildThrottles',
      name: 'submit-build is throttled',
      severity: 'Medium',
      text: `${noConcurrency} Builds wait, and SQS dead-letters a message after ${MAX_RECEIVE_COUNT} refusals. Free some concurrency, or ask AWS for a higher quota.`,
      ...throttles(submitBuild),
    },
    {
      id: 'ReceiveWebhookErrors',
      name: 'receive-webhook fails',
      severity: 'Medium',
      text:
        'A webhook of Streampixel was not stored, and Streampixel does not send it again: a live build may look stuck. Look for ' +
        '"webhook-not-stored" in the log, and at the build on the dashboard.',
      ...errors(receiveWebhook),
    },
    {
      id: 'ReceiveWebhookThrottles',
      name: 'receive-webhook is throttled',
      severity: 'Medium',
      text:
        `${noConcurrency} Webhooks are lost meanwhile, as Streampixel does not send them again. Free some concurrency, or ask AWS for ` +
        'a higher quota.',
      ...throttles(receiveWebhook),
    },
    {
      id: 'WebhookFlood',
      name: 'The webhook address gets too many requests',
      severity: 'Medium',
      text:
        'The public address has refused a thousand requests in five minutes. They do no harm by themselves, but above the rate limit ' +
        "Streampixel's webhooks are refused as well, and it does not send them again: builds may look stuck. Compare them with the " +
        'Streampixel dashboard.',
      pages: log(receiveWebhook),
      metric: receiveWebhook.api.metricClientError({ statistic: Stats.SUM, period: Duration.minutes(5) }),
      threshold: 1_000,
    },
    {
      id: 'FollowBuildsErrors',
      name: 'follow-builds fails',
      severity: 'Medium',
      text:
        'The function crashed or ran out of time. Its messages go back to the follow queue and are tried again, so after a single alarm ' +
        'there may be nothing to do. While it lasts, no alert about a rejected build is sent, and no build is released. Look for ' +
        '"invocation-failed" in the log.',
      ...errors(followBuilds),
    },
    {
      id: 'FollowDeadLetters',
      name: 'Messages about submitted builds are dead-lettered',
      severity: 'Medium',
      text:
        `A message failed ${MAX_RECEIVE_COUNT} times: an alert may be missing, or a build is not released. Fix what ` +
        `"message-failed" in the log names. How to send them back: ${commands.doctor()}`,
      pages: { 'Dead-letter queue': queueLink(followQueue.deadLetterQueue), ...log(followBuilds) },
      metric: deadLetters(followQueue),
    },
    {
      id: 'RedriveBuildsErrors',
      name: 'redrive-builds fails',
      severity: 'Medium',
      text:
        'A new API key was stored, but the builds that the old key stopped could not be sent back to the builds queue. Lambda tries ' +
        `twice more within minutes. If dead letters are left after that: ${commands.redriveForKey()}`,
      ...errors(redriveBuilds),
    },
    {
      id: 'RedriveBuildsThrottles',
      name: 'redrive-builds is throttled',
      severity: 'Low',
      text: `A new API key was stored, but the builds that the old key stopped are not redriven yet. ${noConcurrency} Lambda keeps trying for 6 hours.`,
      ...throttles(redriveBuilds),
    },
    {
      id: 'ReminderErrors',
      name: 'remind-of-dead-letters fails',
      severity: 'Low',
      text: `An hourly check of the dead-letter queue failed, so a reminder may be missing. Check it: ${commands.deadLetters()}`,
      ...errors(reminder),
    },
    {
      id: 'RedriveBuildsNotStarted',
      name: 'EventBridge cannot start redrive-builds',
      severity: 'Medium',
      text:
        `An API key was stored, but the rule ${redriveBuilds.rule.ruleName} could not start the function: the builds that the old key ` +
        `stopped stay in the dead-letter queue. Then: ${commands.redriveForKey()}`,
      ...failedInvocations(redriveBuilds),
    },
    {
      id: 'ReminderNotStarted',
      name: 'EventBridge cannot start remind-of-dead-letters',
      severity: 'Low',
      text:
        `The rule ${reminder.rule.ruleName} could not start the function: no reminder of dead letters comes, and no alarm before they ` +
        `expire. Check them: ${commands.deadLetters()}`,
      ...failedInvocations(reminder),
    },
  ];
}

/** The anchor that a Markdown heading of these words gets. */
function anchorOf(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}

/** How long it may take, in whole hours, until a build that waits alone is finished with nothing wrong in our own parts. */
function longestGapHours({ intervalSeconds, maxAttempts }: Settings): number {
  const slowest = () => 1;
  let ms = 0;
  for (let failures = 1; failures < maxAttempts; failures++)
    ms += retryDelay(failures, intervalSeconds * 1000, slowest);
  // An hour more, for slots, calls and the alarm's own period.
  return Math.ceil((ms + 3_600_000) / 3_600_000);
}
