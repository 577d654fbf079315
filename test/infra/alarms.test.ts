import { describe, expect, it, vi } from 'vitest';
import { METRIC_NAMESPACE, METRICS } from '../../functions/domain/model/telemetry.ts';
import { anchorOf } from '../../infra/alarms.ts';
import { type Resource, ROUTE, STUDIO, synthesized } from './synthesized.ts';

const stack = synthesized();
const topic = stack.only('AWS::SNS::Topic');
const queueNamed = (suffix: string) => stack.only('AWS::SQS::Queue', ({ QueueName }) => QueueName.endsWith(suffix)).id;
const functionNamed = (construct: string) =>
  stack.ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith(construct))?.id;
const ofQueue = (suffix: string) => [{ Name: 'QueueName', Value: `<${queueNamed(suffix)}.QueueName>` }];
const ofFunction = (construct: string) => [{ Name: 'FunctionName', Value: `<${functionNamed(construct)}>` }];
const ofStack = [{ Name: 'Stack', Value: 'StreampixelDrop' }];

/** Name without stack and severity -> what CloudFormation is told. */
function alarmsOf(
  given: ReturnType<typeof synthesized>,
  stackName = 'StreampixelDrop',
): Record<string, Resource['Properties']> {
  return Object.fromEntries(
    given.ofType('AWS::CloudWatch::Alarm').map(({ Properties }) => {
      const [, severity, name] = new RegExp(`^${stackName} (High|Medium|Low): (.+)$`).exec(Properties.AlarmName) ?? [];
      return [name ?? Properties.AlarmName, { severity, ...Properties }];
    }),
  );
}
const alarms = alarmsOf(stack);

const HOUR_S = 3600;
const metric = (Namespace: string, MetricName: string, Statistic: string, Period: number, Dimensions: unknown) => ({
  Namespace,
  MetricName,
  Statistic,
  Period,
  Dimensions,
});
const fromTheFirst = {
  ComparisonOperator: 'GreaterThanOrEqualToThreshold',
  Threshold: 1,
  EvaluationPeriods: 1,
};

describe('the alarms', () => {
  it.each([
    [
      'Builds wait in the dead-letter queue',
      'Medium',
      {
        ...metric('AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'Maximum', 60, ofQueue('-builds-dead-letters')),
        ...fromTheFirst,
      },
    ],
    [
      'Dead letters will expire',
      'High',
      {
        ...metric('AWS/SQS', 'ApproximateAgeOfOldestMessage', 'Maximum', 300, ofQueue('-builds-dead-letters')),
        ...fromTheFirst,
        Threshold: 4 * 24 * HOUR_S,
      },
    ],
    [
      'A build has waited for long',
      'Medium',
      {
        ...metric(METRIC_NAMESPACE, 'WaitingAge', 'Maximum', HOUR_S, ofStack),
        ...fromTheFirst,
        Threshold: 6 * HOUR_S,
      },
    ],
    [
      'Streampixel rejects the API key',
      'High',
      { ...metric(METRIC_NAMESPACE, 'ApiKeysRejected', 'Sum', 60, ofStack), ...fromTheFirst },
    ],
    [
      'A submission got no answer',
      'Low',
      { ...metric(METRIC_NAMESPACE, 'AnswersLost', 'Sum', 300, ofStack), ...fromTheFirst },
    ],
    [
      'fileUrls may expire early',
      'Low',
      {
        ...metric(METRIC_NAMESPACE, 'SessionAge', 'Maximum', 300, ofStack),
        ComparisonOperator: 'GreaterThanThreshold',
        Threshold: 6 * HOUR_S,
        EvaluationPeriods: 1,
      },
    ],
    [
      'submit-build fails',
      'Medium',
      { ...metric('AWS/Lambda', 'Errors', 'Sum', 60, ofFunction('SubmitBuild')), ...fromTheFirst },
    ],
    [
      'submit-build is throttled',
      'Medium',
      { ...metric('AWS/Lambda', 'Throttles', 'Sum', 60, ofFunction('SubmitBuild')), ...fromTheFirst },
    ],
    [
      'No build comes through',
      'High',
      {
        ...metric('AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'Minimum', HOUR_S, ofQueue('-builds')),
        ...fromTheFirst,
        EvaluationPeriods: 3,
      },
    ],
    [
      'remind-of-dead-letters fails',
      'Low',
      { ...metric('AWS/Lambda', 'Errors', 'Sum', 60, ofFunction('RemindOfDeadLetters')), ...fromTheFirst },
    ],
    [
      'receive-webhook fails',
      'Medium',
      { ...metric('AWS/Lambda', 'Errors', 'Sum', 60, ofFunction('ReceiveWebhook')), ...fromTheFirst },
    ],
    [
      'receive-webhook is throttled',
      'Medium',
      { ...metric('AWS/Lambda', 'Throttles', 'Sum', 60, ofFunction('ReceiveWebhook')), ...fromTheFirst },
    ],
    [
      'Somebody floods the address of the webhooks',
      'Medium',
      {
        ...metric('AWS/ApiGateway', '4xx', 'Sum', 300, [
          { Name: 'ApiId', Value: `<${stack.only('AWS::ApiGatewayV2::Api').id}>` },
        ]),
        ...fromTheFirst,
        Threshold: 1_000,
      },
    ],
    [
      'follow-builds fails',
      'Medium',
      { ...metric('AWS/Lambda', 'Errors', 'Sum', 60, ofFunction('FollowBuilds')), ...fromTheFirst },
    ],
    [
      'Messages about submitted builds are dead-lettered',
      'Medium',
      {
        ...metric('AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'Maximum', 60, ofQueue('-follow-dead-letters')),
        ...fromTheFirst,
      },
    ],
    [
      'redrive-builds fails',
      'Medium',
      { ...metric('AWS/Lambda', 'Errors', 'Sum', 60, ofFunction('RedriveBuilds')), ...fromTheFirst },
    ],
    [
      'redrive-builds is throttled',
      'Low',
      { ...metric('AWS/Lambda', 'Throttles', 'Sum', 60, ofFunction('RedriveBuilds')), ...fromTheFirst },
    ],
  ])('"%s" (%s) watches its metric', (name, severity, properties) => {
    expect(alarms[name]).toMatchObject({ severity, ...properties });
  });

  it('need no metric math, which emulators refuse', () => {
    for (const alarm of Object.values(alarms)) expect(alarm).not.toHaveProperty('Metrics');
  });

  it('are these seventeen', () => {
    expect(Object.keys(alarms)).toHaveLength(17);
  });

  it.each(Object.keys(alarms))('"%s" speaks up on the topic, and not for want of data', (name) => {
    expect(alarms[name]?.AlarmActions).toEqual([`<${topic.id}>`]);
    expect(alarms[name]?.TreatMissingData).toBe('notBreaching');
  });

  it.each(Object.keys(alarms))('"%s" says how bad it is, and links its runbook section and the dashboard', (name) => {
    const lines = String(alarms[name]?.AlarmDescription).split('\n');

    expect(lines[0]).toBe(`Severity: ${alarms[name]?.severity}`);
    expect(lines[1]).toMatch(/^[ -~]{40,}$/);
    expect(lines).toContain(`Runbook: docs/runbook.md#${anchorOf(name)}`);
    expect(lines.at(-1)).toBe(
      'Dashboard: https://console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>#dashboards/dashboard/StreampixelDrop',
    );
  });

  it('have names that make plain anchors', () => {
    for (const name of Object.keys(alarms)) expect(name).toMatch(/^[A-Za-z0-9 -]+$/);
  });

  it('watch only metrics that the functions write', () => {
    const own = Object.values(alarms)
      .filter(({ Namespace }) => Namespace === METRIC_NAMESPACE)
      .map(({ MetricName }) => MetricName);
    expect(own.filter((name) => !(name in METRICS))).toEqual([]);
    expect(own).toHaveLength(4);
  });

  it('link the page of the queue and the log of the function that they are about', () => {
    const linesOf = (name: string) => String(alarms[name]?.AlarmDescription).split('\n');
    const queuePage = (suffix: string) =>
      'https://console.aws.amazon.com/sqs/v3/home?region=<AWS::Region>#/queues/' +
      `https%3A%2F%2Fsqs.<AWS::Region>.<AWS::URLSuffix>%2F<AWS::AccountId>%2F<${queueNamed(suffix)}.QueueName>`;
    const logPage = (construct: string) => {
      const log = stack.ofType('AWS::Logs::LogGroup').find(({ id }) => id.startsWith(construct));
      return `https://console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>#logsV2:log-groups/log-group/<${log?.id}>`;
    };

    for (const name of ['Builds wait in the dead-letter queue', 'Dead letters will expire']) {
      expect(linesOf(name)).toContain(`Dead-letter queue: ${queuePage('-builds-dead-letters')}`);
    }
    for (const name of ['A build has waited for long', 'No build comes through']) {
      expect(linesOf(name)).toContain(`Builds queue: ${queuePage('-builds')}`);
      expect(linesOf(name)).toContain(`Log of submit-build: ${logPage('SubmitBuild')}`);
    }
    for (const name of ['submit-build fails', 'submit-build is throttled', 'fileUrls may expire early']) {
      expect(linesOf(name)).toContain(`Log of submit-build: ${logPage('SubmitBuild')}`);
    }
    for (const name of ['redrive-builds fails', 'redrive-builds is throttled']) {
      expect(linesOf(name)).toContain(`Log of redrive-builds: ${logPage('RedriveBuilds')}`);
    }
  });

  it('fit into what CloudWatch takes, with the longest names there may be', () => {
    const stackName = `S${'x'.repeat(34)}`;
    const longest = synthesized({ ...STUDIO, stackName, runbookUrl: `https://wiki.example/${'x'.repeat(129)}` });
    const filledIn = (description: string) =>
      description
        .replaceAll('<AWS::Region>', 'ap-southeast-1')
        .replaceAll('<AWS::URLSuffix>', 'amazonaws.com')
        .replaceAll('<AWS::AccountId>', '123456789012')
        .replaceAll(/<\w+\.QueueName>/g, `${stackName}-builds-dead-letters`)
        // Stack, logical id, 13 characters of chance.
        .replaceAll(/<(\w+)>/g, (_, id) => `${stackName}-${id}-XXXXXXXXXXXXX`);

    for (const [name, { AlarmDescription, AlarmName }] of Object.entries(alarmsOf(longest, stackName))) {
      const text = filledIn(String(AlarmDescription));
      expect(text).not.toMatch(/[<>]/);
      expect([name, text.length]).toEqual([name, Math.min(1024, text.length)]);
      expect(String(AlarmName).length).toBeLessThanOrEqual(255);
    }
  });
});

describe('the settings', () => {
  const alarmOf = (settings: Record<string, unknown>, name: string) =>
    alarmsOf(synthesized({ ...STUDIO, ...settings }))[name] ?? {};

  it('say how long a build may wait', () => {
    const { Threshold, AlarmDescription } = alarmOf({ waitingAlarmHours: 24 }, 'A build has waited for long');
    expect(Threshold).toBe(24 * HOUR_S);
    expect(AlarmDescription).toContain('24 hours or more after it was dropped');
  });

  it('send people to another runbook', () => {
    const runbookUrl = 'https://wiki.studio.example/runbook';
    expect(alarmOf({ runbookUrl }, 'submit-build fails').AlarmDescription).toContain(
      'Runbook: https://wiki.studio.example/runbook#submit-build-fails',
    );
  });

  it.each([
    // Fewer than six tries end sooner, a longer interval spreads them.
    [{ maxAttempts: 1 }, 1],
    [{ maxAttempts: 6 }, 3],
    [{ maxAttempts: 6, intervalSeconds: 3600 }, 8],
    [{ maxAttempts: 25, intervalSeconds: 3600 }, 31],
  ])('with %j wait longer for progress than a lone build may take that is retried: %i hours', (settings, hours) => {
    expect(alarmOf(settings, 'No build comes through').EvaluationPeriods).toBe(hours);
  });

  it.each([
    [{ fileUrlLifetimeSeconds: 3600 }, 11 * HOUR_S],
    [{ fileUrlLifetimeSeconds: 7 * 24 * HOUR_S }, 0],
  ])('with %j take a session for too old after %i seconds', (settings, threshold) => {
    // CDK prints the warning that such a lifetime earns.
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { Threshold } = alarmOf(settings, 'fileUrls may expire early');
    printed.mockRestore();

    expect(Threshold).toBe(threshold);
  });

  it('tell what becomes of a build whose answer was lost', () => {
    const description = (onLostAnswer: string) =>
      alarmOf({ onLostAnswer }, 'A submission got no answer').AlarmDescription;
    expect(description('retry')).toContain('submitted again after an interval');
    expect(description('dead-letter')).toContain('SubmissionUnknown');
  });
});

describe('the dashboard', () => {
  const [dashboard] = stack.ofType('AWS::CloudWatch::Dashboard');
  const { widgets } = JSON.parse(dashboard?.Properties.DashboardBody) as {
    // biome-ignore lint/suspicious/noExplicitAny: widgets have as many shapes as there are types.
    widgets: { type: string; x: number; y: number; width: number; properties: any }[];
  };
  const titled = (title: RegExp) => {
    const found = widgets.filter(({ properties }) => title.test(properties.title ?? ''));
    if (found.length !== 1) throw new Error(`not exactly one widget ${title}`);
    return found[0]?.properties;
  };
  const expressions = (title: RegExp): string[] =>
    titled(title)
      .metrics.flat()
      .map((part: { expression?: string }) => part.expression)
      .filter((expression: string | undefined) => expression !== undefined);

  it('is named after the stack and shows the state of every alarm', () => {
    expect(dashboard?.Properties.DashboardName).toBe('StreampixelDrop');
    const states = widgets.find(({ type }) => type === 'alarm')?.properties.alarms;
    expect(states).toHaveLength(Object.keys(alarms).length);
  });

  it('shows the line’s length and when the last in it has its turn', () => {
    expect(expressions(/longest line/)).toEqual(['wait / 60', 'CEIL(wait / 121.5)']);
  });

  it('shows builds by outcome and reason, by the very dimensions they are written with', () => {
    expect(expressions(/outcome and reason/)).toEqual([
      `SEARCH('{StreampixelDrop,Stack,Outcome,Reason} MetricName="Builds" Stack="StreampixelDrop"', 'Sum', 300)`,
      `SEARCH('{StreampixelDrop,Stack,Outcome} MetricName="Builds" Stack="StreampixelDrop"', 'Sum', 300)`,
    ]);
  });

  it('shows what Streampixel answers and how fast', () => {
    const search = `{StreampixelDrop,Stack,Status} MetricName="VendorLatency" Stack="StreampixelDrop"`;
    expect(expressions(/time to answer/)).toEqual([
      `SEARCH('${search}', 'p50', 300)`,
      `SEARCH('${search}', 'p90', 300)`,
    ]);
    expect(expressions(/answers by status/)).toEqual([`SEARCH('${search}', 'SampleCount', 300)`]);
  });

  it('shows dead letters with the days that are left', () => {
    expect(expressions(/Dead letters/)).toEqual(['14 - age / 86400']);
    expect(titled(/Dead letters/).annotations.horizontal).toEqual([
      expect.objectContaining({ value: 10, yAxis: 'right', label: 'alarm' }),
      expect.objectContaining({ value: 7, yAxis: 'right' }),
      expect.objectContaining({ value: 0, yAxis: 'right', label: 'lost' }),
    ]);
  });

  it('shows how long builds have waited, with the line that alarms', () => {
    expect(expressions(/must wait on/)).toEqual(['age / 3600']);
    expect(titled(/must wait on/).annotations.horizontal).toEqual([expect.objectContaining({ value: 6 })]);
  });

  it('lays its widgets out without gaps or overlaps', () => {
    const rows = Map.groupBy(widgets, ({ y }) => y);
    for (const row of rows.values()) {
      const right = row
        .sort((a, b) => a.x - b.x)
        .reduce((end, { x, width }) => (x === end ? end + width : Number.NaN), 0);
      expect(right).toBe(24);
    }
  });

  it('can be left out, and then no alarm links it', () => {
    const without = synthesized({ ...STUDIO, dashboard: 'false', routes: [ROUTE] });
    expect(without.ofType('AWS::CloudWatch::Dashboard')).toEqual([]);
    for (const { AlarmDescription } of Object.values(alarmsOf(without))) {
      expect(AlarmDescription).not.toContain('Dashboard');
    }
  });
});
