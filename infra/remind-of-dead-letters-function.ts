import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Construct } from 'constructs';
import { ENV } from '../functions/remind-of-dead-letters/environment.ts';
import { environmentOf } from './environment.ts';
import type { Resources } from './resources.ts';
import { WorkerFunction } from './worker-function.ts';

/**
 * The function that reminds people of dead letters, and the schedule that starts it; with an empty queue a day costs one invocation.
 * An alarm that fires once a day needs metric math, which emulators don't have.
 */
export class RemindOfDeadLettersFunction extends WorkerFunction {
  constructor(scope: Construct, id: string, { settings, environment, buildsQueue, topic }: Resources) {
    super(scope, id, {
      settings,
      name: 'remind-of-dead-letters',
      description: 'Reminds people once a day of builds in the dead-letter queue',
      // Two short calls and their retries.
      timeout: Duration.seconds(30),
      // No one waits for it.
      memorySize: 256,
      environment: environmentOf(ENV, environment),
      permissions: [
        {
          sid: 'CountDeadLetters',
          actions: ['sqs:GetQueueAttributes'],
          resources: [buildsQueue.deadLetterQueue.queueArn],
        },
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
