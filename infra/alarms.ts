import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { DEAD_LETTER_ATTRIBUTES, DEAD_LETTER_RETENTION_DAYS } from '../functions/domain/model/message-attributes.ts';
import { retryDelay } from '../functions/domain/pacing/retry-delay.ts';
import type { BuildsQueue } from './builds-queue.ts';
import { dashboardLink, logLink, queueLink } from './console-links.ts';
import { dropMetric } from './drop-metrics.ts';
import type { FollowQueue } from './follow-queue.ts';
import { DEAD_LETTER_ALARM_DAYS, MAX_RECEIVE_COUNT, OBSERVED_SESSION_HOURS, QUEUE_RETENTION_DAYS } from './limits.ts';
import type { ReceiveWebhookFunction } from './receive-webhook-function.ts';
import type { Settings } from './settings/schema.ts';
import type { WorkerFunction } from './worker-function.ts';

/**
 * - `High`: builds are stopped or about to be lost, so somebody has to get up
 * - `Medium`: a build waits for a person, today
 * - `Low`: nothing is lost; worth a look in working hours
 */
export type Severity = 'High' | 'Medium' | 'Low';

export interface AlarmsProps {
  readonly settings: Settings;
  readonly topic: ITopic;
  readonly buildsQueue: BuildsQueue;
  readonly followQueue: FollowQueue;
  readonly functions: StackFunctions;
  /** Absent where the settings want none. */
  readonly dashboardName?: string | undefined;
}

/** The functions of the stack. */
export interface StackFunctions {
  readonly submitBuild: WorkerFunction;
  readonly receiveWebhook: ReceiveWebhookFunction;
  readonly followBuilds: WorkerFunction;
  readonly redriveBuilds: WorkerFunction;
  readonly reminder: WorkerFunction;
}

interface AlarmDefinition {
  /** The heading of its section in the runbook. Letters, digits, hyphens and spaces only, so that the anchor is plain. */
  readonly name: string;
  readonly severity: Severity;
  /** What it means and the first step. The runbook has the rest. */
  readonly says: string;
  /** Pages of the console, by what they show. */
  readonly pages?: Readonly<Record<string, string>>;
  readonly metric: IMetric;
  readonly threshold: number;
  readonly comparison?: ComparisonOperator;
  /** Periods in a row that must breach. Default 1. */
  readonly evaluationPeriods?: number;
}

/** The alarms, each of which speaks on the topic. What to do about each is in docs/runbook.md, under its name. */
export class Alarms extends Construct {
  readonly #props: AlarmsProps;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.#props = props;
    this.watchDeadLetters();
    this.watchBuilds();
    this.watchFunctions();
  }

  /** Every alarm, for whoever draws them. */
  get all(): readonly Alarm[] {
    return this.node.children.filter((child) => child instanceof Alarm);
  }

  private watchDeadLetters(): void {
    const { deadLetterQueue } = this.#props.buildsQueue;
    const pages = { 'Dead-letter queue': queueLink(deadLetterQueue) };
    const [kept, old] = [DEAD_LETTER_RETENTION_DAYS, DEAD_LETTER_ALARM_DAYS];
    const surelyLeft = kept - QUEUE_RETENTION_DAYS - old;
    // Not NumberOfMessagesSent, which leaves out what SQS moves there by itself; nor the messages in flight, a number that may
    // stay at 1 for an empty queue.
    const letters = (period: Duration) =>
      deadLetterQueue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MAXIMUM, period });

    this.add('DeadLetters', {
      name: 'Builds wait in the dead-letter queue',
      severity: 'Medium',
      says:
        `Builds did not reach Streampixel. They are kept for at most ${kept} days. Each letter's attribute ` +
        `${DEAD_LETTER_ATTRIBUTES.reason} says why; SQS itself moved one without it, after many crashes. ` +
        'See them: npx streampixel-drop dlq list',
      pages,
      metric: letters(Duration.minutes(1)),
      threshold: 1,
    });
    this.add('DeadLettersExpire', {
      name: 'Dead letters will expire',
      severity: 'High',
      says:
        `The oldest dead letter is ${old} days old. Days left until SQS deletes it: ${kept - old}; for one without a ` +
        `${DEAD_LETTER_ATTRIBUTES.reason}, whose clock runs since the drop, perhaps no more than ${surelyLeft}. The zip stays in the ` +
        'bucket. Redrive or discard: npx streampixel-drop dlq list',
      pages,
      metric: deadLetterQueue.metricApproximateAgeOfOldestMessage({
        statistic: Stats.MAXIMUM,
        period: Duration.minutes(5),
      }),
      threshold: Duration.days(DEAD_LETTER_ALARM_DAYS).toSeconds(),
    });
  }

  private watchBuilds(): void {
    const { settings, buildsQueue, functions } = this.#props;
    const { stackName } = settings;
    const { queue } = buildsQueue;
    const log = { 'Log of submit-build': logLink(functions.submitBuild.logGroup) };
    const hours = longestGapHours(settings);
    const hourly = { period: Duration.hours(1) };

    this.add('WaitingTooLong', {
      name: 'A build has waited for long',
      severity: 'Medium',
      says:
        `A build came up ${settings.waitingAlarmHours} hours or more after it was dropped and must still wait. The line is long, or it ` +
        'is put off again and again. See why: npx streampixel-drop status',
      pages: { 'Builds queue': queueLink(queue), ...log },
      // The queue's own age metric leaves out messages that were received three times: those that sleep for their slot. A build
      // that is retried comes up twice an hour at least, hence the hour.
      metric: dropMetric(stackName, 'WaitingAge', { statistic: Stats.MAXIMUM, ...hourly }),
      threshold: Duration.hours(settings.waitingAlarmHours).toSeconds(),
    });
    this.add('NoProgress', {
      name: 'No build comes through',
      severity: 'High',
      says:
        `Builds have been lying in the queue for ${hours} hours and nobody takes them. Is the event source enabled, does the function ` +
        'run? npx streampixel-drop doctor',
      pages: { 'Builds queue': queueLink(queue), ...log },
      // The least of an hour: a message that waits for its slot is in flight, and one that comes up is taken within seconds, so
      // that visible ones all hour long mean that nobody takes them. SQS's own number, which is there even where the function
      // does not run; and no metric math, which emulators don't have.
      metric: queue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MINIMUM, ...hourly }),
      threshold: 1,
      evaluationPeriods: hours,
    });
    this.add('KeyRejected', {
      name: 'Streampixel rejects the API key',
      severity: 'High',
      says:
        'Every build under this key is dead-lettered as InvalidApiKey until a key that works is stored; then they are redriven by ' +
        'themselves. A message of its own has the details. Ask who made a new key before you make one: npx streampixel-drop key set',
      pages: log,
      metric: dropMetric(stackName, 'ApiKeysRejected', { statistic: Stats.SUM, period: Duration.minutes(1) }),
      threshold: 1,
    });
    this.add('AnswersLost', {
      name: 'A submission got no answer',
      severity: 'Low',
      says:
        settings.onLostAnswer === 'retry'
          ? 'A build went out and Streampixel did not answer. It is submitted again after an interval, so it may be on the dashboard ' +
            'twice; the ledger marks it as possibly doubled.'
          : 'A build went out and Streampixel did not answer. It waits as SubmissionUnknown in the dead-letter queue until somebody ' +
            'has looked for it on the dashboard.',
      pages: log,
      metric: dropMetric(stackName, 'AnswersLost', { statistic: Stats.SUM, period: Duration.minutes(5) }),
      threshold: 1,
    });
    const lifetime = Duration.seconds(settings.fileUrlLifetimeSeconds);
    this.add('FileUrlLifetime', {
      name: 'fileUrls may expire early',
      severity: 'Low',
      says:
        `A fileUrl is signed for ${duration(lifetime)} and dies before that if the session of the role that signed it ends. Sessions have ` +
        `been seen to last ${OBSERVED_SESSION_HOURS} hours at most; nothing is promised. This one is too old to keep the word.`,
      pages: log,
      metric: dropMetric(stackName, 'SessionAge', { statistic: Stats.MAXIMUM, period: Duration.minutes(5) }),
      // A lifetime that no session keeps is warned of at synthesis; here it alarms with the first build.
      threshold: Math.max(0, OBSERVED_SESSION_HOURS * 3600 - lifetime.toSeconds()),
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
    });
  }

  private watchFunctions(): void {
    const { submitBuild, receiveWebhook, followBuilds, redriveBuilds, reminder } = this.#props.functions;
    const perMinute = { statistic: Stats.SUM, period: Duration.minutes(1) };
    const pages = ({ name, logGroup }: WorkerFunction) => ({ [`Log of ${name}`]: logLink(logGroup) });

    this.add('SubmitBuildErrors', {
      name: 'submit-build fails',
      severity: 'Medium',
      says:
        'The function crashed or ran out of time. Its builds go back to the queue and are tried again, so a single alarm may mend ' +
        'itself; if it lasts, nothing is submitted. Look for "invocation-failed" and "Task timed out" in the log.',
      pages: pages(submitBuild),
      metric: submitBuild.function.metricErrors(perMinute),
      threshold: 1,
    });
    this.add('SubmitBuildThrottles', {
      name: 'submit-build is throttled',
      severity: 'Medium',
      says:
        "Lambda does not start the function: the account's concurrency in this region is used up. Builds wait, and each refusal uses " +
        'up a receive. Free some, or ask AWS for a higher quota.',
      pages: pages(submitBuild),
      metric: submitBuild.function.metricThrottles(perMinute),
      threshold: 1,
    });
    this.add('ReceiveWebhookErrors', {
      name: 'receive-webhook fails',
      severity: 'Medium',
      says:
        'A webhook of Streampixel was not stored, and it is not sent again: a build may look stuck that is live. Look for ' +
        '"webhook-not-stored" in the log, and at the build on the dashboard.',
      pages: pages(receiveWebhook),
      metric: receiveWebhook.function.metricErrors(perMinute),
      threshold: 1,
    });
    this.add('ReceiveWebhookThrottles', {
      name: 'receive-webhook is throttled',
      severity: 'Medium',
      says:
        "Lambda does not start the function: the account's concurrency in this region is used up. Webhooks are lost meanwhile, as " +
        'Streampixel does not send them again. Free some, or ask AWS for a higher quota.',
      pages: pages(receiveWebhook),
      metric: receiveWebhook.function.metricThrottles(perMinute),
      threshold: 1,
    });
    this.add('WebhookFlood', {
      name: 'Somebody floods the address of the webhooks',
      severity: 'Medium',
      says:
        'The public address has turned away a thousand requests in five minutes. Nobody gets in by it, but above its limit Streampixel is ' +
        'turned away as well, and does not send again: builds may look stuck. Compare them with the Streampixel dashboard.',
      pages: pages(receiveWebhook),
      metric: receiveWebhook.api.metricClientError({ statistic: Stats.SUM, period: Duration.minutes(5) }),
      threshold: 1_000,
    });
    this.add('FollowBuildsErrors', {
      name: 'follow-builds fails',
      severity: 'Medium',
      says:
        'The function crashed or ran out of time. Its messages go back to the follow queue and are tried again, so a single alarm may ' +
        'mend itself; if it lasts, nobody hears of rejected builds and none is released. Look for "invocation-failed" in the log.',
      pages: pages(followBuilds),
      metric: followBuilds.function.metricErrors(perMinute),
      threshold: 1,
    });
    this.add('FollowDeadLetters', {
      name: 'Messages about submitted builds are dead-lettered',
      severity: 'Medium',
      says:
        `A message of the follow queue came up ${MAX_RECEIVE_COUNT} times and could not be dealt with. A rejection may be pendingNotification or a ` +
        'release not ordered. Mend what "message-failed" in the log names; then redrive the queue in the console.',
      pages: {
        'Dead-letter queue': queueLink(this.#props.followQueue.deadLetterQueue),
        ...pages(followBuilds),
      },
      metric: this.#props.followQueue.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        statistic: Stats.MAXIMUM,
        period: Duration.minutes(1),
      }),
      threshold: 1,
    });
    this.add('RedriveBuildsErrors', {
      name: 'redrive-builds fails',
      severity: 'Medium',
      says:
        'A new API key was stored, and sending the stranded builds back in line failed. Lambda tries twice more within minutes. If ' +
        'letters remain then: npx streampixel-drop dlq redrive --reason InvalidApiKey --yes',
      pages: pages(redriveBuilds),
      metric: redriveBuilds.function.metricErrors(perMinute),
      threshold: 1,
    });
    this.add('RedriveBuildsThrottles', {
      name: 'redrive-builds is throttled',
      severity: 'Low',
      says:
        'A new API key was stored, and Lambda does not start the function that sends the stranded builds back in line: the ' +
        "account's concurrency is used up. Lambda goes on trying for 6 hours.",
      pages: pages(redriveBuilds),
      metric: redriveBuilds.function.metricThrottles(perMinute),
      threshold: 1,
    });
    this.add('ReminderErrors', {
      name: 'remind-of-dead-letters fails',
      severity: 'Low',
      says: 'The daily look at the dead-letter queue failed, so nobody may have been reminded. Look: npx streampixel-drop dlq list',
      pages: pages(reminder),
      metric: reminder.function.metricErrors(perMinute),
      threshold: 1,
    });
  }

  private add(id: string, definition: AlarmDefinition): void {
    const { name, severity, says, pages = {}, metric, threshold } = definition;
    const { settings, topic, dashboardName } = this.#props;
    const links = {
      Runbook: `${settings.runbookUrl}#${anchorOf(name)}`,
      ...pages,
      ...(dashboardName === undefined ? {} : { Dashboard: dashboardLink(dashboardName) }),
    };
    const alarm = new Alarm(this, id, {
      // The name is the subject of the e-mail.
      alarmName: `${settings.stackName} ${severity}: ${name}`,
      alarmDescription: [
        `Severity: ${severity}`,
        says,
        ...Object.entries(links).map(([label, link]) => `${label}: ${link}`),
      ].join('\n'),
      metric,
      threshold,
      comparisonOperator: definition.comparison ?? ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: definition.evaluationPeriods ?? 1,
      // The same for all, on purpose. The function's own metrics exist only when something happens, Lambda's only when it is
      // invoked: silence is the good case. SQS sends its numbers always; a gap in them is CloudWatch's, and says nothing of
      // builds. That nothing happens although it should is an alarm of its own, and one that reads SQS.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(topic));
  }
}

/** The anchor that a Markdown heading of these words gets. */
export function anchorOf(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}

/** How long it may take, whole hours, until a build that waits alone comes to an end with nothing wrong in our own parts. */
function longestGapHours({ intervalSeconds, maxAttempts }: Settings): number {
  const intervalMs = intervalSeconds * 1000;
  const slowest = () => 1;
  let ms = 0;
  for (let failures = 1; failures < maxAttempts; failures++) ms += retryDelay(failures, intervalMs, slowest);
  // An hour is also the longest Retry-After that is believed.
  return Math.ceil((ms + 3_600_000) / 3_600_000);
}

function duration(value: Duration): string {
  const seconds = value.toSeconds();
  if (seconds % 3600 === 0) return `${seconds / 3600} hours`;
  return seconds % 60 === 0 ? `${seconds / 60} minutes` : `${seconds} seconds`;
}
