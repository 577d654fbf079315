import type { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { type Dimension, METRIC_NAMESPACE, type MetricName } from '../../functions/domain/model/telemetry.ts';

/** One of the drop's own metrics, by default with no dimension but the drop's. */
export function dropMetric(dropName: string, name: MetricName, options: MetricOptions): Metric {
  const dimensionsMap = { Stack: dropName, ...options.dimensionsMap } satisfies Partial<Record<Dimension, string>>;
  return new Metric({ ...options, namespace: METRIC_NAMESPACE, metricName: name, dimensionsMap });
}

/**
 * One of the stack's own metrics with a curve for each value of its dimensions. For the dashboard only: alarms take no searches.
 *
 * @param dimensions beside `Stack`: exactly those that the metric is written with
 */
export function dropMetricsBy(
  stackName: string,
  name: MetricName,
  dimensions: readonly Exclude<Dimension, 'Stack'>[],
  { statistic, period, label = '' }: MetricOptions & { readonly period: Duration },
): MathExpression {
  const schema = [METRIC_NAMESPACE, 'Stack', ...dimensions].join(',');
  // A double quote is an exact match; settings allow none in the name.
  const search = `{${schema}} MetricName="${name}" Stack="${stackName}"`;
  return new MathExpression({
    expression: `SEARCH('${search}', '${statistic}', ${period.toSeconds()})`,
    usingMetrics: {},
    period,
    label,
  });
}
