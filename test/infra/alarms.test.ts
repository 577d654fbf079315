import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { METRIC_NAMESPACE, METRICS } from '../../functions/domain/model/telemetry.ts';
import { DEAD_LETTER_ALARM_DAYS, QUEUE_RETENTION_DAYS } from '../../infra/limits.ts';
import { type Resource, STUDIO, type Stack, synthesized } from './synthesized.ts';

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

const stack = synthesized();
const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');

/** Name without stack and severity -> the alarm's properties. */
function alarmsOf(given: Stack, stackName = 'StreampixelDrop'): Record<string, Resource['Properties']> {
  return Object.fromEntries(
    given.ofType('AWS::CloudWatch::Alarm').map(({ Properties }) => {
      const [, severity, name] = new RegExp(`^${stackName} (High|Medium|Low): (.+)$`).exec(Properties.AlarmName) ?? [];
      return [name ?? Properties.AlarmName, { severity, ...Properties }];
    }),
  );
}
const alarms = alarmsOf(stack);
const linesOf = (alarm: Resource['Properties']) => String(alarm.AlarmDescription).split('\n');
const dimension = (alarm: Resource['Properties'], name: string): string | undefined =>
  alarm.Dimensions.find(({ Name }: { Name: string }) => Name === name)?.Value;
const queueNamed = (suffix: string) => stack.only('AWS::SQS::Queue', ({ QueueName }) => QueueName.endsWith(suffix)).id;

/** Metrics of AWS that alarms may use: the dimension names a resource of the stack. */
const AWS_METRICS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  // Not its age of the oldest message, which leaves out those that were received three times.
  'AWS/SQS': { QueueName: ['ApproximateNumberOfMessagesVisible'] },
  'AWS/Lambda': { FunctionName: ['Errors', 'Throttles'] },
  'AWS/ApiGateway': { ApiId: ['4xx'] },
  'AWS/Events': { RuleName: ['FailedInvocations'] },
};

it('there are many alarms', () => {
  expect(Object.keys(alarms).length).toBeGreaterThan(15);
});

describe.each(Object.entries(alarms))('the alarm "%s"', (name, alarm) => {
  it('fires on the topic, and not because data is missing', () => {
    expect(alarm.AlarmActions).toEqual([`<${stack.only('AWS::SNS::Topic').id}>`]);
    expect(alarm.ActionsEnabled).not.toBe(false);
    expect(alarm.TreatMissingData).toBe('notBreaching');
  });

  it('says how severe it is and what it means, and links its runbook section and the dashboard', () => {
    const lines = linesOf(alarm);
    expect(lines[0]).toBe(`Severity: ${alarm.severity}`);
    expect(lines[1]).toMatch(/^[ -~]{40,}$/);
    // A plain name makes a plain anchor.
    expect(name).toMatch(/^[A-Za-z0-9 -]+$/);
    expect(lines).toContain(`Runbook: docs/runbook.md#${name.toLowerCase().replaceAll(' ', '-')}`);
    expect(runbook).toContain(`\n### ${name}\n`);
    expect(lines.at(-1)).toBe(
      'Dashboard: https://console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>#dashboards/dashboard/StreampixelDrop',
    );
  });

  it('watches a metric that exists, without metric math, which emulators refuse', () => {
    expect(alarm).not.toHaveProperty('Metrics');
    if (alarm.Namespace === METRIC_NAMESPACE) {
      expect(alarm.Dimensions).toEqual([{ Name: 'Stack', Value: 'StreampixelDrop' }]);
      // Events add up; of ages and waits the longest counts.
      const statistics: Record<string, string> = { Count: 'Sum', Seconds: 'Maximum' };
      expect(alarm.Statistic).toBe(statistics[METRICS[alarm.MetricName as keyof typeof METRICS]]);
      return;
    }
    const [{ Name, Value }, ...others] = alarm.Dimensions;
    expect(others).toEqual([]);
    expect(AWS_METRICS[alarm.Namespace]?.[Name]).toContain(alarm.MetricName);
    const watched = [
      ...stack.ofType('AWS::SQS::Queue').map(({ id }) => `<${id}.QueueName>`),
      ...['AWS::Lambda::Function', 'AWS::ApiGatewayV2::Api', 'AWS::Events::Rule']
        .flatMap(stack.ofType)
        .map(({ id }) => `<${id}>`),
    ];
    expect(watched).toContain(Value);
  });

  it('has periods that CloudWatch takes', () => {
    const { Period, EvaluationPeriods } = alarm;
    expect(Period % 60).toBe(0);
    expect(Period * EvaluationPeriods).toBeLessThanOrEqual(Period < HOUR_S ? DAY_S : 7 * DAY_S);
    expect(alarm).not.toHaveProperty('DatapointsToAlarm');
  });

  it('links the page of the queue or the log of the function that it is about', () => {
    const queue = dimension(alarm, 'QueueName');
    if (queue !== undefined) {
      const url = `https%3A%2F%2Fsqs.<AWS::Region>.<AWS::URLSuffix>%2F<AWS::AccountId>%2F${queue}`;
      const page = `https://console.aws.amazon.com/sqs/v3/home?region=<AWS::Region>#/queues/${url}`;
      expect(linesOf(alarm).some((line) => line.endsWith(`queue: ${page}`))).toBe(true);
    }
    const id = dimension(alarm, 'FunctionName')?.slice(1, -1);
    if (id !== undefined) {
      const { LoggingConfig } = stack.ofType('AWS::Lambda::Function').find((each) => each.id === id)?.Properties ?? {};
      const page = `https://console.aws.amazon.com/cloudwatch/home?region=<AWS::Region>#logsV2:log-groups/log-group/${LoggingConfig.LogGroup}`;
      expect(linesOf(alarm)).toContain(`Log of ${name.split(' ')[0]}: ${page}`);
    }
  });
});

describe('the alarms', () => {
  const firesOnTheFirst = {
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    Threshold: 1,
    EvaluationPeriods: 1,
  };
  const on = (MetricName: string, dimensions: object) =>
    Object.values(alarms).filter(
      (alarm) =>
        alarm.MetricName === MetricName && JSON.stringify(alarm.Dimensions).includes(JSON.stringify(dimensions)),
    );

  it.each(['-builds-dead-letters', '-follow-dead-letters'])(
    'fire within a minute of the first message in *%s',
    (suffix) => {
      const queue = { Name: 'QueueName', Value: `<${queueNamed(suffix)}.QueueName>` };
      expect(on('ApproximateNumberOfMessagesVisible', queue)).toEqual([
        expect.objectContaining({ ...firesOnTheFirst, Statistic: 'Maximum', Period: 60 }),
      ]);
    },
  );

  // One that fails at a deployment fails the deployment.
  const workers = stack.ofType('AWS::Lambda::Function').filter(({ id }) => !id.includes('AnnounceBuilds'));
  it.each(workers)('fire within a minute of the first error of $id', ({ id }) => {
    expect(on('Errors', { Name: 'FunctionName', Value: `<${id}>` })).toEqual([
      expect.objectContaining({ ...firesOnTheFirst, Statistic: 'Sum', Period: 60 }),
    ]);
  });

  it('fire on the first event of each of our counters', () => {
    const counters = Object.values(alarms).filter(
      ({ MetricName, Namespace }) =>
        Namespace === METRIC_NAMESPACE && METRICS[MetricName as keyof typeof METRICS] === 'Count',
    );
    expect(counters.length).toBeGreaterThan(0);
    for (const counter of counters) expect(counter).toMatchObject(firesOnTheFirst);
  });

  it('fire while even a dead letter that SQS moved has days left', () => {
    const { MetricName, Period, Threshold } = alarms['Dead letters will expire'] ?? {};
    // Measured each hour: a period has several values, so that a run that fails changes nothing.
    expect([MetricName, Period]).toEqual(['OldestDeadLetterAge', 3 * HOUR_S]);
    const kept = stack.only('AWS::SQS::Queue', ({ QueueName }) => QueueName.endsWith('-builds-dead-letters'));
    expect(Threshold).toBe(DEAD_LETTER_ALARM_DAYS * DAY_S);
    const left = kept.Properties.MessageRetentionPeriod - QUEUE_RETENTION_DAYS * DAY_S - Threshold;
    expect(left).toBeGreaterThanOrEqual(2 * DAY_S);
  });

  it('take builds for stuck only if messages are visible all hour long: those that wait for a slot are not', () => {
    expect(alarms['No build comes through']).toMatchObject({
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: `<${queueNamed('-builds')}.QueueName>` }],
      Statistic: 'Minimum',
      Period: HOUR_S,
      Threshold: 1,
    });
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
        // Stack, logical id, 13 random characters.
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

  it('decide how long a build may wait', () => {
    const { Threshold, AlarmDescription } = alarmOf({ waitingAlarmHours: 24 }, 'A build has waited for long');
    expect(Threshold).toBe(24 * HOUR_S);
    expect(AlarmDescription).toContain('24 hours ago or more');
  });

  it('can name another runbook', () => {
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
  ])('with %j make a session too old after %i seconds', (settings, threshold) => {
    // CDK prints the warning about such a lifetime.
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { Threshold, ComparisonOperator } = alarmOf(settings, 'fileUrls may expire early');
    printed.mockRestore();

    expect([Threshold, ComparisonOperator]).toEqual([threshold, 'GreaterThanThreshold']);
  });

  it('decide what happens to a build whose answer was lost', () => {
    const description = (onLostAnswer: string) =>
      alarmOf({ onLostAnswer }, 'A submission got no answer').AlarmDescription;
    expect(description('retry')).toContain('submitted again after an interval');
    expect(description('dead-letter')).toContain('SubmissionUnknown');
  });
});

describe('the dashboard', () => {
  const dashboard = stack.only('AWS::CloudWatch::Dashboard').Properties;
  const { widgets } = JSON.parse(dashboard.DashboardBody) as {
    // biome-ignore lint/suspicious/noExplicitAny: widgets have as many shapes as there are types.
    widgets: { type: string; x: number; y: number; width: number; properties: any }[];
  };
  const titled = (title: RegExp) => {
    const found = widgets.filter(({ properties }) => title.test(properties.title ?? ''));
    if (found.length !== 1) throw new Error(`not exactly one widget ${title}`);
    return found[0]?.properties;
  };
  const expressionsOf = (properties: { metrics?: { expression?: string }[][] }): string[] =>
    (properties.metrics ?? []).flat().flatMap(({ expression }) => expression ?? []);

  it('is named after the stack and shows the state of every alarm', () => {
    expect(dashboard.DashboardName).toBe('StreampixelDrop');
    const states = widgets.find(({ type }) => type === 'alarm')?.properties.alarms;
    expect(states).toHaveLength(Object.keys(alarms).length);
  });

  it('shows every metric that the functions write', () => {
    const body = JSON.stringify(widgets);
    expect(Object.keys(METRICS).filter((name) => !body.includes(name))).toEqual([]);
  });

  it('searches by the very dimensions that a metric is written with', () => {
    const written: Record<string, string[]> = {
      Builds: ['Outcome', 'Outcome,Reason'],
      BuildsFollowed: ['Outcome'],
      VendorLatency: ['Status'],
    };
    const searches = widgets
      .flatMap(({ properties }) => expressionsOf(properties))
      .filter((expression) => expression.startsWith('SEARCH'));
    const found = searches.map((search) => {
      const [, dimensions, name] =
        /^SEARCH\('\{StreampixelDrop,Stack,([\w,]+)\} MetricName="(\w+)" Stack="StreampixelDrop"', '\w+', 300\)$/.exec(
          search,
        ) ?? [];
      return `${name} by ${dimensions}`;
    });
    expect([...new Set(found)].sort()).toEqual(
      Object.entries(written)
        .flatMap(([name, by]) => by.map((dimensions) => `${name} by ${dimensions}`))
        .sort(),
    );
  });

  it('counts the builds ahead by the distance of slots, and the days that dead letters have left', () => {
    expect(expressionsOf(titled(/wait for a slot/))).toEqual(['wait / 60', 'CEIL(wait / 121.5)']);
    expect(expressionsOf(titled(/Dead letters/))).toEqual(['14 - age / 86400']);
  });

  it('marks where alarms fire', () => {
    const marks = (title: RegExp) => titled(title).annotations.horizontal.map(({ value }: { value: number }) => value);
    expect(marks(/still has to wait/)).toEqual([6]);
    expect(marks(/Dead letters/)).toEqual([14 - DEAD_LETTER_ALARM_DAYS, 0]);
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
    const without = synthesized({ ...STUDIO, dashboard: 'false' });
    expect(without.ofType('AWS::CloudWatch::Dashboard')).toEqual([]);
    for (const { AlarmDescription } of Object.values(alarmsOf(without))) {
      expect(AlarmDescription).not.toContain('Dashboard');
    }
  });
});
