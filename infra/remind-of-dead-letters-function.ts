import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { ENV, type EnvName } from '../functions/remind-of-dead-letters/environment.ts';
import type { BuildsQueue } from './builds-queue.ts';
import type { Settings } from './config.ts';
import { WorkerFunction } from './worker-function.ts';

export interface RemindOfDeadLettersFunctionProps {
  readonly settings: Settings;
  readonly buildsQueue: BuildsQueue;
  readonly topic: ITopic;
}

/**
 * The function that reminds people of dead letters, and the schedule that starts it: a day of silence costs one invocation.
 * An alarm that goes off once a day needs metric math, which emulators don't have.
 */
export class RemindOfDeadLettersFunction extends WorkerFunction {
  constructor(scope: Construct, id: string, { settings, buildsQueue, topic }: RemindOfDeadLettersFunctionProps) {
    const { deadLetterQueue } = buildsQueue;
    const environment: Record<EnvName, string> = {
      [ENV.deadLetterQueueUrl]: deadLetterQueue.queueUrl,
      [ENV.alertTopicArn]: topic.topicArn,
      [ENV.alertFormat]: settings.alertFormat,
    };
    super(scope, id, {
      settings,
      name: 'remind-of-dead-letters',
      description: 'Reminds people once a day of builds in the dead-letter queue',
      // Two short calls and their retries.
      timeout: Duration.seconds(30),
      // Nobody waits for it.
      memorySize: 256,
      environment,
      permissions: [
        { sid: 'CountDeadLetters', actions: ['sqs:GetQueueAttributes'], resources: [deadLetterQueue.queueArn] },
        { sid: 'SendAlerts', actions: ['sns:Publish'], resources: [topic.topicArn] },
      ],
    });
    new Rule(this, 'Daily', {
      description: 'Once a day: are there builds in the dead-letter queue?',
      schedule: Schedule.cron({ minute: '0', hour: `${settings.reminderHourUtc}` }),
      targets: [new LambdaFunction(this.function)],
    });
  }
}
