import { METRIC_NAMESPACE, METRICS } from '../domain/model/telemetry.ts';
import type { Clock, Metrics } from '../domain/ports.ts';

/**
 * Metrics in CloudWatch's embedded metric format: a data point is a line of the log, so it costs no call and can't fail.
 * Source: CloudWatch User Guide, "Specification: Embedded metric format".
 *
 * @param stack a dimension of every metric: an account may have several stacks
 * @param write takes a whole line, newline included
 */
export function createEmfMetrics(stack: string, clock: Pick<Clock, 'now'>, write: (line: string) => void): Metrics {
  return {
    put(name, value, dimensions = {}) {
      const all = { Stack: stack, ...dimensions };
      const metric = { Name: name, Unit: METRICS[name] };
      const directive = { Namespace: METRIC_NAMESPACE, Dimensions: [Object.keys(all)], Metrics: [metric] };
      const metadata = { Timestamp: clock.now(), CloudWatchMetrics: [directive] };
      write(`${JSON.stringify({ _aws: metadata, ...all, [name]: value })}\n`);
    },
  };
}
