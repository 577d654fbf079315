import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Color,
  Dashboard,
  GraphWidget,
  GraphWidgetView,
  type IWidget,
  MathExpression,
  type Metric,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { DEAD_LETTER_RETENTION_DAYS } from '../functions/domain/model/message-attributes.ts';
import { slotSpacing } from '../functions/domain/pacing/pacer.ts';
import type { Alarms, StackFunctions } from './alarms.ts';
import type { BuildsQueue } from './builds-queue.ts';
import { dropMetric, dropMetricsBy } from './drop-metrics.ts';
import type { FollowQueue } from './follow-queue.ts';
import { DEAD_LETTER_ALARM_DAYS, OBSERVED_SESSION_HOURS, QUEUE_RETENTION_DAYS } from './limits.ts';
import type { Settings } from './settings/schema.ts';

export interface OverviewDashboardProps {
  readonly settings: Settings;
  readonly name: string;
  readonly buildsQueue: BuildsQueue;
  readonly followQueue: FollowQueue;
  readonly functions: StackFunctions;
  readonly alarms: Alarms;
}

const PERIOD = Duration.minutes(5);
const FULL_WIDTH = 24;

/** One page to look at when an alarm has gone off, and before somebody drops fifty builds. */
export class OverviewDashboard extends Construct {
  readonly #props: OverviewDashboardProps;

  constructor(scope: Construct, id: string, props: OverviewDashboardProps) {
    super(scope, id);
    this.#props = props;
    const { settings, name, alarms } = props;
    new Dashboard(this, 'Dashboard', {
      dashboardName: name,
      // A line of a hundred builds takes more than three hours, which is what a dashboard shows otherwise.
      defaultInterval: Duration.days(1),
      widgets: [
        [
          new TextWidget({
            markdown:
              `# ${settings.stackName}\nBuilds from S3 to Streampixel. What each alarm and reason means and what to do: ` +
              `${runbookLink(settings)}. One build's story: \`npx streampixel-drop status BUILD\``,
            width: FULL_WIDTH,
            height: 2,
          }),
        ],
        [new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms.all], width: FULL_WIDTH, height: 3 })],
        row(this.line(), this.waiting(), this.queue()),
        row(this.outcomes(), this.deadLetters()),
        row(this.followed(), this.timeToApproved(), this.followQueue()),
        row(this.vendorLatency(), this.vendorAnswers(), this.session()),
        row(this.errors(), this.durations()),
      ],
    });
  }

  private line(): Sized {
    const { settings } = this.#props;
    const wait = this.own('SlotWait');
    const spacingS = slotSpacing({ intervalMs: settings.intervalSeconds * 1000 }) / 1000;
    return (width) =>
      new GraphWidget({
        title: 'The longest line, as builds that joined it found it',
        left: [calculated('wait / 60', { wait }, 'minutes until its turn')],
        right: [calculated(`CEIL(wait / ${spacingS})`, { wait }, 'builds ahead')],
        leftYAxis: { min: 0 },
        rightYAxis: { min: 0 },
        width,
      });
  }

  private waiting(): Sized {
    return (width) =>
      new GraphWidget({
        title: 'Oldest build that came up and must wait on',
        left: [calculated('age / 3600', { age: this.own('WaitingAge') }, 'hours since its drop')],
        leftAnnotations: [{ value: this.#props.settings.waitingAlarmHours, label: 'alarm', color: Color.RED }],
        leftYAxis: { min: 0 },
        width,
      });
  }

  private queue(): Sized {
    const { queue } = this.#props.buildsQueue;
    const most = { statistic: Stats.MAXIMUM, period: PERIOD };
    return (width) =>
      new GraphWidget({
        title: 'Builds queue',
        left: [
          queue.metricApproximateNumberOfMessagesVisible({ ...most, label: 'to be picked up' }),
          queue.metricApproximateNumberOfMessagesNotVisible({ ...most, label: 'asleep or in hand' }),
        ],
        leftYAxis: { min: 0 },
        width,
      });
  }

  private outcomes(): Sized {
    const { stackName } = this.#props.settings;
    const each = { statistic: Stats.SUM, period: PERIOD };
    return (width) =>
      new GraphWidget({
        title: 'Visits of builds by outcome and reason',
        view: GraphWidgetView.BAR,
        stacked: true,
        left: [
          // Written with a reason, or without where there is none.
          dropMetricsBy(stackName, 'Builds', ['Outcome', 'Reason'], each),
          dropMetricsBy(stackName, 'Builds', ['Outcome'], each),
        ],
        leftYAxis: { min: 0 },
        width,
      });
  }

  private deadLetters(): Sized {
    const { deadLetterQueue } = this.#props.buildsQueue;
    const most = { statistic: Stats.MAXIMUM, period: PERIOD };
    const age = deadLetterQueue.metricApproximateAgeOfOldestMessage(most);
    const kept = DEAD_LETTER_RETENTION_DAYS;
    return (width) =>
      new GraphWidget({
        title: 'Dead letters, and the days that the oldest has left',
        left: [deadLetterQueue.metricApproximateNumberOfMessagesVisible({ ...most, label: 'dead letters' })],
        right: [calculated(`${kept} - age / 86400`, { age }, 'days left')],
        leftYAxis: { min: 0 },
        rightYAxis: { min: 0, max: kept },
        rightAnnotations: [
          { value: kept - DEAD_LETTER_ALARM_DAYS, label: 'alarm', color: Color.ORANGE },
          {
            value: QUEUE_RETENTION_DAYS,
            label: 'one without a reason may be lost from here on',
            color: Color.RED,
          },
          { value: 0, label: 'lost', color: Color.RED },
        ],
        width,
      });
  }

  private followed(): Sized {
    const { stackName } = this.#props.settings;
    return (width) =>
      new GraphWidget({
        title: 'What became of submitted builds',
        view: GraphWidgetView.BAR,
        stacked: true,
        left: [dropMetricsBy(stackName, 'BuildsFollowed', ['Outcome'], { statistic: Stats.SUM, period: PERIOD })],
        leftYAxis: { min: 0 },
        width,
      });
  }

  private timeToApproved(): Sized {
    const { settings } = this.#props;
    const took = this.own('TimeToApproved');
    return (width) =>
      new GraphWidget({
        title: 'Streampixel: from the submission to its approval',
        left: [calculated('took / 60', { took }, 'minutes, the slowest')],
        leftAnnotations: [{ value: settings.lateAfterMinutes, label: 'late', color: Color.ORANGE }],
        leftYAxis: { min: 0 },
        width,
      });
  }

  private followQueue(): Sized {
    const { deadLetterQueue, queue } = this.#props.followQueue;
    const most = { statistic: Stats.MAXIMUM, period: PERIOD };
    return (width) =>
      new GraphWidget({
        title: 'Follow queue',
        left: [
          queue.metricApproximateNumberOfMessagesVisible({ ...most, label: 'to be picked up' }),
          queue.metricApproximateNumberOfMessagesNotVisible({ ...most, label: 'builds watched, or in hand' }),
          deadLetterQueue.metricApproximateNumberOfMessagesVisible({ ...most, label: 'dead letters' }),
        ],
        leftYAxis: { min: 0 },
        width,
      });
  }

  private vendorLatency(): Sized {
    const { stackName } = this.#props.settings;
    return (width) =>
      new GraphWidget({
        title: 'Streampixel: time to answer, by status',
        left: ['p50', 'p90'].map((statistic) =>
          dropMetricsBy(stackName, 'VendorLatency', ['Status'], { statistic, period: PERIOD, label: statistic }),
        ),
        leftYAxis: { min: 0, label: 'ms', showUnits: false },
        width,
      });
  }

  private vendorAnswers(): Sized {
    const { stackName } = this.#props.settings;
    return (width) =>
      new GraphWidget({
        title: 'Streampixel: answers by status',
        view: GraphWidgetView.BAR,
        stacked: true,
        left: [
          dropMetricsBy(stackName, 'VendorLatency', ['Status'], { statistic: Stats.SAMPLE_COUNT, period: PERIOD }),
        ],
        right: [this.own('AnswersLost', Stats.SUM), this.own('ApiKeysRejected', Stats.SUM)],
        leftYAxis: { min: 0 },
        rightYAxis: { min: 0 },
        width,
      });
  }

  private session(): Sized {
    const lifetimeH = this.#props.settings.fileUrlLifetimeSeconds / 3600;
    return (width) =>
      new GraphWidget({
        title: 'Age of the session that signs fileUrls',
        left: [calculated('age / 3600', { age: this.own('SessionAge') }, 'hours')],
        leftAnnotations: [
          {
            value: Math.max(0, OBSERVED_SESSION_HOURS - lifetimeH),
            label: 'fileUrls may expire early',
            color: Color.ORANGE,
          },
          { value: OBSERVED_SESSION_HOURS, label: 'longest seen', color: Color.RED },
        ],
        leftYAxis: { min: 0 },
        width,
      });
  }

  private errors(): Sized {
    const sum = { statistic: Stats.SUM, period: PERIOD };
    return (width) =>
      new GraphWidget({
        title: 'Functions: errors and throttles',
        left: Object.values(this.#props.functions).flatMap(({ name, function: worker }) => [
          worker.metricErrors({ ...sum, label: `${name} errors` }),
          worker.metricThrottles({ ...sum, label: `${name} throttles` }),
        ]),
        leftYAxis: { min: 0 },
        width,
      });
  }

  private durations(): Sized {
    return (width) =>
      new GraphWidget({
        title: 'Functions: longest run',
        left: Object.values(this.#props.functions).map(({ name, function: worker }) =>
          worker.metricDuration({ statistic: Stats.MAXIMUM, period: PERIOD, label: name }),
        ),
        leftYAxis: { min: 0 },
        width,
      });
  }

  private own(name: Parameters<typeof dropMetric>[1], statistic: string = Stats.MAXIMUM): Metric {
    return dropMetric(this.#props.settings.stackName, name, { statistic, period: PERIOD });
  }
}

/** A widget that takes the width it is given. */
type Sized = (width: number) => IWidget;

function row(...widgets: Sized[]): IWidget[] {
  return widgets.map((widget) => widget(FULL_WIDTH / widgets.length));
}

function calculated(expression: string, usingMetrics: Record<string, Metric>, label: string): MathExpression {
  return new MathExpression({ expression, usingMetrics, label, period: PERIOD });
}

function runbookLink({ runbookUrl }: Settings): string {
  return runbookUrl.startsWith('https:') ? `[runbook](${runbookUrl})` : `\`${runbookUrl}\` in the clone`;
}
