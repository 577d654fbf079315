import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Color,
  Dashboard,
  GraphWidget,
  type GraphWidgetProps,
  GraphWidgetView,
  type IWidget,
  MathExpression,
  type Metric,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { DEAD_LETTER_RETENTION_DAYS } from '../../functions/domain/model/message-attributes.ts';
import type { MetricName } from '../../functions/domain/model/telemetry.ts';
import { slotSpacing } from '../../functions/domain/pacing/pacer.ts';
import { DEAD_LETTER_ALARM_DAYS, OBSERVED_SESSION_HOURS } from '../limits.ts';
import type { Settings } from '../settings/schema.ts';
import type { Alarms, Watched } from './alarms.ts';
import { dropMetric, dropMetricsBy } from './drop-metrics.ts';

const PERIOD = Duration.minutes(5);
const MOST = { statistic: Stats.MAXIMUM, period: PERIOD };
const SUM = { statistic: Stats.SUM, period: PERIOD };
const FULL_WIDTH = 24;

/** One page to look at when an alarm has fired, and before fifty builds are dropped. */
export class OverviewDashboard extends Construct {
  constructor(scope: Construct, id: string, watched: Watched, alarms: Alarms) {
    super(scope, id);
    const { commands, settings } = watched;
    new Dashboard(this, 'Dashboard', {
      dashboardName: settings.stackName,
      // A hundred queued builds take more than three hours, which is what a dashboard shows otherwise.
      defaultInterval: Duration.days(1),
      widgets: [
        [
          new TextWidget({
            markdown:
              `# ${settings.stackName}\nBuilds from S3 to Streampixel. What each alarm and reason means and what to do: ` +
              `${runbookLink(settings)}. The builds and what to do about them: \`${commands.status()}\``,
            width: FULL_WIDTH,
            height: 2,
          }),
        ],
        [new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms.all], width: FULL_WIDTH, height: 3 })],
        ...graphs(watched).map((row) => row.map((graph) => drawn(graph, FULL_WIDTH / row.length))),
      ],
    });
  }
}

type Graph = GraphWidgetProps & { readonly title: string };

/** Each row of the dashboard, from what is dropped to what runs. */
function graphs({ settings, buildsQueue, followQueue, functions }: Watched): readonly Graph[][] {
  const { stackName } = settings;
  const { queue, deadLetterQueue } = buildsQueue;
  const own = (name: MetricName, options = MOST) => dropMetric(stackName, name, options);
  const visible = (of: IQueue, label: string) => of.metricApproximateNumberOfMessagesVisible({ ...MOST, label });
  const inFlight = (of: IQueue, label: string) => of.metricApproximateNumberOfMessagesNotVisible({ ...MOST, label });
  const spacingS = slotSpacing({ intervalMs: settings.intervalSeconds * 1000 }) / 1000;
  const workers = Object.values(functions);
  const bars = { view: GraphWidgetView.BAR, stacked: true };
  return [
    [
      {
        title: 'Longest wait for a slot, of builds that were queued',
        left: [calculated('wait / 60', { wait: own('SlotWait') }, 'minutes until the slot')],
        right: [calculated(`CEIL(wait / ${spacingS})`, { wait: own('SlotWait') }, 'builds ahead')],
        rightYAxis: { min: 0 },
      },
      {
        title: 'Oldest build that still has to wait',
        left: [calculated('age / 3600', { age: own('WaitingAge') }, 'hours since its drop')],
        leftAnnotations: [{ value: settings.waitingAlarmHours, label: 'alarm', color: Color.RED }],
      },
      {
        title: 'Builds queue',
        left: [visible(queue, 'ready to be received'), inFlight(queue, 'waiting for a slot, or being processed')],
      },
    ],
    [
      {
        title: 'Handled messages by outcome and reason',
        ...bars,
        left: [
          // Written with a reason, or without where there is none.
          dropMetricsBy(stackName, 'Builds', ['Outcome', 'Reason'], SUM),
          dropMetricsBy(stackName, 'Builds', ['Outcome'], SUM),
        ],
      },
      {
        title: 'Dead letters, and the days until the oldest is deleted',
        left: [visible(deadLetterQueue, 'dead letters')],
        right: [
          calculated(`${DEAD_LETTER_RETENTION_DAYS} - age / 86400`, { age: own('OldestDeadLetterAge') }, 'days left'),
        ],
        rightYAxis: { min: 0, max: DEAD_LETTER_RETENTION_DAYS },
        rightAnnotations: [
          { value: DEAD_LETTER_RETENTION_DAYS - DEAD_LETTER_ALARM_DAYS, label: 'alarm', color: Color.ORANGE },
          { value: 0, label: 'deleted', color: Color.RED },
        ],
      },
    ],
    [
      {
        title: 'Results of submitted builds',
        ...bars,
        left: [dropMetricsBy(stackName, 'BuildsFollowed', ['Outcome'], SUM)],
      },
      {
        title: 'Streampixel: from the submission to its approval',
        left: [calculated('took / 60', { took: own('TimeToApproved') }, 'minutes, the slowest')],
        leftAnnotations: [{ value: settings.lateAfterMinutes, label: 'late', color: Color.ORANGE }],
      },
      {
        title: 'Follow queue',
        left: [
          visible(followQueue.queue, 'ready to be received'),
          inFlight(followQueue.queue, 'builds watched, or being processed'),
          visible(followQueue.deadLetterQueue, 'dead letters'),
        ],
      },
    ],
    [
      {
        title: 'Streampixel: time to answer, by status',
        left: ['p50', 'p90'].map((statistic) =>
          dropMetricsBy(stackName, 'VendorLatency', ['Status'], { statistic, period: PERIOD, label: statistic }),
        ),
        leftYAxis: { min: 0, label: 'ms', showUnits: false },
      },
      {
        title: 'Streampixel: answers by status',
        ...bars,
        left: [
          dropMetricsBy(stackName, 'VendorLatency', ['Status'], { statistic: Stats.SAMPLE_COUNT, period: PERIOD }),
        ],
        right: [own('AnswersLost', SUM), own('ApiKeysRejected', SUM)],
        rightYAxis: { min: 0 },
      },
      // Of no interest to the signatures of CloudFront.
      ...(settings.delivery === 'cloudfront'
        ? []
        : [
            {
              title: 'Age of the session that signs fileUrls',
              left: [calculated('age / 3600', { age: own('SessionAge') }, 'hours')],
              leftAnnotations: [
                {
                  value: Math.max(0, OBSERVED_SESSION_HOURS - settings.fileUrlLifetimeSeconds / 3600),
                  label: 'fileUrls may expire early',
                  color: Color.ORANGE,
                },
                { value: OBSERVED_SESSION_HOURS, label: 'longest seen', color: Color.RED },
              ],
            },
          ]),
    ],
    [
      {
        title: 'Functions: errors and throttles',
        left: workers.flatMap(({ name, function: worker }) => [
          worker.metricErrors({ ...SUM, label: `${name} errors` }),
          worker.metricThrottles({ ...SUM, label: `${name} throttles` }),
        ]),
      },
      {
        title: 'Functions: longest run',
        left: workers.map(({ name, function: worker }) => worker.metricDuration({ ...MOST, label: name })),
      },
    ],
  ];
}

function drawn(graph: Graph, width: number): IWidget {
  return new GraphWidget({ leftYAxis: { min: 0 }, width, ...graph });
}

function calculated(expression: string, usingMetrics: Record<string, Metric>, label: string): MathExpression {
  return new MathExpression({ expression, usingMetrics, label, period: PERIOD });
}

function runbookLink({ runbookUrl }: Settings): string {
  return runbookUrl.startsWith('https:') ? `[runbook](${runbookUrl})` : `\`${runbookUrl}\` in the clone`;
}
