import { Duration, Stack } from 'aws-cdk-lib';
import { ComparisonOperator, type Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { DEAD_LETTER_ATTRIBUTES } from '../functions/domain/dead-letter-attributes.ts';
import { type BuildsQueue, DEAD_LETTER_RETENTION } from './builds-queue.ts';
import type { SubmitBuildFunction } from './submit-build-function.ts';

export interface AlarmsProps {
  readonly topic: ITopic;
  readonly buildsQueue: BuildsQueue;
  readonly submitBuild: SubmitBuildFunction;
}

/** The alarms, each of which speaks on the topic. */
export class Alarms extends Construct {
  readonly #topic: ITopic;

  constructor(scope: Construct, id: string, { topic, buildsQueue, submitBuild }: AlarmsProps) {
    super(scope, id);
    this.#topic = topic;

    const { deadLetterQueue } = buildsQueue;
    const { logGroup, function: submit } = submitBuild;
    const period = Duration.minutes(1);
    this.alarm('DeadLetters', {
      name: 'dead-letter queue holds builds',
      description:
        `Builds did not reach Streampixel. They wait in ${deadLetterQueue.queueUrl} for at most ${DEAD_LETTER_RETENTION.toDays()} days. ` +
        `Each message says why in its attribute ${DEAD_LETTER_ATTRIBUTES.reason}, and the README what to do about each reason; one ` +
        'without it was moved by SQS after many crashes of the function. Once mended, redrive with the builds queue as explicit ' +
        'destination: SQS does not know where messages with a reason came from.',
      // Not NumberOfMessagesSent, which leaves out what SQS moves there by itself.
      metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MAXIMUM, period }),
    });
    this.alarm('Errors', {
      name: 'submit-build fails',
      description:
        'The function crashed or ran out of time. Its builds go back to the queue and are tried again, so a single alarm may ' +
        'mend itself; if it lasts, nothing is submitted any more. Look for "invocation-failed" and "Task timed out" in the log ' +
        `group ${logGroup.logGroupName}.`,
      metric: submit.metricErrors({ statistic: Stats.SUM, period }),
    });
    this.alarm('Throttles', {
      name: 'submit-build is throttled',
      description:
        "Lambda does not start the function because the account's concurrency in this region is used up. Builds wait in the " +
        'queue, but each refusal uses up a receive. Look at the metric ConcurrentExecutions across all functions; free some, or ' +
        'ask AWS for a higher quota.',
      metric: submit.metricThrottles({ statistic: Stats.SUM, period }),
    });
  }

  private alarm(
    id: string,
    { name, description, metric }: { name: string; description: string; metric: Metric },
  ): void {
    metric
      .createAlarm(this, id, {
        alarmName: `${Stack.of(this).stackName} ${name}`,
        alarmDescription: description,
        threshold: 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluationPeriods: 1,
        // Idle queues and functions send no data: that is neither an alarm nor "insufficient".
        treatMissingData: TreatMissingData.NOT_BREACHING,
      })
      .addAlarmAction(new SnsAction(this.#topic));
  }
}
